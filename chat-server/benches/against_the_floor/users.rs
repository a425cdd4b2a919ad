//! The users of the load.

use chat_core::protocol::{Role, User};

/// Returns a listening control user.
pub(crate) fn listener(number: usize) -> User {
    person(&format!("control_{number}"), Role::ControlStaff)
}

/// Returns a user with names and an address of usual length.
pub(crate) fn person(id: &str, role: Role) -> User {
    let email = format!("{id}@transit.example").into();
    User { email, first_name: "Katharina".into(), last_name: "Lindqvist".into(), ..User::new(id, role) }
}
