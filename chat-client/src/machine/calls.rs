//! The app's repeatable requests, until they are answered.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chat_core::protocol::{ErrorCode, Reply, Request};
use chat_core::time::Monotonic;

use super::io::{Call, CallId, Output};
use super::turn::Turn;
use crate::error::Error;
use crate::retry::Retry;

/// Maximum of repetitions of a request that the server could not answer, before the app gets the
/// error. Rate limits are waited out without a maximum.
const REPEATS: u32 = 5;

struct Pending {
    call: Call,
    turn: Turn,
    was_sent: bool,
    failures: u32,
}

/// The requests in the order of their ids. Bounded by [`Limits::calls`](super::Limits::calls).
#[derive(Default)]
pub(super) struct Calls {
    pending: BTreeMap<CallId, Pending>,
}

impl Calls {
    /// Adds a request. One too many is answered with an error at once.
    pub(super) fn add(&mut self, id: CallId, call: Call, most: usize, outputs: &mut VecDeque<Output>) {
        if self.pending.len() >= most {
            return outputs.push_back(Output::Answer { id, result: Err(Error::Busy) });
        }
        self.pending.insert(id, Pending { call, turn: Turn::NOW, was_sent: false, failures: 0 });
    }

    /// Returns the next due request, and whether it was on the wire before.
    pub(super) fn next(&mut self, now: Monotonic) -> Option<(CallId, Request, bool)> {
        let (id, pending) = self.pending.iter_mut().find(|(_, pending)| pending.turn.is_due(now))?;
        pending.turn = Turn::OnWire;
        let again = std::mem::replace(&mut pending.was_sent, true);
        Some((*id, pending.call.clone().into(), again))
    }

    /// Handles the server's reply. Returns the request if it has succeeded.
    pub(super) fn answered(
        &mut self,
        id: CallId,
        reply: Option<Reply>,
        now: Monotonic,
        pause: Duration,
        outputs: &mut VecDeque<Output>,
    ) -> Option<Call> {
        let pending = self.pending.get_mut(&id)?;
        if let Some(Reply::Error(error)) = &reply
            && let Retry::AfterPause(named) = Retry::after_error(error)
            && (error.code == Some(ErrorCode::RateLimited) || pending.failures < REPEATS)
        {
            pending.failures += u32::from(error.code != Some(ErrorCode::RateLimited));
            pending.turn = Turn::At(now.plus(named.unwrap_or(pause)));
            return None;
        }
        let call = self.pending.remove(&id)?.call;
        let result = match reply {
            Some(Reply::Error(error)) => Err(Error::Refused(error.into())),
            Some(reply) => Ok(reply),
            None => Err(Error::Unreadable),
        };
        let is_granted = result.is_ok();
        outputs.push_back(Output::Answer { id, result });
        is_granted.then_some(call)
    }

    /// Fails a request that does not fit into a frame.
    pub(super) fn too_long(&mut self, id: CallId, outputs: &mut VecDeque<Output>) {
        if self.pending.remove(&id).is_some() {
            outputs.push_back(Output::Answer { id, result: Err(Error::TooLong) });
        }
    }

    /// Reacts to a lost connection: schedules requests again, except those that are worthless
    /// later.
    pub(super) fn lost(&mut self, outputs: &mut VecDeque<Output>) {
        for pending in self.pending.values_mut() {
            pending.turn.lost();
        }
        self.end(&Error::Offline, outputs, |call| !call.waits());
    }

    /// Fails all requests selected by `which`.
    pub(super) fn end(
        &mut self,
        error: &Error,
        outputs: &mut VecDeque<Output>,
        which: impl Fn(&Call) -> bool,
    ) {
        self.pending.retain(|id, pending| {
            let ends = which(&pending.call);
            if ends {
                outputs.push_back(Output::Answer { id: *id, result: Err(error.clone()) });
            }
            !ends
        });
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.pending.values().filter_map(|pending| pending.turn.deadline(now)).min()
    }
}
