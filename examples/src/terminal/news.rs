//! Lines about everything except the open conversation.

use chat_client::outbox::Draft;
use chat_client::{ConnectionState, NotSentError, NotSentReason};

use super::words::plain;

/// Describes the state of the connection, if worth telling.
pub(super) fn connection(state: &ConnectionState) -> Option<String> {
    match state {
        ConnectionState::Connecting | ConnectionState::Closed => None,
        ConnectionState::Live => Some("-- live".to_owned()),
        ConnectionState::Waiting { reason, .. } => Some(format!(
            "-- no connection ({}): the program tries again, and your messages wait",
            plain(reason)
        )),
        ConnectionState::Stopped(reason) => Some(format!(
            "-- stopped ({}): nothing more will come. /quit, and start again",
            plain(&reason.to_string())
        )),
    }
}

/// Returns a draft's text as one line.
pub(super) fn draft(draft: &Draft) -> String {
    match draft {
        Draft::SendChatMessage { content, .. } => plain(content),
        Draft::CreateSupportConversation { title, content, .. } => {
            format!("{}: {}", plain(title), plain(content))
        }
    }
}

/// Describes why a draft came back.
pub(super) fn not_sent(not_sent: &NotSentError) -> String {
    let text = draft(&not_sent.draft);
    let maybe = if not_sent.maybe_sent { " (but may have arrived)" } else { "" };
    match &not_sent.reason {
        NotSentReason::Kept => format!("… stays in the outbox until you are back: {text}"),
        NotSentReason::Refused(reason) => format!("✗ not sent, {}{maybe}: {text}", plain(&reason.text)),
        reason => format!("✗ not sent, {reason}{maybe}: {text}"),
    }
}
