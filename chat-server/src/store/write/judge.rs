//! The state that changes are judged on: the group under way, and the index before it.

use std::sync::Arc;

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::protocol::Order;
use chat_core::store::{
    Account, Change, Content, Event, Head, Original, Position, PutAccount, State, StoredAccount,
    UnavailableError,
};

use crate::store::index::apply::{Applier, live_emergencies, order};
use crate::store::index::view::View;
use crate::store::keys;
use crate::store::values;
use crate::store::write::journal::{Group, Reader, Record, SaltPool, SaltedContent};

/// A group under way.
///
/// Applied events are in the group, in the view's own writes and in the applier, therefore later
/// changes see them. After an error none of the three may be used.
pub(in crate::store) struct GroupState<'a> {
    pub(in crate::store) view: &'a mut View,
    pub(in crate::store) group: &'a mut Group,
    pub(in crate::store) applier: &'a mut Applier,
    pub(in crate::store) reader: &'a Reader,
    pub(in crate::store) salts: &'a mut SaltPool,
}

impl State for GroupState<'_> {
    fn position(&self) -> Position {
        self.group.last()
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Option<Head>, UnavailableError> {
        Ok(self.applier.head(conversation, self.view)?.map(|stored| stored.head))
    }

    fn original(
        &mut self,
        user: &UserId,
        id: &ClientMessageId,
    ) -> Result<Option<Original>, UnavailableError> {
        let Some(location) = self.view.client_id(user, id)? else { return Ok(None) };
        let record = match self.group.read(location) {
            Some(record) => record,
            None => self.reader.read(location).map_err(UnavailableError::new)?,
        };
        original(record).map(Some)
    }

    fn read_position(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<u64, UnavailableError> {
        let marked = self.view.get_as(&keys::read_position(user, conversation), values::decode_number)?;
        Ok(marked.unwrap_or_default())
    }

    fn account(&mut self, user: &UserId) -> Result<Option<Arc<StoredAccount>>, UnavailableError> {
        self.applier.account(user, self.view)
    }

    fn live_emergencies(&mut self, creator: &UserId) -> Result<Vec<ConversationId>, UnavailableError> {
        live_emergencies(self.view, creator)
    }

    fn order(&mut self, conversation: &ConversationId, seq: u64) -> Result<Option<Order>, UnavailableError> {
        order(self.view, conversation, seq)
    }

    fn apply(&mut self, mut event: Event) -> Result<(Position, Event), UnavailableError> {
        let sealed = match event.content_mut() {
            Some((Content::Text(text), hash)) => {
                let sealed = SaltedContent::new(text, self.salts).map_err(UnavailableError::new)?;
                *hash = Some(sealed.hash);
                Some(sealed)
            }
            Some((Content::Erased, _)) | None => None,
        };
        let (position, location) = self.group.push(&event, sealed.as_ref()).map_err(UnavailableError::new)?;
        self.applier.apply(self.view, &event, (position, location))?;
        Ok((position, event))
    }
}

/// The original answer, from the record of the change.
pub(in crate::store) fn original(record: Record) -> Result<Original, UnavailableError> {
    let original = Original::of(record.event);
    original
        .ok_or_else(|| UnavailableError::new("the index names a record of the journal that is no message"))
}

/// Checks everything but the content against the index's limits.
pub(in crate::store) fn check_size(change: &Change) -> Result<(), UnavailableError> {
    let fit = match change {
        Change::PutAccount(PutAccount { account: Account { user, teams, .. }, .. }) => {
            let texts = [user.id.as_str(), &user.email, &user.first_name, &user.last_name];
            texts.into_iter().all(values::fits) && values::fit_teams(teams)
        }
        Change::CreateConversation(create) => {
            let texts = [&create.title, create.permit.creator().as_str()];
            texts.into_iter().all(values::fits) && values::fit_teams(&create.teams)
        }
        Change::AppendMessage(append) => values::fits(append.permit.user().as_str()),
        Change::AppendEntry(append) => {
            let users = [Some(append.permit.user()), append.entry.names()];
            users.into_iter().flatten().all(|user| values::fits(user.as_str()))
        }
        Change::Escalate(escalate) => values::fits(escalate.conversation.as_str()),
        Change::ExpireOrder(expire) => values::fits(expire.conversation.as_str()),
        Change::MarkRead(read) => values::fits(read.permit.user().as_str()),
        Change::Enrol(membership) | Change::Withdraw(membership) => values::fits(membership.user.as_str()),
    };
    let conversation = change.supposes().is_none_or(|(id, _)| values::fits(id.as_str()));
    let id = change.key().is_none_or(|(_, id)| values::fits(id.as_str()));
    if fit && conversation && id {
        Ok(())
    } else {
        Err(UnavailableError::new("an id, a name, a title or a team is too long to be stored"))
    }
}
