//! Administration of the real program: one module per subject.

pub(crate) mod asking;
mod doors;
mod metrics;
mod rights;
mod users;
mod webhook;
mod webhook_streams;
