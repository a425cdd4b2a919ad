//! The machine by hand, step by step: what the simulation has found once, each by its name.

mod events;
mod support;
mod unread;
