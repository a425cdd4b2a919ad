//! Opening: from the remains of a crash, a power cut or a restored backup to a usable store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::id::{Epoch, NONCE_BYTES, Nonce};
use chat_core::store::{Event, Position, UnavailableError};

use crate::store::disk::Disk;
use crate::store::error::OpenError;
use crate::store::index::build::{ReplayError, replay};
use crate::store::index::files::set_aside;
use crate::store::index::{Index, OpenedIndex};
use crate::store::lifecycle::keeping::Keeping;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::presence::{Presence, missing};
use crate::store::lifecycle::retention::{self, RetentionError};
use crate::store::lifecycle::space::is_full;
use crate::store::lifecycle::state::{BACKUP, STATE, StoreState};
use crate::store::options::{IndexReport, OpenReport, Options, Progress};
use crate::store::private;
use crate::store::read::index_slot::Present;
use crate::store::write::journal::{End, Erasing, Journal, KnownEnd, Recovered, newest_time, recover};

/// A store whose journal and index agree.
pub(in crate::store) struct Parts {
    pub(in crate::store) lock: Lock,
    pub(in crate::store) journal: Journal,
    /// The error if the disk is too full. The index is then built as soon as the disk has room.
    pub(in crate::store) index: Present,
    pub(in crate::store) report: OpenReport,
}

/// The place of a store, and the options for opening it.
struct StoreOpening<'a> {
    dir: &'a Path,
    journal: PathBuf,
    index: PathBuf,
    options: &'a Options,
}

/// The index found on disk.
enum Found {
    /// A usable index, with its end.
    Usable(Arc<Index>, End),
    /// No usable index. `end` is a synced end of the journal that the unusable one still proves.
    Useless { why: String, end: Option<End> },
}

/// Opens or creates the store in this directory.
///
/// The journal is not changed before its check has succeeded.
pub(in crate::store) fn open(dir: &Path, options: &Options) -> Result<Parts, OpenError> {
    if StoreState::read(dir, BACKUP)?.is_some() {
        return Err(OpenError::Backup { dir: dir.to_owned() });
    }
    if !options.begin && Presence::of(dir)? != Presence::Store {
        return Err(missing(dir));
    }
    let journal = dir.join("journal");
    make_directories(&*options.disk, &journal).map_err(OpenError::io("create", &journal))?;
    let opening = StoreOpening { dir, journal, index: dir.join("index"), options };
    let lock = Lock::take(dir)?;
    private::tighten(dir);
    let state = StoreState::read(dir, STATE)?;
    let found = opening.find_index(state.as_ref())?;
    let Recovered { end, cut } = opening.recover(state.as_ref(), &found)?;
    let written = end.filter(|end| end.position.0 > 0);
    let new_epoch = written.and_then(|_| opening.doubt(state.as_ref(), &found));
    let journal = opening.open_journal(end, new_epoch)?;
    let end_now = journal.end();
    let (index, index_report) = opening.bring_index(found, end_now.position)?;
    if let Ok(index) = &index {
        let completed = retention::complete(dir, &*options.disk, index).map_err(|error| match error {
            RetentionError::Journal(error) => error,
            error => OpenError::Index { dir: opening.index.clone(), what: error.to_string() },
        });
        // Retention repeats the noted step.
        unless_full(dir, completed)?;
    }
    // If the disk is full, the older state stays and is still true: an earlier end, or an unclean
    // stop.
    unless_full(dir, write_state(dir, options, end_now, false))?;
    Erasing::keep_spare(&opening.journal);
    Keeping::tell_damage(&opening.journal);
    let created = written.is_none();
    let newest = newest_time(&opening.journal)?;
    let report =
        OpenReport { created, cut, newest, new_epoch, index: index_report, position: end_now.position };
    tracing::info!(created, position = end_now.position.0, "opened the store");
    Ok(Parts { lock, journal, index, report })
}

/// Ignores a failure caused by a full disk.
fn unless_full(dir: &Path, done: Result<(), OpenError>) -> Result<(), OpenError> {
    match done {
        Err(error @ (OpenError::Index { .. } | OpenError::Io { .. })) if is_full(dir) => {
            tracing::warn!(%error, "the disk is full: opening the store without this step");
            Ok(())
        }
        done => done,
    }
}

/// Removes the file `state` durably. Without it no index is trusted.
fn forget_state(dir: &Path) -> Result<(), OpenError> {
    let path = dir.join(STATE);
    let removed = fs::remove_file(&path).and_then(|()| fs::File::open(dir)?.sync_all());
    removed.map_err(OpenError::io("remove", &path))
}

/// Writes the file `state` durably.
pub(in crate::store) fn write_state(
    dir: &Path,
    options: &Options,
    end: End,
    clean: bool,
) -> Result<(), OpenError> {
    let state = StoreState::new(clean, options.boot_id.clone(), end).of(&dir.join("journal"));
    state.write(dir, STATE).map_err(OpenError::io("write the state of the store in", dir))
}

impl StoreOpening<'_> {
    fn find_index(&self, state: Option<&StoreState>) -> Result<Found, OpenError> {
        let useless = |why: &str, end| Found::Useless { why: why.to_owned(), end };
        if let Some(state) = state.filter(|state| state.clean) {
            // Sled writes as soon as it is open, and so does building an index. If the machine
            // stops before the end of this start, the next start must not take the index for a
            // cleanly closed one.
            let unclean = state.clone().opened(self.options.boot_id.clone());
            let written = unclean.write(self.dir, STATE);
            match written.map_err(OpenError::io("write the state of the store in", self.dir)) {
                Err(error) if is_full(self.dir) => {
                    tracing::warn!(%error, "the disk is full: removing the file `state` instead of rewriting it");
                    forget_state(self.dir)?;
                }
                written => written?,
            }
        }
        if !self.index.try_exists().map_err(OpenError::io("look for", &self.index))? {
            return Ok(useless("there was none", None));
        }
        if self.options.fresh_index {
            return Ok(useless("that was asked for", None));
        }
        let boot = &self.options.boot_id;
        if state.is_some_and(|state| !state.clean && (boot.is_none() || state.boot_id != *boot)) {
            return Ok(useless("the machine was restarted without closing the store", None));
        }
        let index = match Index::open(&self.index, self.options.index_cache_bytes)? {
            OpenedIndex::Index(index) => index,
            OpenedIndex::Unusable(why) => return Ok(useless(&why, None)),
        };
        match index.end() {
            Ok(end) if state.is_none() => Ok(useless("the file `state` is missing", Some(end))),
            Ok(end) => Ok(Found::Usable(index, end)),
            Err(unavailable) => Ok(useless(&unavailable.reason, None)),
        }
    }

    fn recover(&self, state: Option<&StoreState>, found: &Found) -> Result<Recovered, OpenError> {
        let (index_end, whole_from) = match found {
            Found::Usable(_, end) => (Some(*end), end.segment),
            Found::Useless { end, .. } => (*end, 0),
        };
        let state = state.map(|state| KnownEnd { name: "the file `state`", end: state.end });
        let index = index_end.map(|end| KnownEnd { name: "the index", end });
        let witnesses: Vec<_> =
            state.into_iter().chain(index).filter(|witness| witness.end.position.0 > 0).collect();
        let progress = |position| self.options.observer.tell(Progress::Checked(position));
        let begin = self.options.begin;
        let recovered =
            recover(&*self.options.disk, &self.journal, &witnesses, whole_from, begin, &progress)?;
        if recovered.end.is_none() && !begin { Err(missing(self.dir)) } else { Ok(recovered) }
    }

    /// The reason to doubt that this journal has everything that clients were told. Another one may
    /// have gone on from the same records.
    fn doubt(&self, state: Option<&StoreState>, found: &Found) -> Option<&'static str> {
        match (state, found) {
            (Some(state), _) => state.is_copied(&self.journal).then_some("the data directory is a copy"),
            // On a full disk, a start may have removed the file `state`.
            (None, Found::Usable(..) | Found::Useless { end: Some(_), .. }) => None,
            (None, Found::Useless { .. }) => Some("the journal was put here, without `state` and `index`"),
        }
    }

    /// Opens the journal for writing. A new journal begins with its epoch, and a doubtful one goes
    /// on with another.
    fn open_journal(&self, end: Option<End>, doubt: Option<&str>) -> Result<Journal, OpenError> {
        let Options { disk, segment_bytes, .. } = self.options;
        let begun =
            Journal::open(disk.clone(), &self.journal, end, *segment_bytes).and_then(|mut journal| {
                if journal.end().position.0 == 0 || doubt.is_some() {
                    begin_epoch(&mut journal)?;
                }
                Ok(journal)
            });
        begun.map_err(OpenError::io("begin", &self.journal))
    }

    /// The index at the journal's end, or the error if the disk is too full.
    fn bring_index(&self, found: Found, last: Position) -> Result<(Present, IndexReport), OpenError> {
        match self.try_index(found, last) {
            Ok((index, report)) => Ok((Ok(index), report)),
            Err(error @ (OpenError::Index { .. } | OpenError::Io { .. })) if is_full(self.dir) => {
                let why = error.to_string();
                tracing::error!(
                    why,
                    "the disk is full: nothing can be read before there is room for the index"
                );
                Ok((Err(UnavailableError::new(why.clone())), IndexReport::Missing { why }))
            }
            Err(error) => Err(error),
        }
    }

    fn try_index(&self, found: Found, last: Position) -> Result<(Arc<Index>, IndexReport), OpenError> {
        let why = match found {
            Found::Usable(index, end) => match self.replay(&index, last) {
                Ok(()) if end.position == last => return Ok((index, IndexReport::Current)),
                Ok(()) => return Ok((index, IndexReport::Replayed(end.position))),
                Err(ReplayError::Journal(error)) => return Err(error),
                Err(ReplayError::Index(unavailable)) => unavailable.reason,
            },
            Found::Useless { why, .. } => why,
        };
        tracing::info!(why, last = last.0, "building the index anew from the journal");
        set_aside(&self.index).map_err(OpenError::io("set aside", &self.index))?;
        self.trust_this_boot()?;
        let index = Arc::new(Index::create(&self.index, self.options.index_cache_bytes)?);
        match self.replay(&index, last) {
            Ok(()) => Ok((index, IndexReport::Rebuilt { why })),
            Err(ReplayError::Journal(error)) => Err(error),
            Err(ReplayError::Index(unavailable)) => {
                Err(OpenError::Index { dir: self.index.clone(), what: unavailable.reason })
            }
        }
    }

    /// Notes before an index is built that it is of this boot, so that the next start goes on with
    /// it after an interruption. Without a state there is nothing to note.
    fn trust_this_boot(&self) -> Result<(), OpenError> {
        let Some(state) = StoreState::read(self.dir, STATE)? else { return Ok(()) };
        let written = state.opened(self.options.boot_id.clone()).write(self.dir, STATE);
        unless_full(self.dir, written.map_err(OpenError::io("write the state of the store in", self.dir)))
    }

    fn replay(&self, index: &Arc<Index>, last: Position) -> Result<(), ReplayError> {
        replay(index, &self.journal, last, self.options.replay_batch, &|reached| {
            tracing::info!(reached = reached.0, last = last.0, "replaying the journal into the index");
            self.options.observer.tell(Progress::Replayed(reached, last));
            true
        })
    }
}

/// Creates missing directories, and syncs their names. The last two are synced in any case, because
/// an interrupted start may have created them.
fn make_directories(disk: &dyn Disk, journal: &Path) -> io::Result<()> {
    let made = journal.ancestors().take_while(|path| !path.exists()).count().max(2);
    private::make_dir(journal)?;
    for holder in journal.ancestors().skip(1).take(made) {
        let holder = if holder.as_os_str().is_empty() { Path::new(".") } else { holder };
        disk.sync_directory(holder)?;
    }
    Ok(())
}

/// Writes the begin of an epoch durably.
pub(in crate::store) fn begin_epoch(journal: &mut Journal) -> io::Result<Epoch> {
    let epoch = random_epoch()?;
    let mut group = journal.begin().map_err(io::Error::other)?;
    group.push(&Event::EpochBegun { epoch: epoch.clone() }, None).map_err(io::Error::other)?;
    journal.commit(group).map_err(io::Error::other)?;
    Ok(epoch)
}

/// A random epoch, unlike that of any other store.
pub(crate) fn random_epoch() -> io::Result<Epoch> {
    let mut nonce = Nonce([0; NONCE_BYTES]);
    getrandom::fill(&mut nonce.0)?;
    Ok(Epoch::from(nonce.to_string()))
}
