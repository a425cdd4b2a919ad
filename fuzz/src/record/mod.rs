//! Files on a disk: a server's journal, the values of its index, a client's outbox.
//!
//! Reading never panics. Read values are written and read again to the same. The journal and the
//! outbox also get bytes with valid checksums, because otherwise only checksums would be tested.

mod index;
mod journal;
mod outbox;

use std::path::Path;

use tempfile::TempDir;

/// Runs one input. The first byte picks the kind of the others.
///
/// # Panics
///
/// If one of the above does not hold.
pub fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 16 {
        0..=1 => outbox::read(rest, None),
        2..=5 => outbox::read_sealed(rest),
        6..=7 => journal::read(rest),
        8..=11 => journal::read_sealed(rest),
        // A hundred times slower than the others, because it builds an index.
        12 => journal::open_sealed(rest),
        _ => index::read(rest),
    }
}

/// Creates a directory for this input alone, in memory if possible, because durability is not
/// tested here.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("there is room for a directory")
}
