//! For the tests of those who build on this crate.

pub mod conformance;
pub mod oracle;
pub mod simulation;

mod clock;
pub mod world;

pub use clock::StoppedClock;
pub use world::World;
