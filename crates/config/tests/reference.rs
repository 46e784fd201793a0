//! `docs/spec.md` says what the table of fields says.

use expect_test::expect_file;

#[test]
fn the_reference_page_is_fresh() {
    // On a difference the failure shows it and says how to rewrite the page: UPDATE_EXPECT=1.
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/spec.md");
    let is_updating = std::env::var_os("UPDATE_EXPECT").is_some();
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        is_updating || written == plimsoll_config::reference(),
        "docs/spec.md is stale; rewrite it with: UPDATE_EXPECT=1 cargo test -p plimsoll-config --test reference"
    );
    expect_file![page].assert_eq(&plimsoll_config::reference());
}
