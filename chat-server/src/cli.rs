//! The command line.

use std::fs::File;
use std::io::{self, BufReader, Write as _};
use std::path::PathBuf;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use chat_core::protocol::{Role, User};
use clap::{Args, Parser, Subcommand};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::auth::{Algorithm, LONGEST_CLAIM, SecretOrigin, issue};
use crate::clock;
use crate::config::{Config, DataConfig, TokenConfig};
use crate::server::Server;
use crate::{logging, storage, users};

/// What a command can end with.
type Outcome = Result<(), Box<dyn std::error::Error>>;

/// How long the runtime may take to give up what is left.
const ABANDON_WITHIN: Duration = Duration::from_secs(1);

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
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: Config,
    /// What to log: a level, or target=level with commas between.
    #[arg(long, env = "CHAT_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Args)]
struct TokenArgs {
    /// Id of the user.
    #[arg(long, value_parser = user_id, value_name = "ID")]
    user: String,
    /// BUS_DRIVER, QUEUE_REGULATOR, CONTROL_STAFF or CONTROL_ADMIN.
    #[arg(long, value_parser = role)]
    role: Role,
    /// Email address that others see.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim)]
    email: String,
    /// First name that others see.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim, value_name = "NAME")]
    first_name: String,
    /// Last name that others see.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim, value_name = "NAME")]
    last_name: String,
    /// How long the token is good, as in 90s, 30m, 12h or 7d.
    #[arg(long, default_value = "12h", value_parser = duration, value_name = "TIME")]
    expires_in: Duration,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    tokens: TokenConfig,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Put users into the directory, whether they have ever connected or not. The server must not be running.
    Import {
        /// One JSON object a line: id, role, email, first_name, last_name, active; - is standard input.
        file: PathBuf,
        #[command(flatten)]
        data: DataConfig,
    },
}

/// Runs the program; errors go to standard error.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => serve(&cli.serve),
        Some(Command::Serve(args)) => serve(&args),
        Some(Command::Token(args)) => token(args),
        Some(Command::Users(UsersCommand::Import { file, data })) => import(&file, &data),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(args: &ServeArgs) -> Outcome {
    logging::start(&args.log)
        .map_err(|error| format!("can't read the log filter {:?}: {error}", args.log))?;
    let runtime = Runtime::new()?;
    let outcome = runtime.block_on(async {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let mut told_to_stop = pin!(async {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        });
        // Opening the store may take long; whatever it was doing, the next start goes on from there.
        let server = tokio::select! {
            server = Server::bind(&args.config) => server?,
            () = &mut told_to_stop => return Ok(()),
        };
        // In one piece: who starts the server may read the first line only, and close the pipe.
        io::stdout().write_all(whereabouts(&server).as_bytes())?;
        io::stdout().flush()?;
        server.run(told_to_stop).await?;
        Ok(())
    });
    runtime.shutdown_timeout(ABANDON_WITHIN);
    outcome
}

/// Where the server is, a line each.
fn whereabouts(server: &Server) -> String {
    let websocket = format!("listening on {}\n", server.url());
    #[cfg(feature = "console")]
    let websocket = format!("{websocket}console on {}\n", server.console_url());
    websocket
}

fn token(args: TokenArgs) -> Outcome {
    let TokenConfig { secret, jwt_algorithm, jwt_public_key_file, expected } = &args.tokens;
    if jwt_public_key_file.is_some() || jwt_algorithm.is_some_and(|algorithm| algorithm != Algorithm::Hs256) {
        return Err(
            "tokens are signed by the owner of the private key: this server has only the public one".into()
        );
    }
    let (secret, origin) = secret.resolve(&args.data.data_dir)?;
    if let SecretOrigin::Made { path, now: true } = origin {
        eprintln!("chat-server: no secret was given: made one and kept it in {}", path.display());
    }
    let user = User {
        id: args.user.into(),
        email: args.email.into(),
        role: args.role,
        first_name: args.first_name.into(),
        last_name: args.last_name.into(),
    };
    let token = issue(&secret, &user, clock::wall(), args.expires_in, &expected.expected());
    Ok(writeln!(io::stdout(), "{token}")?)
}

fn import(file: &PathBuf, data: &DataConfig) -> Outcome {
    let users = if file.to_str() == Some("-") {
        users::read(io::stdin().lock())?
    } else {
        let file = File::open(file).map_err(|error| format!("can't open {}: {error}", file.display()))?;
        users::read(BufReader::new(file))?
    };
    let count = Runtime::new()?.block_on(async {
        let store = storage::open_alone(&data.data_dir)?;
        let count = users::import(&store, users).await?;
        store.close()?;
        Ok::<_, Box<dyn std::error::Error>>(count)
    })?;
    Ok(writeln!(io::stdout(), "{count} users imported")?)
}

fn role(text: &str) -> Result<Role, String> {
    Role::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
        let known = Role::ALL.map(Role::as_str).join(", ");
        format!("the roles are {known}")
    })
}

fn claim(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_CLAIM {
        return Err(format!("at most {LONGEST_CLAIM} bytes, for a token with more is no good"));
    }
    Ok(text.to_owned())
}

fn user_id(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("an id can't be empty".to_owned()) } else { claim(text) }
}

/// Reads a whole number with a unit.
fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |unit| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = number.parse::<u64>().ok().zip(seconds(unit)).and_then(|(n, unit)| n.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("give a whole number above zero and a unit, as in 90s, 30m, 12h or 7d".to_owned()),
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

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for bad in
            ["", "h", "12", "0h", "-1h", "1.5h", "1é", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
