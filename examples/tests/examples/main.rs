//! The example programs, run to their ends and used as a person uses them.

mod demonstrations;
mod peer_close;
mod support;
mod terminal;
