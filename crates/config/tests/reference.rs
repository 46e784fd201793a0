//! `docs/spec.md` and `docs/spec-scaling.md` say what the table of fields says.

use expect_test::expect_file;

#[test]
fn the_reference_pages_are_fresh() {
    // On a difference the failure shows it and says how to rewrite the page: UPDATE_EXPECT=1.
    let is_updating = std::env::var_os("UPDATE_EXPECT").is_some();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs");
    for (name, fresh) in
        [("spec.md", plimsoll_config::reference()), ("spec-scaling.md", plimsoll_config::scaling_reference())]
    {
        let page = format!("{docs}/{name}");
        let written = std::fs::read_to_string(&page).unwrap_or_default();
        assert!(
            is_updating || written == fresh,
            "docs/{name} is stale; rewrite it with: UPDATE_EXPECT=1 cargo test -p plimsoll-config --test reference"
        );
        expect_file![page].assert_eq(&fresh);
    }
}
