//! Applies committed events: state changes, then the live events for everyone who may hear them.

use super::io::ConnectionId;
use super::{Class, Engine, Event};
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::{Message, MessageRead, ReadPosition};
use crate::store::{Account, Position};
use crate::time::Timestamp;

impl Engine {
    /// Applies a committed change. `conn` is the requesting connection, if any.
    pub(super) fn apply(&mut self, event: &Event, position: Position, conn: Option<ConnectionId>) {
        match event {
            Event::AccountPut(account) => {
                self.directory.applied(position);
                self.account_put(account);
            }
            Event::ConversationCreated { conversation, message, creator } => {
                self.cache.put(conversation.as_ref().clone(), position);
                self.notify_control(conversation, creator);
                self.broadcast_message(message);
            }
            Event::MessageSent(message) => self.message_sent(message, conn),
            Event::MessageRead { conversation, user, message, up_to, at } => {
                self.message_read((conversation, user), (message, *up_to), *at, conn);
            }
            Event::Enrolled { conversation, user, version } => {
                self.cache.update(conversation, position, |conversation| {
                    conversation.participants.insert(user.clone());
                    conversation.version = *version;
                });
            }
            Event::Withdrawn { conversation, user, version } => {
                self.cache.update(conversation, position, |conversation| {
                    conversation.participants.remove(user);
                    conversation.version = *version;
                });
                self.end_typing(&(conversation.clone(), user.clone()));
            }
        }
    }

    /// Updates a user's sessions, and starts a new enrolment if the place in control has changed.
    fn account_put(&mut self, account: &Account) {
        if account.enrolment_due {
            self.enrolment.put(account.clone());
            self.enrolment_step();
        }
        self.reach_sessions(account);
    }

    fn message_sent(&mut self, message: &Message, conn: Option<ConnectionId>) {
        let conversation = &message.conversation_id;
        if let Some(seq) = message.seq {
            self.cache.tell(conversation, seq, message.sent_at);
        }
        self.broadcast_message(message);
        if let Some(conn) = conn {
            self.stop_typing(conn, &message.sender_id, conversation);
        }
    }

    /// Tells the other participants that a user has read, and the user's other connections how far.
    fn message_read(
        &mut self,
        (conversation, user): (&ConversationId, &UserId),
        (message, up_to): (&MessageId, u64),
        timestamp: Timestamp,
        conn: Option<ConnectionId>,
    ) {
        let (conversation_id, message_id) = (conversation.clone(), message.clone());
        let mut own = self.online.of(user).to_vec();
        own.retain(|other| Some(*other) != conn);
        self.retain_unrestricted(conversation, &mut own);
        let position = ReadPosition { conversation_id, message_id, read_up_to: up_to, timestamp };
        self.deliver(own, Class::Message, &position);
        let ReadPosition { conversation_id, message_id, .. } = position;
        let read_up_to = Some(up_to);
        let read = MessageRead { conversation_id, user_id: user.clone(), message_id, timestamp, read_up_to };
        self.broadcast(conversation, user, Class::Message, &read);
    }
}
