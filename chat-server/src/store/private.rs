//! Permissions of what the store keeps: for its owner alone, whatever the umask.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Permissions of a directory.
const DIRECTORY: u32 = 0o700;

/// Permissions of a file.
const FILE: u32 = 0o600;

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Names of everything that a server keeps in its data directory. Its drafts have names that go on from these.
const OURS: [&str; 7] = ["admin.sock", "index", "journal", "jwt-secret", "lock", "state", "webhook"];

/// Endings of the names of drafts, and of what was set aside.
const DRAFTS: [&str; 3] = [".new", ".partial", ".bad-"];

/// What may stand in a data directory that is ours all the same: the root of a file system has it.
const OF_THE_FILE_SYSTEM: &str = "lost+found";

/// Makes a directory, and those above it that are missing, for the owner alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)
}

/// Options by which a file that is created is for its owner alone.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Creates a file, or empties the one that is there.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().write(true).create(true).truncate(true).open(path)
}

/// Takes every permission of others away from what is ours in a data directory, which may have been made by an earlier
/// version, or by hand under the usual umask.
///
/// The directory itself is changed only if nothing else is in it: a directory that is shared with other programs, as
/// `/tmp` is, stays as it is. What can't be changed is reported and left: the server works all the same.
pub(super) fn tighten(dir: &Path) {
    let is_shared = match tighten_ours(dir) {
        Ok(is_shared) => is_shared,
        Err(error) => return tracing::warn!(%error, "can't look at the permissions in {}", dir.display()),
    };
    match is_shared {
        false => take_from_others(dir),
        true if is_open(dir) => tracing::warn!(
            "others can list {}, which holds more than the chat: give the chat a directory of its own",
            dir.display()
        ),
        true => {}
    }
}

/// Tightens what is ours, and tells whether there is anything else.
fn tighten_ours(dir: &Path) -> io::Result<bool> {
    let mut is_shared = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        match name.to_str().is_some_and(is_ours) {
            true => tighten_tree(&entry.path())?,
            false => is_shared |= name != OF_THE_FILE_SYSTEM,
        }
    }
    Ok(is_shared)
}

/// Whether a server keeps something under this name.
fn is_ours(name: &str) -> bool {
    OURS.iter()
        .filter_map(|ours| name.strip_prefix(ours))
        .any(|rest| rest.is_empty() || DRAFTS.iter().any(|draft| rest.starts_with(draft)))
}

/// Tightens a file, or a directory with all in it. Links within are not followed.
pub(super) fn tighten_tree(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        // What sled or a server that stops removes meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if kind.is_symlink() {
        return Ok(());
    }
    take_from_others(path);
    if kind.is_dir() {
        for entry in fs::read_dir(path)? {
            tighten_tree(&entry?.path())?;
        }
    }
    Ok(())
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & OTHERS != 0)
}

fn take_from_others(path: &Path) {
    let tightened = fs::metadata(path).and_then(|found| {
        let mode = found.permissions().mode();
        match mode & OTHERS {
            0 => Ok(()),
            _ => fs::set_permissions(path, Permissions::from_mode(mode & !OTHERS)),
        }
    });
    if let Err(error) = tightened {
        tracing::warn!(%error, "others may look into {}, and its permissions can't be changed", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_ours_in_a_directory_of_others_is_closed_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("shared");
        fs::create_dir_all(data.join("journal")).unwrap();
        let (ours, other) = (data.join("journal/1.log"), data.join("notes.txt"));
        for file in [&ours, &other] {
            fs::write(file, "text").unwrap();
            set(file, 0o644);
        }
        set(&data.join("journal"), 0o755);
        set(&data, 0o1777);
        std::os::unix::fs::symlink(&other, data.join("journal/link")).unwrap();
        tighten(&data);
        assert_eq!([mode(&data), mode(&data.join("journal"))], [0o1777, 0o700]);
        assert_eq!([mode(&ours), mode(&other)], [0o600, 0o644]);

        fs::remove_file(&other).unwrap();
        set(&data, 0o755);
        tighten(&data);
        assert_eq!(mode(&data), 0o700);
    }
}
