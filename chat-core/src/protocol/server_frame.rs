//! Frames of a server as read by a client: replies and events.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::envelope::{RequestId, encode};
use super::kind::kinds;
use super::request::EventType;
use super::{
    ErrorReply, MessageRead, NewMessage, NewSupportConversation, OrderOverdue, ReadPosition, Reply,
    TypingStatus,
};

/// A frame of a server, as far as readable without its request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerFrame<'a> {
    /// An answer to a request.
    Reply(RawReply<'a>),
    /// A frame that answers no request.
    Event(ServerEvent),
    /// An event of an unknown type, to be ignored so that the protocol can grow.
    Unknown,
}

macro_rules! server_events {
    ($($(#[$doc:meta])* $name:ident($data:ident) = $kind:literal;)*) => {
        kinds! {
            /// The kind of an event: its `type`.
            ServerEventType { $($(#[$doc])* $name = $kind,)* }
        }

        /// An event sent by a server on its own.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub enum ServerEvent {
            $($(#[$doc])* $name($data),)*
        }

        impl ServerEvent {
            /// Encodes the event.
            pub fn encode(&self) -> Bytes {
                match self { $(Self::$name(event) => encode(event),)* }
            }

            fn decode(kind: ServerEventType, text: &[u8]) -> Result<Self, DecodeError> {
                match kind { $(ServerEventType::$name => read(text).map(Self::$name),)* }
            }
        }
    };
}

// The table of events. The name of each `type` stands in the event's own file too.
server_events! {
    /// The broadcast of event 1.
    NewMessage(NewMessage) = "new_message";
    /// The notification of event 2.
    NewSupportConversation(NewSupportConversation) = "new_support_conversation";
    /// The broadcast of event 6.
    TypingStatus(TypingStatus) = "typing_status";
    /// The broadcast of event 8.
    MessageRead(MessageRead) = "message_read";
    /// The broadcast of event 8 to the reader's own other connections.
    ReadPosition(ReadPosition) = "read_position";
    /// The notification of an order that was not answered in time.
    OrderOverdue(OrderOverdue) = "order_overdue";
    /// An error of the connection itself. Its close follows.
    Error(ErrorReply) = "error";
}

/// An undecoded reply. Its type depends on the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawReply<'a> {
    /// The `request_id` of its request, if given.
    pub request_id: Option<RequestId>,
    text: &'a [u8],
    success: bool,
}

/// The error for a frame that no server of this protocol sends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the server sent a frame that the protocol does not define: {0}")]
pub struct DecodeError(String);

impl DecodeError {
    /// Describes the error without the received value, which may be the text of a message.
    fn new(error: &serde_json::Error) -> Self {
        Self(format!("{:?} error in column {}", error.classify(), error.column()))
    }
}

/// The envelope of a server's frame. A `type` marks an event.
#[derive(Deserialize)]
struct Outside {
    #[serde(rename = "type")]
    kind: Option<String>,
    success: Option<bool>,
    request_id: Option<RequestId>,
}

impl<'a> ServerFrame<'a> {
    /// Decodes the envelope of a frame, and the whole of an event.
    ///
    /// # Errors
    ///
    /// The frame is no JSON object, or an event lacks a field of its type.
    pub fn decode(text: &'a [u8]) -> Result<Self, DecodeError> {
        let outside: Outside = read(text)?;
        match (outside.kind, outside.success) {
            (Some(kind), _) => match ServerEventType::named(&kind) {
                Some(kind) => ServerEvent::decode(kind, text).map(Self::Event),
                None => Ok(Self::Unknown),
            },
            (None, Some(success)) => {
                Ok(Self::Reply(RawReply { request_id: outside.request_id, text, success }))
            }
            (None, None) => Err(DecodeError("neither type nor success".to_owned())),
        }
    }
}

impl RawReply<'_> {
    /// Decodes the reply to a request of this type, or an error reply.
    ///
    /// # Errors
    ///
    /// The frame is neither.
    pub fn decode(&self, asked: EventType) -> Result<Reply, DecodeError> {
        if !self.success {
            return read(self.text).map(Reply::Error);
        }
        asked.decode_reply(self.text).map_err(|error| DecodeError::new(&error))
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, DecodeError> {
    serde_json::from_slice(text).map_err(|error| DecodeError::new(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_not_known_here_leaves_the_error_readable() {
        let text = br#"{"success": false, "error": "Try tomorrow", "code": "closed_today", "request_id": 3}"#;
        let Ok(ServerFrame::Reply(reply)) = ServerFrame::decode(text) else { panic!("a reply") };
        assert_eq!(reply.request_id, Some(RequestId::Number(3)));
        let Ok(Reply::Error(error)) = reply.decode(EventType::MarkMessageRead) else { panic!("an error") };
        assert_eq!((&*error.error, error.code), ("Try tomorrow", None));
    }

    #[test]
    fn an_event_that_is_not_known_here_is_no_error() {
        assert_eq!(ServerFrame::decode(br#"{"type": "weather", "rain": true}"#), Ok(ServerFrame::Unknown));
        assert!(ServerFrame::decode(br#"{"type": "new_message"}"#).is_err());
        assert!(ServerFrame::decode(b"[]").is_err());
        assert!(ServerFrame::decode(b"{}").is_err());
    }
}
