//! For the tests of those who build on this crate.

pub mod conformance;
pub mod oracle;
pub mod simulation;

mod clock;
pub mod world;

pub use clock::StoppedClock;
pub use world::World;

use crate::engine::Headroom;

/// The room of the storage, as the oracle calls it.
fn room(headroom: Headroom) -> oracle::Room {
    match headroom {
        Headroom::Ample => oracle::Room::Ample,
        Headroom::Reserved => oracle::Room::Reserved,
        Headroom::Exhausted => oracle::Room::Exhausted,
    }
}
