//! What somebody would try who means harm. [`table`] says it all in a list: what is tried, what must come of it.
//!
//! `cargo test -p chat-server --test under_attack malice:: -- --nocapture` prints what each attack has tried, and the sum.

mod table;

mod churn;
mod content;
mod frames;
mod reach;
mod secure;
mod stalling;
mod tokens;
