//! Settings of the administrative API.

use std::path::{Path, PathBuf};

use super::AdminError;
use crate::auth::Secret;

/// The Unix socket of the administrative API, for the server and for the commands that use it.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct SocketConfig {
    /// Unix socket of the administrative API [default: admin.sock in the data directory].
    #[arg(long, env = "CHAT_ADMIN_SOCKET", value_name = "PATH")]
    pub admin_socket: Option<PathBuf>,
}

impl SocketConfig {
    /// The configured path, or the default in the data directory.
    pub fn path(&self, data_dir: &Path) -> PathBuf {
        self.admin_socket.clone().unwrap_or_else(|| data_dir.join("admin.sock"))
    }
}

/// The settings of the administrative API.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct AdminConfig {
    /// The Unix socket.
    #[command(flatten)]
    pub socket: SocketConfig,
    /// Address on which the administrative API is served over TCP too, without encryption; needs
    /// --admin-token-file.
    #[arg(long, env = "CHAT_ADMIN_LISTEN", value_name = "ADDRESS:PORT")]
    pub admin_listen: Option<String>,
    /// File with the token (at least 32 bytes) for the administrative API over TCP (Authorization:
    /// Bearer).
    #[arg(long, env = "CHAT_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,
    /// File with another token (at least 32 bytes) that may only read over TCP: metrics, health,
    /// the list of users.
    #[arg(long, env = "CHAT_ADMIN_READ_TOKEN_FILE", value_name = "FILE")]
    pub admin_read_token_file: Option<PathBuf>,
}

/// The tokens of the administrative API over TCP.
pub(crate) struct AdminTokens {
    pub(super) full: Option<Secret>,
    pub(super) read: Option<Secret>,
}

impl AdminConfig {
    /// The TCP address, if one is configured, and its tokens.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub(crate) fn tokens(&self) -> Result<Option<(&str, AdminTokens)>, AdminError> {
        let files = [&self.admin_token_file, &self.admin_read_token_file];
        let is_given = files.iter().any(|file| file.is_some());
        let Some(listen) = &self.admin_listen else {
            return if is_given { Err(AdminError::NoListen) } else { Ok(None) };
        };
        if !is_given {
            return Err(AdminError::NoToken);
        }
        let [full, read] = files.map(|file| file.as_deref().map(Secret::from_file).transpose());
        Ok(Some((listen, AdminTokens { full: full?, read: read? })))
    }
}
