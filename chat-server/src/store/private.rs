//! Permissions of the store's files: for their owner alone, whatever the umask.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use rustix::process::geteuid;

/// Permissions of a directory.
const DIRECTORY: u32 = 0o700;

/// Permissions of a file.
const FILE: u32 = 0o600;

/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Names of everything that a server keeps in its data directory. Names of drafts begin with these.
const OURS: [&str; 11] = [
    "admin.sock",
    "audit",
    "clock",
    "index",
    "journal",
    "jwt-secret",
    "key-set",
    "lock",
    "probe",
    "state",
    "webhook",
];

/// Parts of the names of drafts and of files set aside.
const DRAFTS: [&str; 3] = [".new", ".partial", ".bad-"];

/// A directory that file systems create in their root, allowed beside our own files.
const OF_THE_FILE_SYSTEM: &str = "lost+found";

/// Creates a directory and its missing parents, for the owner alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIRECTORY).create(path)
}

/// Creates a directory for the owner alone, unless it exists. Its parent must exist, because a data
/// directory that was moved away is not begun anew.
pub(crate) fn make_one_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(DIRECTORY).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Options that create a file for its owner alone.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE);
    options
}

/// Creates a file, or truncates an existing one.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    options().write(true).create(true).truncate(true).open(path)
}

/// Gives a path to the owner of a directory, if this program runs as root. The service must be able
/// to use what an administrator has made beside the service's files.
pub(crate) fn give_to_owner_of(dir: &Path, path: &Path) -> io::Result<()> {
    let owner = fs::metadata(dir)?;
    let found = fs::symlink_metadata(path)?;
    if !geteuid().is_root() || (found.uid(), found.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid()))
}

/// Gives a directory with its content to the owner of another one, if this program runs as root.
pub(crate) fn give_tree_to_owner_of(dir: &Path, tree: &Path) -> io::Result<()> {
    give_to_owner_of(dir, tree)?;
    if fs::symlink_metadata(tree)?.is_dir() {
        for entry in fs::read_dir(tree)? {
            give_tree_to_owner_of(dir, &entry?.path())?;
        }
    }
    Ok(())
}

/// Removes the permissions of others from our files in a data directory. An earlier version, or a
/// person with the usual umask, may have created them.
///
/// The directory itself is changed only if nothing else is in it: a shared directory, like `/tmp`,
/// stays unchanged. Failures are logged, and the server works all the same.
pub(super) fn tighten(dir: &Path) {
    let is_shared = match tighten_ours(dir) {
        Ok(is_shared) => is_shared,
        Err(error) => return tracing::warn!(%error, "can't look at the permissions in {}", dir.display()),
    };
    if !is_shared {
        take_from_others(dir);
    } else if is_open(dir) {
        tracing::warn!(
            "others can list {}, which holds other files than the chat's: give the chat a directory of its own",
            dir.display()
        );
    }
}

/// Tightens our files, and returns whether others exist.
fn tighten_ours(dir: &Path) -> io::Result<bool> {
    let mut is_shared = false;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(is_ours) {
            tighten_tree(&entry.path())?;
        } else {
            is_shared |= name != OF_THE_FILE_SYSTEM;
        }
    }
    Ok(is_shared)
}

/// Whether a server uses this name.
fn is_ours(name: &str) -> bool {
    OURS.iter()
        .filter_map(|ours| name.strip_prefix(ours))
        .any(|rest| rest.is_empty() || DRAFTS.iter().any(|draft| rest.starts_with(draft)))
}

/// Tightens a file, or a directory with its content. Links are not followed.
pub(super) fn tighten_tree(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        // Removed meanwhile, by sled or by a stopping server.
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
