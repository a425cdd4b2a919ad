//! Reading the trail.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use chat_core::time::Timestamp;

use super::DIRECTORY;
use super::file::{acts, numbers, path};
use super::line::AuditLine;

/// The lines found.
#[derive(Debug, Default)]
pub(crate) struct AuditRead {
    /// In the order of their time.
    pub(crate) lines: Vec<AuditLine<'static>>,
    /// The time of the oldest line of clients. Nothing is known of earlier times.
    pub(crate) oldest: Option<Timestamp>,
    /// Wanted lines that were left out, because there are too many.
    pub(crate) left_out: u64,
}

/// Reads the wanted lines of a data directory, at most `most`, while a server may write. Skips torn
/// lines.
///
/// # Errors
///
/// If a file can't be read.
pub(crate) fn read(
    data_dir: &Path,
    most: usize,
    mut wants: impl FnMut(&AuditLine<'_>) -> bool,
) -> io::Result<AuditRead> {
    let dir = data_dir.join(DIRECTORY);
    let numbers = match numbers(&dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(AuditRead::default()),
        numbers => numbers?,
    };
    let mut found = AuditRead::default();
    for file in numbers.iter().map(|number| path(&dir, *number)) {
        each(&file, |line| {
            found.oldest = Some(found.oldest.map_or(line.at, |oldest| oldest.min(line.at)));
            keep(&mut found, most, line, &mut wants);
        })?;
    }
    for file in acts(&dir) {
        each(&file, |line| keep(&mut found, most, line, &mut wants))?;
    }
    found.lines.sort_by_key(|line| line.at);
    Ok(found)
}

fn keep(
    found: &mut AuditRead,
    most: usize,
    line: AuditLine<'static>,
    wants: &mut impl FnMut(&AuditLine<'_>) -> bool,
) {
    if wants(&line) {
        if found.lines.len() < most {
            found.lines.push(line);
        } else {
            found.left_out += 1;
        }
    }
}

/// Passes each line of a file. A file that has just given way has none.
fn each(file: &PathBuf, mut pass: impl FnMut(AuditLine<'static>)) -> io::Result<()> {
    let mut reader = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => BufReader::new(opened?),
    };
    let mut text = Vec::new();
    while reader.read_until(b'\n', &mut text)? > 0 {
        if let Ok(line) = serde_json::from_slice::<AuditLine<'static>>(&text) {
            pass(line);
        }
        text.clear();
    }
    Ok(())
}
