//! Test tools for crates that build on this one.

pub mod conformance;
pub mod oracle;
pub mod simulation;

mod clock;
mod teams;
pub mod world;

pub use clock::StoppedClock;
pub use teams::NorthAndSouth;
pub use world::World;

use crate::engine::Headroom;

/// The oracle's name for the storage's headroom.
fn room(headroom: Headroom) -> oracle::Room {
    match headroom {
        Headroom::Ample => oracle::Room::Ample,
        Headroom::Reserved => oracle::Room::Reserved,
        Headroom::Exhausted => oracle::Room::Exhausted,
    }
}
