//! What is told of everything but the open conversation.

use chat_client::outbox::Draft;
use chat_client::{ConnectionState, NotSentError, NotSentReason};

use super::words::plain;

/// The state of the connection, in words, if a person should hear of it.
pub(super) fn connection(state: &ConnectionState) -> Option<String> {
    match state {
        ConnectionState::Connecting | ConnectionState::Closed => None,
        ConnectionState::Live => Some("-- live".to_owned()),
        ConnectionState::Waiting { reason, .. } => Some(format!(
            "-- no connection ({}): it is tried again by itself, and what you write waits",
            plain(reason)
        )),
        ConnectionState::Stopped(reason) => Some(format!(
            "-- stopped ({}): nothing more will come. /quit, and start again",
            plain(&reason.to_string())
        )),
    }
}

/// What somebody wrote, in one line.
pub(super) fn draft(draft: &Draft) -> String {
    match draft {
        Draft::SendChatMessage { content, .. } => plain(content),
        Draft::CreateSupportConversation { title, content, .. } => {
            format!("{}: {}", plain(title), plain(content))
        }
    }
}

/// Why a draft came back.
pub(super) fn not_sent(not_sent: &NotSentError) -> String {
    let text = draft(&not_sent.draft);
    let maybe = if not_sent.maybe_sent { " (it may have arrived all the same)" } else { "" };
    match &not_sent.reason {
        NotSentReason::Kept => format!("… stays in the outbox until you are back: {text}"),
        NotSentReason::Refused(reason) => format!("✗ not sent, {}{maybe}: {text}", plain(&reason.text)),
        reason => format!("✗ not sent, {reason}{maybe}: {text}"),
    }
}
