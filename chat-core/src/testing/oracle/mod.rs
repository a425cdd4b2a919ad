//! The promises P1 to P8, checked from outside at each event.
//!
//! An [`Oracle`] sees every frame at the server's end of each connection, and the store's content
//! after each change. Several servers may share the store; each life of a server has a number. The oracle knows the protocol's JSON and the [exported data](crate::export),
//! and nothing of the engine, of permissions or of how a store works. Callers must report every
//! event, in order.
//!
//! - P1: everything said by a reply, a row of a list or an event is stored at that moment, and is
//!   still stored after a crash.
//! - P2: a `client_message_id` is acknowledged with one result, and stored once.
//! - P3: stored numbers have no holes and times never fall. Numbers rise in the order of a
//!   connection's requests, and each connection hears rising numbers.
//! - P4: no number due to a connection is left out, live and between a catch-up and the live
//!   messages after it. An open connection of control hears of each emergency, and no connection
//!   outlives its user's change between control and the field. A walk through a list leaves nothing
//!   out.
//! - P5: only participants hear of a conversation: members by name, and users of its teams. Only
//!   those in control hear of notes. Unknown and forbidden conversations are refused with the same
//!   bytes. A deactivated user says nothing.
//! - P6: each request has one reply, in order. The reply comes before the sender's own broadcast,
//!   and reads see writes.
//! - P7: requests under way, connections, pages, rates and budgets stay within the
//!   [limits](crate::limits), and no legal request ends its connection.
//! - P8: a conversation has at most one assignee. Each change of the work is one that its user may
//!   make, and was decided on the work before it. A losing user is told the work as it is. A list
//!   by work has all that belongs to it. An emergency belongs to whoever has the conversation, and
//!   ends once. While nobody has it, control is alerted again and again. A user has one at most. An
//!   order ends once for each person who was asked: answered, overdue or withdrawn.
//!
//! Each [simulation](crate::testing::simulation) and each [watched](crate::testing::World::watch)
//! [world](crate::testing::World) has an oracle at work throughout.

mod asked;
mod at_rest;
mod checked;
mod emergency;
mod emergency_life;
mod link;
mod list;
mod live;
mod order_life;
mod part;
mod positions;
mod rates;
mod reply;
mod room;
mod server;
mod stored;
mod work;
mod work_list;

use std::collections::BTreeMap;
use std::fmt;

use asked::Asks;
pub use checked::Checked;
use emergency::Emergencies;
use link::Link;
use part::NOTES;
pub use room::Room;
use serde_json::Value;
use server::ServerLife;
use stored::Stored;

use crate::export::Export;
use crate::limits::Limits;
use crate::protocol::{CloseCode, EventType, RoomType, ServerEventType};
use crate::time::Monotonic;

/// A promise that does not hold.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{promise}: {what}")]
pub struct PromiseError {
    /// The promise's name, `P1` to `P8`.
    pub promise: &'static str,
    /// A description of the evidence.
    pub what: String,
}

impl From<PromiseError> for String {
    fn from(broken: PromiseError) -> Self {
        broken.to_string()
    }
}

/// Returns an error with the promise's name and the evidence unless `holds`.
fn must(holds: bool, promise: &'static str, what: impl FnOnce() -> String) -> Result<(), PromiseError> {
    if holds { Ok(()) } else { Err(PromiseError { promise, what: what() }) }
}

/// Whether a frame names a conversation of notes anywhere.
fn names_notes(frame: &Value) -> bool {
    match frame {
        Value::String(text) => text.starts_with(NOTES),
        Value::Array(items) => items.iter().any(names_notes),
        Value::Object(fields) => fields.values().any(names_notes),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// The first acknowledged request under a `client_message_id`.
struct FirstReply {
    id: String,
    /// The `data` of the request.
    data: Value,
    reply: Value,
}

/// An observer of all events that reports the first broken promise. See the [module](self).
pub struct Oracle {
    limits: Limits,
    servers: BTreeMap<u64, ServerLife>,
    links: BTreeMap<u64, Link>,
    stored: Stored,
    asks: Asks,
    emergencies: Emergencies,
    /// By user and `client_message_id`.
    kept: BTreeMap<(String, String), FirstReply>,
    /// The highest number that each user was told to have read, by conversation and user.
    read: BTreeMap<(String, String), u64>,
    /// The refusal of a conversation, by the kind of request.
    refusals: BTreeMap<&'static str, Value>,
    checked: Checked,
    /// The time of the last look at the store.
    now: Monotonic,
}

impl fmt::Debug for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Oracle").field("checked", &self.checked).finish_non_exhaustive()
    }
}

impl Oracle {
    /// An oracle before the first event, over this store.
    pub fn new(limits: Limits, store: &Export) -> Self {
        Self {
            limits,
            servers: BTreeMap::new(),
            links: BTreeMap::new(),
            stored: Stored::of(store),
            asks: Asks::default(),
            emergencies: Emergencies::default(),
            kept: BTreeMap::new(),
            read: BTreeMap::new(),
            refusals: BTreeMap::new(),
            checked: Checked::default(),
            now: Monotonic::default(),
        }
    }

    /// The time of the last look at the store.
    pub fn last_look(&self) -> Monotonic {
        self.now
    }

    /// How often each promise could have been broken so far.
    pub fn checked(&self) -> Checked {
        self.checked
    }

    /// Records a new connection of an authenticated user to a server. `is_control` is whether the
    /// token names a control role.
    ///
    /// # Errors
    ///
    /// P7, if the user already has more than twice `connections_per_user` at this server: one share
    /// for admitted connections, one for those being admitted.
    pub fn opened(
        &mut self,
        server: u64,
        conn: u64,
        user: &str,
        is_control: bool,
    ) -> Result<(), PromiseError> {
        let most = 2 * self.limits.engine.connections_per_user;
        let has = self.links.values().filter(|link| link.is_of(user, server)).count();
        must(has <= most, "P7", || format!("{user} has {has} connections of {most}"))?;
        let mut link = Link::new(server, user, is_control, self.stored.last_numbers());
        link.is_past = self.server(server).is_past;
        self.links.insert(conn, link);
        Ok(())
    }

    /// Records a frame read by the server.
    ///
    /// # Errors
    ///
    /// P7, if the connection has more than `requests_under_way` unanswered requests.
    pub fn asked(&mut self, conn: u64, frame: &str, store: &Export) -> Result<(), PromiseError> {
        let most = self.limits.engine.requests_under_way;
        let control = self.links.iter().filter(|(_, link)| link.is_control).map(|(conn, _)| *conn);
        let control: Vec<_> = control.collect();
        let Some(link) = self.links.get_mut(&conn).filter(|link| !link.is_past) else { return Ok(()) };
        let server = self.servers.entry(link.server).or_default();
        let mut asked = self.asks.note(&link.user, frame, server.room);
        self.emergencies.asked(&link.user, &asked, control.into_iter());
        if asked.is_list() {
            asked.stood = list::standing(&link.user, store);
        }
        asked.is_own_emergency = match asked.conversation() {
            Some(id) => {
                asked.kind == Some(EventType::SendChatMessage) && self.stored.is_emergency_of(id, &link.user)
            }
            None => asked.data["room_type"] == RoomType::EmergencySupport.as_str(),
        };
        server.charged.asked(&link.user, &asked);
        asked.last = asked.conversation().map_or(0, |id| self.stored.last(id));
        asked.look = server.knows.unwrap_or(self.stored.looks());
        link.pending.push_back(asked);
        let under_way = link.pending.len();
        must(under_way <= most, "P7", || format!("connection {conn} has {under_way} requests under way"))
    }

    /// Checks a frame written to these connections against the store's current content.
    ///
    /// # Errors
    ///
    /// Any promise.
    pub fn told(&mut self, conns: &[u64], frame: &[u8], store: &Export) -> Result<(), PromiseError> {
        let frame: Value = serde_json::from_slice(frame).map_err(|wrong| PromiseError {
            promise: "P6",
            what: format!("a frame that is no JSON: {wrong}"),
        })?;
        let is_of_notes = names_notes(&frame);
        for conn in conns {
            let known = self.links.contains_key(conn);
            must(known, "P6", || format!("connection {conn} has ended, and hears {frame}"))?;
            if self.links.get(conn).is_some_and(|link| link.is_past) {
                continue;
            }
            must(!is_of_notes || self.is_control(*conn), "P5", || {
                format!("connection {conn} is in the field, and is told {frame} about notes")
            })?;
            if frame["type"] != "error" {
                self.admitted(*conn)?;
            }
            let Some(kind) = frame["type"].as_str() else {
                self.replied(*conn, &frame, store)?;
                continue;
            };
            match ServerEventType::named(kind) {
                Some(ServerEventType::NewMessage) => self.heard(*conn, &frame, store)?,
                Some(ServerEventType::NewSupportConversation) => {
                    self.allowed(*conn, kind, &frame)?;
                    let id = frame["conversation_id"].as_str().unwrap_or_default();
                    self.checked.emergencies += u64::from(self.emergencies.heard(*conn, id));
                }
                Some(ServerEventType::MessageRead) => {
                    self.allowed(*conn, kind, &frame)?;
                    self.heard_reading(*conn, &frame);
                }
                Some(
                    ServerEventType::TypingStatus
                    | ServerEventType::ReadPosition
                    | ServerEventType::OrderOverdue,
                ) => self.allowed(*conn, kind, &frame)?,
                Some(ServerEventType::Error) => {}
                None => must(false, "P6", || format!("{frame} is an event that the protocol does not have"))?,
            }
        }
        Ok(())
    }

    fn is_control(&self, conn: u64) -> bool {
        self.links.get(&conn).is_some_and(|link| link.is_control)
    }

    /// P7: a connection counts as admitted once it hears anything but an error. A user has at most
    /// `connections_per_user` admitted connections.
    fn admitted(&mut self, conn: u64) -> Result<(), PromiseError> {
        let Some(link) = self.links.get_mut(&conn).filter(|link| !link.is_admitted) else { return Ok(()) };
        link.is_admitted = true;
        let (user, server) = (link.user.clone(), link.server);
        let most = self.limits.engine.connections_per_user;
        let own = self.links.values().filter(|link| link.is_of(&user, server));
        let has = own.filter(|link| link.is_admitted).count();
        must(has <= most, "P7", || format!("{user} has {has} admitted connections of {most}"))
    }

    /// Records the end of a connection. `code` is the server's reason, if the server closed the
    /// connection.
    ///
    /// # Errors
    ///
    /// P7, if the server had no legal reason.
    pub fn ended(&mut self, conn: u64, code: Option<CloseCode>) -> Result<(), PromiseError> {
        let Some(link) = self.links.remove(&conn) else { return Ok(()) };
        self.emergencies.ended(conn);
        let others = self.links.values().filter(|other| other.is_of(&link.user, link.server)).count();
        let is_legal = match code {
            Some(CloseCode::Replaced) => others + 1 >= self.limits.engine.connections_per_user,
            Some(
                CloseCode::Normal
                | CloseCode::InvalidUtf8
                | CloseCode::FrameTooLong
                | CloseCode::NotAuthenticated,
            ) => false,
            _ => true,
        };
        must(is_legal, "P7", || format!("connection {conn} of {} is closed with {code:?}", link.user))
    }

    /// Checks the store after a commit of a server. `is_told` is whether the server learns the
    /// outcome, at the latest from the history of a shared store. Otherwise the server can tell
    /// nobody.
    ///
    /// # Errors
    ///
    /// P2 and P3. P5, if a user who takes no part, for example a deactivated one, says something.
    /// P7, if a user says more than the rates allow.
    pub fn stored(
        &mut self,
        server: u64,
        store: &Export,
        is_told: bool,
        now: Monotonic,
    ) -> Result<(), PromiseError> {
        self.now = now;
        if is_told {
            self.emergencies.stored(store, &self.stored, |conn| self.links.contains_key(&conn));
        }
        let (said, by_server) = self.stored.note(store, is_told, now)?;
        self.checked.alerts += by_server.alerts;
        self.checked.orders_expired += by_server.expiries;
        for (user, content) in said {
            let (stored, asked) = (self.stored.said(&user, &content), self.asks.most(&user, &content));
            must(stored <= asked, "P2", || format!("{content:?} of {user} is stored {stored} times"))?;
            let server = self.servers.entry(server).or_default();
            server.said.note(&user, &content, &self.limits, now)?;
        }
        Ok(())
    }
}
