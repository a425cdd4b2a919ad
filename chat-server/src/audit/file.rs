//! The files of the trail, bounded in size: the oldest gives way.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::DIRECTORY;
use super::queue::Sink;
use crate::store::private;

/// Number of files over which the lines of clients are spread.
const PARTS: u64 = 16;

/// Bytes of `acts.jsonl`, at most. A full file becomes `acts-1.jsonl`, in place of an older one.
const ACTS_BYTES: u64 = 8 << 20;

/// The lines of clients: numbered files, of which one is written.
pub(super) struct LineFiles {
    dir: PathBuf,
    /// Bytes of one file, at most, unless a single batch has more.
    part_bytes: u64,
    current: Option<Current>,
}

struct Current {
    number: u64,
    file: File,
    bytes: u64,
}

impl LineFiles {
    /// Files in this data directory, of at most `bytes` in total.
    pub(super) fn new(data_dir: &Path, bytes: u64) -> Self {
        let mut files =
            Self { dir: data_dir.join(DIRECTORY), part_bytes: (bytes / PARTS).max(1), current: None };
        // After a failure the first line tries again, and reports it.
        files.current = files.open().ok();
        files
    }

    /// The newest file, or a new one.
    fn open(&self) -> io::Result<Current> {
        private::make_one_dir(&self.dir)?;
        let number = numbers(&self.dir)?.last().copied().unwrap_or(1);
        self.open_number(number)
    }

    fn open_number(&self, number: u64) -> io::Result<Current> {
        let mut file = append(&path(&self.dir, number))?;
        end_line(&mut file)?;
        let bytes = file.metadata()?.len();
        Ok(Current { number, file, bytes })
    }

    /// Removes the oldest files, to make room for one more.
    fn make_room(&self) -> io::Result<()> {
        let numbers = numbers(&self.dir)?;
        let most = usize::try_from(PARTS - 1).unwrap_or(usize::MAX);
        let surplus = numbers.len().saturating_sub(most);
        numbers[..surplus].iter().try_for_each(|number| fs::remove_file(path(&self.dir, *number)))
    }

    fn try_append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut current = match self.current.take() {
            Some(current) => current,
            None => self.open()?,
        };
        if current.bytes > 0 && current.bytes + lines.len() as u64 > self.part_bytes {
            self.make_room()?;
            current = self.open_number(current.number + 1)?;
        }
        current.file.write_all(lines)?;
        current.bytes += lines.len() as u64;
        self.current = Some(current);
        Ok(())
    }
}

impl Sink for LineFiles {
    /// After a failure the next call opens the file again.
    fn append(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let (now, later) = lines.split_at(piece(lines, self.part_bytes));
            self.try_append(now)?;
            lines = later;
        }
        Ok(())
    }
}

/// The length of the first whole lines that fit into this many bytes, or of the first line.
fn piece(lines: &[u8], most: u64) -> usize {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    if lines.len() <= most {
        return lines.len();
    }
    let ends = |bytes: &[u8]| bytes.iter().rposition(|byte| *byte == b'\n');
    let first = || lines.iter().position(|byte| *byte == b'\n');
    ends(&lines[..most]).or_else(first).map_or(lines.len(), |end| end + 1)
}

/// Appends to the acts of administration. Several programs may do so at once.
pub(super) fn append_act(data_dir: &Path, line: &[u8]) -> io::Result<()> {
    let dir = data_dir.join(DIRECTORY);
    private::make_one_dir(&dir)?;
    private::give_to_owner_of(data_dir, &dir)?;
    let [path, older] = acts(&dir);
    // A lock on the directory keeps two programs from moving the file.
    let lock = File::open(&dir)?;
    lock.lock()?;
    if fs::metadata(&path).is_ok_and(|found| found.len() + line.len() as u64 > ACTS_BYTES) {
        fs::rename(&path, older)?;
    }
    let mut file = append(&path)?;
    private::give_to_owner_of(data_dir, &path)?;
    end_line(&mut file)?;
    file.write_all(line)?;
    file.sync_data()
}

/// The files of acts: the present one and the one before.
pub(super) fn acts(dir: &Path) -> [PathBuf; 2] {
    ["acts.jsonl", "acts-1.jsonl"].map(|name| dir.join(name))
}

fn append(path: &Path) -> io::Result<File> {
    private::options().read(true).append(true).create(true).open(path)
}

/// Ends a line that a crash has torn.
fn end_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}

/// The numbers of the files of lines, in order.
pub(super) fn numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let digits: Option<u64> =
            name.to_str().and_then(|name| name.strip_prefix("lines-")?.strip_suffix(".jsonl")?.parse().ok());
        numbers.extend(digits);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// The file of lines with this number.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("lines-{number:08}.jsonl"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(dir: &Path) -> u64 {
        numbers(dir).unwrap().iter().map(|number| path(dir, *number).metadata().unwrap().len()).sum()
    }

    #[test]
    fn files_never_hold_more_than_their_bound_and_the_newest_lines_stay() {
        let data = tempfile::tempdir().unwrap();
        let dir = data.path().join(DIRECTORY);
        let mut files = LineFiles::new(data.path(), 16_000);
        for number in 0..1_000 {
            if number == 500 {
                files = LineFiles::new(data.path(), 16_000);
            }
            files.append(format!("{number:099}\n").as_bytes()).unwrap();
            assert!(total(&dir) <= 16_000);
        }
        assert!(total(&dir) > 14_000);
        let last = fs::read_to_string(path(&dir, *numbers(&dir).unwrap().last().unwrap())).unwrap();
        assert!(last.ends_with("999\n"));
    }

    #[test]
    fn a_batch_longer_than_a_file_is_split_between_lines() {
        let data = tempfile::tempdir().unwrap();
        let mut files = LineFiles::new(data.path(), 16_000);
        files.append(&b"0123456789abcdef\n".repeat(2_000)).unwrap();
        let dir = data.path().join(DIRECTORY);
        assert!((14_000..=16_000).contains(&total(&dir)));
        for number in numbers(&dir).unwrap() {
            let text = fs::read_to_string(path(&dir, number)).unwrap();
            assert!(text.lines().all(|line| line.len() == 16) && text.ends_with('\n'));
        }
    }

    #[test]
    fn a_line_torn_by_a_crash_spoils_no_other_line() {
        let data = tempfile::tempdir().unwrap();
        LineFiles::new(data.path(), 16_000).append(b"first\ntor").unwrap();
        LineFiles::new(data.path(), 16_000).append(b"next\n").unwrap();
        let text = fs::read_to_string(path(&data.path().join(DIRECTORY), 1)).unwrap();
        assert_eq!(text, "first\ntor\nnext\n");
    }

    #[test]
    fn acts_are_bounded_and_the_newest_stay() {
        let data = tempfile::tempdir().unwrap();
        let line = ["x".repeat(1 << 20).as_bytes(), b"\n"].concat();
        (0..20).for_each(|_| append_act(data.path(), &line).unwrap());
        append_act(data.path(), b"last\n").unwrap();
        let [now, before] = acts(&data.path().join(DIRECTORY));
        assert!(fs::read(&now).unwrap().ends_with(b"last\n"));
        assert!([now, before].iter().all(|path| path.metadata().unwrap().len() <= ACTS_BYTES));
    }
}
