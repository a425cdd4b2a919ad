//! An addition: the people that control may write to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use super::role::{Role, User};
use crate::id::{Cursor, UserId};
use crate::limits::{FieldLimits, LONGEST_CLAIM};

/// The `data` of `get_people`. All fields are optional.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetPeople {
    /// The beginning of an id, a first name, a last name or both names, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub find: Option<Arc<str>>,
    /// Only people with this role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The `next_cursor` of the page before, behind which this page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The limit of people. The server has a limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl GetPeople {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, _: &FieldLimits) -> Result<(), Error> {
        if let Some(find) = &self.find {
            check::text("find", find, LONGEST_CLAIM)?;
        }
        self.cursor.as_ref().map_or(Ok(()), check::people_cursor)?;
        check::positive("limit", self.limit)
    }

    /// Whether the request asks for a user with these data.
    pub fn matches(&self, user: &User) -> bool {
        self.role.is_none_or(|role| role == user.role)
            && self.find.as_ref().is_none_or(|find| begins(user, &find.trim().to_lowercase()))
    }
}

/// Whether the id or a name begins with a text in lower case.
fn begins(user: &User, find: &str) -> bool {
    let User { id, first_name, last_name, .. } = user;
    let begins = |text: &str| text.to_lowercase().starts_with(find);
    begins(id.as_str())
        || begins(first_name)
        || begins(last_name)
        || begins(&format!("{first_name} {last_name}"))
        || begins(&format!("{last_name} {first_name}"))
}

/// A user that control may write to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Person {
    /// The id.
    pub id: UserId,
    /// The first name, or `""`.
    pub first_name: Arc<str>,
    /// The last name, or `""`.
    pub last_name: Arc<str>,
    /// The role.
    pub role: Role,
    /// Whether the user is connected to the server that replies.
    pub connected: bool,
}

impl Person {
    /// The entry of a user.
    pub fn of(user: &User, connected: bool) -> Self {
        let User { id, first_name, last_name, role, .. } = user.clone();
        Self { id, first_name, last_name, role, connected }
    }
}

/// The reply to `get_people`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetPeopleReply {
    /// Always `true`.
    pub success: Success,
    /// The active users that the request asks for, by id. May be few, or none, though more follow.
    pub people: Vec<Person>,
    /// The `cursor` of the next page, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_or_a_name_finds_a_user() {
        let mut user = User::new("driver_7", Role::BusDriver);
        (user.first_name, user.last_name) = ("Élodie".into(), "Van Dyk".into());
        let finds = |find: &str, role| GetPeople { find: Some(find.into()), role, ..GetPeople::default() };
        for find in ["driver_7", "DRIV", "élo", "ÉLODIE V", "van", "van dyk é", " van "] {
            assert!(finds(find, None).matches(&user), "{find}");
        }
        for find in ["river", "dyk", "driver_77", "lodie"] {
            assert!(!finds(find, None).matches(&user), "{find}");
        }
        assert!(finds("van", Some(Role::BusDriver)).matches(&user));
        assert!(!finds("van", Some(Role::ControlStaff)).matches(&user));
        assert!(GetPeople::default().matches(&user), "everybody");
    }
}
