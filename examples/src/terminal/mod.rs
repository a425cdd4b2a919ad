//! Shared code of the two terminal programs: a chat in lines of text, for a person or for a pipe.
//!
//! - [`Login`]: the user and the server.
//! - [`Desk`]: runs the chat until a command of one program alone is typed.
//! - [`Usage`]: such a command.
//! - [`MainError`]: the error at the end, in words.
//!
//! Each event prints a line, and no line changes later. There is no colour and no cursor movement,
//! and the output can be piped.

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
pub use words::{MainError, ended, say};
