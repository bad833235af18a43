//! How often a property is tried.

use proptest::prelude::*;

/// So often; a failure is printed, and not written to a file.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
