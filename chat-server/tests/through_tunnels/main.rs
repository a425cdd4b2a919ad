//! The SDK against the real program, through a network as bad as a proxy can make it: cut, stalled, swallowed, with
//! servers and apps that are killed.
//!
//! What is random follows from a seed that each test prints; `TUNNELS_SEED=… cargo test -p chat-server --test
//! through_tunnels` uses it again. Processes, sockets and the disk keep their own time, so that the same seed makes the
//! same weather, but not the very same run.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
#[path = "../end_to_end/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests from end to end")]
mod support;

#[cfg(test)]
mod app;
#[cfg(test)]
mod history;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod proxy;
#[cfg(test)]
mod random;
#[cfg(test)]
mod settings;

#[cfg(test)]
mod first_connections;
#[cfg(test)]
mod killed_app;
#[cfg(test)]
mod replaced_store;
#[cfg(test)]
mod storm;
