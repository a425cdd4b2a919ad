//! For the tests of those who build on this crate.

pub mod conformance;
