//! The shared store, and servers that share it, over a PostgreSQL that
//! `chat-server/tests/postgres/run` starts.

mod conformance;
mod database;
mod following;
mod nodes;
