//! A client that sends one request after another.

use std::io;
use std::time::{Duration, Instant};

use chat_core::id::ConversationId;
use chat_core::protocol::{GetConversationMessages, Request, User};

use crate::frame;
use crate::process::{Part, Server};
use crate::stage::{wait_for, wait_open};
use crate::swarm::{Incoming, Swarm};

/// A connected client.
pub(crate) struct Reader {
    swarm: Swarm,
}

/// The results of a series of requests.
pub(crate) struct Read {
    /// The processor time of the server for all requests.
    pub(crate) cpu: Duration,
    /// The time from each request to its reply, in rising order.
    pub(crate) latencies: Vec<Duration>,
}

impl Reader {
    /// Connects the user.
    pub(crate) fn connect(server: &Server, user: &User) -> io::Result<Self> {
        let mut swarm = Swarm::new()?;
        swarm.connect(server.address(), server.opening(user, Part::Other))?;
        wait_open(&mut swarm, 1)?;
        Ok(Self { swarm })
    }

    /// Sends these requests in turn, until `time` has passed.
    pub(crate) fn ask(&mut self, server: &Server, requests: &[Vec<u8>], time: Duration) -> io::Result<Read> {
        let (begin, cpu) = (Instant::now(), server.cpu()?);
        let mut latencies = Vec::new();
        for request in requests.iter().cycle() {
            let start = Instant::now();
            self.swarm.peers.send(0, request)?;
            wait_for(&mut self.swarm, 1, |_, heard| Ok(matches!(heard, Incoming::Reply(_))))?;
            latencies.push(start.elapsed());
            if begin.elapsed() >= time {
                break;
            }
        }
        let cpu = server.cpu()?.saturating_sub(cpu);
        latencies.sort_unstable();
        Ok(Read { cpu, latencies })
    }
}

/// Encodes a request for 50 messages, after the newest `skip`.
pub(crate) fn page(conversation: &ConversationId, skip: u64) -> Vec<u8> {
    frame::request(&Request::GetConversationMessages(GetConversationMessages {
        conversation_id: conversation.clone(),
        limit: Some(50),
        skip: i64::try_from(skip).ok(),
        before_seq: None,
        after_seq: None,
    }))
}
