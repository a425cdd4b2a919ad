//! A request or command on its way: what it asks, what is known for it, what it needs next.

use std::sync::Arc;

use super::budget::Charge;
use super::directory::Directory;
use super::ids::Ids;
use super::io::Command;
use super::names::Name;
use super::{Assignment, Cache, command, handler};
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, Epoch};
use crate::limits::Limits;
use crate::permission::{self, MayTakePart};
use crate::protocol::{Error, ErrorCode, Reply, Request, RoomType, User};
use crate::store::{Account, Change, ConversationPage, Facts, MessagePage, Original, Query, Window};
use crate::time::Now;

/// What is asked.
pub(super) enum Ask {
    /// By a client.
    Request(Request),
    /// By the embedder.
    Command(Command),
}

impl Ask {
    /// The id under which it may be repeated.
    pub(super) fn client_message_id(&self) -> Option<&ClientMessageId> {
        match self {
            Self::Request(request) => request.client_message_id(),
            Self::Command(Command::Send { client_message_id, .. }) => client_message_id.as_ref(),
            Self::Command(_) => None,
        }
    }

    /// The original reply, or that the id was used for something else.
    pub(super) fn repeat(&self, original: &Original) -> Result<Reply, Error> {
        let reply = match self {
            Self::Request(request) => handler::repeat(request, original),
            Self::Command(command) => command::repeat(command, original),
        };
        reply.ok_or_else(|| ErrorCode::ClientMessageIdReused.into())
    }
}

/// A request or command on its way.
pub(super) struct Work {
    pub(super) ask: Ask,
    /// On whose behalf.
    pub(super) user: Arc<User>,
    /// Nothing for most: a message rests on what is remembered.
    known: Option<Box<Known>>,
    /// Whether the user's rate allowed it; asked once.
    pub(super) paced: Option<Result<(), Error>>,
    /// Whether the user's budget allowed what it stores; asked once. `None` inside if nothing was charged.
    pub(super) spent: Option<Result<Option<Charge>, Error>>,
    /// How often a change for it met a conflict.
    pub(super) conflicts: u32,
    /// The newcomers whom a creation does not wait for: from this number on.
    pub(super) newcomers: Option<u64>,
    /// It may be a repeat, and would be refused otherwise: decided when all before it are answered, so that the refusal
    /// leaves at once.
    pub(super) last_resort: bool,
}

impl Work {
    pub(super) fn new(ask: Ask, user: Arc<User>) -> Self {
        Self {
            ask,
            user,
            known: None,
            paced: None,
            spent: None,
            conflicts: 0,
            newcomers: None,
            last_resort: false,
        }
    }

    /// The facts that were loaded for it.
    pub(super) fn known(&self) -> &Known {
        self.known.as_deref().unwrap_or(&Known::NOTHING)
    }

    /// Takes up facts.
    pub(super) fn learn(&mut self, query: &Query, facts: Facts) {
        self.known.get_or_insert_default().learn(query, facts);
    }

    /// A step was taken: the conversation is known no more.
    pub(super) fn forget_conversation(&mut self) {
        if let Some(known) = &mut self.known {
            known.conversation = None;
        }
    }

    /// It is to be decided anew, on new facts.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    /// Under which name it may be repeated.
    pub(super) fn name(&self) -> Option<Name> {
        Some((self.user.id.clone(), self.ask.client_message_id()?.clone()))
    }

    /// Whether it must see what the requests before it have done.
    pub(super) fn waits_for_those_before(&self) -> bool {
        match &self.ask {
            Ask::Request(Request::GetActiveConversations(_) | Request::GetConversationMessages(_)) => true,
            Ask::Request(Request::JoinConversation(_)) => self.catches_up(),
            _ => self.last_resort,
        }
    }

    /// Whether live events must wait for its reply, so that nothing falls between the two.
    pub(super) fn catches_up(&self) -> bool {
        matches!(&self.ask, Ask::Request(Request::JoinConversation(join)) if join.after_seq.is_some())
    }
}

/// The facts that were loaded for one request. `None` was not asked.
#[derive(Default)]
pub(super) struct Known {
    /// The conversation, fresh from the store: good for the next step only.
    pub(super) conversation: Option<Option<Conversation>>,
    pub(super) conversations: Option<ConversationPage>,
    /// Which page it is, and the page.
    pub(super) messages: Option<(Window, MessagePage)>,
    pub(super) message: Option<Option<u64>>,
    pub(super) original: Option<Option<Original>>,
    pub(super) account: Option<Option<Account>>,
}

impl Known {
    const NOTHING: Self = Self {
        conversation: None,
        conversations: None,
        messages: None,
        message: None,
        original: None,
        account: None,
    };

    /// Takes up facts. Those of background jobs are never loaded for a request.
    fn learn(&mut self, query: &Query, facts: Facts) {
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

/// What stops a request.
pub(super) enum Stop {
    /// For now: facts are missing.
    Load(Query),
    /// Until all requests before it are answered.
    Turn,
    /// For good.
    Refuse(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Refuse(error)
    }
}

impl From<ErrorCode> for Stop {
    fn from(code: ErrorCode) -> Self {
        Self::Refuse(code.into())
    }
}

/// What a handler says.
pub(super) type Outcome = Result<Step, Stop>;

/// What a handler may look at.
pub(super) struct Desk<'a> {
    pub(super) now: Now,
    pub(super) limits: &'a Limits,
    pub(super) epoch: &'a Epoch,
    pub(super) assignment: &'a dyn Assignment,
    pub(super) directory: &'a Directory,
    pub(super) cache: &'a mut Cache,
    pub(super) ids: &'a mut Ids,
    pub(super) user: &'a User,
    pub(super) known: &'a Known,
}

impl Desk<'_> {
    /// The permit to take part in a conversation.
    ///
    /// Nobody but a participant profits from what is remembered: for all others there is exactly one load, whether
    /// the conversation exists or not.
    pub(super) fn may_take_part(&mut self, id: &ConversationId) -> Result<MayTakePart, Stop> {
        let leaves = self.directory.leaves(&self.user.id);
        let remains = |conversation: &Conversation| !leaves || conversation.created_by == self.user.id;
        let remembered = self.cache.for_participant(id, &self.user.id);
        if let Some(conversation) = remembered.filter(|conversation| remains(conversation)) {
            return Ok(permission::may_take_part(&self.user.id, Some(conversation))?);
        }
        match &self.known.conversation {
            Some(conversation) => {
                let conversation = conversation.as_ref().filter(|conversation| remains(conversation));
                Ok(permission::may_take_part(&self.user.id, conversation)?)
            }
            None => Err(Stop::Load(Query::Conversation(id.clone()))),
        }
    }
}
