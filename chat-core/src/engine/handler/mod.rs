//! The handlers of the protocol's events, one file per event.
//!
//! A handler is called again after each load with all facts loaded for its request so far, and
//! returns the next step or the missing facts. Handlers change nothing.

mod add_note;
mod create_support_conversation;
mod emergency;
mod get_active_conversations;
mod get_conversation_messages;
mod get_people;
mod get_phrases;
mod join_conversation;
mod join_support_room;
mod mark_message_read;
mod order;
mod refresh_token;
mod send_chat_message;
mod start_conversation;
mod typing_indicator;
mod work;

use super::cache::Cache;
use super::directory::StaffDirectory;
use super::io::Command;
use super::pending_request::{HandlerContext, HandlerResult, LoadedFacts, Operation, Step};
use crate::id::UserId;
use crate::protocol::{Done, ErrorCode, Reply, Request, WorkRequest};
use crate::store::{ConversationCreated, EntryBody, Event, MessageAppended, Original};

use emergency::End;

pub(super) use create_support_conversation::new_support_conversation;
pub(super) use join_support_room::covers;
pub(super) use order::refusal;

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
        Request::TakeConversation(data) => work::step(&data.work(), cx),
        Request::ReleaseConversation(data) => work::step(&data.work(), cx),
        Request::TransferConversation(data) => work::step(&data.work(), cx),
        Request::ResolveConversation(data) => work::step(&data.work(), cx),
        Request::ReopenConversation(data) => work::step(&data.work(), cx),
        Request::EndEmergency(data) => emergency::step(&End::from(data), cx),
        Request::WithdrawEmergency(data) => emergency::step(&End::from(data), cx),
        Request::AnswerMessage(data) => order::answer(data, cx),
        Request::WithdrawOrder(data) => order::withdraw(data, cx),
        Request::GetOpenOrders(data) => order::open_orders(data, cx),
        Request::AddNote(data) => add_note::step(data, cx),
        Request::StartConversation(data) => start_conversation::step(data, cx),
        Request::GetPeople(data) => get_people::step(data, cx),
        Request::GetPhrases(data) => Ok(get_phrases::step(data, cx)),
    }
}

/// The reply to a request whose change is durable.
pub(super) fn reply(event: &Event, directory: &StaffDirectory, cache: &Cache) -> Reply {
    match event {
        Event::MessageAppended(appended) if appended.is_press => {
            emergency::press_reply(appended, cache.get(&appended.conversation), directory)
        }
        Event::MessageAppended(appended) => appended_reply(appended),
        Event::ConversationCreated(created) if created.id.is_notes() => add_note::created_reply(created),
        Event::ConversationCreated(created) => {
            let conversation = created.conversation();
            created_reply(created, directory.participants(&conversation))
        }
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::ReadMarked(_)
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => Reply::Done(Done::default()),
    }
}

/// The reply to a new conversation, whoever has begun it.
fn created_reply(created: &ConversationCreated, participants: Vec<&UserId>) -> Reply {
    match &created.work {
        Some(work) => start_conversation::reply(created, participants, work),
        None => create_support_conversation::reply(created, participants),
    }
}

/// The reply to a message or a note, or to the request of an entry.
fn appended_reply(appended: &MessageAppended) -> Reply {
    if appended.conversation.is_notes() {
        return add_note::appended_reply(appended);
    }
    let entry = match appended.entry {
        Some(EntryBody::Work(_)) => work::reply(appended),
        Some(EntryBody::Emergency(_)) => emergency::reply(appended),
        Some(EntryBody::Order(_)) => order::reply(appended),
        None => None,
    };
    entry.unwrap_or_else(|| send_chat_message::reply(appended))
}

/// Whether an operation repeats the original stored under its `client_message_id`. Any other use of
/// the id is an error.
pub(super) fn is_repeat(operation: &Operation, original: &Original) -> bool {
    match (operation, original) {
        (Operation::Request(Request::SendChatMessage(data)), Original::Message(appended)) => {
            send_chat_message::is_repeated_request(data, appended)
        }
        (Operation::Command(Command::Send { conversation, content, .. }), Original::Message(appended)) => {
            send_chat_message::is_repeated_command(conversation, content, appended)
        }
        (Operation::Request(Request::CreateSupportConversation(data)), Original::Conversation(created)) => {
            create_support_conversation::is_repeat(data, created)
        }
        (Operation::Request(Request::CreateSupportConversation(data)), Original::Message(appended)) => {
            emergency::is_repeated_press(data, appended)
        }
        (Operation::Request(Request::EndEmergency(data)), Original::Message(appended)) => {
            emergency::is_repeat(&End::from(data), appended)
        }
        (Operation::Request(Request::WithdrawEmergency(data)), Original::Message(appended)) => {
            emergency::is_repeat(&End::from(data), appended)
        }
        (Operation::Request(Request::AnswerMessage(data)), Original::Message(appended)) => {
            order::is_repeated_answer(data, appended)
        }
        (Operation::Request(Request::WithdrawOrder(data)), Original::Message(appended)) => {
            order::is_repeated_withdrawal(data, appended)
        }
        (Operation::Request(Request::StartConversation(data)), Original::Conversation(created)) => {
            start_conversation::is_repeat(data, created)
        }
        (Operation::Request(Request::AddNote(data)), original) => add_note::is_repeat(data, original),
        (Operation::Request(request), Original::Message(appended)) if request.work().is_some() => {
            request.work().is_some_and(|request: WorkRequest<'_>| work::is_repeat(&request, appended))
        }
        (
            Operation::Request(
                Request::SendChatMessage(_)
                | Request::StartConversation(_)
                | Request::GetPeople(_)
                | Request::GetPhrases(_)
                | Request::GetActiveConversations(_)
                | Request::JoinConversation(_)
                | Request::JoinSupportRoom(_)
                | Request::TypingIndicator(_)
                | Request::GetConversationMessages(_)
                | Request::MarkMessageRead(_)
                | Request::RefreshToken(_)
                | Request::TakeConversation(_)
                | Request::ReleaseConversation(_)
                | Request::TransferConversation(_)
                | Request::ResolveConversation(_)
                | Request::ReopenConversation(_)
                | Request::EndEmergency(_)
                | Request::WithdrawEmergency(_)
                | Request::AnswerMessage(_)
                | Request::WithdrawOrder(_)
                | Request::GetOpenOrders(_),
            )
            | Operation::Command(
                Command::Send { .. }
                | Command::Enrol { .. }
                | Command::Withdraw { .. }
                | Command::Import(_)
                | Command::ImportInactive(_)
                | Command::Deactivate(_)
                | Command::Activate(_),
            ),
            Original::Message(_) | Original::Conversation(_),
        ) => false,
    }
}

/// The reply to a repeat.
pub(super) fn repeat(cx: &mut HandlerContext<'_>) -> HandlerResult {
    let facts: &LoadedFacts = cx.facts;
    match &facts.original {
        Some(Some(Original::Message(appended))) if appended.conversation.is_notes() => {
            add_note::repeat(add_note::appended_reply(appended), cx)
        }
        Some(Some(Original::Conversation(created))) if created.id.is_notes() => {
            add_note::repeat(add_note::created_reply(created), cx)
        }
        Some(Some(Original::Message(appended))) if appended.is_press => emergency::repeat_press(appended, cx),
        Some(Some(Original::Message(appended))) => Ok(Step::Reply(appended_reply(appended))),
        Some(Some(Original::Conversation(created))) => create_support_conversation::repeat(created, cx),
        Some(None) | None => Err(ErrorCode::ClientMessageIdReused.into()),
    }
}

/// The number of rows of a page: the requested one or the default, at most `most`.
fn limit(asked: Option<i64>, default: u32, most: u32) -> u32 {
    asked.map_or(default, |asked| u32::try_from(asked).unwrap_or(most)).min(most)
}
