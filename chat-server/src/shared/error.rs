//! Errors of opening and upgrading the database.

use std::io;

/// The reason that a database can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The address is none. The text does not quote it, because it may contain a password.
    #[error("--database-url must be like postgres://USER:PASSWORD@HOST/DATABASE: {0}")]
    Address(String),
    /// The database can't be reached, or refuses the user.
    #[error("the database can't be reached: {0}")]
    Unreachable(String),
    /// A statement failed.
    #[error("the database refuses a statement: {0}")]
    Refused(String),
    /// The database has no tables of the chat.
    #[error("the database has no tables yet: run `chat-server database upgrade` once")]
    Empty,
    /// The tables are of an older version.
    #[error("the tables have layout {0}, and this version needs {1}: run `chat-server database upgrade`")]
    Older(i32, i32),
    /// The tables are of a newer version.
    #[error(
        "the tables have layout {0}, and this version knows {1}: run the version that made them, or a newer one"
    )]
    Newer(i32, i32),
    /// Servers at these addresses use the tables, and can't go on after the upgrade.
    #[error(
        "stop all servers first, because they can't go on with the new tables. These still run: {}. \
         A server that was killed counts for 10 seconds", .0.join(", ")
    )]
    Served(Vec<String>),
    /// The tables have a history already.
    #[error(
        "the tables have a history already: give a database in which only `chat-server database upgrade` was run"
    )]
    NotEmpty,
    /// The system gave no thread, or no random bytes.
    #[error("the store can't start: {0}")]
    Thread(#[source] io::Error),
}

/// The error of PostgreSQL in words: what its server said, or what happened to the connection.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        None => std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": "),
    }
}

/// A store that could not answer, for this reason.
pub(super) fn unavailable(error: &tokio_postgres::Error) -> chat_core::store::UnavailableError {
    chat_core::store::UnavailableError::new(words(error))
}
