//! Attacks on the real server. [`table`] lists them all, each with the outcome that it must have.
//!
//! `cargo test -p chat-server --test under_attack malice:: -- --nocapture` prints what each attack
//! has tried, and the sum.

mod table;

mod churn;
mod content;
mod frames;
mod reach;
mod secure;
mod stalling;
mod tokens;
