//! Events of a shared store, each with its origin.

use super::{Event, Position};
use crate::id::Epoch;

/// The life of an engine, from its start to its end. No two engines have the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Life(pub [u8; 16]);

/// The name of a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommitId {
    /// The engine.
    pub life: Life,
    /// The number of the commit, which no other commit of the same life has.
    pub number: u64,
}

/// The answer to [`Store::follow`](super::Store::follow).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// The epoch of the history. If another one than before, its positions mean something else now.
    pub epoch: Epoch,
    /// The next events, in order and without holes.
    pub happened: Vec<Happened>,
}

/// An event of a store's history, and its origin.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Happened {
    /// The position of the event.
    pub position: Position,
    /// The event.
    pub event: Event,
    /// The commit that made the event, or `None` if no engine did.
    pub by: Option<CommitId>,
}
