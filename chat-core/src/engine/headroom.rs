//! Room in the storage. As room runs out, fewer writes are allowed, and emergencies longest.

use super::pending_request::PendingRequest;
use super::{Engine, Operation};
use crate::protocol::{Error, ErrorCode};
use crate::store::Change;

/// The room left in the storage, as reported by the embedder. An engine starts with
/// [`Ample`](Self::Ample).
///
/// With any headroom, reads continue, and a repeat of an accepted request gets its reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Headroom {
    /// Enough room. Everybody may write.
    #[default]
    Ample,
    /// The reserve is reached. Control may write, emergencies may be created, and their creators
    /// may write in them. All other writes are refused with `storage_low`.
    Reserved,
    /// No client may write. Only the embedder's changes of accounts and memberships are allowed.
    Exhausted,
}

impl Engine {
    /// Checks that the headroom allows the change of a request or command.
    ///
    /// A refusal drops the loaded conversation: the storage may have room at the next attempt,
    /// which needs a fresh one.
    pub(super) fn has_headroom(&self, pending: &mut PendingRequest, change: &Change) -> Result<(), Error> {
        let allowed = match (self.headroom, &pending.operation) {
            (Headroom::Reserved, Operation::Request(_)) => {
                pending.account.user().role.is_control() || self.is_own_emergency(pending, change)
            }
            (Headroom::Ample, _) | (Headroom::Reserved, Operation::Command(_)) => true,
            (Headroom::Exhausted, Operation::Request(_)) => false,
            (Headroom::Exhausted, Operation::Command(_)) => match change {
                Change::PutAccount(_)
                | Change::Enrol(_)
                | Change::Withdraw(_)
                | Change::Escalate(_)
                | Change::ExpireOrder(_) => true,
                Change::CreateConversation(_)
                | Change::AppendMessage(_)
                | Change::AppendEntry(_)
                | Change::MarkRead(_) => false,
            },
        };
        if allowed {
            Ok(())
        } else {
            pending.clear_conversation();
            Err(Error::after(ErrorCode::StorageLow, self.limits.periods.storage_retry))
        }
    }
}
