//! An agency: its control users all listen, thousands of drivers are connected, and many
//! conversations are stored.
//!
//! Everything is made through the protocol: drivers create the stored conversations too.

mod control;
mod crowd;
mod rows;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::protocol::Role;

use crate::process::Server;
use crate::requests::Kind;
use crate::run::Run;
use crate::stage::{Outcome, Pace, Stage};
use crate::users::{listener, person};
use control::{Consoles, PAGE, page_bytes};
use crowd::Crowd;

/// The drivers in closed loops, with one creation or message in flight each.
const SENDERS: usize = 80;

/// The drivers that send messages in turn during a storm.
const BYSTANDERS: usize = 50;

/// The time between two messages of the bystanders.
const PAUSE: Duration = Duration::from_millis(5);

/// The first lists of new control users in a round.
const NEW_USERS: usize = 10;

/// The numbers of users and of stored conversations.
#[derive(Clone)]
pub(crate) struct Agency {
    /// The numbers of control users. Each number has an agency of its own.
    pub(crate) control: Cow<'static, [usize]>,
    /// The connected drivers.
    pub(crate) drivers: usize,
    /// The numbers of stored conversations, in rising order. Only the last agency has more than the
    /// first number.
    pub(crate) conversations: Cow<'static, [usize]>,
}

/// One agency with a number of stored conversations.
struct Scene {
    dir: PathBuf,
    control: usize,
    drivers: usize,
    /// The conversations that are stored before.
    before: usize,
    /// The conversations that are stored for the measurement.
    stored: usize,
}

/// The results of one scene.
struct Figures {
    control: usize,
    stored: usize,
    /// The bytes on disk of each conversation with one message.
    bytes_each: f64,
    page_bytes: usize,
    storms: Vec<Storm>,
    /// New conversations, and messages to the same listeners.
    loads: Vec<(Outcome, Outcome)>,
    first_lists: Vec<FirstLists>,
    /// The most resident memory in bytes, and that at the end.
    memory: (u64, u64),
}

/// The results of a storm: all control users reconnect at once.
struct Storm {
    /// The time until all control users have their first conversations.
    back_after: Duration,
    /// The times until a message of a bystander was acknowledged before the storm, in rising order.
    calm: Vec<Duration>,
    /// The same times during the storm.
    meanwhile: Vec<Duration>,
}

/// The times from the begin of a connection until the first list, in rising order.
struct FirstLists {
    of_new: Vec<Duration>,
    of_known: Vec<Duration>,
}

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    let Agency { control, conversations, .. } = &run.plan.agency;
    (control.len() + conversations.len() - 1) as u64 * (1 + 4 * run.plan.slow_rounds)
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    let Agency { control, drivers, conversations } = run.plan.agency.clone();
    let mut first = Vec::new();
    for (number, &control) in control.iter().enumerate() {
        let is_last = number + 1 == run.plan.agency.control.len();
        let dir = run.new_dir(&format!("agency-{control}"))?;
        let mut before = 0;
        for &stored in &conversations[..if is_last { conversations.len() } else { 1 }] {
            let scene = Scene { dir: dir.clone(), control, drivers, before, stored };
            let figures = scene.measure(run)?;
            run.rows.extend(rows::of_scene(&figures));
            if before == 0 {
                first.push(figures);
            }
            before = stored;
        }
        fs::remove_dir_all(dir)?;
    }
    if let [least, .., most] = &*first {
        run.rows.extend(rows::compared(most, least));
    }
    Ok(())
}

impl Scene {
    fn measure(&self, run: &Run) -> io::Result<Figures> {
        run.progress.step(&self.step("storing"));
        let (newest, bytes_each) = self.fill(run)?;
        let server = Server::chat(&run.program, &self.dir)?;
        let mut crowd = Crowd::connect(&server, self.drivers)?;
        let figures = crowd.attend(|| {
            Ok(Figures {
                control: self.control,
                stored: self.stored,
                bytes_each,
                page_bytes: page_bytes(&server, self.control, &newest, self.stored)?,
                storms: self.storms(run, &server)?,
                loads: self.loads(run, &server)?,
                first_lists: self.first_lists(run, &server)?,
                memory: (server.peak_resident()?, server.resident()?),
            })
        })?;
        drop(crowd);
        server.stop()?;
        Ok(figures)
    }

    fn step(&self, what: &str) -> String {
        let Self { control, stored, .. } = self;
        format!("agency of {control} control users and {stored} conversations, {what}")
    }

    /// Makes all accounts, then stores the conversations. Returns the newest conversations, and the
    /// bytes on disk of each.
    fn fill(&self, run: &Run) -> io::Result<(Vec<ConversationId>, f64)> {
        let server = Server::chat(&run.program, &self.dir)?;
        self.consoles(&server, self.before)?.reconnect(&server)?;
        drop(Crowd::connect(&server, self.drivers)?);
        server.stop()?;
        let before = bytes_on_disk(&self.dir)?;
        let server = Server::chat(&run.program, &self.dir)?;
        let created = Crowd::connect(&server, self.drivers)?.create(self.before..self.stored)?;
        server.stop()?;
        let bytes = bytes_on_disk(&self.dir)?.saturating_sub(before);
        let newest = created[created.len().saturating_sub(PAGE)..].to_vec();
        Ok((newest, rows::each(bytes, created.len())))
    }

    fn consoles(&self, server: &Server, stored: usize) -> io::Result<Consoles> {
        Consoles::new(server, (0..self.control).map(listener), stored)
    }

    fn storms(&self, run: &Run, server: &Server) -> io::Result<Vec<Storm>> {
        let name = format!("bystander_{}", self.stored);
        let mut bystanders = Stage::connect(server, &name, 0, BYSTANDERS)?;
        let mut storms = Vec::new();
        for round in 1..=run.plan.slow_rounds {
            run.progress.step(&self.step(&format!("reconnecting, round {round}")));
            let mut consoles = self.consoles(server, self.stored)?;
            consoles.connect(server)?;
            let ((), calm) = bystanders.talk_during(PAUSE, || consoles.listen(run.plan.window))?;
            let (back_after, meanwhile) = bystanders.talk_during(PAUSE, || Ok(consoles.time(server)))?;
            storms.push(Storm { back_after, calm, meanwhile });
        }
        Ok(storms)
    }

    /// Has drivers send messages and create conversations, with the same listeners.
    ///
    /// All messages come first, because the index may still be busy with new conversations later.
    fn loads(&self, run: &Run, server: &Server) -> io::Result<Vec<(Outcome, Outcome)>> {
        let name = format!("sender_{}", self.stored);
        let mut stage = Stage::connect(server, &name, self.control, SENDERS)?;
        let mut rounds = |kind, what| {
            stage.send_from_now(kind);
            (1..=run.plan.slow_rounds)
                .map(|round| {
                    run.progress.step(&self.step(&format!("{what}, round {round}")));
                    stage.run(server, Pace::ClosedLoop, run.plan.warm_up, run.plan.window)
                })
                .collect::<io::Result<Vec<_>>>()
        };
        let sent = rounds(Kind::Messages, "sending")?;
        let created = rounds(Kind::Creations, "creating")?;
        Ok(created.into_iter().zip(sent).collect())
    }

    /// Has new and known control users connect in turn, one at a time.
    fn first_lists(&self, run: &Run, server: &Server) -> io::Result<Vec<FirstLists>> {
        let mut rounds = Vec::new();
        for round in 1..=run.plan.slow_rounds {
            run.progress.step(&self.step(&format!("first lists, round {round}")));
            let mut lists = FirstLists { of_new: Vec::new(), of_known: Vec::new() };
            for number in 0..NEW_USERS {
                let name = format!("new_{}_{round}_{number}", self.stored);
                for (user, times) in [
                    (person(&name, Role::ControlStaff), &mut lists.of_new),
                    (listener(number % self.control), &mut lists.of_known),
                ] {
                    let mut console = Consoles::new(server, [user].into_iter(), self.stored)?;
                    times.push(console.time(server));
                }
            }
            lists.of_new.sort_unstable();
            lists.of_known.sort_unstable();
            rounds.push(lists);
        }
        Ok(rounds)
    }
}

/// Returns the bytes that the disk has allocated for a directory and its content.
fn bytes_on_disk(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    let own = metadata.blocks() * 512;
    if !metadata.is_dir() {
        return Ok(own);
    }
    let inside = fs::read_dir(path)?.map(|entry| bytes_on_disk(&entry?.path()));
    inside.sum::<io::Result<u64>>().map(|inside| own + inside)
}
