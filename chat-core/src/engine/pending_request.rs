//! A request or command on its way: what it asks, what is known for it, what it needs next.

use std::sync::Arc;

use super::budget::BudgetCharge;
use super::directory::ControlDirectory;
use super::ids::Ids;
use super::io::Command;
use super::key_locks::IdempotencyKey;
use super::{Assignment, Cache};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch};
use crate::limits::Limits;
use crate::permission::{self, MayTakePart};
use crate::protocol::{Error, ErrorCode, Reply, Request, RoomType, User};
use crate::store::{Account, Change, ConversationPage, Facts, MessagePage, Original, Query, Window};
use crate::time::Now;

/// What is asked.
pub(super) enum Operation {
    /// By a client.
    Request(Request),
    /// By the embedder.
    Command(Command),
}

impl Operation {
    /// The id under which it may be repeated.
    pub(super) fn client_message_id(&self) -> Option<&ClientMessageId> {
        match self {
            Self::Request(request) => request.client_message_id(),
            Self::Command(Command::Send { client_message_id, .. }) => client_message_id.as_ref(),
            Self::Command(_) => None,
        }
    }
}

/// A request or command on its way.
pub(super) struct PendingRequest {
    pub(super) operation: Operation,
    /// On whose behalf.
    pub(super) user: Arc<User>,
    /// Nothing for most: a message rests on what is remembered.
    loaded: Option<Box<LoadedFacts>>,
    /// Whether the user's rate allowed it; asked once.
    pub(super) rate_check: Option<Result<(), Error>>,
    /// Whether the user's budget allowed what it stores; asked once. `None` inside if nothing was charged.
    pub(super) budget_check: Option<Result<Option<BudgetCharge>, Error>>,
    /// How often a change for it met a conflict.
    pub(super) conflicts: u32,
    /// The newcomers whom a creation does not wait for: from this number on.
    pub(super) newcomers: Option<u64>,
    /// It may be a repeat, and would be refused otherwise: decided when all before it are answered, so that the refusal
    /// leaves at once.
    pub(super) last_resort: bool,
}

impl PendingRequest {
    pub(super) fn new(operation: Operation, user: Arc<User>) -> Self {
        Self {
            operation,
            user,
            loaded: None,
            rate_check: None,
            budget_check: None,
            conflicts: 0,
            newcomers: None,
            last_resort: false,
        }
    }

    /// The facts that were loaded for it.
    pub(super) fn facts(&self) -> &LoadedFacts {
        self.loaded.as_deref().unwrap_or(&LoadedFacts::NOTHING)
    }

    /// Takes up facts.
    pub(super) fn record(&mut self, query: &Query, facts: Facts) {
        self.loaded.get_or_insert_default().record(query, facts);
    }

    /// A step was taken: the conversation is known no more.
    pub(super) fn clear_conversation(&mut self) {
        if let Some(facts) = &mut self.loaded {
            facts.conversation = None;
        }
    }

    /// It is to be decided anew, on new facts.
    pub(super) fn clear_facts(&mut self) {
        self.loaded = None;
    }

    /// Under which name it may be repeated.
    pub(super) fn key(&self) -> Option<IdempotencyKey> {
        Some((self.user.id.clone(), self.operation.client_message_id()?.clone()))
    }

    /// Whether it must see what the requests before it have done.
    pub(super) fn waits_for_those_before(&self) -> bool {
        match &self.operation {
            Operation::Request(Request::GetActiveConversations(_) | Request::GetConversationMessages(_)) => {
                true
            }
            Operation::Request(Request::JoinConversation(_)) => self.catches_up(),
            _ => self.last_resort,
        }
    }

    /// Whether live events must wait for its reply, so that nothing falls between the two.
    pub(super) fn catches_up(&self) -> bool {
        matches!(&self.operation, Operation::Request(Request::JoinConversation(join)) if join.after_seq.is_some())
    }
}

/// The facts that were loaded for one request. `None` was not asked.
#[derive(Default)]
pub(super) struct LoadedFacts {
    /// The conversation, fresh from the store: good for the next step only.
    pub(super) conversation: Option<Option<Conversation>>,
    pub(super) conversations: Option<ConversationPage>,
    /// Which page it is, and the page.
    pub(super) messages: Option<(Window, MessagePage)>,
    pub(super) message: Option<Option<u64>>,
    pub(super) original: Option<Option<Original>>,
    pub(super) account: Option<Option<Account>>,
}

impl LoadedFacts {
    const NOTHING: Self = Self {
        conversation: None,
        conversations: None,
        messages: None,
        message: None,
        original: None,
        account: None,
    };

    /// Takes up facts. Those of background jobs are never loaded for a request.
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
            Facts::Directory(_) | Facts::ActiveConversations(_) | Facts::Memberships(_) => {}
        }
    }
}

/// What a request that may go on does next.
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

/// What a handler may look at.
pub(super) struct HandlerContext<'a> {
    pub(super) now: Now,
    pub(super) limits: &'a Limits,
    pub(super) epoch: &'a Epoch,
    pub(super) assignment: &'a dyn Assignment,
    pub(super) directory: &'a ControlDirectory,
    pub(super) cache: &'a mut Cache,
    pub(super) ids: &'a mut Ids,
    pub(super) user: &'a User,
    pub(super) facts: &'a LoadedFacts,
}

impl HandlerContext<'_> {
    /// The permit to take part in a conversation.
    ///
    /// Nobody but a participant profits from what is remembered: for all others there is exactly one load, whether
    /// the conversation exists or not.
    pub(super) fn may_take_part(&mut self, id: &ConversationId) -> Result<MayTakePart, Blocked> {
        let leaves = self.directory.leaves(&self.user.id);
        let remains = |conversation: &Conversation| !leaves || conversation.created_by == self.user.id;
        let remembered = self.cache.for_participant(id, &self.user.id);
        if let Some(conversation) = remembered.filter(|conversation| remains(conversation)) {
            return Ok(permission::may_take_part(&self.user.id, Some(conversation))?);
        }
        match &self.facts.conversation {
            Some(conversation) => {
                let conversation = conversation.as_ref().filter(|conversation| remains(conversation));
                Ok(permission::may_take_part(&self.user.id, conversation)?)
            }
            None => Err(Blocked::OnLoad(Query::Conversation(id.clone()))),
        }
    }
}
