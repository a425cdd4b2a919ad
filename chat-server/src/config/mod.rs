//! Settings by flag, environment variable or file, in this order of precedence.
//!
//! A new setting is a field here with `#[arg(long, env = "CHAT_…")]`. The settings file and
//! `chat-server check` then know the setting too, under the flag's name. With `hide_env_values =
//! true` its value is never displayed.

#[cfg(feature = "postgres")]
mod database;
mod tokens;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use chat_core::limits::{DailyBudget, Limits, OutboundLimits, RateLimits, RateSetting};
use clap::{Args as _, Command, FromArgMatches as _, value_parser};
use ipnet::IpNet;

use crate::admin::AdminConfig;
use crate::newcomers::network;
use crate::retain::RetentionSetting;
use crate::tls::{TlsError, TlsFiles};
use crate::webhook::WebhookConfig;

pub(crate) use values::duration;
use values::{age, node_name};

#[cfg(feature = "postgres")]
pub use database::{DatabaseConfig, DatabaseUrl};

pub use tokens::{
    ExpectedConfig, JwksConfig, SECRET_VARIABLE, SecretConfig, SecretText, TokenConfig, TokenConfigError,
};

/// Largest `--max-connections`: the number of files that Linux lets a process open.
const MOST_CONNECTIONS: i64 = 1_000_000;

/// Largest `--max-waiting-mib`: a terabyte.
const MOST_WAITING: i64 = 1 << 20;

/// Largest `--drain-seconds`: an hour.
const LONGEST_DRAIN: i64 = 3_600;

const MIB: usize = 1 << 20;

/// All settings of a server.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Address to listen on; port 0 picks a free one.
    #[arg(long, env = "CHAT_LISTEN", default_value = "127.0.0.1:8000", value_name = "ADDRESS:PORT")]
    pub listen: String,
    /// The data directory.
    #[command(flatten)]
    pub data: DataConfig,
    /// The database of a shared store.
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    pub database: DatabaseConfig,
    /// Name of this server that clients are shown, so that people at a console see which of several
    /// servers serves them [default: none].
    #[arg(long, env = "CHAT_NODE_NAME", value_parser = node_name, value_name = "NAME")]
    pub node_name: Option<String>,
    /// File with the ready texts that apps offer at one press (TOML), by role and language. Read
    /// again after changes and on SIGHUP [default: none, and the apps show their own].
    #[arg(long, env = "CHAT_PHRASES", value_name = "FILE")]
    pub phrases: Option<PathBuf>,
    /// Refuse to start without a store in the data directory, for example while its disk is not
    /// mounted. chat-server init and restore begin a store.
    #[arg(long, env = "CHAT_REQUIRE_STORE")]
    pub require_store: bool,
    /// The server's certificate.
    #[command(flatten)]
    pub tls: TlsConfig,
    /// Address or network of a reverse proxy, as 10.0.0.0/8; can be repeated. For its connections,
    /// the client's address is the last one in X-Forwarded-For outside of all trusted proxies.
    /// Other addresses are limited to 256 connections without a token each.
    #[arg(long, env = "CHAT_TRUSTED_PROXY", value_delimiter = ',', value_name = "NETWORK", value_parser = network)]
    #[arg(default_values = ["127.0.0.0/8", "::1/128"])]
    pub trusted_proxy: Vec<IpNet>,
    /// The verification of tokens.
    #[command(flatten)]
    pub tokens: TokenConfig,
    /// The administrative API.
    #[command(flatten)]
    pub admin: AdminConfig,
    /// Age at which the text of messages is erased for good, as in 365d or 12months [default:
    /// never]. Until --retention-confirmed says the same, the log only names how much would be
    /// erased.
    #[arg(long, env = "CHAT_RETENTION", value_parser = age, value_name = "TIME")]
    pub retention: Option<Duration>,
    /// The same age as --retention again: confirms that text is erased.
    #[arg(long, env = "CHAT_RETENTION_CONFIRMED", value_parser = age, value_name = "TIME")]
    pub retention_confirmed: Option<Duration>,
    /// The webhook for offline users.
    #[command(flatten)]
    pub webhook: WebhookConfig,
    /// Messages per second that a user may send, with bursts of six times as many; 0 lifts every
    /// rate limit, for load tests [default: 10].
    #[arg(long, env = "CHAT_MESSAGES_PER_SECOND", value_name = "N")]
    pub messages_per_second: Option<u32>,
    /// MiB per day that a user may store, refilled evenly over the day; emergencies have 1 MiB more
    /// of their own; 0 lifts the limit [default: 32, or none with --messages-per-second 0].
    #[arg(long, env = "CHAT_DAILY_MIB", value_name = "N")]
    pub daily_mib: Option<u32>,
    /// MiB of disk space to keep free: with less, only control, administration and emergencies may
    /// write, and with a quarter of it only retention and administration; 0 keeps none
    /// [default: 5 % of the disk, at most 1024].
    #[arg(long, env = "CHAT_RESERVE_MIB", value_name = "N")]
    pub reserve_mib: Option<u32>,
    /// MiB of lines about messages, refusals and connections to keep in the data directory, for
    /// chat-server history; the oldest lines give way; 0 keeps none.
    #[arg(long, env = "CHAT_AUDIT_MIB", default_value_t = 1_024, value_name = "N")]
    pub audit_mib: u32,
    /// Connections at once; further ones are told to try again later.
    #[arg(long, env = "CHAT_MAX_CONNECTIONS", default_value_t = 20_000, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_CONNECTIONS))]
    pub max_connections: u32,
    /// MiB queued for slow readers, on all connections together; above it the connection with the
    /// most waiting bytes is closed.
    #[arg(long, env = "CHAT_MAX_WAITING_MIB", default_value_t = 256, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_WAITING))]
    pub max_waiting_mib: u32,
    /// Seconds over which a stopping server tells its clients to reconnect elsewhere, in batches;
    /// the rest are told at the end.
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
        let rates = match rates {
            RateSetting::Limited(rates) => RateSetting::Limited(RateLimits { daily: self.daily(), ..rates }),
            RateSetting::Lifted => RateSetting::Lifted,
        };
        let total_bytes = MIB.saturating_mul(self.max_waiting_mib as usize);
        let outbound = OutboundLimits { total_bytes, ..OutboundLimits::default() };
        Limits { rates, outbound, ..Limits::default() }
    }

    /// The retention, if one is configured.
    pub(crate) fn retention(&self) -> Option<RetentionSetting> {
        let age = self.retention?;
        Some(RetentionSetting { age, is_confirmed: self.retention_confirmed == Some(age) })
    }

    fn daily(&self) -> Option<DailyBudget> {
        match self.daily_mib {
            None => Some(DailyBudget::default()),
            Some(0) => None,
            Some(mib) => Some(DailyBudget { bytes: u64::from(mib) << 20, ..DailyBudget::default() }),
        }
    }
}

impl Default for Config {
    /// The defaults alone, without environment or file.
    fn default() -> Self {
        let command =
            Self::augment_args(Command::new("defaults")).mut_args(|arg| arg.env(None::<&'static str>));
        let matches = command.get_matches_from(["defaults"]);
        let mut config = Self::from_arg_matches(&matches).expect("every setting may be left out");
        config.tokens.secret.jwt_secret = SecretText::default();
        config
    }
}

/// The data directory.
#[derive(Clone, Debug, clap::Args)]
pub struct DataConfig {
    /// Directory for all data; created if missing.
    #[arg(long, env = "CHAT_DATA_DIR", default_value = "./chat-data", value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// The server's certificate.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TlsConfig {
    /// File with the certificate chain (PEM). The server then accepts TLS only (wss:// and
    /// https://). Read again after changes and on SIGHUP.
    #[arg(long, env = "CHAT_TLS_CERTIFICATE_FILE", value_name = "FILE")]
    pub tls_certificate_file: Option<PathBuf>,
    /// File with the private key (PEM) of the certificate.
    #[arg(long, env = "CHAT_TLS_KEY_FILE", value_name = "FILE")]
    pub tls_key_file: Option<PathBuf>,
}

impl TlsConfig {
    /// The files, if TLS is configured.
    pub(crate) fn files(&self) -> Result<Option<TlsFiles>, TlsError> {
        match (self.tls_certificate_file.clone(), self.tls_key_file.clone()) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
            _ => Err(TlsError::Incomplete),
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::engine::Settings;
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct TestCli {
        #[command(flatten)]
        config: Config,
    }

    fn limits(arguments: &[&str]) -> Limits {
        TestCli::parse_from([&["x"], arguments].concat()).config.limits()
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
    fn no_flag_reaches_a_senseless_limit() {
        let most = u32::MAX.to_string();
        for arguments in [
            ["--messages-per-second", "1"],
            ["--messages-per-second", &most],
            ["--daily-mib", "1"],
            ["--daily-mib", &most],
            ["--max-waiting-mib", "1"],
            ["--max-waiting-mib", &MOST_WAITING.to_string()],
        ] {
            let settings = Settings { limits: limits(&arguments), ..Settings::default() };
            assert_eq!(settings.check(), Ok(()), "{arguments:?}");
        }
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        assert_eq!(format!("{:?}", Config::default()), format!("{:?}", TestCli::parse_from(["x"]).config));
    }

    #[test]
    fn a_day_is_bounded_unless_told_otherwise() {
        let daily = |arguments: &[&str]| {
            let RateSetting::Limited(rates) = rates(arguments) else { panic!("must be limited") };
            rates.daily.map(|daily| daily.bytes)
        };
        assert_eq!(daily(&[]), Some(32 << 20));
        assert_eq!(daily(&["--daily-mib", "5", "--messages-per-second", "3"]), Some(5 << 20));
        assert_eq!(daily(&["--daily-mib", "0"]), None);
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
