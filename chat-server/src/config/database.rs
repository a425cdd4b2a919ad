//! The setting for a shared store.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// The database of a shared store.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct DatabaseConfig {
    /// Address of a PostgreSQL that keeps all conversations instead of the data directory. Several
    /// servers may share it.
    #[arg(
        long,
        env = "CHAT_DATABASE_URL",
        hide_env_values = true,
        value_name = "postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    pub database_url: Option<DatabaseUrl>,
}

/// An address that may contain a password, and is therefore never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(pub String);

impl FromStr for DatabaseUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}
