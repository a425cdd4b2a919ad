//! The shared store, and servers that share it, over a PostgreSQL that
//! `chat-server/tests/postgres/run` starts.

mod cluster;
mod command;
mod conformance;
mod database;
mod demo;
mod duties;
mod erasing;
mod following;
mod groups;
mod history;
mod lost_tail;
mod moving;
mod nodes;
mod partitions;
mod unconfirmed;
mod under_load;
mod upgrade;
