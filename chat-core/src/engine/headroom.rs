//! Room for what is stored: as it runs out, less and less may be written, and emergencies longest.

use super::work::Work;
use super::{Ask, Engine};
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
    pub(super) fn has_headroom(&self, work: &Work, change: &Change) -> Result<(), Error> {
        let allowed = match (self.headroom, &work.ask) {
            (Headroom::Reserved, Ask::Request(_)) => {
                work.user.role.is_control() || self.is_own_emergency(work, change)
            }
            (Headroom::Ample, _) | (Headroom::Reserved, Ask::Command(_)) => true,
            (Headroom::Exhausted, Ask::Request(_)) => false,
            (Headroom::Exhausted, Ask::Command(_)) => !matches!(change, Change::AppendMessage(_)),
        };
        match allowed {
            true => Ok(()),
            false => Err(Error::after(ErrorCode::StorageLow, self.limits.periods.storage_retry)),
        }
    }
}
