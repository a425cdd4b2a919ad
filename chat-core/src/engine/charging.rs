//! Charges of requests to the budgets and rates of their users, and refunds of repeats.

use super::Engine;
use super::budget::stored_bytes;
use super::pending_request::PendingRequest;
use super::weight::Weight;
use crate::protocol::{Error, RoomType};
use crate::store::Change;

impl Engine {
    /// Charges the bytes of a client's change to the client's budget, once.
    pub(super) fn afford(&mut self, pending: &mut PendingRequest, change: &Change) -> Result<(), Error> {
        if pending.budget_check.is_none() {
            let is_emergency = self.is_own_emergency(pending, change);
            let (bytes, now) = (stored_bytes(change), self.now.monotonic);
            pending.budget_check =
                Some(self.budgets.charge(&pending.account.user().id, bytes, is_emergency, now));
        }
        match &pending.budget_check {
            Some(Err(error)) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Whether a change creates an emergency, or is a message of its creator in one.
    pub(super) fn is_own_emergency(&self, pending: &PendingRequest, change: &Change) -> bool {
        match change {
            Change::CreateConversation(create) => create.room_type == RoomType::EmergencySupport,
            Change::AppendMessage(append) => {
                let loaded = pending.facts().conversation.as_ref().and_then(Option::as_ref);
                let conversation = loaded.or_else(|| self.cache.get(append.permit.conversation()));
                conversation.is_some_and(|conversation| {
                    conversation.room_type == RoomType::EmergencySupport
                        && conversation.created_by == pending.account.user().id
                })
            }
            Change::PutAccount(_)
            | Change::AppendEntry(_)
            | Change::Escalate(_)
            | Change::ExpireOrder(_)
            | Change::MarkRead(_)
            | Change::Enrol(_)
            | Change::Withdraw(_) => false,
        }
    }

    /// Gives back the charges of a request, because repeats are free.
    pub(super) fn refund(&mut self, pending: &PendingRequest) {
        if pending.rate_check == Some(Ok(())) {
            let user = &pending.account.user().id;
            self.rates.refund(user, Weight::of(&pending.operation, user));
        }
        self.refund_budget(pending);
    }

    /// Gives back the bytes of a request that has stored nothing.
    pub(super) fn refund_budget(&mut self, pending: &PendingRequest) {
        if let Some(Ok(Some(charge))) = &pending.budget_check {
            self.budgets.refund(&pending.account.user().id, *charge);
        }
    }
}
