//! What holds for the live figures of a service.

use super::{conflict, doubt};
use crate::problem::Problem;
use crate::read::{Reader, join};
use crate::unit::Unit;
use crate::value::Table;
use plimsoll_model::metric::{MatchOp, Selector};

pub fn check(reader: &mut Reader<'_>, table: &Table) {
    let all = table.tables("metrics");
    let feeds = |word: &str| all.iter().find(|metric| metric.text("feeds") == Some(word));
    if let (None, Some(part)) = (feeds("queue"), feeds("queue_oldest").or_else(|| feeds("queue_work"))) {
        let what = "nothing says how many items wait, and without that a queue is not observed".to_owned();
        doubt(reader, part, "feeds", what, "add a source that feeds `queue`".to_owned());
    }
    for (index, metric) in all.iter().enumerate() {
        url(reader, metric);
        one_of(reader, metric, "select", "query");
        selector(reader, metric);
        pace(reader, metric);
        if let Some(auth) = metric.table("auth") {
            one_of(reader, auth, "secret_file", "secret_env");
        }
        let key = |metric: &Table| {
            let feeds = metric.text("feeds").unwrap_or_default().to_owned();
            let name = metric.text("name").unwrap_or_default();
            // A service has one queue, whatever its figures are called.
            let name = if feeds == "metric" { name } else { "" };
            (feeds, name.to_owned())
        };
        if let Some(first) = all[..index].iter().find(|other| key(other) == key(metric)) {
            let field = if metric.text("feeds") == Some("metric") { "name" } else { "feeds" };
            let what = "two sources give the same figure".to_owned();
            let related = Some((first.span_of(field), "given here already".to_owned()));
            conflict(reader, metric, field, (what, format!("another `{field}`")), related);
        }
    }
}

fn url(reader: &mut Reader<'_>, metric: &Table) {
    let Some(text) = metric.text("url") else { return };
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let authority = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let problem = match authority {
        None => "it is no `http://` or `https://` URL",
        Some("") => "it names no host",
        Some(host) if host.contains('@') => "it holds a user or password, and a spec is read by many",
        _ if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#') => {
            "it holds a space, a control character or `#`"
        }
        _ => return,
    };
    let expected = "a URL such as \"http://127.0.0.1:9090\"; who asks stands in `auth`".to_owned();
    conflict(reader, metric, "url", (format!("`url` cannot be asked: {problem}"), expected), None);
}

/// Exactly one of two fields.
fn one_of(reader: &mut Reader<'_>, table: &Table, one: &str, other: &str) {
    if table.is_given(one) && table.is_given(other) {
        let what = format!("`{one}` and `{other}` are two ways to say one thing");
        let related = Some((table.span_of(one), "said here already".to_owned()));
        conflict(reader, table, other, (what, "one of the two".to_owned()), related);
    } else if !table.is_given(one) && !table.is_given(other) {
        let problem = Problem::Conflict {
            what: format!("neither `{one}` nor `{other}` is given"),
            found: String::new(),
            expected: format!("`{one}` or `{other}`"),
        };
        reader.note(&join(&table.path, one), Some(table.span.clone()), problem);
    }
}

fn selector(reader: &mut Reader<'_>, metric: &Table) {
    let Some(text) = metric.text("select") else { return };
    let problem = match text.parse::<Selector>() {
        Err(error) => error.to_string(),
        Ok(selector) => {
            let is_regex = |op| matches!(op, MatchOp::Matches | MatchOp::NotMatches);
            let bad = selector.matchers.iter().filter(|matcher| is_regex(matcher.op));
            let mut bad = bad.filter_map(|matcher| regex_lite::Regex::new(&matcher.value).err());
            match bad.next() {
                Some(error) => error.to_string(),
                None => return,
            }
        }
    };
    let expected = "a name and labels, such as up{job=\"shop\"}".to_owned();
    conflict(reader, metric, "select", (format!("`select` chooses nothing: {problem}"), expected), None);
}

/// Figures that grow stale between two questions.
fn pace(reader: &mut Reader<'_>, metric: &Table) {
    let (Some(stale), Some(interval)) = (metric.number("stale_after"), metric.number("interval")) else { return };
    if stale < interval {
        let print = |ms| Unit::Duration.print(ms);
        let what = format!(
            "its figures are stale after {} and asked for every {}, so they are stale most of the time",
            print(stale),
            print(interval)
        );
        doubt(reader, metric, "stale_after", what, format!("{} or more", print(interval)));
    }
}
