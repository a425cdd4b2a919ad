//! `chat-server database`: the tables of a shared store.

use std::io::{self, Write as _};

use clap::{Args, Subcommand};
use tokio::runtime::Runtime;

use super::CliResult;
use crate::config::DatabaseUrl;
use crate::shared::{LAYOUT, SharedStore, Upgraded};

#[derive(Debug, Subcommand)]
pub(super) enum DatabaseCommand {
    /// Create the tables in an empty database, or bring them to the layout of this version.
    Upgrade(DatabaseArgs),
}

/// The database of a command.
#[derive(Debug, Args)]
pub(super) struct DatabaseArgs {
    /// Address of the database.
    #[arg(
        long,
        env = "CHAT_DATABASE_URL",
        hide_env_values = true,
        value_name = "postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    pub(super) database_url: DatabaseUrl,
}

pub(super) fn run(command: &DatabaseCommand) -> CliResult {
    let DatabaseCommand::Upgrade(DatabaseArgs { database_url }) = command;
    let text = match Runtime::new()?.block_on(SharedStore::upgrade(&database_url.0))? {
        Upgraded::Created => format!("created the tables, with layout {LAYOUT}\n"),
        Upgraded::From(older) => format!("brought the tables from layout {older} to {LAYOUT}\n"),
        Upgraded::Nothing => format!("the tables have layout {LAYOUT} already; nothing was changed\n"),
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}
