//! The audit trail: one line for each message, refusal, connection, its end, and act of
//! administration.
//!
//! Lines name ids and addresses, never a text or a token. `lines-N.jsonl` in the directory `audit`
//! of the data directory hold what clients did, and `acts.jsonl` the acts of administration. A
//! thread writes them. The chat does not wait for the thread: when its buffer is full, lines are
//! dropped and counted.

mod allowance;
mod file;
mod line;
mod operator;
mod queue;
mod read;
mod trail;

pub(crate) use line::{AuditKind, AuditLine};
pub(crate) use operator::{act, act_of_program, program_user, sudo_user};
pub(crate) use read::read;
pub(crate) use trail::{AuditTrail, AuditedConnection};

/// The directory of the lines in a data directory.
pub(crate) const DIRECTORY: &str = "audit";
