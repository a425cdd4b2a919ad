//! The time after which a message is heard at the other server, beside its acknowledgement.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use chat_core::protocol::{CreateSupportConversationReply, Role};
use server_test_support::report::{Bar, Row};

use crate::figures::percentile;
use crate::frame::{self, Numbered};
use crate::process::{Part, Server};
use crate::stage::{MAX_WAIT, TIMEOUT, wait_for, wait_open};
use crate::swarm::{Incoming, Peers, Swarm};
use crate::users::{listener, person};

/// The pause between two messages.
const PAUSE: Duration = Duration::from_millis(5);

/// A listener at the other server than the driver's.
struct Pair {
    swarm: Swarm,
    listener: usize,
    driver: usize,
    message: Numbered,
    sent: u64,
}

impl Pair {
    fn connect([one, other]: &[Server; 2]) -> io::Result<Self> {
        let mut swarm = Swarm::new()?;
        let listener = swarm.connect(other.address(), other.opening(&listener(0), Part::Listener))?;
        wait_open(&mut swarm, 1)?;
        let user = person("heard_by_the_other", Role::BusDriver);
        let driver = swarm.connect(one.address(), one.opening(&user, Part::Sender))?;
        wait_open(&mut swarm, 1)?;
        swarm.peers.send(driver, &frame::creation(None))?;
        let mut message = None;
        // The reply and the own message, and at the listener the creation and its message.
        wait_for(&mut swarm, 4, |_, heard| {
            if let Incoming::Reply(reply) = heard {
                let created: CreateSupportConversationReply = serde_json::from_slice(reply)?;
                message = Some(Numbered::message(&created.conversation_id));
            }
            Ok(!matches!(heard, Incoming::Open))
        })?;
        let message = message.ok_or_else(|| io::Error::other("three events and no reply"))?;
        Ok(Self { swarm, listener, driver, message, sent: 0 })
    }

    /// Sends a message, and returns the times of its acknowledgement and of its event.
    fn send(&mut self) -> io::Result<(Duration, Duration)> {
        self.sent += 1;
        let listener = self.listener;
        let start = Instant::now();
        self.swarm.peers.send(self.driver, self.message.with(self.sent))?;
        let (mut acknowledged, mut heard) = (None, None);
        while acknowledged.is_none() || heard.is_none() {
            self.swarm.turn(MAX_WAIT, &mut |_: &mut Peers, client, what| {
                match what {
                    Incoming::Reply(_) => acknowledged = Some(start.elapsed()),
                    // The driver hears the own message too.
                    Incoming::Event if client == listener => heard = Some(start.elapsed()),
                    Incoming::Event | Incoming::Open => {}
                }
                Ok(())
            })?;
            if start.elapsed() > TIMEOUT {
                return Err(io::Error::other("a message is not acknowledged, or not heard"));
            }
        }
        Ok(acknowledged.zip(heard).expect("both came"))
    }
}

/// The rows of one driver and one listener.
pub(super) fn rows(servers: &[Server; 2], time: Duration) -> io::Result<[Row; 3]> {
    let mut pair = Pair::connect(servers)?;
    let (mut acknowledged, mut heard, mut later) = (Vec::new(), Vec::new(), Vec::new());
    let end = Instant::now() + time;
    while Instant::now() < end {
        let times = pair.send()?;
        acknowledged.push(times.0);
        heard.push(times.1);
        later.push(times.1.saturating_sub(times.0));
        sleep(PAUSE);
    }
    for times in [&mut acknowledged, &mut heard, &mut later] {
        times.sort_unstable();
    }
    let name = "one message at a time, heard at the other server";
    let row = |what: &str, of_ten_thousand| {
        let pair = (percentile(&heard, of_ten_thousand), percentile(&acknowledged, of_ten_thousand));
        Row::beside(name, what, "ms", "acknowledged", &[pair])
    };
    let gap = Row::alone(name, "later than acknowledged, p50", "ms", &[percentile(&later, 5_000)]);
    Ok([row("heard after, p50", 5_000), row("heard after, p99", 9_900), gap.bar(Some(Bar::AtMost(1.0)))])
}
