//! Handler of event 5, `join_support_room`.

use crate::engine::pending_request::Step;
use crate::protocol::{JoinSupportRoom, Role, RoomType};

/// Joins the room. The role check before is the only condition.
pub(super) fn step(request: &JoinSupportRoom) -> Step {
    Step::JoinRoom(request.room_type)
}

/// Whether the joined rooms cover a new support conversation.
///
/// A connection without joined rooms is notified of all, and an emergency reaches everyone.
pub(in crate::engine) fn covers(joined: &[RoomType], filed: RoomType, creator: Role) -> bool {
    joined.is_empty()
        || filed == RoomType::EmergencySupport
        || joined.iter().any(|room| match room {
            RoomType::GeneralSupport => true,
            RoomType::DriverSupport => creator == Role::BusDriver || filed == *room,
            RoomType::RegulatorSupport => creator == Role::QueueRegulator || filed == *room,
            RoomType::EmergencySupport => filed == *room,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use RoomType::{DriverSupport, EmergencySupport, GeneralSupport, RegulatorSupport};

    #[test]
    fn rooms_cover_what_their_names_say() {
        for (joined, filed, creator, told) in [
            (&[][..], DriverSupport, Role::BusDriver, true),
            (&[GeneralSupport], RegulatorSupport, Role::QueueRegulator, true),
            (&[DriverSupport], DriverSupport, Role::BusDriver, true),
            (&[DriverSupport], GeneralSupport, Role::BusDriver, true),
            (&[DriverSupport], RegulatorSupport, Role::QueueRegulator, false),
            (&[RegulatorSupport], DriverSupport, Role::BusDriver, false),
            (&[RegulatorSupport], RegulatorSupport, Role::QueueRegulator, true),
            (&[EmergencySupport], DriverSupport, Role::BusDriver, false),
            (&[DriverSupport], EmergencySupport, Role::QueueRegulator, true),
            (&[EmergencySupport, RegulatorSupport], RegulatorSupport, Role::QueueRegulator, true),
        ] {
            assert_eq!(covers(joined, filed, creator), told, "{joined:?} {filed:?} {creator:?}");
        }
    }
}
