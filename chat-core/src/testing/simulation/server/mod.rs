//! Servers that crash and are restored: engines over a store that takes its time and fails.

mod life;
mod shared;
mod store;

use std::collections::{BTreeMap, BTreeSet};

use store::UnderWay;
pub(super) use store::{Fate, LateCommit, LoadAnswer};

use super::environment::{Environment, Happening};
use super::nodes::NodeCounters;
use crate::engine::{Engine, Headroom, Input, Output, Teams};
use crate::export::Export;
use crate::frame::Frame;
use crate::id::{ClientMessageId, ConversationId, Epoch, UserId};
use crate::limits::Limits;
use crate::protocol::CloseCode;
use crate::store::{MemoryState, Position};
use crate::time::{Monotonic, Now, Timestamp};

/// A maker of a policy of teams.
pub type Policy = fn() -> Box<dyn Teams>;

/// How many backups are kept.
const BACKUPS: usize = 3;

/// A node: an engine that starts again after its end.
#[derive(Default)]
pub(super) struct Node {
    pub(super) engine: Option<Engine>,
    /// The number of the engine, which no other one has. Events meant for an earlier engine are
    /// dropped.
    life: u64,
    wake_at: Option<Monotonic>,
    under_way: Option<UnderWay>,
    /// The epoch in which the engine has opened the store.
    epoch: Option<Epoch>,
    /// The position behind which the engine has asked for the history.
    follows: Option<Position>,
    /// An answer to that is on its way.
    is_hearing: bool,
    /// A crash waits for the next commit.
    pub(super) crashes_while_syncing: bool,
    /// The node and the store do not reach each other.
    is_cut: bool,
    /// The milliseconds by which its wall clock is ahead.
    clock_error: i64,
}

/// The nodes, and the disk.
pub(super) struct Server {
    pub(super) nodes: Vec<Node>,
    limits: Limits,
    /// The policies of teams of which each start draws one. None is the default policy.
    pub(super) policies: Vec<Policy>,
    /// The number of engines so far.
    lives: u64,
    is_shared: bool,
    headroom: Headroom,
    /// The synced state.
    store: MemoryState,
    backups: Vec<MemoryState>,
    epochs: u64,
    /// Conversations with a last message that is stored although the engine saw its commit fail.
    /// Nobody has heard that message.
    untold: BTreeSet<ConversationId>,
    /// The same for a read position. No later position makes up for it.
    has_untold_reading: bool,
    /// Changes of lost commits of the engines of a shared store, by engine and position.
    told_late: BTreeSet<(u64, Position)>,
    /// The engine that has made each change under a `client_message_id`.
    authors: BTreeMap<(UserId, ClientMessageId), u64>,
    /// The last state of each epoch before this one.
    past: Vec<Export>,
    pub(super) counters: NodeCounters,
}

impl Server {
    pub(super) fn new(limits: Limits, store: MemoryState, nodes: usize, is_shared: bool) -> Self {
        let store = if is_shared { store.shared() } else { store };
        Self {
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            limits,
            policies: Vec::new(),
            lives: 0,
            is_shared,
            headroom: Headroom::default(),
            store,
            backups: Vec::new(),
            epochs: 1,
            untold: BTreeSet::new(),
            has_untold_reading: false,
            told_late: BTreeSet::new(),
            authors: BTreeMap::new(),
            past: Vec::new(),
            counters: NodeCounters::default(),
        }
    }

    pub(super) fn exported(&self) -> &Export {
        self.store.exported()
    }

    pub(super) fn past(&self) -> &[Export] {
        &self.past
    }

    /// Whether something stored is to be told by nobody. The history of a shared store tells all.
    pub(super) fn has_untold(&self) -> bool {
        self.has_untold_reading || !self.untold.is_empty()
    }

    pub(super) fn back_up(&mut self) {
        if self.backups.len() == BACKUPS {
            self.backups.remove(0);
        }
        self.backups.push(self.store.clone());
    }

    /// The node of an engine that has not ended.
    fn node_of(&self, life: u64) -> Option<usize> {
        self.nodes.iter().position(|node| node.life == life && node.engine.is_some())
    }

    /// Whether the store answers the node: they reach each other, and the history is the same as
    /// when the engine has opened the store.
    fn answers(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        !node.is_cut && node.epoch.as_ref() == Some(&self.store.exported().epoch)
    }

    /// The nodes that are up.
    pub(super) fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].engine.is_some()).collect()
    }

    pub(super) fn leeway(&self) -> std::time::Duration {
        self.limits.periods.token_leeway
    }

    pub(super) fn life(&self, node: usize) -> u64 {
        self.nodes[node].life
    }
}

impl Environment {
    /// Some node that is up, if there is one.
    pub(super) fn any_node(&mut self) -> Option<usize> {
        let running = self.server.running();
        if self.server.nodes.len() == 1 {
            running.first().copied()
        } else {
            self.random.pick(&running).copied()
        }
    }

    /// The time on the clock of a node.
    pub(super) fn now_at(&self, node: usize) -> Now {
        let millis = self.now.wall.as_millis() + self.server.nodes[node].clock_error;
        Now { wall: Timestamp::from_millis(millis), ..self.now }
    }

    /// Carries out every pending output of an engine.
    pub(super) fn act(&mut self, node: usize) {
        while let Some(output) = self.server.nodes[node].engine.as_mut().and_then(Engine::poll) {
            self.act_on(node, output);
        }
        let Some(engine) = self.server.nodes[node].engine.as_ref().filter(|_| self.server.is_shared) else {
            return;
        };
        let (heard, (parked, untold), life) =
            (engine.heard().0, engine.waiting_for_store(), self.server.life(node));
        self.server.counters.parked += u64::from(parked > 0);
        self.server.counters.untold += u64::from(untold > 0);
        self.show(|oracle, _| {
            oracle.knows(life, heard);
            Ok(())
        });
    }

    fn act_on(&mut self, node: usize, output: Output) {
        match output {
            Output::Send { conns, frame, .. } => {
                self.note(|| format!("{conns:?} are told {}", String::from_utf8_lossy(&frame)));
                let told: Vec<_> = conns.iter().map(|conn| conn.0).collect();
                self.show(|oracle, store| oracle.told(&told, &frame, store));
                conns.into_iter().for_each(|conn| self.server_sends(conn, Frame::Text(frame.clone())));
            }
            Output::Load { ticket, query } => self.load(node, ticket, query),
            Output::Commit { ticket, id, changes } => self.commit(node, (ticket, id), changes),
            Output::Follow { after } => self.follow(node, after),
            Output::Verify { ticket, token } => {
                let (leeway, now) = (self.server.limits.periods.token_leeway, self.now_at(node));
                let result = self.tokens.verify(&token, now.wall, leeway);
                if let Some(engine) = &mut self.server.nodes[node].engine {
                    engine.handle(now, Input::Verified { ticket, result });
                }
            }
            Output::Pause { conn } => self.set_paused(conn, true),
            Output::Resume { conn } => self.set_paused(conn, false),
            Output::Close { conn, code } => {
                self.counters.changed_rights += u64::from(code == CloseCode::RightsChanged);
                self.counters.deactivated += u64::from(code == CloseCode::Deactivated);
                self.note(|| format!("{conn:?} is closed with {code:?}"));
                self.show(|oracle, _| oracle.ended(conn.0, Some(code)));
                self.server_leaves(conn, code);
            }
            Output::WakeAt(at) => self.engine_sleeps(node, at),
            Output::Publish { position, here: false, .. } => self.published(node, position),
            Output::HintTyping(hint) => self.hint(node, &hint),
            Output::Drained => self.engine_ends(node),
            Output::Answer { .. } | Output::Publish { .. } | Output::Handled(_) => {}
        }
    }

    fn engine_sleeps(&mut self, node: usize, at: Option<Monotonic>) {
        self.server.nodes[node].wake_at = at;
        if let Some(at) = at {
            let life = self.server.life(node);
            self.schedule.put(at.max(self.now.monotonic), Happening::EngineWakes { life });
        }
    }

    pub(super) fn engine_wakes(&mut self, life: u64) {
        let Some(node) = self.server.node_of(life) else { return };
        if self.server.nodes[node].wake_at.take_if(|at| *at <= self.now.monotonic).is_some() {
            self.input(node, Input::Tick);
        }
    }
}
