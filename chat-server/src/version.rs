//! The versions of the program and of its formats on disk.

use std::fmt;

use crate::store::{INDEX_VERSION, journal};

/// The version of this program.
pub(crate) const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// All versions, as in `0.1.0 (journal 1, index 6)`.
pub(crate) struct ProgramVersions;

impl fmt::Display for ProgramVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PROGRAM} (journal {}, index {INDEX_VERSION})", journal::VERSION)
    }
}
