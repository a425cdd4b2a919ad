//! The table of requests, and the requests as one type: decoding, encoding, names, rules.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::envelope::{self, Envelope, OutgoingRequest, RequestId, Undecodable};
use super::error::{Error, ErrorCode};
use super::kind::kinds;
use super::rules::{RateClass, Reads, Roles, Rules};
use super::{
    AddNote, AddNoteReply, AnswerMessage, CreateSupportConversation, CreateSupportConversationReply, Done,
    EmergencyReply, EndEmergency, GetActiveConversations, GetActiveConversationsReply,
    GetConversationMessages, GetConversationMessagesReply, GetOpenOrders, GetOpenOrdersReply, GetPeople,
    GetPeopleReply, GetPhrases, GetPhrasesReply, JoinConversation, JoinConversationReply, JoinSupportRoom,
    JoinSupportRoomReply, MarkMessageRead, OrderReply, RefreshToken, RefreshTokenReply, ReleaseConversation,
    ReopenConversation, Reply, ResolveConversation, RoomType, SendChatMessage, SendChatMessageReply,
    StartConversation, StartConversationReply, TakeConversation, TransferConversation, TypingIndicator,
    WithdrawEmergency, WithdrawOrder, WorkReply, WorkRequest,
};
use crate::id::{ClientMessageId, ConversationId};
use crate::limits::FieldLimits;

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident = $kind:literal -> $reply:ident {
        roles: $roles:ident, membership: $membership:literal, rate: $rate:ident, reads: $reads:ident,
        once: $once:tt
    })*) => {
        kinds! {
            /// The kind of a request: its `type`.
            EventType { $($(#[$doc])* $name = $kind,)* }
        }

        impl EventType {
            /// The rules of this kind of request.
            pub const fn rules(self) -> Rules {
                match self {
                    $(Self::$name => Rules {
                        roles: Roles::$roles,
                        membership: $membership,
                        rate: RateClass::$rate,
                        reads: Reads::$reads,
                        once: $once,
                    },)*
                }
            }

            /// Decodes the successful reply to this kind of request.
            pub(super) fn decode_reply(self, text: &[u8]) -> serde_json::Result<Reply> {
                match self {
                    $(Self::$name => serde_json::from_slice::<$reply>(text).map(Reply::from),)*
                }
            }
        }

        /// A request with its `data`.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        impl Request {
            /// The kind of the request.
            pub fn event_type(&self) -> EventType {
                match self { $(Self::$name(_) => EventType::$name,)* }
            }

            /// The id under which the client may repeat this request, if given.
            pub fn client_message_id(&self) -> Option<&ClientMessageId> {
                match self { $(Self::$name(_data) => client_message_id!($once, _data),)* }
            }

            /// Encodes the request.
            pub fn encode(&self, request_id: Option<&RequestId>) -> Bytes {
                let kind = self.event_type().as_str();
                match self { $(Self::$name(data) => outgoing(kind, data, request_id),)* }
            }

            fn from_envelope(kind: EventType, envelope: &Envelope<'_>) -> Result<Self, Error> {
                match kind { $(EventType::$name => envelope.data().map(Self::$name),)* }
            }
        }

        $(
            impl From<$name> for Request {
                fn from(data: $name) -> Self {
                    Self::$name(data)
                }
            }

            impl Call for $name {
                type Reply = $reply;
                const TYPE: EventType = EventType::$name;
            }
        )*
    };
}

/// The field `client_message_id` of a request that has one.
macro_rules! client_message_id {
    (true, $data:ident) => {
        $data.client_message_id.as_ref()
    };
    (false, $data:ident) => {
        None
    };
}

// The table of requests. Each row says: the name, the `type`, the reply, and the `Rules`.
requests! {
    /// Event 1.
    SendChatMessage = "send_chat_message" -> SendChatMessageReply {
        roles: All, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// Event 2.
    CreateSupportConversation = "create_support_conversation" -> CreateSupportConversationReply {
        roles: Field, membership: false, rate: Creation, reads: Nothing, once: true
    }
    /// Event 3.
    GetActiveConversations = "get_active_conversations" -> GetActiveConversationsReply {
        roles: All, membership: false, rate: Page, reads: Stored, once: false
    }
    /// Event 4.
    JoinConversation = "join_conversation" -> JoinConversationReply {
        roles: All, membership: true, rate: Page, reads: Missed, once: false
    }
    /// Event 5.
    JoinSupportRoom = "join_support_room" -> JoinSupportRoomReply {
        roles: Control, membership: false, rate: Request, reads: Nothing, once: false
    }
    /// Event 6.
    TypingIndicator = "typing_indicator" -> Done {
        roles: All, membership: true, rate: Request, reads: Nothing, once: false
    }
    /// Event 7.
    GetConversationMessages = "get_conversation_messages" -> GetConversationMessagesReply {
        roles: All, membership: true, rate: Page, reads: Stored, once: false
    }
    /// Event 8.
    MarkMessageRead = "mark_message_read" -> Done {
        roles: All, membership: true, rate: Request, reads: Nothing, once: false
    }
    /// An addition to the document.
    RefreshToken = "refresh_token" -> RefreshTokenReply {
        roles: All, membership: false, rate: Request, reads: Nothing, once: false
    }
    /// An addition to the document.
    TakeConversation = "take_conversation" -> WorkReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    ReleaseConversation = "release_conversation" -> WorkReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    TransferConversation = "transfer_conversation" -> WorkReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    ResolveConversation = "resolve_conversation" -> WorkReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    ReopenConversation = "reopen_conversation" -> WorkReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    EndEmergency = "end_emergency" -> EmergencyReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    WithdrawEmergency = "withdraw_emergency" -> EmergencyReply {
        roles: Field, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    AnswerMessage = "answer_message" -> OrderReply {
        roles: All, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    WithdrawOrder = "withdraw_order" -> OrderReply {
        roles: All, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    GetOpenOrders = "get_open_orders" -> GetOpenOrdersReply {
        roles: All, membership: false, rate: Page, reads: Stored, once: false
    }
    /// An addition to the document.
    AddNote = "add_note" -> AddNoteReply {
        roles: Control, membership: true, rate: Message, reads: Nothing, once: true
    }
    /// An addition to the document.
    StartConversation = "start_conversation" -> StartConversationReply {
        roles: Control, membership: false, rate: Creation, reads: Nothing, once: true
    }
    /// An addition to the document.
    GetPeople = "get_people" -> GetPeopleReply {
        roles: Control, membership: false, rate: Page, reads: Stored, once: false
    }
    /// An addition to the document.
    GetPhrases = "get_phrases" -> GetPhrasesReply {
        roles: All, membership: false, rate: Page, reads: Nothing, once: false
    }
}

/// The ids that a request names, for logs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestIds {
    /// The conversation.
    pub conversation: Option<ConversationId>,
    /// The id under which the client may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
}

/// The `data` of a request, paired with its reply.
pub trait Call: Into<Request> {
    /// The successful reply.
    type Reply: Serialize + DeserializeOwned + Into<Reply> + TryFrom<Reply>;
    /// The kind of the request.
    const TYPE: EventType;
}

fn outgoing<T: Serialize>(kind: &str, data: &T, request_id: Option<&RequestId>) -> Bytes {
    envelope::encode(&OutgoingRequest { kind, data, request_id })
}

impl Request {
    /// Decodes a request frame: the envelope first, then `data` by its type, then the values are
    /// checked.
    ///
    /// # Errors
    ///
    /// The error to answer, with the frame's `request_id` if readable. Each error is the client's
    /// fault and leaves the connection unchanged.
    pub fn decode(frame: &[u8], limits: &FieldLimits) -> Result<(Option<RequestId>, Self), Undecodable> {
        let (request_id, envelope) = envelope::open(frame, limits.depth)?;
        let Some(kind) = EventType::named(&envelope.kind) else {
            return Err(Undecodable::new(request_id, ErrorCode::UnknownType.into()));
        };
        let refused = |request_id, ids, error| Undecodable { request_id, event: Some(kind), ids, error };
        match Self::from_envelope(kind, &envelope) {
            Ok(request) => match request.check(limits) {
                Ok(()) => Ok((request_id, request)),
                Err(error) => Err(refused(request_id, request.ids(limits), error)),
            },
            Err(error) => Err(refused(request_id, RequestIds::default(), error)),
        }
    }

    /// The ids that the request names. A value that is no id, or too long, is left out: a log must
    /// not contain any text.
    pub fn ids(&self, limits: &FieldLimits) -> RequestIds {
        let conversation = match self {
            Self::SendChatMessage(data) => Some(&data.conversation_id),
            Self::JoinConversation(data) => Some(&data.conversation_id),
            Self::TypingIndicator(data) => Some(&data.conversation_id),
            Self::GetConversationMessages(data) => Some(&data.conversation_id),
            Self::MarkMessageRead(data) => Some(&data.conversation_id),
            Self::EndEmergency(data) => Some(&data.conversation_id),
            Self::WithdrawEmergency(data) => Some(&data.conversation_id),
            Self::AnswerMessage(data) => Some(&data.conversation_id),
            Self::WithdrawOrder(data) => Some(&data.conversation_id),
            Self::AddNote(data) => Some(&data.conversation_id),
            Self::TakeConversation(_)
            | Self::ReleaseConversation(_)
            | Self::TransferConversation(_)
            | Self::ResolveConversation(_)
            | Self::ReopenConversation(_) => self.work().map(|work| work.conversation_id),
            Self::CreateSupportConversation(_)
            | Self::StartConversation(_)
            | Self::GetActiveConversations(_)
            | Self::GetOpenOrders(_)
            | Self::GetPeople(_)
            | Self::GetPhrases(_)
            | Self::JoinSupportRoom(_)
            | Self::RefreshToken(_) => None,
        };
        let is_short = |id: &ClientMessageId| id.as_str().chars().nth(limits.client_message_id).is_none();
        RequestIds {
            conversation: conversation.filter(|id| id.is_well_formed()).cloned(),
            client_message_id: self.client_message_id().filter(|id| is_short(id)).cloned(),
        }
    }

    /// The rules of this request: those of its kind, but a `join_conversation` without `after_seq`
    /// asks for no messages, and an emergency counts as a message, because a user has only one.
    pub fn rules(&self) -> Rules {
        let rules = self.event_type().rules();
        match self {
            Self::JoinConversation(join) if join.after_seq.is_none() => {
                Rules { rate: RateClass::Request, reads: Reads::Nothing, ..rules }
            }
            Self::CreateSupportConversation(create)
                if create.room_type == Some(RoomType::EmergencySupport) =>
            {
                Rules { rate: RateClass::Message, ..rules }
            }
            _ => rules,
        }
    }

    /// The request as a change of the work, if it is one.
    pub fn work(&self) -> Option<WorkRequest<'_>> {
        match self {
            Self::TakeConversation(data) => Some(data.work()),
            Self::ReleaseConversation(data) => Some(data.work()),
            Self::TransferConversation(data) => Some(data.work()),
            Self::ResolveConversation(data) => Some(data.work()),
            Self::ReopenConversation(data) => Some(data.work()),
            Self::SendChatMessage(_)
            | Self::CreateSupportConversation(_)
            | Self::StartConversation(_)
            | Self::GetPeople(_)
            | Self::GetPhrases(_)
            | Self::GetActiveConversations(_)
            | Self::JoinConversation(_)
            | Self::JoinSupportRoom(_)
            | Self::TypingIndicator(_)
            | Self::GetConversationMessages(_)
            | Self::MarkMessageRead(_)
            | Self::EndEmergency(_)
            | Self::WithdrawEmergency(_)
            | Self::AnswerMessage(_)
            | Self::WithdrawOrder(_)
            | Self::GetOpenOrders(_)
            | Self::AddNote(_)
            | Self::RefreshToken(_) => None,
        }
    }

    /// The texts that every listener is sent. A message and a creation are charged for their texts.
    /// An entry has one that the server writes, and counts as empty.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let answers = match self {
            Self::SendChatMessage(data) => data.answers.as_deref().unwrap_or_default(),
            _ => &[],
        };
        let texts = match self {
            Self::SendChatMessage(data) => [Some(&*data.content), None],
            Self::AddNote(data) => [Some(&*data.content), None],
            Self::CreateSupportConversation(data) => [Some(&*data.content), Some(&*data.title)],
            Self::StartConversation(data) => [Some(&*data.content), Some(&*data.title)],
            Self::TakeConversation(_)
            | Self::ReleaseConversation(_)
            | Self::TransferConversation(_)
            | Self::ResolveConversation(_)
            | Self::ReopenConversation(_)
            | Self::EndEmergency(_)
            | Self::WithdrawEmergency(_)
            | Self::AnswerMessage(_)
            | Self::WithdrawOrder(_) => [Some(""), None],
            Self::GetActiveConversations(_)
            | Self::GetOpenOrders(_)
            | Self::GetPeople(_)
            | Self::GetPhrases(_)
            | Self::JoinConversation(_)
            | Self::JoinSupportRoom(_)
            | Self::TypingIndicator(_)
            | Self::GetConversationMessages(_)
            | Self::MarkMessageRead(_)
            | Self::RefreshToken(_) => [None, None],
        };
        texts.into_iter().flatten().chain(answers.iter().map(|answer| &**answer))
    }

    fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        match self {
            Self::SendChatMessage(data) => data.check(limits),
            Self::CreateSupportConversation(data) => data.check(limits),
            Self::GetActiveConversations(data) => data.check(limits),
            Self::GetConversationMessages(data) => data.check(),
            Self::StartConversation(data) => data.check(limits),
            Self::GetPeople(data) => data.check(limits),
            Self::GetPhrases(data) => data.check(limits),
            Self::EndEmergency(data) => data.check(limits),
            Self::WithdrawEmergency(data) => data.check(limits),
            Self::AnswerMessage(data) => data.check(limits),
            Self::WithdrawOrder(data) => data.check(limits),
            Self::GetOpenOrders(data) => data.check(limits),
            Self::AddNote(data) => data.check(limits),
            Self::TakeConversation(_)
            | Self::ReleaseConversation(_)
            | Self::TransferConversation(_)
            | Self::ResolveConversation(_)
            | Self::ReopenConversation(_) => self.work().map_or(Ok(()), |work| work.check(limits)),
            Self::JoinConversation(_)
            | Self::JoinSupportRoom(_)
            | Self::TypingIndicator(_)
            | Self::MarkMessageRead(_)
            | Self::RefreshToken(_) => Ok(()),
        }
    }
}
