//! The path of a request: decode, wait for its turn, charge the rate, check the role, load missing
//! facts, check membership, decide, check the headroom, charge the budget, commit, reply.

use super::connection::{RequestLabel, Stage};
use super::io::ConnectionId;
use super::load::PendingCall;
use super::origin::Origin;
use super::pending_request::{Blocked, HandlerContext, HandlerResult, Operation, PendingRequest, Step};
use super::weight::Weight;
use super::{Class, Engine, Handled, Output, command, handler};
use crate::frame::Frame;
use crate::permission;
use crate::protocol::{
    Done, Error, ErrorCode, ErrorReply, JoinSupportRoomReply, Reply, Request, Undecodable,
};
use crate::store::Query;

impl Engine {
    /// Decodes a client's frame at once; the request is decided in its turn. Frames on a closing
    /// connection are ignored; otherwise a busy client could delay shutdown for ever.
    pub(super) fn frame(&mut self, conn: ConnectionId, frame: &Frame) {
        let Some(connection) =
            self.connections.get_mut(&conn).filter(|connection| connection.leaving.is_none())
        else {
            return;
        };
        connection.last_heard = self.now.monotonic;
        let decoded = match frame {
            Frame::Text(text) => Request::decode(text, &self.limits.fields),
            Frame::Binary(_) | Frame::Framed(_) => {
                let error = Error::with_detail(ErrorCode::InvalidFrame, "binary frames are not understood");
                Err(Undecodable::new(None, error))
            }
            Frame::Close(_) => return,
        };
        match decoded {
            Ok((request_id, request)) => {
                let (event, ids) = (Some(request.event_type()), request.ids(&self.limits.fields));
                let pending = PendingRequest::new(Operation::Request(request), connection.account.clone());
                let label = RequestLabel { event, request_id, ids, is_repeat: false };
                connection.push(label, Stage::Waiting(Box::new(pending)));
            }
            Err(undecodable) => self.answer_undecodable(conn, undecodable),
        }
        self.advance(conn);
    }

    /// Answers a frame that is no request with an error, and charges the user for it.
    fn answer_undecodable(&mut self, conn: ConnectionId, undecodable: Undecodable) {
        let Undecodable { request_id, event, ids, error } = undecodable;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let charged =
            self.rates.charge(&connection.account.user().id, || Weight::Request, self.now.monotonic);
        let error = charged.err().unwrap_or(error);
        let (user, code) = (connection.account.user().id.clone(), Some(error.code));
        let reply = Reply::Error(ErrorReply::reply(error)).encode(request_id.as_ref());
        connection.push(RequestLabel::default(), Stage::Done(Some(reply)));
        let (message, is_repeat) = (None, false);
        self.count_answer(Handled { conn, user, event, request_id, ids, message, is_repeat, code });
    }

    /// Decides every request of a connection whose turn has come, and sends every frame that may
    /// leave.
    pub(super) fn advance(&mut self, conn: ConnectionId) {
        loop {
            let Some(connection) = self.connections.get_mut(&conn) else { return };
            connection.release(|class, frame| {
                self.outputs.push_back(Output::Send { conns: vec![conn], class, frame });
            });
            if !connection.defers_events() {
                self.deferring.remove(&conn);
            }
            let Some((number, pending)) = connection.next_to_decide() else { break };
            self.proceed(&Origin::Request(conn, number), pending);
        }
        self.set_pace(conn);
    }

    /// Notes that a connection's reply queue is full, or has drained. A closing connection is not
    /// held up by unread replies.
    pub(super) fn backlog(&mut self, conn: ConnectionId, waits: bool) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.backlogged = waits && connection.leaving.is_none();
            self.advance(conn);
        }
    }

    pub(super) fn advance_origin(&mut self, origin: &Origin) {
        if let Origin::Request(conn, _) = origin {
            self.advance(*conn);
        }
    }

    /// Pauses a connection with too many pending requests, and closes a leaving one that has none.
    fn set_pace(&mut self, conn: ConnectionId) {
        let most = self.limits.engine.requests_under_way;
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let under_way = connection.under_way();
        if !connection.paused && under_way >= most {
            connection.paused = true;
            self.outputs.push_back(Output::Pause { conn });
        } else if connection.paused && under_way <= most / 2 {
            connection.paused = false;
            self.outputs.push_back(Output::Resume { conn });
        }
        if let Some(code) = connection.leaving.filter(|_| under_way == 0) {
            self.close(conn, code, None);
        }
    }

    /// Takes the next step of a request or command, unless an earlier one with the same key is
    /// pending.
    pub(super) fn proceed(&mut self, origin: &Origin, mut pending: Box<PendingRequest>) {
        if pending.key().is_some_and(|key| self.key_locks.wait(&key, origin)) {
            pending.clear_conversation();
            return self.park(origin, pending);
        }
        if let Some(query) = self.doubt(origin) {
            pending.clear_conversation();
            return self.load_for(origin, pending, query);
        }
        match self.step(&mut pending) {
            Ok(Step::Commit(change)) => self.submit(origin, pending, change),
            Ok(Step::Reply(reply)) => {
                if let Origin::Request(conn, number) = origin
                    && let Some(connection) = self.connections.get_mut(conn).filter(|_| pending.is_repeat)
                {
                    connection.mark_repeat(*number);
                }
                self.finish(origin, Ok(reply));
            }
            Ok(Step::JoinRoom(room)) => {
                if let Some(connection) = self.connection_of(origin).filter(|c| !c.rooms.contains(&room)) {
                    connection.rooms.push(room);
                }
                let reply = JoinSupportRoomReply::new(room, self.now.wall);
                self.finish(origin, Ok(Reply::JoinSupportRoom(reply)));
            }
            Ok(Step::Type(permit, is_typing)) => {
                self.finish(origin, Ok(Reply::Done(Done::default())));
                if let Origin::Request(conn, _) = origin {
                    self.type_in(*conn, permit.conversation(), is_typing);
                }
            }
            Ok(Step::Verify(token)) => {
                let ticket = self.calls.open(PendingCall { origin: origin.clone(), query: None, key: None });
                self.outputs.push_back(Output::Verify { ticket, token });
                self.park(origin, pending);
            }
            Err(Blocked::OnLoad(query)) => self.load_for(origin, pending, query),
            Err(Blocked::OnTurn) => self.proceed_in_turn(origin, pending),
            Err(Blocked::Rejected(error)) => self.finish(origin, Err(error)),
        }
    }

    /// Loads the facts that a request lacks.
    fn load_for(&mut self, origin: &Origin, pending: Box<PendingRequest>, query: Query) {
        if matches!(query, Query::Original { .. }) {
            self.slow_down(origin, &pending.account.user().id);
        }
        let catches_up = matches!(query, Query::Messages { .. }) && pending.catches_up();
        self.load_with_key(pending.key(), origin.clone(), query);
        if catches_up {
            self.defer_events(origin);
        }
        self.park(origin, pending);
    }

    /// Continues a request that had to wait. If an earlier request of its connection must be
    /// decided again first, the request starts anew in its turn.
    pub(super) fn resume_request(&mut self, origin: &Origin, mut pending: Box<PendingRequest>) {
        let is_overtaking = match origin {
            Origin::Request(conn, number) => {
                self.connections.get(conn).is_some_and(|connection| connection.has_undecided_before(*number))
            }
            _ => false,
        };
        if is_overtaking {
            pending.clear_facts();
            self.proceed_in_turn(origin, pending);
        } else {
            self.proceed(origin, pending);
        }
    }

    /// Decides a request anew when its turn on its connection comes, and a command at once.
    pub(super) fn proceed_in_turn(&mut self, origin: &Origin, pending: Box<PendingRequest>) {
        match origin {
            Origin::Request(conn, number) => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.set(*number, Stage::Waiting(pending));
                }
            }
            _ => self.proceed(origin, pending),
        }
    }

    /// Finds the next step of a request.
    ///
    /// A request that was accepted before must not be refused now, so a refusal first looks up
    /// whether the request is a repeat. The key is locked during the look-up. All earlier requests
    /// are answered by then, so the refusal leaves before another request is accepted under the
    /// key.
    fn step(&mut self, pending: &mut PendingRequest) -> HandlerResult {
        if pending.is_repeat {
            return self.repeat(pending);
        }
        let outcome = self.attempt(pending);
        let Err(Blocked::Rejected(error)) = outcome else {
            pending.clear_conversation();
            return outcome;
        };
        let Some(id) = pending.operation.client_message_id() else { return Err(Blocked::Rejected(error)) };
        match &pending.facts().original {
            None if !pending.last_resort => {
                pending.last_resort = true;
                Err(Blocked::OnTurn)
            }
            None => {
                let (user, client_message_id) = (pending.account.user().id.clone(), id.clone());
                Err(Blocked::OnLoad(Query::Original { user, client_message_id }))
            }
            Some(Some(original)) if handler::is_repeat(&pending.operation, original) => {
                pending.is_repeat = true;
                self.repeat(pending)
            }
            Some(Some(_)) if error.code != ErrorCode::RateLimited => {
                Err(ErrorCode::ClientMessageIdReused.into())
            }
            Some(_) => Err(Blocked::Rejected(error)),
        }
    }

    /// Answers a true repeat, free of charge.
    fn repeat(&mut self, pending: &PendingRequest) -> HandlerResult {
        let step = handler::repeat(&mut self.context(pending))?;
        self.refund(pending);
        Ok(step)
    }

    fn attempt(&mut self, pending: &mut PendingRequest) -> HandlerResult {
        let request = match &pending.operation {
            Operation::Command(command) => {
                let step = command::step(command, &mut self.context(pending))?;
                if let Step::Commit(change) = &step {
                    self.check_teams(change)?;
                    self.has_headroom(pending, change)?;
                }
                return Ok(step);
            }
            Operation::Request(request) => request,
        };
        let event = request.event_type();
        let (user, now) = (&pending.account.user().id, self.now.monotonic);
        let weight = || Weight::of(&pending.operation, user);
        let paced = pending.rate_check.get_or_insert_with(|| self.rates.charge(user, weight, now));
        paced.clone()?;
        permission::by_role(pending.account.user().role, event)?;
        let step = handler::step(request, &mut self.context(pending))?;
        if let Step::Commit(change) = &step {
            self.check_teams(change)?;
            self.has_headroom(pending, change)?;
            self.afford(pending, change)?;
        }
        Ok(step)
    }

    fn context<'a>(&'a mut self, pending: &'a PendingRequest) -> HandlerContext<'a> {
        HandlerContext {
            now: self.now,
            limits: &self.limits,
            epoch: &self.epoch,
            server: self.server.as_ref(),
            phrases: &self.phrases,
            teams: &*self.teams,
            directory: &self.directory,
            online: &self.online,
            cache: &mut self.cache,
            ids: &mut self.ids,
            emergency: pending.emergency.as_ref().or_else(|| self.emergencies.of(&pending.account.user().id)),
            joins_beyond: &mut self.joins_beyond,
            account: &pending.account,
            facts: pending.facts(),
        }
    }

    /// Parks a request while its load or token check is in flight.
    pub(super) fn park(&mut self, origin: &Origin, pending: Box<PendingRequest>) {
        self.keep(origin, pending, Stage::Loading);
    }

    /// Keeps a pending request in this stage.
    pub(super) fn keep(
        &mut self,
        origin: &Origin,
        pending: Box<PendingRequest>,
        stage: fn(Box<PendingRequest>) -> Stage,
    ) {
        match origin {
            Origin::Request(conn, number) => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.set(*number, stage(pending));
                }
            }
            Origin::Command(id) => drop(self.commands.insert(*id, pending)),
            Origin::Entry(_) | Origin::Engine => {}
        }
    }

    /// Removes a parked request, unless its connection is gone.
    pub(super) fn take(&mut self, origin: &Origin) -> Option<Box<PendingRequest>> {
        match origin {
            Origin::Request(conn, number) => self.connections.get_mut(conn)?.take(*number),
            Origin::Command(id) => self.commands.remove(id),
            Origin::Entry(_) | Origin::Engine => None,
        }
    }

    /// Answers a request or command. The reply leaves after the replies before it.
    pub(super) fn finish(&mut self, origin: &Origin, result: Result<Reply, Error>) {
        match origin {
            Origin::Request(conn, number) => self.finish_request(*conn, *number, result),
            Origin::Command(id) => {
                self.commands.remove(id);
                self.outputs.push_back(Output::Answer { id: *id, result });
            }
            Origin::Entry(_) | Origin::Engine => {}
        }
    }

    fn finish_request(&mut self, conn: ConnectionId, number: u64, result: Result<Reply, Error>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let Some(label) = connection.take_label(number) else { return };
        let code = result.as_ref().err().map(|error| error.code);
        let is_page = connection.asks_for_page(number) && result.is_ok();
        let reply = result.unwrap_or_else(|error| Reply::Error(ErrorReply::reply(error)));
        let frame = reply.encode(label.request_id.as_ref());
        let user = connection.account.user().id.clone();
        let handled = Handled::of(conn, user, label, &reply, code);
        if is_page {
            self.rates.charge_reply(&connection.account.user().id, frame.len(), self.now.monotonic);
        }
        connection.set(number, Stage::Done(Some(frame)));
        self.count_answer(handled);
    }

    /// The connection of a request.
    pub(super) fn connection_of(&mut self, origin: &Origin) -> Option<&mut super::Connection> {
        match origin {
            Origin::Request(conn, _) => self.connections.get_mut(conn),
            _ => None,
        }
    }

    /// Sends an error that answers no request, before a connection is closed.
    pub(super) fn send_error(&mut self, conn: ConnectionId, error: Error) {
        let frame = crate::protocol::encode(&ErrorReply::event(error));
        self.outputs.push_back(Output::Send { conns: vec![conn], class: Class::Message, frame });
    }
}
