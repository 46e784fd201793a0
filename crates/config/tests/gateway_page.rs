//! `docs/gateway.md` shows the example as it is and says what the table of fields says.

use plimsoll_config::{gateway_reference, load_gateway, parse_gateway};
use std::path::{Path, PathBuf};

/// What stands before the generated part.
const MARK: &str = "How values are written is in [the spec's reference](spec.md). Times are physical.\n";
/// What stands before and behind the example.
const FENCES: [&str; 2] = ["`examples/gateway/gateway.toml`:\n\n```toml\n", "```\n\n## Changes under load"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_page_is_fresh() {
    let path = root().join("docs/gateway.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let example = std::fs::read_to_string(root().join("examples/gateway/gateway.toml")).unwrap();
    let (before, rest) = page.split_once(FENCES[0]).unwrap();
    let (_, after) = rest.split_once(FENCES[1]).unwrap();
    let (guide, _) = after.split_once(MARK).unwrap();
    let fresh = [before, FENCES[0], &example, FENCES[1], guide, MARK, &gateway_reference()].concat();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, fresh).unwrap();
    } else {
        let how = "rewrite it with: UPDATE_EXPECT=1 cargo test -p plimsoll-config --test gateway_page";
        assert!(page == fresh, "docs/gateway.md is stale; {how}");
    }
}

#[test]
fn the_example_and_the_smallest_file_hold_without_a_warning() {
    let loaded =
        load_gateway(&root().join("examples/gateway/gateway.toml")).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.file.gateway.listeners.len(), 3);
    let page = std::fs::read_to_string(root().join("docs/gateway.md")).unwrap();
    let smallest = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let loaded = parse_gateway(smallest, Path::new("gateway.toml")).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
}
