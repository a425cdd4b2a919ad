//! What an operator asks of the real program: one file per matter.

mod asking;
mod doors;
mod metrics;
mod receiver;
mod users;
mod webhook;
mod webhook_streams;
