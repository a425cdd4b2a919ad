//! Faults of the environment against the real program: each is answered by a clear error, what was
//! acknowledged stays, and when the fault ends, service goes on.
//!
//! A disk that is full or read-only is a small file system of the test's own, which takes root to
//! mount, and a clock that is set takes `faketime`: those are left to `cargo test -p chat-server
//! --test end_to_end environment:: -- --include-ignored`. One fault has its place elsewhere: no
//! more open files, in `end_to_end/out_of_files.rs`.

mod chat;
mod mount;
mod start;

mod clock_set;
mod file_size_limit;
mod full_disk;
mod moved_away;
mod other_owner;
mod read_only;
mod reserve;
mod second_server;
mod unusable_store;
