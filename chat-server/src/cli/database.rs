//! `chat-server database`: the tables of a shared store.

use std::io::{self, Write as _};

use clap::Subcommand;
use tokio::runtime::Runtime;

use super::CliResult;
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::shared::{LAYOUT, SharedStore, Upgraded};

#[derive(Debug, Subcommand)]
pub(super) enum DatabaseCommand {
    /// Create the tables in an empty database, or bring them to the layout of this version.
    Upgrade(DatabaseConfig),
}

pub(super) fn run(command: &DatabaseCommand) -> CliResult {
    let DatabaseCommand::Upgrade(database) = command;
    let text = match Runtime::new()?.block_on(SharedStore::upgrade(&address(database)?.0))? {
        Upgraded::Created => format!("created the tables, with layout {LAYOUT}\n"),
        Upgraded::From(older) => format!("brought the tables from layout {older} to {LAYOUT}\n"),
        Upgraded::Nothing => format!("the tables have layout {LAYOUT} already; nothing was changed\n"),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// The address of the database, for a command that needs one.
pub(super) fn address(database: &DatabaseConfig) -> Result<&DatabaseUrl, &'static str> {
    let missing = "the database is missing: give --database-url, or the --config of a server that has it";
    database.database_url.as_ref().ok_or(missing)
}
