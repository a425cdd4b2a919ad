//! The SDK without a real network: the outbox in a file, the handle, and the state machine.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "tests use the real world")]

mod file_outbox;
mod handle;
mod machine;
