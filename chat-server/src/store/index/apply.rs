//! Applying an event of the journal to the index: the same for a new event, a replay and a rebuild.

use std::collections::BTreeSet;
use std::sync::Arc;

use chat_core::conversation::{Members, Participation, Standing};
use chat_core::id::{ClientMessageId, ConversationId, TeamId, UserId};
use chat_core::order::compose;
use chat_core::protocol::{Message, Order};
use chat_core::store::{
    Account, ConversationCreated, Event, Head, MembershipChanged, MessageAppended, OrderPlace, Position,
    StoredAccount, UnavailableError,
};
use chat_core::time::Timestamp;

use super::heads::{NewestText, StoredHead, read_head};
use super::undo_cache::UndoCache;
use super::view::View;
use super::work_lists::{relist, relist_member};
use crate::store::keys::{self, Block, Owner};
use crate::store::values::{self, ContentValue, ConversationValue, INLINE_MOST, MessageValue};
use crate::store::write::journal::Location;

/// Most conversations with a remembered head. Each costs some 300 bytes, and 40 for each member.
const HEADS_MOST: usize = 40_000;

/// Most remembered accounts. Each costs some 300 bytes.
const ACCOUNTS_MOST: usize = 40_000;

/// The position of a record, with its location in the journal.
pub(in crate::store) type RecordAt = (Position, Location);

/// A new message, which moves its conversation to the top of the lists of its teams.
#[derive(Debug)]
pub(in crate::store) struct Move {
    pub(in crate::store) conversation: ConversationId,
    /// The teams are the owners of the lists.
    pub(in crate::store) participation: Arc<Participation>,
    /// The position of the message before, unless this is the first.
    pub(in crate::store) from: Option<Position>,
    /// The position of the message.
    pub(in crate::store) to: Position,
    /// The time of the message.
    pub(in crate::store) sent_at: Timestamp,
}

/// Applies events, and remembers the heads and accounts that were used recently.
#[derive(Debug)]
pub(in crate::store) struct Applier {
    heads: UndoCache<ConversationId, StoredHead>,
    accounts: UndoCache<UserId, Arc<StoredAccount>>,
    /// All active control users, once an event from before teams has needed them.
    pub(super) control: Option<Arc<BTreeSet<UserId>>>,
    /// The new messages since [`keep`](Self::keep).
    moves: Vec<Move>,
}

impl Default for Applier {
    fn default() -> Self {
        let (heads, accounts) = (UndoCache::new(HEADS_MOST), UndoCache::new(ACCOUNTS_MOST));
        Self { heads, accounts, control: None, moves: Vec::new() }
    }
}

impl Applier {
    /// The head of a conversation; `None` if the conversation does not exist.
    pub(in crate::store) fn head(
        &mut self,
        id: &ConversationId,
        view: &View,
    ) -> Result<Option<StoredHead>, UnavailableError> {
        self.heads.get(id, || read_head(id, view))
    }

    /// The account of a user.
    pub(in crate::store) fn account(
        &mut self,
        user: &UserId,
        view: &View,
    ) -> Result<Option<Arc<StoredAccount>>, UnavailableError> {
        self.accounts.get(user, || Ok(account(view, user)?.map(Arc::new)))
    }

    /// Confirms everything applied so far, and returns the new messages since the last time.
    pub(in crate::store) fn keep(&mut self) -> Vec<Move> {
        self.heads.keep();
        self.accounts.keep();
        std::mem::take(&mut self.moves)
    }

    /// Takes back everything applied since [`keep`](Self::keep).
    pub(in crate::store) fn undo(&mut self) {
        self.heads.undo();
        self.accounts.undo();
        self.control = None;
        self.moves.clear();
    }

    /// Applies an event.
    pub(in crate::store) fn apply(
        &mut self,
        view: &mut View,
        event: &Event,
        place: RecordAt,
    ) -> Result<(), UnavailableError> {
        match event {
            Event::EpochBegun { epoch } => view.put(keys::EPOCH.to_vec(), epoch.as_str().as_bytes()),
            Event::AccountPut { account } => self.put_account(view, account, place.0)?,
            Event::ConversationCreated(created) => self.create(view, created, place)?,
            Event::MessageAppended(appended) => self.append(view, appended, place)?,
            Event::ReadMarked(read) => {
                for reader in read.readers() {
                    view.put(keys::read_position(&reader, &read.conversation), &read.up_to.to_be_bytes());
                }
            }
            Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => {
                self.change_member(view, changed)?;
            }
        }
        Ok(())
    }

    fn put_account(
        &mut self,
        view: &mut View,
        account: &Account,
        position: Position,
    ) -> Result<(), UnavailableError> {
        let user = &account.user.id;
        let known = self.account(user, view)?;
        let stored = StoredAccount::after(known.as_deref(), account.clone(), position);
        view.put(keys::account(user), values::encode_json(&stored));
        if account.is_staff() {
            view.put(keys::staff(user), &[]);
        } else {
            view.remove(keys::staff(user));
        }
        if let Some(control) = &mut self.control {
            let control = Arc::make_mut(control);
            if account.is_active_control() {
                control.insert(user.clone());
            } else {
                control.remove(user);
            }
        }
        self.accounts.set(user, Arc::new(stored));
        Ok(())
    }

    fn create(
        &mut self,
        view: &mut View,
        created: &ConversationCreated,
        place: RecordAt,
    ) -> Result<(), UnavailableError> {
        let ConversationCreated { id, created_by, sent_at, client_message_id, .. } = created;
        let conversation = created.conversation();
        view.put(keys::conversation(id), values::encode_json(&ConversationValue::from(&conversation)));
        let participation = Arc::new(conversation.participation);
        for (user, standing) in participation.members.iter() {
            put_standing(view, id, user, standing);
        }
        let message = created.message();
        let shown = message.work.clone().filter(|_| created.work.is_some());
        put_message(view, &Message { work: shown, ..message }, 1, place)?;
        put_original(view, created_by, client_message_id.as_ref(), place.1);
        let (work, emergency) = (conversation.work, conversation.emergency);
        relist(view, id, &participation, None, &work);
        let created_by = created_by.clone();
        let head = Head {
            participation,
            version: 1,
            last_seq: 1,
            last_at: *sent_at,
            work,
            created_by,
            emergency,
            open_orders: Vec::new(),
        };
        let text = NewestText { seq: 1, position: place.0, sent_at: *sent_at };
        let head = StoredHead { head, text };
        if head.head.emergency.is_some() {
            view.put(keys::emergency(&head.head.created_by, id), &[]);
        }
        if created.work.is_some() || head.head.emergency.is_some() {
            view.put(keys::work(id), values::encode_json(&head.work_value()));
        }
        self.advance(view, id, None, head);
        Ok(())
    }

    fn append(
        &mut self,
        view: &mut View,
        appended: &MessageAppended,
        place: RecordAt,
    ) -> Result<(), UnavailableError> {
        let MessageAppended { conversation, seq, sender, client_message_id, .. } = appended;
        let before = self.head(conversation, view)?;
        let before = view.decoded(before)?;
        put_message(view, &appended.message(), *seq, place)?;
        put_original(view, sender, client_message_id.as_ref(), place.1);
        let from = before.text.position;
        if let Some(work) = &appended.work {
            relist(view, conversation, &before.head.participation, Some(&before.head.work), work);
        }
        let after = before.after(appended, place.0);
        if appended.emergency.as_ref().is_some_and(|emergency| !emergency.is_live()) {
            view.remove(keys::emergency(&after.head.created_by, conversation));
        }
        if let Some(order) = &appended.order {
            put_order(view, conversation, order);
        }
        if has_state(appended) {
            view.put(keys::work(conversation), values::encode_json(&after.work_value()));
        }
        if appended.entry.is_none() {
            self.advance(view, conversation, Some(from), after);
        } else {
            self.heads.set(conversation, after);
        }
        Ok(())
    }

    /// Sets the head of a conversation with a new message of a user, and lists the conversation in
    /// the message's block.
    fn advance(&mut self, view: &mut View, id: &ConversationId, from: Option<Position>, to: StoredHead) {
        let (before, now) = (from.map(Block::of), Block::of(to.text.position));
        if before != Some(now) {
            for owner in owners(&to.head.participation) {
                before.iter().for_each(|before| view.remove(keys::activity(&owner, *before, id)));
                view.put(keys::activity(&owner, now, id), &[]);
            }
        }
        self.moves.push(Move {
            conversation: id.clone(),
            participation: to.head.participation.clone(),
            from,
            to: to.text.position,
            sent_at: to.text.sent_at,
        });
        self.heads.set(id, to);
    }

    fn change_member(
        &mut self,
        view: &mut View,
        changed: &MembershipChanged,
    ) -> Result<(), UnavailableError> {
        let MembershipChanged { conversation: id, user, version, standing, .. } = changed;
        let standing = standing.unwrap_or_default();
        let key = keys::conversation(id);
        let value = view.get_as(&key, values::decode_json)?;
        let value = ConversationValue { version: *version, ..view.decoded(value)? };
        view.put(key, values::encode_json(&value));
        let head = self.head(id, view)?;
        let StoredHead { mut head, text } = view.decoded(head)?;
        put_standing(view, id, user, standing);
        let listed = keys::activity(&Owner::User(user.clone()), Block::of(text.position), id);
        if is_listed(standing) {
            view.put(listed, &[]);
        } else {
            view.remove(listed);
        }
        relist_member(view, id, (user, standing), &head.work);
        Arc::make_mut(&mut head.participation).members.set(user.clone(), standing);
        head.version = *version;
        self.heads.set(id, StoredHead { head, text });
        Ok(())
    }
}

/// Whether a message or entry changes the row about the work.
fn has_state(appended: &MessageAppended) -> bool {
    let MessageAppended { entry, work, emergency, order, .. } = appended;
    entry.is_some() || work.is_some() || emergency.is_some() || order.is_some()
}

/// Stores an order as it is now, and lists it while it waits for an answer.
fn put_order(view: &mut View, conversation: &ConversationId, order: &Order) {
    view.put(keys::order(conversation, order.seq), values::encode_json(order));
    let listed = keys::open_order(&OrderPlace::of(conversation, order));
    if order.is_open() {
        view.put(listed, &[]);
    } else {
        view.remove(listed);
    }
}

/// The order of a message.
pub(in crate::store) fn order(
    view: &View,
    conversation: &ConversationId,
    seq: u64,
) -> Result<Option<Order>, UnavailableError> {
    view.get_as(&keys::order(conversation, seq), values::decode_json)
}

/// The account of a user.
pub(in crate::store) fn account(
    view: &View,
    user: &UserId,
) -> Result<Option<StoredAccount>, UnavailableError> {
    view.get_as(&keys::account(user), values::decode_json)
}

/// The conversations of a user's emergencies that are not over.
pub(in crate::store) fn live_emergencies(
    view: &View,
    creator: &UserId,
) -> Result<Vec<ConversationId>, UnavailableError> {
    let rows = view.prefix(&keys::emergencies(creator))?;
    rows.map(|row| view.decoded(keys::emergency_conversation(&row?.0))).collect()
}

/// All accounts of the staff, by id.
pub(in crate::store) fn staff(view: &View) -> Result<Vec<StoredAccount>, UnavailableError> {
    let marks = view.prefix(keys::STAFF)?;
    let accounts = marks.map(|mark| {
        let user: UserId = view.decoded(keys::text(&mark?.0[keys::STAFF.len()..]))?;
        view.decoded(account(view, &user)?)
    });
    accounts.collect()
}

/// The teams and members of a conversation.
pub(in crate::store) fn participation(
    view: &View,
    id: &ConversationId,
    teams: Vec<TeamId>,
) -> Result<Participation, UnavailableError> {
    let prefix = keys::members(id);
    let members = view.prefix(&prefix)?.map(|entry| {
        let (key, standing) = entry?;
        let user = view.decoded(keys::text(&key[prefix.len()..]))?;
        Ok((user, view.decoded(values::decode_standing(&standing))?))
    });
    Ok(Participation { teams, members: members.collect::<Result<Members, _>>()? })
}

/// The owners of the lists that have a conversation.
fn owners(Participation { teams, members }: &Participation) -> impl Iterator<Item = Owner> {
    let users = members.iter().filter(|(_, standing)| is_listed(*standing));
    teams.iter().cloned().map(Owner::Team).chain(users.map(|(user, _)| Owner::User(user.clone())))
}

/// Whether the list of a user with this standing has the conversation.
fn is_listed(standing: Standing) -> bool {
    matches!(standing, Standing::Member | Standing::ControlMember)
}

fn put_standing(view: &mut View, conversation: &ConversationId, user: &UserId, standing: Standing) {
    let key = keys::member(conversation, user);
    match values::encode_standing(standing) {
        Some(standing) => view.put(key, &standing),
        None => view.remove(key),
    }
}

fn put_message(
    view: &mut View,
    message: &Message,
    seq: u64,
    (position, location): RecordAt,
) -> Result<(), UnavailableError> {
    let Message { id, conversation_id, sender_id, sent_at, erased, work, emergency, .. } = message;
    let content = match &message.order {
        Some(shown) => compose(&message.content, &shown.answers),
        None => message.content.clone(),
    };
    let content = match content {
        _ if *erased => ContentValue::Erased,
        text if text.len() > INLINE_MOST => {
            ContentValue::Journal(u32::try_from(text.len()).unwrap_or(u32::MAX), location)
        }
        text => ContentValue::Inline(text),
    };
    let nonce = view.decoded(MessageValue::nonce(id))?;
    let (sender, work) = (sender_id.clone(), work.clone().map(Box::new));
    let emergency = emergency.clone();
    let choices = message.order.as_ref().map(|shown| shown.order.choices);
    let value = MessageValue {
        nonce,
        position,
        sent_at: *sent_at,
        sender,
        work,
        emergency,
        choices,
        answer: message.answer.clone(),
        content,
    };
    view.put_message(conversation_id, seq, value);
    Ok(())
}

fn put_original(view: &mut View, user: &UserId, id: Option<&ClientMessageId>, location: Location) {
    if let Some(id) = id {
        view.put_client_id(user, id, location);
    }
}
