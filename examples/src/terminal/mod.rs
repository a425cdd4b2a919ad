//! What the two terminal programs share: a chat in lines of text, for a person or for a pipe.
//!
//! - [`Login`]: who comes, and where to.
//! - [`Desk`]: shows what happens until the person types something that only one of the programs knows.
//! - [`Usage`]: such a command.
//! - [`Told`]: why it ended, in words.
//!
//! A line is printed when something happens, and never changed afterwards: there is no colour, and nothing to be drawn
//! again, so that the output can be piped.

mod board;
mod command;
mod desk;
mod lines;
mod login;
mod news;
mod shown;
mod words;

pub use command::{Usage, title_and_text};
pub use desk::Desk;
pub use login::{Login, default_outbox};
pub use words::{Told, say};
