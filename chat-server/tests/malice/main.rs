//! What somebody would try who means harm. [`table`] says it all in a list: what is tried, what must come of it.
//!
//! `cargo test -p chat-server --test malice -- --nocapture` prints what each attack has tried, and the sum.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;
#[cfg(test)]
#[path = "../under_attack/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of the limits")]
mod under_attack;

#[cfg(test)]
mod table;

#[cfg(test)]
mod churn;
#[cfg(test)]
mod content;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod reach;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod stalling;
#[cfg(test)]
mod tokens;
