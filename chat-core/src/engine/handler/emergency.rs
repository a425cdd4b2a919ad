//! Handlers of the additions that end an emergency, `end_emergency` and `withdraw_emergency`, and
//! the second press of a user whose emergency is not over.

use std::sync::Arc;

use crate::conversation::{Conversation, Standing};
use crate::engine::directory::StaffDirectory;
use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::protocol::create_support_conversation::TITLE_PREFIX;
use crate::protocol::{
    CreateSupportConversation, CreateSupportConversationReply, EmergencyReason, EmergencyReply, EndEmergency,
    Error, ErrorCode, Reply, WithdrawEmergency,
};
use crate::store::{AppendEntry, AppendMessage, Change, EntryChange, MessageAppended, Query};

/// The end of an emergency, as both requests ask for it.
pub(super) struct End<'a> {
    pub(super) conversation: &'a ConversationId,
    pub(super) reason: EmergencyReason,
    version: u64,
    client_message_id: Option<&'a ClientMessageId>,
}

impl<'a> From<&'a EndEmergency> for End<'a> {
    fn from(data: &'a EndEmergency) -> Self {
        let EndEmergency { conversation_id: conversation, version, reason, client_message_id } = data;
        let client_message_id = client_message_id.as_ref();
        Self { conversation, reason: *reason, version: *version, client_message_id }
    }
}

impl<'a> From<&'a WithdrawEmergency> for End<'a> {
    fn from(data: &'a WithdrawEmergency) -> Self {
        let WithdrawEmergency { conversation_id: conversation, version, client_message_id } = data;
        let client_message_id = client_message_id.as_ref();
        Self { conversation, reason: EmergencyReason::Withdrawn, version: *version, client_message_id }
    }
}

/// The entry of the end. The store decides whether it fits the emergency.
pub(super) fn step(end: &End<'_>, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(end.conversation)?;
    if cx.conversation(end.conversation).is_none_or(|found| found.emergency.is_none()) {
        let detail = "conversation_id names no emergency";
        return Err(Error::with_detail(ErrorCode::InvalidParameter, detail).into());
    }
    let name = cx.account.user().display_name();
    let content = match end.reason {
        EmergencyReason::Solved => format!("{name} has ended this emergency: solved."),
        EmergencyReason::HandedOver => format!("{name} has ended this emergency: handed over."),
        EmergencyReason::FalseAlarm => format!("{name} has ended this emergency: false alarm."),
        EmergencyReason::Withdrawn => format!("{name} has withdrawn this emergency."),
    };
    Ok(Step::Commit(Change::AppendEntry(AppendEntry {
        permit,
        entry: EntryChange::EndEmergency { reason: end.reason, version: end.version },
        nonce: cx.ids.nonce(),
        content: content.into(),
        client_message_id: end.client_message_id.cloned(),
        at: cx.now.wall,
    })))
}

pub(super) fn reply(appended: &MessageAppended) -> Option<Reply> {
    let MessageAppended { conversation, message_id, seq, sent_at, emergency, .. } = appended;
    let emergency = emergency.clone()?;
    let (id, message_id) = (conversation.clone(), message_id.clone());
    Some(Reply::Emergency(EmergencyReply::new(id, message_id, *seq, *sent_at, emergency)))
}

/// Whether a request repeats an entry. The version is not compared: the entry has changed it.
pub(super) fn is_repeat(end: &End<'_>, appended: &MessageAppended) -> bool {
    let change = EntryChange::EndEmergency { reason: end.reason, version: end.version };
    appended.conversation == *end.conversation && change.becomes(appended)
}

/// The message of a press, if the user's emergency is not over and the user takes part in it.
pub(super) fn press(
    request: &CreateSupportConversation,
    cx: &mut HandlerContext<'_>,
) -> Result<Option<Step>, Blocked> {
    let Some(earlier) = cx.emergency.cloned() else { return Ok(None) };
    let permit = match cx.may_take_part(&earlier) {
        Ok(permit) => permit,
        Err(blocked @ Blocked::OnLoad(_)) => return Err(blocked),
        Err(_) => return Ok(None),
    };
    if !cx.conversation(&earlier).is_some_and(Conversation::is_live_emergency) {
        return Ok(None);
    }
    Ok(Some(Step::Commit(Change::AppendMessage(AppendMessage {
        permit,
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        is_press: true,
        order: None,
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    }))))
}

/// Whether a request repeats a press. The title is not stored.
pub(super) fn is_repeated_press(request: &CreateSupportConversation, appended: &MessageAppended) -> bool {
    appended.is_press && appended.content.text().is_none_or(|content| *content == request.content)
}

/// The reply to a press. It names the participants of now, or the user alone if withdrawn since.
pub(super) fn press_reply(
    appended: &MessageAppended,
    conversation: Option<&Conversation>,
    directory: &StaffDirectory,
) -> Reply {
    let own =
        |found: &&Conversation| found.participation.members.standing(&appended.sender) == Standing::Member;
    let participants: Vec<UserId> = match conversation.filter(own) {
        Some(found) => directory.participants(found).into_iter().cloned().collect(),
        None => vec![appended.sender.clone()],
    };
    let title = conversation.map_or_else(|| Arc::from(TITLE_PREFIX), |found| found.title.clone());
    let (id, at) = (appended.conversation.clone(), appended.sent_at);
    let reply = CreateSupportConversationReply::new(id, title, participants, at);
    Reply::CreateSupportConversation(CreateSupportConversationReply { repeated: Some(true), ..reply })
}

/// The reply to a repeated press, with the participants of now.
pub(super) fn repeat_press(appended: &MessageAppended, cx: &HandlerContext<'_>) -> HandlerResult {
    let Some(conversation) = &cx.facts.conversation else {
        return Err(Blocked::OnLoad(Query::Conversation(appended.conversation.clone())));
    };
    Ok(Step::Reply(press_reply(appended, conversation.as_ref(), cx.directory)))
}
