//! Support rooms, which select the requests for help that a control user is notified of.

use serde::{Deserialize, Serialize};

/// The room types of the protocol document. A support conversation is filed in one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomType {
    /// General support discussions.
    #[default]
    GeneralSupport,
    /// Emergency situations.
    EmergencySupport,
    /// Driver-specific support.
    DriverSupport,
    /// Queue regulator support.
    RegulatorSupport,
}

impl RoomType {
    /// Every room type, in the order of the protocol document.
    pub const ALL: [Self; 4] =
        [Self::GeneralSupport, Self::EmergencySupport, Self::DriverSupport, Self::RegulatorSupport];

    /// The room type as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GeneralSupport => "general_support",
            Self::EmergencySupport => "emergency_support",
            Self::DriverSupport => "driver_support",
            Self::RegulatorSupport => "regulator_support",
        }
    }
}
