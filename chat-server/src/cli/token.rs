//! `chat-server token`: tokens for operators without an identity provider.

use std::io::{self, Write as _};
use std::time::Duration;

use chat_core::protocol::{Role, User};
use clap::Args;

use super::CliResult;
use super::values::{claim, role, user_id};
use crate::auth::{Algorithm, SecretOrigin, issue};
use crate::clock;
use crate::config::{DataConfig, TokenConfig, duration};

#[derive(Debug, Args)]
pub(super) struct TokenArgs {
    /// Id of the user.
    #[arg(long, value_parser = user_id, value_name = "ID")]
    user: String,
    /// Role of the user: BUS_DRIVER, QUEUE_REGULATOR, CONTROL_STAFF or CONTROL_ADMIN.
    #[arg(long, value_parser = role)]
    role: Role,
    /// Email address, visible to other users.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim)]
    email: String,
    /// First name, visible to other users.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim, value_name = "NAME")]
    first_name: String,
    /// Last name, visible to other users.
    #[arg(long, default_value = "", hide_default_value = true, value_parser = claim, value_name = "NAME")]
    last_name: String,
    /// Validity of the token, as in 90s, 30m, 12h or 7d.
    #[arg(long, default_value = "12h", value_parser = duration, value_name = "TIME")]
    expires_in: Duration,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    tokens: TokenConfig,
}

/// Prints a token.
pub(super) fn token(args: TokenArgs) -> CliResult {
    let TokenConfig { secret, jwt_algorithm, jwt_public_key_file, jwks, expected } = &args.tokens;
    if jwt_public_key_file.is_some()
        || jwks.is_given()
        || jwt_algorithm.is_some_and(|algorithm| algorithm != Algorithm::Hs256)
    {
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
