//! The trail of a running server.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::engine::{ConnectionId, Handled};
use chat_core::id::UserId;
use chat_core::protocol::{ErrorCode, EventType, Role};
use chat_core::time::Monotonic;
use tracing::debug;

use super::allowance::Allowance;
use super::file::LineFiles;
use super::line::{AuditKind, AuditLine};
use super::queue::AuditQueue;
use crate::clock::{self, SystemClock};
use crate::logging;
use crate::version;

/// Lines of one connection about refusals and repeats: at once, and the time for one more. A client
/// causes them without being charged for storage.
const OF_CONNECTION: (u32, Duration) = (60, Duration::from_secs(10));

/// Lines about clients that are not let in, of all addresses together.
const OF_STRANGERS: (u32, Duration) = (300, Duration::from_millis(500));

/// The requests that change the work on a conversation, end an emergency, or change an order.
const WORK: [EventType; 9] = [
    EventType::TakeConversation,
    EventType::ReleaseConversation,
    EventType::TransferConversation,
    EventType::ResolveConversation,
    EventType::ReopenConversation,
    EventType::EndEmergency,
    EventType::WithdrawEmergency,
    EventType::AnswerMessage,
    EventType::WithdrawOrder,
];

/// The trail. Cheap to clone. The default writes nothing.
#[derive(Clone, Default)]
pub(crate) struct AuditTrail {
    inner: Option<Arc<TrailInner>>,
}

struct TrailInner {
    queue: AuditQueue,
    clock: SystemClock,
    /// Open connections. Bounded by `--max-connections`.
    peers: Mutex<HashMap<ConnectionId, Peer>>,
    strangers: Mutex<Allowance>,
}

/// The client of a connection.
struct Peer {
    address: IpAddr,
    since: Monotonic,
    allowance: Allowance,
}

impl AuditTrail {
    /// Starts the trail of a data directory, of at most this many bytes. Zero writes nothing.
    ///
    /// # Errors
    ///
    /// If the system has no thread.
    pub(crate) fn start(data_dir: &Path, bytes: u64, clock: SystemClock) -> io::Result<Self> {
        if bytes == 0 {
            return Ok(Self { inner: None });
        }
        let (most, every) = OF_STRANGERS;
        let inner = TrailInner {
            queue: AuditQueue::start(LineFiles::new(data_dir, bytes))?,
            clock,
            peers: Mutex::default(),
            strangers: Mutex::new(Allowance::new(most, every, clock.monotonic())),
        };
        let trail = Self { inner: Some(Arc::new(inner)) };
        trail.push(AuditLine {
            what: AuditKind::Started,
            detail: Some(version::PROGRAM.into()),
            ..AuditLine::default()
        });
        Ok(trail)
    }

    /// Notes a new connection. Must come before the connection's first request.
    pub(crate) fn connected(
        &self,
        conn: ConnectionId,
        user: UserId,
        role: Role,
        address: IpAddr,
    ) -> AuditedConnection {
        let (name, role) = (user.as_str(), role.as_str());
        debug!(connection = conn.0, user = name, role, %address, "connection opened");
        if let Some(inner) = &self.inner {
            let (since, (most, every)) = (inner.clock.monotonic(), OF_CONNECTION);
            let allowance = Allowance::new(most, every, since);
            inner.peers().insert(conn, Peer { address, since, allowance });
        }
        self.push(AuditLine {
            what: AuditKind::Connected,
            connection: Some(conn.0),
            user: Some(name.into()),
            role: Some(role.into()),
            address: Some(address),
            ..AuditLine::default()
        });
        AuditedConnection { trail: self.clone(), conn, user, is_ended: false }
    }

    /// Notes a client that was not let in, with the close code, and the user if the token's
    /// signature is good.
    pub(crate) fn not_connected(&self, user: Option<&UserId>, address: IpAddr, code: u16) {
        debug!(user = user.map(UserId::as_str), %address, code, "connection refused");
        let Some(inner) = &self.inner else { return };
        let mut strangers = inner.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left_out) = strangers.take(inner.clock.monotonic()) else { return };
        drop(strangers);
        self.push(AuditLine {
            what: AuditKind::NotConnected,
            user: user.map(|user| user.as_str().into()),
            address: Some(address),
            code: Some(code.to_string().into()),
            left_out,
            ..AuditLine::default()
        });
    }

    fn ended(&self, conn: ConnectionId, user: &UserId, cause: &str) {
        debug!(connection = conn.0, user = user.as_str(), cause, "connection ended");
        let Some(inner) = &self.inner else { return };
        let Some(Peer { address, since, mut allowance }) = inner.peers().remove(&conn) else { return };
        self.push(AuditLine {
            what: AuditKind::Ended,
            connection: Some(conn.0),
            user: Some(user.as_str().into()),
            address: Some(address),
            code: Some(cause.into()),
            seconds: Some(inner.clock.monotonic().since(since).as_secs()),
            left_out: allowance.take_left_out(),
            ..AuditLine::default()
        });
    }

    /// Notes a message, a change of the work or a refusal. Other requests have no line.
    pub(crate) fn handled(&self, handled: &Handled) {
        logging::handled(handled, || self.address(handled.conn));
        let Some(inner) = &self.inner else { return };
        let what = match (handled.code, handled.event) {
            (Some(_), _) => AuditKind::Refused,
            (None, Some(EventType::SendChatMessage | EventType::AddNote)) => AuditKind::Message,
            (None, Some(EventType::CreateSupportConversation | EventType::StartConversation)) => {
                AuditKind::Conversation
            }
            (None, Some(event)) if WORK.contains(&event) => AuditKind::Work,
            (None, _) => return,
        };
        let is_bounded = what == AuditKind::Refused || handled.is_repeat;
        let Some((address, left_out)) = inner.allow(handled.conn, is_bounded) else { return };
        self.push(AuditLine { address, left_out, ..line_of(what, handled) });
    }

    /// Lines that are in no file, because the disk did not take them.
    pub(crate) fn dropped(&self) -> u64 {
        self.inner.as_ref().map_or(0, |inner| inner.queue.dropped())
    }

    /// Notes the stop of the server, and waits a bounded time until all lines are written. Blocks.
    pub(crate) fn close(&self) {
        let Some(inner) = &self.inner else { return };
        self.push(AuditLine { what: AuditKind::Stopped, ..AuditLine::default() });
        inner.queue.flush();
    }

    /// The address of an open connection.
    fn address(&self, conn: ConnectionId) -> Option<IpAddr> {
        self.inner.as_ref()?.peers().get(&conn).map(|peer| peer.address)
    }

    fn push(&self, line: AuditLine<'_>) {
        if let Some(inner) = &self.inner {
            inner.queue.push(&AuditLine { at: clock::wall(), ..line });
        }
    }
}

/// A connection in the trail, which notes its end when dropped.
pub(crate) struct AuditedConnection {
    trail: AuditTrail,
    conn: ConnectionId,
    user: UserId,
    is_ended: bool,
}

impl AuditedConnection {
    /// Notes the end, by the close code or the cause.
    pub(crate) fn ended(mut self, cause: &str) {
        self.is_ended = true;
        self.trail.ended(self.conn, &self.user, cause);
    }
}

impl Drop for AuditedConnection {
    fn drop(&mut self) {
        if !self.is_ended {
            self.trail.ended(self.conn, &self.user, "broken");
        }
    }
}

impl TrailInner {
    fn peers(&self) -> MutexGuard<'_, HashMap<ConnectionId, Peer>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The address of the connection and the number of lines left out, if a line may be written.
    fn allow(&self, conn: ConnectionId, is_bounded: bool) -> Option<(Option<IpAddr>, u64)> {
        let mut peers = self.peers();
        let Some(peer) = peers.get_mut(&conn) else { return Some((None, 0)) };
        let left_out = if is_bounded { peer.allowance.take(self.clock.monotonic())? } else { 0 };
        Some((Some(peer.address), left_out))
    }
}

fn line_of(what: AuditKind, handled: &Handled) -> AuditLine<'_> {
    let Handled { conn, user, event, ids, message, is_repeat, code, .. } = handled;
    let is_named = matches!(what, AuditKind::Refused | AuditKind::Work);
    let request = event.filter(|_| is_named);
    AuditLine {
        what,
        connection: Some(conn.0),
        user: Some(user.as_str().into()),
        request: request.map(|event| event.as_str().into()),
        code: code.map(ErrorCode::as_str).map(Cow::Borrowed),
        conversation: ids.conversation.as_ref().map(|id| id.as_str().into()),
        message: message.as_ref().map(|(id, _)| id.as_str().into()),
        seq: message.as_ref().map(|(_, seq)| *seq),
        client_message_id: ids.client_message_id.as_ref().map(|id| id.as_str().into()),
        repeat: *is_repeat,
        ..AuditLine::default()
    }
}
