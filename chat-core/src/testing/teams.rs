//! A policy with several teams.

use crate::engine::{SupportRequest, Teams};
use crate::id::TeamId;
use crate::protocol::{Role, RoomType, User};

/// Two teams of control, north and south, to which the first name assigns: a user with "North" or
/// "South" in it is in this team, with both in both, and with neither in none. Queue regulators of
/// a team take part too.
///
/// Bus drivers ask the north, queue regulators the south, and emergencies are of both.
#[derive(Clone, Copy, Debug, Default)]
pub struct NorthAndSouth;

impl NorthAndSouth {
    /// First names with different teams.
    pub const FIRST_NAMES: [&'static str; 5] = ["Nora North", "Sue South", "Beth North South", "Ann", ""];
}

impl Teams for NorthAndSouth {
    fn of_request(&self, request: &SupportRequest<'_>) -> Vec<TeamId> {
        match (request.room_type, request.creator.role) {
            (RoomType::EmergencySupport, _) => vec!["North".into(), "South".into()],
            (_, Role::BusDriver) => vec!["North".into()],
            _ => vec!["South".into()],
        }
    }

    fn of_user(&self, user: &User) -> Vec<TeamId> {
        let may = user.role.is_control() || user.role == Role::QueueRegulator;
        let teams = ["North", "South"].into_iter().filter(|team| may && user.first_name.contains(team));
        teams.map(TeamId::from).collect()
    }
}
