//! Additions: the work on a conversation, and the requests that change it.

use serde::{Deserialize, Serialize};

use super::check;
use super::error::Error;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The state of the work on a conversation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkState {
    /// Nobody in control has taken the conversation.
    Waiting,
    /// A control user has taken the conversation.
    Taken,
    /// The work is done. A message of field staff reopens the conversation.
    Resolved,
}

impl WorkState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Taken, Self::Resolved];

    /// The state as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "WAITING",
            Self::Taken => "TAKEN",
            Self::Resolved => "RESOLVED",
        }
    }
}

/// The work on a conversation, as its messages and entries have left it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Work {
    /// The state.
    pub state: WorkState,
    /// The control user with the conversation, or the last one before it was resolved.
    pub assignee: Option<UserId>,
    /// The time of the last change of the state or the assignee.
    pub since: Timestamp,
    /// The time of the first message of field staff after the last one of control.
    pub waiting_since: Option<Timestamp>,
    /// The number of the message that last changed the state or the assignee, or 0. A request to
    /// change the work names the version that it was decided on.
    pub version: u64,
}

/// A change of the work that a user asks for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkAction {
    /// The user takes the conversation.
    Take,
    /// The conversation goes back to the team.
    Release,
    /// The conversation goes to a colleague.
    Transfer,
    /// The work is done.
    Resolve,
    /// The work goes on.
    Reopen,
}

impl WorkAction {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Take, Self::Release, Self::Transfer, Self::Resolve, Self::Reopen];
}

/// The work behind a message that has changed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageWork {
    /// The action, if the message is an entry. A message of a user has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<WorkAction>,
    /// The work from this message on.
    #[serde(flatten)]
    pub work: Work,
}

/// A request to change the work, whatever its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WorkRequest<'a> {
    /// The action.
    pub action: WorkAction,
    /// The conversation.
    pub conversation_id: &'a ConversationId,
    /// The version of the work that the request was decided on.
    pub version: u64,
    /// The new assignee, for [`WorkAction::Transfer`].
    pub to: Option<&'a UserId>,
    /// The id that makes a repeat safe.
    pub client_message_id: Option<&'a ClientMessageId>,
}

impl WorkRequest<'_> {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::client_message_id(self.client_message_id, limits)
    }
}

impl MessageWork {
    /// The work behind message 1, which begins it.
    pub fn begun(at: Timestamp) -> Self {
        Self { action: None, work: Work::begun(at) }
    }
}

macro_rules! work_requests {
    ($($(#[$doc:meta])* $name:ident = $action:ident $({ $(#[$to_doc:meta])* $to:ident })?;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
            pub struct $name {
                /// The conversation.
                pub conversation_id: ConversationId,
                /// The version of the work that the request was decided on.
                pub version: u64,
                $($(#[$to_doc])* pub $to: UserId,)?
                /// The id that makes a repeat safe: see [`ClientMessageId`].
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub client_message_id: Option<ClientMessageId>,
            }

            impl $name {
                /// The request, whatever its type.
                pub fn work(&self) -> WorkRequest<'_> {
                    WorkRequest {
                        action: WorkAction::$action,
                        conversation_id: &self.conversation_id,
                        version: self.version,
                        to: work_requests!(@to self $($to)?),
                        client_message_id: self.client_message_id.as_ref(),
                    }
                }
            }
        )*
    };
    (@to $self:ident) => { None };
    (@to $self:ident $to:ident) => { Some(&$self.$to) };
}

work_requests! {
    /// The `data` of `take_conversation`. Of two at once, one wins.
    TakeConversation = Take;
    /// The `data` of `release_conversation`.
    ReleaseConversation = Release;
    /// The `data` of `transfer_conversation`.
    TransferConversation = Transfer {
        /// The new assignee: a participant in control.
        to
    };
    /// The `data` of `resolve_conversation`.
    ResolveConversation = Resolve;
    /// The `data` of `reopen_conversation`.
    ReopenConversation = Reopen;
}
