//! The lines of an export. Names and fields are stable, because other programs read them.

use std::io::{self, Write};

use chat_core::id::{ConversationId, MessageId, UserId};
use chat_core::protocol::RoomType;
use chat_core::time::Timestamp;
use serde::Serialize;

use super::places::Part;
use crate::store::write::journal::{Content, ConversationCreated, Event, MessageAppended, Record};

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ExportLine<'a> {
    Conversation {
        position: u64,
        conversation_id: &'a ConversationId,
        title: &'a str,
        room_type: RoomType,
        created_by: &'a UserId,
        created_at: Timestamp,
        participants: &'a [UserId],
    },
    Message {
        position: u64,
        conversation_id: &'a ConversationId,
        seq: u64,
        message_id: &'a MessageId,
        sender_id: &'a UserId,
        sent_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<&'a str>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        erased: bool,
    },
    Read {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        up_to: u64,
    },
    Enrolled {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        version: u64,
    },
    Withdrawn {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        version: u64,
    },
    End {
        position: u64,
        head: String,
    },
}

impl<'a> ExportLine<'a> {
    /// The line for a part of a record; `None` if the record has no such part.
    pub(super) fn of(part: Part, record: &'a Record) -> Option<Self> {
        let position = record.position.0;
        let content = record.content.text().map(|text| &**text);
        let erased = record.content == Content::Erased;
        Some(match (&record.event, part) {
            (Event::ConversationCreated(created), Part::Conversation) => {
                Self::conversation(position, created)
            }
            (Event::ConversationCreated(created), Part::Event) => Self::Message {
                position,
                conversation_id: &created.id,
                seq: 1,
                message_id: &created.message_id,
                sender_id: &created.created_by,
                sent_at: created.sent_at,
                content,
                erased,
            },
            (Event::MessageAppended(appended), _) => {
                let MessageAppended { conversation, seq, message_id, sender, sent_at, .. } = appended;
                Self::Message {
                    position,
                    conversation_id: conversation,
                    seq: *seq,
                    message_id,
                    sender_id: sender,
                    sent_at: *sent_at,
                    content,
                    erased,
                }
            }
            (Event::MessageRead { conversation, user, up_to }, _) => {
                Self::Read { position, conversation_id: conversation, user_id: user, up_to: *up_to }
            }
            (Event::UserEnrolled(changed), _) => Self::Enrolled {
                position,
                conversation_id: &changed.conversation,
                user_id: &changed.user,
                version: changed.version,
            },
            (Event::UserWithdrawn(changed), _) => Self::Withdrawn {
                position,
                conversation_id: &changed.conversation,
                user_id: &changed.user,
                version: changed.version,
            },
            (Event::EpochBegun { .. } | Event::AccountPut { .. }, _) => return None,
        })
    }

    fn conversation(position: u64, created: &'a ConversationCreated) -> Self {
        Self::Conversation {
            position,
            conversation_id: &created.id,
            title: &created.title,
            room_type: created.room_type,
            created_by: &created.created_by,
            created_at: created.sent_at,
            participants: &created.participants,
        }
    }
}

/// Writes a line.
pub(super) fn write(to: &mut dyn Write, line: &ExportLine<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
