//! Apps with the SDK and a busy user each, and an oracle that compares what they show with what the
//! server holds.

mod actions;
mod app;
pub mod history;
pub mod oracle;
mod random;
mod recovery;
pub mod settings;

pub use app::{App, Shown, Written};
pub use random::Random;
