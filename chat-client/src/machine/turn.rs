//! Where something that is to be asked of the server stands.

use std::time::Duration;

use chat_core::time::Monotonic;

/// Where something that is to be asked of the server stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// It waits for this time, and for room on the wire.
    At(Monotonic),
    /// It was sent, and the reply is due.
    OnWire,
    /// There is nothing to ask.
    Done,
}

impl Turn {
    /// As soon as possible.
    pub(super) const NOW: Self = Self::At(Monotonic(Duration::ZERO));

    pub(super) fn is_due(self, now: Monotonic) -> bool {
        matches!(self, Self::At(at) if at <= now)
    }

    /// When it comes, if it only waits for its time.
    pub(super) fn deadline(self, now: Monotonic) -> Option<Monotonic> {
        match self {
            Self::At(at) if at > now => Some(at),
            _ => None,
        }
    }

    /// The connection is lost: what was on the wire is asked again. Whether it was.
    pub(super) fn lost(&mut self) -> bool {
        let was_on_wire = *self == Self::OnWire;
        if was_on_wire {
            *self = Self::NOW;
        }
        was_on_wire
    }
}
