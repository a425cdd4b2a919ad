//! Importing users into the directory.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use chat_core::engine::{OneTeam, Teams};
use chat_core::id::UserId;
use chat_core::protocol::{Role, User, UserError};
use chat_core::store::{
    Account, Change, Facts, PutAccount, Query, Store, StoredAccount, UnavailableError, Verdict,
};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Users per commit.
const BATCH: usize = 1_000;

/// The number of times that a change of an account is decided, if another writer changes the same
/// account meanwhile.
const ATTEMPTS: usize = 4;

/// One line of a file of users.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UserLine {
    id: Arc<str>,
    role: Role,
    #[serde(default)]
    email: Arc<str>,
    #[serde(default)]
    first_name: Arc<str>,
    #[serde(default)]
    last_name: Arc<str>,
    #[serde(default = "yes")]
    active: bool,
}

fn yes() -> bool {
    true
}

/// A user of the directory. The JSON form is one line of a file of users.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "UserLine", try_from = "UserLine")]
pub struct ImportedUser {
    /// The profile that others see.
    pub user: User,
    /// Whether the user may connect.
    pub active: bool,
}

impl From<Account> for ImportedUser {
    fn from(Account { user, active, .. }: Account) -> Self {
        Self { user, active }
    }
}

impl From<ImportedUser> for UserLine {
    fn from(ImportedUser { user, active }: ImportedUser) -> Self {
        let User { id, email, role, first_name, last_name } = user;
        Self { id: id.as_str().into(), role, email, first_name, last_name, active }
    }
}

impl TryFrom<UserLine> for ImportedUser {
    type Error = UserError;

    fn try_from(line: UserLine) -> Result<Self, UserError> {
        let UserLine { id, role, email, first_name, last_name, active } = line;
        let user = User { id: id.into(), email, role, first_name, last_name };
        user.check()?;
        Ok(Self { user, active })
    }
}

/// The reason that an import failed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A line is invalid.
    #[error("line {line}: {what}. Nothing was imported")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// The fault.
        what: String,
    },
    /// The file can't be read.
    #[error("can't read the users: {0}")]
    Unreadable(io::Error),
    /// The store failed.
    #[error("{0}. Import the same file again: what was imported already stays as it is")]
    Store(#[from] UnavailableError),
}

/// Parses users, one JSON object per line; skips blank lines.
///
/// # Errors
///
/// [`ImportError`] with the number of the first invalid line.
pub fn read(text: impl io::BufRead) -> Result<Vec<ImportedUser>, ImportError> {
    let mut seen = BTreeMap::<UserId, usize>::new();
    let mut users = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.map_err(ImportError::Unreadable)?;
        if text.trim().is_empty() {
            continue;
        }
        let user = read_line(&text).map_err(|what| ImportError::Line { line, what })?;
        if let Some(earlier) = seen.insert(user.user.id.clone(), line) {
            let what = format!("the user {} is in line {earlier} already", user.user.id);
            return Err(ImportError::Line { line, what });
        }
        users.push(user);
    }
    Ok(users)
}

fn read_line(text: &str) -> Result<ImportedUser, String> {
    serde_json::from_str(text).map_err(|error| {
        let reason = error.to_string();
        reason.split(" at line ").next().unwrap_or_default().to_owned()
    })
}

/// Imports users into a store without a running server. Returns their number. `now` becomes the
/// time of the change.
///
/// A deactivated user stays deactivated, whatever the line says: see [`activate`]. A user whom the
/// import puts in control takes part in all conversations of the control team from then on.
///
/// # Errors
///
/// [`ImportError::Store`].
pub async fn import(
    store: &impl Store,
    users: Vec<ImportedUser>,
    now: Timestamp,
) -> Result<usize, ImportError> {
    let count = users.len();
    let mut users = users.into_iter().peekable();
    while users.peek().is_some() {
        let batch = users.by_ref().take(BATCH).map(|user| (user.user.id.clone(), user)).collect();
        let rule = |known: Option<&Account>, imported: &ImportedUser| {
            Account::imported(known, imported.user.clone(), imported.active, now)
        };
        put(store, batch, rule, now).await?;
    }
    Ok(count)
}

/// Deactivates a user in a store without a running server. An unknown user is stored, and thereby
/// refused later.
///
/// # Errors
///
/// [`UnavailableError`].
pub async fn deactivate(store: &impl Store, id: UserId, now: Timestamp) -> Result<(), UnavailableError> {
    let rule = |known: Option<&Account>, id: &UserId| Account::deactivated(known, id, now);
    put(store, vec![(id.clone(), id)], rule, now).await
}

/// Lifts a deactivation in a store without a running server. Returns `false` for an unknown user.
///
/// # Errors
///
/// [`UnavailableError`].
pub async fn activate(store: &impl Store, id: UserId, now: Timestamp) -> Result<bool, UnavailableError> {
    if known(store, id.clone()).await?.is_none() {
        return Ok(false);
    }
    put(store, vec![(id, ())], |known, ()| known?.activated(now), now).await?;
    Ok(true)
}

/// Puts the accounts that a rule makes of the known ones, with the teams that the server's policy
/// gives their users. Where another writer comes first, the rule decides again.
async fn put<T>(
    store: &impl Store,
    mut users: Vec<(UserId, T)>,
    rule: impl Fn(Option<&Account>, &T) -> Option<Account>,
    now: Timestamp,
) -> Result<(), UnavailableError> {
    for _ in 0..ATTEMPTS {
        let (mut changes, mut subjects) = (Vec::new(), Vec::new());
        for (id, user) in users {
            let known = known(store, id.clone()).await?;
            if let Some(account) = rule(known.as_ref().map(|known| &known.account), &user) {
                let (account, replaces) = (OneTeam.file(account, now), known.map(|known| known.position));
                changes.push(Change::PutAccount(PutAccount { account, replaces }));
                subjects.push((id, user));
            }
        }
        let verdicts = store.commit(changes).await?.into_iter();
        let refused = subjects.into_iter().zip(verdicts).filter(|(_, verdict)| Verdict::is_err(verdict));
        users = refused.map(|(user, _)| user).collect();
        if users.is_empty() {
            return Ok(());
        }
    }
    Err(UnavailableError::new("another program changes the same accounts"))
}

async fn known(store: &impl Store, id: UserId) -> Result<Option<StoredAccount>, UnavailableError> {
    Ok(match store.load(Query::Account(id)).await?.facts {
        Facts::Account(known) => known,
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_line_is_a_user() {
        let text = concat!(
            r#"{"id":"u1","role":"BUS_DRIVER"}"#,
            "\n\n",
            r#"{"id":"u2","role":"CONTROL_STAFF","email":"e","first_name":"f","last_name":"l","active":false}"#,
        );
        let users = read(text.as_bytes()).unwrap();
        assert_eq!(users[0], ImportedUser { user: User::new("u1", Role::BusDriver), active: true });
        assert_eq!((users[1].user.display_name().as_str(), users[1].active), ("f l", false));
        assert_eq!(users.len(), 2);
    }

    #[test]
    fn a_bad_line_is_named_by_its_number() {
        let good = r#"{"id":"u1","role":"BUS_DRIVER"}"#;
        let cases = [
            ("{", "line 2: EOF while parsing an object. Nothing was imported"),
            (r#"{"id":"u2"}"#, "line 2: missing field `role`. Nothing was imported"),
            (r#"{"id":"","role":"BUS_DRIVER"}"#, "line 2: the id is empty. Nothing was imported"),
            (good, "line 2: the user u1 is in line 1 already. Nothing was imported"),
        ];
        for (bad, text) in cases {
            assert_eq!(error(&format!("{good}\n{bad}\n")), text);
        }
        assert!(error(r#"{"id":"u2","role":"PILOT"}"#).contains("unknown variant `PILOT`, expected one of"));
        assert!(error(r#"{"id":"u2","role":"BUS_DRIVER","emial":""}"#).contains("unknown field `emial`"));
        let long = format!(r#"{{"id":"{}","role":"BUS_DRIVER"}}"#, "x".repeat(257));
        assert!(error(&long).contains("id has more than 256 bytes"));
    }
}
