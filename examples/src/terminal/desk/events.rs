//! The client's events, printed.

use std::mem;

use chat_client::{Acknowledged, ConnectionState, Event, Progress};
use chat_core::id::ClientMessageId;
use chat_core::protocol::{NewMessage, NewSupportConversation};

use super::{Answer, Desk};
use crate::terminal::news;
use crate::terminal::words::{clock, plain, say};

impl Desk {
    pub(super) fn happened(&mut self, event: Event) {
        match event {
            Event::Connection(state) => self.connection(&state),
            Event::Conversations(list) => {
                self.board.listed(list, true);
                if !mem::replace(&mut self.listed, true) {
                    self.list();
                }
            }
            Event::NewestConversations(list) => self.board.listed(list, true),
            Event::Conversation(row) => self.board.listed(vec![row], true),
            Event::NewMessage(event) => self.heard(event),
            Event::NewSupportConversation(event) => self.asked_for_help(&event),
            Event::MessageRead(read) => {
                self.board.has_read(&read);
            }
            Event::Unread(unread) => self.board.row(&unread.conversation_id).unread = unread.unread_count,
            Event::OrderOverdue(event) => {
                let title = self.board.title(&event.conversation_id);
                say(format_args!("!! an order was not answered in time: {title}"));
            }
            Event::Outbox { client_message_id, progress } => self.progress(&client_message_id, progress),
            Event::EpochChanged(_) => say("-- the server was set back to an older state, which you see now"),
            Event::Lagged(lost) => {
                say(format_args!("-- {lost} events were lost: see /list"));
            }
            // Printed by the open conversation too.
            Event::TypingStatus(_) | Event::ReadPosition(_) | Event::ConversationReset(_) => {}
        }
    }

    fn connection(&mut self, state: &ConnectionState) {
        if let (ConnectionState::Waiting { .. }, Some(shown)) = (state, &mut self.open) {
            shown.connection_lost();
        }
        if let Some(line) = news::connection(state).filter(|line| *line != self.connection) {
            say(&line);
            self.connection = line;
        }
    }

    fn asked_for_help(&mut self, event: &NewSupportConversation) {
        self.board.asked_for_help(event);
        let (title, name) = (self.board.title(&event.conversation_id), plain(&event.creator_name));
        say(format_args!("** {name} asks for help: {title}"));
    }

    fn heard(&mut self, event: NewMessage) {
        if event.conversation_id.is_notes() {
            return self.noted(&event);
        }
        self.board.heard(&event.conversation_id, &event.message);
        if self.board.misses(&event.conversation_id, &event.message.sender_id) {
            self.ask_row(event.conversation_id.clone(), |row| Answer::Heard(event, row));
        } else {
            self.notice(&event);
        }
    }

    /// Prints a message outside the open conversation.
    pub(super) fn notice(&mut self, event: &NewMessage) {
        let (id, message) = (&event.conversation_id, &event.message);
        if self.is_open(id) || self.created.as_ref() == Some(id) {
            return;
        }
        let (title, name) = (self.board.title(id), self.board.name(&message.sender_id));
        let tick = if message.sender_id == self.me.id { " ✓" } else { "" };
        say(format_args!("{title} | {} {name}: {}{tick}", clock(message.sent_at), plain(&message.content)));
    }

    /// Prints a note of control with the title of its conversation. No list has notes.
    fn noted(&mut self, NewMessage { conversation_id, message, .. }: &NewMessage) {
        let title = self.board.title(&conversation_id.to_main());
        let (name, at) = (self.board.name(&message.sender_id), clock(message.sent_at));
        say(format_args!("{title} | {at} note by {name}: {}", plain(&message.content)));
    }

    fn progress(&mut self, id: &ClientMessageId, progress: Progress) {
        match progress {
            Progress::Queued if self.chat.state() != ConnectionState::Live => {
                let waiting = self.chat.outbox();
                if let Some(entry) = waiting.iter().find(|entry| entry.client_message_id == *id) {
                    say(format_args!("… waits for a connection: {}", news::draft(&entry.draft)));
                }
            }
            Progress::NotSent(not_sent) => say(news::not_sent(&not_sent)),
            Progress::Acknowledged(Acknowledged::Conversation(reply)) => {
                self.board.created(&reply);
                let id = reply.conversation_id;
                self.created = Some(id.clone());
                self.ask_row(id.clone(), |row| Answer::Created(id, row));
            }
            // The message itself shows the success: it comes back with its tick.
            Progress::Keeping
            | Progress::Queued
            | Progress::Sent
            | Progress::Acknowledged(Acknowledged::Message(_)) => {}
        }
    }
}
