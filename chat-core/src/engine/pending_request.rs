//! A pending request or command: its operation, the facts loaded for it, and its next step.

use std::sync::Arc;

use super::budget::BudgetCharge;
use super::directory::StaffDirectory;
use super::ids::Ids;
use super::io::Command;
use super::key_locks::IdempotencyKey;
use super::online::Online;
use super::{Cache, Teams};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch};
use crate::limits::Limits;
use crate::permission::{self, MayTakePart};
use crate::phrases::Phrases;
use crate::protocol::{
    Emergency, Error, ErrorCode, RateClass, Reading, Reads, Reply, Request, RoomType, Rules, Work,
};
use crate::store::{
    Change, ConversationPage, Facts, MessagePage, OrderPage, Original, Query, StoredAccount, Window, WorkPage,
};
use crate::time::Now;

/// An operation to carry out.
pub(super) enum Operation {
    /// A request of a client.
    Request(Request),
    /// A command of the embedder.
    Command(Command),
}

impl Operation {
    /// The id under which the operation may be repeated.
    pub(super) fn client_message_id(&self) -> Option<&ClientMessageId> {
        match self {
            Self::Request(request) => request.client_message_id(),
            Self::Command(command) => command.client_message_id(),
        }
    }
}

/// A request or command that is not answered yet.
pub(super) struct PendingRequest {
    pub(super) operation: Operation,
    /// The account of the user on whose behalf the operation runs.
    pub(super) account: Arc<StoredAccount>,
    /// Loaded facts. `None` for most requests: a message needs only the cache.
    loaded: Option<Box<LoadedFacts>>,
    /// The outcome of the rate limit, checked once.
    pub(super) rate_check: Option<Result<(), Error>>,
    /// The outcome of the daily budget, checked once. `Ok(None)` if nothing was charged.
    pub(super) budget_check: Option<Result<Option<BudgetCharge>, Error>>,
    /// The number of conflicts met by changes of this request.
    pub(super) conflicts: u32,
    /// The request is about to be refused, but may repeat an accepted one. Its original is looked
    /// up once all earlier requests are answered. Without an original, the refusal is sent at once.
    pub(super) last_resort: bool,
    /// The request repeats an accepted one, whose original is loaded.
    pub(super) is_repeat: bool,
    /// The conversation of the user's emergency, by which the store has refused another one.
    pub(super) emergency: Option<ConversationId>,
}

impl PendingRequest {
    pub(super) fn new(operation: Operation, account: Arc<StoredAccount>) -> Self {
        Self {
            operation,
            account,
            loaded: None,
            rate_check: None,
            budget_check: None,
            conflicts: 0,
            last_resort: false,
            is_repeat: false,
            emergency: None,
        }
    }

    /// The facts loaded for this request.
    pub(super) fn facts(&self) -> &LoadedFacts {
        self.loaded.as_deref().unwrap_or(&LoadedFacts::NOTHING)
    }

    /// Records loaded facts.
    pub(super) fn record(&mut self, query: &Query, facts: Facts) {
        self.loaded.get_or_insert_default().record(query, facts);
    }

    /// Drops the loaded conversation after a step, because a later step needs a fresh one.
    pub(super) fn clear_conversation(&mut self) {
        if let Some(facts) = &mut self.loaded {
            facts.conversation = None;
        }
    }

    /// Drops all facts, so that the request is decided anew.
    pub(super) fn clear_facts(&mut self) {
        self.loaded = None;
        self.is_repeat = false;
    }

    /// Records that the request repeats this original.
    pub(super) fn repeats(&mut self, original: Original) {
        self.loaded.get_or_insert_default().original = Some(Some(original));
        self.is_repeat = true;
    }

    /// The key under which the request may be repeated.
    pub(super) fn key(&self) -> Option<IdempotencyKey> {
        Some((self.account.user().id.clone(), self.operation.client_message_id()?.clone()))
    }

    /// Whether the request must see the effects of all earlier ones.
    pub(super) fn waits_for_those_before(&self) -> bool {
        self.last_resort || self.rules().is_some_and(|rules| rules.reads != Reads::Nothing)
    }

    /// Whether live events must wait for the reply, so that no event is lost between the two.
    pub(super) fn catches_up(&self) -> bool {
        self.rules().is_some_and(|rules| rules.reads == Reads::Missed)
    }

    /// Whether the bytes of the reply are charged.
    pub(super) fn asks_for_page(&self) -> bool {
        self.rules().is_some_and(|rules| rules.rate == RateClass::Page)
    }

    /// The rules of a request.
    fn rules(&self) -> Option<Rules> {
        match &self.operation {
            Operation::Request(request) => Some(request.rules()),
            Operation::Command(_) => None,
        }
    }
}

/// The facts loaded for one request. `None` means not loaded.
#[derive(Default)]
pub(super) struct LoadedFacts {
    /// The conversation, fresh from the store and valid for the next step only.
    pub(super) conversation: Option<Option<Conversation>>,
    pub(super) conversations: Option<ConversationPage>,
    /// A page of messages with its window.
    pub(super) messages: Option<(Window, MessagePage)>,
    pub(super) message: Option<Option<u64>>,
    pub(super) original: Option<Option<Original>>,
    pub(super) account: Option<Option<StoredAccount>>,
    pub(super) accounts: Option<Vec<StoredAccount>>,
    pub(super) work: Option<Box<WorkPage>>,
    pub(super) orders: Option<OrderPage>,
}

impl LoadedFacts {
    const NOTHING: Self = Self {
        conversation: None,
        conversations: None,
        messages: None,
        message: None,
        original: None,
        account: None,
        accounts: None,
        work: None,
        orders: None,
    };

    /// Records facts. The directory and the emergencies are never loaded for a request.
    fn record(&mut self, query: &Query, facts: Facts) {
        match facts {
            Facts::Conversation(facts) => self.conversation = Some(facts),
            Facts::Conversations(facts) | Facts::ConversationRow(facts) => self.conversations = Some(facts),
            Facts::Messages(facts) => {
                if let Query::Messages { window, .. } = query {
                    self.messages = Some((*window, facts));
                }
            }
            Facts::Message(facts) => self.message = Some(facts),
            Facts::Original(facts) => self.original = Some(facts),
            Facts::Account(facts) => self.account = Some(facts),
            Facts::Accounts(facts) => self.accounts = Some(facts),
            Facts::Work(facts) => self.work = Some(facts),
            Facts::OpenOrders(facts) => self.orders = Some(facts),
            Facts::Directory(_) | Facts::Emergencies(_) => {}
        }
    }
}

/// The next step of a request.
pub(super) enum Step {
    /// Commit a change, then reply.
    Commit(Change),
    /// Reply.
    Reply(Reply),
    /// Join a support room, then reply.
    JoinRoom(RoomType),
    /// Start or stop typing, then reply.
    Type(MayTakePart, bool),
    /// Have a token verified, then prolong the session.
    Verify(String),
}

/// The reason why a request can't take its next step.
pub(super) enum Blocked {
    /// Facts are missing, and must be loaded first.
    OnLoad(Query),
    /// All requests before this one on its connection must be answered first.
    OnTurn,
    /// The request is refused for good.
    Rejected(Error),
}

impl From<Error> for Blocked {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}

impl From<ErrorCode> for Blocked {
    fn from(code: ErrorCode) -> Self {
        Self::Rejected(code.into())
    }
}

/// The result of a handler.
pub(super) type HandlerResult = Result<Step, Blocked>;

/// The state that a handler may read.
pub(super) struct HandlerContext<'a> {
    pub(super) now: Now,
    pub(super) limits: &'a Limits,
    pub(super) epoch: &'a Epoch,
    /// The name of this server.
    pub(super) server: Option<&'a Arc<str>>,
    pub(super) phrases: &'a Phrases,
    pub(super) teams: &'a dyn Teams,
    pub(super) directory: &'a StaffDirectory,
    pub(super) online: &'a Online,
    pub(super) cache: &'a mut Cache,
    pub(super) ids: &'a mut Ids,
    /// The conversation of an emergency of the user that may not be over.
    pub(super) emergency: Option<&'a ConversationId>,
    /// Joins that named a later number than the store has, in the same epoch.
    pub(super) joins_beyond: &'a mut u64,
    pub(super) account: &'a StoredAccount,
    pub(super) facts: &'a LoadedFacts,
}

impl HandlerContext<'_> {
    /// Returns the permit to take part in a conversation.
    ///
    /// Only participants get cache hits. Everyone else always costs one load, so timing doesn't
    /// reveal whether the conversation exists (P5).
    pub(super) fn may_take_part(&mut self, id: &ConversationId) -> Result<MayTakePart, Blocked> {
        let account = self.account;
        self.may_take_part_as(account, id)
    }

    /// Returns the permit to write notes beside a conversation.
    pub(super) fn may_add_note(&mut self, id: &ConversationId) -> Result<MayTakePart, Blocked> {
        self.may_take_part(id)?;
        Ok(permission::may_see_notes(self.account, self.conversation(id))?)
    }

    /// Returns the permit to read a conversation, or notes that exist.
    ///
    /// The store has notes without participants. So a user in the field is refused after one load
    /// whether the notes exist or not (P5), and so is every request that is not for reading.
    pub(super) fn may_read(&mut self, id: &ConversationId) -> Result<MayTakePart, Blocked> {
        if !id.is_notes() || !self.account.user().role.is_control() {
            return self.may_take_part(id);
        }
        let main = id.to_main();
        let permit = self.may_add_note(&main)?;
        match self.conversation(&main) {
            Some(conversation) if conversation.has_notes => Ok(permit),
            _ if self.facts.conversation.is_none() => Err(Blocked::OnLoad(Query::Conversation(main))),
            _ => Err(ErrorCode::ConversationNotFound.into()),
        }
    }

    /// The work as shown: an assignee without the right to the conversation counts as nobody.
    pub(super) fn seen_work(&self, work: Work, id: &ConversationId) -> Work {
        work.seen(|user| self.conversation(id).is_some_and(|found| self.directory.may_have(user, found)))
    }

    /// The emergency as shown: taken by a user without the right to the conversation, it is open.
    pub(super) fn seen_emergency(&self, emergency: Emergency, id: &ConversationId) -> Emergency {
        emergency.seen(|user| self.conversation(id).is_some_and(|found| self.directory.may_have(user, found)))
    }

    /// The id of a conversation's notes as shown: to control alone.
    pub(super) fn seen_notes(&self, conversation: &Conversation) -> Option<ConversationId> {
        let is_shown = conversation.has_notes && self.account.user().role.is_control();
        is_shown.then(|| conversation.id.notes())
    }

    /// The read positions as shown: without members who are in control now.
    pub(super) fn seen_positions(&self, positions: &[Reading]) -> Vec<Reading> {
        let shown = positions.iter().filter(|reading| !self.directory.is_control(&reading.user_id));
        shown.cloned().collect()
    }

    /// The conversation of a permit that was returned for the request.
    pub(super) fn conversation(&self, id: &ConversationId) -> Option<&Conversation> {
        let loaded = self.facts.conversation.as_ref().and_then(Option::as_ref);
        loaded.or_else(|| self.cache.get(id))
    }

    /// The same for another account than that of the context.
    pub(super) fn may_take_part_as(
        &mut self,
        stored: &StoredAccount,
        id: &ConversationId,
    ) -> Result<MayTakePart, Blocked> {
        if let Some(conversation) = self.cache.for_participant(id, &stored.account) {
            return Ok(permission::may_take_part(stored, Some(conversation))?);
        }
        match &self.facts.conversation {
            Some(conversation) => Ok(permission::may_take_part(stored, conversation.as_ref())?),
            None => Err(Blocked::OnLoad(Query::Conversation(id.clone()))),
        }
    }
}
