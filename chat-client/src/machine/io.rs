//! Everything that can happen to a client, and everything that it can ask for.

use std::fmt;

use bytes::Bytes;
use chat_core::frame::Frame;
use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{
    GetActiveConversations, GetConversationMessages, JoinConversation, JoinSupportRoom, MarkMessageRead,
    Reply, Request, TypingIndicator,
};
use chat_core::time::Monotonic;

use crate::error::Error;
use crate::event::{Event, Update};
use crate::outbox::{Change, Entry, Unkept};
use crate::token::TokenError;
use crate::transport::{Attempt, Failure, Token};

/// An attempt to connect and what came of it, as the machine numbers them. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub(super) u64);

/// A request of the app, as the app numbers them: in rising order, which is the order in which they are sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AskId(pub u64);

/// An open conversation, as the app numbers them. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewId(pub u64);

/// A request that may be repeated without harm: the client asks again when the connection was lost before its answer.
///
/// What must not be done twice goes through the outbox instead: see [`Input::Post`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Event 3.
    GetActiveConversations(GetActiveConversations),
    /// Event 4.
    JoinConversation(JoinConversation),
    /// Event 5. The room is joined again after every reconnect.
    JoinSupportRoom(JoinSupportRoom),
    /// Event 6. Worth nothing later: not repeated.
    TypingIndicator(TypingIndicator),
    /// Event 7.
    GetConversationMessages(GetConversationMessages),
    /// Event 8.
    MarkMessageRead(MarkMessageRead),
}

impl From<Ask> for Request {
    fn from(ask: Ask) -> Self {
        match ask {
            Ask::GetActiveConversations(data) => Self::GetActiveConversations(data),
            Ask::JoinConversation(data) => Self::JoinConversation(data),
            Ask::JoinSupportRoom(data) => Self::JoinSupportRoom(data),
            Ask::TypingIndicator(data) => Self::TypingIndicator(data),
            Ask::GetConversationMessages(data) => Self::GetConversationMessages(data),
            Ask::MarkMessageRead(data) => Self::MarkMessageRead(data),
        }
    }
}

/// What can happen.
#[derive(Debug)]
pub enum Input {
    /// What the outbox holds from an earlier life. Must come first: it makes the client connect.
    Restored(Vec<Entry>),
    /// The transport that [`Output::Connect`] asked for stands.
    Opened {
        /// Of which attempt.
        link: LinkId,
    },
    /// Bytes have moved over the transport, or in the attempt to open it, without a whole frame.
    Progress {
        /// Of which attempt.
        link: LinkId,
    },
    /// A frame came.
    Frame {
        /// Over which.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// There is no transport, or no longer.
    Lost {
        /// Which.
        link: LinkId,
        /// Why.
        failure: Failure,
    },
    /// The answer to [`Output::GetToken`].
    Token(Result<Token, TokenError>),
    /// The answer to [`Output::Keep`].
    Kept(Result<(), Unkept>),
    /// The app asks something: answered by [`Output::Answer`].
    Ask {
        /// Its number.
        id: AskId,
        /// What it asks.
        ask: Ask,
    },
    /// The app wants this sent, once: how far it has come is told by [`Event::Outbox`]. An id that is in the outbox
    /// already changes nothing.
    Post(Entry),
    /// Somebody began to type in the app, or stopped. Of each beginning there must be one end.
    Typing {
        /// Where.
        conversation_id: ConversationId,
        /// Whether it is a beginning.
        is_typing: bool,
    },
    /// The app shows a conversation: from now on it gets every [`Update`] of it.
    Open {
        /// Its number.
        view: ViewId,
        /// The conversation.
        conversation_id: ConversationId,
    },
    /// The app has lost track of the updates of a view and needs a new snapshot.
    Reload(ViewId),
    /// The app does not show it any more.
    Shut(ViewId),
    /// The system says that there is a network again, or another one: connect now, or find out whether the connection
    /// still stands.
    NetworkIsBack,
    /// The app went into the background (`true`) or came back: the heartbeat is another one, and the client reconnects.
    Background(bool),
    /// Connect again after having [stopped](crate::ConnectionState::Stopped).
    Resume,
    /// The end: everything that waits is answered or handed back.
    Close,
    /// Nothing but that time has passed: the answer to [`Output::WakeAt`].
    Tick,
}

/// What must be done.
pub enum Output {
    /// Get a token, then [`Input::Token`]. There is never a second one before that.
    GetToken,
    /// Open a transport, then [`Input::Opened`] or [`Input::Lost`]. It takes the place of any other.
    Connect {
        /// Its number.
        link: LinkId,
        /// What with.
        attempt: Attempt,
    },
    /// Send a text frame.
    Send {
        /// Over which transport.
        link: LinkId,
        /// The frame.
        frame: Bytes,
    },
    /// Close the transport; nothing more need be told of it. It may not stand yet.
    Disconnect {
        /// Which.
        link: LinkId,
    },
    /// Make these changes to the outbox, then [`Input::Kept`]. There is never a second one before that.
    Keep(Vec<Change>),
    /// The answer to [`Input::Ask`].
    Answer {
        /// Its number.
        id: AskId,
        /// How it ended.
        result: Result<Reply, Error>,
    },
    /// Tell the app.
    Event(Event),
    /// Tell whoever shows the conversation.
    Update {
        /// Which view.
        view: ViewId,
        /// What.
        update: Update,
    },
    /// Give [`Input::Tick`] at this time, or never; it takes the place of the one before.
    WakeAt(Option<Monotonic>),
}

impl fmt::Debug for Output {
    /// Without tokens and texts: it may be logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::GetToken => "GetToken".to_owned(),
            Self::Connect { link, attempt } => format!("Connect {link:?} every {:?}", attempt.heartbeat),
            Self::Send { link, frame } => format!("Send {link:?} {} bytes", frame.len()),
            Self::Disconnect { link } => format!("Disconnect {link:?}"),
            Self::Keep(changes) => format!("Keep {}", changes.len()),
            Self::Answer { id, result } => format!("Answer {id:?} {}", result.is_ok()),
            Self::Event(_) => "Event".to_owned(),
            Self::Update { view, .. } => format!("Update {view:?}"),
            Self::WakeAt(at) => format!("WakeAt {at:?}"),
        };
        f.write_str(&name)
    }
}

/// What a machine has been through: for diagnosis, and for tests that must know what they have provoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Transports that stood and were lost.
    pub connections_lost: u64,
    /// Drafts and requests that were sent again.
    pub resends: u64,
    /// Messages that came and were held already.
    pub duplicates_suppressed: u64,
    /// Catch-ups that took more than one page.
    pub catch_ups_of_several_pages: u64,
    /// Changes of the server's epoch.
    pub epoch_changes: u64,
    /// New tokens: prolonged sessions, and new ones after the old token had expired.
    pub tokens_renewed: u64,
    /// Frames that could not be read.
    pub unreadable: u64,
}

/// The entry of a [`Progress`](crate::Progress), by its id.
pub(super) fn outbox_event(id: &ClientMessageId, progress: crate::Progress) -> Output {
    Output::Event(Event::Outbox { client_message_id: id.clone(), progress })
}
