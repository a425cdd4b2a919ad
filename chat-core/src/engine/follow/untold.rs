//! Events of others that wait until their conversation is loaded, because only then the listeners
//! are known.

use std::collections::BTreeMap;
use std::mem;

use crate::conversation::Conversation;
use crate::engine::Engine;
use crate::engine::origin::Origin;
use crate::id::ConversationId;
use crate::store::{Event, Facts, Loaded, Position, Query, UnavailableError};

/// The limit of waiting events. At this number no more events are heard until some are told.
const EVENTS_MOST: usize = 4_096;

/// The waiting events of each conversation.
#[derive(Default)]
pub(super) struct Untold {
    queues: BTreeMap<ConversationId, Queue>,
    len: usize,
}

#[derive(Default)]
struct Queue {
    /// In order: all events of the conversation since the first of them.
    events: Vec<(Position, Event)>,
    /// Whether the last load of the conversation has failed.
    has_failed: bool,
}

impl Untold {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_full(&self) -> bool {
        self.len >= EVENTS_MOST
    }

    fn has(&self, id: &ConversationId) -> bool {
        self.queues.contains_key(id)
    }

    fn push(&mut self, id: &ConversationId, position: Position, event: &Event) {
        self.len += 1;
        self.queues.entry(id.clone()).or_default().events.push((position, event.clone()));
    }

    fn take(&mut self, id: &ConversationId) -> Vec<(Position, Event)> {
        let events = self.queues.remove(id).unwrap_or_default().events;
        self.len -= events.len();
        events
    }
}

impl Engine {
    /// Applies an event of others, or keeps it until the conversation is loaded.
    pub(super) fn tell(&mut self, event: &Event, position: Position) {
        // Notes have the listeners of the conversation that they belong to.
        let main = event.conversation().map(ConversationId::to_main);
        match &main {
            Some(id) if self.follow.untold.has(id) => {
                if is_about_members(event) {
                    self.cache.must_be_after(position);
                }
                self.follow.untold.push(id, position, event);
            }
            Some(id) if self.cache.get(id).is_none() && needs_audience(event) => {
                if self.connections.is_empty() {
                    return self.cache.must_be_after(position);
                }
                self.follow.untold.push(id, position, event);
                self.load(Origin::Engine, Query::Conversation(id.clone()));
            }
            _ => self.apply(event, position, None),
        }
    }

    /// Handles a conversation that was loaded for its waiting events, or for an alert.
    pub(in crate::engine) fn conversation_loaded(
        &mut self,
        id: &ConversationId,
        result: Result<Loaded, UnavailableError>,
    ) {
        let Ok(Loaded { position, facts: Facts::Conversation(facts) }) = result else {
            if let Some(queue) = self.follow.untold.queues.get_mut(id) {
                queue.has_failed = true;
                self.follow_later();
            }
            return;
        };
        if !self.record_conversation(id, facts.as_ref(), position) {
            self.load(Origin::Engine, Query::Conversation(id.clone()));
        }
    }

    /// Loads every conversation again whose last load has failed.
    pub(super) fn load_untold(&mut self) {
        let queues = self.follow.untold.queues.iter_mut();
        let failed = queues.filter_map(|(id, queue)| mem::take(&mut queue.has_failed).then(|| id.clone()));
        let failed: Vec<_> = failed.collect();
        failed.into_iter().for_each(|id| self.load(Origin::Engine, Query::Conversation(id)));
    }

    /// Records a loaded conversation, and tells the events that have waited for it. Returns `false`
    /// if the facts are older than an applied change and must be loaded again.
    pub(in crate::engine) fn record_conversation(
        &mut self,
        id: &ConversationId,
        facts: Option<&Conversation>,
        position: Position,
    ) -> bool {
        if !self.cache.record(id, facts, position) {
            return false;
        }
        let events = self.follow.untold.take(id);
        if let Some(facts) = facts.filter(|_| !events.is_empty()) {
            let covered = events.iter().rev().filter(|(at, _)| *at <= position);
            let mut then = facts.clone();
            covered.for_each(|(_, event)| undo_membership(&mut then, event));
            self.cache.rewind(then);
            for (at, event) in &events {
                self.follow.retold = Some(*at);
                self.apply(event, *at, None);
            }
            self.follow.retold = None;
        }
        true
    }
}

/// Whether the listeners of an event can be known only from its conversation.
fn needs_audience(event: &Event) -> bool {
    match event {
        Event::MessageAppended(_) | Event::ReadMarked(_) => true,
        Event::ConversationCreated(created) => created.id.is_notes(),
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => false,
    }
}

fn is_about_members(event: &Event) -> bool {
    matches!(event, Event::MemberAdded(_) | Event::MemberWithdrawn(_))
}

/// Takes a change of members back, to find the listeners of the events before it.
fn undo_membership(conversation: &mut Conversation, event: &Event) {
    if let Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) = event {
        conversation.participation.members.set(changed.user.clone(), changed.was);
        conversation.version = conversation.version.saturating_sub(1);
    }
}
