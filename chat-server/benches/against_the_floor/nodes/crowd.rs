//! Listeners of several servers, who count what they hear.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::process::{Part, Server};
use crate::stage::{MAX_WAIT, wait_open};
use crate::swarm::{Incoming, Peers, Swarm};
use crate::users::listener;

/// The listeners of one server.
pub(super) struct Crowd(Swarm);

impl Crowd {
    /// Connects this many control users to each server.
    pub(super) fn connect_to(servers: &[Server], each: usize) -> io::Result<Vec<Self>> {
        let connect = |(place, server): (usize, &Server)| {
            let mut swarm = Swarm::new()?;
            for number in 0..each {
                swarm.connect(
                    server.address(),
                    server.opening(&listener(place * each + number), Part::Listener),
                )?;
            }
            wait_open(&mut swarm, each)?;
            Ok(Self(swarm))
        };
        servers.iter().enumerate().map(connect).collect()
    }

    /// Lets every crowd listen while `other` runs. Returns also the number of heard events.
    pub(super) fn listen_during<T>(
        crowds: Vec<Self>,
        other: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, u64)> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let listening: Vec<_> =
                crowds.into_iter().map(|crowd| scope.spawn(|| crowd.listen(&is_over))).collect();
            let result = other();
            is_over.store(true, Ordering::Relaxed);
            let heard: io::Result<u64> =
                listening.into_iter().map(|crowd| crowd.join().expect("listeners do not panic")).sum();
            Ok((result?, heard?))
        })
    }

    fn listen(mut self, is_over: &AtomicBool) -> io::Result<u64> {
        let mut heard = 0;
        while !is_over.load(Ordering::Relaxed) {
            self.0.turn(MAX_WAIT, &mut |_: &mut Peers, _, what| {
                heard += u64::from(matches!(what, Incoming::Event));
                Ok(())
            })?;
        }
        Ok(heard)
    }
}
