//! The policy that assigns control users to support conversations.

use crate::id::UserId;
use crate::protocol::{RoomType, User};

/// The facts that an assignment decides on.
#[derive(Clone, Copy, Debug)]
pub struct SupportRequest<'a> {
    /// The user asking for help.
    pub created_by: &'a UserId,
    /// The room in which the request is filed.
    pub room_type: RoomType,
}

/// A policy that assigns control users to a support conversation.
///
/// Called for each control user when a conversation is created, and again for each active
/// conversation when a control user becomes known. Both calls must give the same answer.
pub trait Assignment: Send + Sync {
    /// Whether this control user takes part.
    fn takes_part(&self, request: SupportRequest<'_>, control: &User) -> bool;
}

/// The default policy: all known active control users take part in all support conversations.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllControl;

impl Assignment for AllControl {
    fn takes_part(&self, _: SupportRequest<'_>, _: &User) -> bool {
        true
    }
}
