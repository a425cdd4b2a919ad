//! `chat-server check`: prints the settings without using them.

use std::io::{self, Write as _};

use tokio::runtime::Runtime;

use super::CliResult;
use super::serve::ServeArgs;
use super::settings::{Given, Setting};
use crate::config::SECRET_VARIABLE;
use crate::{logging, server, tls, validity};

/// Prints every setting with its origin, in the format of the settings file, then the errors.
pub(super) fn check(args: &ServeArgs, given: &Given) -> CliResult {
    let secret = args.config.tokens.secret.jwt_secret.0.as_ref();
    let secret = secret.map(|_| format!("# the secret itself: given, not shown  # {SECRET_VARIABLE}\n"));
    let text: String = given.settings().iter().map(line).chain(secret).collect();
    io::stdout().write_all(text.as_bytes())?;
    if let Ok(Some(end)) = args
        .config
        .tls
        .files()
        .and_then(|files| files.map(|files| files.read()).transpose())
        .map(|key| key.and_then(|key| tls::expires_at(&key)))
        && let Some(note) = validity::note(end)
    {
        writeln!(io::stdout(), "# warning: {note}")?;
    }
    let wrong = Runtime::new()?.block_on(server::check(&args.config));
    let mut wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
    wrong.extend(logging::read(&args.log).err().map(|error| error.to_string()));
    #[cfg(feature = "otel")]
    wrong.extend(args.export.target().err().map(|error| error.to_string()));
    if wrong.is_empty() {
        Ok(writeln!(io::stdout(), "# all settings are valid")?)
    } else {
        Err(wrong.join("\nchat-server: ").into())
    }
}

fn line(setting: &Setting<'_>) -> String {
    let name = setting.name;
    match &setting.origin {
        None => format!("# {name} is not set\n"),
        Some(origin) if setting.is_secret => format!("# {name}: given, not shown  # {origin}\n"),
        Some(origin) => format!("{name} = {}  # {origin}\n", setting.as_toml()),
    }
}
