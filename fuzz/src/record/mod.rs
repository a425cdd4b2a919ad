//! What may stand on a disk: the journal of a server, the values of its index, the outbox of a client.
//!
//! No bytes make reading panic, and what is read is written and read again to the same. The journal and the outbox
//! are also given bytes whose checksums hold, or nothing but checksums would ever be tried.

mod index;
mod journal;
mod outbox;

use std::path::Path;

use tempfile::TempDir;

/// One input: the first byte picks what the others are.
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
        // A hundred times slower than the others: it makes an index.
        12 => journal::open_sealed(rest),
        _ => index::read(rest),
    }
}

/// A directory of this input alone, in memory where there is one for that: nothing here is about durability.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("there is room for a directory")
}
