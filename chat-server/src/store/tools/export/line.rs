//! The lines of an export. Names and fields are stable, because other programs read them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{self, Write};

use chat_core::conversation::Standing;
use chat_core::id::{ConversationId, MessageId, TeamId, UserId};
use chat_core::protocol::{MessageAnswer, MessageEmergency, MessageOrder, MessageWork, Role, RoomType};
use chat_core::store::{Account, Content, ConversationCreated, Event, MessageAppended, Source};
use chat_core::time::Timestamp;
use serde::Serialize;

use super::places::Part;
use crate::store::write::journal::Record;

/// One line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ExportLine<'a> {
    Account {
        position: u64,
        user_id: &'a UserId,
        role: Role,
        email: &'a str,
        first_name: &'a str,
        last_name: &'a str,
        active: bool,
        /// Missing in histories written before this field existed, as is `at`.
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<Source>,
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    Conversation {
        position: u64,
        conversation_id: &'a ConversationId,
        title: &'a str,
        room_type: RoomType,
        created_by: &'a UserId,
        created_at: Timestamp,
        /// Missing in histories written before teams, when `participants` named everybody.
        #[serde(skip_serializing_if = "Option::is_none")]
        teams: Option<&'a [TeamId]>,
        participants: &'a BTreeSet<UserId>,
    },
    Message {
        position: u64,
        conversation_id: &'a ConversationId,
        seq: u64,
        message_id: &'a MessageId,
        sender_id: &'a UserId,
        sent_at: Timestamp,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Cow<'a, str>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        erased: bool,
        /// The work from this message on, if the message has changed it.
        #[serde(skip_serializing_if = "Option::is_none")]
        work: Option<MessageWork>,
        /// The emergency from this message on, if the message has changed it.
        #[serde(skip_serializing_if = "Option::is_none")]
        emergency: Option<Box<MessageEmergency>>,
        /// The order, if the message must be answered, as it was given.
        #[serde(skip_serializing_if = "Option::is_none")]
        order: Option<Box<MessageOrder>>,
        /// The order from this entry on, if the entry has changed it.
        #[serde(skip_serializing_if = "Option::is_none")]
        answer: Option<Box<MessageAnswer>>,
    },
    Read {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        up_to: u64,
        /// Missing in histories written before this field existed.
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<Timestamp>,
    },
    Enrolled {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        version: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        standing: Option<Standing>,
    },
    Withdrawn {
        position: u64,
        conversation_id: &'a ConversationId,
        user_id: &'a UserId,
        version: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        standing: Option<Standing>,
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
                content: created.content.text().map(|text| Cow::Borrowed(&**text)),
                erased: created.content == Content::Erased,
                work: created.message().work,
                emergency: created.message().emergency,
                order: None,
                answer: None,
            },
            (Event::MessageAppended(appended), _) => Self::message(position, appended),
            (Event::ReadMarked(read), _) => Self::Read {
                position,
                conversation_id: &read.conversation,
                user_id: &read.user,
                up_to: read.up_to,
                at: read.at,
            },
            (Event::MemberAdded(changed), _) => Self::Enrolled {
                position,
                conversation_id: &changed.conversation,
                user_id: &changed.user,
                version: changed.version,
                standing: changed.standing,
            },
            (Event::MemberWithdrawn(changed), _) => Self::Withdrawn {
                position,
                conversation_id: &changed.conversation,
                user_id: &changed.user,
                version: changed.version,
                standing: changed.standing,
            },
            (Event::AccountPut { account }, _) => Self::account(position, account),
            (Event::EpochBegun { .. }, _) => return None,
        })
    }

    fn message(position: u64, appended: &'a MessageAppended) -> Self {
        // The text of an order is stored together with its answers.
        let order = appended
            .given_order()
            .and_then(|_| Some((appended.message().content, appended.message().order?)));
        let (content, order) = match order {
            Some((content, order)) => (Some(Cow::Owned(content.to_string())), Some(order)),
            None => (appended.content.text().map(|text| Cow::Borrowed(&**text)), None),
        };
        let erased = appended.content == Content::Erased;
        Self::Message {
            position,
            conversation_id: &appended.conversation,
            seq: appended.seq,
            message_id: &appended.message_id,
            sender_id: &appended.sender,
            sent_at: appended.sent_at,
            content: content.filter(|_| !erased),
            erased,
            work: appended.shown_work(),
            emergency: appended.shown_emergency(),
            order,
            answer: appended.shown_answer(),
        }
    }

    fn account(position: u64, Account { user, active, said, .. }: &'a Account) -> Self {
        Self::Account {
            position,
            user_id: &user.id,
            role: user.role,
            email: &user.email,
            first_name: &user.first_name,
            last_name: &user.last_name,
            active: *active,
            source: said.map(|said| said.source),
            at: said.map(|said| said.at),
        }
    }

    fn conversation(position: u64, created: &'a ConversationCreated) -> Self {
        Self::Conversation {
            position,
            conversation_id: &created.id,
            title: &created.title,
            room_type: created.room_type,
            created_by: &created.created_by,
            created_at: created.sent_at,
            teams: created.teams.as_deref(),
            participants: &created.participants,
        }
    }
}

/// Writes a line.
pub(super) fn write(to: &mut dyn Write, line: &ExportLine<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    to.write_all(b"\n")
}
