//! Event 5: join a support room, to be notified of the requests for help covered by the room.

use serde::{Deserialize, Serialize};

use super::envelope::Success;
use super::room::RoomType;
use crate::time::Timestamp;

/// The `data` of `join_support_room`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct JoinSupportRoom {
    /// The room, by default `general_support`.
    #[serde(default)]
    pub room_type: RoomType,
}

/// The reply to `join_support_room`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinSupportRoomReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: String,
    /// `support:` and the room type.
    pub room_id: String,
    /// The room of the request.
    pub room_type: RoomType,
    /// The time of joining.
    pub timestamp: Timestamp,
}

impl JoinSupportRoomReply {
    /// Creates the reply for a joined room.
    pub fn new(room_type: RoomType, timestamp: Timestamp) -> Self {
        let message = format!("Joined {} room successfully", room_type.as_str().replace('_', " "));
        let room_id = format!("support:{}", room_type.as_str());
        Self { success: Success, message, room_id, room_type, timestamp }
    }
}
