//! Who in control takes part in a support conversation.

use crate::id::UserId;
use crate::protocol::{RoomType, User};

/// What an assignment decides on.
#[derive(Clone, Copy, Debug)]
pub struct SupportRequest<'a> {
    /// Who asks for help.
    pub created_by: &'a UserId,
    /// Where it is filed.
    pub room_type: RoomType,
}

/// The policy that gives a support conversation its control users.
///
/// It is asked for each control user when a conversation is created, and again for each active conversation when a
/// control user becomes known: it must answer alike both times.
pub trait Assignment: Send + Sync {
    /// Whether this control user takes part.
    fn takes_part(&self, request: SupportRequest<'_>, control: &User) -> bool;
}

/// The default: all known active control users take part in all support conversations.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllControl;

impl Assignment for AllControl {
    fn takes_part(&self, _: SupportRequest<'_>, _: &User) -> bool {
        true
    }
}
