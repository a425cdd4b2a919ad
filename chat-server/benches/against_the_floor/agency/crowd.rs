//! The drivers of an agency: they create conversations and stay connected.

use std::io;
use std::ops::Range;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use chat_core::id::ConversationId;
use chat_core::protocol::{CreateSupportConversationReply, Role};

use crate::clients::connect_gradually;
use crate::frame::Numbered;
use crate::process::{Part, Server};
use crate::stage::{MAX_WAIT, wait_for};
use crate::swarm::{Incoming, Peers, Swarm};
use crate::users::person;

/// The creations that are in flight at once.
const BATCH: usize = 1_000;

/// The connected drivers.
pub(super) struct Crowd {
    swarm: Swarm,
    drivers: usize,
}

impl Crowd {
    /// Connects the drivers.
    pub(super) fn connect(server: &Server, drivers: usize) -> io::Result<Self> {
        let driver = |number| person(&format!("driver_{number}"), Role::BusDriver);
        let openings: Vec<_> =
            (0..drivers).map(|number| server.opening(&driver(number), Part::Sender)).collect();
        let mut swarm = Swarm::with_clients(drivers)?;
        connect_gradually(&mut swarm, server, &openings)?;
        Ok(Self { swarm, drivers })
    }

    /// Has the drivers create the conversations with these numbers in turn. Returns the ids.
    pub(super) fn create(&mut self, numbers: Range<usize>) -> io::Result<Vec<ConversationId>> {
        let (mut creation, mut created) = (Numbered::creation(), Vec::new());
        for first in numbers.clone().step_by(BATCH) {
            let some = first..numbers.end.min(first + BATCH);
            for number in some.clone() {
                self.swarm.peers.send(number % self.drivers, creation.with(number as u64))?;
            }
            wait_for(&mut self.swarm, some.len(), |_, heard| {
                let Incoming::Reply(reply) = heard else { return Ok(false) };
                let reply: CreateSupportConversationReply = serde_json::from_slice(reply)?;
                created.push(reply.conversation_id);
                Ok(true)
            })?;
        }
        Ok(created)
    }

    /// Keeps the drivers connected while `measure` runs: another thread reads their events and
    /// answers pings.
    pub(super) fn attend<T>(&mut self, measure: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        // The sender is dropped at the end of the measurement, even if the measurement panics.
        let (measuring, measured) = mpsc::channel::<()>();
        thread::scope(|scope| {
            let attending = scope.spawn(move || {
                while measured.try_recv() == Err(TryRecvError::Empty) {
                    self.swarm.turn(MAX_WAIT, &mut |_: &mut Peers, _, _: Incoming<'_>| Ok(()))?;
                }
                Ok::<_, io::Error>(())
            });
            let result = measure();
            drop(measuring);
            attending.join().expect("reading does not panic")?;
            result
        })
    }
}
