//! The SDK against the real program, through a network as bad as a proxy can make it: cut, stalled
//! and swallowing, with kills of servers and apps.
//!
//! All random choices follow from a seed that each test prints. `TUNNELS_SEED=… cargo test -p
//! chat-server --test through_tunnels` uses a seed again. Processes, sockets and the disk keep
//! their own time: the same seed makes the same weather, but not the very same run.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

mod proxy;

mod first_connections;
mod killed_app;
mod replaced_store;
mod storm;
