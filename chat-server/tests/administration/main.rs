//! What an operator asks of the real program: one file per matter.
#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
mod asking;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod receiver;
#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;
#[cfg(test)]
mod users;
#[cfg(test)]
mod webhook;
#[cfg(test)]
mod webhook_streams;
