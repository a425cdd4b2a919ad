//! The observed state of one connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::asked::Asked;
use super::list::Walk;
use super::positions::HeardReadings;

/// A connection open at a server.
pub(super) struct Link {
    pub(super) server: u64,
    pub(super) user: String,
    /// Whether its token says a control role.
    pub(super) is_control: bool,
    /// Whether it has heard anything but an error.
    pub(super) is_admitted: bool,
    /// The store that its server speaks of has been replaced. Nothing counts until its end.
    pub(super) is_past: bool,
    /// Requests that are not answered, in their order.
    pub(super) pending: VecDeque<Asked>,
    /// Where it stands in each conversation.
    places: BTreeMap<String, Place>,
    /// How far it has heard others read, by conversation.
    pub(super) readings: BTreeMap<String, HeardReadings>,
    /// The last number in each conversation when it was opened.
    opened_at: BTreeMap<String, u64>,
    /// Walks through the list that may go on, by the cursor of their next page. Bounded by the
    /// pages that were asked for.
    pub(super) walks: BTreeMap<String, Walk>,
    /// The conversations that its last whole walk has shown.
    pub(super) shown: Option<BTreeSet<String>>,
}

/// Where a connection stands in a conversation.
#[derive(Clone, Copy, Default)]
pub(super) struct Place {
    /// The last number that it heard live.
    pub(super) heard: u64,
    /// The last number after which live messages are due.
    pub(super) holds: u64,
    /// The highest own number acknowledged by a reply.
    pub(super) written: u64,
}

impl Link {
    pub(super) fn new(server: u64, user: &str, is_control: bool, opened_at: BTreeMap<String, u64>) -> Self {
        Self {
            server,
            user: user.to_owned(),
            is_control,
            is_admitted: false,
            is_past: false,
            pending: VecDeque::new(),
            places: BTreeMap::new(),
            readings: BTreeMap::new(),
            opened_at,
            walks: BTreeMap::new(),
            shown: None,
        }
    }

    pub(super) fn is_of(&self, user: &str, server: u64) -> bool {
        self.user == user && self.server == server
    }

    pub(super) fn place(&self, conversation: &str) -> Place {
        let holds = self.opened_at.get(conversation).copied().unwrap_or_default();
        self.places.get(conversation).copied().unwrap_or(Place { holds, ..Place::default() })
    }

    pub(super) fn place_mut(&mut self, conversation: &str) -> &mut Place {
        let place = self.place(conversation);
        self.places.entry(conversation.to_owned()).or_insert(place)
    }
}
