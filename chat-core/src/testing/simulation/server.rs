//! A server that crashes and is restored: an engine, and a store that takes its time and fails.

use std::collections::BTreeSet;

use super::environment::{Environment, Happening};
use crate::engine::{Engine, Headroom, Input, Output, Settings, Teams, Ticket};
use crate::export::Export;
use crate::frame::Frame;
use crate::id::ConversationId;
use crate::limits::Limits;
use crate::protocol::CloseCode;
use crate::store::{Change, Loaded, MemoryState, Query, UnavailableError, Verdict};
use crate::testing::oracle::Oracle;

/// A maker of a policy of teams.
pub type Policy = fn() -> Box<dyn Teams>;

/// How many backups are kept.
const BACKUPS: usize = 3;

/// The store's answer to a load: the state when it was asked, the state of now, or a failure.
#[derive(Debug)]
pub(super) enum LoadAnswer {
    AsOfThen(Loaded),
    AsOfNow(Query),
    Fails,
}

/// The outcome of a commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Done,
    DoneButLost,
    NothingDone,
}

/// A commit that is not answered.
struct UnderWay {
    /// Until they are synced.
    changes: Vec<Change>,
    /// Once they are.
    verdicts: Option<Vec<Verdict>>,
}

/// The engine of a running server, and the disk.
pub(super) struct Server {
    pub(super) engine: Option<Engine>,
    limits: Limits,
    /// The policies of teams of which each start draws one. None is the default policy.
    pub(super) policies: Vec<Policy>,
    /// The number of crashes so far. Events meant for an engine before the last crash are dropped.
    life: u64,
    wake_at: Option<crate::time::Monotonic>,
    /// The synced state.
    store: MemoryState,
    under_way: Option<UnderWay>,
    backups: Vec<MemoryState>,
    epochs: u64,
    /// A crash waits for the next commit.
    pub(super) crashes_while_syncing: bool,
    /// Conversations with a last message that is stored although the engine saw its commit fail.
    /// Nobody has heard that message.
    untold: BTreeSet<ConversationId>,
    /// The same for a read position. No later position makes up for it.
    has_untold_reading: bool,
    /// The last state of each epoch before this one.
    past: Vec<Export>,
}

impl Server {
    pub(super) fn new(limits: Limits, store: MemoryState) -> Self {
        Self {
            engine: None,
            limits,
            policies: Vec::new(),
            life: 0,
            wake_at: None,
            store,
            under_way: None,
            backups: Vec::new(),
            epochs: 1,
            crashes_while_syncing: false,
            untold: BTreeSet::new(),
            has_untold_reading: false,
            past: Vec::new(),
        }
    }

    pub(super) fn exported(&self) -> &Export {
        self.store.exported()
    }

    pub(super) fn past(&self) -> &[Export] {
        &self.past
    }

    pub(super) fn has_untold(&self) -> bool {
        self.has_untold_reading || !self.untold.is_empty()
    }

    pub(super) fn back_up(&mut self) {
        if self.backups.len() == BACKUPS {
            self.backups.remove(0);
        }
        self.backups.push(self.store.clone());
    }
}

impl Environment {
    /// Starts a new engine over the disk.
    pub(super) fn start(&mut self) {
        self.note(|| "the server starts".to_owned());
        let policy = self.random.pick(&self.server.policies).copied();
        let teams = policy.map_or_else(|| Settings::default().teams, |policy| policy());
        let settings = Settings { limits: self.server.limits.clone(), teams };
        self.server.engine = Some(Engine::new(settings, self.random.seed()));
        let now = self.now.monotonic;
        self.show(|oracle, _| {
            oracle.began(now);
            Ok(())
        });
        self.act();
    }

    /// Ends the engine. Only a part of the commit under way reaches the disk.
    pub(super) fn crash(&mut self) {
        if self.server.engine.take().is_none() {
            return;
        }
        self.counters.crashes += 1;
        self.server.life += 1;
        self.server.wake_at = None;
        self.server.untold.clear();
        self.server.has_untold_reading = false;
        if let Some(UnderWay { mut changes, verdicts: None }) = self.server.under_way.take() {
            let kept = usize::try_from(self.random.below(changes.len() as u64 + 1)).unwrap_or_default();
            let forgotten = changes.split_off(kept);
            self.counters.crashes_that_forgot += u64::from(forgotten.iter().any(is_said));
            self.server.store.judge(changes);
            self.show_stored(false);
        }
        self.note(|| "the server crashes".to_owned());
        self.show(Oracle::crashed);
        self.server_is_gone();
        let downtime = self.random.span(self.faults.downtime.clone());
        self.later(downtime, Happening::Starts);
    }

    /// The server crashes, and will start over an older backup.
    pub(super) fn restore(&mut self) {
        if self.server.engine.is_none() || self.server.backups.is_empty() {
            return;
        }
        self.crash();
        self.counters.restores += 1;
        let backups = std::mem::take(&mut self.server.backups);
        let Some(backup) = self.random.pick(&backups) else { return };
        self.server.past.push(self.server.store.export());
        self.server.epochs += 1;
        self.server.store = backup.clone().under_epoch(format!("epoch_{}", self.server.epochs));
        self.note(|| "the store is an older backup now".to_owned());
        self.activate_all_later();
        self.show(|oracle, store| {
            oracle.restored(store);
            Ok(())
        });
    }

    /// The storage runs low, and has enough room again after a pause.
    pub(super) fn storage_runs_low(&mut self) {
        let headroom = if self.random.percent(70) { Headroom::Reserved } else { Headroom::Exhausted };
        self.counters.low_storage += 1;
        self.input(Input::Headroom(headroom));
        let pause = self.random.span(500..8_000);
        self.later(pause, Happening::HasRoom);
    }

    /// Shows the oracle the store after a commit. `is_told` is whether the engine learns the
    /// outcome.
    fn show_stored(&mut self, is_told: bool) {
        let now = self.now.monotonic;
        self.show(|oracle, store| oracle.stored(store, is_told, now));
    }

    /// Carries out every pending output of the engine.
    pub(super) fn act(&mut self) {
        while let Some(output) = self.server.engine.as_mut().and_then(Engine::poll) {
            self.act_on(output);
        }
    }

    fn act_on(&mut self, output: Output) {
        match output {
            Output::Send { conns, frame, .. } => {
                self.note(|| format!("{conns:?} are told {}", String::from_utf8_lossy(&frame)));
                let told: Vec<_> = conns.iter().map(|conn| conn.0).collect();
                self.show(|oracle, store| oracle.told(&told, &frame, store));
                conns.into_iter().for_each(|conn| self.server_sends(conn, Frame::Text(frame.clone())));
            }
            Output::Load { ticket, query } => self.load(ticket, query),
            Output::Commit { ticket, changes, .. } => self.commit(ticket, changes),
            Output::Verify { ticket, token } => {
                let leeway = self.server.limits.periods.token_leeway;
                let result = self.tokens.verify(&token, self.now.wall, leeway);
                if let Some(engine) = &mut self.server.engine {
                    engine.handle(self.now, Input::Verified { ticket, result });
                }
            }
            Output::Pause { conn } => self.set_paused(conn, true),
            Output::Resume { conn } => self.set_paused(conn, false),
            Output::Close { conn, code } => {
                self.counters.changed_rights += u64::from(code == CloseCode::RightsChanged);
                self.counters.deactivated += u64::from(code == CloseCode::Deactivated);
                self.show(|oracle, _| oracle.ended(conn.0, Some(code)));
                self.server_leaves(conn, code);
            }
            Output::WakeAt(at) => self.engine_sleeps(at),
            Output::Follow { .. }
            | Output::Answer { .. }
            | Output::Publish { .. }
            | Output::Handled(_)
            | Output::Drained => {}
        }
    }

    fn engine_sleeps(&mut self, at: Option<crate::time::Monotonic>) {
        self.server.wake_at = at;
        if let Some(at) = at {
            self.schedule.put(at.max(self.now.monotonic), Happening::EngineWakes { life: self.server.life });
        }
    }

    pub(super) fn engine_wakes(&mut self, life: u64) {
        let is_due = self.server.wake_at.is_some_and(|at| at <= self.now.monotonic);
        if life == self.server.life && is_due {
            self.server.wake_at = None;
            self.input(Input::Tick);
        }
    }

    fn load(&mut self, ticket: Ticket, query: Query) {
        let answer = match (self.mishap(self.faults.failed_loads), self.random.percent(50)) {
            (true, _) => LoadAnswer::Fails,
            (false, true) => LoadAnswer::AsOfThen(self.server.store.answer(query)),
            (false, false) => LoadAnswer::AsOfNow(query),
        };
        let pause = self.random.span(self.faults.store_takes.clone());
        self.later(pause, Happening::Loaded { life: self.server.life, ticket, answer });
    }

    pub(super) fn loaded(&mut self, life: u64, ticket: Ticket, answer: LoadAnswer) {
        if life == self.server.life {
            let result = match answer {
                LoadAnswer::AsOfThen(loaded) => Ok(loaded),
                LoadAnswer::AsOfNow(query) => Ok(self.server.store.answer(query)),
                LoadAnswer::Fails => Err(UnavailableError::new("the store fails")),
            };
            self.input(Input::Loaded { ticket, result });
        }
    }

    fn commit(&mut self, ticket: Ticket, changes: Vec<Change>) {
        let fate = match (self.mishap(self.faults.failed_commits), self.mishap(self.faults.lost_answers)) {
            (true, _) => Fate::NothingDone,
            (false, true) => Fate::DoneButLost,
            (false, false) => Fate::Done,
        };
        self.server.under_way = Some(UnderWay { changes, verdicts: None });
        let life = self.server.life;
        let sync = self.random.span(self.faults.store_takes.clone());
        if std::mem::take(&mut self.server.crashes_while_syncing) {
            return self.later(sync, Happening::Crashes);
        }
        self.later(sync, Happening::Synced { life, fate });
        let answer = self.random.span(0..self.faults.store_takes.end / 4);
        self.later(sync + answer, Happening::Committed { life, ticket });
    }

    pub(super) fn synced(&mut self, life: u64, fate: Fate) {
        let is_this_life = life == self.server.life;
        let under_way = self.server.under_way.as_mut().filter(|_| is_this_life);
        let Some(changes) = under_way.map(|under_way| std::mem::take(&mut under_way.changes)) else { return };
        // The answer to a commit that was under way when everything healed is not lost.
        let is_lost = fate == Fate::DoneButLost && self.faults.lost_answers > 0;
        let fate = if fate == Fate::NothingDone || is_lost { fate } else { Fate::Done };
        if fate == Fate::NothingDone {
            return;
        }
        let said: Vec<_> =
            changes.iter().map(|change| change.supposes().filter(|_| is_said(change))).collect();
        let said: Vec<_> = said.into_iter().map(|supposed| supposed.map(|(id, _)| id.clone())).collect();
        let is_reading = changes.iter().any(|change| matches!(change, Change::MarkRead(_)));
        self.server.has_untold_reading |= fate == Fate::DoneButLost && is_reading;
        let verdicts = self.server.store.judge(changes);
        self.show_stored(fate == Fate::Done);
        self.counters.lost_answers += u64::from(fate == Fate::DoneButLost);
        for id in said.into_iter().zip(&verdicts).filter_map(|(id, verdict)| id.filter(|_| verdict.is_ok())) {
            // The next message heard live shows the gap before it.
            match fate {
                Fate::DoneButLost => drop(self.server.untold.insert(id)),
                _ => drop(self.server.untold.remove(&id)),
            }
        }
        if let Some(under_way) = &mut self.server.under_way {
            under_way.verdicts = (fate == Fate::Done).then_some(verdicts);
        }
    }

    pub(super) fn committed(&mut self, life: u64, ticket: Ticket) {
        if life == self.server.life {
            let verdicts = self.server.under_way.take().and_then(|under_way| under_way.verdicts);
            let result = verdicts.ok_or_else(|| UnavailableError::new("the store fails"));
            self.input(Input::Committed { ticket, result });
        }
    }
}

/// Whether the change holds a message.
fn is_said(change: &Change) -> bool {
    matches!(change, Change::AppendMessage(_) | Change::CreateConversation(_))
}
