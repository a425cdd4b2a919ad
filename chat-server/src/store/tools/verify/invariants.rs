//! Invariants of a record, given all records before it.

use chat_core::conversation::{Participation, Standing};
use chat_core::id::{ClientMessageId, ConversationId, MessageId, TeamId, UserId};
use chat_core::protocol::{EmergencyAction, OrderAction, SERVER};
use chat_core::store::{
    Account, ConversationCreated, EntryBody, Event, Head, MembershipChanged, MessageAppended, ReadMarked,
    UnavailableError,
};

use super::{orders, work};
use crate::store::index::apply::{Applier, account, order};
use crate::store::index::view::View;
use crate::store::keys;
use crate::store::values::{self, ConversationValue, MessageValue};
use crate::store::write::journal::Record;

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
    pub(super) applier: &'a mut Applier,
    pub(super) view: &'a View,
    /// Whether the record is from after the first that names teams. Before, membership followed
    /// lists that are gone.
    pub(super) knows_teams: bool,
}

/// Whether an event says what only events since teams say.
pub(super) fn names_teams(event: &Event) -> bool {
    match event {
        Event::ConversationCreated(created) => created.teams.is_some(),
        Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => changed.standing.is_some(),
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::MessageAppended(_)
        | Event::ReadMarked(_) => false,
    }
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
            Event::AccountPut { account: Account { user, teams, .. } } => {
                Ok(few_teams(user.id.as_str(), teams, Account::TEAMS_MOST))
            }
            Event::ConversationCreated(created) => self.created(created),
            Event::MessageAppended(appended) => self.appended(appended),
            Event::ReadMarked(read) => self.read(read),
            Event::MemberAdded(changed) => self.membership(changed, true),
            Event::MemberWithdrawn(changed) => self.membership(changed, false),
        }
    }

    fn created(&mut self, created: &ConversationCreated) -> Result<Checked, UnavailableError> {
        let ConversationCreated { id, participants, created_by, message_id, client_message_id, .. } = created;
        if let Err(wrong) = composed(message_id, 1) {
            return Ok(Err(wrong));
        }
        if self.applier.head(id, self.view)?.is_some() {
            return Ok(wrong(format!("the conversation {id} is created again")));
        }
        // Control takes part by team in a conversation that it starts, and in notes.
        let is_by_control = created.work.is_some();
        if !is_by_control && !participants.contains(created_by) {
            return Ok(wrong(format!("the participants of {id} lack {created_by}, who created it")));
        }
        let teams = created.teams.as_deref().unwrap_or_default();
        if let Err(wrong) = few_teams(id.as_str(), teams, Participation::TEAMS_MOST) {
            return Ok(Err(wrong));
        }
        let creator =
            if id.is_notes() { self.first_note(created)? } else { self.creator(created, is_by_control)? };
        if let Err(wrong) = creator {
            return Ok(Err(wrong));
        }
        self.unused(created_by, client_message_id.as_ref())
    }

    /// Checks that a creator was active and on the right side: control starts a conversation, and
    /// field staff asks for one. Before teams everybody might.
    fn creator(
        &self,
        ConversationCreated { id, created_by: user, .. }: &ConversationCreated,
        is_by_control: bool,
    ) -> Result<Checked, UnavailableError> {
        if !self.knows_teams {
            return Ok(Ok(()));
        }
        Ok(match self.account(user)?.filter(|creator| creator.active) {
            None => wrong(format!("{id} is created by {user}, who is not active")),
            Some(creator) => unless(creator.user.role.is_control() != is_by_control, || {
                let side = if is_by_control { "not in control" } else { "in control" };
                format!("{id} is created by {user}, who is {side}")
            }),
        })
    }

    /// Checks that notes have no participants of their own, and belong to a conversation of their
    /// creator.
    fn first_note(
        &mut self,
        ConversationCreated { id, created_by, participants, teams, .. }: &ConversationCreated,
    ) -> Result<Checked, UnavailableError> {
        if let Err(wrong) = self.head(&id.to_main())? {
            return Ok(Err(wrong));
        }
        if !participants.is_empty() || teams.as_deref() != Some(&[]) {
            return Ok(wrong(format!("the notes {id} have participants of their own")));
        }
        let may = self.takes_part(id, created_by)?;
        Ok(unless(!may, || format!("{id} is created by {created_by}, who may not write notes there")))
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
        if *sent_at < head.last_at {
            return Ok(wrong(format!(
                "message {seq} of {conversation} was sent at {sent_at}, before the one before it ({})",
                head.last_at
            )));
        }
        if !is_by_server(appended) && !self.takes_part(conversation, sender)? {
            return Ok(wrong(format!(
                "message {seq} of {conversation} is by {sender}, who does not take part in it"
            )));
        }
        let what = work::wrong(&head.work, appended);
        let what = what.or_else(|| work::wrong_emergency(head.emergency.as_deref(), appended));
        let earlier = match &appended.order {
            Some(named) => order(self.view, conversation, named.seq)?,
            None => None,
        };
        let what = what.or_else(|| orders::wrong(earlier.as_ref(), appended));
        if let Some(what) = what {
            return Ok(wrong(what));
        }
        self.unused(sender, client_message_id.as_ref())
    }

    fn read(&mut self, read: &ReadMarked) -> Result<Checked, UnavailableError> {
        let ReadMarked { conversation, user, up_to, .. } = read;
        let head = match self.head(conversation)? {
            Ok(head) => head,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let before = self.view.get_as(&keys::read_position(user, conversation), values::decode_number)?;
        let before = before.unwrap_or_default();
        if *up_to <= before || *up_to > head.last_seq {
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
        let MembershipChanged { conversation, user, version, .. } = changed;
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
        if !self.knows_teams {
            return Ok(Ok(()));
        }
        let took_part = match self.account(user)? {
            Some(account) => self.belongs(conversation, &account)?,
            None => false,
        };
        let change = if enrolled { "is enrolled in" } else { "is withdrawn from" };
        let state = if took_part { "took part in" } else { "did not take part in" };
        Ok(unless(took_part == enrolled, || format!("{user} {change} {conversation}, and {state} it before")))
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Result<Head, Wrong>, UnavailableError> {
        let stored = self.applier.head(conversation, self.view)?;
        Ok(stored.map(|stored| stored.head).ok_or_else(|| Wrong {
            what: format!("there is no conversation {conversation}"),
            unusable: true,
        }))
    }

    fn account(&self, user: &UserId) -> Result<Option<Account>, UnavailableError> {
        Ok(account(self.view, user)?.map(|known| known.account))
    }

    /// Whether a user may act in a conversation. Before teams everybody might.
    fn takes_part(&self, conversation: &ConversationId, user: &UserId) -> Result<bool, UnavailableError> {
        if !self.knows_teams {
            return Ok(true);
        }
        let account = self.account(user)?.filter(|account| account.active);
        let account = account.filter(|account| account.user.role.is_control() || !conversation.is_notes());
        account.map_or(Ok(false), |account| self.belongs(&conversation.to_main(), &account))
    }

    /// Whether a user takes part once the account is active: not by the rules that decided the
    /// record, but by the entries of the index.
    fn belongs(&self, conversation: &ConversationId, account: &Account) -> Result<bool, UnavailableError> {
        let key = keys::member(conversation, &account.user.id);
        let by_name = match self.view.get_as(&key, values::decode_standing)? {
            Some(Standing::Withdrawn) => return Ok(false),
            Some(Standing::Member) => true,
            Some(Standing::ControlMember) => account.user.role.is_control(),
            Some(Standing::Unnamed) | None => false,
        };
        let value = self.view.get_as(&keys::conversation(conversation), values::decode_json)?;
        let ConversationValue { teams, .. } = self.view.decoded(value)?;
        Ok(by_name || account.teams.iter().any(|team| teams.contains(team)))
    }

    fn unused(&self, user: &UserId, id: Option<&ClientMessageId>) -> Result<Checked, UnavailableError> {
        let Some(id) = id else { return Ok(Ok(())) };
        let is_taken = self.view.client_id(user, id)?.is_some();
        Ok(unless(is_taken, || format!("{user} has used the client message id {id} before")))
    }
}

/// Checks the number of teams of an account or a conversation.
fn few_teams(id: &str, teams: &[TeamId], most: usize) -> Checked {
    unless(teams.len() > most, || format!("{id} has {} teams, and {most} are the most", teams.len()))
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

/// Whether the server has written the entry.
fn is_by_server(appended: &MessageAppended) -> bool {
    let alert = EntryBody::Emergency(EmergencyAction::Escalate);
    let expiry = EntryBody::Order(OrderAction::Expire);
    let is_its = appended.entry.as_ref().is_some_and(|entry| *entry == alert || *entry == expiry);
    appended.sender.as_str() == SERVER && is_its
}
