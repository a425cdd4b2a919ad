//! Applies committed events: state changes, then the live events for everyone who may hear them.

use super::io::ConnectionId;
use super::typing::TypingPlace;
use super::{Class, Engine};
use crate::protocol::{MessageRead, ReadPosition};
use crate::store::{ConversationCreated, Event, MembershipChanged, MessageAppended, Position, ReadMarked};

impl Engine {
    /// Applies a committed change. `conn` is the requesting connection, if any.
    pub(super) fn apply(&mut self, event: &Event, position: Position, conn: Option<ConnectionId>) {
        match event {
            Event::EpochBegun { epoch } => self.epoch = epoch.clone(),
            Event::AccountPut { account } => {
                let stored = self.stored_at(account, position);
                self.directory.apply(stored.clone());
                self.reach_sessions(&stored);
                self.taker_changed(&account.user.id);
                if !account.active {
                    self.person_left(&account.user.id, None);
                }
            }
            Event::ConversationCreated(created) => self.conversation_created(created, position),
            Event::MessageAppended(appended) => self.message_appended(appended, conn),
            Event::ReadMarked(read) => self.read_marked(read, conn),
            Event::MemberAdded(changed) => self.member_changed(changed, position),
            Event::MemberWithdrawn(changed) => {
                self.member_changed(changed, position);
                self.person_left(&changed.user, Some(&changed.conversation));
                self.end_typing(&(changed.conversation.clone(), changed.user.clone()));
            }
        }
    }

    fn member_changed(&mut self, changed: &MembershipChanged, position: Position) {
        self.taker_changed(&changed.user);
        self.cache.update(&changed.conversation, position, |conversation| {
            let standing = changed.standing.unwrap_or_default();
            conversation.participation.members.set(changed.user.clone(), standing);
            conversation.version = changed.version;
        });
    }

    fn conversation_created(&mut self, created: &ConversationCreated, position: Position) {
        if created.id.is_notes() {
            self.cache.update(&created.id.to_main(), position, |main| main.has_notes = true);
            return self.broadcast_message(&created.message());
        }
        let conversation = created.conversation();
        self.cache.put(conversation.clone(), position);
        self.emergency_raised(created);
        // What control starts is no request for help.
        if let Some(creator) = created.creator.as_ref().filter(|_| created.work.is_none()) {
            self.notify_control(&conversation, creator);
        }
        self.broadcast_message(&created.message());
    }

    fn message_appended(&mut self, appended: &MessageAppended, conn: Option<ConnectionId>) {
        self.cache.tell(appended);
        self.emergency_changed(appended);
        self.order_changed(appended);
        self.broadcast_message(&appended.message());
        self.notify_overdue(appended);
        if let Some(conn) = conn.filter(|_| appended.entry.is_none()) {
            self.stop_typing(TypingPlace::Here(conn), &appended.sender, &appended.conversation);
        }
    }

    /// Tells the other participants that a user has read, and the user's other connections how far.
    fn read_marked(&mut self, read: &ReadMarked, conn: Option<ConnectionId>) {
        let ReadMarked { conversation, user, up_to, message_id: Some(message_id), at: Some(at), .. } = read
        else {
            return;
        };
        let mut own = self.online.of(user).to_vec();
        own.retain(|other| Some(*other) != conn);
        let (conversation_id, message_id) = (conversation.clone(), message_id.clone());
        let position = ReadPosition { conversation_id, message_id, read_up_to: *up_to, timestamp: *at };
        self.deliver(own, Class::Message, &position);
        let ReadPosition { conversation_id, message_id, timestamp, .. } = position;
        let (user_id, read_up_to) = (user.clone(), Some(*up_to));
        let by_control = self.directory.is_control(user).then_some(true);
        let event = MessageRead { conversation_id, user_id, message_id, timestamp, read_up_to, by_control };
        self.broadcast(conversation, user, Class::Message, &event);
    }
}
