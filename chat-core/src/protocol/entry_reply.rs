//! The replies to requests that append an entry. They differ in the state that the entry leaves.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::emergency::Emergency;
use super::envelope::Success;
use super::order::Order;
use super::work::Work;
use crate::id::{ConversationId, MessageId};
use crate::time::Timestamp;

macro_rules! entry_replies {
    ($($(#[$doc:meta])* $name:ident { $(#[$state_doc:meta])* $state:ident: $of:ty } = $text:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub struct $name {
            /// Always `true`.
            pub success: Success,
            /// A text for people.
            pub message: Cow<'static, str>,
            /// The conversation of the request.
            pub conversation_id: ConversationId,
            /// The id of the entry.
            pub message_id: MessageId,
            /// The entry's number in the conversation.
            pub seq: u64,
            /// The entry's `sent_at`.
            pub timestamp: Timestamp,
            $(#[$state_doc])*
            pub $state: Box<$of>,
        }

        impl $name {
            /// Creates the reply for a durable entry.
            pub fn new(
                conversation_id: ConversationId,
                message_id: MessageId,
                seq: u64,
                timestamp: Timestamp,
                $state: Box<$of>,
            ) -> Self {
                let (success, message) = (Success, $text.into());
                Self { success, message, conversation_id, message_id, seq, timestamp, $state }
            }
        }
    )+};
}

entry_replies! {
    /// The reply to a change of the work, sent once the entry is durable.
    WorkReply {
        /// The work from the entry on.
        work: Work
    } = "Conversation changed successfully";
    /// The reply to `end_emergency` and `withdraw_emergency`, sent once the entry is durable.
    EmergencyReply {
        /// The emergency from the entry on.
        emergency: Emergency
    } = "Emergency ended successfully";
    /// The reply to `answer_message` and `withdraw_order`, sent once the entry is durable.
    OrderReply {
        /// The order from the entry on.
        order: Order
    } = "Order changed successfully";
}
