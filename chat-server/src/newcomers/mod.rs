//! Newcomers: connections that have not shown a good token yet.
//!
//! Anybody can open connections and say nothing. So newcomers have a bounded number of places, and accepting never stops for
//! them: at the bound one gives way, chosen by [`Ledger`](ledger::Ledger). TLS and the reading of a request take place here, and so does the end of a
//! connection that was refused.

mod crowd;
mod group;
mod ledger;
mod lobby;

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::pending;
use http::HeaderMap;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::warn;

use crate::metrics::Metrics;
use crowd::Crowd;
pub(crate) use group::network;
use group::{AddressGroup, Trusted};
pub(crate) use ledger::Cause;
use ledger::{Evicted, Ledger, NewcomerLimits, Stage};
pub(crate) use lobby::Lobby;

/// Most newcomers at once, if the system lets the server open as many files. Each costs some 15 KB.
const MOST: usize = 8_192;

/// Most newcomers of one address, or of one IPv6 network of 64 bits. Hundreds of phones stand behind one address of a
/// carrier, and come back together.
const MOST_OF_GROUP: usize = 256;

/// Most newcomers that were answered and have yet to close. They give way first: most have read their answer already.
pub(crate) const MOST_LEAVING: usize = 256;

/// Most newcomers that gave way and whose task has not ended yet: it only has to be run.
const MOST_GOING: usize = 64;

/// Most newcomers whose task was made and has not begun. The others wait where the next one is chosen fairly.
const MOST_BEGINNING: usize = 32;

/// Most connections that were accepted and that nobody has looked at yet: more than come at once after a restart. Each costs
/// a file, and next to no memory.
const MOST_WAITING: usize = 8_192;

/// Files of all of them.
pub(crate) const FILES: usize = MOST + MOST_WAITING;

/// The time that a client has from connecting to its last header.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The same while more than half of the places are taken.
const PATIENCE_UNDER_PRESSURE: Duration = Duration::from_secs(5);

/// Least time between two lines in the log about newcomers that gave way.
const REPORT_APART: Duration = Duration::from_mins(1);

/// All newcomers of a server.
pub(crate) struct Newcomers {
    trusted: Trusted,
    room: Room,
    state: Mutex<NewcomerState>,
    /// Bounds the tasks of newcomers, those included that gave way.
    tasks: Arc<Semaphore>,
    /// Bounds the tasks that have not begun, so that those whose turn it is begin at once.
    beginning: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// The room that newcomers share with the connections that were let in.
pub(crate) struct Room {
    /// Files for both.
    pub(crate) files: usize,
    /// Most connections that were let in, and the places for more of them.
    pub(crate) connections: (usize, Arc<Semaphore>),
}

impl Room {
    fn most(&self) -> usize {
        self.half().min(MOST)
    }

    fn most_waiting(&self) -> usize {
        self.half().min(MOST_WAITING)
    }

    /// Half of the files that are left: for newcomers, or for those that wait to become some. However many are connected,
    /// some are there for both.
    fn half(&self) -> usize {
        let (most, free) = &self.connections;
        let connections = most.saturating_sub(free.available_permits());
        let fewest = (self.files / 16).clamp(16, 1_024);
        (self.files.saturating_sub(connections) / 2).max(fewest)
    }
}

struct NewcomerState {
    ledger: Ledger<Held>,
    /// Newcomers that gave way since the last line in the log.
    unreported: u64,
    reported: Option<Instant>,
}

/// What a newcomer's place holds: its part of the bound on tasks, and the way to tell it that it must give way.
type Held = (OwnedSemaphorePermit, oneshot::Sender<OwnedSemaphorePermit>);

/// A newcomer: its place, and the word that it must give way.
pub(crate) struct Newcomer {
    pub(crate) place: NewcomerPlace,
    pub(crate) eviction: Eviction,
    /// Dropped when its task begins.
    pub(crate) begins: OwnedSemaphorePermit,
}

/// The turn of a connection to be looked at.
pub(crate) struct Turn {
    /// Part of the bound on tasks.
    task: OwnedSemaphorePermit,
    /// Part of the bound on tasks that have not begun.
    begins: OwnedSemaphorePermit,
}

/// A newcomer's place, which is free again when this is dropped.
pub(crate) struct NewcomerPlace {
    newcomers: Arc<Newcomers>,
    number: u64,
    peer: IpAddr,
    deadline: Instant,
}

/// The word that a newcomer must give way.
pub(crate) struct Eviction(oneshot::Receiver<OwnedSemaphorePermit>);

impl Newcomers {
    /// The newcomers of a server. Proxies of the `trusted` networks have no limit of their own, and name the addresses that
    /// they speak for.
    pub(crate) fn new(trusted: Vec<IpNet>, room: Room, metrics: Arc<Metrics>) -> Arc<Self> {
        let bounds = NewcomerLimits { all: room.most(), of_group: MOST_OF_GROUP, leaving: MOST_LEAVING };
        let state = NewcomerState { ledger: Ledger::new(bounds), unreported: 0, reported: None };
        let tasks = Arc::new(Semaphore::new(MOST + MOST_GOING));
        let beginning = Arc::new(Semaphore::new(MOST_BEGINNING));
        Arc::new(Self {
            trusted: Trusted(trusted),
            room,
            state: Mutex::new(state),
            tasks,
            beginning,
            metrics,
        })
    }

    /// Room for connections that nobody has looked at yet.
    pub(crate) fn lobby<T>(&self) -> Lobby<T> {
        Lobby::new(self.room.most_waiting())
    }

    /// Takes a connection from this address into the lobby; one may be closed for it.
    pub(crate) fn wait<T>(&self, lobby: &mut Lobby<T>, peer: SocketAddr, connection: T) {
        lobby.bound(self.room.most_waiting());
        if let Some((group, _closed)) = lobby.enter(self.trusted.group(peer.ip()), connection) {
            self.metrics.newcomers.gave_way(Cause::Full);
            self.state().report(group);
        }
    }

    /// Waits until one more connection may be looked at, and never for what a client does: until the tasks of those that
    /// gave way have ended, and those of the last newcomers have begun.
    pub(crate) async fn turn(&self) -> Turn {
        let acquired = Arc::clone(&self.beginning).acquire_owned().await;
        let begins = acquired.expect("the semaphore is never closed");
        let task = Arc::clone(&self.tasks).acquire_owned().await.expect("the semaphore is never closed");
        Turn { task, begins }
    }

    /// Gives a connection from this address a place.
    pub(crate) fn enter(self: &Arc<Self>, turn: Turn, peer: SocketAddr) -> Newcomer {
        let (tell, told) = oneshot::channel();
        let peer = peer.ip();
        let mut state = self.state();
        let most = self.room.most();
        let is_pressed = state.ledger.len() > most / 2;
        state.ledger.bound(most);
        let (number, evicted) = state.ledger.enter(self.trusted.group(peer), (turn.task, tell));
        self.settle(&mut state, evicted);
        let patience = if is_pressed { PATIENCE_UNDER_PRESSURE } else { PATIENCE };
        let deadline = Instant::now() + patience;
        let place = NewcomerPlace { newcomers: Arc::clone(self), number, peer, deadline };
        Newcomer { place, eviction: Eviction(told), begins: turn.begins }
    }

    /// Has one newcomer give way, whatever the bounds: the system has no more files or memory.
    pub(crate) fn make_room(&self) {
        let mut state = self.state();
        let evicted = state.ledger.evict();
        self.settle(&mut state, evicted);
    }

    fn state(&self) -> MutexGuard<'_, NewcomerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells a newcomer that it gives way, and counts.
    fn settle(&self, state: &mut NewcomerState, evicted: Option<Evicted<Held>>) {
        self.metrics.newcomers.now.store(state.ledger.len() as u64, Ordering::Relaxed);
        let Some(Evicted { value: (permit, tell), group, cause }) = evicted else { return };
        // If nobody listens, the task has ended already.
        let _ = tell.send(permit);
        self.metrics.newcomers.gave_way(cause);
        state.report(group);
    }
}

impl NewcomerState {
    /// Logs at most one line for each [`REPORT_APART`].
    fn report(&mut self, group: AddressGroup) {
        self.unreported += 1;
        let now = Instant::now();
        if self.reported.is_some_and(|at| now.duration_since(at) < REPORT_APART) {
            return;
        }
        self.reported = Some(now);
        let closed = std::mem::take(&mut self.unreported);
        warn!(closed, address = %group, "connections without a token were closed to let others in");
    }
}

impl NewcomerPlace {
    /// The time until which the client must have sent its request.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The client has sent a request: it counts for the address that a trusted proxy names in it.
    pub(crate) fn asks(&self, headers: &HeaderMap) {
        self.advance(Stage::Asking, self.newcomers.trusted.forwarded(self.peer, headers));
    }

    /// The client was answered or refused, and has only to read that.
    pub(crate) fn leaves(&self) {
        self.advance(Stage::Leaving, None);
    }

    fn advance(&self, stage: Stage, group: Option<AddressGroup>) {
        let mut locked = self.newcomers.state();
        let evicted = locked.ledger.advance(self.number, stage, group);
        self.newcomers.settle(&mut locked, evicted);
    }

    /// The client has shown a good token, and is no newcomer any more.
    pub(crate) fn give_back(&self) {
        let mut state = self.newcomers.state();
        state.ledger.remove(self.number);
        self.newcomers.settle(&mut state, None);
    }
}

impl Drop for NewcomerPlace {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Eviction {
    /// Does this work, unless the newcomer must give way before its end.
    pub(crate) async fn unless<F: Future>(self, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            // Its part of the bound is held until the work, and with it the socket, is dropped.
            _permit = self.told() => None,
            done = work => Some(done),
        }
    }

    async fn told(self) -> OwnedSemaphorePermit {
        match self.0.await {
            Ok(permit) => permit,
            // The place was given back.
            Err(_) => pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newcomers_have_half_of_the_files_that_connections_leave_and_some_always() {
        let most = |files, connected: usize| {
            let connections = (20_000, Arc::new(Semaphore::new(20_000 - connected)));
            Room { files, connections }.most()
        };
        for (files, connected, places) in [
            (36_384, 0, 8_192),
            (36_384, 20_000, 8_192),
            (19_744, 0, 8_192),
            (19_744, 10_000, 4_872),
            (19_744, 19_744, 1_024),
            (0, 0, 16),
        ] {
            assert_eq!(most(files, connected), places, "{files} files, {connected} connected");
        }
    }
}
