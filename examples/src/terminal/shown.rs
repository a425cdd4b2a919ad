//! The open conversation.

use std::collections::BTreeSet;

use chat_client::{ChatClient, Conversation, Error, Snapshot, Update};
use chat_core::id::{ConversationId, MessageId, UserId};
use chat_core::protocol::{
    Done, GetConversationMessages, GetConversationMessagesReply, Message, MessageOrder, MessageRead,
    OrderState, TypingStatus,
};
use futures::StreamExt;

use super::board::Board;
use super::words::{clock, plain, say};

/// Messages shown at once, to fit on a screen.
const PAGE: usize = 20;

pub(super) struct Shown {
    pub(super) id: ConversationId,
    me: UserId,
    updates: Conversation,
    /// The number of the oldest message on the screen.
    oldest: u64,
    /// The newest message, until marked as read.
    unmarked: Option<MessageId>,
    /// Whether a mark is on its way.
    marking: bool,
    /// The number of the user's own newest message.
    mine: u64,
    /// The newest message on the screen that must be answered.
    pub(super) order: Option<MessageId>,
    readers: BTreeSet<UserId>,
    typing: BTreeSet<UserId>,
}

impl Shown {
    pub(super) fn open(chat: &ChatClient, me: &UserId, id: ConversationId) -> Self {
        Self {
            updates: chat.conversation(id.clone()),
            me: me.clone(),
            id,
            oldest: 0,
            unmarked: None,
            marking: false,
            mine: 0,
            order: None,
            readers: BTreeSet::new(),
            typing: BTreeSet::new(),
        }
    }

    pub(super) async fn next(&mut self) -> Option<Update> {
        self.updates.next().await
    }

    /// Prints an update.
    pub(super) fn show(&mut self, update: Update, board: &mut Board) {
        match update {
            Update::Snapshot(snapshot) => self.snapshot(&snapshot, board),
            Update::Message(message) => self.message(&message, board),
            Update::TypingStatus(status) => self.typing(&status, board),
            Update::MessageRead(read) => self.read(read, board),
            Update::Positions(positions) => board.positions(&self.id, &positions),
            Update::ReadPosition(_) => {}
            Update::Refused(reason) => say(format_args!("-- the conversation can't be shown: {reason}")),
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot, board: &mut Board) {
        board.positions(&self.id, &snapshot.positions);
        let title = board.heading(&self.id);
        say(format_args!("== {title}"));
        let from = snapshot.messages.len().saturating_sub(PAGE);
        self.oldest = snapshot.messages.get(from).and_then(|message| message.seq).unwrap_or(0);
        if self.oldest > 1 {
            say(format_args!("   ({} older: /older)", self.oldest - 1));
        }
        for message in &snapshot.messages[from..] {
            self.message(message, board);
        }
    }

    fn message(&mut self, message: &Message, board: &mut Board) {
        let seq = message.seq.unwrap_or(0);
        self.typing.remove(&message.sender_id);
        if message.sender_id == self.me {
            self.mine = seq;
            self.readers.clear();
        }
        say(self.line(message, board));
        if let Some(order) = &message.order {
            self.order = Some(message.id.clone());
            say(order_line(order, board));
        }
        self.unmarked = Some(message.id.clone());
    }

    fn line(&self, message: &Message, board: &mut Board) -> String {
        let tick = match message.seq {
            _ if message.sender_id != self.me => "",
            Some(seq) if seq <= board.read_by_others(&self.id) => " ✓✓",
            _ => " ✓",
        };
        let name = board.name(&message.sender_id);
        format!("{} {name}: {}{tick}", clock(message.sent_at), plain(&message.content))
    }

    fn typing(&mut self, status: &TypingStatus, board: &Board) {
        let name = board.name(&status.user_id);
        let news = if status.is_typing {
            self.typing.insert(status.user_id.clone()).then_some("is typing")
        } else {
            // A sent message has removed its sender already.
            self.typing.remove(&status.user_id).then_some("has stopped typing")
        };
        if let Some(news) = news {
            say(format_args!("   … {name} {news}"));
        }
    }

    fn read(&mut self, read: MessageRead, board: &mut Board) {
        let covers = read.read_up_to.is_some_and(|up_to| self.mine > 0 && up_to >= self.mine);
        let covers = board.has_read(&read) && covers;
        let name = board.name(&read.user_id);
        if covers && self.readers.insert(read.user_id) {
            say(format_args!("   ✓✓ {name} has read it"));
        }
    }

    /// Forgets who types, because the connection is lost.
    pub(super) fn connection_lost(&mut self) {
        self.typing.clear();
    }

    /// Marks the newest message as read, with one mark on its way at a time.
    pub(super) fn mark(
        &mut self,
        chat: &ChatClient,
    ) -> Option<impl Future<Output = Result<Done, Error>> + use<>> {
        let id = if self.marking { None } else { self.unmarked.take() }?;
        self.marking = true;
        let (chat, conversation) = (chat.clone(), self.id.clone());
        Some(async move { chat.mark_message_read(conversation, id).await })
    }

    pub(super) fn marked(&mut self) {
        self.marking = false;
    }

    /// Returns a request for the page before the oldest message on the screen.
    pub(super) fn older(&self) -> Option<GetConversationMessages> {
        (self.oldest > 1).then(|| GetConversationMessages {
            conversation_id: self.id.clone(),
            limit: i64::try_from(PAGE).ok(),
            skip: None,
            before_seq: i64::try_from(self.oldest).ok(),
            after_seq: None,
        })
    }

    pub(super) fn show_older(&mut self, page: &GetConversationMessagesReply, board: &mut Board) {
        say(format_args!("== the {} messages before", page.messages.len()));
        for message in &page.messages {
            say(self.line(message, board));
        }
        self.oldest = page.messages.first().and_then(|message| message.seq).unwrap_or(0);
        say(if self.oldest > 1 { "== /older shows more" } else { "== the beginning" });
    }
}

/// The answers of an order, and who has given which.
fn order_line(MessageOrder { answers, order }: &MessageOrder, board: &Board) -> String {
    let answer = |place: u32| usize::try_from(place).ok().and_then(|place| answers.get(place));
    let offered = answers.iter().enumerate().map(|(place, text)| format!("{} {}", place + 1, plain(text)));
    let people = order.people.iter().map(|part| {
        let name = part.user_id.as_ref().map_or_else(|| "control".to_owned(), |user| board.name(user));
        let given = part.answer.as_ref().and_then(|given| answer(given.answer));
        match (given, part.state) {
            (Some(text), _) => format!("{name}: {}", plain(text)),
            (None, OrderState::Pending) => format!("{name} has not answered"),
            (None, OrderState::Overdue) => format!("{name} is overdue"),
            (None, _) => format!("{name} need not answer"),
        }
    });
    let (offered, people) = (offered.collect::<Vec<_>>().join(", "), people.collect::<Vec<_>>().join(", "));
    format!("   ? {offered} (until {}; {people})", clock(order.due))
}
