//! One client that asks one thing after the other.

use std::io;
use std::time::{Duration, Instant};

use chat_core::id::ConversationId;
use chat_core::protocol::{GetConversationMessages, Request, User};

use crate::frame;
use crate::process::{Part, Server};
use crate::stage::{wait_for, wait_open};
use crate::swarm::{Heard, Swarm};

/// A connected client.
pub(crate) struct Reader {
    swarm: Swarm,
}

/// What came of asking.
pub(crate) struct Read {
    /// Processor time of the server for all.
    pub(crate) cpu: Duration,
    /// From each request to its reply, in rising order.
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

    /// Asks these again and again, for so long.
    pub(crate) fn ask(&mut self, server: &Server, requests: &[Vec<u8>], time: Duration) -> io::Result<Read> {
        let (begin, cpu) = (Instant::now(), server.cpu()?);
        let mut latencies = Vec::new();
        for request in requests.iter().cycle() {
            let start = Instant::now();
            self.swarm.peers.send(0, request)?;
            wait_for(&mut self.swarm, 1, |_, heard| Ok(matches!(heard, Heard::Reply(_))))?;
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

/// Asks for 50 messages after leaving out so many.
pub(crate) fn page(conversation: &ConversationId, skip: u64) -> Vec<u8> {
    frame::request(&Request::GetConversationMessages(GetConversationMessages {
        conversation_id: conversation.clone(),
        limit: Some(50),
        skip: i64::try_from(skip).ok(),
        before_seq: None,
        after_seq: None,
    }))
}
