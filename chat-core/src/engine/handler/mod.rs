//! One file per event of the protocol: what a request needs, and how it is answered.
//!
//! A handler is asked again after each load, with all that was loaded for its request so far, and says what is still
//! missing or what to do. It changes nothing.

mod create_support_conversation;
mod get_active_conversations;
mod get_conversation_messages;
mod join_conversation;
mod join_support_room;
mod mark_message_read;
mod refresh_token;
mod send_chat_message;
mod typing_indicator;

use super::event::Event;
use super::work::{Desk, Outcome};
use crate::protocol::{Done, Reply, Request};
use crate::store::Original;

pub(super) use create_support_conversation::new_support_conversation;
pub(super) use join_support_room::covers;

/// What a request does next.
pub(super) fn step(request: &Request, desk: &mut Desk<'_>) -> Outcome {
    match request {
        Request::SendChatMessage(data) => send_chat_message::step(data, desk),
        Request::CreateSupportConversation(data) => create_support_conversation::step(data, desk),
        Request::GetActiveConversations(data) => get_active_conversations::step(data, desk),
        Request::JoinConversation(data) => join_conversation::step(data, desk),
        Request::JoinSupportRoom(data) => Ok(join_support_room::step(data)),
        Request::TypingIndicator(data) => typing_indicator::step(data, desk),
        Request::GetConversationMessages(data) => get_conversation_messages::step(data, desk),
        Request::MarkMessageRead(data) => mark_message_read::step(data, desk),
        Request::RefreshToken(data) => Ok(refresh_token::step(data)),
    }
}

/// The reply to a request whose change is durable.
pub(super) fn reply(event: &Event) -> Reply {
    match event {
        Event::MessageSent(message) => send_chat_message::reply(message),
        Event::ConversationCreated { conversation, .. } => create_support_conversation::reply(conversation),
        _ => Reply::Done(Done::default()),
    }
}

/// The reply to a request whose `client_message_id` was used before: the original one, or `None` if that was for
/// something else.
pub(super) fn repeat(request: &Request, original: &Original) -> Option<Reply> {
    match request {
        Request::SendChatMessage(data) => send_chat_message::repeat(data, original),
        Request::CreateSupportConversation(data) => create_support_conversation::repeat(data, original),
        _ => None,
    }
}

/// How many rows a page may have: as asked for, or the default, and never more than `most`.
fn limit(asked: Option<i64>, default: u32, most: u32) -> u32 {
    asked.map_or(default, |asked| u32::try_from(asked).unwrap_or(most)).min(most)
}
