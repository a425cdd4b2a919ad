//! Verification: the journal's chain, the invariants of each record, and the index against both.
//!
//! Nothing is changed. The index that the journal implies is built in a temporary directory, and
//! invariants are checked on it; memory does not grow with the store. The present index is copied
//! before it is opened, because sled writes on opening.

mod compare;
mod finding;
mod invariants;
mod orders;
mod work;

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use chat_core::store::{Event, Position, UnavailableError};
use tempfile::TempDir;

pub use finding::FindingError;

use crate::store::error::OpenError;
use crate::store::index::apply::Applier;
use crate::store::index::view::View;
use crate::store::index::{Index, OpenedIndex};
use crate::store::keys;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::state::{BACKUP, STATE, StoreState};
use crate::store::options::Options;
use crate::store::write::journal::{
    ChainHead, End, Erasing, JournalSize, KnownEnd, Location, Record, TornTail, inspect,
};
use crate::store::write::memtable::MemTableSnapshot;
use compare::{CompareError, compare, compare_client_id};
use finding::Findings;
use invariants::{Before, names_teams};

/// Writes after which the implied index is extended.
const BATCH: usize = 4_096;

/// The extent of a verification.
#[derive(Clone, Debug, Default)]
pub struct Checks {
    /// Whether to check the journal only. Beside a running server nothing else is possible.
    pub journal_only: bool,
    /// Heads noted earlier.
    pub expected: Vec<ChainHead>,
}

/// The result of a verification.
#[derive(Debug)]
pub struct Verified {
    /// The head of the chain, as far as the journal is intact; `None` without any record.
    pub head: Option<ChainHead>,
    /// Records with erased content.
    pub erased: u64,
    /// The journal's segments.
    pub segments: usize,
    /// The position up to which the index was compared, or the reason for not comparing it.
    pub index: Result<Position, &'static str>,
    /// Unacknowledged bytes beyond the end.
    pub tail: Option<TornTail>,
    /// The first findings.
    pub findings: Vec<FindingError>,
    /// The number of findings.
    pub count: u64,
}

/// Verifies a data directory that no server has open, or a backup.
///
/// `progress` receives the bytes of the journal done, and their total.
///
/// # Errors
///
/// [`OpenError`] if verification was impossible. A flaw of the store is a [`FindingError`], not an
/// error.
pub fn verify(dir: &Path, checks: &Checks, progress: &dyn Fn(u64, u64)) -> Result<Verified, OpenError> {
    let _lock = if checks.journal_only { None } else { Lock::take_existing(dir)? };
    let journal = dir.join("journal");
    let size = JournalSize::of(&journal).map_err(OpenError::io("list", &journal))?;
    let scratch = scratch()?;
    let mut findings = Findings::default();
    let state = found(StoreState::read(dir, STATE), &mut findings)?.flatten();
    let backup = found(StoreState::read(dir, BACKUP), &mut findings)?.flatten();
    found(Erasing::read(&journal), &mut findings)?;
    found(Keeping::read(&journal), &mut findings)?;
    let index = if checks.journal_only {
        Err("it was not asked for")
    } else {
        find_index(dir, state.as_ref(), &scratch, &mut findings)?
    };
    let state_end = state.map(|state| KnownEnd { name: "the file `state`", end: state.end });
    let backup_end = backup.map(|backup| KnownEnd { name: "the file `backup`", end: backup.end });
    let index_end = index.as_ref().ok().map(|(_, end)| KnownEnd { name: "the index", end: *end });
    let witnesses: Vec<_> = state_end
        .into_iter()
        .chain(backup_end)
        .chain(index_end)
        .filter(|known| known.end.position.0 > 0)
        .collect();
    let mut walk = VerifyWalk::begin(&scratch, index, checks, findings)?;
    let inspected = inspect(&journal, &witnesses, 0, &mut |end, records| {
        progress(size.before(end), size.bytes);
        walk.group(end, records)
    });
    let inspected = found(inspected, &mut walk.findings)?;
    Ok(Verified {
        tail: inspected.and_then(|inspected| inspected.tail).map(|tail| tail.describe()),
        segments: size.segments(),
        ..walk.end()
    })
}

/// The ends of the journal that the file `state` and the index know to be synced.
pub(in crate::store::tools) fn known_ends(dir: &Path) -> Result<Vec<KnownEnd>, OpenError> {
    let scratch = scratch()?;
    let mut findings = Findings::default();
    let state = found(StoreState::read(dir, STATE), &mut findings)?.flatten();
    let index = find_index(dir, state.as_ref(), &scratch, &mut findings)?;
    let state = state.map(|state| KnownEnd { name: "the file `state`", end: state.end });
    let index = index.ok().map(|(_, end)| KnownEnd { name: "the index", end });
    Ok(state.into_iter().chain(index).filter(|known| known.end.position.0 > 0).collect())
}

fn scratch() -> Result<TempDir, OpenError> {
    let scratch = tempfile::Builder::new().prefix("chat-verify-").tempdir();
    scratch.map_err(OpenError::io("make a directory in", &std::env::temp_dir()))
}

/// Turns an error about a flaw of the store into a finding.
fn found<T>(result: Result<T, OpenError>, findings: &mut Findings) -> Result<Option<T>, OpenError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(wrong @ (OpenError::Damaged(_) | OpenError::Lost { .. } | OpenError::State { .. })) => {
            findings.add(FindingError::Journal(wrong));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// An index with its end, or the reason for having none.
type FoundIndex = Result<(Arc<Index>, End), &'static str>;

fn find_index(
    dir: &Path,
    state: Option<&StoreState>,
    scratch: &TempDir,
    findings: &mut Findings,
) -> Result<FoundIndex, OpenError> {
    let options = Options::default();
    let (index, copy) = (dir.join("index"), scratch.path().join("index"));
    if !index.try_exists().map_err(OpenError::io("look for", &index))? {
        return Ok(Err("there is none: it is built at the next start"));
    }
    let boot = &options.boot_id;
    if state.is_none_or(|state| !state.clean && (boot.is_none() || state.boot_id != *boot)) {
        return Ok(Err("the last stop was not clean, and the next start rebuilds the index"));
    }
    // A damaged note is a finding of its own.
    if let Ok(Some(Erasing { step: Some(_), .. })) = Erasing::read(&dir.join("journal")) {
        return Ok(Err("retention was interrupted, and the next start completes the step"));
    }
    copy_dir(&index, &copy).map_err(OpenError::io("copy to the temporary directory (TMPDIR)", &index))?;
    open_copy(&copy, &options, findings)
}

/// Opens the copy of an index. An index that can't be used is a finding.
fn open_copy(copy: &Path, options: &Options, findings: &mut Findings) -> Result<FoundIndex, OpenError> {
    let opened = match Index::open(copy, options.index_cache_bytes)? {
        OpenedIndex::Index(index) => {
            index.end().map(|end| (index, end)).map_err(|unavailable| unavailable.reason)
        }
        OpenedIndex::Unusable(why) => Err(why),
    };
    Ok(match opened {
        Ok((_, end)) if end.position.0 == 0 => Err("it is empty: the next start builds it"),
        Ok(opened) => Ok(opened),
        Err(why) => {
            findings.add(FindingError::Index(why));
            Err("it can't be used")
        }
    })
}

fn copy_dir(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Progress of a verification.
struct VerifyWalk<'a> {
    index: FoundIndex,
    compared: Option<Position>,
    implied: Arc<Index>,
    view: View,
    applier: Applier,
    /// Whether a record has named teams so far.
    knows_teams: bool,
    expected: Vec<ChainHead>,
    head: Option<ChainHead>,
    erased: u64,
    findings: Findings,
    scratch: &'a Path,
}

impl<'a> VerifyWalk<'a> {
    fn begin(
        scratch: &'a TempDir,
        index: FoundIndex,
        checks: &Checks,
        findings: Findings,
    ) -> Result<Self, OpenError> {
        let implied = Index::create(&scratch.path().join("implied"), Options::default().index_cache_bytes)?;
        let implied = Arc::new(implied);
        Ok(Self {
            index,
            compared: None,
            view: View::new(Ok(implied.clone()), MemTableSnapshot::default()),
            implied,
            applier: Applier::default(),
            knows_teams: false,
            expected: checks.expected.clone(),
            head: None,
            erased: 0,
            findings,
            scratch: scratch.path(),
        })
    }

    fn group(&mut self, end: End, records: Vec<(Location, Record)>) -> Result<(), OpenError> {
        for (location, record) in records {
            self.meet(ChainHead { position: record.position, hash: record.hash });
            self.erased += u64::from(record.event.is_erased());
            self.record(location, record).map_err(|unavailable| self.failed(unavailable))?;
        }
        self.applier.keep();
        let is_end_of_index = self.index.as_ref().is_ok_and(|(_, known)| known.position == end.position);
        if is_end_of_index || self.view.writes() >= BATCH {
            let applied = self.implied.apply(self.view.take_writes(), end, || ());
            applied.map_err(|unavailable| self.failed(unavailable))?;
        }
        if is_end_of_index { self.compare(end) } else { Ok(()) }
    }

    /// Compares a head with the expected one at its position.
    fn meet(&mut self, head: ChainHead) {
        self.head = Some(head);
        for expected in self.expected.extract_if(.., |expected| expected.position == head.position) {
            if expected != head {
                let found = format!("{} is now", head.hash);
                self.findings.add(FindingError::Expected { expected, found });
            }
        }
    }

    fn record(&mut self, location: Location, mut record: Record) -> Result<(), UnavailableError> {
        self.knows_teams |= names_teams(&record.event);
        let mut before =
            Before { applier: &mut self.applier, view: &self.view, knows_teams: self.knows_teams };
        if let Err(wrong) = before.check(&record)? {
            self.findings.add(FindingError::Record { position: record.position, what: wrong.what });
            if wrong.unusable {
                return Ok(());
            }
        }
        self.original(location, &record.event);
        self.applier.replay(&mut self.view, &mut record, location)
    }

    /// Looks up a client message id in the index, up to its end. The index may have more ids than
    /// implied, because they are written before its end.
    fn original(&mut self, location: Location, event: &Event) {
        if let (Ok((index, _)), Some((user, id)), None) = (&self.index, event.key(), self.compared) {
            let key = keys::client_id(user, id);
            match index.client_id(&key) {
                Ok(found) => compare_client_id(&key, found, location, &mut self.findings),
                Err(unavailable) => self.findings.add(FindingError::Index(unavailable.reason)),
            }
        }
    }

    fn compare(&mut self, end: End) -> Result<(), OpenError> {
        let Ok((index, _)) = &self.index else { return Ok(()) };
        match compare(index, &self.implied, &mut self.findings) {
            Ok(()) => self.compared = Some(end.position),
            Err(CompareError::Found(unavailable)) => {
                self.findings.add(FindingError::Index(unavailable.reason));
            }
            Err(CompareError::Implied(unavailable)) => return Err(self.failed(unavailable)),
        }
        Ok(())
    }

    fn failed(&self, unavailable: UnavailableError) -> OpenError {
        OpenError::Index { dir: self.scratch.to_owned(), what: unavailable.reason }
    }

    fn end(mut self) -> Verified {
        for expected in std::mem::take(&mut self.expected) {
            let found = match self.head {
                Some(head) => format!("the journal ends with position {}", head.position.0),
                None => "the journal has no record".to_owned(),
            };
            self.findings.add(FindingError::Expected { expected, found });
        }
        let index = match (self.compared, self.index) {
            (Some(position), _) => Ok(position),
            (None, Err(why)) => Err(why),
            (None, Ok(_)) => Err("the journal does not reach it, or it can't be read"),
        };
        let Findings { told, count } = self.findings;
        let (head, erased) = (self.head, self.erased);
        Verified { head, erased, segments: 0, index, tail: None, findings: told, count }
    }
}
