//! Frames of a server as read by a client: replies and events.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::envelope::RequestId;
use super::request::EventType;
use super::{ErrorReply, MessageRead, NewMessage, NewSupportConversation, ReadPosition, Reply, TypingStatus};

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

/// An event sent by a server on its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerEvent {
    /// The broadcast of event 1.
    NewMessage(NewMessage),
    /// The notification of event 2.
    NewSupportConversation(NewSupportConversation),
    /// The broadcast of event 6.
    TypingStatus(TypingStatus),
    /// The broadcast of event 8.
    MessageRead(MessageRead),
    /// The broadcast of event 8 to the reader's own other connections.
    ReadPosition(ReadPosition),
    /// An error of the connection itself. Its close follows.
    Error(ErrorReply),
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
            (Some(kind), _) => ServerEvent::decode(&kind, text),
            (None, Some(success)) => {
                Ok(Self::Reply(RawReply { request_id: outside.request_id, text, success }))
            }
            (None, None) => Err(DecodeError("neither type nor success".to_owned())),
        }
    }
}

impl ServerEvent {
    fn decode(kind: &str, text: &[u8]) -> Result<ServerFrame<'static>, DecodeError> {
        let event = match kind {
            "new_message" => Self::NewMessage(read(text)?),
            "new_support_conversation" => Self::NewSupportConversation(read(text)?),
            "typing_status" => Self::TypingStatus(read(text)?),
            "message_read" => Self::MessageRead(read(text)?),
            "read_position" => Self::ReadPosition(read(text)?),
            "error" => Self::Error(read(text)?),
            _ => return Ok(ServerFrame::Unknown),
        };
        Ok(ServerFrame::Event(event))
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
        match asked {
            EventType::SendChatMessage => read(self.text).map(Reply::SendChatMessage),
            EventType::CreateSupportConversation => read(self.text).map(Reply::CreateSupportConversation),
            EventType::GetActiveConversations => read(self.text).map(Reply::GetActiveConversations),
            EventType::JoinConversation => read(self.text).map(Reply::JoinConversation),
            EventType::JoinSupportRoom => read(self.text).map(Reply::JoinSupportRoom),
            EventType::GetConversationMessages => read(self.text).map(Reply::GetConversationMessages),
            EventType::TypingIndicator | EventType::MarkMessageRead => read(self.text).map(Reply::Done),
            EventType::RefreshToken => read(self.text).map(Reply::RefreshToken),
        }
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
