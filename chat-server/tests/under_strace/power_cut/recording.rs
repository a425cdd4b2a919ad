//! Records the system calls of the store, and walks over them.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use chat_server::store::journal::{Record, read_all};

use crate::power_cut::disk::Disk;
use crate::power_cut::image::{Image, put};
use crate::power_cut::trace::{Step, Trace};

/// The directory of the recorded process, and its task: see [`run_if_told`].
const DIR: &str = "POWER_CUT_WRITER_DIR";
const BOOT: &str = "POWER_CUT_WRITER_BOOT";
const DONE: &str = "POWER_CUT_WRITER_DONE";

/// The number of acknowledged batches, and their end in the journal.
pub(crate) type Acknowledged = (usize, u64);

/// The life of a store, as the system saw it.
pub(crate) struct Recording {
    /// The machine's boot id during the recording.
    pub(crate) boot: &'static str,
    /// The directory in the role of the disk: the store was in `data` below it.
    root: PathBuf,
    /// The content of the disk before.
    before: Image,
    /// The batches acknowledged before.
    acknowledged: Option<Acknowledged>,
    trace: Trace,
    /// The journal at the end.
    pub(crate) journal: Vec<Record>,
}

impl Recording {
    /// Records the life of a new store.
    pub(crate) fn of_a_new_store(dir: &Path) -> Self {
        Self::record(dir, "the first boot", Image::new(), None)
    }

    /// Records a store that goes on with the remains of another.
    pub(crate) fn of_a_store_that_goes_on(dir: &Path, left: Image, acknowledged: Acknowledged) -> Self {
        Self::record(dir, "the second boot", left, Some(acknowledged))
    }

    fn record(dir: &Path, boot: &'static str, before: Image, acknowledged: Option<Acknowledged>) -> Self {
        let (root, file) = (dir.join("disk"), dir.join("trace"));
        fs::create_dir(&root).unwrap();
        put(&before, &root);
        let (done, _) = acknowledged.unwrap_or_default();
        let mut tracer = Command::new("strace");
        tracer.args(["-f", "-y", "-xx", "-s", "100000000", "-e", "trace=%file,%desc", "-o"]).arg(&file);
        tracer.arg(env::current_exe().unwrap()).args([
            "--ignored",
            "--exact",
            "power_cut::the_process_that_is_recorded",
        ]);
        let output = tracer.env(DIR, dir).env(BOOT, boot).env(DONE, done.to_string()).output();
        let output = output.expect("this test needs strace: apt-get install strace");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let trace = fs::read_to_string(file).unwrap();
        let trace = Trace::read(&trace, &root, &dir.join("acknowledged"));
        let journal = read_all(&root.join("data")).unwrap().collect::<Result<_, _>>().unwrap();
        Self { boot, root, before, acknowledged, trace, journal }
    }

    /// How many moments there are at which the power can be cut.
    pub(crate) fn moments(&self) -> u64 {
        self.trace.steps.len() as u64 + 1
    }

    /// The last moment at which a group is written and not synced.
    pub(crate) fn last_write_to_the_journal(&self) -> usize {
        let journal = self.root.join("data/journal");
        let is_write =
            |step: &Step| matches!(step, Step::Began(call) if self.trace.calls[*call].writes_below(&journal));
        self.trace.steps.iter().rposition(is_write).expect("the journal is written") + 1
    }

    /// Where a batch ends in the journal, if it was ever acknowledged.
    pub(crate) fn end_of(&self, batches: usize) -> Option<u64> {
        let acknowledged = self.trace.steps.iter().filter_map(Step::acknowledged).chain(self.acknowledged);
        acknowledged.filter(|(number, _)| *number == batches).map(|(_, position)| position).next()
    }

    /// The state before anything happened.
    pub(crate) fn walk(&self) -> Walk<'_> {
        let disk = Disk::new(&self.root, &self.before);
        Walk { recording: self, disk, next: 0, acknowledged: self.acknowledged }
    }
}

/// A moment of a recording.
pub(crate) struct Walk<'a> {
    recording: &'a Recording,
    pub(crate) disk: Disk,
    next: usize,
    /// The batches acknowledged before this moment.
    pub(crate) acknowledged: Option<Acknowledged>,
}

impl Walk<'_> {
    /// Goes forward to a moment.
    pub(crate) fn go_to(&mut self, moment: usize) {
        let Trace { steps, calls } = &self.recording.trace;
        for step in &steps[self.next..moment] {
            match step {
                Step::Began(call) => self.disk.begin(*call, &calls[*call]),
                Step::Returned(call) => self.disk.end(*call),
                Step::Acknowledged { .. } => self.acknowledged = step.acknowledged(),
            }
        }
        self.next = moment;
    }

    /// Whether anything of the index is not durable.
    pub(crate) fn index_is_pending(&self) -> bool {
        self.disk.is_pending(&self.recording.root.join("data/index"))
    }
}

impl fmt::Display for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Trace { steps, calls } = &self.recording.trace;
        let last = match self.next.checked_sub(1).map(|last| &steps[last]) {
            Some(Step::Began(call)) => format!("the beginning of {}", calls[*call]),
            Some(Step::Returned(call)) => format!("the end of {}", calls[*call]),
            Some(Step::Acknowledged { batches, .. }) => format!("the acknowledgement of {batches} batches"),
            None => "the start".to_owned(),
        };
        write!(f, "cut after step {}, {last}; not synced: {:#?}", self.next, self.disk.describe_pending())
    }
}

/// Runs the recorded script if this process was started for it.
pub(crate) fn run_if_told(script: impl Fn(&Path, &str, usize)) {
    if let (Ok(dir), Ok(boot), Ok(done)) = (env::var(DIR), env::var(BOOT), env::var(DONE)) {
        script(Path::new(&dir), &boot, done.parse().unwrap());
    }
}
