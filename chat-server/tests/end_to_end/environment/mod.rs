//! Faults of the environment against the real program. Each fault is answered by a clear error,
//! acknowledged messages stay, and service resumes when the fault ends.
//!
//! A full or read-only disk is a small file system of the test, which only root can mount. Setting
//! a clock needs `faketime`. Such tests are ignored unless asked for: `cargo test -p chat-server
//! --test end_to_end environment:: -- --include-ignored`. The tests of the limit on open files are
//! in `end_to_end/out_of_files.rs`.

mod chat;
mod mount;
mod start;

mod clock_set;
mod file_size_limit;
mod full_disk;
mod moved_away;
mod no_store;
mod other_owner;
mod read_only;
mod recovery;
mod reserve;
mod second_server;
mod unusable_store;
