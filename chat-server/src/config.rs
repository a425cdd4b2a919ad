//! What can be set: by flag, by environment variable, or in a file. The first of these wins.
//!
//! A new setting is a field here with `#[arg(long, env = "CHAT_…")]`: the program reads it from its file too, under the
//! name of the flag, and `chat-server check` shows it. With `hide_env_values = true` its value is never shown.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chat_core::limits::{Limits, OutboundLimits, RateLimits, RateSetting};
use clap::{Args as _, Command, FromArgMatches as _, value_parser};

use crate::admin::AdminConfig;
use crate::auth::{
    Accepted, AddressError, Algorithm, Expected, Jwks, JwksError, KeyError, Secret, SecretError,
    SecretOrigin, TokenVerifier, VerifyingKey,
};
use crate::cli::values::duration;
use crate::tls::{TlsError, TlsFiles};
use crate::webhook::WebhookConfig;

/// The environment variable that holds the secret itself: on the command line, all users of the machine would see it.
pub const SECRET_VARIABLE: &str = "CHAT_JWT_SECRET";

/// Most connections that can be asked for: what Linux lets one process open.
const MOST_CONNECTIONS: i64 = 1_000_000;

/// Most MiB that can be asked for: a terabyte.
const MOST_WAITING: i64 = 1 << 20;

/// Most seconds of a drain that can be asked for: an hour.
const LONGEST_DRAIN: i64 = 3_600;

const MIB: usize = 1 << 20;

/// All that a server can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "CHAT_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// Where the data is.
    #[command(flatten)]
    pub data: DataConfig,
    /// By which certificate clients know the server.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Which tokens are good.
    #[command(flatten)]
    pub tokens: TokenConfig,
    /// Where administrators are answered.
    #[command(flatten)]
    pub admin: AdminConfig,
    /// How long the text of messages is kept, as in 365d; then it is erased for good [default: for ever].
    #[arg(long, env = "CHAT_RETENTION", value_parser = duration, value_name = "TIME")]
    pub retention: Option<Duration>,
    /// What is told of users who are not connected.
    #[command(flatten)]
    pub webhook: WebhookConfig,
    /// Messages a second that one user may send, and six times as many at once; 0 lifts every rate limit, for load
    /// tests [default: 10].
    #[arg(long, env = "CHAT_MESSAGES_PER_SECOND", value_name = "N")]
    pub messages_per_second: Option<u32>,
    /// Connections at once; one more is told to try again later.
    #[arg(long, env = "CHAT_MAX_CONNECTIONS", default_value_t = 20_000, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_CONNECTIONS))]
    pub max_connections: u32,
    /// MiB that may wait for slow readers, on all connections together; beyond it the slowest is closed.
    #[arg(long, env = "CHAT_MAX_WAITING_MIB", default_value_t = 256, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_WAITING))]
    pub max_waiting_mib: u32,
    /// Seconds over which clients are told to move, a batch at a time, when the server is to stop; the rest at their end.
    #[arg(long, env = "CHAT_DRAIN_SECONDS", default_value_t = 0, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(..=LONGEST_DRAIN))]
    pub drain_seconds: u32,
}

impl Config {
    /// The limits of the core.
    pub fn limits(&self) -> Limits {
        let rates = match self.messages_per_second {
            None => RateSetting::default(),
            Some(0) => RateSetting::Lifted,
            Some(messages) => RateSetting::Limited(RateLimits::with_messages_per_second(messages)),
        };
        let total_bytes = MIB.saturating_mul(self.max_waiting_mib as usize);
        let outbound = OutboundLimits { total_bytes, ..OutboundLimits::default() };
        Limits { rates, outbound, ..Limits::default() }
    }
}

impl Default for Config {
    /// What is used where nothing is set: neither the environment nor a file is looked at.
    fn default() -> Self {
        let command =
            Self::augment_args(Command::new("defaults")).mut_args(|arg| arg.env(None::<&'static str>));
        let matches = command.get_matches_from(["defaults"]);
        let mut config = Self::from_arg_matches(&matches).expect("every setting may be left out");
        config.tokens.secret.jwt_secret = SecretText::default();
        config
    }
}

/// Where the data is.
#[derive(Clone, Debug, clap::Args)]
pub struct DataConfig {
    /// The directory of everything that is kept; made if it is not there.
    #[arg(long, env = "CHAT_DATA_DIR", default_value = "./chat-data", value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// By which certificate clients know the server.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TlsConfig {
    /// File with the certificate (PEM) and those between it and an authority: the server then speaks TLS, wss:// and
    /// https://, and nothing else. It is read again when it changes, and at SIGHUP.
    #[arg(long, env = "CHAT_TLS_CERTIFICATE_FILE", value_name = "FILE")]
    pub tls_certificate_file: Option<PathBuf>,
    /// File with the key (PEM) of the certificate.
    #[arg(long, env = "CHAT_TLS_KEY_FILE", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,
}

impl TlsConfig {
    /// The files, if the server is to speak TLS.
    pub(crate) fn files(&self) -> Result<Option<TlsFiles>, TlsError> {
        match (self.tls_certificate_file.clone(), self.tls_key_file.clone()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            _ => Err(TlsError::Incomplete),
        }
    }
}

/// Where the secret of HS256 is.
#[derive(Clone, Debug, clap::Args)]
pub struct SecretConfig {
    /// File with the secret (HS256) that tokens are signed with; without one, and without CHAT_JWT_SECRET, the server
    /// makes a secret and keeps it in the data directory.
    #[arg(long, env = "CHAT_JWT_SECRET_FILE", value_name = "FILE")]
    pub jwt_secret_file: Option<PathBuf>,
    /// The secret itself, from [`SECRET_VARIABLE`]. A file wins.
    #[arg(skip = SecretText::from_environment())]
    pub jwt_secret: SecretText,
}

impl SecretConfig {
    /// The given secret, or else the one that was made for the data directory.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn resolve(&self, data_dir: &Path) -> Result<(Secret, SecretOrigin), SecretError> {
        match self.given()? {
            Some(secret) => Ok((secret, SecretOrigin::Given)),
            None => Secret::of_data_dir(data_dir),
        }
    }

    /// Where the secret would come from: the same, but none is made.
    fn origin(&self, data_dir: &Path) -> Result<SecretOrigin, SecretError> {
        match self.given()? {
            Some(_) => Ok(SecretOrigin::Given),
            None => Secret::origin_in(data_dir),
        }
    }

    fn given(&self) -> Result<Option<Secret>, SecretError> {
        let text = self.jwt_secret.0.as_ref();
        match &self.jwt_secret_file {
            Some(path) => Secret::from_file(path).map(Some),
            None => text.map(|text| Secret::new(text.as_bytes(), SECRET_VARIABLE)).transpose(),
        }
    }

    fn is_given(&self) -> bool {
        self.jwt_secret_file.is_some() || self.jwt_secret.0.is_some()
    }
}

/// Text of which nothing is known yet but that it must not be printed.
#[derive(Clone, Default)]
pub struct SecretText(pub Option<OsString>);

impl SecretText {
    fn from_environment() -> Self {
        Self(std::env::var_os(SECRET_VARIABLE))
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "SecretText(…)" } else { "SecretText(none)" })
    }
}

/// Whom tokens come from and are meant for.
#[derive(Clone, Debug, clap::Args)]
pub struct ExpectedConfig {
    /// Issuer (`iss`) that every token must name.
    #[arg(long, env = "CHAT_JWT_ISSUER", value_name = "NAME")]
    pub jwt_issuer: Option<String>,
    /// Audience (`aud`) that every token must name.
    #[arg(long, env = "CHAT_JWT_AUDIENCE", value_name = "NAME")]
    pub jwt_audience: Option<String>,
}

impl ExpectedConfig {
    /// The same for the verifier.
    pub fn expected(&self) -> Expected {
        Expected { issuer: self.jwt_issuer.clone(), audience: self.jwt_audience.clone() }
    }
}

/// Which tokens are good.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenConfig {
    /// The secret, where there is one.
    #[command(flatten)]
    pub secret: SecretConfig,
    /// How tokens are signed: HS256 by a secret, the others by a key of which the server has the public half
    /// [default: HS256].
    #[arg(long, env = "CHAT_JWT_ALGORITHM", value_name = "ALGORITHM")]
    pub jwt_algorithm: Option<Algorithm>,
    /// File with the public key (PEM) of RS256, ES256 or EdDSA.
    #[arg(long, env = "CHAT_JWT_PUBLIC_KEY_FILE", value_name = "FILE")]
    pub jwt_public_key_file: Option<PathBuf>,
    /// Where public keys are published.
    #[command(flatten)]
    pub jwks: JwksConfig,
    /// Whom they come from and are meant for.
    #[command(flatten)]
    pub expected: ExpectedConfig,
}

/// Where public keys are published, as a JSON Web Key Set.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct JwksConfig {
    /// File with a JSON Web Key Set: tokens name one of its keys (kid). Keys of RS256, ES256 and EdDSA count, or only those of
    /// --jwt-algorithm. It is read again when it changes, when a token names another key, and at SIGHUP.
    #[arg(long, env = "CHAT_JWKS_FILE", value_name = "FILE")]
    pub jwks_file: Option<PathBuf>,
    /// The same by its address (https://…), asked every five minutes, and when a token names another key, but at most
    /// once a minute for that.
    #[arg(long, env = "CHAT_JWKS_URL", value_name = "URL")]
    pub jwks_url: Option<String>,
    /// File with certificates (PEM) of the authorities to trust for that address [default: those that Mozilla trusts].
    #[arg(long, env = "CHAT_JWKS_CA_FILE", value_name = "FILE")]
    pub jwks_ca_file: Option<PathBuf>,
}

impl JwksConfig {
    /// Whether there is any.
    pub(crate) fn is_given(&self) -> bool {
        self.jwks_file.is_some() || self.jwks_url.is_some()
    }

    fn jwks(&self, algorithm: Option<Algorithm>) -> Result<Jwks, TokenConfigError> {
        let accepted = Accepted(algorithm);
        match (&self.jwks_file, &self.jwks_url) {
            (Some(_), Some(_)) => Err(TokenConfigError::Ambiguous),
            (Some(path), None) => Ok(Jwks::of_file(path, accepted)),
            (None, url) => {
                let url = url.as_deref().unwrap_or_default();
                Ok(Jwks::of_address(url, self.jwks_ca_file.as_deref(), accepted)?)
            }
        }
    }
}

/// Why it is not clear which tokens are good.
#[derive(Debug, thiserror::Error)]
pub enum TokenConfigError {
    /// The public key is no good.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The secret is no good.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The address of the key set is no good.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// There is no key set.
    #[error(transparent)]
    Jwks(#[from] JwksError),
    /// A key can belong to several algorithms.
    #[error("a public key is given, but not its algorithm: give --jwt-algorithm RS256, ES256 or EdDSA")]
    NoAlgorithm,
    /// The algorithm lacks its key.
    #[error("{0} needs a public key: give --jwt-public-key-file, --jwks-file or --jwks-url")]
    NoKey(Algorithm),
    /// Only one can count.
    #[error(
        "of a secret, a public key, and a key set in a file or at an address, more than one is given, and only one can \
         count: take the others away"
    )]
    Ambiguous,
}

impl TokenConfig {
    /// The verifier, and where its secret came from. Public keys count as given; a set of them is still to be read.
    ///
    /// # Errors
    ///
    /// [`TokenConfigError`].
    pub fn verifier(&self, data_dir: &Path) -> Result<(TokenVerifier, SecretOrigin), TokenConfigError> {
        let expected = self.expected.expected();
        Ok(match self.key()? {
            Key::Public(key) => (TokenVerifier::new(key, &expected), SecretOrigin::Given),
            Key::Set(keys) => (TokenVerifier::by_set(Arc::new(keys), &expected), SecretOrigin::Given),
            Key::Secret => {
                let (secret, origin) = self.secret.resolve(data_dir)?;
                (TokenVerifier::new(VerifyingKey::from_secret(&secret), &expected), origin)
            }
        })
    }

    /// Where the secret of [`verifier`](Self::verifier) would come from, without making one.
    ///
    /// # Errors
    ///
    /// Those of the verifier, as far as they show without making anything.
    pub fn check(&self, data_dir: &Path) -> Result<SecretOrigin, TokenConfigError> {
        match self.key()? {
            Key::Public(_) => Ok(SecretOrigin::Given),
            Key::Set(keys) => Ok(keys.check().map(|()| SecretOrigin::Given)?),
            Key::Secret => Ok(self.secret.origin(data_dir)?),
        }
    }

    fn key(&self) -> Result<Key, TokenConfigError> {
        let given = [self.secret.is_given(), self.jwt_public_key_file.is_some(), self.jwks.is_given()];
        if given.iter().filter(|given| **given).count() > 1 {
            return Err(TokenConfigError::Ambiguous);
        }
        match (&self.jwt_public_key_file, self.jwt_algorithm) {
            (None, Some(Algorithm::Hs256)) if self.jwks.is_given() => Err(KeyError::Symmetric.into()),
            (None, algorithm) if self.jwks.is_given() => Ok(Key::Set(self.jwks.jwks(algorithm)?)),
            (Some(path), Some(algorithm)) => Ok(Key::Public(VerifyingKey::from_pem_file(path, algorithm)?)),
            (Some(_), None) => Err(TokenConfigError::NoAlgorithm),
            (None, None | Some(Algorithm::Hs256)) => Ok(Key::Secret),
            (None, Some(algorithm)) => Err(TokenConfigError::NoKey(algorithm)),
        }
    }
}

/// What tokens are checked by.
enum Key {
    /// A secret, which may still have to be made.
    Secret,
    Public(VerifyingKey),
    Set(Jwks),
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    fn limits(arguments: &[&str]) -> Limits {
        Cli::parse_from([&["x"], arguments].concat()).config.limits()
    }

    fn rates(arguments: &[&str]) -> RateSetting {
        limits(arguments).rates
    }

    #[test]
    fn what_may_wait_is_as_the_core_has_it_unless_told_otherwise() {
        assert_eq!(limits(&[]).outbound.total_bytes, OutboundLimits::default().total_bytes);
        assert_eq!(limits(&["--max-waiting-mib", "3"]).outbound.total_bytes, 3 << 20);
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        assert_eq!(format!("{:?}", Config::default()), format!("{:?}", Cli::parse_from(["x"]).config));
    }

    #[test]
    fn messages_per_second_sets_lifts_or_leaves_the_rates() {
        assert!(matches!(rates(&["--messages-per-second", "0"]), RateSetting::Lifted));
        let RateSetting::Limited(default) = rates(&[]) else { panic!("must be limited") };
        assert_eq!((default.messages.burst, default.requests.burst), (60, 100));
        let RateSetting::Limited(fast) = rates(&["--messages-per-second", "200"]) else {
            panic!("must be limited")
        };
        assert_eq!((fast.messages.burst, fast.messages.every.as_millis()), (1_200, 5));
        assert_eq!(
            (fast.requests.burst, fast.requests.every.as_millis()),
            (1_200, 5),
            "a message is a request"
        );
    }
}
