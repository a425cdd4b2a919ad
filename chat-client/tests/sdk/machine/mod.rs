//! The state machine, one input at a time: bugs that the simulation once found, each by name.

mod connection;
mod epoch;
mod events;
mod frames;
mod list;
mod notes;
mod outbox;
mod requests;
mod support;
mod tokens;
mod typing;
mod unread;
