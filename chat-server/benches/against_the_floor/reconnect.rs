//! All clients reconnect at once and catch up, as after an outage of the network.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::protocol::{JoinConversation, Request};
use server_test_support::report::Row;

use crate::figures::percentile;
use crate::frame;
use crate::prefill::{self, LISTENERS, MESSAGES_EACH};
use crate::process::{Part, Server};
use crate::run::{FullStore, Run};
use crate::stage::{Pace, Stage, wait_open};
use crate::swarm::{Incoming, Peers, Swarm};

/// The clients that are connected at once before the storm.
const BATCH: usize = 500;

/// The drivers who send messages during the storm, in turn.
const BYSTANDERS: usize = 50;

/// The time between two messages of the bystanders.
const PAUSE: Duration = Duration::from_millis(5);

/// The longest time of a storm.
const TIMEOUT: Duration = Duration::from_mins(1);

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    2 * run.plan.slow_rounds
}

/// The results of a storm.
struct Storm {
    /// The time until every client was live again.
    live_after: Duration,
    /// The processor time of the server until then, including the bystanders' messages.
    cpu: Duration,
    /// The times until a message of a bystander was acknowledged before the storm, in rising order.
    calm: Vec<Duration>,
    /// The same times during the storm.
    meanwhile: Vec<Duration>,
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let full = run.full()?;
    let mut rounds = Vec::new();
    for round in 1..=run.plan.slow_rounds {
        run.progress.step(&format!("reconnecting, chat-server, round {round}"));
        let chat = Server::chat(&run.program, &full.dir)?;
        let of_chat = storm(run, &chat, &full, &format!("storm_{round}"))?;
        chat.stop()?;
        run.progress.step(&format!("reconnecting, floor, round {round}"));
        rounds.push((of_chat, storm(run, &Server::floor()?, &full, "storm")?));
    }
    let name = format!("{} clients reconnect and catch up", full.stored.conversations.len());
    let row = |what: &str, unit: &str, figure: &dyn Fn(&Storm) -> f64| {
        let pairs: Vec<_> = rounds.iter().map(|(chat, floor)| (figure(chat), figure(floor))).collect();
        Row::beside(&name, what, unit, "floor", &pairs)
    };
    let rows = [
        row("all are live after", "s", &|storm| storm.live_after.as_secs_f64()),
        row("server CPU until then", "s", &|storm| storm.cpu.as_secs_f64()),
        row("others acknowledged meanwhile, p99", "ms", &|storm| percentile(&storm.meanwhile, 9_900)),
        row("others acknowledged before, p99", "ms", &|storm| percentile(&storm.calm, 9_900)),
    ];
    run.rows.extend(rows);
    Ok(())
}

fn storm(run: &Run, server: &Server, full: &FullStore, bystanders: &str) -> io::Result<Storm> {
    let mut stage = Stage::connect(server, bystanders, LISTENERS, BYSTANDERS)?;
    let mut clients = Clients::connect(server, full)?;
    let calm = stage.run(server, Pace::Every(PAUSE), run.plan.warm_up, run.plan.window)?.latencies;
    let (is_over, before) = (AtomicBool::new(false), server.cpu()?);
    thread::scope(|scope| {
        let talk = scope.spawn(|| stage.talk_until(&is_over, PAUSE));
        let live_after = clients.reconnect(server);
        is_over.store(true, Ordering::Relaxed);
        let cpu = server.cpu()?.saturating_sub(before);
        let meanwhile = talk.join().expect("the bystanders do not panic")?;
        Ok(Storm { live_after: live_after?, cpu, calm, meanwhile })
    })
}

struct Clients {
    swarm: Swarm,
    openings: Vec<Vec<u8>>,
    /// The requests for all messages after the last one that the client holds.
    joins: Vec<Vec<u8>>,
}

impl Clients {
    /// Connects the driver of every stored conversation, [`BATCH`] at a time.
    fn connect(server: &Server, full: &FullStore) -> io::Result<Self> {
        let conversations = &full.stored.conversations;
        let openings: Vec<_> = (0..conversations.len())
            .map(|number| server.opening(&prefill::driver(number), Part::Other))
            .collect();
        let join = |conversation_id| JoinConversation {
            conversation_id,
            after_seq: Some(MESSAGES_EACH / 2),
            epoch: None,
        };
        let joins = conversations.iter().cloned().map(join).map(Request::JoinConversation);
        let joins = joins.map(|request| frame::request(&request)).collect();
        let mut swarm = Swarm::new()?;
        for some in openings.chunks(BATCH) {
            for opening in some {
                swarm.connect(server.address(), opening.clone())?;
            }
            wait_open(&mut swarm, some.len())?;
        }
        Ok(Self { swarm, openings, joins })
    }

    /// Cuts all connections, opens all of them again at once, and catches up. Returns the time
    /// until all are live.
    fn reconnect(&mut self, server: &Server) -> io::Result<Duration> {
        let Self { swarm, openings, joins } = self;
        (0..openings.len()).for_each(|client| swarm.peers.cut(client));
        let start = Instant::now();
        for (client, opening) in openings.iter().enumerate() {
            swarm.reconnect(client, server.address(), opening.clone())?;
        }
        let (mut live, is_chat) = (0, server.is_chat());
        while live < openings.len() {
            swarm.turn(TIMEOUT, &mut |peers: &mut Peers, client, heard| match heard {
                Incoming::Open => peers.send(client, &joins[client]),
                Incoming::Reply(reply) if is_chat && !is_complete(reply) => {
                    Err(io::Error::other("a client did not get all in one piece"))
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
}

fn is_complete(reply: &[u8]) -> bool {
    reply.windows(15).any(|window| window == b"\"complete\":true")
}
