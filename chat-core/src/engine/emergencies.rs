//! Emergencies that are not over: alerts of those that nobody has taken, and their second presses.
//!
//! Each engine of a shared store proposes the alerts of all of them, and the store accepts the
//! first of each level. An engine whose knowledge is out of date loads the emergencies again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::origin::Origin;
use super::{Draining, Engine, Timer};
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::protocol::{Emergency, EmergencyState};
use crate::store::{Change, ConversationCreated, Escalate, MessageAppended, Query};

/// The limit of known emergencies. Above it, further ones are alerted once others are over.
const EMERGENCIES_MOST: usize = 1_000;

/// The emergencies that are not over, as far as the engine knows. Bounded by
/// [`EMERGENCIES_MOST`].
#[derive(Default)]
pub(super) struct LiveEmergencies {
    known: BTreeMap<ConversationId, KnownEmergency>,
    by_creator: BTreeMap<UserId, ConversationId>,
    /// Whether there were too many to know all.
    is_full: bool,
}

struct KnownEmergency {
    creator: UserId,
    emergency: Emergency,
    /// An alert is due, and its conversation is being loaded.
    is_loading: bool,
}

impl LiveEmergencies {
    /// The conversation of a creator's emergency, if the engine knows one.
    pub(super) fn of(&self, creator: &UserId) -> Option<&ConversationId> {
        self.by_creator.get(creator)
    }

    fn has_by(&self, user: &UserId) -> bool {
        let is_theirs = |one: &KnownEmergency| {
            one.emergency.state == EmergencyState::Taken && one.emergency.by.as_ref() == Some(user)
        };
        self.known.values().any(is_theirs)
    }
}

impl Engine {
    /// Loads the emergencies that are not over.
    pub(super) fn load_emergencies(&mut self) {
        let limit = u32::try_from(EMERGENCIES_MOST).unwrap_or(u32::MAX);
        self.load(Origin::Engine, Query::Emergencies(limit));
    }

    pub(super) fn load_emergencies_later(&mut self) {
        let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(again, Timer::Emergencies);
    }

    /// Takes in loaded emergencies. One that is over since is found out at its next alert.
    pub(super) fn emergencies_loaded(&mut self, loaded: Option<Vec<Conversation>>) {
        let Some(loaded) = loaded else { return self.load_emergencies_later() };
        self.emergencies.is_full = false;
        for conversation in loaded {
            let seen = conversation.emergency.as_ref().map(|emergency| {
                (**emergency).clone().seen(|user| self.directory.may_have(user, &conversation))
            });
            if let Some(emergency) = seen {
                let waited = self.now.wall.since(emergency.alerted_at);
                self.know(conversation.id.clone(), conversation.created_by.clone(), emergency, waited);
            }
        }
    }

    /// Takes in a new conversation, if it is an emergency.
    pub(super) fn emergency_raised(&mut self, created: &ConversationCreated) {
        if let Some(emergency) = &created.emergency {
            let (id, creator) = (created.id.clone(), created.created_by.clone());
            self.know(id, creator, (**emergency).clone(), Duration::ZERO);
        }
    }

    /// Takes in the change of an emergency by a message or an entry.
    pub(super) fn emergency_changed(&mut self, appended: &MessageAppended) {
        let Some(emergency) = &appended.emergency else { return };
        match self.emergencies.known.get(&appended.conversation) {
            Some(known) if emergency.is_live() => {
                let (id, creator) = (appended.conversation.clone(), known.creator.clone());
                let is_alert = emergency.alerted_at == appended.sent_at;
                let waited = self.now.wall.since(emergency.alerted_at);
                let waited = if is_alert { Duration::ZERO } else { waited };
                self.know(id, creator, (**emergency).clone(), waited);
            }
            Some(_) => self.forget_emergency(&appended.conversation),
            None if emergency.is_live() => self.load_emergencies_later(),
            None => {}
        }
    }

    /// Loads the emergencies of a user again who may have lost the right to them.
    pub(super) fn taker_changed(&mut self, user: &UserId) {
        if self.emergencies.has_by(user) {
            self.timers.set(self.now.monotonic, Timer::Emergencies);
        }
    }

    /// Notes an emergency, and sets the timer of its next alert. `waited` is the time since the
    /// last one.
    fn know(&mut self, id: ConversationId, creator: UserId, emergency: Emergency, waited: Duration) {
        let known = &mut self.emergencies.known;
        if known.len() >= EMERGENCIES_MOST && !known.contains_key(&id) {
            self.emergencies.is_full = true;
            return;
        }
        let timer = Timer::Alert(id.clone());
        match emergency.pause() {
            Some(pause) => self.timers.set(self.now.monotonic.plus(pause.saturating_sub(waited)), timer),
            None => self.timers.cancel(&timer),
        }
        self.emergencies.by_creator.insert(creator.clone(), id.clone());
        self.emergencies.known.insert(id, KnownEmergency { creator, emergency, is_loading: false });
    }

    fn forget_emergency(&mut self, id: &ConversationId) {
        if let Some(known) = self.emergencies.known.remove(id) {
            self.emergencies.by_creator.remove(&known.creator);
        }
        self.timers.cancel(&Timer::Alert(id.clone()));
        if self.emergencies.is_full {
            self.load_emergencies_later();
        }
    }

    /// Proposes an alert whose time has come, and again after a pause until the store has decided.
    pub(super) fn alert_due(&mut self, id: ConversationId) {
        let Some(known) = self.emergencies.known.get_mut(&id).filter(|_| self.draining == Draining::No)
        else {
            return;
        };
        let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(again, Timer::Alert(id.clone()));
        // Only a cached conversation tells its listeners.
        known.is_loading = self.cache.get(&id).is_none();
        if known.is_loading {
            return self.load(Origin::Engine, Query::Conversation(id));
        }
        let escalate = Escalate {
            conversation: id,
            level: known.emergency.level,
            nonce: self.ids.nonce(),
            content: content(&known.emergency),
            at: self.now.wall,
        };
        self.submit_for(Origin::Engine, Change::Escalate(escalate));
    }

    /// Goes on with an alert whose conversation was loaded.
    pub(super) fn alert_loaded(&mut self, id: ConversationId) {
        let is_due = self.emergencies.known.get(&id).is_some_and(|known| known.is_loading);
        if is_due && self.cache.get(&id).is_some() {
            self.alert_due(id);
        }
    }

    /// Forgets an emergency that needs no alert, or not at the known level, and loads all again.
    pub(super) fn alert_refused(&mut self, id: &ConversationId) {
        self.forget_emergency(id);
        self.load_emergencies_later();
    }
}

/// The text of an alert, which reads well in an app that knows no emergencies.
fn content(emergency: &Emergency) -> Arc<str> {
    let level = (emergency.level + 1).min(Emergency::LEVEL_MOST);
    format!("Nobody has taken this emergency yet (alert {level}).").into()
}
