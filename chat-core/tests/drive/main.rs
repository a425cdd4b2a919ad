//! The engine behind the drive, with sessions over channels: one module per behaviour.

mod batches;
mod lifecycle;
mod pipelining;
mod queries;
mod shared_store;
mod slow_readers;
#[cfg(feature = "system")]
mod system;
