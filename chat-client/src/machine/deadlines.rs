//! The machine's deadlines, and the reaction to each.

use std::time::Duration;

use chat_core::time::Monotonic;

use super::Machine;
use super::connection::Connection;
use crate::event::WaitCause;

impl Machine {
    /// Handles expired deadlines.
    pub(super) fn due(&mut self) {
        let now = self.now.monotonic;
        match self.connection {
            Connection::Pausing { until, .. } if until <= now => self.connect(),
            Connection::Opening { give_up_at, .. } if give_up_at <= now => {
                self.give_up("no connection within the time limit");
            }
            Connection::Open { .. } if self.reply_deadline().is_some_and(|at| at <= now) => {
                self.give_up("no answer within the time limit");
            }
            Connection::Open { .. } if self.tokens.renewal_is_due(now) => {
                self.tokens.ask(&mut self.outputs);
            }
            _ => {}
        }
    }

    fn reply_deadline(&self) -> Option<Monotonic> {
        self.wire.deadline(self.settings.periods.reply_at_most)
    }

    fn give_up(&mut self, reason: &str) {
        self.hang_up();
        self.pause(self.usual_pause(Duration::ZERO), WaitCause::Network, reason);
    }

    pub(super) fn connection_deadline(&self) -> Option<Monotonic> {
        match self.connection {
            Connection::Pausing { until, .. } => Some(until),
            Connection::Opening { give_up_at, .. } => Some(give_up_at),
            Connection::Open { .. } => {
                let now = self.now.monotonic;
                [
                    self.reply_deadline(),
                    self.tokens.deadline(now),
                    self.list.deadline(now),
                    self.rows.deadline(now),
                    self.rooms.deadline(now),
                    self.typing.deadline(now),
                    self.views.deadline(now),
                    self.conversations.deadline(now),
                    self.calls.deadline(now),
                ]
                .into_iter()
                .flatten()
                .min()
            }
            _ => None,
        }
    }
}
