//! Where administrators are answered.

use std::path::{Path, PathBuf};

use super::AdminError;
use crate::auth::Secret;

/// The socket of the administrative API, as the server and the commands that ask it know it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SocketConfig {
    /// Unix socket on which administrators are answered [default: admin.sock in the data directory].
    #[arg(long, env = "CHAT_ADMIN_SOCKET", value_name = "PATH")]
    pub admin_socket: Option<PathBuf>,
}

impl SocketConfig {
    /// Where it is.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.admin_socket.clone().unwrap_or_else(|| data_dir.join("admin.sock"))
    }
}

/// Where administrators are answered.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AdminConfig {
    /// On a Unix socket.
    #[command(flatten)]
    pub socket: SocketConfig,
    /// Where administrators are answered over TCP too, without encryption; needs --admin-token-file.
    #[arg(long, env = "CHAT_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<String>,
    /// File with the token, of at least 32 bytes, that administrators show over TCP (Authorization: Bearer).
    #[arg(long, env = "CHAT_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
}

impl AdminConfig {
    /// Where to listen over TCP, if anywhere, and the token that is asked for there.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub(crate) fn token(&self) -> Result<Option<(&str, Secret)>, AdminError> {
        match (&self.admin_listen, &self.admin_token_file) {
            (None, _) => Ok(None),
            (Some(_), None) => Err(AdminError::NoToken),
            (Some(listen), Some(file)) => Ok(Some((listen, Secret::from_file(file)?))),
        }
    }
}
