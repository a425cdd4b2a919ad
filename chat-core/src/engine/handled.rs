//! The record of a handled request, for logs.

use super::connection::RequestLabel;
use super::io::ConnectionId;
use crate::id::{MessageId, UserId};
use crate::protocol::{ErrorCode, EventType, Reply, RequestId, RequestIds};

/// A handled request and its outcome, for logs. Contains ids only, never message text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Handled {
    /// The connection.
    pub conn: ConnectionId,
    /// The user of the connection.
    pub user: UserId,
    /// The kind of request, or `None` for a frame that is no request.
    pub event: Option<EventType>,
    /// The request's id, chosen by the client.
    pub request_id: Option<RequestId>,
    /// The ids that the request names. The conversation is also the one that the request created.
    pub ids: RequestIds,
    /// The stored message: id and number in its conversation.
    pub message: Option<(MessageId, u64)>,
    /// Whether the request repeats an accepted one, and stored nothing.
    pub is_repeat: bool,
    /// The error code, or `None` if the request succeeded.
    pub code: Option<ErrorCode>,
}

impl Handled {
    /// A request with its reply.
    pub(super) fn of(
        conn: ConnectionId,
        user: UserId,
        label: RequestLabel,
        reply: &Reply,
        code: Option<ErrorCode>,
    ) -> Self {
        let RequestLabel { event, request_id, mut ids, is_repeat } = label;
        let mut message = None;
        match reply {
            Reply::SendChatMessage(sent) => message = Some(sent.message_id.clone()).zip(sent.seq),
            Reply::CreateSupportConversation(made) => ids.conversation = Some(made.conversation_id.clone()),
            Reply::StartConversation(made) => ids.conversation = Some(made.conversation_id.clone()),
            Reply::AddNote(note) => {
                ids.conversation = Some(note.notes_conversation_id.clone());
                message = Some((note.message_id.clone(), note.seq));
            }
            Reply::Work(changed) => message = Some((changed.message_id.clone(), changed.seq)),
            _ => {}
        }
        Self { conn, user, event, request_id, ids, message, is_repeat, code }
    }
}
