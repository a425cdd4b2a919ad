//! Who comes, and where to.

use std::path::PathBuf;

use chat_client::Token;
use chat_core::id::UserId;
use chat_core::protocol::User;

use super::Told;

/// What both programs are told on the command line.
#[derive(clap::Args)]
pub struct Login {
    /// Your token. On the command line other users of this machine can see it: better put it into the environment.
    #[arg(env = "CHAT_TOKEN", hide_env_values = true)]
    pub token: String,
    /// Where the server is.
    #[arg(long, default_value = "ws://127.0.0.1:8000/api/websocket/connect", value_name = "URL")]
    pub server: String,
}

#[derive(Debug, thiserror::Error)]
#[error("that is no token of the chat: `chat-server token --help` says how to make one")]
struct NoTokenError;

#[derive(Debug, thiserror::Error)]
#[error("can't make the folder {}: {}. Give --outbox FILE", .0.display(), .1)]
struct CreateFolderError(PathBuf, std::io::Error);

impl Login {
    /// Who the token says that you are. Whether that is true is for the server to find out.
    ///
    /// # Errors
    ///
    /// The text is no token of the chat.
    pub fn user(&self) -> Result<User, Told> {
        Ok(Token::from(self.token.as_str()).user().ok_or(NoTokenError)?)
    }
}

/// Where a user's outbox is unless something else is said: in a folder of the user of this machine, which is made.
///
/// # Errors
///
/// The folder can't be made.
pub fn default_outbox(user: &UserId) -> Result<PathBuf, Told> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(std::env::home_dir()?.join(".local/share")));
    let folder = data.unwrap_or_else(std::env::temp_dir).join("chat-driver");
    std::fs::create_dir_all(&folder).map_err(|error| CreateFolderError(folder.clone(), error))?;
    let safe = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let name = user.as_str().chars().map(safe).collect::<String>();
    Ok(folder.join(name).with_extension("outbox"))
}
