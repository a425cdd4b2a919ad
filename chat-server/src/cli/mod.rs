//! The command line: one file per command.

mod backup;
mod check;
mod clock;
#[cfg(feature = "postgres")]
mod database;
mod directory;
mod export;
mod history;
mod hold;
mod init;
#[cfg(feature = "postgres")]
mod moving;
mod progress;
mod rebuild;
mod repair;
mod serve;
mod settings;
mod token;
mod users;
mod values;
mod verify;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{FromArgMatches as _, Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;

use backup::{BackupArgs, RestoreArgs};
use clock::ClockArgs;
use export::ExportArgs;
use history::HistoryArgs;
use hold::{EraseArgs, HoldCommand};
use init::InitArgs;
use rebuild::RebuildArgs;
use repair::RepairArgs;
use serve::ServeArgs;
use settings::{FileError, Given};
use token::TokenArgs;
use users::UsersCommand;
use verify::VerifyArgs;

use crate::StartError;
use crate::audit::{self, AuditLine};
use crate::logging::FilterError;
use crate::version::ProgramVersions;

/// Exit status after settings or data that no further attempt can use (`EX_CONFIG` of sysexits.h).
/// The systemd unit does not restart the server then.
const LASTING: u8 = 78;

/// The result of a command.
type CliResult = Result<(), Box<dyn Error>>;

/// A chat between field staff and a control centre, over WebSockets.
#[derive(Debug, Parser)]
#[command(name = "chat-server", version = ProgramVersions.to_string(), args_conflicts_with_subcommands = true)]
#[command(
    after_help = "The variable CHAT_JWT_SECRET may contain the token secret itself. Without a command, the server is started."
)]
struct Cli {
    /// File with settings (TOML), each under the name of its flag. A flag overrides the
    /// environment; both override the file.
    #[arg(long, env = "CHAT_CONFIG", value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(ServeArgs),
    /// Begin an empty store in the data directory, unless there is one.
    Init(InitArgs),
    /// Check all settings, and print each with its origin. Nothing is started or changed.
    Check(ServeArgs),
    /// Print a token for a user.
    Token(TokenArgs),
    /// Manage the tables of a shared store in PostgreSQL.
    #[cfg(feature = "postgres")]
    #[command(subcommand)]
    Database(database::DatabaseCommand),
    /// Move the history of a data directory into empty tables: with the same positions, so that
    /// clients notice nothing. The server must not be running.
    #[cfg(feature = "postgres")]
    Move(moving::MoveArgs),
    /// Write the history of a database as a backup, which verify, export and restore read.
    #[cfg(feature = "postgres")]
    Journal(moving::JournalArgs),
    /// Manage the directory of users.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Copy the journal, from which the index is rebuilt. The token secret and the webhook's
    /// position are left out.
    Backup(BackupArgs),
    /// Create a data directory from a backup, after verifying the backup.
    Restore(RestoreArgs),
    /// Say what is damaged and what a repair would lose; with --yes, repair. The server must not be
    /// running.
    Repair(RepairArgs),
    /// Rebuild the index from the journal. The server must not be running.
    Rebuild(RebuildArgs),
    /// Export conversations with all their events, as JSON lines.
    Export(ExportArgs),
    /// Tell whether retention believes the machine's clock; with --trust, confirm the clock.
    Clock(ClockArgs),
    /// Manage holds, which retention and erase obey.
    #[command(subcommand)]
    Hold(HoldCommand),
    /// Erase the texts of a user for good. Numbers, times and the hash chain stay.
    Erase(EraseArgs),
    /// Tell all that happened to a user around a time: connections, refusals, messages, and who has
    /// read them.
    History(HistoryArgs),
    /// Verify that all stored data is intact, and list any damage. Changes nothing.
    Verify(VerifyArgs),
}

/// Runs the program. Errors go to standard error.
///
/// Files created by the program hold conversations, and are therefore private to its owner.
pub fn main() -> ExitCode {
    umask(Mode::RWXG | Mode::RWXO);
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: {error}");
            if is_lasting(&*error) { ExitCode::from(LASTING) } else { ExitCode::FAILURE }
        }
    }
}

/// Whether the same start would fail in the same way again, until somebody changes something.
fn is_lasting(error: &(dyn Error + 'static)) -> bool {
    error.is::<FileError>()
        || error.is::<FilterError>()
        || error.downcast_ref().is_some_and(StartError::is_lasting)
}

fn run() -> CliResult {
    let given = Given::read()?;
    let cli = Cli::from_arg_matches(&given.matches).unwrap_or_else(|error| error.exit());
    match cli.command {
        None => serve::serve(&cli.serve),
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Check(args)) => check::check(&args, &given),
        Some(Command::Token(args)) => token::token(args),
        #[cfg(feature = "postgres")]
        Some(Command::Database(command)) => database::run(&command),
        #[cfg(feature = "postgres")]
        Some(Command::Move(args)) => moving::move_in(&args),
        #[cfg(feature = "postgres")]
        Some(Command::Journal(args)) => moving::take_out(&args),
        Some(Command::Users(command)) => users::run(command),
        Some(Command::Backup(args)) => without_database(&given, backup::backup(&args)),
        Some(Command::Restore(args)) => backup::restore(&args),
        Some(Command::Repair(args)) => without_database(&given, repair::run(&args)),
        Some(Command::Rebuild(args)) => without_database(&given, rebuild::run(&args)),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Clock(args)) => clock::run(&args),
        Some(Command::Hold(command)) => hold::run(command),
        Some(Command::Erase(args)) => hold::erase(&args),
        Some(Command::History(args)) => history::run(&args),
        Some(Command::Verify(args)) => without_database(&given, verify::run(args)),
    }
}

/// Adds to an error of a command that works with a data directory only.
fn without_database(given: &Given, result: CliResult) -> CliResult {
    match result {
        Err(error) if given.has("database-url") => Err(format!(
            "{error}\nThe settings name a database, which keeps the conversations. This command works with a data \
             directory only: PostgreSQL takes the backups, and chat-server journal writes a copy that verify reads"
        )
        .into()),
        other => other,
    }
}

/// Notes an act of administration in the audit trail of a data directory.
fn note(data_dir: &Path, act: &str, user: Option<&str>, detail: &str) {
    let detail = Some(detail.into()).filter(|_| !detail.is_empty());
    let line =
        AuditLine { act: Some(act.into()), user: user.map(Into::into), detail, ..AuditLine::default() };
    audit::act_of_program(data_dir, line);
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
