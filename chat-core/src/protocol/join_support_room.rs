//! Event 5: join a support room, to be told of the requests for help that it covers.

use serde::{Deserialize, Serialize};

use super::envelope::Success;
use super::room::RoomType;
use crate::time::Timestamp;

/// The `data` of `join_support_room`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct JoinSupportRoom {
    /// The room; `general_support` if missing.
    #[serde(default)]
    pub room_type: RoomType,
}

/// The reply to `join_support_room`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinSupportRoomReply {
    /// Always `true`.
    pub success: Success,
    /// For people.
    pub message: String,
    /// `support:` and the room type.
    pub room_id: String,
    /// The room of the request.
    pub room_type: RoomType,
    /// When it was joined.
    pub timestamp: Timestamp,
}

impl JoinSupportRoomReply {
    /// The reply to a room that was joined.
    pub fn new(room_type: RoomType, timestamp: Timestamp) -> Self {
        let message = format!("Joined {} room successfully", room_type.as_str().replace('_', " "));
        let room_id = format!("support:{}", room_type.as_str());
        Self { success: Success, message, room_id, room_type, timestamp }
    }
}
