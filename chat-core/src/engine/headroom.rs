//! Room for what is stored: as it runs out, less and less may be written, and emergencies longest.

use super::pending_request::PendingRequest;
use super::{Engine, Operation};
use crate::protocol::{Error, ErrorCode};
use crate::store::Change;

/// How much room the storage has left, as the embedder sees it. The engine begins with [`Ample`](Self::Ample).
///
/// Whatever the room, all that only reads goes on, and a repeat of what was accepted gets its reply.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Headroom {
    /// Enough: everybody may write.
    #[default]
    Ample,
    /// The reserve is reached: control may write, emergencies may be created, and their creators may write in them. All else
    /// is refused with `storage_low`.
    Reserved,
    /// Nothing that a client asks may be written, only what an embedder asks of accounts and memberships.
    Exhausted,
}

impl Engine {
    /// Checks that there is room for a change that a request or command asks for.
    pub(super) fn has_headroom(&self, pending: &PendingRequest, change: &Change) -> Result<(), Error> {
        let allowed = match (self.headroom, &pending.operation) {
            (Headroom::Reserved, Operation::Request(_)) => {
                pending.user.role.is_control() || self.is_own_emergency(pending, change)
            }
            (Headroom::Ample, _) | (Headroom::Reserved, Operation::Command(_)) => true,
            (Headroom::Exhausted, Operation::Request(_)) => false,
            (Headroom::Exhausted, Operation::Command(_)) => !matches!(change, Change::AppendMessage(_)),
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::after(ErrorCode::StorageLow, self.limits.periods.storage_retry)),
        }
    }
}
