//! The rules that decide which changes are made. All stores share them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{
    Change, Committed, CreateConversation, MarkRead, Membership, Original, PutAccount, Rejected,
    SupposedAccount, Verdict,
};
use super::event::{ConversationCreated, Event, MembershipChanged, ReadMarked};
use super::{Account, Position, StoredAccount, UnavailableError, append};
use crate::conversation::{Conversation, Participation, Standing};
use crate::id::{ClientMessageId, ConversationId, MessageId, UserId};
use crate::permission::{belongs, by_role, takes_part};
use crate::protocol::{CONTROL, Emergency, Order, Work};
use crate::time::Timestamp;

/// The look-ups and the effect that [`Batch::judge`] needs from a store.
///
/// Each look-up sees all events applied before, those of the same batch included.
pub trait State {
    /// The last position of the history.
    fn position(&self) -> Position;

    /// The head of a conversation, or `None` if the conversation does not exist.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn head(&mut self, conversation: &ConversationId) -> Result<Option<Head>, UnavailableError>;

    /// The original request of a user under a `client_message_id`.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn original(&mut self, user: &UserId, id: &ClientMessageId)
    -> Result<Option<Original>, UnavailableError>;

    /// A user's read position in a conversation, 0 if nothing is read.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn read_position(
        &mut self,
        user: &UserId,
        conversation: &ConversationId,
    ) -> Result<u64, UnavailableError>;

    /// The account of a user, or `None` if the user is unknown.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn account(&mut self, user: &UserId) -> Result<Option<Arc<StoredAccount>>, UnavailableError>;

    /// The conversations of a user's emergencies that are not over.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn live_emergencies(&mut self, creator: &UserId) -> Result<Vec<ConversationId>, UnavailableError>;

    /// An order of a conversation, open or not, by the number of its message.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't tell.
    fn order(&mut self, conversation: &ConversationId, seq: u64) -> Result<Option<Order>, UnavailableError>;

    /// Makes an event part of the history, and returns it with its position. A store that seals
    /// texts sets the seal in the returned event.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the store can't take the event.
    fn apply(&mut self, event: Event) -> Result<(Position, Event), UnavailableError>;
}

/// The state of a conversation that decides about its next change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The teams and users who take part.
    pub participation: Arc<Participation>,
    /// The version of the conversation.
    pub version: u64,
    /// The number of the newest message or entry.
    pub last_seq: u64,
    /// The time of the newest message or entry.
    pub last_at: Timestamp,
    /// The work, as the last change has left it.
    pub work: Work,
    /// The creator.
    pub created_by: UserId,
    /// The emergency, as the last change has left it.
    pub emergency: Option<Box<Emergency>>,
    /// The numbers of the messages whose orders wait for an answer.
    pub open_orders: Vec<u64>,
}

impl Head {
    /// The head of the notes beside this conversation, with its participants and version. Without
    /// notes, that of an empty conversation.
    fn for_notes(self, notes: Option<Self>) -> Self {
        let Self { participation, version, created_by, .. } = self;
        let at = Timestamp::from_millis(0);
        let empty = || Self {
            participation: Arc::clone(&participation),
            version,
            last_seq: 0,
            last_at: at,
            work: Work::none(at),
            created_by,
            emergency: None,
            open_orders: Vec::new(),
        };
        let notes = notes.unwrap_or_else(empty);
        Self { participation, version, ..notes }
    }
}

impl From<&Conversation> for Head {
    fn from(conversation: &Conversation) -> Self {
        Self {
            participation: Arc::new(conversation.participation.clone()),
            version: conversation.version,
            last_seq: conversation.last_seq,
            last_at: conversation.last_at,
            work: conversation.work.clone(),
            created_by: conversation.created_by.clone(),
            emergency: conversation.emergency.clone(),
            open_orders: conversation.open_orders.clone(),
        }
    }
}

/// A batch of changes under judgement: see [`Store::commit`](super::Store::commit) for the rules.
///
/// Bounded by the conversations and users named in the batch.
#[derive(Debug, Default)]
pub struct Batch {
    /// Conversations that met a conflict. Their later changes are refused too.
    refused: BTreeSet<ConversationId>,
    /// Users whose account met a conflict. Their later changes are refused too.
    refused_users: BTreeSet<UserId>,
}

impl Batch {
    /// Judges the next change, and applies its event if accepted.
    ///
    /// # Errors
    ///
    /// [`UnavailableError`] if the state can't tell what the rules need. The whole batch is then
    /// void, with all that was applied.
    pub fn judge(&mut self, change: Change, state: &mut impl State) -> Result<Verdict, UnavailableError> {
        if let Some((user, id)) = change.key()
            && let Some(original) = state.original(user, id)?
        {
            return Ok(Err(Rejected::Duplicate(original)));
        }
        let Some(head) = self.head(&change, state)? else { return Ok(Err(Rejected::Conflict)) };
        if !self.is_permitted(&change, head.as_ref(), state)? {
            return Ok(Err(Rejected::Conflict));
        }
        let happened = match happens(change, head, state)? {
            Ok(Some(event)) => event,
            Ok(None) => return Ok(Ok(Committed { position: state.position(), event: None })),
            Err(rejected) => return Ok(Err(rejected)),
        };
        let (position, event) = state.apply(happened)?;
        Ok(Ok(Committed { position, event: Some(event) }))
    }

    /// The head of the change's conversation, which a new conversation and an account lack. The
    /// outer `None` is a conflict.
    fn head(
        &mut self,
        change: &Change,
        state: &mut impl State,
    ) -> Result<Option<Option<Head>>, UnavailableError> {
        let Some((conversation, supposed)) = change.supposes() else { return Ok(Some(None)) };
        if !self.refused.contains(conversation) {
            let head = state.head(&conversation.to_main())?;
            if head.as_ref().map(|head| head.version) == supposed {
                return Ok(Some(match head {
                    Some(head) if conversation.is_notes() => Some(head.for_notes(state.head(conversation)?)),
                    head => head,
                }));
            }
            self.refused.insert(conversation.clone());
        }
        Ok(None)
    }

    /// Whether the user's account, as earlier changes left it, is the one that the change was
    /// decided on, and permits the change.
    fn is_permitted(
        &mut self,
        change: &Change,
        head: Option<&Head>,
        state: &mut impl State,
    ) -> Result<bool, UnavailableError> {
        let Some((user, supposed)) = change.supposes_account() else { return Ok(true) };
        if self.refused_users.contains(user) {
            return Ok(false);
        }
        let known = state.account(user)?;
        let is_permitted = match supposed {
            SupposedAccount::Replaced(position) => known.map(|known| known.position) == position,
            SupposedAccount::Acting(rights) => {
                known.is_some_and(|known| known.rights == rights && has_right(&known.account, change, head))
            }
        };
        if !is_permitted {
            self.refused_users.insert(user.clone());
        }
        Ok(is_permitted)
    }
}

/// Whether a message, an entry or a reading (`head`), or a creation, is within the rights of this
/// account.
fn has_right(account: &Account, change: &Change, head: Option<&Head>) -> bool {
    match (change, head) {
        (_, Some(head)) => {
            let is_notes = change.supposes().is_some_and(|(id, _)| id.is_notes());
            takes_part(account, &head.participation) && (account.user.role.is_control() || !is_notes)
        }
        (Change::CreateConversation(create), None) => {
            account.active && by_role(account.user.role, create.event_type()).is_ok()
        }
        (_, None) => account.active,
    }
}

/// The event that an accepted change becomes, or `None` if there is nothing to change.
fn happens(
    change: Change,
    head: Option<Head>,
    state: &mut impl State,
) -> Result<Result<Option<Event>, Rejected>, UnavailableError> {
    // Only a note may suppose notes that do not exist yet.
    let is_empty = head.as_ref().is_some_and(|head| head.last_seq == 0);
    if is_empty && !matches!(change, Change::AppendMessage(_)) {
        return Ok(Err(Rejected::Conflict));
    }
    Ok(Ok(match (change, head) {
        (Change::PutAccount(PutAccount { account, .. }), _) => Some(Event::AccountPut { account }),
        (Change::CreateConversation(create), _) => match earlier_emergency(&create, state)? {
            Some(earlier) => return Ok(Err(Rejected::Repeated(earlier))),
            None => Some(created(create)),
        },
        (Change::AppendMessage(message), Some(head)) if message.is_press && !is_live(&head) => {
            return Ok(Err(Rejected::Conflict));
        }
        (Change::AppendMessage(message), Some(head)) if message.permit.conversation().is_notes() => {
            Some(append::note(message, &head, state)?)
        }
        (Change::AppendMessage(message), Some(head)) => {
            return Ok(append::message(message, &head, state)?.map(Some));
        }
        (Change::Escalate(escalate), _) => append::alert(escalate, state)?,
        (Change::ExpireOrder(expire), _) => append::expiry(expire, state)?,
        (Change::AppendEntry(entry), Some(head)) => {
            return Ok(append::entry(entry, &head, state)?.map(Some));
        }
        (Change::MarkRead(read), _) => marked(read, state)?,
        (Change::Enrol(membership), Some(head)) => added(membership, &head, state)?.map(Event::MemberAdded),
        (Change::Withdraw(membership), Some(head)) => {
            withdrawn(membership, &head, state)?.map(Event::MemberWithdrawn)
        }
        (
            Change::AppendMessage(_) | Change::AppendEntry(_) | Change::Enrol(_) | Change::Withdraw(_),
            None,
        ) => unreachable!("a change that supposes a version has met a head with this version"),
    }))
}

/// The conversation of an emergency of the same creator that is not over, and in which the creator
/// takes part.
fn earlier_emergency(
    create: &CreateConversation,
    state: &mut impl State,
) -> Result<Option<ConversationId>, UnavailableError> {
    if !create.is_emergency() {
        return Ok(None);
    }
    let creator = create.permit.creator();
    let Some(known) = state.account(creator)? else { return Ok(None) };
    for id in state.live_emergencies(creator)? {
        let head = state.head(&id)?;
        if head.is_some_and(|head| takes_part(&known.account, &head.participation)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn is_live(head: &Head) -> bool {
    head.emergency.as_ref().is_some_and(|emergency| emergency.is_live())
}

fn created(create: CreateConversation) -> Event {
    let emergency = create.is_emergency().then(|| Box::new(Emergency::raised(create.at)));
    let CreateConversation { permit, id, title, room_type, mut teams, to, at, .. } = create;
    teams.truncate(Participation::TEAMS_MOST);
    let creator = permit.into_user();
    let is_request = to.is_empty();
    // The user in control who starts a conversation takes part by team.
    let members = if is_request { vec![creator.id.clone()] } else { to };
    Event::ConversationCreated(Box::new(ConversationCreated {
        id,
        title,
        room_type,
        created_by: creator.id.clone(),
        participants: members.into_iter().collect(),
        control_members: BTreeSet::new(),
        teams: Some(teams),
        work: (!is_request).then(|| Work::started(creator.id.clone(), at)),
        emergency,
        creator: Some(creator),
        message_id: MessageId::compose(create.nonce, 1),
        sent_at: at,
        client_message_id: create.client_message_id,
        content_hash: None,
        content: create.content.into(),
    }))
}

fn marked(read: MarkRead, state: &mut impl State) -> Result<Option<Event>, UnavailableError> {
    let MarkRead { permit, up_to, message_id, at } = read;
    let (user, conversation) = (permit.user().clone(), permit.conversation().clone());
    if up_to <= state.read_position(&user, &conversation)? {
        return Ok(None);
    }
    let in_control = state.account(&user)?.is_some_and(|known| known.user().role.is_control());
    let by_control = in_control && up_to > state.read_position(&UserId::from(CONTROL), &conversation)?;
    let (message_id, at) = (Some(message_id), Some(at));
    Ok(Some(Event::ReadMarked(ReadMarked { conversation, user, up_to, by_control, message_id, at })))
}

/// The addition of a user by name, or `None` for a user who takes part already.
fn added(
    membership: Membership,
    head: &Head,
    state: &mut impl State,
) -> Result<Option<MembershipChanged>, UnavailableError> {
    let Membership { conversation, user, .. } = membership;
    let known = state.account(&user)?;
    let account = known.as_deref().map(|known| &known.account);
    if is_participant(&user, account, &head.participation) {
        return Ok(None);
    }
    let by_team = |account: &Account| head.participation.teams.iter().any(|t| account.teams.contains(t));
    let standing = match account {
        Some(account) if by_team(account) => Standing::Unnamed,
        Some(account) if account.user.role.is_control() => Standing::ControlMember,
        Some(_) | None => Standing::Member,
    };
    let was = head.participation.members.standing(&user);
    let (version, standing) = (head.version + 1, Some(standing));
    Ok(Some(MembershipChanged { conversation, user, version, was, standing }))
}

/// The withdrawal of a user by name, or `None` for a user who does not take part.
fn withdrawn(
    membership: Membership,
    head: &Head,
    state: &mut impl State,
) -> Result<Option<MembershipChanged>, UnavailableError> {
    let Membership { conversation, user, .. } = membership;
    let known = state.account(&user)?;
    let account = known.as_deref().map(|known| &known.account);
    let was = head.participation.members.standing(&user);
    let (version, standing) = (head.version + 1, Some(Standing::Withdrawn));
    let is_participant = is_participant(&user, account, &head.participation);
    Ok(is_participant.then_some(MembershipChanged { conversation, user, version, was, standing }))
}

/// Whether a user takes part, or will once active. A user without an account may be a member.
fn is_participant(user: &UserId, account: Option<&Account>, participation: &Participation) -> bool {
    match account {
        Some(account) => belongs(account, participation),
        None => participation.members.standing(user) == Standing::Member,
    }
}
