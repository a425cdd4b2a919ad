//! How far others have read, as told to a client.

use std::collections::BTreeMap;

use serde_json::Value;

use super::link::Link;
use super::{Oracle, PromiseError, must};
use crate::conversation::Standing;
use crate::export::{Export, ExportedConversation};
use crate::protocol::{CONTROL, Reading};

/// The highest number that a connection has heard read, by reader, of one conversation.
pub(super) type HeardReadings = BTreeMap<String, u64>;

impl Oracle {
    /// Takes in that a connection has heard how far somebody has read.
    pub(super) fn heard_reading(&mut self, conn: u64, frame: &Value) {
        let Some(link) = self.links.get_mut(&conn) else { return };
        let id = frame["conversation_id"].as_str().unwrap_or_default();
        let by_control = frame["by_control"] == true;
        let reader = if by_control { CONTROL } else { frame["user_id"].as_str().unwrap_or_default() };
        let up_to = frame["read_up_to"].as_u64().unwrap_or_default();
        let heard = link.readings.entry(id.to_owned()).or_default().entry(reader.to_owned()).or_default();
        *heard = up_to.max(*heard);
    }

    /// P1: each position in a catch-up is stored. P4: none is before that which the connection has
    /// heard.
    pub(super) fn shows_positions(
        &self,
        conn: u64,
        id: &str,
        frame: &Value,
        store: &Export,
    ) -> Result<(), PromiseError> {
        let (Some(link), Some(stored)) = (self.links.get(&conn), store.conversations.get(id)) else {
            return Ok(());
        };
        must(are_stored(frame, stored), "P1", || format!("{frame} has positions that are not stored"))?;
        shows_what_was_heard(link, frame, stored, store)
    }
}

/// P4: the positions in a reply for a client that resumes lack nothing that its connection has
/// heard. Members who are in control by now are left out.
fn shows_what_was_heard(
    link: &Link,
    frame: &Value,
    stored: &ExportedConversation,
    store: &Export,
) -> Result<(), PromiseError> {
    let id = stored.conversation.id.as_str();
    let shown = positions(frame);
    for (reader, heard) in link.readings.get(id).into_iter().flatten() {
        let is_shown = reader == CONTROL || is_of_the_field(reader, stored, store);
        let read = shown.get(reader).copied().unwrap_or_default();
        must(!is_shown || read >= *heard, "P4", || {
            format!("{reader} is said to have read {id} up to {read}, and {heard} was heard")
        })?;
    }
    Ok(())
}

/// Whether each position is at most what its reader has read by now, and the reader one of the
/// field or control as a whole.
pub(super) fn are_stored(frame: &Value, stored: &ExportedConversation) -> bool {
    let users = stored.read_up_to.iter().filter(|(user, _)| user.as_str() != CONTROL);
    let most = users.map(|(_, up_to)| *up_to).max().unwrap_or_default();
    positions(frame).into_iter().all(|(reader, up_to)| {
        let is_member = stored.conversation.participation.members.names(&reader);
        let now = stored.read_up_to.get(reader.as_str()).copied().unwrap_or_default();
        up_to > 0 && up_to <= if reader == CONTROL { most } else { now } && (reader == CONTROL || is_member)
    })
}

fn positions(frame: &Value) -> BTreeMap<String, u64> {
    let readings: Vec<Reading> = serde_json::from_value(frame["positions"].clone()).unwrap_or_default();
    readings.into_iter().map(|reading| (reading.user_id.to_string(), reading.read_up_to)).collect()
}

fn is_of_the_field(user: &str, stored: &ExportedConversation, store: &Export) -> bool {
    let members = &stored.conversation.participation.members;
    let is_member = members.standing(&user.into()) == Standing::Member;
    is_member && store.accounts.get(user).is_some_and(|known| !known.user().role.is_control())
}
