//! The decision on changes: accepts them into a group, or rejects them.

use std::collections::BTreeSet;

use chat_core::id::{ClientMessageId, ConversationId, MessageId, UserId};
use chat_core::store::{
    Account, AppendMessage, Change, CreateConversation, MarkRead, Membership, Original, Position, Receipt,
    Rejected, UnavailableError, Verdict,
};

use crate::store::index::apply::{Head, HeadCache};
use crate::store::index::view::View;
use crate::store::keys;
use crate::store::values;
use crate::store::write::journal::{
    Content, ConversationCreated, Event, Group, Location, MembershipChanged, MessageAppended, Reader, Record,
    SaltPool, SaltedContent,
};

/// A batch under judgement.
///
/// Accepted changes are in the group, in the view's own writes and in the heads, therefore later
/// changes see them. After an error none of the three may be used.
pub(in crate::store) struct Judge<'a> {
    view: &'a mut View,
    group: &'a mut Group,
    heads: &'a mut HeadCache,
    reader: &'a Reader,
    /// Conversations that met a conflict earlier in the batch.
    refused: BTreeSet<ConversationId>,
    salts: &'a mut SaltPool,
}

impl<'a> Judge<'a> {
    /// Begins a batch.
    pub(in crate::store) fn new(
        view: &'a mut View,
        group: &'a mut Group,
        heads: &'a mut HeadCache,
        reader: &'a Reader,
        salts: &'a mut SaltPool,
    ) -> Self {
        Self { view, group, heads, reader, refused: BTreeSet::new(), salts }
    }

    /// Judges the next change.
    ///
    /// # Errors
    ///
    /// If the decision needs an index that has failed, or the change is too large.
    pub(in crate::store) fn judge(&mut self, change: Change) -> Result<Verdict, UnavailableError> {
        fits(&change)?;
        if let Some((user, id)) = client_message_id(&change)
            && let Some(original) = self.original(user, id)?
        {
            return Ok(Err(Rejected::Duplicate(original)));
        }
        let head = match change.supposes() {
            None => None,
            Some((conversation, supposed)) => match self.head(conversation, supposed)? {
                Ok(head) => head,
                Err(rejected) => return Ok(Err(rejected)),
            },
        };
        self.accept(change, head).map(Ok)
    }

    fn original(&self, user: &UserId, id: &ClientMessageId) -> Result<Option<Original>, UnavailableError> {
        let Some(location) = self.view.client_id(user, id)? else { return Ok(None) };
        let record = match self.group.read(location) {
            Some(record) => record,
            None => self.reader.read(location).map_err(UnavailableError::new)?,
        };
        original(record).map(Some)
    }

    /// The head of a conversation, if as expected.
    fn head(
        &mut self,
        conversation: &ConversationId,
        supposed: Option<u64>,
    ) -> Result<Result<Option<Head>, Rejected>, UnavailableError> {
        if self.refused.contains(conversation) {
            return Ok(Err(Rejected::Conflict));
        }
        let head = self.heads.get(conversation, self.view)?;
        if head.map(|head| head.version) != supposed {
            self.refused.insert(conversation.clone());
            return Ok(Err(Rejected::Conflict));
        }
        Ok(Ok(head))
    }

    fn accept(&mut self, change: Change, head: Option<Head>) -> Result<Receipt, UnavailableError> {
        let head =
            |what: &str| head.ok_or_else(|| UnavailableError::new(format!("{what} has no conversation")));
        match change {
            Change::PutAccount(account) => self.put_account(account),
            Change::CreateConversation(create) => self.create(create),
            Change::AppendMessage(append) => self.append(append, head("a message")?),
            Change::MarkRead(read) => self.mark_read(&read),
            Change::Enrol(membership) => self.change_membership(membership, head("a membership")?, true),
            Change::Withdraw(membership) => self.change_membership(membership, head("a membership")?, false),
        }
    }

    fn put_account(&mut self, account: Account) -> Result<Receipt, UnavailableError> {
        let position = self.record(&Event::AccountPut { account }, None)?;
        Ok(Receipt::Account { position })
    }

    fn create(&mut self, create: CreateConversation) -> Result<Receipt, UnavailableError> {
        let sealed = SaltedContent::new(&create.content, self.salts).map_err(UnavailableError::new)?;
        let sent_at = create.at;
        let event = Event::ConversationCreated(ConversationCreated {
            id: create.id,
            title: create.title,
            room_type: create.room_type,
            created_by: create.permit.creator().clone(),
            participants: create.participants.iter().cloned().collect(),
            message_id: MessageId::compose(create.nonce, 1),
            sent_at,
            client_message_id: create.client_message_id,
            content_hash: sealed.hash,
        });
        let position = self.record(&event, Some((sealed, Content::Text(create.content))))?;
        Ok(Receipt::Created { position, sent_at })
    }

    fn append(&mut self, append: AppendMessage, head: Head) -> Result<Receipt, UnavailableError> {
        let sealed = SaltedContent::new(&append.content, self.salts).map_err(UnavailableError::new)?;
        let seq = head.last_seq + 1;
        let sent_at = append.at.max(head.last_message_at);
        let event = Event::MessageAppended(MessageAppended {
            conversation: append.permit.conversation().clone(),
            seq,
            message_id: MessageId::compose(append.nonce, seq),
            sender: append.permit.user().clone(),
            sent_at,
            client_message_id: append.client_message_id,
            content_hash: sealed.hash,
        });
        let position = self.record(&event, Some((sealed, Content::Text(append.content))))?;
        Ok(Receipt::Appended { position, seq, sent_at })
    }

    fn mark_read(&mut self, MarkRead { permit, up_to }: &MarkRead) -> Result<Receipt, UnavailableError> {
        let (user, conversation) = (permit.user(), permit.conversation());
        let marked = self.view.get_as(&keys::read_position(user, conversation), values::decode_number)?;
        if *up_to <= marked.unwrap_or_default() {
            return Ok(Receipt::Read { position: self.group.last(), advanced: false });
        }
        let (conversation, user) = (conversation.clone(), user.clone());
        let position = self.record(&Event::MessageRead { conversation, user, up_to: *up_to }, None)?;
        Ok(Receipt::Read { position, advanced: true })
    }

    fn change_membership(
        &mut self,
        Membership { conversation, user, .. }: Membership,
        Head { version, .. }: Head,
        enrol: bool,
    ) -> Result<Receipt, UnavailableError> {
        let takes_part = self.view.get(&keys::participant(&conversation, &user))?.is_some();
        if takes_part == enrol {
            return Ok(Receipt::Membership { position: self.group.last(), version, changed: false });
        }
        let version = version + 1;
        let changed = MembershipChanged { conversation, user, version };
        let event = if enrol { Event::UserEnrolled(changed) } else { Event::UserWithdrawn(changed) };
        let position = self.record(&event, None)?;
        Ok(Receipt::Membership { position, version, changed: true })
    }

    fn record(
        &mut self,
        event: &Event,
        content: Option<(SaltedContent, Content)>,
    ) -> Result<Position, UnavailableError> {
        let (sealed, content) = content.map_or((None, Content::None), |(sealed, text)| (Some(sealed), text));
        let (position, location): (Position, Location) =
            self.group.push(event, sealed.as_ref()).map_err(UnavailableError::new)?;
        self.heads.apply(self.view, event, &content, location)?;
        Ok(position)
    }
}

/// The original answer, from the record of the change.
pub(in crate::store) fn original(record: Record) -> Result<Original, UnavailableError> {
    let content = record.content.text().cloned();
    match record.event {
        Event::MessageAppended(appended) => Ok(Original::Message {
            conversation: appended.conversation,
            id: appended.message_id,
            seq: appended.seq,
            sent_at: appended.sent_at,
            content,
        }),
        Event::ConversationCreated(created) => Ok(Original::Conversation {
            id: created.id,
            title: created.title,
            room_type: created.room_type,
            created_by: created.created_by,
            participants: created.participants.into_iter().collect(),
            sent_at: created.sent_at,
            content,
        }),
        _ => Err(UnavailableError::new("the index names a record of the journal that is no message")),
    }
}

fn client_message_id(change: &Change) -> Option<(&UserId, &ClientMessageId)> {
    let (user, id) = match change {
        Change::CreateConversation(create) => (create.permit.creator(), &create.client_message_id),
        Change::AppendMessage(append) => (append.permit.user(), &append.client_message_id),
        _ => return None,
    };
    id.as_ref().map(|id| (user, id))
}

/// Checks everything but the content against the index's limits.
fn fits(change: &Change) -> Result<(), UnavailableError> {
    let fit = match change {
        Change::PutAccount(Account { user, .. }) => {
            let texts = [user.id.as_str(), &user.email, &user.first_name, &user.last_name];
            texts.into_iter().all(values::fits)
        }
        Change::CreateConversation(create) => {
            let mut users = create.participants.iter().chain([create.permit.creator()]);
            values::fits(&create.title) && users.all(|user| values::fits(user.as_str()))
        }
        Change::AppendMessage(append) => values::fits(append.permit.user().as_str()),
        Change::MarkRead(read) => values::fits(read.permit.user().as_str()),
        Change::Enrol(membership) | Change::Withdraw(membership) => values::fits(membership.user.as_str()),
    };
    let conversation = change.supposes().is_none_or(|(id, _)| values::fits(id.as_str()));
    let id = client_message_id(change).is_none_or(|(_, id)| values::fits(id.as_str()));
    if fit && conversation && id {
        Ok(())
    } else {
        Err(UnavailableError::new("an id, a name or a title is too long to be stored"))
    }
}
