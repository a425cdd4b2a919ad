//! Faults of the environment against the real program: each is answered by a clear error, what was acknowledged stays,
//! and when the fault ends, service goes on.
//!
//! A disk that is full or read-only is a small file system of the test's own, which takes root to mount, and a clock
//! that is set takes `faketime`: those are left to `cargo test -p chat-server --test environment -- --include-ignored`.
//! One fault has its place elsewhere: no more open files, in `end_to_end/out_of_files.rs`.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;

#[cfg(test)]
mod chat;
#[cfg(test)]
mod mount;
#[cfg(test)]
mod start;

#[cfg(test)]
mod clock_set;
#[cfg(test)]
mod file_size_limit;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod moved_away;
#[cfg(test)]
mod other_owner;
#[cfg(test)]
mod read_only;
#[cfg(test)]
mod reserve;
#[cfg(test)]
mod second_server;
#[cfg(test)]
mod unusable_store;
