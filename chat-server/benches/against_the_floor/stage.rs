//! Clients in front of one server: drivers who send in closed loops, and control users who listen.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chat_core::protocol::{CreateSupportConversation, CreateSupportConversationReply, Request, Role, User};

use crate::frame::{self, CONTENT, Numbered};
use crate::process::{Part, Server, own_cpu};
use crate::sample;
use crate::swarm::{Heard, Peers, Swarm};

/// How long to wait for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long the swarm sleeps at most when nothing comes.
pub(crate) const NAP: Duration = Duration::from_millis(20);

/// The clients. Listeners come first in the swarm, then the drivers.
pub(crate) struct Stage {
    swarm: Swarm,
    listeners: usize,
    drivers: Vec<Driver>,
    tally: Tally,
    /// Messages that were sent, each under the next number.
    sent: u64,
    latencies: Vec<Duration>,
}

struct Driver {
    frame: Numbered,
    /// When it sent what is not answered yet.
    waits_since: Option<Instant>,
}

/// What was heard so far.
#[derive(Clone, Copy, Default)]
struct Tally {
    answered: u64,
    delivered: u64,
}

/// When the drivers send.
#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each as soon as it was answered.
    ClosedLoop,
    /// By turns, one each time this has passed, whether the others were answered or not.
    Every(Duration),
}

/// What came of a load.
pub(crate) struct Outcome {
    /// Messages that were acknowledged.
    pub(crate) answered: u64,
    /// Copies that listeners have heard.
    pub(crate) delivered: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
    /// Processor time of the server.
    pub(crate) cpu: Duration,
    /// Processor time of the load itself.
    pub(crate) own_cpu: Duration,
    /// From sending a message to its acknowledgement, in rising order.
    pub(crate) latencies: Vec<Duration>,
}

impl Stage {
    /// Connects so many of each to the server, and gives every driver a conversation with all listeners.
    ///
    /// The server must know the listeners and no other control user, so that nobody is to be enrolled later, and no
    /// driver of this name.
    pub(crate) fn set(server: &Server, name: &str, listeners: usize, drivers: usize) -> io::Result<Self> {
        let mut swarm = Swarm::new()?;
        for number in 0..listeners {
            swarm.connect(server.address(), server.opening(&listener(number), Part::Listener))?;
        }
        wait_open(&mut swarm, listeners)?;
        for number in 0..drivers {
            let user = User::new(format!("{name}_{number}").as_str(), Role::BusDriver);
            swarm.connect(server.address(), server.opening(&user, Part::Sender))?;
        }
        wait_open(&mut swarm, drivers)?;
        let frames = match server.is_chat() {
            true => conversations(&mut swarm, listeners, drivers)?,
            false => (0..drivers).map(|_| Numbered::plain(sample::event().as_bytes())).collect(),
        };
        let drivers = frames.into_iter().map(|frame| Driver { frame, waits_since: None }).collect();
        Ok(Self { swarm, listeners, drivers, tally: Tally::default(), sent: 0, latencies: Vec::new() })
    }

    /// Messages that were sent so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Runs the load for `warm_up`, then measures for `window`, then waits until all was answered and heard.
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
        let (elapsed, reached) = (start.elapsed(), self.tally);
        let (cpu, own_cpu) = (server.cpu()?.saturating_sub(cpu), own_cpu().saturating_sub(own));
        let mut latencies = mem::take(&mut self.latencies);
        latencies.sort_unstable();
        self.quiet()?;
        let (answered, delivered) = (reached.answered - tally.answered, reached.delivered - tally.delivered);
        Ok(Outcome { answered, delivered, elapsed, cpu, own_cpu, latencies })
    }

    /// Has the drivers talk at this pace until it is over, a few minutes at most; gives what each waited, in rising order.
    pub(crate) fn talk_until(&mut self, is_over: &AtomicBool, pause: Duration) -> io::Result<Vec<Duration>> {
        let start = Instant::now();
        while !is_over.load(Ordering::Relaxed) && start.elapsed() < 3 * PATIENCE {
            self.run_on(Pace::Every(pause), pause)?;
        }
        let mut latencies = mem::take(&mut self.latencies);
        latencies.sort_unstable();
        self.quiet()?;
        Ok(latencies)
    }

    /// Loads the server for so long, and leaves what is under way.
    pub(crate) fn run_on(&mut self, pace: Pace, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        match pace {
            Pace::ClosedLoop => {
                for driver in 0..self.drivers.len() {
                    if self.drivers[driver].waits_since.is_none() {
                        self.send(driver)?;
                    }
                }
                while Instant::now() < end {
                    self.turn(NAP, true)?;
                }
            }
            Pace::Every(pause) => {
                let mut due = Instant::now();
                while due < end {
                    self.wait_until(due)?;
                    self.send_in_turn()?;
                    due += pause;
                }
            }
        }
        Ok(())
    }

    /// Hears what comes until then.
    fn wait_until(&mut self, due: Instant) -> io::Result<()> {
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            self.turn(left, false)?;
        }
        Ok(())
    }

    /// Has the driver send whose turn it is, once it is answered.
    fn send_in_turn(&mut self) -> io::Result<()> {
        let driver = usize::try_from(self.sent % self.drivers.len() as u64).expect("below a usize");
        let start = Instant::now();
        while self.drivers[driver].waits_since.is_some() {
            self.turn(NAP, false)?;
            if start.elapsed() > PATIENCE {
                return Err(io::Error::other("a message is not acknowledged"));
            }
        }
        self.send(driver)
    }

    fn send(&mut self, driver: usize) -> io::Result<()> {
        self.sent += 1;
        let Driver { frame, waits_since } = &mut self.drivers[driver];
        self.swarm.peers.send(self.listeners + driver, frame.with(self.sent))?;
        *waits_since = Some(Instant::now());
        Ok(())
    }

    /// Hears what has come. In a `closed_loop` who is answered sends again.
    fn turn(&mut self, nap: Duration, closed_loop: bool) -> io::Result<()> {
        let Self { swarm, listeners, drivers, tally, sent, latencies } = self;
        swarm.turn(nap, &mut |peers: &mut Peers, who, heard| {
            match (heard, who.checked_sub(*listeners)) {
                (Heard::Event, None) => tally.delivered += 1,
                (Heard::Reply(_), Some(driver)) => {
                    let Driver { frame, waits_since } = &mut drivers[driver];
                    let now = Instant::now();
                    let since = waits_since.take().ok_or_else(|| io::Error::other("a reply too many"))?;
                    latencies.push(now - since);
                    tally.answered += 1;
                    if closed_loop {
                        *sent += 1;
                        peers.send(who, frame.with(*sent))?;
                        *waits_since = Some(now);
                    }
                }
                _ => {}
            }
            Ok(())
        })
    }

    /// Waits until everything that was sent is answered, and heard by all: nothing may be lost or doubled.
    fn quiet(&mut self) -> io::Result<()> {
        let start = Instant::now();
        let copies = self.sent * self.listeners as u64;
        while self.tally.answered < self.sent || self.tally.delivered < copies {
            self.turn(NAP, false)?;
            if start.elapsed() > PATIENCE {
                let Tally { answered, delivered } = self.tally;
                let what = format!("{} sent, {answered} answered, {delivered} of {copies} heard", self.sent);
                return Err(io::Error::other(what));
            }
        }
        assert_eq!((self.tally.answered, self.tally.delivered), (self.sent, copies), "none too many");
        self.latencies.clear();
        Ok(())
    }
}

/// A control user.
pub(crate) fn listener(number: usize) -> User {
    User::new(format!("control_{number}").as_str(), Role::ControlStaff)
}

/// Turns until this was heard so often.
pub(crate) fn wait_for(
    swarm: &mut Swarm,
    times: usize,
    mut is_it: impl FnMut(usize, Heard<'_>) -> io::Result<bool>,
) -> io::Result<()> {
    let (mut heard, start) = (0, Instant::now());
    while heard < times {
        swarm.turn(NAP, &mut |_: &mut Peers, who, what| {
            heard += usize::from(is_it(who, what)?);
            Ok(())
        })?;
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("{heard} of {times} were heard")));
        }
    }
    Ok(())
}

/// Turns until so many connections stand.
pub(crate) fn wait_open(swarm: &mut Swarm, times: usize) -> io::Result<()> {
    wait_for(swarm, times, |_, heard| Ok(matches!(heard, Heard::Open)))
}

/// Has every driver create a conversation with all listeners, and gives the messages to them.
fn conversations(swarm: &mut Swarm, listeners: usize, drivers: usize) -> io::Result<Vec<Numbered>> {
    let creation = frame::request(&Request::CreateSupportConversation(CreateSupportConversation {
        title: "Route Change Request".into(),
        content: CONTENT.into(),
        room_type: None,
        client_message_id: None,
    }));
    let mut frames: Vec<Option<Numbered>> = (0..drivers).map(|_| None).collect();
    for driver in 0..drivers {
        swarm.peers.send(listeners + driver, &creation)?;
    }
    let mut events = 0;
    wait_for(swarm, drivers, |who, heard| {
        let Heard::Reply(reply) = heard else {
            events += usize::from(who < listeners);
            return Ok(false);
        };
        let created: CreateSupportConversationReply = serde_json::from_slice(reply)?;
        if created.participants.len() != listeners + 1 {
            return Err(io::Error::other("not all listeners take part"));
        }
        frames[who - listeners] = Some(Numbered::message(&created.conversation_id));
        Ok(true)
    })?;
    // Of each conversation its notification, and its first message.
    wait_for(swarm, 2 * listeners * drivers - events, |who, heard| {
        Ok(who < listeners && matches!(heard, Heard::Event))
    })?;
    Ok(frames.into_iter().map(|frame| frame.expect("each was answered once")).collect())
}
