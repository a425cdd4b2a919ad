//! What a server sends, read by a client: replies and events.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::envelope::RequestId;
use super::request::EventType;
use super::{ErrorReply, MessageRead, NewMessage, NewSupportConversation, ReadPosition, Reply, TypingStatus};

/// A frame of the server, as far as it can be read without knowing what was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerFrame<'a> {
    /// Answers a request.
    Reply(RawReply<'a>),
    /// Answers no request.
    Event(ServerEvent),
    /// An event of a type that is not known here: to be ignored, so that the protocol can grow.
    Unknown,
}

/// What a server tells without having been asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerEvent {
    /// Of event 1.
    NewMessage(NewMessage),
    /// Of event 2.
    NewSupportConversation(NewSupportConversation),
    /// Of event 6.
    TypingStatus(TypingStatus),
    /// Of event 8.
    MessageRead(MessageRead),
    /// Of event 8, for the reader's own other connections.
    ReadPosition(ReadPosition),
    /// What happened to the connection itself: its close follows.
    Error(ErrorReply),
}

/// A reply that is not decoded yet: only its request says by which type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawReply<'a> {
    /// The `request_id` of the request that it answers, if that had one.
    pub request_id: Option<RequestId>,
    text: &'a [u8],
    success: bool,
}

/// A frame that no server of this protocol sends.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the server sent what the protocol does not know: {0}")]
pub struct DecodeError(String);

impl DecodeError {
    /// What is wrong, and not what was sent: that may be the text of a message.
    fn new(error: &serde_json::Error) -> Self {
        Self(format!("{:?} error in column {}", error.classify(), error.column()))
    }
}

/// The outside of a server's frame. A `type` makes it an event.
#[derive(Deserialize)]
struct Outside {
    #[serde(rename = "type")]
    kind: Option<String>,
    success: Option<bool>,
    request_id: Option<RequestId>,
}

impl<'a> ServerFrame<'a> {
    /// Reads the outside of a frame, and the inside of an event.
    ///
    /// # Errors
    ///
    /// It is not a JSON object, or an event lacks what its type must have.
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
    /// Decodes the reply to a request of this type, or the error that came in its place.
    ///
    /// # Errors
    ///
    /// It is neither.
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
