//! The handlers of the protocol's events, one file per event.
//!
//! A handler is called again after each load with all facts loaded for its request so far, and
//! returns the next step or the missing facts. Handlers change nothing.

mod create_support_conversation;
mod get_active_conversations;
mod get_conversation_messages;
mod join_conversation;
mod join_support_room;
mod mark_message_read;
mod refresh_token;
mod send_chat_message;
mod typing_indicator;

use super::command;
use super::event::Event;
use super::pending_request::{HandlerContext, HandlerResult, Operation};
use crate::protocol::{Done, Error, ErrorCode, Reply, Request};
use crate::store::Original;

pub(super) use create_support_conversation::new_support_conversation;
pub(super) use join_support_room::covers;

/// The next step of a request.
pub(super) fn step(request: &Request, cx: &mut HandlerContext<'_>) -> HandlerResult {
    match request {
        Request::SendChatMessage(data) => send_chat_message::step(data, cx),
        Request::CreateSupportConversation(data) => create_support_conversation::step(data, cx),
        Request::GetActiveConversations(data) => get_active_conversations::step(data, cx),
        Request::JoinConversation(data) => join_conversation::step(data, cx),
        Request::JoinSupportRoom(data) => Ok(join_support_room::step(data)),
        Request::TypingIndicator(data) => typing_indicator::step(data, cx),
        Request::GetConversationMessages(data) => get_conversation_messages::step(data, cx),
        Request::MarkMessageRead(data) => mark_message_read::step(data, cx),
        Request::RefreshToken(data) => Ok(refresh_token::step(data)),
    }
}

/// The reply to a request whose change is durable.
pub(super) fn reply(event: &Event) -> Reply {
    match event {
        Event::MessageSent(message) => send_chat_message::reply(message),
        Event::ConversationCreated { conversation, .. } => create_support_conversation::reply(conversation),
        Event::AccountPut(_)
        | Event::MessageRead { .. }
        | Event::Enrolled { .. }
        | Event::Withdrawn { .. } => Reply::Done(Done::default()),
    }
}

/// The reply to a repeated request or command with a used `client_message_id`.
///
/// # Errors
///
/// `client_message_id_reused` if the id was used for something else.
pub(super) fn repeat(operation: &Operation, original: &Original) -> Result<Reply, Error> {
    let reply = match operation {
        Operation::Request(Request::SendChatMessage(data)) => send_chat_message::repeat(data, original),
        Operation::Request(Request::CreateSupportConversation(data)) => {
            create_support_conversation::repeat(data, original)
        }
        Operation::Request(
            Request::GetActiveConversations(_)
            | Request::JoinConversation(_)
            | Request::JoinSupportRoom(_)
            | Request::TypingIndicator(_)
            | Request::GetConversationMessages(_)
            | Request::MarkMessageRead(_)
            | Request::RefreshToken(_),
        ) => None,
        Operation::Command(command) => command::repeat(command, original),
    };
    reply.ok_or_else(|| ErrorCode::ClientMessageIdReused.into())
}

/// The number of rows of a page: the requested one or the default, at most `most`.
fn limit(asked: Option<i64>, default: u32, most: u32) -> u32 {
    asked.map_or(default, |asked| u32::try_from(asked).unwrap_or(most)).min(most)
}
