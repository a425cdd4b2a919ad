//! Frames as bytes, encoded once, so that the load costs little beside the server.

use chat_core::id::ConversationId;
use chat_core::protocol::{CreateSupportConversation, Request, RequestId, SendChatMessage};

/// The text of every message, which fills a line or two of a phone.
pub(crate) const CONTENT: &str = "The bridge at the mill is closed since this morning, and all buses take the ring \
                                  road. Is that how it stays?";

/// A client message id as long as those of the SDK. Its last [`DIGITS`] digits are the number of
/// the message.
const CLIENT_MESSAGE_ID: &str = "b2c6a0c4-1f0e-4a43-8a62-000000000000";

/// The length byte of a payload whose length takes two more bytes.
const TWO_BYTE_LENGTH: u8 = 0x7e;

/// The digits of the number in a client message id.
const DIGITS: usize = 12;

/// Encodes a text frame, masked by zeros.
pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    masked(0x81, payload)
}

/// Encodes the answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0x8a, payload)
}

fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..TWO_BYTE_LENGTH), _) => frame.push(0x80 | short),
        (_, Ok(length)) => {
            frame.push(0x80 | TWO_BYTE_LENGTH);
            frame.extend(length.to_be_bytes());
        }
        _ => panic!("no request is as long as {} bytes", payload.len()),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The request id of every request. A constant costs the server as much as a counter would.
pub(crate) fn request_id() -> RequestId {
    RequestId::Number(1_000_001)
}

/// Encodes the frame of a request.
pub(crate) fn request(request: &Request) -> Vec<u8> {
    text(&request.encode(Some(&request_id())))
}

/// Encodes the frame that creates a conversation.
pub(crate) fn creation(client_message_id: Option<&str>) -> Vec<u8> {
    request(&Request::CreateSupportConversation(CreateSupportConversation {
        title: "Route Change Request".into(),
        content: CONTENT.into(),
        room_type: None,
        client_message_id: client_message_id.map(Into::into),
    }))
}

/// Encodes the HTTP request that opens a WebSocket.
pub(crate) fn opening(path_and_query: &str) -> Vec<u8> {
    format!(
        "GET {path_and_query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A frame that is sent many times, each time with another number.
pub(crate) struct Numbered {
    frame: Vec<u8>,
    /// The offset of the number's digits, if the frame has any.
    digits: Option<usize>,
}

impl Numbered {
    /// Returns a message to a conversation.
    pub(crate) fn message(conversation: &ConversationId) -> Self {
        Self::with_id(request(&Request::SendChatMessage(SendChatMessage {
            conversation_id: conversation.clone(),
            content: CONTENT.into(),
            client_message_id: Some(CLIENT_MESSAGE_ID.into()),
            answers: None,
            answer_within_ms: None,
        })))
    }

    /// Returns the creation of a conversation.
    pub(crate) fn creation() -> Self {
        Self::with_id(creation(Some(CLIENT_MESSAGE_ID)))
    }

    /// Returns a frame that contains [`CLIENT_MESSAGE_ID`].
    fn with_id(frame: Vec<u8>) -> Self {
        let id = CLIENT_MESSAGE_ID.as_bytes();
        let place = frame.windows(id.len()).position(|window| window == id).expect("it was put there");
        Self { frame, digits: Some(place + id.len() - DIGITS) }
    }

    /// Returns a frame without a number, for the floor.
    pub(crate) fn plain(payload: &[u8]) -> Self {
        Self { frame: text(payload), digits: None }
    }

    /// Returns the frame with this number.
    pub(crate) fn with(&mut self, mut number: u64) -> &[u8] {
        if let Some(place) = self.digits {
            for digit in self.frame[place..place + DIGITS].iter_mut().rev() {
                *digit = b'0' + u8::try_from(number % 10).expect("a digit");
                number /= 10;
            }
        }
        &self.frame
    }
}
