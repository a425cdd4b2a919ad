//! Handling of the server's frames.

use chat_core::frame::Frame;
use chat_core::id::ConversationId;
use chat_core::protocol::{ErrorReply, Message, NewMessage, Reply, RoomType, ServerEvent, ServerFrame};

use super::Machine;
use super::connection::Connection;
use super::conversations::Place;
use super::io::{Call, LinkId, Output};
use super::turn::Turn;
use super::wire::Purpose;
use crate::event::{Event, Unread, Update};
use crate::retry::Retry;

impl Machine {
    pub(super) fn frame(&mut self, link: LinkId, frame: &Frame) {
        if self.open() != Some(link) {
            return;
        }
        self.wire.progress(self.now.monotonic);
        match frame {
            Frame::Text(text) => match ServerFrame::decode(text) {
                Ok(ServerFrame::Reply(reply)) => {
                    let Some(asked) = self.wire.take(reply.request_id.as_ref(), self.now.monotonic) else {
                        return self.counters.unreadable += 1;
                    };
                    self.is_live();
                    let reply = reply.decode(asked.event_type).ok();
                    self.counters.unreadable += u64::from(reply.is_none());
                    self.reply(asked.purpose, reply);
                }
                Ok(ServerFrame::Event(event)) => self.event(event),
                Ok(ServerFrame::Unknown) => {}
                Err(_) => self.counters.unreadable += 1,
            },
            Frame::Binary(_) | Frame::Framed(_) => self.counters.unreadable += 1,
            Frame::Close(code) => self.closed(*code),
        }
    }

    /// Handles the reply to a request. `None` is an unreadable reply.
    fn reply(&mut self, purpose: Purpose, reply: Option<Reply>) {
        let (now, pause) = (self.now.monotonic, self.settings.periods.repeat_after);
        match purpose {
            Purpose::List => self.list_reply(reply),
            Purpose::Row(id) => self.row_reply(&id, reply),
            Purpose::Refresh => self.refresh_reply(reply.as_ref()),
            Purpose::Probe => {}
            Purpose::Room(room) => self.room_reply(room, reply.as_ref()),
            Purpose::Typing(id) => self.typing.answered(&id, now, self.settings.periods.typing_refresh),
            Purpose::Draft(id) => self.sending.answered(&id, reply, now, pause, &mut self.outputs),
            Purpose::CatchUp(id) => self.catch_up_reply(&id, reply),
            Purpose::Snapshot(view) => self.snapshot_reply(view, reply),
            Purpose::Call(id) => {
                if let Some(call) = self.calls.answered(id, reply, now, pause, &mut self.outputs) {
                    self.granted(call);
                }
            }
        }
    }

    /// Returns when to repeat the request, if the reply is an error that waiting helps against.
    pub(super) fn again(&self, reply: Option<&Reply>) -> Option<Turn> {
        match reply {
            Some(Reply::Error(error)) => match Retry::after_error(error) {
                Retry::AfterPause(named) => {
                    let pause = named.unwrap_or(self.settings.periods.repeat_after);
                    Some(Turn::At(self.now.monotonic.plus(pause)))
                }
                Retry::WithNewToken | Retry::Never => None,
            },
            _ => None,
        }
    }

    pub(super) fn refresh_reply(&mut self, reply: Option<&Reply>) {
        let again = self.again(reply);
        if let Some(token) = self.tokens.refreshed(again) {
            if let Some(Reply::RefreshToken(_)) = reply {
                self.tokens.use_for_session(token.clone());
                self.counters.tokens_renewed += 1;
            }
            // A token refused for this session is used for the next one.
            self.tokens.take(token, self.now, &self.settings.periods);
        }
    }

    fn room_reply(&mut self, room: RoomType, reply: Option<&Reply>) {
        let turn = match reply {
            Some(Reply::JoinSupportRoom(_)) => Some(Turn::Done),
            reply => self.again(reply),
        };
        self.rooms.answered(room, turn);
    }

    /// Applies the effects of a successful request of the app.
    fn granted(&mut self, call: Call) {
        match call {
            Call::JoinSupportRoom(call) => self.rooms.joined(call.room_type),
            Call::MarkMessageRead(call) => {
                if let Some(seq) = call.message_id.seq() {
                    self.read(&call.conversation_id, seq);
                }
            }
            Call::GetActiveConversations(_)
            | Call::JoinConversation(_)
            | Call::TypingIndicator(_)
            | Call::GetConversationMessages(_)
            // The entry itself brings the work or the emergency.
            | Call::TakeConversation(_)
            | Call::ReleaseConversation(_)
            | Call::TransferConversation(_)
            | Call::ResolveConversation(_)
            | Call::ReopenConversation(_)
            | Call::EndEmergency(_)
            | Call::WithdrawEmergency(_)
            | Call::SendChatMessage(_)
            | Call::AnswerMessage(_)
            | Call::WithdrawOrder(_)
            | Call::GetOpenOrders(_)
            | Call::AddNote(_)
            | Call::StartConversation(_)
            | Call::GetPeople(_)
            | Call::GetPhrases(_) => {}
        }
    }

    fn event(&mut self, event: ServerEvent) {
        match event {
            ServerEvent::NewMessage(message) => self.new_message(message),
            ServerEvent::NewSupportConversation(event) => {
                self.outputs.push_back(Output::Event(Event::NewSupportConversation(event)));
            }
            ServerEvent::TypingStatus(event) => {
                let update = Update::TypingStatus(event.clone());
                self.views.tell(&event.conversation_id, &update, &mut self.outputs);
                self.outputs.push_back(Output::Event(Event::TypingStatus(event)));
            }
            ServerEvent::MessageRead(event) => {
                let update = Update::MessageRead(event.clone());
                self.views.tell(&event.conversation_id, &update, &mut self.outputs);
                self.outputs.push_back(Output::Event(Event::MessageRead(event)));
            }
            ServerEvent::ReadPosition(event) => {
                let update = Update::ReadPosition(event.clone());
                self.views.tell(&event.conversation_id, &update, &mut self.outputs);
                let (id, seq) = (event.conversation_id.clone(), event.read_up_to);
                self.outputs.push_back(Output::Event(Event::ReadPosition(event)));
                self.read(&id, seq);
            }
            ServerEvent::OrderOverdue(event) => {
                self.outputs.push_back(Output::Event(Event::OrderOverdue(event)));
            }
            ServerEvent::Error(error) => self.connection_error(error),
        }
    }

    /// Keeps the error that precedes the server's close.
    fn connection_error(&mut self, error: ErrorReply) {
        self.told_error = Some(error.into());
    }

    /// Handles a live message. Reports it if its number is the next one, and otherwise fetches the
    /// missing messages.
    fn new_message(&mut self, event: NewMessage) {
        let Some(seq) = event.message.seq.filter(|seq| *seq > 0) else {
            return self.outputs.push_back(Output::Event(Event::NewMessage(event)));
        };
        let message = Message::from(event);
        let id = message.conversation_id.clone();
        let confirmed = self.conversations.confirmed;
        let awaits_list = !self.has_listed() || self.list.is_under_way();
        // No list has notes.
        let is_missed = self.conversations.listed && awaits_list && !id.is_notes();
        if !id.is_notes() {
            self.list.heard(&id);
        }
        match self.conversations.get(&id) {
            Some(held) if confirmed => match held.place(seq) {
                Place::Next => self.message(message, seq),
                Place::Held => self.counters.duplicates_suppressed += 1,
                Place::Ahead => held.is_behind(),
            },
            // The number may belong to another epoch: the server tells which messages are missing.
            Some(held) => held.is_behind(),
            // The conversation may have begun during a disconnection. The list tells where to start
            // following.
            None if is_missed && self.list.is_under_way() => {}
            None if is_missed => self.list.want(),
            None => self.message_of_unknown(message, seq),
        }
    }

    /// Begins to follow the conversation of a live message.
    fn message_of_unknown(&mut self, message: Message, seq: u64) {
        let id = message.conversation_id.clone();
        self.follow_from_views(&id, seq - 1);
        let is_next = self.conversations.get(&id).is_some_and(|held| held.seq == seq - 1);
        if self.conversations.confirmed && is_next {
            self.message(message, seq);
        } else {
            self.is_behind(&id);
        }
        // Only the server knows the unread count of the earlier messages. A list on its way has it
        // too.
        let is_full = self.conversations.are_full(self.settings.limits.conversations);
        if seq > 1 && !is_full && !self.list.is_under_way() {
            self.want_row(&id);
        }
    }

    /// Reports the next message of a conversation.
    pub(super) fn message(&mut self, message: Message, seq: u64) {
        let id = message.conversation_id.clone();
        let counts = self.tokens.user() != Some(&message.sender_id) && !message.is_entry();
        let emergency = message.emergency.as_ref().map(|shown| &shown.emergency);
        self.work_is(&id, seq, message.work.as_ref().map(|shown| &shown.work), emergency);
        self.conversations.advance(&id, seq);
        self.views.message(&message, seq, &mut self.outputs);
        self.outputs.push_back(Output::Event(Event::NewMessage(message.into())));
        if counts {
            self.count_unread(&id, |unread| unread.heard(seq));
        }
    }

    fn read(&mut self, id: &ConversationId, seq: u64) {
        // A list on its way may predate the reading, and would be the first to say anything about
        // the conversation.
        let mut is_unsure = self.conversations.get(id).is_none();
        self.count_unread(id, |unread| is_unsure = unread.read(seq));
        if is_unsure {
            self.want_row(id);
        }
    }

    /// Changes the unread count, and reports a difference.
    pub(super) fn count_unread(
        &mut self,
        id: &ConversationId,
        change: impl FnOnce(&mut super::unread::UnreadCount),
    ) {
        let Some(held) = self.conversations.get(id).filter(|_| !id.is_notes()) else { return };
        let before = (held.unread.get(), held.unread.read_up_to);
        change(&mut held.unread);
        let (unread_count, read_up_to) = (held.unread.get(), held.unread.read_up_to);
        if before != (unread_count, read_up_to) {
            let conversation_id = id.clone();
            let unread = Unread { conversation_id, read_up_to, unread_count };
            self.outputs.push_back(Output::Event(Event::Unread(unread)));
        }
    }

    pub(super) fn has_listed(&self) -> bool {
        matches!(self.connection, Connection::Open { listed: true, .. })
    }
}
