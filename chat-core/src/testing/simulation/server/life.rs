//! The starts and ends of engines.

use std::mem;

use super::store::UnderWay;
use super::{Engine, Environment, Happening, Node};
use crate::engine::{Headroom, Input, Settings};

impl Environment {
    /// Starts a new engine over the disk.
    pub(in crate::testing::simulation) fn start(&mut self, node: usize) {
        self.server.lives += 1;
        let life = self.server.lives;
        self.note(|| format!("node {node} starts its life {life}"));
        let policy = self.random.pick(&self.server.policies).copied();
        let teams = policy.map_or_else(|| Settings::default().teams, |policy| policy());
        let settings = Settings { limits: self.server.limits.clone(), teams, ..Settings::default() };
        let engine = Some(Engine::new(settings, self.random.seed()));
        let (epoch, clock_error) = (Some(self.server.exported().epoch.clone()), self.draw_clock_error());
        self.server.nodes[node] = Node { engine, life, epoch, clock_error, ..Node::default() };
        let now = self.now.monotonic;
        self.show(|oracle, _| {
            oracle.began(life, now);
            Ok(())
        });
        self.act(node);
        if self.server.headroom != Headroom::default() {
            self.input(node, Input::Headroom(self.server.headroom));
        }
    }

    fn draw_clock_error(&mut self) -> i64 {
        let most = self.faults.nodes.clock_error;
        if most == 0 || !self.random.percent(50) {
            return 0;
        }
        self.server.counters.wrong_clocks += 1;
        let error = i64::try_from(self.random.below(2 * most)).unwrap_or_default();
        error - i64::try_from(most).unwrap_or_default()
    }

    /// Ends an engine, as a crash of its node. Only a part of the commit under way reaches the
    /// disk. In a shared store the commit is done as a whole, or not, or later.
    pub(in crate::testing::simulation) fn crash(&mut self, node: usize) {
        if self.server.nodes[node].engine.is_none() {
            return;
        }
        self.counters.crashes += 1;
        let ended = mem::take(&mut self.server.nodes[node]);
        self.server.untold.clear();
        self.server.has_untold_reading = false;
        match ended.under_way {
            Some(under_way) if under_way.verdicts.is_none() && self.server.is_shared => {
                self.give_up(under_way);
            }
            Some(UnderWay { mut changes, verdicts: None, .. }) => {
                let kept = usize::try_from(self.random.below(changes.len() as u64 + 1)).unwrap_or_default();
                let forgotten = changes.split_off(kept);
                self.counters.crashes_that_forgot += u64::from(forgotten.iter().any(super::store::is_said));
                self.server.store.judge(changes);
                self.show_stored(ended.life, false);
            }
            Some(_) | None => {}
        }
        self.note(|| format!("node {node} crashes"));
        self.show(|oracle, store| oracle.crashed(ended.life, store));
        self.server_is_gone(node);
        self.start_later(node);
    }

    /// An engine has ended by itself, because the store has begun another epoch.
    pub(super) fn engine_ends(&mut self, node: usize) {
        self.server.counters.ended_epochs += 1;
        self.note(|| format!("node {node} ends"));
        self.server.nodes[node] = Node::default();
        self.server_is_gone(node);
        self.start_later(node);
    }

    fn start_later(&mut self, node: usize) {
        let downtime = self.random.span(self.faults.downtime.clone());
        self.later(downtime, Happening::Starts(node));
    }

    /// Every node crashes, and will start over an older backup.
    pub(in crate::testing::simulation) fn restore(&mut self) {
        if self.server.running().is_empty() || self.server.backups.is_empty() {
            return;
        }
        self.server.running().into_iter().for_each(|node| self.crash(node));
        self.counters.restores += 1;
        let backups = mem::take(&mut self.server.backups);
        let Some(backup) = self.random.pick(&backups) else { return };
        self.server.past.push(self.server.store.export());
        self.server.epochs += 1;
        self.server.store = backup.clone().under_epoch(format!("epoch_{}", self.server.epochs));
        self.note(|| "the store is an older backup now".to_owned());
        self.store_is_replaced();
    }

    /// The content of the store is another one, under another epoch.
    pub(super) fn store_is_replaced(&mut self) {
        self.server.told_late.clear();
        self.activate_all_later();
        self.show(|oracle, store| {
            oracle.restored(store);
            Ok(())
        });
    }

    /// The storage runs low, and has enough room again after a pause.
    pub(in crate::testing::simulation) fn storage_runs_low(&mut self) {
        let headroom = if self.random.percent(70) { Headroom::Reserved } else { Headroom::Exhausted };
        self.counters.low_storage += 1;
        self.set_headroom(headroom);
        let pause = self.random.span(500..8_000);
        self.later(pause, Happening::HasRoom);
    }

    pub(in crate::testing::simulation) fn set_headroom(&mut self, headroom: Headroom) {
        self.server.headroom = headroom;
        let running = self.server.running();
        running.into_iter().for_each(|node| self.input(node, Input::Headroom(headroom)));
    }
}
