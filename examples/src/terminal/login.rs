//! The user and the server, from the command line.

use std::path::PathBuf;

use chat_client::Token;
use chat_core::id::UserId;
use chat_core::protocol::User;

use super::MainError;

/// The options of both programs.
#[derive(clap::Args)]
pub struct Login {
    /// Your token. Better put it into the environment: other users of this machine can see the
    /// command line
    #[arg(env = "CHAT_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Address of the server
    #[arg(long, default_value = "ws://127.0.0.1:8000/api/websocket/connect", value_name = "URL")]
    pub server: String,
}

#[derive(Debug, thiserror::Error)]
#[error("not a token of the chat: `chat-server token --help` explains how to make one")]
struct TokenError;

#[derive(Debug, thiserror::Error)]
#[error("can't create the folder {}: {}. Give --outbox FILE", .0.display(), .1)]
struct CreateFolderError(PathBuf, std::io::Error);

impl Login {
    /// Returns the user named by the token. Only the server can verify the token.
    ///
    /// # Errors
    ///
    /// The text is no token of the chat.
    pub fn user(&self) -> Result<User, MainError> {
        Ok(Token::from(self.token.as_str()).user().ok_or(TokenError)?)
    }
}

/// Returns the default path of a user's outbox, in a folder of this machine's user. Creates the
/// folder.
///
/// # Errors
///
/// The folder can't be created.
pub fn default_outbox(user: &UserId) -> Result<PathBuf, MainError> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    let folder = data.unwrap_or_else(std::env::temp_dir).join("chat-driver");
    std::fs::create_dir_all(&folder).map_err(|error| CreateFolderError(folder.clone(), error))?;
    let safe = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let name = user.as_str().chars().map(safe).collect::<String>();
    Ok(folder.join(name).with_extension("outbox"))
}
