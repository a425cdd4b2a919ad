//! Answers of the store that wait until the events that they cover are heard.

use std::collections::VecDeque;

use crate::engine::Ticket;
use crate::store::{Committed, Loaded, Position, UnavailableError, Verdict};
use crate::time::Monotonic;

/// The time limit of a parked answer, in pauses of
/// [`unavailable_retry`](crate::limits::Periods::unavailable_retry).
pub(super) const PAUSES_MOST: u32 = 5;

/// An answer of the store.
#[expect(clippy::large_enum_variant, reason = "most answers are loads, and few are parked")]
pub(in crate::engine) enum StoreAnswer {
    Loaded(Ticket, Result<Loaded, UnavailableError>),
    Committed(Ticket, Result<Vec<Verdict>, UnavailableError>),
}

impl StoreAnswer {
    /// The position up to which everything must be heard first: all events of others in the
    /// answer. Failures and rejections cover nothing.
    pub(super) fn covers(&self) -> Position {
        match self {
            Self::Loaded(_, Ok(loaded)) => loaded.position,
            Self::Committed(_, Ok(verdicts)) => match verdicts.iter().flatten().next() {
                Some(Committed { position, event: Some(_) }) => Position(position.0.saturating_sub(1)),
                Some(Committed { position, event: None }) => *position,
                None => Position::default(),
            },
            Self::Loaded(_, Err(_)) | Self::Committed(_, Err(_)) => Position::default(),
        }
    }

    /// A failure in place of this answer.
    pub(super) fn failed(self) -> Self {
        let error = UnavailableError::new("the history that the answer covers was not heard in time");
        match self {
            Self::Loaded(ticket, _) => Self::Loaded(ticket, Err(error)),
            Self::Committed(ticket, _) => Self::Committed(ticket, Err(error)),
        }
    }
}

/// The parked answers, the oldest first, each with the position that it covers and its time limit.
/// Bounded by the calls in flight and the one commit.
#[derive(Default)]
pub(super) struct Parked(VecDeque<(Position, Monotonic, StoreAnswer)>);

impl Parked {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Parks an answer, and returns whether no other was parked.
    pub(super) fn put(&mut self, covers: Position, until: Monotonic, answer: StoreAnswer) -> bool {
        self.0.push_back((covers, until, answer));
        self.0.len() == 1
    }

    /// Removes the first answer that covers nothing after this position.
    pub(super) fn ripe(&mut self, heard: Position) -> Option<StoreAnswer> {
        let place = self.0.iter().position(|(covers, ..)| *covers <= heard)?;
        self.0.remove(place).map(|(.., answer)| answer)
    }

    /// Removes the first answer that has waited for too long.
    pub(super) fn expired(&mut self, now: Monotonic) -> Option<StoreAnswer> {
        self.0.pop_front_if(|(_, until, _)| *until <= now).map(|(.., answer)| answer)
    }

    /// The time limit of the oldest answer.
    pub(super) fn first_due(&self) -> Option<Monotonic> {
        self.0.front().map(|(_, until, _)| *until)
    }

    pub(super) fn into_answers(self) -> impl Iterator<Item = StoreAnswer> {
        self.0.into_iter().map(|(.., answer)| answer)
    }
}
