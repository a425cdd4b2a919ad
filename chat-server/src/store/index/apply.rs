//! Applying an event of the journal to the index: the same for a new event, a replay and a rebuild.

use std::collections::HashMap;
use std::mem;

use chat_core::id::{ClientMessageId, ConversationId, MessageId, UserId};
use chat_core::store::{Account, UnavailableError};
use chat_core::time::Timestamp;

use super::messages::newest_message;
use super::view::View;
use crate::store::keys::{self, Hour};
use crate::store::values::{self, ContentValue, ConversationValue, INLINE_MOST, MessageValue};
use crate::store::write::journal::{
    Content, ConversationCreated, Event, Location, MembershipChanged, MessageAppended,
};

/// Most conversations with a remembered head. Each costs some 150 bytes. The less recently used
/// half is dropped first.
const HEADS_MOST: usize = 40_000;

/// The state of a conversation that decides about its next change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Head {
    /// The conversation's version.
    pub(in crate::store) version: u64,
    /// The number of its newest message.
    pub(in crate::store) last_seq: u64,
    /// When that message was sent.
    pub(in crate::store) last_message_at: Timestamp,
}

/// Heads of recently used conversations, in two generations. The older generation is dropped when
/// the younger one is full.
#[derive(Debug, Default)]
pub(in crate::store) struct HeadCache {
    young: HashMap<ConversationId, Head>,
    old: HashMap<ConversationId, Head>,
    /// Previous heads of conversations changed since [`keep`](Self::keep), oldest change first. A
    /// batch bounds their number.
    before: Vec<(ConversationId, Option<Head>)>,
}

impl HeadCache {
    /// The head of a conversation; `None` if the conversation does not exist.
    pub(in crate::store) fn get(
        &mut self,
        id: &ConversationId,
        view: &View,
    ) -> Result<Option<Head>, UnavailableError> {
        if let Some(head) = self.young.get(id) {
            return Ok(Some(*head));
        }
        let head = match self.old.remove(id) {
            Some(head) => Some(head),
            None => read_head(id, view)?,
        };
        if let Some(head) = head {
            self.remember(id, head);
        }
        Ok(head)
    }

    /// Confirms everything applied so far.
    pub(in crate::store) fn keep(&mut self) {
        self.before.clear();
    }

    /// Takes back everything applied since [`keep`](Self::keep).
    pub(in crate::store) fn undo(&mut self) {
        while let Some((id, head)) = self.before.pop() {
            self.old.remove(&id);
            match head {
                Some(head) => self.remember(&id, head),
                None => drop(self.young.remove(&id)),
            }
        }
    }

    fn set(&mut self, id: &ConversationId, head: Head) {
        let before = if let Some(known) = self.young.get_mut(id) {
            Some(mem::replace(known, head))
        } else {
            let before = self.old.get(id).copied();
            self.remember(id, head);
            before
        };
        self.before.push((id.clone(), before));
    }

    fn remember(&mut self, id: &ConversationId, head: Head) {
        if self.young.len() >= HEADS_MOST / 2 {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(id.clone(), head);
    }

    /// Applies the event of the record at this location.
    pub(in crate::store) fn apply(
        &mut self,
        view: &mut View,
        event: &Event,
        content: &Content,
        location: Location,
    ) -> Result<(), UnavailableError> {
        match event {
            Event::EpochBegun { epoch } => view.put(keys::EPOCH.to_vec(), epoch.as_str().as_bytes()),
            Event::AccountPut { account } => put_account(view, account),
            Event::ConversationCreated(created) => self.create(view, created, content, location)?,
            Event::MessageAppended(appended) => self.append(view, appended, content, location)?,
            Event::MessageRead { conversation, user, up_to } => {
                view.put(keys::read_position(user, conversation), &up_to.to_be_bytes());
            }
            Event::UserEnrolled(changed) => {
                let head = self.set_version(view, changed)?;
                put_participant(view, &changed.user, &changed.conversation, Hour::of(head.last_message_at));
            }
            Event::UserWithdrawn(changed) => {
                let head = self.set_version(view, changed)?;
                view.remove(keys::participant(&changed.conversation, &changed.user));
                view.remove(keys::membership(&changed.user, &changed.conversation));
                let hour = Hour::of(head.last_message_at);
                view.remove(keys::activity(&changed.user, hour, &changed.conversation));
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        view: &mut View,
        created: &ConversationCreated,
        content: &Content,
        location: Location,
    ) -> Result<(), UnavailableError> {
        let ConversationCreated { id, created_by, message_id, sent_at, client_message_id, .. } = created;
        let value = ConversationValue {
            title: created.title.clone(),
            room_type: created.room_type,
            created_by: created_by.clone(),
            created_at: *sent_at,
            version: 1,
        };
        view.put(keys::conversation(id), values::encode_json(&value));
        for user in &created.participants {
            put_participant(view, user, id, Hour::of(*sent_at));
        }
        let place = (id, 1, location);
        put_message(view, place, message_id, created_by, *sent_at, content)?;
        put_original(view, created_by, client_message_id.as_ref(), location);
        self.set(id, Head { version: 1, last_seq: 1, last_message_at: *sent_at });
        Ok(())
    }

    fn append(
        &mut self,
        view: &mut View,
        appended: &MessageAppended,
        content: &Content,
        location: Location,
    ) -> Result<(), UnavailableError> {
        let MessageAppended { conversation, seq, message_id, sender, sent_at, client_message_id, .. } =
            appended;
        let head = self.get(conversation, view)?;
        let head = view.decoded(head)?;
        let place = (conversation, *seq, location);
        put_message(view, place, message_id, sender, *sent_at, content)?;
        put_original(view, sender, client_message_id.as_ref(), location);
        let (before, now) = (Hour::of(head.last_message_at), Hour::of(*sent_at));
        if before != now {
            for user in participants(view, conversation)? {
                view.remove(keys::activity(&user, before, conversation));
                view.put(keys::activity(&user, now, conversation), &[]);
            }
        }
        self.set(conversation, Head { last_seq: *seq, last_message_at: *sent_at, ..head });
        Ok(())
    }

    fn set_version(
        &mut self,
        view: &mut View,
        changed: &MembershipChanged,
    ) -> Result<Head, UnavailableError> {
        let key = keys::conversation(&changed.conversation);
        let value = view.get_as(&key, values::decode_json)?;
        let value = ConversationValue { version: changed.version, ..view.decoded(value)? };
        let head = self.get(&changed.conversation, view)?;
        let head = Head { version: changed.version, ..view.decoded(head)? };
        view.put(key, values::encode_json(&value));
        self.set(&changed.conversation, head);
        Ok(head)
    }
}

/// The participants of a conversation, by id.
pub(in crate::store) fn participants(
    view: &View,
    id: &ConversationId,
) -> Result<Vec<UserId>, UnavailableError> {
    let prefix = keys::participants(id);
    let keys = view.prefix(&prefix)?;
    keys.map(|entry| view.decoded(keys::text(&entry?.0[prefix.len()..]))).collect()
}

fn read_head(id: &ConversationId, view: &View) -> Result<Option<Head>, UnavailableError> {
    let value = view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
    let Some(ConversationValue { version, .. }) = value else { return Ok(None) };
    let newest = newest_message(view, id)?;
    let (last_seq, newest) = view.decoded(newest)?;
    Ok(Some(Head { version, last_seq, last_message_at: newest.sent_at }))
}

fn put_account(view: &mut View, account: &Account) {
    let user = &account.user.id;
    view.put(keys::account(user), values::encode_account(account));
    mark(view, keys::control(user), account.is_active_control());
    mark(view, keys::due(user), account.enrolment_due);
}

fn mark(view: &mut View, key: Vec<u8>, set: bool) {
    if set {
        view.put(key, &[]);
    } else {
        view.remove(key);
    }
}

fn put_participant(view: &mut View, user: &UserId, conversation: &ConversationId, hour: Hour) {
    view.put(keys::participant(conversation, user), &[]);
    view.put(keys::membership(user, conversation), &[]);
    view.put(keys::activity(user, hour, conversation), &[]);
}

fn put_message(
    view: &mut View,
    (conversation, seq, location): (&ConversationId, u64, Location),
    id: &MessageId,
    sender: &UserId,
    sent_at: Timestamp,
    content: &Content,
) -> Result<(), UnavailableError> {
    let content = match content {
        Content::Text(text) if text.len() > INLINE_MOST => {
            ContentValue::Journal(u32::try_from(text.len()).unwrap_or(u32::MAX), location)
        }
        Content::Text(text) => ContentValue::Inline(text.clone()),
        Content::Erased | Content::None => ContentValue::Erased,
    };
    let nonce = view.decoded(MessageValue::nonce(id))?;
    let value = MessageValue { nonce, sent_at, sender: sender.clone(), content };
    view.put_message(conversation, seq, value);
    Ok(())
}

fn put_original(view: &mut View, user: &UserId, id: Option<&ClientMessageId>, location: Location) {
    if let Some(id) = id {
        view.put_client_id(user, id, location);
    }
}
