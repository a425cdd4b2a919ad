//! The inputs of a [`Machine`](super::Machine), its outputs, and the ids in both.

use std::fmt;

use bytes::Bytes;
use chat_core::frame::Frame;
use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{
    self, AddNote, AnswerMessage, EndEmergency, EventType, GetActiveConversations, GetConversationMessages,
    GetOpenOrders, GetPeople, GetPhrases, JoinConversation, JoinSupportRoom, MarkMessageRead,
    ReleaseConversation, ReopenConversation, Reply, Request, ResolveConversation, SendChatMessage,
    StartConversation, TakeConversation, TransferConversation, TypingIndicator, WithdrawEmergency,
    WithdrawOrder,
};
use chat_core::time::Monotonic;

use crate::error::Error;
use crate::event::{Event, Update};
use crate::outbox::{Change, Entry, OutboxError};
use crate::token::{Token, TokenError};
use crate::transport::{Attempt, TransportError};

/// The id of an attempt to connect and of the transport it opens. Chosen by the machine, and never
/// used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId(pub(super) u64);

/// The id of a request of the app, chosen by the app. Ids rise, and requests are sent in the order
/// of their ids.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CallId(pub u64);

/// The id of an open conversation, chosen by the app and never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ViewId(pub u64);

macro_rules! calls {
    ($($(#[$doc:meta])* $name:ident { waits: $waits:literal })*) => {
        /// A request that may be repeated without harm: if the connection is lost before the
        /// answer, the client asks again.
        ///
        /// Texts of a user go through the outbox instead, by [`Input::Post`]. A change of the work,
        /// a conversation that control starts, an order with its answers, and a note carry a
        /// `client_message_id`, under which the server makes each once.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Call {
            $($(#[$doc])* $name($name),)*
        }

        impl Call {
            /// Whether the request waits for a connection and outlives a lost one.
            pub(super) fn waits(&self) -> bool {
                match self { $(Self::$name(_) => $waits,)* }
            }

            /// The kind of the request, which a log may show.
            fn event_type(&self) -> EventType {
                match self { $(Self::$name(_) => <$name as protocol::Call>::TYPE,)* }
            }
        }

        impl From<Call> for Request {
            fn from(call: Call) -> Self {
                match call { $(Call::$name(data) => data.into(),)* }
            }
        }

        $(
            impl From<$name> for Call {
                fn from(data: $name) -> Self {
                    Self::$name(data)
                }
            }
        )*
    };
}

calls! {
    /// Event 3.
    GetActiveConversations { waits: true }
    /// Event 4.
    JoinConversation { waits: true }
    /// Event 5. The client joins the room again after every reconnect.
    JoinSupportRoom { waits: true }
    /// Event 6. Not repeated, because old news of typing are worthless.
    TypingIndicator { waits: false }
    /// Event 7.
    GetConversationMessages { waits: true }
    /// Event 8.
    MarkMessageRead { waits: true }
    /// An addition.
    TakeConversation { waits: true }
    /// An addition.
    ReleaseConversation { waits: true }
    /// An addition.
    TransferConversation { waits: true }
    /// An addition.
    ResolveConversation { waits: true }
    /// An addition.
    ReopenConversation { waits: true }
    /// An addition.
    EndEmergency { waits: true }
    /// An addition.
    WithdrawEmergency { waits: true }
    /// Event 1 with an order. A message without one goes through the outbox.
    SendChatMessage { waits: true }
    /// An addition.
    AnswerMessage { waits: true }
    /// An addition.
    WithdrawOrder { waits: true }
    /// An addition.
    GetOpenOrders { waits: true }
    /// An addition.
    AddNote { waits: true }
    /// An addition.
    StartConversation { waits: true }
    /// An addition.
    GetPeople { waits: true }
    /// An addition.
    GetPhrases { waits: true }
}

/// Something that has happened. `Debug` shows no token and no text of a user.
pub enum Input {
    /// The drafts that an earlier run left in the outbox. Must come first: the client connects
    /// upon it.
    Restored(Vec<Entry>),
    /// The transport that [`Output::Connect`] demanded is open.
    Opened {
        /// The attempt.
        link: LinkId,
    },
    /// Bytes have moved over the transport, or during the attempt to open it, without completing a
    /// frame.
    Progress {
        /// The attempt or transport.
        link: LinkId,
    },
    /// A frame has arrived.
    Frame {
        /// The transport.
        link: LinkId,
        /// The frame.
        frame: Frame,
    },
    /// The attempt to connect has failed, or the transport is lost.
    Lost {
        /// The attempt or transport.
        link: LinkId,
        /// The cause.
        error: TransportError,
    },
    /// The answer to [`Output::GetToken`].
    Token(Result<Token, TokenError>),
    /// The answer to [`Output::PersistOutbox`].
    OutboxPersisted(Result<(), OutboxError>),
    /// A request of the app, to be answered by [`Output::Answer`].
    Call {
        /// The id of the request.
        id: CallId,
        /// The request.
        call: Call,
    },
    /// A draft of the app, to be sent exactly once. [`Event::Outbox`] reports its progress. An id
    /// that is in the outbox already changes nothing.
    Post(Entry),
    /// The user has begun to type, or has stopped. Each beginning needs one end.
    Typing {
        /// The conversation.
        conversation_id: ConversationId,
        /// Whether this is a beginning.
        is_typing: bool,
    },
    /// The app shows a conversation, and gets every [`Update`] of it from now on.
    OpenView {
        /// The id of the view.
        view: ViewId,
        /// The conversation.
        conversation_id: ConversationId,
    },
    /// The app has lost updates of a view and needs a new snapshot.
    ReloadView(ViewId),
    /// The app shows the view no longer.
    CloseView(ViewId),
    /// The system reports a network, the old one or another. The client connects now, or checks
    /// whether the connection still works.
    NetworkIsBack,
    /// The app went into the background (`true`) or came back. The heartbeat changes, and the
    /// client reconnects for it.
    Background(bool),
    /// Connect again after having [stopped](crate::ConnectionState::Stopped).
    Resume,
    /// The end: every pending request is answered, and every draft handed back.
    Close,
    /// Time has passed, and nothing else: the answer to [`Output::WakeAt`].
    Tick,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restored(entries) => write!(f, "Restored {}", entries.len()),
            Self::Opened { link } => write!(f, "Opened {link:?}"),
            Self::Progress { link } => write!(f, "Progress {link:?}"),
            Self::Frame { link, frame: Frame::Close(code) } => write!(f, "Frame {link:?} {code:?}"),
            Self::Frame { link, .. } => write!(f, "Frame {link:?}"),
            Self::Lost { link, error } => write!(f, "Lost {link:?} {error:?}"),
            Self::Token(result) => write!(f, "Token {result:?}"),
            Self::OutboxPersisted(result) => write!(f, "OutboxPersisted {result:?}"),
            Self::Call { id, call } => write!(f, "Call {id:?} {:?}", call.event_type()),
            Self::Post(entry) => write!(f, "Post {entry:?}"),
            Self::Typing { conversation_id, is_typing } => {
                write!(f, "Typing {conversation_id:?} {is_typing}")
            }
            Self::OpenView { view, conversation_id } => write!(f, "OpenView {view:?} {conversation_id:?}"),
            Self::ReloadView(view) => write!(f, "ReloadView {view:?}"),
            Self::CloseView(view) => write!(f, "CloseView {view:?}"),
            Self::NetworkIsBack => f.write_str("NetworkIsBack"),
            Self::Background(is_in_background) => write!(f, "Background {is_in_background}"),
            Self::Resume => f.write_str("Resume"),
            Self::Close => f.write_str("Close"),
            Self::Tick => f.write_str("Tick"),
        }
    }
}

/// Something that the machine's driver must do. `Debug` shows no token and no text of a user.
pub enum Output {
    /// Get a token, then give [`Input::Token`]. At most one such request is pending.
    GetToken,
    /// Open a transport in place of any other, then give [`Input::Opened`] or [`Input::Lost`].
    Connect {
        /// The id of the attempt.
        link: LinkId,
        /// The parameters.
        attempt: Attempt,
    },
    /// Send a text frame.
    Send {
        /// The transport.
        link: LinkId,
        /// The frame.
        frame: Bytes,
    },
    /// Close the transport, which may not be open yet. The machine needs no more news of it.
    Disconnect {
        /// The transport.
        link: LinkId,
    },
    /// Make these changes to the outbox, then give [`Input::OutboxPersisted`]. At most one such
    /// write is pending.
    PersistOutbox(Vec<Change>),
    /// The answer to [`Input::Call`].
    Answer {
        /// The id of the request.
        id: CallId,
        /// The reply, or the error.
        result: Result<Reply, Error>,
    },
    /// An event for the app.
    Event(Event),
    /// An update for an open conversation.
    Update {
        /// The view.
        view: ViewId,
        /// The update.
        update: Update,
    },
    /// Give [`Input::Tick`] at this time, or never. Replaces the time given before.
    WakeAt(Option<Monotonic>),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GetToken => f.write_str("GetToken"),
            Self::Connect { link, attempt } => write!(f, "Connect {link:?} every {:?}", attempt.heartbeat),
            Self::Send { link, frame } => write!(f, "Send {link:?} {} bytes", frame.len()),
            Self::Disconnect { link } => write!(f, "Disconnect {link:?}"),
            Self::PersistOutbox(changes) => write!(f, "PersistOutbox {}", changes.len()),
            Self::Answer { id, result } => write!(f, "Answer {id:?} {}", result.is_ok()),
            Self::Event(event) => event.fmt(f),
            Self::Update { view, update } => write!(f, "Update {view:?} {update:?}"),
            Self::WakeAt(at) => write!(f, "WakeAt {at:?}"),
        }
    }
}

/// Counts of a machine's life so far, for diagnosis, and for tests that check their own reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Open transports that were lost.
    pub connections_lost: u64,
    /// Drafts and requests that were sent again.
    pub resends: u64,
    /// Messages that arrived again.
    pub duplicates_suppressed: u64,
    /// Catch-ups of more than one page.
    pub catch_ups_of_several_pages: u64,
    /// Changes of the server's epoch.
    pub epoch_changes: u64,
    /// New tokens: prolonged sessions, and replacements of expired tokens.
    pub tokens_renewed: u64,
    /// Frames that could not be read.
    pub unreadable: u64,
}

/// The event about a draft's progress.
pub(super) fn outbox_event(id: &ClientMessageId, progress: crate::Progress) -> Output {
    Output::Event(Event::Outbox { client_message_id: id.clone(), progress })
}
