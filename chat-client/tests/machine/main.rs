//! The machine by hand, step by step: what the simulation has found once, each by its name.

mod support;
mod unread;
