//! Read positions of a conversation.

use chat_core::conversation::Participation;
use chat_core::id::ConversationId;
use chat_core::protocol::Reading;
use chat_core::store::UnavailableError;

use super::Snapshot;
use crate::store::index::apply::participation;
use crate::store::keys;
use crate::store::values;

impl Snapshot<'_> {
    /// The read positions over 0 of control and of the members, by id. Costs a look-up for each.
    pub(super) fn positions(
        &self,
        id: &ConversationId,
        participation: &Participation,
    ) -> Result<Vec<Reading>, UnavailableError> {
        let positions = participation.readers().into_iter().map(|user_id| {
            let found = self.view.get_as(&keys::read_position(&user_id, id), values::decode_number)?;
            Ok(found.map(|read_up_to| Reading { user_id, read_up_to }))
        });
        positions.filter_map(Result::transpose).collect()
    }

    /// The same, for a conversation whose participation is not read yet.
    pub(super) fn positions_of(&self, id: &ConversationId) -> Result<Vec<Reading>, UnavailableError> {
        // Users who take part by team have no position here, so the teams don't matter.
        self.positions(id, &participation(&self.view, id, Vec::new())?)
    }
}
