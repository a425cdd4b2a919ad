//! Connections that delay, are cut, and swallow frames.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::client::{ClientId, Heard};
use super::environment::{Environment, Happening};
use crate::engine::{ConnectionId, Input, VerifyError};
use crate::frame::Frame;
use crate::protocol::{CloseCode, ErrorCode, ErrorReply, encode};
use crate::time::Monotonic;

/// How long a server waits for an answer to its ping, and a client for one to its attempt.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, as its client numbers it.
pub(super) type LinkName = (ClientId, u64);

/// One direction of a connection.
#[derive(Default)]
struct Way {
    /// The arrival of the last frame sent, which no later frame overtakes.
    last: Monotonic,
    /// Nothing arrives any more.
    is_dead: bool,
}

struct NetworkLink {
    name: LinkName,
    /// The node at the server's end, once the attempt has reached one.
    node: Option<usize>,
    heartbeat: Duration,
    /// Whether the link is open at the client.
    client_open: bool,
    /// Whether the link is open at the server.
    server_open: bool,
    up: Way,
    down: Way,
    /// Whether the server has paused reading. Arrived frames wait, bounded by the frames of a run.
    is_paused: bool,
    unread: VecDeque<Frame>,
}

/// The connections open at one side at least.
#[derive(Default)]
pub(super) struct Network {
    last: u64,
    links: BTreeMap<ConnectionId, NetworkLink>,
    names: BTreeMap<LinkName, ConnectionId>,
    /// Until when a client is without any network.
    tunnels: BTreeMap<ClientId, Monotonic>,
    /// The last node of each client.
    nodes: BTreeMap<ClientId, usize>,
}

impl Network {
    pub(super) fn heal(&mut self) {
        self.tunnels.clear();
    }

    fn established(&self) -> Vec<ConnectionId> {
        self.links.iter().filter(|(_, link)| link.server_open).map(|(conn, _)| *conn).collect()
    }
}

impl Environment {
    /// A client tries to connect.
    pub(super) fn attempt(&mut self, name: LinkName, token: &str, heartbeat: Duration) {
        self.activity += 1;
        self.network.last += 1;
        let conn = ConnectionId(self.network.last);
        let (up, down) = (Way::default(), Way::default());
        let (is_paused, unread) = (false, VecDeque::new());
        let link = NetworkLink {
            name,
            node: None,
            heartbeat,
            client_open: true,
            server_open: false,
            up,
            down,
            is_paused,
            unread,
        };
        self.network.links.insert(conn, link);
        self.network.names.insert(name, conn);
        let pause = self.latency();
        let is_offline = self.network.tunnels.get(&name.0).is_some_and(|end| *end > self.now.monotonic);
        if is_offline || self.mishap(self.faults.failed_attempts) {
            self.later(pause, Happening::ClientHears(conn, "there is no network"));
        } else if self.mishap(self.faults.hanging_attempts) {
            self.later(heartbeat, Happening::ClientHears(conn, "nobody has answered"));
        } else {
            self.later(pause, Happening::Reaches { conn, token: token.to_owned() });
        }
    }

    fn latency(&mut self) -> Duration {
        self.random.span(self.faults.latency.clone())
    }

    /// An attempt has reached the server, which judges the token as a real one does.
    pub(super) fn reaches(&mut self, conn: ConnectionId, token: &str) {
        if !self.network.links.contains_key(&conn) {
            return;
        }
        let Some(node) = self.any_node() else {
            return self.client_hears_in_order(conn, "the server is down");
        };
        let leeway = self.server.leeway();
        self.travels(conn, false, Happening::Stands);
        match self.tokens.verify(token, self.now_at(node).wall, leeway) {
            Ok(claims) => {
                self.opens(conn, node);
                let user = claims.user.id.clone();
                self.input(node, Input::Connected { conn, claims });
                self.deactivate_while_connecting(user);
                if self.mishap(self.faults.stillborn) {
                    self.cut(conn);
                }
            }
            Err(VerifyError::Expired) => self.refuse(conn, ErrorCode::TokenExpired, CloseCode::TokenExpired),
            Err(VerifyError::Invalid) => {
                self.refuse(conn, ErrorCode::NotAuthenticated, CloseCode::NotAuthenticated);
            }
        }
    }

    /// A connection to a node is open at the server's end.
    fn opens(&mut self, conn: ConnectionId, node: usize) {
        let Some(link) = self.network.links.get_mut(&conn) else { return };
        (link.server_open, link.node) = (true, Some(node));
        let before = self.network.nodes.insert(link.name.0, node);
        self.server.counters.moved += u64::from(before.is_some_and(|before| before != node));
    }

    /// Gives the node of a connection an input.
    fn input_of(&mut self, conn: ConnectionId, input: Input) {
        if let Some(node) = self.network.links.get(&conn).and_then(|link| link.node) {
            self.input(node, input);
        }
    }

    fn refuse(&mut self, conn: ConnectionId, error: ErrorCode, code: CloseCode) {
        self.counters.expired_tokens += u64::from(code == CloseCode::TokenExpired);
        let error = encode(&ErrorReply::event(error.into()));
        self.server_sends(conn, Frame::Text(error));
        self.server_leaves(conn, code);
    }

    /// Sends something behind everything already in transit. A dead direction loses all frames.
    fn travels(&mut self, conn: ConnectionId, up: bool, what: impl FnOnce(ConnectionId) -> Happening) {
        let pause = self.latency();
        let Some(link) = self.network.links.get_mut(&conn) else { return };
        let way = if up { &mut link.up } else { &mut link.down };
        if way.is_dead {
            return self.counters.lost_frames += 1;
        }
        way.last = way.last.max(self.now.monotonic.plus(pause));
        self.schedule.put(way.last, what(conn));
    }

    pub(super) fn client_sends(&mut self, name: LinkName, frame: Bytes) {
        self.activity += 1;
        if let Some(conn) = self.network.names.get(&name).copied() {
            self.travels(conn, true, |conn| Happening::Arrives { conn, up: true, frame: Frame::Text(frame) });
        }
    }

    pub(super) fn server_sends(&mut self, conn: ConnectionId, frame: Frame) {
        self.travels(conn, false, |conn| Happening::Arrives { conn, up: false, frame });
    }

    pub(super) fn stands(&mut self, conn: ConnectionId) -> Option<(ClientId, Heard)> {
        let (client, link) = self.for_client(conn)?;
        Some((client, Heard::Opened { link }))
    }

    pub(super) fn arrives_at_client(
        &mut self,
        conn: ConnectionId,
        frame: Frame,
    ) -> Option<(ClientId, Heard)> {
        let (client, link) = self.for_client(conn)?;
        Some((client, Heard::Frame { link, frame }))
    }

    /// The client at the end of a connection, if frames still reach it.
    fn for_client(&mut self, conn: ConnectionId) -> Option<LinkName> {
        let link = self.network.links.get(&conn).filter(|link| link.client_open)?;
        self.counters.lost_frames += u64::from(link.down.is_dead);
        (!link.down.is_dead).then_some(link.name)
    }

    pub(super) fn arrives_at_server(&mut self, conn: ConnectionId, frame: Frame) {
        let Some(link) = self.network.links.get_mut(&conn).filter(|link| link.server_open) else { return };
        if link.up.is_dead {
            return self.counters.lost_frames += 1;
        }
        link.unread.push_back(frame);
        self.read(conn);
    }

    /// Reads arrived frames, as long as the engine has not paused the connection.
    pub(super) fn read(&mut self, conn: ConnectionId) {
        while let Some(link) = self.network.links.get_mut(&conn).filter(|link| !link.is_paused)
            && let Some(frame) = link.unread.pop_front()
        {
            self.input_of(conn, Input::Frame { conn, frame });
        }
    }

    pub(super) fn set_paused(&mut self, conn: ConnectionId, is_paused: bool) {
        if let Some(link) = self.network.links.get_mut(&conn) {
            link.is_paused = is_paused;
        }
        if !is_paused {
            self.later(Duration::ZERO, Happening::Reads(conn));
        }
    }

    /// Closes a connection at the client's end.
    pub(super) fn client_leaves(&mut self, name: LinkName) {
        let Some(conn) = self.network.names.remove(&name) else { return };
        let Some(link) = self.network.links.get_mut(&conn) else { return };
        link.client_open = false;
        let (is_over, in_vain, pause) = (!link.server_open, link.up.is_dead, link.heartbeat + PATIENCE);
        match (is_over, in_vain) {
            (true, _) => drop(self.network.links.remove(&conn)),
            (false, true) => self.later(pause, Happening::ServerHears(conn)),
            (false, false) => self.travels(conn, true, Happening::ServerHears),
        }
    }

    pub(super) fn client_hears_the_end(
        &mut self,
        conn: ConnectionId,
        reason: &'static str,
    ) -> Option<(ClientId, Heard)> {
        let name = self.network.links.get(&conn).filter(|link| link.client_open)?.name;
        self.client_leaves(name);
        Some((name.0, Heard::Lost { link: name.1, reason }))
    }

    pub(super) fn server_hears_the_end(&mut self, conn: ConnectionId) {
        let Some(link) = self.network.links.get_mut(&conn).filter(|link| link.server_open) else { return };
        link.server_open = false;
        self.input_of(conn, Input::Closed { conn });
        self.server_leaves(conn, CloseCode::NoSignOfLife);
    }

    /// The server ends a connection: the client hears the code, unless nothing reaches it any more.
    pub(super) fn server_leaves(&mut self, conn: ConnectionId, code: CloseCode) {
        let Some(link) = self.network.links.get_mut(&conn) else { return };
        link.server_open = false;
        if !link.client_open {
            self.network.links.remove(&conn);
            return;
        }
        self.server_sends(conn, Frame::Close(code));
        self.client_hears_in_order(conn, "the server has closed the connection");
    }

    /// Tells the client of the end after all frames in transit to it, or by its heartbeat in a dead
    /// direction.
    fn client_hears_in_order(&mut self, conn: ConnectionId, reason: &'static str) {
        match self.network.links.get(&conn).filter(|link| link.down.is_dead).map(|link| link.heartbeat) {
            Some(pause) => self.later(pause, Happening::ClientHears(conn, reason)),
            None => self.travels(conn, false, |conn| Happening::ClientHears(conn, reason)),
        }
    }

    /// Ends every connection of a crashed node. Frames in transit may still arrive, or not.
    pub(super) fn server_is_gone(&mut self, node: usize) {
        let mut gone = self.network.established();
        gone.retain(|conn| self.network.links[conn].node == Some(node));
        for conn in gone {
            let is_dead = self.random.percent(30);
            if let Some(link) = self.network.links.get_mut(&conn) {
                link.server_open = false;
                (link.up.is_dead, link.down.is_dead) = (true, link.down.is_dead || is_dead);
                if link.client_open {
                    self.client_hears_in_order(conn, "the server is gone");
                } else {
                    drop(self.network.links.remove(&conn));
                }
            }
        }
    }

    /// Cuts one of the connections that stand; its client may be without any network for a while.
    pub(super) fn cut_any(&mut self) {
        let Some(conn) = self.random.pick(&self.network.established()).copied() else { return };
        if let Some(client) = self.network.links.get(&conn).map(|link| link.name.0)
            && self.random.percent(50)
        {
            let end = self.now.monotonic.plus(self.random.span(self.faults.tunnel.clone()));
            self.network.tunnels.insert(client, end);
        }
        self.cut(conn);
    }

    fn cut(&mut self, conn: ConnectionId) {
        self.counters.cuts += 1;
        self.note(|| format!("{conn:?} is cut"));
        self.kill(conn, true, true);
        let (client_at_once, server_at_once) = (self.random.percent(60), self.random.percent(50));
        if client_at_once {
            self.later(Duration::ZERO, Happening::ClientHears(conn, "the connection was cut"));
        }
        if server_at_once {
            self.later(Duration::ZERO, Happening::ServerHears(conn));
        }
    }

    /// Has one of the connections swallow frames from now on.
    pub(super) fn swallow_any(&mut self) {
        let Some(conn) = self.random.pick(&self.network.established()).copied() else { return };
        self.counters.black_holes += 1;
        let (up, down) =
            *self.random.pick(&[(true, true), (true, false), (false, true)]).unwrap_or(&(true, true));
        self.note(|| format!("{conn:?} swallows, up {up}, down {down}"));
        self.kill(conn, up, down);
    }

    /// Kills directions of a connection. A side that hears nothing detects this by its heartbeat.
    fn kill(&mut self, conn: ConnectionId, up: bool, down: bool) {
        let Some(link) = self.network.links.get_mut(&conn) else { return };
        let heartbeat = link.heartbeat;
        link.up.is_dead |= up;
        link.down.is_dead |= down;
        if up {
            self.later(heartbeat + PATIENCE, Happening::ServerHears(conn));
        }
        if down {
            self.later(heartbeat, Happening::ClientHears(conn, "no sign of life"));
        }
    }
}
