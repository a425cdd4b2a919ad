//! For the tests of those who build on this crate.

pub mod conformance;

mod clock;

pub use clock::StoppedClock;
