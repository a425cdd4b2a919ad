//! The command line: one file per command.

mod backup;
mod progress;
mod rebuild;
mod serve;
mod token;
mod users;
mod values;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use backup::{BackupArgs, RestoreArgs};
use rebuild::RebuildArgs;
use serve::ServeArgs;
use token::TokenArgs;
use users::UsersCommand;
use verify::VerifyArgs;

/// What a command can end with.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// A chat between field staff and a control centre, over WebSockets.
#[derive(Debug, Parser)]
#[command(name = "chat-server", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "CHAT_JWT_SECRET holds the secret itself. Without a command, the server is started.")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server.
    Serve(ServeArgs),
    /// Print a token for a user.
    Token(TokenArgs),
    /// Manage the directory of users.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Copy all that is kept, but for the secret for tokens and the index, which can be built anew.
    Backup(BackupArgs),
    /// Make a data directory from a backup, after verifying that.
    Restore(RestoreArgs),
    /// Build the index anew from the journal. The server must not be running.
    Rebuild(RebuildArgs),
    /// Verify that all that was stored is as it was written, and name what is not; it changes nothing.
    Verify(VerifyArgs),
}

/// Runs the program; errors go to standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => serve::serve(&cli.serve),
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::Token(args)) => token::token(args),
        Some(Command::Users(command)) => users::run(command),
        Some(Command::Backup(args)) => backup::backup(&args),
        Some(Command::Restore(args)) => backup::restore(&args),
        Some(Command::Rebuild(args)) => rebuild::run(&args),
        Some(Command::Verify(args)) => verify::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: {error}");
            ExitCode::FAILURE
        }
    }
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
