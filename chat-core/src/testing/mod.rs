//! testing
pub mod conformance;
