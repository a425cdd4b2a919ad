//! Administration of the real program: one module per subject.

mod asking;
mod doors;
mod metrics;
mod receiver;
mod rights;
mod users;
mod webhook;
mod webhook_streams;
