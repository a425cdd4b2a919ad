//! Clients that connect, send one request each, and only listen after that.

use std::io;
use std::time::{Duration, Instant};

use crate::process::Server;
use crate::stage::{MAX_WAIT, TIMEOUT, wait_open};
use crate::swarm::{Incoming, Peers, Swarm};

/// The clients that are connected at once outside of a storm.
const BATCH: usize = 500;

/// The clients, connected or not.
pub(crate) struct Clients {
    swarm: Swarm,
    openings: Vec<Vec<u8>>,
    requests: Vec<Vec<u8>>,
}

impl Clients {
    /// Returns clients that are not connected yet, each with the frame of its request.
    pub(crate) fn new(openings: Vec<Vec<u8>>, requests: Vec<Vec<u8>>) -> io::Result<Self> {
        Ok(Self { swarm: Swarm::with_clients(openings.len())?, openings, requests })
    }

    /// Connects all clients gradually, without their requests.
    pub(crate) fn connect(&mut self, server: &Server) -> io::Result<()> {
        connect_gradually(&mut self.swarm, server, &self.openings)
    }

    /// Cuts all connections, opens all of them again at once, and sends each client's request.
    /// Returns the time until all have replies, each of which must satisfy `is_good`.
    pub(crate) fn reconnect(
        &mut self,
        server: &Server,
        is_good: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Duration> {
        let Self { swarm, openings, requests } = self;
        (0..openings.len()).for_each(|client| swarm.peers.cut(client));
        let start = Instant::now();
        for (client, opening) in openings.iter().enumerate() {
            swarm.reconnect(client, server.address(), opening.clone())?;
        }
        let mut live = 0;
        while live < openings.len() {
            swarm.turn(MAX_WAIT, &mut |peers: &mut Peers, client, heard| match heard {
                Incoming::Open => peers.send(client, &requests[client]),
                Incoming::Reply(reply) if !is_good(reply) => {
                    Err(io::Error::other("a reply lacks a part of what the client asked for"))
                }
                Incoming::Reply(_) => {
                    live += 1;
                    Ok(())
                }
                Incoming::Event => Ok(()),
            })?;
            if start.elapsed() > TIMEOUT {
                return Err(io::Error::other(format!("{live} of {} came back in time", openings.len())));
            }
        }
        Ok(start.elapsed())
    }

    /// Reads all events for `time`.
    pub(crate) fn listen(&mut self, time: Duration) -> io::Result<()> {
        let start = Instant::now();
        while start.elapsed() < time {
            self.swarm.turn(MAX_WAIT, &mut |_: &mut Peers, _, _: Incoming<'_>| Ok(()))?;
        }
        Ok(())
    }
}

/// Connects all clients of a swarm, [`BATCH`] at a time.
pub(crate) fn connect_gradually(swarm: &mut Swarm, server: &Server, openings: &[Vec<u8>]) -> io::Result<()> {
    for first in (0..openings.len()).step_by(BATCH) {
        let some = first..openings.len().min(first + BATCH);
        for client in some.clone() {
            swarm.reconnect(client, server.address(), openings[client].clone())?;
        }
        wait_open(swarm, some.len())?;
    }
    Ok(())
}
