//! All clients reconnect at once and catch up, as after an outage of the network.

use std::io;
use std::time::Duration;

use chat_core::protocol::{JoinConversation, Request};
use server_test_support::report::Row;

use crate::clients::Clients;
use crate::figures::percentile;
use crate::frame;
use crate::prefill::{self, LISTENERS, MESSAGES_EACH};
use crate::process::{Part, Server};
use crate::run::{FullStore, Run};
use crate::stage::{Pace, Stage};

/// The drivers who send messages during the storm, in turn.
const BYSTANDERS: usize = 50;

/// The time between two messages of the bystanders.
const PAUSE: Duration = Duration::from_millis(5);

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
    let mut clients = clients(server, full)?;
    clients.connect(server)?;
    let calm = stage.run(server, Pace::Every(PAUSE), run.plan.warm_up, run.plan.window)?.latencies;
    let before = server.cpu()?;
    let ((live_after, cpu), meanwhile) = stage.talk_during(PAUSE, || {
        let live_after = clients.reconnect(server, |reply| !server.is_chat() || is_complete(reply))?;
        Ok((live_after, server.cpu()?.saturating_sub(before)))
    })?;
    Ok(Storm { live_after, cpu, calm, meanwhile })
}

/// The driver of every stored conversation, each with a request for all messages after the last
/// one that the client holds.
fn clients(server: &Server, full: &FullStore) -> io::Result<Clients> {
    let conversations = &full.stored.conversations;
    let openings = (0..conversations.len())
        .map(|number| server.opening(&prefill::driver(number), Part::Other))
        .collect();
    let join = |conversation_id| JoinConversation {
        conversation_id,
        after_seq: Some(MESSAGES_EACH / 2),
        epoch: None,
    };
    let joins = conversations.iter().cloned().map(join).map(Request::JoinConversation);
    Clients::new(openings, joins.map(|request| frame::request(&request)).collect())
}

fn is_complete(reply: &[u8]) -> bool {
    reply.windows(15).any(|window| window == b"\"complete\":true")
}
