//! Invariants of a record, given all records before it.

use chat_core::id::{ClientMessageId, ConversationId, MessageId, UserId};
use chat_core::store::UnavailableError;

use crate::store::index::apply::{Head, HeadCache};
use crate::store::index::view::View;
use crate::store::keys;
use crate::store::values::{self, MessageValue};
use crate::store::write::journal::{ConversationCreated, Event, MembershipChanged, MessageAppended, Record};

/// A violated invariant.
#[derive(Debug)]
pub(super) struct Wrong {
    /// A description.
    pub(super) what: String,
    /// Whether the record can't be applied at all.
    pub(super) unusable: bool,
}

/// The result of a check.
type Checked = Result<(), Wrong>;

/// The store before the present record.
pub(super) struct Before<'a> {
    pub(super) heads: &'a mut HeadCache,
    pub(super) view: &'a View,
}

impl Before<'_> {
    /// Checks a record.
    pub(super) fn check(&mut self, record: &Record) -> Result<Checked, UnavailableError> {
        let first = record.position.0 == 1;
        match &record.event {
            Event::EpochBegun { epoch } => {
                let known = self.view.get(keys::EPOCH)?;
                let again = known.is_some_and(|known| *known == *epoch.as_str().as_bytes());
                Ok(unless(again, || format!("the epoch {} begins again", epoch.as_str())))
            }
            _ if first => Ok(wrong("the first record begins no epoch".to_owned())),
            Event::AccountPut { .. } => Ok(Ok(())),
            Event::ConversationCreated(created) => self.created(created),
            Event::MessageAppended(appended) => self.appended(appended),
            Event::MessageRead { conversation, user, up_to } => self.read(conversation, user, *up_to),
            Event::UserEnrolled(changed) => self.membership(changed, true),
            Event::UserWithdrawn(changed) => self.membership(changed, false),
        }
    }

    fn created(&mut self, created: &ConversationCreated) -> Result<Checked, UnavailableError> {
        let ConversationCreated { id, participants, created_by, message_id, client_message_id, .. } = created;
        if let Err(wrong) = composed(message_id, 1) {
            return Ok(Err(wrong));
        }
        if self.heads.get(id, self.view)?.is_some() {
            return Ok(wrong(format!("the conversation {id} is created again")));
        }
        if !participants.is_sorted_by(|a, b| a < b) || !participants.contains(created_by) {
            return Ok(wrong(format!(
                "the participants of {id} are not in order, or without {created_by}, who created it"
            )));
        }
        self.unused(created_by, client_message_id.as_ref())
    }

    fn appended(&mut self, appended: &MessageAppended) -> Result<Checked, UnavailableError> {
        let MessageAppended { conversation, seq, message_id, sender, sent_at, client_message_id, .. } =
            appended;
        let head = match self.head(conversation)? {
            Ok(head) => head,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if let Err(wrong) = composed(message_id, *seq) {
            return Ok(Err(wrong));
        }
        if head.last_seq.checked_add(1) != Some(*seq) {
            return Ok(wrong(format!("message {seq} of {conversation} follows message {}", head.last_seq)));
        }
        if *sent_at < head.last_message_at {
            return Ok(wrong(format!(
                "message {seq} of {conversation} was sent at {sent_at}, before the one before it ({})",
                head.last_message_at
            )));
        }
        if !self.takes_part(conversation, sender)? {
            return Ok(wrong(format!(
                "message {seq} of {conversation} is by {sender}, who does not take part in it"
            )));
        }
        self.unused(sender, client_message_id.as_ref())
    }

    fn read(
        &mut self,
        conversation: &ConversationId,
        user: &UserId,
        up_to: u64,
    ) -> Result<Checked, UnavailableError> {
        let head = match self.head(conversation)? {
            Ok(head) => head,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let before = self.view.get_as(&keys::read_position(user, conversation), values::decode_number)?;
        let before = before.unwrap_or_default();
        if up_to <= before || up_to > head.last_seq {
            return Ok(wrong(format!(
                "{user} has read {conversation} up to {up_to}, which is not between {before}, as it was, and {}, its \
                 last message",
                head.last_seq
            )));
        }
        let takes_part = self.takes_part(conversation, user)?;
        Ok(unless(!takes_part, || format!("{user} has read {conversation}, but does not take part in it")))
    }

    fn membership(
        &mut self,
        changed: &MembershipChanged,
        enrolled: bool,
    ) -> Result<Checked, UnavailableError> {
        let MembershipChanged { conversation, user, version } = changed;
        let head = match self.head(conversation)? {
            Ok(head) => head,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if head.version.checked_add(1) != Some(*version) {
            return Ok(wrong(format!(
                "version {version} of {conversation} follows version {}",
                head.version
            )));
        }
        let took_part = self.takes_part(conversation, user)?;
        let change = if enrolled { "is enrolled in" } else { "is withdrawn from" };
        let state = if took_part { "took part in" } else { "did not take part in" };
        Ok(unless(took_part == enrolled, || format!("{user} {change} {conversation}, and {state} it before")))
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Result<Head, Wrong>, UnavailableError> {
        let head = self.heads.get(conversation, self.view)?;
        Ok(head.ok_or_else(|| Wrong {
            what: format!("there is no conversation {conversation}"),
            unusable: true,
        }))
    }

    fn takes_part(&self, conversation: &ConversationId, user: &UserId) -> Result<bool, UnavailableError> {
        Ok(self.view.get(&keys::participant(conversation, user))?.is_some())
    }

    fn unused(&self, user: &UserId, id: Option<&ClientMessageId>) -> Result<Checked, UnavailableError> {
        let Some(id) = id else { return Ok(Ok(())) };
        let is_taken = self.view.client_id(user, id)?.is_some();
        Ok(unless(is_taken, || format!("{user} has used the client message id {id} before")))
    }
}

/// Whether an id belongs to the message with this number.
fn composed(id: &MessageId, seq: u64) -> Checked {
    if id.seq() == Some(seq) && MessageValue::nonce(id).is_some() {
        Ok(())
    } else {
        Err(Wrong { what: format!("the id {id} is not one of a message {seq}"), unusable: true })
    }
}

fn wrong(what: String) -> Checked {
    Err(Wrong { what, unusable: false })
}

fn unless(bad: bool, what: impl FnOnce() -> String) -> Checked {
    if bad { wrong(what()) } else { Ok(()) }
}
