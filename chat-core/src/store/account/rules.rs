//! The rules for changes of accounts by tokens, imports and administration.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::Account;
use crate::id::UserId;
use crate::protocol::{Role, User};
use crate::time::Timestamp;

/// The source and the time of a change of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Said {
    /// The source.
    pub source: Source,
    /// The time: the `iat` of a token, the time of the connection for a token without `iat`,
    /// otherwise the time of the change.
    pub at: Timestamp,
}

/// The sources of an account's changes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The token of a connection.
    Token,
    /// An import of users.
    Import,
    /// A deactivation or activation.
    Administration,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 3] = [Self::Token, Self::Import, Self::Administration];
}

/// The relation of a token to the account of its user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TokenVerdict {
    /// The token changes nothing. The session gets the account's role and names.
    Agrees,
    /// The token is older than a decision about the rights, or may not change the role. Refused
    /// with 4002.
    Outdated,
    /// The user is unknown. This is the new account.
    New(Account),
    /// The token has other names, and may change them.
    Renames(Account),
    /// The token has another role, and may change it.
    ChangesRole {
        /// The account with the new role.
        account: Account,
        /// Whether the token is provably newer than the last change. Otherwise its change counts
        /// against a limit.
        is_newer: bool,
    },
}

impl Account {
    /// The account after an import of its user, or `None` if the import changes nothing.
    ///
    /// An import never lifts a deactivation. The first import of a user is a decision. A later one
    /// with the same role and activity decides nothing anew, so tokens issued before stay valid.
    pub fn imported(known: Option<&Self>, user: User, active: bool, at: Timestamp) -> Option<Self> {
        let active = active && known.is_none_or(|known| known.active);
        let account = Self { role_imported: true, ..Self::decided(known, user, active, at) };
        let account = Self { said: Some(Said { source: Source::Import, at }), ..account };
        account.unless_known(known)
    }

    /// The account after its deactivation, or `None` if inactive already. A user who never
    /// connected gets an inactive account and is kept out.
    pub fn deactivated(known: Option<&Self>, id: &UserId, at: Timestamp) -> Option<Self> {
        Self::administered(known, id, false, at)
    }

    /// The account after its activation, or `None` if active already.
    pub fn activated(&self, at: Timestamp) -> Option<Self> {
        Self::administered(Some(self), &self.user.id, true, at)
    }

    fn administered(known: Option<&Self>, id: &UserId, active: bool, at: Timestamp) -> Option<Self> {
        // The least rights, until a token or an import decides the role.
        let user = known.map_or_else(|| User::new(id.clone(), Role::BusDriver), |known| known.user.clone());
        let account = Self::decided(known, user, active, at);
        let account = Self { said: Some(Said { source: Source::Administration, at }), ..account };
        account.unless_known(known)
    }

    /// The account after import or administration. A new role or activity is decided now.
    fn decided(known: Option<&Self>, user: User, active: bool, at: Timestamp) -> Self {
        let decided_at = known
            .filter(|known| known.active == active && known.user.role == user.role)
            .and_then(|known| known.decided_at);
        Self { decided_at: Some(decided_at.unwrap_or(at)), ..Self::successor(known, user, active) }
    }

    /// The account that replaces the known one. The teams stay until set anew.
    fn successor(known: Option<&Self>, user: User, active: bool) -> Self {
        let mut account = Self { active, ..Self::new(user) };
        if let Some(known) = known {
            account.teams.clone_from(&known.teams);
            account.joined.clone_from(&known.joined);
            account.decided_at = known.decided_at;
            account.role_imported = known.role_imported;
        }
        account
    }

    /// Returns `None` if nothing but the time would change.
    fn unless_known(self, known: Option<&Self>) -> Option<Self> {
        let is_known = known.is_some_and(|known| Self { said: known.said, ..self.clone() } == *known);
        (!is_known).then_some(self)
    }

    /// Compares a token with the known account of its user, which is active or unknown.
    ///
    /// A token's time is in whole seconds, so within the second of a decision the order is unknown.
    /// A token with the account's role is then accepted, because the token changes nothing, and a
    /// token with another role is refused. A time in the future counts as now.
    pub fn by_token(
        known: Option<&Self>,
        user: &User,
        issued_at: Option<Timestamp>,
        now: Timestamp,
    ) -> TokenVerdict {
        let issued = issued_at.map(|issued_at| issued_at.min(now));
        let said = Said { source: Source::Token, at: issued.unwrap_or(now) };
        let put = |known| Self { said: Some(said), ..Self::successor(known, user.clone(), true) };
        let Some(known) = known else { return TokenVerdict::New(put(None)) };
        let since_decision = order(issued, known.decided_at);
        let since_said = order(issued, known.said.map(|said| said.at));
        let is_tokens = known.said.is_none_or(|said| said.source == Source::Token);
        match (since_decision, since_said) {
            (Some(Ordering::Less), _) => TokenVerdict::Outdated,
            _ if *user == known.user => TokenVerdict::Agrees,
            (_, Some(Ordering::Less)) if user.role == known.user.role => TokenVerdict::Agrees,
            (_, Some(Ordering::Equal)) if user.role == known.user.role && !is_tokens => TokenVerdict::Agrees,
            _ if user.role == known.user.role => TokenVerdict::Renames(put(Some(known))),
            (_, Some(Ordering::Less)) | (Some(Ordering::Equal), _) => TokenVerdict::Outdated,
            (_, Some(Ordering::Equal)) if !is_tokens => TokenVerdict::Outdated,
            _ if issued.is_none() && known.role_imported => TokenVerdict::Outdated,
            (_, order) => {
                let is_clear = issued_at.is_some_and(|issued_at| issued_at <= now);
                let is_newer = is_clear && order != Some(Ordering::Equal);
                TokenVerdict::ChangesRole { account: put(Some(known)), is_newer }
            }
        }
    }
}

impl Account {
    /// Whether import or administration decided about the rights after a token with this `iat` was
    /// issued.
    pub fn decided_after(decided_at: Option<Timestamp>, issued_at: Option<Timestamp>) -> bool {
        order(issued_at, decided_at) == Some(Ordering::Less)
    }
}

/// The order of a token's time and another time, by the second, or `None` if one is unknown.
fn order(issued: Option<Timestamp>, other: Option<Timestamp>) -> Option<Ordering> {
    let second = |time: Timestamp| time.as_millis().div_euclid(1_000);
    Some(second(issued?).cmp(&second(other?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_millis(1_705_314_600_400);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(NOON.as_millis() + seconds * 1_000)
    }

    fn driver() -> User {
        User::new("sam", Role::BusDriver)
    }

    fn control() -> User {
        User::new("sam", Role::ControlStaff)
    }

    fn renamed() -> User {
        User { first_name: "Sam".into(), ..driver() }
    }

    fn imported() -> Account {
        Account::imported(None, driver(), true, NOON).unwrap()
    }

    /// The verdict on a token with this `iat`, in seconds from noon, ten seconds later.
    fn verdict(known: &Account, user: &User, issued: Option<i64>) -> &'static str {
        match Account::by_token(Some(known), user, issued.map(at), at(10)) {
            TokenVerdict::Agrees => "agrees",
            TokenVerdict::Outdated => "outdated",
            TokenVerdict::New(_) => "new",
            TokenVerdict::Renames(_) => "renames",
            TokenVerdict::ChangesRole { is_newer: true, .. } => "newer role",
            TokenVerdict::ChangesRole { is_newer: false, .. } => "other role",
        }
    }

    #[test]
    fn a_token_is_held_against_what_import_has_said() {
        for (user, issued, expected) in [
            (driver(), Some(-1), "outdated"),
            (driver(), Some(0), "agrees"),
            (driver(), Some(1), "agrees"),
            (driver(), None, "agrees"),
            (renamed(), Some(-1), "outdated"),
            (renamed(), Some(0), "agrees"),
            (renamed(), Some(1), "renames"),
            (renamed(), None, "renames"),
            (control(), Some(-1), "outdated"),
            (control(), Some(0), "outdated"),
            (control(), Some(1), "newer role"),
            (control(), Some(10_000), "other role"),
            (control(), None, "outdated"),
        ] {
            assert_eq!(verdict(&imported(), &user, issued), expected, "{user:?} {issued:?}");
        }
    }

    #[test]
    fn a_token_is_held_against_what_a_token_has_said() {
        let TokenVerdict::New(known) = Account::by_token(None, &driver(), Some(NOON), at(1)) else {
            panic!("nobody was known")
        };
        for (user, issued, expected) in [
            (driver(), Some(-1), "agrees"),
            (renamed(), Some(-1), "agrees"),
            (renamed(), Some(0), "renames"),
            (renamed(), None, "renames"),
            (control(), Some(-1), "outdated"),
            (control(), Some(0), "other role"),
            (control(), Some(1), "newer role"),
            (control(), None, "other role"),
        ] {
            assert_eq!(verdict(&known, &user, issued), expected, "{user:?} {issued:?}");
        }
    }

    #[test]
    fn an_import_that_repeats_what_is_known_changes_nothing() {
        assert_eq!(Account::imported(Some(&imported()), driver(), true, at(5)), None);
        let renamed = Account::imported(Some(&imported()), renamed(), true, at(5)).unwrap();
        assert_eq!(renamed.decided_at, Some(NOON), "only the name is new");
        assert_eq!(verdict(&renamed, &driver(), Some(2)), "agrees", "an older token takes no name back");
        let promoted = Account::imported(Some(&renamed), control(), true, at(7)).unwrap();
        assert_eq!(promoted.decided_at, Some(at(7)));
    }

    #[test]
    fn an_import_never_lifts_a_deactivation() {
        let out = Account::deactivated(Some(&imported()), &driver().id, at(1)).unwrap();
        for active in [false, true] {
            let again = Account::imported(Some(&out), renamed(), active, at(2)).unwrap();
            assert!(!again.active);
        }
        assert_eq!(Account::deactivated(Some(&out), &driver().id, at(2)), None);
        let back = out.activated(at(3)).unwrap();
        assert!(back.active);
        assert_eq!(back.activated(at(4)), None);
        assert_eq!(verdict(&back, &driver(), Some(2)), "outdated", "it is from before");
        assert_eq!(verdict(&back, &driver(), Some(4)), "agrees");
    }

    #[test]
    fn who_never_connected_can_be_deactivated() {
        let out = Account::deactivated(None, &"nobody".into(), NOON).unwrap();
        assert!(!out.active);
        let back = out.activated(at(1)).unwrap();
        let control = User::new("nobody", Role::ControlStaff);
        assert_eq!(verdict(&back, &control, None), "other role", "administration said nothing of the role");
    }
}
