//! The machine by hand, step by step: what the simulation has found once, each by its name.

mod connection;
mod epoch;
mod events;
mod frames;
mod list;
mod outbox;
mod support;
mod tokens;
mod typing;
mod unread;
