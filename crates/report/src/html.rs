//! Self-contained HTML pages: one file, no script, nothing loaded, readable on a phone, on paper and in the dark.
//!
//! Everything that comes from outside is escaped. The page's own content security policy forbids scripts and loading,
//! so that a report that is passed on cannot do anything to whoever opens it.

use crate::chart::Chart;
use crate::svg;
use crate::table::Table;

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--ink:#1c2430;--dim:#5b6675;--rule:#e3e7ec;--good:#00795a;--warn:#8a5a00;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--ink:#e6eaf0;--dim:#9aa5b4;--rule:#2a313b;--good:#2fc79a;--warn:#f0b040;--bad:#ff8a7a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:1.5rem 1rem 4rem;background:var(--bg);color:var(--ink);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.5rem 0;max-width:46rem}
figure{margin:1rem 0}.scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;min-width:60%}
th,td{padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top}
th{font-size:.85rem;color:var(--dim);font-weight:600}.num{text-align:right}
.dim{color:var(--dim)}.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}.strong{font-weight:600}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.8rem;margin:1rem 0}
.tiles div{border:1px solid var(--rule);border-radius:.5rem;padding:.6rem .8rem}.tiles dt{font-size:.8rem;color:var(--dim)}
.tiles dd{margin:0;font-size:1.25rem;font-weight:600;font-variant-numeric:tabular-nums}
pre{overflow-x:auto;padding:.8rem;border:1px solid var(--rule);border-radius:.5rem;font-size:.85rem;line-height:1.4}
@media print{body{max-width:none;padding:0}figure,table,.tiles{break-inside:avoid}}
";

/// The text with everything that means something to HTML written as a reference.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML, and so SVG, has no place for other control characters, not even as references.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// A page under construction; parts appear in the order they are added.
#[derive(Debug, Clone)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// A page with its title.
    #[must_use]
    pub fn new(title: &str) -> Self {
        let title = escape(title);
        Self { body: format!("<h1>{title}</h1>\n"), title }
    }

    /// The heading of a section.
    #[must_use]
    pub fn section(mut self, title: &str) -> Self {
        self.body.push_str(&format!("<h2>{}</h2>\n", escape(title)));
        self
    }

    /// A paragraph of plain text.
    #[must_use]
    pub fn paragraph(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// Text as it is, in a fixed-width face.
    #[must_use]
    pub fn verbatim(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<pre>{}</pre>\n", escape(text)));
        self
    }

    /// A few figures, large: name and value.
    #[must_use]
    pub fn figures<'a>(mut self, figures: impl IntoIterator<Item = (&'a str, String)>) -> Self {
        self.body.push_str("<dl class=\"tiles\">\n");
        for (name, value) in figures {
            self.body.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(&value)));
        }
        self.body.push_str("</dl>\n");
        self
    }

    /// A table.
    #[must_use]
    pub fn table(mut self, table: &Table) -> Self {
        self.body.push_str(&table.to_html());
        self
    }

    /// A chart.
    #[must_use]
    pub fn chart(mut self, chart: &Chart) -> Self {
        self.body.push_str(&format!("<figure>\n{}</figure>\n", svg::svg(chart)));
        self
    }

    /// The whole document.
    #[must_use]
    pub fn finish(self) -> String {
        let Self { title, body } = self;
        let chart_style = svg::STYLE;
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>{title}</title>\n<style>\n{STYLE}{chart_style}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::number;
    use crate::chart::{Kind, Series};
    use crate::table::{Cell, Column};

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let attack = "</title><script>alert('1')</script>\u{0}\"";
        let mut table = Table::new([Column::left("a", attack)]);
        table.row([Cell::of(attack)]);
        let chart = Chart::over_time(attack, number)
            .with(Series::new(attack, Kind::Line, [(0.0, Some(1.0))]))
            .mark(0.0, attack);
        let page = Page::new(attack)
            .section(attack)
            .paragraph(attack)
            .verbatim(attack)
            .figures([(attack, attack.to_owned())])
            .table(&table)
            .chart(&chart)
            .finish();
        assert!(!page.contains("<script"), "{page}");
        assert!(!page.contains('\u{0}'));
    }

    #[test]
    fn a_page_loads_nothing() {
        let page = Page::new("Scorecard").paragraph("A day.").finish();
        assert!(page.starts_with("<!doctype html>"));
        for loader in ["<link", "<script", "@import", "url(", "src="] {
            assert!(!page.contains(loader), "{loader}");
        }
    }

    #[test]
    fn parts_keep_their_order() {
        let page = Page::new("t").section("first").paragraph("second").figures([("third", "3".to_owned())]).finish();
        let places: Vec<usize> = ["first", "second", "third"].iter().filter_map(|part| page.find(part)).collect();
        assert!(places.len() == 3 && places.is_sorted());
    }
}
