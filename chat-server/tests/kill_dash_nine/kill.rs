//! Kills at moments at which no client is connected.

use std::io::{BufRead as _, BufReader, Read as _};
use std::ops::Range;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;
use server_test_support::SECRET;
use server_test_support::program::{program, serving};

use crate::rounds::FLAGS;

/// Counts of the kills that hit the intended moment.
#[derive(Default, Debug)]
pub struct Kills {
    /// A serving server.
    pub under_load: usize,
    /// A server on its way to a clean stop.
    pub while_stopping: usize,
    /// A start, while building the index anew.
    pub while_building: usize,
    /// A start after a clean stop, before listening.
    pub while_starting: usize,
}

impl Kills {
    /// Whether each was hit.
    pub fn all_kinds(&self) -> bool {
        self.by_kind().iter().all(|&n| n > 0)
    }

    /// All kills that hit the intended moment.
    pub fn all(&self) -> usize {
        self.by_kind().iter().sum()
    }

    fn by_kind(&self) -> [usize; 4] {
        [self.under_load, self.while_stopping, self.while_building, self.while_starting]
    }
}

/// A random pause in milliseconds.
pub fn millis(random: &mut ChaCha8Rng, range: Range<u64>) -> Duration {
    Duration::from_micros(range.start * 1_000 + random.next_u64() % ((range.end - range.start) * 1_000))
}

/// Starts a server without an index, and kills the server at a random moment after the beginning of
/// the build. Returns whether the build was unfinished.
pub fn kill_while_building(dir: &Path, random: &mut ChaCha8Rng) -> bool {
    let mut process = start(dir);
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("the index anew") && !line.contains("opened the store") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it must start");
    }
    let builds = line.contains("the index anew");
    sleep(millis(random, 0..40));
    end(process);
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    builds && !rest.contains("opened the store")
}

/// Starts a server and kills it at a random moment. Returns whether the server did not listen yet.
pub fn kill_while_starting(dir: &Path, random: &mut ChaCha8Rng) -> bool {
    let mut process = start(dir);
    sleep(millis(random, 0..60));
    let mut told = process.stdout.take().unwrap();
    end(process);
    let mut line = String::new();
    told.read_to_string(&mut line).unwrap();
    line.is_empty()
}

fn start(dir: &Path) -> Child {
    let mut command = serving(program(), dir, &FLAGS);
    command.env("CHAT_JWT_SECRET", SECRET).spawn().unwrap()
}

fn end(mut process: Child) {
    process.kill().unwrap();
    process.wait().unwrap();
}
