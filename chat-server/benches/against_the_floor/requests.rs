//! The requests of drivers.

use crate::frame::Numbered;

/// The kind of requests that drivers send.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Messages. Each listener gets one event of each.
    Messages,
    /// New conversations. Each listener gets two events of each: its creation, and its first
    /// message.
    Creations,
}

/// The requests of all drivers.
pub(crate) struct Requests {
    /// The kind of the next requests.
    pub(crate) kind: Kind,
    creation: Numbered,
    sent: u64,
    events: u64,
}

impl Default for Requests {
    fn default() -> Self {
        Self { kind: Kind::Messages, creation: Numbered::creation(), sent: 0, events: 0 }
    }
}

impl Requests {
    /// Returns the number of requests so far, which is also the number of the last one.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Returns the number of events that each listener gets for these requests.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Counts one more request, and returns its frame.
    pub(crate) fn next<'a>(&'a mut self, message: &'a mut Numbered) -> &'a [u8] {
        self.sent += 1;
        match self.kind {
            Kind::Messages => {
                self.events += 1;
                message.with(self.sent)
            }
            Kind::Creations => {
                self.events += 2;
                self.creation.with(self.sent)
            }
        }
    }
}
