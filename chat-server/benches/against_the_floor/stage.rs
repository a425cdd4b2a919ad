//! The clients of one server: drivers who send, and control users who listen.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::protocol::{CreateSupportConversationReply, Role};

use crate::frame::{self, Numbered};
use crate::process::{Part, Server, own_cpu};
use crate::requests::{Kind, Requests};
use crate::sample;
use crate::swarm::{Incoming, Peers, Swarm};
use crate::users::{listener, person};

/// The longest wait for a reply or an event.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(1);

/// The longest wait of one turn of the swarm.
pub(crate) const MAX_WAIT: Duration = Duration::from_millis(20);

/// The clients. Listeners come first in the swarm, then the drivers.
pub(crate) struct Stage {
    swarm: Swarm,
    listeners: usize,
    drivers: Vec<Driver>,
    requests: Requests,
    tally: Tally,
    latencies: Vec<Duration>,
}

struct Driver {
    /// The message to the driver's conversation.
    message: Numbered,
    /// The time of the request that is not answered yet.
    waits_since: Option<Instant>,
}

/// The replies and events that have arrived so far.
#[derive(Clone, Copy, Default)]
struct Tally {
    answered: u64,
    delivered: u64,
}

/// The pace of the drivers.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each driver sends as soon as its last message is acknowledged.
    ClosedLoop,
    /// The drivers take turns, and one of them sends each time this duration has passed.
    Every(Duration),
}

/// The results of a load.
pub(crate) struct Outcome {
    /// The acknowledged requests.
    pub(crate) answered: u64,
    /// The events that listeners got.
    pub(crate) delivered: u64,
    /// The duration of the load.
    pub(crate) elapsed: Duration,
    /// The processor time of the server.
    pub(crate) cpu: Duration,
    /// The processor time of the load itself.
    pub(crate) own_cpu: Duration,
    /// The time from each request to its acknowledgement, in rising order.
    pub(crate) latencies: Vec<Duration>,
}

impl Stage {
    /// Connects listeners and drivers to a server, and creates a conversation of each driver with
    /// all listeners.
    ///
    /// The server must know these listeners and no driver of this name. Otherwise a control user
    /// would be enrolled during the measurement.
    pub(crate) fn connect(server: &Server, name: &str, listeners: usize, drivers: usize) -> io::Result<Self> {
        let mut swarm = Swarm::new()?;
        for number in 0..listeners {
            swarm.connect(server.address(), server.opening(&listener(number), Part::Listener))?;
        }
        wait_open(&mut swarm, listeners)?;
        for number in 0..drivers {
            let user = person(&format!("{name}_{number}"), Role::BusDriver);
            swarm.connect(server.address(), server.opening(&user, Part::Sender))?;
        }
        wait_open(&mut swarm, drivers)?;
        let messages = if server.is_chat() {
            conversations(&mut swarm, listeners, drivers)?
        } else {
            (0..drivers).map(|_| Numbered::plain(sample::event().as_bytes())).collect()
        };
        let drivers = messages.into_iter().map(|message| Driver { message, waits_since: None }).collect();
        let requests = Requests::default();
        Ok(Self { swarm, listeners, drivers, requests, tally: Tally::default(), latencies: Vec::new() })
    }

    /// Returns the number of requests that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.requests.sent()
    }

    /// Changes the kind of the next requests. The first kind is messages.
    pub(crate) fn send_from_now(&mut self, kind: Kind) {
        self.requests.kind = kind;
    }

    /// Runs the load for `warm_up`, measures for `window` and at least until one reply, then waits
    /// for all outstanding replies and events.
    pub(crate) fn run(
        &mut self,
        server: &Server,
        pace: Pace,
        warm_up: Duration,
        window: Duration,
    ) -> io::Result<Outcome> {
        self.run_on(pace, warm_up)?;
        self.latencies.clear();
        let (start, tally, cpu, own) = (Instant::now(), self.tally, server.cpu()?, own_cpu());
        self.run_on(pace, window)?;
        while self.tally.answered == tally.answered && start.elapsed() < TIMEOUT {
            self.turn(MAX_WAIT, false)?;
        }
        let (elapsed, reached) = (start.elapsed(), self.tally);
        let (cpu, own_cpu) = (server.cpu()?.saturating_sub(cpu), own_cpu().saturating_sub(own));
        let mut latencies = mem::take(&mut self.latencies);
        latencies.sort_unstable();
        self.drain()?;
        let (answered, delivered) = (reached.answered - tally.answered, reached.delivered - tally.delivered);
        Ok(Outcome { answered, delivered, elapsed, cpu, own_cpu, latencies })
    }

    /// Has the drivers send with this pause between two messages while `other` runs, for a few
    /// minutes at most. Returns also the time until each message was acknowledged, in rising order.
    pub(crate) fn talk_during<T>(
        &mut self,
        pause: Duration,
        other: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<(T, Vec<Duration>)> {
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let talk = scope.spawn(|| self.talk_until(&is_over, pause));
            let result = other();
            is_over.store(true, Ordering::Relaxed);
            let latencies = talk.join().expect("the drivers do not panic")?;
            Ok((result?, latencies))
        })
    }

    fn talk_until(&mut self, is_over: &AtomicBool, pause: Duration) -> io::Result<Vec<Duration>> {
        let start = Instant::now();
        self.run_while(Pace::Every(pause), || {
            !is_over.load(Ordering::Relaxed) && start.elapsed() < 3 * TIMEOUT
        })?;
        let mut latencies = mem::take(&mut self.latencies);
        latencies.sort_unstable();
        self.drain()?;
        Ok(latencies)
    }

    /// Loads the server for `time`, and leaves the last messages unacknowledged.
    pub(crate) fn run_on(&mut self, pace: Pace, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        self.run_while(pace, || Instant::now() < end)
    }

    fn run_while(&mut self, pace: Pace, goes_on: impl Fn() -> bool) -> io::Result<()> {
        match pace {
            Pace::ClosedLoop => {
                for driver in 0..self.drivers.len() {
                    if self.drivers[driver].waits_since.is_none() {
                        self.send(driver)?;
                    }
                }
                while goes_on() {
                    self.turn(MAX_WAIT, true)?;
                }
            }
            Pace::Every(pause) => {
                let mut due = Instant::now();
                while goes_on() {
                    self.wait_until(due)?;
                    self.send_in_turn()?;
                    due += pause;
                }
            }
        }
        Ok(())
    }

    /// Handles replies and events until `due`.
    fn wait_until(&mut self, due: Instant) -> io::Result<()> {
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left, false)?;
        }
        Ok(())
    }

    /// Sends the message of the next driver, after its last one is acknowledged.
    fn send_in_turn(&mut self) -> io::Result<()> {
        let driver = usize::try_from(self.sent() % self.drivers.len() as u64).expect("below a usize");
        let start = Instant::now();
        while self.drivers[driver].waits_since.is_some() {
            self.turn(MAX_WAIT, false)?;
            if start.elapsed() > TIMEOUT {
                return Err(io::Error::other("a message is not acknowledged"));
            }
        }
        self.send(driver)
    }

    fn send(&mut self, driver: usize) -> io::Result<()> {
        let Driver { message, waits_since } = &mut self.drivers[driver];
        self.swarm.peers.send(self.listeners + driver, self.requests.next(message))?;
        *waits_since = Some(Instant::now());
        Ok(())
    }

    /// Handles the replies and events that have arrived. In a `closed_loop` a driver sends again
    /// after a reply.
    fn turn(&mut self, max_wait: Duration, closed_loop: bool) -> io::Result<()> {
        let Self { swarm, listeners, drivers, requests, tally, latencies } = self;
        swarm.turn(max_wait, &mut |peers: &mut Peers, client, heard| {
            match (heard, client.checked_sub(*listeners)) {
                (Incoming::Event, None) => tally.delivered += 1,
                (Incoming::Reply(_), Some(driver)) => {
                    let Driver { message, waits_since } = &mut drivers[driver];
                    let now = Instant::now();
                    let since = waits_since
                        .take()
                        .ok_or_else(|| io::Error::other("a driver got two replies to one request"))?;
                    latencies.push(now - since);
                    tally.answered += 1;
                    if closed_loop {
                        peers.send(client, requests.next(message))?;
                        *waits_since = Some(now);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Waits for the reply and the events of every request: none may be lost or doubled.
    fn drain(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let (sent, copies) = (self.sent(), self.requests.events() * self.listeners as u64);
        while self.tally.answered < sent || self.tally.delivered < copies {
            self.turn(MAX_WAIT, false)?;
            if start.elapsed() > TIMEOUT {
                let Tally { answered, delivered } = self.tally;
                let what = format!(
                    "{sent} requests sent, {answered} acknowledged, {delivered} of {copies} events received"
                );
                return Err(io::Error::other(what));
            }
        }
        assert_eq!(
            (self.tally.answered, self.tally.delivered),
            (sent, copies),
            "a reply or an event came twice"
        );
        self.latencies.clear();
        Ok(())
    }
}

/// Waits until `times` replies or events satisfy `is_it`.
pub(crate) fn wait_for(
    swarm: &mut Swarm,
    times: usize,
    mut is_it: impl FnMut(usize, Incoming<'_>) -> io::Result<bool>,
) -> io::Result<()> {
    let (mut heard, start) = (0, Instant::now());
    while heard < times {
        swarm.turn(MAX_WAIT, &mut |_: &mut Peers, client, what| {
            heard += usize::from(is_it(client, what)?);
            Ok(())
        })?;
        if start.elapsed() > TIMEOUT {
            return Err(io::Error::other(format!("only {heard} of {times} replies or events came in time")));
        }
    }
    Ok(())
}

/// Waits until `times` more connections are open.
pub(crate) fn wait_open(swarm: &mut Swarm, times: usize) -> io::Result<()> {
    wait_for(swarm, times, |_, heard| Ok(matches!(heard, Incoming::Open)))
}

/// Has every driver create a conversation with all listeners. Returns a message frame for each
/// conversation.
fn conversations(swarm: &mut Swarm, listeners: usize, drivers: usize) -> io::Result<Vec<Numbered>> {
    let creation = frame::creation(None);
    let mut frames: Vec<Option<Numbered>> = (0..drivers).map(|_| None).collect();
    for driver in 0..drivers {
        swarm.peers.send(listeners + driver, &creation)?;
    }
    let mut events = 0;
    wait_for(swarm, drivers, |client, heard| {
        let Incoming::Reply(reply) = heard else {
            events += usize::from(client < listeners);
            return Ok(false);
        };
        let created: CreateSupportConversationReply = serde_json::from_slice(reply)?;
        if created.participants.len() <= listeners {
            return Err(io::Error::other("not all listeners take part"));
        }
        frames[client - listeners] = Some(Numbered::message(&created.conversation_id));
        Ok(true)
    })?;
    // Each listener gets two events of each conversation: its creation, and its first message.
    wait_for(swarm, 2 * listeners * drivers - events, |client, heard| {
        Ok(client < listeners && matches!(heard, Incoming::Event))
    })?;
    Ok(frames.into_iter().map(|frame| frame.expect("each was answered once")).collect())
}
