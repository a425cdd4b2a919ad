//! Attacks on the real server. [`table`] lists them all, each with its required outcome.
//!
//! `cargo test -p chat-server --test under_attack malice:: -- --nocapture` prints the attempts of
//! each attack, and the sum.

mod table;

mod churn;
mod content;
mod frames;
mod reach;
mod secure;
mod stalling;
mod tokens;
