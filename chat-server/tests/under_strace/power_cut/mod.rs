//! P1 against a power cut: whichever unsynced writes a disk keeps, the store opens with all
//! acknowledged batches.
//!
//! A killed process can't show this, because the system still holds its writes. Therefore the test
//! records a process that writes to a store, call by call, and replays the calls on a model of a
//! disk. The power is cut at every moment of the replay. A possible content of the disk is put into
//! a directory, opened by the real store, and compared.
//!
//! **The recorded process** ([`writer`]): a store from nothing, with many short segments, a clean
//! stop, an unclean one, and a failed sync. Then the remains of a power cut in the middle of a
//! group, opened and written on, while the index fails, is built anew, and is removed by hand. Each
//! life ends as by a kill.
//!
//! **The model of the disk** ([`disk`]) is meaner than ext4 or XFS:
//! - A write is durable only after an `fsync` or `fdatasync` of its file that began after the write
//!   had returned, and has returned. `sync_file_range`, closing and time do nothing.
//! - A name (created, renamed, removed) is durable only after an `fsync` of its directory. On ext4,
//!   a sync of a new file also keeps its name; here it does not. Names of one directory are kept in
//!   any order, where a file system with a journal keeps the order. A rename is both names or none.
//! - Changes that are not durable are dropped; or kept up to some change, with this change torn
//!   between two sectors of 512 bytes or at any byte; or scattered: of each file, any writes and
//!   any of their sectors, with zeros in the holes, and with the full length or a shorter one.
//! - Durable changes are never lost, and a sector is old or new. A disk that lies about a sync, or
//!   spoils bytes beside a write, is beyond this test. `store::torn_tail` has the blocks of removed
//!   files behind an end.
//!
//! **The checks** ([`check`]) of each image, under another boot of the machine (or an unknown one):
//! - The store opens.
//! - The journal holds, record by record, the acknowledged batches, then perhaps the one batch that
//!   was under way, and nothing else.
//! - The store answers about messages, conversations, members, read positions and client message
//!   ids like the store in memory after as many batches.
//! - An index with anything unsynced was built anew.
//! - More can be written, and is there after another start.
//!
//! With *kept*, all writes are there and the boot is the same, as after `kill -9`. Then the index
//! is trusted, and must be right.
//!
//! **The proof**: these lives of a store survive a cut at any moment, for the choices of this seed.
//! Other lives and a failing disk are not proved.
//!
//! It needs `strace` (`apt-get install strace`). More images, and others:
//!
//! ```console
//! $ POWER_CUT_IMAGES=10000 POWER_CUT_SEED=7 \
//!     cargo test -p chat-server --test under_strace power_cut:: -- --nocapture
//! ```

mod check;
mod counts;
mod disk;
mod image;
mod plan;
mod random;
mod recording;
mod trace;
mod writer;

use std::env;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::thread;

use tempfile::TempDir;

use crate::power_cut::check::{Answers, Left};
use crate::power_cut::counts::Counts;
use crate::power_cut::disk::Fate;
use crate::power_cut::random::Random;
use crate::power_cut::recording::{Recording, Walk, run_if_told};

/// Images of each recording: more than its moments, to cut the power at each.
const IMAGES: u64 = 600;

/// Most batches on a disk: those of both recordings, and the one written to an image.
const BATCHES_MOST: usize = 25;

/// More than there are cores: opening a store waits for its threads.
const WORKERS: u64 = 4;

#[test]
#[ignore = "it does nothing by itself: the other test runs it under strace"]
fn the_process_that_is_recorded() {
    run_if_told(|dir, boot, done| match done {
        0 => writer::begin(dir, boot),
        done => writer::go_on(dir, boot, done),
    });
}

#[test]
fn what_a_power_cut_leaves_holds_all_that_was_acknowledged() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let seed = setting("POWER_CUT_SEED", 1);
    let images = setting("POWER_CUT_IMAGES", IMAGES);
    let first = Recording::of_a_new_store(&make(&dir, "first"));
    let mut walk = first.walk();
    walk.go_to(first.last_write_to_the_journal());
    let left = walk.disk.image(Fate::Kept, &mut Random::new(seed, [0, 0]));
    let second = Recording::of_a_store_that_goes_on(&make(&dir, "second"), left, walk.acknowledged.unwrap());
    let test = PowerCuts { seed, images, answers: Answers::of_the_reference(BATCHES_MOST), dir: scratch() };
    let mut all = Counts::default();
    for (number, recording) in (1..).zip([first, second]) {
        let counts = test.of(&recording, number);
        println!("recording {number}, cut at {} moments, seed {seed}:\n{counts}", recording.moments());
        all.add(counts);
    }
    all.assert_all_happened();
    println!("{} images of a power cut held", 2 * images);
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn make(dir: &TempDir, name: &str) -> PathBuf {
    let path = dir.path().join(name);
    fs::create_dir(&path).unwrap();
    path
}

/// The folder of the images: in memory if possible, because the syncs of this test need not reach a
/// disk.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm")
        .unwrap_or_else(|_| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap())
}

/// The power cuts of a test.
struct PowerCuts {
    seed: u64,
    /// How many of each recording.
    images: u64,
    answers: Answers,
    dir: TempDir,
}

impl PowerCuts {
    /// Cuts the power at each moment of a recording, and checks the images.
    fn of(&self, recording: &Recording, number: u64) -> Counts {
        thread::scope(|scope| {
            let work = |worker| move || self.each_of(recording, number, worker);
            let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(work(worker))).collect();
            let mut all = Counts::default();
            let counts =
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            counts.for_each(|counts| all.add(counts));
            all
        })
    }

    /// Does a worker's share of these.
    fn each_of(&self, recording: &Recording, number: u64, worker: u64) -> Counts {
        let dir = self.dir.path().join(worker.to_string());
        let mut counts = Counts::default();
        let mut walk = recording.walk();
        let step = usize::try_from(WORKERS).unwrap();
        for image in (worker..self.images).step_by(step) {
            walk.go_to(usize::try_from(image * recording.moments() / self.images).unwrap());
            let (fate, left) = Self::cut(recording, &walk, &mut Random::new(self.seed, [number, image]));
            match catch_unwind(AssertUnwindSafe(|| left.check(&dir, &self.answers))) {
                Ok(found) => counts.count(fate, walk.disk.is_synced(), &found),
                Err(panic) => {
                    println!("in image {image} ({fate:?}) of recording {number}, {walk}");
                    resume_unwind(panic);
                }
            }
        }
        counts
    }

    /// Chooses the fate of all changes that are not synced at a moment.
    fn cut<'a>(recording: &'a Recording, walk: &Walk<'_>, random: &mut Random) -> (Fate, Left<'a>) {
        use Fate::{Dropped, Kept, Scattered, Torn};
        let fate = random.one_of(&[Dropped, Torn, Torn, Scattered, Scattered, Kept]);
        let image = walk.disk.image(fate, random);
        let boot = match fate {
            Kept => Some(recording.boot),
            Dropped | Torn | Scattered => random.one_of(&[Some("a later boot"), Some("a later boot"), None]),
        };
        let index_is_unsound = fate != Kept && walk.index_is_pending();
        let (acknowledged, close) = (walk.acknowledged, random.percent(50));
        (fate, Left { recording, image, acknowledged, boot, index_is_unsound, close })
    }
}
