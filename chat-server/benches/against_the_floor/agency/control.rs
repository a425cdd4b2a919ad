//! The control users of an agency: their lists, and the storm when all of them reconnect.

use std::io;
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::protocol::{
    GetActiveConversations, GetActiveConversationsReply, ParticipantList, Request, User,
};

use crate::clients::Clients;
use crate::frame::{self, Numbered};
use crate::process::{Part, Server};
use crate::stage::{TIMEOUT, wait_for, wait_open};
use crate::swarm::{Incoming, Swarm};
use crate::users::listener;

/// The conversations that a console asks for first.
pub(super) const FIRST: usize = 20;

/// The conversations of the measured page.
pub(super) const PAGE: usize = 50;

/// Control users that each ask for their first conversations.
pub(super) struct Consoles {
    clients: Clients,
    /// A part of each reply that has all wanted conversations.
    count: String,
}

impl Consoles {
    /// Returns users without connections. `stored` is the number of stored conversations.
    pub(super) fn new(server: &Server, users: impl Iterator<Item = User>, stored: usize) -> io::Result<Self> {
        let openings: Vec<_> = users.map(|user| server.opening(&user, Part::Listener)).collect();
        let requests = vec![list(FIRST); openings.len()];
        let count = format!("\"count\":{},", FIRST.min(stored));
        Ok(Self { clients: Clients::new(openings, requests)?, count })
    }

    /// Connects all users gradually, without their requests.
    pub(super) fn connect(&mut self, server: &Server) -> io::Result<()> {
        self.clients.connect(server)
    }

    /// Returns the time of [`reconnect`](Self::reconnect). A failure counts as the longest time.
    pub(super) fn time(&mut self, server: &Server) -> Duration {
        self.reconnect(server).unwrap_or_else(|error| {
            eprintln!("not all control users have their first conversations: {error}");
            TIMEOUT
        })
    }

    /// Cuts all connections and opens all of them again at once. Returns the time until all users
    /// have their first conversations.
    pub(super) fn reconnect(&mut self, server: &Server) -> io::Result<Duration> {
        let Self { clients, count } = self;
        clients.reconnect(server, |reply| reply.windows(count.len()).any(|window| window == count.as_bytes()))
    }

    /// Reads all events for `time`.
    pub(super) fn listen(&mut self, time: Duration) -> io::Result<()> {
        self.clients.listen(time)
    }
}

/// Has control users write into these conversations, and returns the bytes of a brief page of
/// them.
pub(super) fn page_bytes(
    server: &Server,
    control: usize,
    conversations: &[ConversationId],
    first_message: usize,
) -> io::Result<usize> {
    let (senders, mut swarm) = (control.min(PAGE), Swarm::new()?);
    for number in 0..senders {
        swarm.connect(server.address(), server.opening(&listener(number), Part::Listener))?;
    }
    wait_open(&mut swarm, senders)?;
    for (number, conversation) in conversations.iter().enumerate() {
        let mut message = Numbered::message(conversation);
        swarm.peers.send(number % senders, message.with((first_message + number) as u64))?;
    }
    wait_for(&mut swarm, conversations.len(), |_, heard| Ok(matches!(heard, Incoming::Reply(_))))?;
    swarm.peers.send(0, &list(PAGE))?;
    let mut bytes = 0;
    wait_for(&mut swarm, 1, |_, heard| {
        let Incoming::Reply(reply) = heard else { return Ok(false) };
        bytes = reply.len();
        let page: GetActiveConversationsReply = serde_json::from_slice(reply)?;
        let rows = page.conversations.iter();
        match rows.filter(|row| row.last_message.sender_id != row.created_by).count() {
            PAGE => Ok(true),
            some => Err(io::Error::other(format!("control wrote last in {some} conversations of the page"))),
        }
    })?;
    Ok(bytes)
}

/// Encodes a request for a brief list.
fn list(limit: usize) -> Vec<u8> {
    frame::request(&Request::GetActiveConversations(GetActiveConversations {
        limit: i64::try_from(limit).ok(),
        participants: Some(ParticipantList::Brief),
        ..GetActiveConversations::default()
    }))
}
