//! One line of the trail. Names and fields are stable, because other programs read them.

use std::borrow::Cow;
use std::net::IpAddr;

use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The kind of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuditKind {
    /// The server has started.
    #[default]
    Started,
    /// The server has stopped.
    Stopped,
    /// A user was let in.
    Connected,
    /// A client was not let in.
    NotConnected,
    /// A connection has ended.
    Ended,
    /// A message was stored, or repeats a stored one.
    Message,
    /// A conversation was created with its first message.
    Conversation,
    /// The work on a conversation was changed by an entry.
    Work,
    /// A request was refused.
    Refused,
    /// An administrator has acted.
    Act,
}

/// One line.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct AuditLine<'a> {
    pub(crate) at: Timestamp,
    pub(crate) what: AuditKind,
    /// The number of the connection since the start of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connection: Option<u64>,
    /// The user who acts, or the user on whom an administrator acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<Cow<'a, str>>,
    /// The address of the client, as told by a trusted proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) address: Option<IpAddr>,
    /// The `type` of a refused request, or of a change of the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<Cow<'a, str>>,
    /// The reason of a refusal or an end: the code of an error, a close code, `peer` or `broken`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversation: Option<Cow<'a, str>>,
    /// The id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seq: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_message_id: Option<Cow<'a, str>>,
    /// Whether the message repeats a stored one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) repeat: bool,
    /// The length of a connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seconds: Option<u64>,
    /// Lines of this connection or kind that were left out before this one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) left_out: u64,
    /// The act of an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Cow<'a, str>>,
    /// The administrator, as far as the system knows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) by: Option<Cow<'a, str>>,
    /// Details of an act: a place, a number, a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<Cow<'a, str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl AuditLine<'_> {
    /// Appends the line to a buffer.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        serde_json::to_writer(&mut *to, self).expect("a line has text keys, and a buffer takes all");
        to.push(b'\n');
    }
}
