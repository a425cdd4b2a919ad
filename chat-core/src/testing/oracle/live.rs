//! Checks of live events.

use serde_json::Value;

use super::link::Link;
use super::{Oracle, PromiseError, must};
use crate::export::Export;

impl Oracle {
    /// P1: each message heard is stored. P3: numbers rise. P4: none is left out. P5: the listener
    /// is in the message's audience. P6: the sender hears the reply first.
    pub(super) fn heard(&mut self, conn: u64, frame: &Value, store: &Export) -> Result<(), PromiseError> {
        let Some(link) = self.links.get_mut(&conn) else { return Ok(()) };
        let (id, message) = (frame["conversation_id"].as_str().unwrap_or_default(), &frame["message"]);
        let seq = message["seq"].as_u64().unwrap_or_default();
        super::stored::is_stored(store, id, seq, message)?;
        let user = &link.user;
        must(self.stored.is_for(id, seq, user), "P5", || {
            format!("{user} heard {id} {seq}, which is not its")
        })?;
        let place = link.place(id);
        let last = place.heard;
        must(seq > last, "P3", || format!("connection {conn} of {user} heard {id} {seq} after {last}"))?;
        let missed = self.stored.missed(id, user, place.holds + 1..seq);
        must(missed.is_none(), "P4", || {
            format!("connection {conn} of {user} heard {id} {seq} without {missed:?}")
        })?;
        let content = message["content"].as_str().unwrap_or_default();
        let is_own = message["sender_id"] == user.as_str() && !self.asks.is_repeated(user, content);
        let waits = is_own && link.pending.iter().any(|asked| asked.content() == Some(content));
        must(!waits, "P6", || {
            format!("connection {conn} of {user} heard its own {id} {seq} before the reply")
        })?;
        let place = link.place_mut(id);
        (place.heard, place.holds) = (seq, place.holds.max(seq));
        self.checked.heard += 1;
        Ok(())
    }

    /// P5: a frame about a conversation reaches past or present participants only.
    pub(super) fn allowed(&self, conn: u64, kind: &str, frame: &Value) -> Result<(), PromiseError> {
        let Some(link) = self.links.get(&conn) else { return Ok(()) };
        let (id, user) = (frame["conversation_id"].as_str().unwrap_or_default(), &link.user);
        must(self.stored.was_ever(id, user), "P5", || {
            format!("{user} heard {kind} of {id}, which is not its")
        })
    }

    /// P4: a connection has heard every message made durable since its opening, if its user took
    /// part throughout.
    pub(super) fn heard_all(&self, conn: u64, link: &Link) -> Result<(), PromiseError> {
        for (id, last) in self.stored.last_numbers() {
            let missed = self.stored.missed(&id, &link.user, link.place(&id).holds + 1..last + 1);
            must(missed.is_none(), "P4", || {
                format!("connection {conn} of {} has not heard {id} {missed:?}", link.user)
            })?;
        }
        Ok(())
    }
}
