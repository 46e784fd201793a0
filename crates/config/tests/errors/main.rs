//! What people read when something in a spec is wrong, as full texts.
//!
//! `UPDATE_EXPECT=1 cargo test -p plimsoll-config --test errors` rewrites the texts; read the difference.

mod contradictions;
mod fields;
mod files;
mod gateway;
mod texts;
mod values;

use expect_test::Expect;
use plimsoll_config::parse;
use std::path::Path;

/// A whole spec around the lines under test, which stand in `[services.shop]`.
fn service(lines: &str) -> String {
    format!(
        "name = \"shop\"\n\n[services.shop]\ncommand = [\"serve\", \"{{port}}\"]\nreplicas = 2\n\
         requests = {{ cpu = \"100m\", memory = \"32MiB\" }}\n{lines}\n"
    )
}

fn check(text: &str, expect: Expect) {
    let said = match parse(text, Path::new("shop.toml")) {
        Ok(loaded) => loaded.warnings.to_string(),
        Err(report) => report.to_string(),
    };
    expect.assert_eq(&said);
}

fn check_service(lines: &str, expect: Expect) {
    check(&service(lines), expect);
}
