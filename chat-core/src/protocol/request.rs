//! The requests of the protocol as one type: decoding, encoding, names.

use bytes::Bytes;
use serde::Serialize;

use super::envelope::{self, Envelope, OutgoingRequest, RequestId, Undecodable};
use super::error::{Error, ErrorCode};
use super::{
    CreateSupportConversation, GetActiveConversations, GetConversationMessages, JoinConversation,
    JoinSupportRoom, MarkMessageRead, RefreshToken, SendChatMessage, TypingIndicator,
};
use crate::id::ClientMessageId;
use crate::limits::FieldLimits;

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident = $kind:literal;)*) => {
        /// The kind of a request: its `type`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum EventType {
            $($(#[$doc])* $name,)*
        }

        impl EventType {
            /// Every request.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The `type` as written in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
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

            /// Encodes the request.
            pub fn encode(&self, request_id: Option<&RequestId>) -> Bytes {
                let kind = self.event_type().as_str();
                match self { $(Self::$name(data) => outgoing(kind, data, request_id),)* }
            }

            fn from_envelope(envelope: &Envelope<'_>) -> Result<Self, Error> {
                match &*envelope.kind {
                    $($kind => envelope.data().map(Self::$name),)*
                    _ => Err(ErrorCode::UnknownType.into()),
                }
            }
        }
    };
}

requests! {
    /// Event 1.
    SendChatMessage = "send_chat_message";
    /// Event 2.
    CreateSupportConversation = "create_support_conversation";
    /// Event 3.
    GetActiveConversations = "get_active_conversations";
    /// Event 4.
    JoinConversation = "join_conversation";
    /// Event 5.
    JoinSupportRoom = "join_support_room";
    /// Event 6.
    TypingIndicator = "typing_indicator";
    /// Event 7.
    GetConversationMessages = "get_conversation_messages";
    /// Event 8.
    MarkMessageRead = "mark_message_read";
    /// An addition to the document.
    RefreshToken = "refresh_token";
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
        match Self::from_envelope(&envelope).and_then(|request| request.check(limits).map(|()| request)) {
            Ok(request) => Ok((request_id, request)),
            Err(error) => Err(Undecodable { request_id, error }),
        }
    }

    /// The id under which the client may repeat this request, if given.
    pub fn client_message_id(&self) -> Option<&ClientMessageId> {
        match self {
            Self::SendChatMessage(data) => data.client_message_id.as_ref(),
            Self::CreateSupportConversation(data) => data.client_message_id.as_ref(),
            _ => None,
        }
    }

    fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        match self {
            Self::SendChatMessage(data) => data.check(limits),
            Self::CreateSupportConversation(data) => data.check(limits),
            Self::GetActiveConversations(data) => data.check(limits),
            Self::GetConversationMessages(data) => data.check(),
            Self::JoinConversation(_)
            | Self::JoinSupportRoom(_)
            | Self::TypingIndicator(_)
            | Self::MarkMessageRead(_)
            | Self::RefreshToken(_) => Ok(()),
        }
    }
}
