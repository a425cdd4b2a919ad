//! For the tests of those who build on this crate.

pub mod conformance;

mod clock;
pub mod world;

pub use clock::StoppedClock;
pub use world::World;
