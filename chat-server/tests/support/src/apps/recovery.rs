//! The time that an app needs to be up to date again after a lost connection.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_client::ConnectionState;
use chat_core::protocol::ConversationSummary;
use tokio::time::Instant;

/// Lost connections of an app.
#[derive(Default)]
pub struct Recoveries {
    is_live: bool,
    lost_at: Option<Instant>,
    /// The newest number of each conversation of the list after the connection, if not heard yet.
    /// `None` before the list.
    missing: Option<BTreeMap<String, u64>>,
    /// The time from each loss until everything missed was heard.
    pub taken: Vec<Duration>,
}

impl Recoveries {
    /// Takes in a state of the connection.
    pub(super) fn connection(&mut self, state: &ConnectionState) {
        let was_live = std::mem::replace(&mut self.is_live, matches!(state, ConnectionState::Live));
        if was_live && !self.is_live {
            self.lost_at.get_or_insert_with(Instant::now);
            self.missing = None;
        }
    }

    /// Takes in the list that comes after each connect. `known` tells the last number that was
    /// heard or read of a conversation.
    pub(super) fn listed(&mut self, list: &[ConversationSummary], known: impl Fn(&str) -> u64) {
        let newest = list.iter().map(|row| (row.id.to_string(), row.last_seq.unwrap_or_default()));
        self.missing = Some(newest.filter(|(id, last)| known(id) < *last).collect());
        self.end_if_up_to_date();
    }

    /// Takes in a message.
    pub(super) fn heard(&mut self, id: &str, seq: u64) {
        if let Some(missing) = &mut self.missing {
            missing.retain(|one, last| one != id || seq < *last);
            self.end_if_up_to_date();
        }
    }

    fn end_if_up_to_date(&mut self) {
        if self.missing.as_ref().is_some_and(BTreeMap::is_empty) {
            self.taken.extend(self.lost_at.take().map(|at| at.elapsed()));
        }
    }
}
