//! Every example of the repository is a valid spec.

use std::path::Path;

#[test]
fn the_minimal_example_is_a_spec() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/minimal.toml");
    let loaded = plimsoll_config::load(&path).unwrap_or_else(|report| panic!("{report}"));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.spec.services.len(), 1);
}
