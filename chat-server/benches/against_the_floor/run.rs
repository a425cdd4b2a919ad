//! What all scenes share: how long and how much, where, and how far it has come.

use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::prefill::{self, Size, Stored};
use crate::report::Row;

/// How long and how much.
pub(crate) struct Plan {
    /// Whether the figures mean something.
    pub(crate) is_full: bool,
    /// Rounds of each comparison: many, for machines that are shared change their speed by a fifth from second to second.
    pub(crate) rounds: u64,
    /// Rounds of what takes long.
    pub(crate) slow_rounds: u64,
    /// Before a measurement.
    pub(crate) warm_up: Duration,
    /// A measurement.
    pub(crate) window: Duration,
    /// Idle connections, twice.
    pub(crate) idle: [usize; 2],
    /// How long they rest before their memory is measured.
    pub(crate) rest: Duration,
    /// What the full store holds.
    pub(crate) stored: Size,
}

impl Plan {
    /// For figures.
    pub(crate) const FULL: Self = Self {
        is_full: true,
        rounds: 9,
        slow_rounds: 3,
        warm_up: Duration::from_millis(500),
        window: Duration::from_secs(3),
        idle: [5_000, 18_000],
        rest: Duration::from_secs(1),
        stored: Size { messages: 1_000_000, drivers: 5_000 },
    };

    /// To see that it runs.
    pub(crate) const QUICK: Self = Self {
        is_full: false,
        rounds: 1,
        slow_rounds: 1,
        warm_up: Duration::from_millis(300),
        window: Duration::from_millis(300),
        idle: [1_000, 1_500],
        rest: Duration::from_millis(100),
        stored: Size { messages: 5_000, drivers: 20 },
    };
}

/// The store that is full, for all scenes that need one.
pub(crate) struct Full {
    /// Its data directory.
    pub(crate) dir: PathBuf,
    /// What is in it.
    pub(crate) stored: Stored,
}

/// A run of the benchmark.
pub(crate) struct Run {
    pub(crate) plan: Plan,
    /// The chat server.
    pub(crate) program: PathBuf,
    pub(crate) progress: Progress,
    /// What was measured so far.
    pub(crate) rows: Vec<Row>,
    full: Option<Rc<Full>>,
    dir: TempDir,
}

impl Run {
    /// Nothing yet; all data will be in a directory of its own in `parent`.
    pub(crate) fn new(plan: Plan, program: PathBuf, parent: &Path) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("against-the-floor-").tempdir_in(parent)?;
        Ok(Self { plan, program, progress: Progress::default(), rows: Vec::new(), full: None, dir })
    }

    /// Where all data is.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The full store: written now if it is not there yet. Whoever starts a server over it stops that again.
    pub(crate) fn full(&mut self) -> io::Result<Rc<Full>> {
        if let Some(full) = &self.full {
            return Ok(Rc::clone(full));
        }
        let dir = self.new_dir("full")?;
        self.progress.step(&format!("storing {} messages", self.plan.stored.messages));
        let stored = prefill::fill(&dir, self.plan.stored)?;
        Ok(Rc::clone(self.full.insert(Rc::new(Full { dir, stored }))))
    }

    /// The place of a data directory that is not there yet.
    pub(crate) fn new_dir(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.dir().join(name);
        match dir.try_exists()? {
            true => Err(io::Error::other(format!("{} is there already", dir.display()))),
            false => Ok(dir),
        }
    }
}

/// How far it has come, on standard error.
pub(crate) struct Progress(ProgressBar);

impl Default for Progress {
    fn default() -> Self {
        let style = ProgressStyle::with_template("[{elapsed}] {bar:30} {pos}/{len} {msg}");
        Self(ProgressBar::new(0).with_style(style.expect("the template is sound")))
    }
}

impl Progress {
    /// There will be so many more steps.
    pub(crate) fn expect(&self, steps: u64) {
        self.0.inc_length(steps);
    }

    /// Begins the next step.
    pub(crate) fn step(&self, what: &str) {
        if self.0.is_hidden() {
            // No terminal: one line for each.
            eprintln!("{what}");
        }
        self.0.set_message(what.to_owned());
        self.0.inc(1);
    }

    /// All is done.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
