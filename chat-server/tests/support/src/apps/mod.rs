//! Apps with the SDK and a busy user each, and an oracle that compares what they show with what the
//! server holds.

mod actions;
mod app;
pub mod history;
pub mod oracle;
mod random;
mod recovery;
pub mod settings;

use chat_core::protocol::{Role, User};

pub use app::{App, Shown, Written};
pub use random::Random;

/// The users of the apps: one of each role, and a second driver.
pub fn users() -> [User; 5] {
    [
        User::new("driver_1", Role::BusDriver),
        User::new("driver_2", Role::BusDriver),
        User::new("regulator", Role::QueueRegulator),
        User::new("staff", Role::ControlStaff),
        User::new("admin", Role::ControlAdmin),
    ]
}
