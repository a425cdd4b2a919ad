//! Read positions of conversations.

use std::collections::HashMap;

use chat_core::conversation::Participation;
use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::Reading;
use chat_core::store::UnavailableError;

use super::loads::{DatabaseSnapshot, key};
use super::rows;

/// The read positions of some readers in some conversations. A missing one is 0.
pub(super) struct Readings(HashMap<(ConversationId, UserId), u64>);

impl Readings {
    /// Reads the positions of a user, of control and of the members in each of these conversations.
    /// Costs nothing without a conversation.
    pub(super) async fn of<'a>(
        snapshot: &DatabaseSnapshot<'_>,
        user: Option<&UserId>,
        conversations: impl Iterator<Item = (&'a ConversationId, &'a Participation)>,
    ) -> Result<Self, UnavailableError> {
        let pairs = conversations.flat_map(|(id, participation)| {
            let mut readers = participation.readers();
            readers.extend(user.cloned());
            readers.into_iter().map(move |reader| (id, reader))
        });
        let pairs: Vec<_> = pairs.collect();
        if pairs.is_empty() {
            return Ok(Self(HashMap::new()));
        }
        let ids: Vec<_> = pairs.iter().map(|(id, _)| key(id.as_str())).collect();
        let readers: Vec<_> = pairs.iter().map(|(_, reader)| key(reader.as_str())).collect();
        let found = snapshot.query(READINGS, &[&ids, &readers]).await?;
        let found =
            found.iter().map(|row| Ok(((rows::id(row, 0)?, rows::id(row, 1)?), rows::number(row, 2)?)));
        found.collect::<Result<_, _>>().map(Self)
    }

    /// The position of one user.
    pub(super) fn position(&self, id: &ConversationId, user: &UserId) -> u64 {
        self.0.get(&(id.clone(), user.clone())).copied().unwrap_or_default()
    }

    /// The positions over 0 of control and of the members, by id.
    pub(super) fn positions(&self, id: &ConversationId, participation: &Participation) -> Vec<Reading> {
        let positions = participation.readers().into_iter().map(|user_id| {
            let read_up_to = self.position(id, &user_id);
            Reading { user_id, read_up_to }
        });
        positions.filter(|reading| reading.read_up_to > 0).collect()
    }
}

/// The statement for positions by conversation and user.
pub(super) const READINGS: &str = "SELECT r.conversation, r.user_id, r.up_to \
    FROM unnest($1::bytea[], $2::bytea[]) AS k (conversation, user_id) \
    JOIN chat.reading r ON r.conversation = k.conversation AND r.user_id = k.user_id";
