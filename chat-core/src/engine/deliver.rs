//! Delivery of live events to the connections that may hear them.

use bytes::Bytes;
use serde::Serialize;

use super::connection::Placed;
use super::io::ConnectionId;
use super::{Class, Engine, Output, handler};
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::protocol::{CloseCode, Message, NewMessage, User, encode};

impl Engine {
    /// Sends a live event to every connection of every participant except one user.
    pub(super) fn broadcast(
        &mut self,
        conversation: &ConversationId,
        except: &UserId,
        class: Class,
        event: &impl Serialize,
    ) {
        let (_, conns) = self.audience(conversation, except);
        self.deliver(conns, class, event);
    }

    /// Sends a message to every connection of every participant.
    ///
    /// The sender's own connections come first. The other listeners are often the same for many
    /// conversations, so their frames follow one another and can be batched.
    pub(super) fn broadcast_message(&mut self, message: &Message) {
        let (own, others) = self.audience(&message.conversation_id, &message.sender_id);
        if own.is_empty() && others.is_empty() {
            return;
        }
        let frame = encode(&NewMessage::from(message.clone()));
        self.place(own, Class::Message, frame.clone());
        self.place(others, Class::Message, frame);
    }

    /// The connections of one participant, and those of all others.
    fn audience(
        &mut self,
        conversation: &ConversationId,
        user: &UserId,
    ) -> (Vec<ConnectionId>, Vec<ConnectionId>) {
        let own = self.online.of(user);
        let all = self.cache.audience(conversation, &self.online);
        let (mut theirs, mut others) = (Vec::new(), Vec::with_capacity(all.len()));
        all.iter().for_each(|conn| if own.contains(conn) { &mut theirs } else { &mut others }.push(*conn));
        self.retain_unrestricted(conversation, &mut theirs);
        self.retain_unrestricted(conversation, &mut others);
        (theirs, others)
    }

    /// Encodes a live event once and places the frame in order on each connection.
    pub(super) fn deliver(&mut self, conns: Vec<ConnectionId>, class: Class, event: &impl Serialize) {
        if !conns.is_empty() {
            self.place(conns, class, encode(event));
        }
    }

    fn place(&mut self, mut conns: Vec<ConnectionId>, class: Class, frame: Bytes) {
        let mut slow = Vec::new();
        conns.retain(|conn| match self.placed(*conn, class, &frame) {
            Some(Placed::Now) => true,
            Some(Placed::TooMany) => {
                slow.push(*conn);
                false
            }
            Some(Placed::Held) | None => false,
        });
        if !conns.is_empty() {
            self.outputs.push_back(Output::Send { conns, class, frame });
        }
        slow.into_iter().for_each(|conn| self.close(conn, CloseCode::TooSlow, None));
    }

    /// Places a live event in order on one connection.
    fn placed(&mut self, conn: ConnectionId, class: Class, frame: &Bytes) -> Option<Placed> {
        let most = self.limits.engine.held_back;
        if self.deferring.contains(&conn) {
            self.connections.get_mut(&conn).map(|connection| connection.place(class, frame, most))
        } else {
            Some(Placed::Now)
        }
    }

    /// Notifies the participating control users of a new support conversation, if their rooms cover
    /// the request.
    ///
    /// Control users without a part are not notified (P5). With the default assignment, the only
    /// such user is one who becomes known at this moment and finds the conversation in the list.
    pub(super) fn notify_control(&mut self, conversation: &Conversation, creator: &User) {
        let online = conversation.participants.iter().flat_map(|user| self.online.of(user));
        let told = online.filter(|conn| {
            self.connections.get(conn).is_some_and(|connection| {
                connection.user.role.is_control()
                    && handler::covers(&connection.rooms, conversation.room_type, creator.role)
            })
        });
        let conns = told.copied().collect();
        self.deliver(conns, Class::Message, &handler::new_support_conversation(conversation, creator));
    }
}
