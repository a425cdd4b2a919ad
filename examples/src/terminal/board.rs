//! The user's conversations, as far as the program knows them.

use std::collections::BTreeMap;

use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::{
    BroadcastMessage, CONTROL, ConversationSummary, CreateSupportConversationReply, MessageRead,
    NewSupportConversation, Reading, RoomType, User,
};
use chat_core::time::Timestamp;

use super::words::{clock, plain};

/// Maximum of named participants.
const NAMED: usize = 6;

/// All conversations, with the numbers by which the person opens them. A number stays the same
/// while the program runs. Bounded by the conversations of one user.
pub(super) struct Board {
    me: UserId,
    in_control: bool,
    rows: BTreeMap<ConversationId, Row>,
    names: BTreeMap<UserId, String>,
}

#[derive(Default)]
pub(super) struct Row {
    number: usize,
    /// Empty while unknown.
    title: String,
    participants: String,
    is_emergency: bool,
    pub(super) unread: u32,
    last: Option<(Timestamp, String)>,
    /// The last message that the other side has read, as far as reported. Field and control are the
    /// sides.
    read_by_others: u64,
    /// The version of the work, as far as reported.
    work_version: u64,
    /// The version of the emergency, as far as reported.
    emergency_version: u64,
}

impl Board {
    pub(super) fn new(me: &User) -> Self {
        let names = BTreeMap::from([(me.id.clone(), "you".to_owned())]);
        Self { me: me.id.clone(), in_control: me.role.is_control(), rows: BTreeMap::new(), names }
    }

    /// Takes in that a user has read. Returns whether the user is of the other side.
    pub(super) fn has_read(&mut self, read: &MessageRead) -> bool {
        let is_other = read.by_control.is_some() != self.in_control;
        if is_other {
            let row = self.row(&read.conversation_id);
            row.read_by_others = row.read_by_others.max(read.read_up_to.unwrap_or(0));
        }
        is_other
    }

    /// Takes in how far others have read.
    pub(super) fn positions(&mut self, id: &ConversationId, positions: &[Reading]) {
        let in_control = self.in_control;
        let others = positions.iter().filter(|reading| (reading.user_id.as_str() == CONTROL) != in_control);
        let up_to = others.map(|reading| reading.read_up_to).max().unwrap_or(0);
        let row = self.row(id);
        row.read_by_others = row.read_by_others.max(up_to);
    }

    /// The last message of a conversation that the other side has read.
    pub(super) fn read_by_others(&self, id: &ConversationId) -> u64 {
        self.rows.get(id).map_or(0, |row| row.read_by_others)
    }

    /// Returns the row of a conversation. A new conversation gets the next number.
    pub(super) fn row(&mut self, id: &ConversationId) -> &mut Row {
        let number = self.rows.len() + 1;
        self.rows.entry(id.clone()).or_insert_with(|| Row { number, ..Row::default() })
    }

    /// Takes in the server's list. Unread counts are taken only if `fresh`: a list requested in
    /// between may be older than later messages.
    pub(super) fn listed(&mut self, mut list: Vec<ConversationSummary>, fresh: bool) {
        list.sort_by_key(|summary| summary.room_type != Some(RoomType::EmergencySupport));
        for summary in list {
            let is_new = !self.rows.contains_key(&summary.id);
            let others = participants(&summary.participants, &self.me);
            let text = format!("{}: {}", self.name_of(&summary), plain(&summary.last_message.content));
            self.positions(&summary.id, &summary.positions);
            let row = self.row(&summary.id);
            row.title = plain(&summary.title);
            row.participants = others;
            row.is_emergency = summary.room_type == Some(RoomType::EmergencySupport);
            let version = summary.work.as_ref().map_or(0, |work| work.version);
            row.work_version = row.work_version.max(version);
            let version = summary.emergency.as_ref().map_or(0, |emergency| emergency.version);
            row.emergency_version = row.emergency_version.max(version);
            if fresh || is_new {
                row.unread = summary.unread_count.unwrap_or(0);
                row.last = Some((summary.last_message.sent_at, text));
            }
        }
    }

    /// Returns the name of the last message's sender, and remembers all names in the list.
    fn name_of(&mut self, summary: &ConversationSummary) -> String {
        for user in summary.participants.iter().filter(|user| user.id != self.me) {
            self.names.insert(user.id.clone(), plain(&user.display_name()));
        }
        self.name(&summary.last_message.sender_id)
    }

    /// Takes in the user's own new conversation.
    pub(super) fn created(&mut self, reply: &CreateSupportConversationReply) {
        self.row(&reply.conversation_id).title = plain(&reply.title);
    }

    /// Takes in another user's new conversation.
    pub(super) fn asked_for_help(&mut self, event: &NewSupportConversation) {
        self.names.insert(event.creator_id.clone(), plain(&event.creator_name));
        let row = self.row(&event.conversation_id);
        row.title = plain(&event.title);
        row.is_emergency = event.room_type == RoomType::EmergencySupport;
    }

    /// Takes in a message.
    pub(super) fn heard(&mut self, id: &ConversationId, message: &BroadcastMessage) {
        let version = message.work.as_ref().map_or(0, |shown| shown.work.version);
        let of_emergency = message.emergency.as_ref().map_or(0, |shown| shown.emergency.version);
        let row = self.row(id);
        row.work_version = row.work_version.max(version);
        row.emergency_version = row.emergency_version.max(of_emergency);
        if message.is_entry() {
            return;
        }
        let text = format!("{}: {}", self.name(&message.sender_id), plain(&message.content));
        self.row(id).last = Some((message.sent_at, text));
    }

    /// The version of the work on a conversation, for a change of it.
    pub(super) fn work_version(&self, id: &ConversationId) -> u64 {
        self.rows.get(id).map_or(0, |row| row.work_version)
    }

    /// The version of the emergency of a conversation, for its end.
    pub(super) fn emergency_version(&self, id: &ConversationId) -> u64 {
        self.rows.get(id).map_or(0, |row| row.emergency_version)
    }

    /// Whether a title or name is missing that the list would tell.
    pub(super) fn misses(&mut self, id: &ConversationId, user: &UserId) -> bool {
        !self.names.contains_key(user) || self.row(id).participants.is_empty()
    }

    pub(super) fn name(&self, user: &UserId) -> String {
        self.names.get(user).cloned().unwrap_or_else(|| plain(user.as_str()))
    }

    pub(super) fn numbered(&self, number: usize) -> Option<&ConversationId> {
        self.rows.iter().find(|(_, row)| row.number == number).map(|(id, _)| id)
    }

    /// Returns the number and title of a conversation, marked if it is an emergency.
    pub(super) fn title(&mut self, id: &ConversationId) -> String {
        self.row(id).name()
    }

    /// Returns the title with the participants.
    pub(super) fn heading(&mut self, id: &ConversationId) -> String {
        let row = self.row(id);
        match &*row.participants {
            "" => row.name(),
            participants => format!("{}, with {participants}", row.name()),
        }
    }

    /// Returns the lines of the list: emergencies first, then newest activity first.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut rows = self.rows.values().collect::<Vec<_>>();
        rows.sort_by_key(|row| (!row.is_emergency, row.last.as_ref().map(|last| std::cmp::Reverse(last.0))));
        rows.into_iter().map(Row::line).collect()
    }
}

impl Row {
    fn name(&self) -> String {
        let title = if self.title.is_empty() { "a conversation" } else { &self.title };
        if self.is_emergency {
            format!("!! [{}] EMERGENCY {title}", self.number)
        } else {
            format!("[{}] {title}", self.number)
        }
    }

    fn line(&self) -> String {
        let indent = if self.is_emergency { "" } else { "   " };
        let unread = match self.unread {
            0 => String::new(),
            100.. => ", 99+ unread".to_owned(),
            unread => format!(", {unread} unread"),
        };
        let last = self.last.as_ref().map(|(at, text)| format!(" | {} {text}", clock(*at)));
        format!("{indent}{}{unread}{}", self.name(), last.unwrap_or_default())
    }
}

/// The names of the participants, without the user's own.
fn participants(users: &[User], me: &UserId) -> String {
    let others: Vec<_> = users.iter().filter(|user| user.id != *me).collect();
    let more = others.len().saturating_sub(NAMED);
    let names = others.iter().take(NAMED).map(|user| plain(&user.display_name()));
    let names = names.chain((more > 0).then(|| format!("{more} more")));
    names.collect::<Vec<_>>().join(", ")
}
