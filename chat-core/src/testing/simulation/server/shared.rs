//! The history of a shared store on its way to the nodes, partitions and failovers.

use super::{Environment, Happening};
use crate::engine::{Input, TypingHint};
use crate::store::{Followed, Position, UnavailableError};

/// Most events that a node hears at once.
const HEARD_MOST: u64 = 8;

/// Of a hundred hints between nodes, those that are lost.
const LOST_HINTS: u64 = 20;

/// Most events that a failover loses.
const LOST_MOST: u64 = 12;

impl Environment {
    pub(super) fn follow(&mut self, node: usize, after: Position) {
        self.server.nodes[node].follows = Some(after);
        self.hear_later(node);
    }

    /// The history has grown, or is another one: every node that waits for this will hear of it.
    pub(super) fn history_grows(&mut self) {
        (0..self.server.nodes.len()).for_each(|node| self.hear_later(node));
    }

    /// Has a node hear the history after a pause, if there is something to hear.
    fn hear_later(&mut self, node: usize) {
        let has_more = |after: &Position| *after < self.server.store.exported().position;
        let asks = &self.server.nodes[node];
        let is_due = asks.follows.as_ref().is_some_and(has_more) || !self.server.answers(node);
        if asks.follows.is_some() && !asks.is_hearing && is_due {
            self.server.nodes[node].is_hearing = true;
            let pause = self.random.span(self.faults.nodes.follow_takes.clone());
            self.later(pause, Happening::Hears { life: self.server.life(node) });
        }
    }

    pub(in crate::testing::simulation) fn hears(&mut self, life: u64) {
        let Some(node) = self.server.node_of(life) else { return };
        self.server.nodes[node].is_hearing = false;
        let Some(after) = self.server.nodes[node].follows.take() else { return };
        let fails = self.mishap(self.faults.nodes.failed_follows) || self.server.nodes[node].is_cut;
        let result = if fails {
            Err(UnavailableError::new("the store fails"))
        } else {
            let Followed { epoch, mut happened } = self.server.store.follow(after);
            happened.truncate(usize::try_from(self.random.below(HEARD_MOST)).unwrap_or_default() + 1);
            Ok(Followed { epoch, happened })
        };
        self.note(|| format!("node {node} hears {result:?}"));
        self.input(node, Input::Heard { result });
    }

    /// Has the other nodes hear a hint, unless it is lost.
    pub(super) fn hint(&mut self, node: usize, hint: &TypingHint) {
        for other in self.server.running() {
            if other != node && !self.random.percent(LOST_HINTS) {
                let pause = self.random.span(self.faults.nodes.follow_takes.clone());
                let life = self.server.life(other);
                self.later(pause, Happening::Hinted { life, hint: hint.clone() });
            }
        }
    }

    pub(in crate::testing::simulation) fn hinted(&mut self, life: u64, hint: TypingHint) {
        let Some(node) = self.server.node_of(life) else { return };
        self.server.counters.hints += 1;
        self.input(node, Input::TypingHint(hint));
    }

    /// A node has published an event that it has not committed, or not known of.
    pub(super) fn published(&mut self, node: usize, position: Position) {
        let key = (self.server.life(node), position);
        if self.server.told_late.remove(&key) {
            self.server.counters.told_late += 1;
        } else {
            self.server.counters.heard += 1;
        }
    }

    /// Cuts some node off from the store for a while.
    pub(in crate::testing::simulation) fn cut_off_any(&mut self) {
        let Some(node) = self.any_node() else { return };
        self.server.counters.partitions += 1;
        self.note(|| format!("node {node} does not reach the store"));
        self.cut_off(node, 200..10_000);
    }

    fn cut_off(&mut self, node: usize, span: std::ops::Range<u64>) {
        self.server.nodes[node].is_cut = true;
        self.hear_later(node);
        let pause = self.random.span(span);
        self.later(pause, Happening::Mends { life: self.server.life(node) });
    }

    pub(in crate::testing::simulation) fn mends(&mut self, life: u64) {
        if let Some(node) = self.server.node_of(life) {
            self.note(|| format!("node {node} reaches the store"));
            self.server.nodes[node].is_cut = false;
            self.hear_later(node);
        }
    }

    /// Nothing is wrong with the nodes any more.
    pub(in crate::testing::simulation) fn heal_nodes(&mut self) {
        for node in &mut self.server.nodes {
            (node.is_cut, node.clock_error, node.crashes_while_syncing) = (false, 0, false);
        }
        self.history_grows();
    }

    /// The store is away for a while. Its end may be lost.
    pub(in crate::testing::simulation) fn fail_over(&mut self) {
        if !self.server.is_shared {
            return;
        }
        self.server.counters.failovers += 1;
        self.note(|| "the store fails over".to_owned());
        self.server.running().into_iter().for_each(|node| self.cut_off(node, 50..3_000));
        if self.mishap(self.faults.nodes.lost_tails) {
            self.lose_tail();
        }
    }

    fn lose_tail(&mut self) {
        let before = self.server.store.export();
        let lost = self.random.below(LOST_MOST) + 1;
        self.server.epochs += 1;
        let epoch = format!("epoch_{}", self.server.epochs);
        let position = Position(before.position.0.saturating_sub(lost));
        self.server.store.lose_after(position, epoch);
        self.server.counters.lost_tails += 1;
        self.server.past.push(before);
        self.note(|| format!("the store has lost everything after {position:?}"));
        self.store_is_replaced();
        self.history_grows();
    }
}
