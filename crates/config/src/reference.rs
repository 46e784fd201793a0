//! The reference pages of the spec file, from the table of fields: one of scaling, one of all else.

use crate::field::{Choice, Fallback, Field, Kind, Reload, Section};
use crate::table::{GATEWAY_FILE, ROOT, places_in, sections_of};
use std::fmt::Write as _;

/// Part of the page that no field says.
const INTRODUCTION: &str = "\
# The spec file

<!-- Generated from the table of fields in `crates/config`.
     Rewrite it with `UPDATE_EXPECT=1 cargo test -p plimsoll-config --test reference`. -->

One TOML file says what `plimsoll up` levels. `plimsoll check SPEC` validates it and reports everything that is wrong in
one go; `plimsoll schema` prints its JSON Schema for editors.

## How values are written

| value | written | meaning |
| --- | --- | --- |
| duration | `\"250ms\"`, `\"30s\"`, `\"1h30m\"`, `\"7d\"` | units ms, s, m, h, d, w; a number without a unit is refused |
| size | `\"64MiB\"`, `\"64Mi\"`, `\"64MB\"`, `65536` | KiB, MiB … are powers of 1,024; kB, MB … are powers of 1,000; `M` is MB and `Mi` is MiB, as in Kubernetes; a plain number is bytes |
| CPU | `\"250m\"`, `0.25`, `2` | cores; `m` is thousandths of one |
| share | `\"60%\"`, `0.6` | a plain `60` is refused, because it could be per cent or times |
| rate | `\"50/s\"` | per second of physical time |
| path | `\"../data/day.csv\"` | relative to the spec file |

Quantities are read exactly, without rounding. Durations are trace time or physical time, as each field says: with
`clock.speed = 360`, an hour of trace time passes in ten seconds.

A list, or a table of chosen names, has at most 1,000 entries; a file has at most 1 MiB.

In `command` and the values of `env`, `{port}`, `{id}` and `{service}` are replaced when a replica starts.

A spec that needs nothing else, `examples/minimal.toml`:

";

/// Shown in the introduction; a test keeps it valid.
const EXAMPLE: &str = include_str!("../../../examples/minimal.toml");

/// What stands above the fields of scaling.
const SCALING: &str = "\
# The spec file: scaling

<!-- Generated from the table of fields in `crates/config`.
     Rewrite it with `UPDATE_EXPECT=1 cargo test -p plimsoll-config --test reference`. -->

`[services.NAME.scaling]` and all below it. How values are written, and every other field, is in [spec.md](spec.md); what the policies
do is in [scaling.md](scaling.md).
";

/// Where the page of scaling begins.
const SCALING_AT: &str = "services.NAME.scaling";

/// The page of everything but scaling, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut page = format!("{INTRODUCTION}```toml\n{EXAMPLE}```\n");
    every_section(&mut page, &ROOT, |section| !is_scaling(section));
    page
}

/// The page of scaling, as Markdown.
#[must_use]
pub fn scaling_reference() -> String {
    let mut page = SCALING.to_owned();
    every_section(&mut page, &ROOT, is_scaling);
    page
}

/// Whether all places of a section are at or below a service's scaling.
fn is_scaling(section: &'static Section) -> bool {
    let places = places_in(&ROOT, section);
    !places.is_empty() && places.iter().all(|place| place.trim_start_matches('[').starts_with(SCALING_AT))
}

/// The reference of gateway files, as the end of `docs/gateway.md`.
#[must_use]
pub fn gateway_reference() -> String {
    let mut page = String::new();
    every_section(&mut page, &GATEWAY_FILE, |_| true);
    page
}

fn every_section(page: &mut String, root: &'static Section, is_here: fn(&'static Section) -> bool) {
    for section in sections_of(root) {
        if !is_here(section) {
            continue;
        }
        heading(page, root, section);
        for field in section.fields {
            entry(page, root, field, is_here);
        }
    }
}

fn heading(page: &mut String, root: &'static Section, section: &'static Section) {
    let places = places_in(root, section);
    let title = if std::ptr::eq(section, root) {
        "The top of the file".to_owned()
    } else {
        places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ")
    };
    let _ = write!(page, "\n## {title}\n\n{}\n", section.doc);
    if !section.short.is_empty() {
        let sets: Vec<String> = section.short.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(page, "\nFor short, a plain value in place of the table sets {}.\n", sets.join(" and "));
    }
}

fn entry(page: &mut String, root: &'static Section, field: &Field, is_here: fn(&'static Section) -> bool) {
    let _ = write!(page, "\n### `{}`\n\n{}", field.name, field.doc);
    if !field.long.is_empty() {
        let _ = write!(page, " {}", field.long);
    }
    page.push_str("\n\n");
    match field.kind {
        Kind::Table(section) if section.short.is_empty() => {
            let at = if is_here(section) { "below" } else { "in [spec-scaling.md](spec-scaling.md)" };
            let _ = writeln!(page, "- holds: a table, see `{}` {at}", places_in(root, section).join("`, `"));
        }
        Kind::Choice(choices) | Kind::Choices(choices) => {
            let list = if matches!(field.kind, Kind::Choices(_)) { "a list of" } else { "one of" };
            let _ = writeln!(page, "- holds: {list}");
            choice_lines(page, choices);
        }
        _ => {
            let _ = writeln!(page, "- holds: {}", field.kind.expected());
        }
    }
    match field.fallback {
        Fallback::Required => page.push_str("- required\n"),
        Fallback::Is(literal, why) => {
            let _ = writeln!(page, "- default: `{}`; {why}", literal.toml());
        }
        Fallback::Absent(meaning) => {
            let _ = writeln!(page, "- when left out: {meaning}");
        }
        Fallback::Inner => page.push_str("- when left out: the defaults of its fields\n"),
    }
    if !matches!(field.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_)) {
        let _ = writeln!(page, "- a change {}", reload_words(field.reload));
    }
}

fn choice_lines(page: &mut String, choices: &[Choice]) {
    for choice in choices {
        let _ = writeln!(page, "  - `\"{}\"`: {}", choice.word, choice.doc);
    }
}

/// What a reload with a change of such a field does, as a clause.
const fn reload_words(reload: Reload) -> &'static str {
    match reload {
        Reload::Live => "takes effect at once when the spec is reloaded",
        Reload::Next => "holds for what starts after the spec is reloaded",
        Reload::Replace => "replaces a service's replicas, one after the other, and holds for the next run of a job",
        Reload::Restart => "takes effect at the next start of `plimsoll up`",
    }
}
