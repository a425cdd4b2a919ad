//! A group of changes under judgement, and its effects.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use chat_core::conversation::{Conversation, Participation, Standing};
use chat_core::id::{ClientMessageId, ConversationId, TeamId, UserId};
use chat_core::protocol::{Order, Work};
use chat_core::store::{
    Account, Batch, Change, Content, Event, Hash, Head, MembershipChanged, Original, Position, State,
    StoredAccount, UnavailableError, Verdict,
};
use chat_core::time::Timestamp;

use super::look_up::{Known, LookedUp};
use super::write::{of_assignee, of_team, of_user};
use crate::store::journal::{SaltPool, SaltedContent, chain};

/// The most by which a message's time may be ahead of the database's clock. A server whose clock is
/// wrong would otherwise pull the times of its conversations along.
const AHEAD_AT_MOST: Duration = Duration::from_secs(1);

/// The effect of a group on a conversation.
#[derive(Default)]
pub(super) struct Touched {
    /// Whether the conversation is new, or its members changed.
    pub(super) is_shaped: bool,
    /// The position of the newest message of a user before the group. `None` for a new
    /// conversation.
    pub(super) before: Option<Position>,
    /// Whether the work has changed.
    pub(super) is_worked: bool,
    /// The users, teams and assignees who have it in their lists from now on (`true`), or no more.
    pub(super) owners: BTreeMap<Vec<u8>, bool>,
}

impl Touched {
    fn reassign(&mut self, before: &Work, work: &Work) {
        self.is_worked = true;
        let of = |work: &Work| work.taken_by().map(|user| of_assignee(user.as_str()));
        self.owners.extend(of(before).map(|owner| (owner, false)));
        self.owners.extend(of(work).map(|owner| (owner, true)));
    }
}

/// A record to be written.
pub(super) struct NewRecord {
    pub(super) position: Position,
    pub(super) previous: Hash,
    pub(super) hash: Hash,
    pub(super) payload: Vec<u8>,
    pub(super) content: Option<Vec<u8>>,
    pub(super) event: Event,
}

/// Everything that a group changes.
#[derive(Default)]
pub(super) struct Effects {
    pub(super) records: Vec<NewRecord>,
    pub(super) conversations: Vec<(Known, Touched)>,
    pub(super) readings: BTreeMap<(ConversationId, UserId), u64>,
    pub(super) accounts: BTreeMap<UserId, Arc<StoredAccount>>,
    pub(super) orders: BTreeMap<(ConversationId, u64), Order>,
}

/// The state of the database, with what the changes have made of it.
pub(super) struct LaneState {
    looked_up: LookedUp,
    touched: BTreeMap<ConversationId, Touched>,
    effects: Effects,
}

/// A group that holds the lane.
pub(super) struct JudgedGroup<'a> {
    salts: &'a mut SaltPool,
    state: LaneState,
}

impl<'a> JudgedGroup<'a> {
    /// A group of changes over what was looked up for them.
    pub(super) fn new(looked_up: LookedUp, salts: &'a mut SaltPool) -> Self {
        Self { salts, state: LaneState::new(looked_up) }
    }

    /// Judges the changes in order.
    pub(super) fn judge(&mut self, changes: Vec<Change>) -> Result<Vec<Verdict>, UnavailableError> {
        let mut batch = Batch::default();
        let latest = self.state.looked_up.clock.plus(AHEAD_AT_MOST);
        changes.into_iter().map(|change| batch.judge(not_after(latest, change), self)).collect()
    }

    /// The end of the history once the group is committed.
    pub(super) fn end(&self) -> (Position, Hash) {
        self.state.looked_up.end
    }

    /// The effects of the accepted changes.
    pub(super) fn effects(self) -> Effects {
        self.state.effects()
    }
}

impl LaneState {
    /// The state that was looked up.
    pub(super) fn new(looked_up: LookedUp) -> Self {
        Self { looked_up, touched: BTreeMap::new(), effects: Effects::default() }
    }

    /// The known accounts.
    pub(super) fn accounts(&self) -> &HashMap<UserId, Arc<StoredAccount>> {
        &self.looked_up.accounts
    }

    /// The teams of a conversation.
    pub(super) fn teams(&self, conversation: &ConversationId) -> Vec<TeamId> {
        let known = self.looked_up.heads.get(conversation);
        known.map(|known| known.conversation.participation.teams.clone()).unwrap_or_default()
    }

    /// The work on a conversation.
    pub(super) fn work(&self, conversation: &ConversationId) -> Option<Work> {
        self.looked_up.heads.get(conversation).map(|known| known.conversation.work.clone())
    }

    /// The effects of the events.
    pub(super) fn effects(mut self) -> Effects {
        let touched = self.touched.into_iter();
        let known = touched.filter_map(|(id, touched)| Some((self.looked_up.heads.remove(&id)?, touched)));
        self.effects.conversations = known.collect();
        self.effects
    }

    fn change(&mut self, id: &ConversationId) -> (&mut Known, &mut Touched) {
        let known = self
            .looked_up
            .heads
            .get_mut(id)
            .expect("an accepted change names a conversation that was looked up");
        let before = Some(known.position);
        let touched =
            self.touched.entry(id.clone()).or_insert_with(|| Touched { before, ..Touched::default() });
        (known, touched)
    }

    /// Takes up an event. Its conversation is known.
    pub(super) fn note(&mut self, event: &Event, position: Position) {
        match event {
            Event::EpochBegun { .. } => {}
            Event::AccountPut { account } => self.put(account, position),
            Event::ConversationCreated(created) => self.create(created.conversation(), position),
            Event::MessageAppended(appended) => {
                let (known, touched) = self.change(&appended.conversation);
                if appended.entry.is_none() {
                    known.position = position;
                }
                if let Some(work) = &appended.work {
                    touched.reassign(&known.conversation.work, work);
                }
                known.conversation.append(appended);
                if let Some(order) = &appended.order {
                    let key = (appended.conversation.clone(), order.seq);
                    self.looked_up.orders.insert(key.clone(), Order::clone(order));
                    self.effects.orders.insert(key, Order::clone(order));
                }
            }
            Event::ReadMarked(read) => {
                for reader in read.readers() {
                    let key = (read.conversation.clone(), reader);
                    self.looked_up.readings.insert(key.clone(), read.up_to);
                    self.effects.readings.insert(key, read.up_to);
                }
            }
            Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => self.set_member(changed),
        }
    }

    fn put(&mut self, account: &Account, position: Position) {
        let user = &account.user.id;
        let known = self.looked_up.accounts.get(user).map(|known| &**known);
        let stored = Arc::new(StoredAccount::after(known, account.clone(), position));
        self.looked_up.accounts.insert(user.clone(), stored.clone());
        self.effects.accounts.insert(user.clone(), stored);
    }

    fn create(&mut self, conversation: Conversation, position: Position) {
        let Participation { teams, members } = &conversation.participation;
        let users = members.iter().map(|(user, _)| of_user(user.as_str()));
        let owners = users.chain(teams.iter().map(|team| of_team(team.as_str())));
        let assignee = conversation.work.taken_by().map(|user| of_assignee(user.as_str()));
        let owners = owners.chain(assignee).map(|owner| (owner, true)).collect();
        let touched = Touched { is_shaped: true, before: None, owners, is_worked: false };
        self.touched.insert(conversation.id.clone(), touched);
        self.looked_up.heads.insert(conversation.id.clone(), Known { conversation, position });
    }

    fn set_member(&mut self, changed: &MembershipChanged) {
        let standing = changed.standing.unwrap_or_default();
        let (known, touched) = self.change(&changed.conversation);
        known.conversation.participation.members.set(changed.user.clone(), standing);
        known.conversation.version = changed.version;
        touched.is_shaped = true;
        let has = matches!(standing, Standing::Member | Standing::ControlMember);
        touched.owners.insert(of_user(changed.user.as_str()), has);
    }

    fn remember(&mut self, event: &Event) {
        if let Some((user, id)) = event.key()
            && let Some(original) = Original::of(event.clone())
        {
            self.looked_up.originals.insert((user.clone(), id.clone()), original);
        }
    }
}

/// The change, with a time that is not later than this.
fn not_after(latest: Timestamp, mut change: Change) -> Change {
    match &mut change {
        Change::CreateConversation(create) => create.at = create.at.min(latest),
        Change::AppendMessage(append) => append.at = append.at.min(latest),
        Change::AppendEntry(append) => append.at = append.at.min(latest),
        Change::Escalate(escalate) => escalate.at = escalate.at.min(latest),
        Change::ExpireOrder(expire) => expire.at = expire.at.min(latest),
        Change::MarkRead(read) => read.at = read.at.min(latest),
        Change::PutAccount(_) | Change::Enrol(_) | Change::Withdraw(_) => {}
    }
    change
}

impl State for JudgedGroup<'_> {
    fn position(&self) -> Position {
        self.state.looked_up.end.0
    }

    fn head(&mut self, conversation: &ConversationId) -> Result<Option<Head>, UnavailableError> {
        Ok(self.state.looked_up.heads.get(conversation).map(|known| Head::from(&known.conversation)))
    }

    fn original(
        &mut self,
        user: &UserId,
        id: &ClientMessageId,
    ) -> Result<Option<Original>, UnavailableError> {
        Ok(self.state.looked_up.originals.get(&(user.clone(), id.clone())).cloned())
    }

    fn read_position(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<u64, UnavailableError> {
        Ok(self
            .state
            .looked_up
            .readings
            .get(&(conversation.clone(), user.clone()))
            .copied()
            .unwrap_or_default())
    }

    fn account(&mut self, user: &UserId) -> Result<Option<Arc<StoredAccount>>, UnavailableError> {
        Ok(self.state.looked_up.accounts.get(user).cloned())
    }

    fn live_emergencies(&mut self, creator: &UserId) -> Result<Vec<ConversationId>, UnavailableError> {
        let all = self.state.looked_up.heads.values().map(|known| &known.conversation);
        let live = all.filter(|one| one.created_by == *creator && one.is_live_emergency());
        let mut live: Vec<_> = live.map(|conversation| conversation.id.clone()).collect();
        live.sort_unstable();
        Ok(live)
    }

    fn order(&mut self, conversation: &ConversationId, seq: u64) -> Result<Option<Order>, UnavailableError> {
        Ok(self.state.looked_up.orders.get(&(conversation.clone(), seq)).cloned())
    }

    fn apply(&mut self, mut event: Event) -> Result<(Position, Event), UnavailableError> {
        let mut content = None;
        if let Some((Content::Text(text), hash)) = event.content_mut() {
            let sealed = SaltedContent::new(text, self.salts).map_err(UnavailableError::new)?;
            *hash = Some(sealed.hash);
            content = Some(sealed.into_bytes());
        }
        let payload = serde_json::to_vec(&event).map_err(UnavailableError::new)?;
        let (last, previous) = self.state.looked_up.end;
        let position = Position(last.0 + 1);
        let hash = chain(position, previous, &payload);
        self.state.looked_up.end = (position, hash);
        self.state.note(&event, position);
        self.state.remember(&event);
        self.state.effects.records.push(NewRecord {
            position,
            previous,
            hash,
            payload,
            content,
            event: event.clone(),
        });
        Ok((position, event))
    }
}
