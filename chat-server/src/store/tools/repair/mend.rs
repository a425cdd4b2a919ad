//! Building a mended journal.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

use super::{Repaired, notes};
use crate::store::disk::SystemDisk;
use crate::store::error::OpenError;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::private;
use crate::store::write::journal::{
    End, Erasing, ErasingStep, Groups, Hole, Location, Reader, SEGMENT_HEADER, salvage, segment_path,
    segments,
};

/// A mended journal under construction. Its files are links to those of the damaged one until they
/// are changed. Removed on drop unless kept.
pub(super) struct Mended {
    dir: PathBuf,
    is_kept: bool,
}

impl Mended {
    /// Links the files of a journal into a new directory.
    pub(super) fn begin(journal: &Path, dir: &Path) -> Result<Self, OpenError> {
        private::make_dir(dir).map_err(OpenError::io("create", dir))?;
        let mended = Self { dir: dir.to_owned(), is_kept: false };
        link_all(journal, dir).map_err(OpenError::io("link the journal into", dir))?;
        Ok(mended)
    }

    /// Mends the journal. Returns the last position that the damaged one proves.
    pub(super) fn mend(
        &self,
        journal: &Path,
        from: Option<&Path>,
        repaired: &mut Repaired,
    ) -> Result<Position, OpenError> {
        notes::mend(&self.dir, from, repaired)?;
        let damaged = salvage(journal, &mut |_, _| Ok(()))?;
        let was_synced = |hole: &&Hole| hole.was_synced;
        repaired.flaws.extend(damaged.holes.iter().filter(was_synced).map(|hole| hole.what.clone()));
        if let Some(from) = from {
            let behind_all = Hole::behind(damaged.end);
            for hole in damaged.holes.iter().chain([&behind_all]) {
                repaired.healed += usize::from(self.take_from(from, hole)? && hole.before != damaged.end);
            }
        }
        for hole in salvage(&self.dir, &mut |_, _| Ok(()))?.holes {
            if hole.is_texts {
                self.erase_damaged(&hole, repaired)?;
            }
        }
        let left = salvage(&self.dir, &mut |_, _| Ok(()))?;
        if let Some(hole) = left.holes.iter().find(|hole| hole.was_synced) {
            self.cut(hole.before)?;
        }
        Ok(damaged.end.position.max(left.end.position))
    }

    /// Keeps the directory.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }

    /// Copies the bytes of a hole from another journal, if that journal continues from the same
    /// record up to the same one. Texts that were erased stay erased.
    fn take_from(&self, from: &Path, hole: &Hole) -> Result<bool, OpenError> {
        let Some(until) = sound_until(from, hole)? else { return Ok(false) };
        let erased = Erasing::read(&self.dir)?.map(|erasing| erasing.done).unwrap_or_default();
        let keeping = Keeping::read(&self.dir)?;
        let mut names = segments(from).map_err(OpenError::io("list", from))?;
        names.retain(|name| (hole.before.segment..=until.segment).contains(name));
        for name in names {
            let start = if name == hole.before.segment { hole.before.offset } else { 0 };
            let source = segment_path(from, name);
            let length = source.metadata().map_err(OpenError::io("read", &source))?.len();
            let end = if name == until.segment { until.offset } else { length };
            let is_whole = hole.behind.is_none_or(|behind| behind.segment != name);
            let target = self.own(name)?;
            copy_range(&source, &target, start..end, is_whole).map_err(OpenError::io("heal", &target))?;
            if end > SEGMENT_HEADER {
                let until = End { segment: name, offset: end, ..until };
                let step = ErasingStep { from: start.max(SEGMENT_HEADER), until, of: None };
                let is_past = (name, end) <= (erased.segment, erased.offset);
                let mut messages = step.messages(&self.dir)?;
                messages.retain(|message| keeping.is_erased(message, is_past));
                step.erase(&SystemDisk, &self.dir, &messages)?;
            }
        }
        Ok(true)
    }

    /// Erases the texts of a hole that can't be read, and only these.
    fn erase_damaged(&self, hole: &Hole, repaired: &mut Repaired) -> Result<(), OpenError> {
        let Some(until) = hole.behind else { return Ok(()) };
        let from = if hole.before.segment == until.segment { hole.before.offset } else { SEGMENT_HEADER };
        let step = ErasingStep { from, until, of: None };
        let (reader, segment) = (Reader::new(&self.dir), until.segment);
        let mut messages = step.messages(&self.dir)?;
        messages.retain(|message| {
            let offset = u32::try_from(message.offset).expect("segments are shorter than 4 GiB");
            reader.read(Location { segment, offset }).is_err()
        });
        self.own(until.segment)?;
        step.erase(&SystemDisk, &self.dir, &messages)?;
        repaired.texts.extend(messages.into_iter().map(|message| (message.conversation, message.seq)));
        Ok(())
    }

    /// Ends the journal here.
    fn cut(&self, end: End) -> Result<(), OpenError> {
        for name in segments(&self.dir).map_err(OpenError::io("list", &self.dir))? {
            let path = segment_path(&self.dir, name);
            if name > end.segment {
                fs::remove_file(&path).map_err(OpenError::io("remove", &path))?;
            } else if name == end.segment {
                let path = self.own(name)?;
                let cut = OpenOptions::new().write(true).open(&path).and_then(|file| {
                    file.set_len(end.offset)?;
                    file.sync_all()
                });
                cut.map_err(OpenError::io("cut", &path))?;
            }
        }
        match Erasing::read(&self.dir)? {
            Some(erasing) if erasing.done.position > end.position || erasing.step.is_some() => {
                let done = if erasing.done.position > end.position { end } else { erasing.done };
                Erasing::new(done, None).write(&self.dir)
            }
            _ => Ok(()),
        }
    }

    /// Replaces the link to a segment by a copy that may be changed. Creates a missing one.
    fn own(&self, name: u64) -> Result<PathBuf, OpenError> {
        let path = segment_path(&self.dir, name);
        let draft = path.with_extension("draft");
        let copied = (|| {
            let mut draft_file = private::create(&draft)?;
            match File::open(&path) {
                Ok(mut linked) => drop(io::copy(&mut linked, &mut draft_file)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            draft_file.sync_all()?;
            fs::rename(&draft, &path)
        })();
        copied.map_err(OpenError::io("copy", &path))?;
        Ok(path)
    }
}

impl Drop for Mended {
    fn drop(&mut self) {
        if !self.is_kept {
            // It is of no use, and the next attempt takes another name.
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}

/// The end up to which another journal is sound from the begin of a hole: the hole's end, or the
/// journal's last one behind everything. `None` if the journal does not fit.
fn sound_until(from: &Path, hole: &Hole) -> Result<Option<End>, OpenError> {
    let mut groups = Groups::after(from, hole.before)?;
    let mut reached = None;
    loop {
        if let Some(behind) = hole.behind
            && reached.unwrap_or(hole.before).position >= behind.position
        {
            let fits =
                reached.is_none_or(|end: End| (end.position, end.chain) == (behind.position, behind.chain));
            return Ok(fits.then_some(behind));
        }
        match groups.next_group() {
            Ok(Some((end, _))) => reached = Some(end),
            Ok(None) | Err(OpenError::Damaged(_)) => return Ok(reached.filter(|_| hole.behind.is_none())),
            Err(error) => return Err(error),
        }
    }
}

/// Links the segments of a journal into another directory, and copies its other files, and segments
/// where links are not supported.
fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let is_segment = target.extension().is_some_and(|extension| extension == "log");
        if !is_segment || fs::hard_link(entry.path(), &target).is_err() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Copies a range of bytes to the same place of another file, which then ends there if `last`.
fn copy_range(from: &Path, to: &Path, range: Range<u64>, last: bool) -> io::Result<()> {
    const STEP: u64 = 1 << 20;
    let (source, target) = (File::open(from)?, OpenOptions::new().write(true).open(to)?);
    let mut offset = range.start;
    while offset < range.end {
        let mut bytes = vec![0; usize::try_from((range.end - offset).min(STEP)).unwrap_or_default()];
        source.read_exact_at(&mut bytes, offset)?;
        target.write_all_at(&bytes, offset)?;
        offset += bytes.len() as u64;
    }
    if last {
        target.set_len(range.end)?;
    }
    target.sync_all()
}
