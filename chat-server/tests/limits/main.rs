//! Beyond each limit of the real server: what is over it is refused as documented, the server's memory stays within a
//! bound, and two users who talk all the while hear each other whole. How fast, is printed:
//!
//! `cargo test -p chat-server --test limits -- --nocapture`

#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;
#[cfg(test)]
#[path = "../under_attack/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of malice")]
mod under_attack;

#[cfg(test)]
mod connections;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod handshakes;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod queues;
#[cfg(test)]
mod rates;
#[cfg(test)]
mod repeats;
#[cfg(test)]
mod table;
#[cfg(test)]
mod typing;
