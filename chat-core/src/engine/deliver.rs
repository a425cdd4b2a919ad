//! Delivery of live events to the connections that may hear them.

use bytes::Bytes;
use serde::Serialize;

use super::connection::{LiveEvent, Placed};
use super::io::ConnectionId;
use super::{Class, Engine, Output, handler};
use crate::conversation::{Conversation, Participation, Standing};
use crate::id::{ConversationId, UserId};
use crate::protocol::{CloseCode, Message, NewMessage, OrderOverdue, User, encode};
use crate::store::MessageAppended;

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

    /// The connections of one participant, and those of all others. Notes are for control alone.
    fn audience(&self, id: &ConversationId, user: &UserId) -> (Vec<ConnectionId>, Vec<ConnectionId>) {
        let Some(conversation) = self.cache.get(id) else { return (Vec::new(), Vec::new()) };
        let mut others = self.listeners(&conversation.participation);
        if id.is_notes() {
            others.retain(|conn| self.is_of_control(*conn));
        }
        let own: Vec<_> = self.online.of(user).iter().filter(|conn| others.contains(conn)).copied().collect();
        others.retain(|conn| !own.contains(conn));
        (own, others)
    }

    /// The connections that hear a conversation: those of its teams and of its members, each once.
    ///
    /// A connection that is being admitted counts by its token. Frames for it are held, and dropped
    /// if it is refused.
    fn listeners(&self, Participation { teams, members }: &Participation) -> Vec<ConnectionId> {
        let of_teams = teams.iter().map(|team| self.online.of_team(team));
        let of_members = members.iter().map(|(user, _)| self.online.of(user));
        let mut conns = Vec::with_capacity(of_teams.clone().chain(of_members).map(<[_]>::len).sum());
        of_teams.for_each(|team| conns.extend_from_slice(team));
        if teams.len() > 1 {
            conns.sort_unstable();
            conns.dedup();
        }
        for (user, standing) in members.iter() {
            let own = self.online.of(user);
            match standing {
                Standing::Withdrawn => conns.retain(|conn| !own.contains(conn)),
                Standing::Member | Standing::ControlMember => {
                    for conn in own.iter().filter(|conn| self.hears_by_name(**conn, standing)) {
                        if !conns.contains(conn) {
                            conns.push(*conn);
                        }
                    }
                }
                Standing::Unnamed => {}
            }
        }
        conns
    }

    fn hears_by_name(&self, conn: ConnectionId, standing: Standing) -> bool {
        standing == Standing::Member || self.is_of_control(conn)
    }

    fn is_of_control(&self, conn: ConnectionId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| connection.account.user().role.is_control())
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

    /// Places a live event in order on one connection. An event that has waited for its
    /// conversation is not for a connection whose user has got other rights since.
    fn placed(&mut self, conn: ConnectionId, class: Class, frame: &Bytes) -> Option<Placed> {
        let (most, retold) = (self.limits.engine.held_back, self.follow.retold());
        if self.deferring.contains(&conn) {
            let event = LiveEvent { class, frame: frame.clone(), retold };
            return self.connections.get_mut(&conn).map(|connection| connection.place(event, most));
        }
        let rights = || self.connections.get(&conn).map(|connection| connection.account.rights);
        retold.is_none_or(|at| rights() <= Some(at)).then_some(Placed::Now)
    }

    /// Notifies the side of the sender whose order was not answered in time: control, or the field.
    pub(super) fn notify_overdue(&mut self, appended: &MessageAppended) {
        let Some(order) = appended.order.as_ref().filter(|_| appended.has_overdue()) else { return };
        let Some(conversation) = self.cache.get(&appended.conversation) else { return };
        let (is_of_control, mut conns) = (!order.asks_control(), self.listeners(&conversation.participation));
        conns.retain(|conn| {
            let role = self.connections.get(conn).map(|connection| connection.account.user().role);
            role.is_some_and(|role| role.is_control() == is_of_control)
        });
        let (conversation_id, timestamp) = (appended.conversation.clone(), appended.sent_at);
        let order = crate::protocol::Order::clone(order);
        self.deliver(conns, Class::Message, &OrderOverdue { conversation_id, timestamp, order });
    }

    /// Notifies the participating control users of a new support conversation, if their rooms cover
    /// the request. Control users without a part are not notified (P5).
    pub(super) fn notify_control(&mut self, conversation: &Conversation, creator: &User) {
        let mut conns = self.listeners(&conversation.participation);
        conns.retain(|conn| {
            self.connections.get(conn).is_some_and(|connection| {
                connection.account.user().role.is_control()
                    && handler::covers(&connection.rooms, conversation.room_type, creator.role)
            })
        });
        self.deliver(conns, Class::Message, &handler::new_support_conversation(conversation, creator));
    }
}
