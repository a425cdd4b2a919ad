//! Frames as bytes, made once: the load must cost little beside what it loads.

use chat_core::id::ConversationId;
use chat_core::protocol::{Request, RequestId, SendChatMessage};

/// The text of every message: a line of a phone or two.
pub(crate) const CONTENT: &str = "The bridge at the mill is closed since this morning, and all buses take the ring \
                                  road. Is that how it stays?";

/// What the SDK gives every message, so that it is stored once: of the length of a UUID, and it ends in a number.
const CLIENT_MESSAGE_ID: &str = "b2c6a0c4-1f0e-4a43-8a62-000000000000";

/// What stands for a length that does not fit.
const LONGER: u8 = 0x7e;

/// Digits of that number.
const DIGITS: usize = 12;

/// The frame of a client's text, masked by zeros.
pub(crate) fn text(payload: &[u8]) -> Vec<u8> {
    masked(0x81, payload)
}

/// The answer to a ping.
pub(crate) fn pong(payload: &[u8]) -> Vec<u8> {
    masked(0x8a, payload)
}

fn masked(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first_byte];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(short @ ..LONGER), _) => frame.push(0x80 | short),
        (_, Ok(length)) => {
            frame.push(0x80 | LONGER);
            frame.extend(length.to_be_bytes());
        }
        _ => panic!("no request is as long as {} bytes", payload.len()),
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// What a reply is named by; it costs as much whatever the number.
pub(crate) fn request_id() -> RequestId {
    RequestId::Number(1_000_001)
}

/// The frame of a request.
pub(crate) fn request(request: &Request) -> Vec<u8> {
    text(&request.encode(Some(&request_id())))
}

/// The HTTP request that opens a WebSocket.
pub(crate) fn opening(path_and_query: &str) -> Vec<u8> {
    format!(
        "GET {path_and_query} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// A frame that is sent again and again, each time with another number.
pub(crate) struct Numbered {
    frame: Vec<u8>,
    digits: Option<usize>,
}

impl Numbered {
    /// A message to this conversation.
    pub(crate) fn message(conversation: &ConversationId) -> Self {
        let frame = request(&Request::SendChatMessage(SendChatMessage {
            conversation_id: conversation.clone(),
            content: CONTENT.into(),
            client_message_id: Some(CLIENT_MESSAGE_ID.into()),
        }));
        let id = CLIENT_MESSAGE_ID.as_bytes();
        let place = frame.windows(id.len()).position(|window| window == id).expect("it was put there");
        Self { frame, digits: Some(place + id.len() - DIGITS) }
    }

    /// A frame for a server that reads no number.
    pub(crate) fn plain(payload: &[u8]) -> Self {
        Self { frame: text(payload), digits: None }
    }

    /// The frame with this number.
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
