//! The checks of a run at rest, when nothing is under way any more.

use super::part::is_in_by_team;
use super::{Oracle, PromiseError, must};
use crate::conversation::Conversation;
use crate::export::{Account, Export};

/// The side of the chat that a connection or a user is on.
fn side(is_control: bool) -> &'static str {
    if is_control { "in control" } else { "in the field" }
}

impl Oracle {
    /// Checks a run at rest: every request is answered, and each connection has heard everything
    /// due.
    ///
    /// # Errors
    ///
    /// P1, P4 and P6. P4 too, if a connection outlives a change of its user's role. P5, if a
    /// deactivated user has a connection.
    pub fn settled(&self, store: &Export) -> Result<(), PromiseError> {
        self.stored.verify(store)?;
        self.emergencies.are_heard(|conn, id| self.is_of_team(conn, id, store))?;
        for (conn, link) in &self.links {
            must(!link.is_past, "P4", || format!("connection {conn} outlives the epoch of its server"))?;
            let account = store.accounts.get(link.user.as_str()).map(|stored| &stored.account);
            let is_out = account.is_some_and(|account| !account.active);
            must(!is_out, "P5", || format!("{} is deactivated, and has connection {conn}", link.user))?;
            let is_control = account.is_some_and(Account::is_active_control);
            must(link.is_control == is_control, "P4", || {
                let (token, now) = (side(link.is_control), side(is_control));
                format!("connection {conn} of {} is open {token}, and its user is {now}", link.user)
            })?;
            let left = link.pending.len();
            must(left == 0, "P6", || format!("connection {conn} has {left} requests without a reply"))?;
            self.heard_all(*conn, link)?;
        }
        Ok(())
    }

    /// Checks that the last walk through the list on each connection of an active control user has
    /// shown all conversations of the user's teams. For a run at rest. Returns the number of these
    /// conversations.
    ///
    /// # Errors
    ///
    /// P4.
    pub fn control_sees_all(&self, store: &Export) -> Result<u64, PromiseError> {
        let mut seen = 0;
        for (conn, link) in &self.links {
            let account = store.accounts.get(link.user.as_str());
            let account = account.map(|stored| &stored.account).filter(|account| account.is_active_control());
            let Some((account, shown)) = account.zip(link.shown.as_ref()) else { continue };
            let all = store.conversations.values().map(|exported| &exported.conversation);
            for Conversation { id, .. } in all.filter(|conversation| is_in_by_team(account, conversation)) {
                must(shown.contains(id.as_str()), "P4", || {
                    format!("connection {conn} of {} is not shown {id} of its team", link.user)
                })?;
                seen += 1;
            }
        }
        Ok(seen)
    }

    /// Whether the user of a connection is in a team of the conversation, and has not been added or
    /// withdrawn by name since the creation.
    fn is_of_team(&self, conn: u64, id: &str, store: &Export) -> bool {
        let Some(link) = self.links.get(&conn) else { return false };
        let account = store.accounts.get(link.user.as_str());
        let exported = store.conversations.get(id);
        let is_in = account
            .zip(exported)
            .is_some_and(|(stored, exported)| is_in_by_team(&stored.account, &exported.conversation));
        is_in && !self.stored.has_moved(id, &link.user)
    }
}
