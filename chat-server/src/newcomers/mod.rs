//! Newcomers: connections that have not presented a valid token yet.
//!
//! An accepted connection waits in the [`Lobby`] until a task may serve the connection, which then
//! holds a place in the [`Ledger`].
//!
//! Anyone can open connections and stay silent. The number of newcomers is therefore limited, and
//! at the limit [`Ledger`](ledger::Ledger) chooses one to evict: accepting never stops. The TLS
//! handshake, the reading of a request, and the end of refused connections belong to this phase.

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

/// Most newcomers at once, if the limit on open files allows. Each costs about 15 KB.
const MOST: usize = 8_192;

/// Most newcomers per IPv4 address or IPv6 /64 network. Hundreds of phones share one address of a
/// mobile carrier, and reconnect together.
const MOST_OF_GROUP: usize = 256;

/// Most answered newcomers that have yet to close. They are evicted first, because most have read
/// their response.
pub(crate) const MOST_LEAVING: usize = 256;

/// Most evicted newcomers whose task has not ended; each task needs one more poll.
const MOST_GOING: usize = 64;

/// Most newcomers whose task has been spawned and not yet polled. The others stay in the lobby,
/// where the next one is chosen fairly.
const MOST_BEGINNING: usize = 32;

/// Most connections in the lobby: more than arrive at once after a restart. Each costs a file and
/// hardly any memory.
const MOST_WAITING: usize = 8_192;

/// Files for newcomers and the lobby.
pub(crate) const FILES: usize = MOST + MOST_WAITING;

/// Deadline from connecting to the last header.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The same deadline while more than half of the places are taken.
pub(crate) const PATIENCE_UNDER_PRESSURE: Duration = Duration::from_secs(5);

/// Least time between two log lines about evictions.
const REPORT_APART: Duration = Duration::from_mins(1);

/// All newcomers of a server.
pub(crate) struct Newcomers {
    trusted: Trusted,
    room: Room,
    state: Mutex<NewcomerState>,
    /// Bounds newcomers' tasks, evicted ones included.
    tasks: Arc<Semaphore>,
    /// Bounds tasks not yet polled, to make the chosen ones run at once.
    beginning: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

/// The files shared by newcomers and sessions.
pub(crate) struct Room {
    /// Files for both.
    pub(crate) files: usize,
    /// Most sessions, and the semaphore with their free permits.
    pub(crate) connections: (usize, Arc<Semaphore>),
}

impl Room {
    fn most(&self) -> usize {
        self.half().min(MOST)
    }

    fn most_waiting(&self) -> usize {
        self.half().min(MOST_WAITING)
    }

    /// Half of the files that sessions do not use: one half for newcomers, one for the lobby. Never
    /// fewer than a minimum.
    fn half(&self) -> usize {
        let (most, free) = &self.connections;
        let connections = most.saturating_sub(free.available_permits());
        let fewest = (self.files / 16).clamp(16, 1_024);
        (self.files.saturating_sub(connections) / 2).max(fewest)
    }
}

struct NewcomerState {
    ledger: Ledger<Held>,
    /// Evictions since the last log line.
    unreported: u64,
    reported: Option<Instant>,
}

/// A newcomer's share of the bound on tasks, and the channel that notifies it of eviction.
type Held = (OwnedSemaphorePermit, oneshot::Sender<OwnedSemaphorePermit>);

/// A newcomer: its place, and the notification of its eviction.
pub(crate) struct Newcomer {
    pub(crate) place: NewcomerPlace,
    pub(crate) eviction: Eviction,
    /// Dropped when its task begins.
    pub(crate) begins: OwnedSemaphorePermit,
}

/// Permission to serve one more connection.
pub(crate) struct Turn {
    /// Share of the bound on tasks.
    task: OwnedSemaphorePermit,
    /// Share of the bound on tasks not yet polled.
    begins: OwnedSemaphorePermit,
}

/// A newcomer's place, freed on drop.
pub(crate) struct NewcomerPlace {
    newcomers: Arc<Newcomers>,
    number: u64,
    peer: IpAddr,
    deadline: Instant,
}

/// The address of an admitted client, which may become a newcomer again at its end.
pub(crate) struct ClientAddress {
    newcomers: Arc<Newcomers>,
    peer: IpAddr,
    group: AddressGroup,
}

/// The notification of an eviction.
pub(crate) struct Eviction(oneshot::Receiver<OwnedSemaphorePermit>);

impl Newcomers {
    /// The newcomers of a server. Proxies in the `trusted` networks are exempt from the limit per
    /// group, and their `X-Forwarded-For` counts.
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

    /// A lobby for accepted connections.
    pub(crate) fn lobby<T>(&self) -> Lobby<T> {
        Lobby::new(self.room.most_waiting())
    }

    /// Puts a connection into the lobby, possibly closing another one.
    pub(crate) fn wait<T>(&self, lobby: &mut Lobby<T>, peer: SocketAddr, connection: T) {
        lobby.bound(self.room.most_waiting());
        if let Some((group, _closed)) = lobby.enter(self.trusted.group(peer.ip()), connection) {
            self.metrics.newcomers.gave_way(Cause::Full);
            self.state().report(group);
        }
    }

    /// Waits until one more connection may be served. Depends on the server's own tasks only, and
    /// never on a client: evicted tasks must end, and spawned ones begin.
    pub(crate) async fn turn(&self) -> Turn {
        let acquired = Arc::clone(&self.beginning).acquire_owned().await;
        let begins = acquired.expect("the semaphore is never closed");
        let task = Arc::clone(&self.tasks).acquire_owned().await.expect("the semaphore is never closed");
        Turn { task, begins }
    }

    /// Gives a connection from this address a place.
    pub(crate) fn enter(self: &Arc<Self>, turn: Turn, peer: SocketAddr) -> Newcomer {
        self.enter_from(turn, peer.ip(), self.trusted.group(peer.ip()))
    }

    fn enter_from(self: &Arc<Self>, turn: Turn, peer: IpAddr, group: AddressGroup) -> Newcomer {
        let (tell, told) = oneshot::channel();
        let mut state = self.state();
        let most = self.room.most();
        let is_pressed = state.ledger.len() > most / 2;
        state.ledger.bound(most);
        let (number, evicted) = state.ledger.enter(group, (turn.task, tell));
        self.settle(&mut state, evicted);
        let patience = if is_pressed { PATIENCE_UNDER_PRESSURE } else { PATIENCE };
        let deadline = Instant::now() + patience;
        let place = NewcomerPlace { newcomers: Arc::clone(self), number, peer, deadline };
        Newcomer { place, eviction: Eviction(told), begins: turn.begins }
    }

    /// Evicts one newcomer, whatever the limits, after files or memory ran out.
    pub(crate) fn make_room(&self) {
        let mut state = self.state();
        let evicted = state.ledger.evict();
        self.settle(&mut state, evicted);
    }

    fn state(&self) -> MutexGuard<'_, NewcomerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies an evicted newcomer, and updates the metrics.
    fn settle(&self, state: &mut NewcomerState, evicted: Option<Evicted<Held>>) {
        self.metrics.newcomers.now.store(state.ledger.len() as u64, Ordering::Relaxed);
        let Some(Evicted { value: (permit, tell), group, cause }) = evicted else { return };
        // Without a receiver, the task has ended already.
        let _ = tell.send(permit);
        self.metrics.newcomers.gave_way(cause);
        state.report(group);
    }
}

impl NewcomerState {
    /// Logs at most one line per [`REPORT_APART`].
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
    /// The deadline for the client's request.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The address of the client that has sent a request, as a trusted proxy names it.
    pub(crate) fn client(&self, headers: &HeaderMap) -> IpAddr {
        self.newcomers.trusted.client(self.peer, headers).unwrap_or(self.peer.to_canonical())
    }

    /// A request has arrived. The newcomer now counts for the address that a trusted proxy names.
    pub(crate) fn asks(&self, headers: &HeaderMap) {
        self.advance(Stage::Asking, self.newcomers.trusted.forwarded(self.peer, headers));
    }

    /// The client was answered or refused, and has only to read the response.
    pub(crate) fn leaves(&self) {
        self.advance(Stage::Leaving, None);
    }

    fn advance(&self, stage: Stage, group: Option<AddressGroup>) {
        let mut locked = self.newcomers.state();
        let evicted = locked.ledger.advance(self.number, stage, group);
        self.newcomers.settle(&mut locked, evicted);
    }

    /// Frees the place, because the client has presented a valid token.
    pub(crate) fn admitted(&self) -> ClientAddress {
        let group = self.newcomers.state().ledger.group_of(self.number);
        self.give_back();
        let group = group.unwrap_or_else(|| self.newcomers.trusted.group(self.peer));
        ClientAddress { newcomers: Arc::clone(&self.newcomers), peer: self.peer, group }
    }

    fn give_back(&self) {
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

impl ClientAddress {
    /// Runs the end of a session as that of a leaving newcomer, and gives back the permit of the
    /// session before.
    pub(crate) async fn leave(self, session: OwnedSemaphorePermit, end: impl Future<Output = ()>) {
        let turn = self.newcomers.turn().await;
        let Newcomer { place, eviction, begins } = self.newcomers.enter_from(turn, self.peer, self.group);
        drop((begins, session));
        place.leaves();
        // An evicted client loses nothing but the time to read its reason.
        eviction.unless(end).await;
    }
}

impl Eviction {
    /// Runs `work` unless the newcomer is evicted before its end.
    pub(crate) async fn unless<F: Future>(self, work: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            // The permit is held until the work, and with it the socket, is dropped.
            _permit = self.told() => None,
            done = work => Some(done),
        }
    }

    async fn told(self) -> OwnedSemaphorePermit {
        match self.0.await {
            Ok(permit) => permit,
            // The place was freed.
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
