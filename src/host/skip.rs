//! Tests that need what a machine may not have: root, network namespaces, programs.

/// Says why a test does nothing on this machine. With `SEEDBED_REQUIRE_ROOT`, which CI sets, that is a failure: a test
/// that did nothing would be taken for one that passed.
///
/// # Panics
/// Where everything is required to run.
pub(crate) fn skip(reason: &str) {
    println!("skipped: {reason}");
    assert!(
        std::env::var_os("SEEDBED_REQUIRE_ROOT").is_none(),
        "SEEDBED_REQUIRE_ROOT is set, and this test cannot run: {reason}"
    );
}
