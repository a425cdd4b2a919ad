//! The state of a recurring request.

use std::time::Duration;

use chat_core::time::Monotonic;

/// The state of a recurring request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Due at this time, when there is room on the wire.
    At(Monotonic),
    /// Sent, without a reply.
    OnWire,
    /// Nothing to ask.
    Done,
}

impl Turn {
    /// Due as soon as possible.
    pub(super) const NOW: Self = Self::At(Monotonic(Duration::ZERO));

    pub(super) fn is_due(self, now: Monotonic) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// Returns the due time, if it lies in the future.
    pub(super) fn deadline(self, now: Monotonic) -> Option<Monotonic> {
        match self {
            Self::At(at) if at > now => Some(at),
            _ => None,
        }
    }

    /// Reacts to a lost connection: a request on the wire becomes due again. Returns whether it was
    /// on the wire.
    pub(super) fn lost(&mut self) -> bool {
        let was_on_wire = *self == Self::OnWire;
        if was_on_wire {
            *self = Self::NOW;
        }
        was_on_wire
    }
}
