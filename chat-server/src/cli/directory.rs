//! The directory of users, reached through the running server or else on disk.

use std::path::Path;
#[cfg(feature = "postgres")]
use std::sync::Arc;

use chat_core::id::UserId;
use clap::Args;
use http::Method;
use tokio::task::spawn_blocking;

use super::progress::Bar;
use super::{CliResult, note};
use crate::admin::users::{Imported, UserPage, UserRef};
use crate::admin::{BODY_MOST, Client, ClientError, SocketConfig};
use crate::clock;
use crate::config::DataConfig;
#[cfg(feature = "postgres")]
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::open_store;
use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::{OpenError, UserTexts, count_texts};
use crate::users::{self, ImportedUser};

/// Users per page read from disk.
const PAGE: usize = 1_000;

/// Users imported between two updates of the progress bar.
const AT_ONCE: usize = 1_000;

/// The location of the store: a running server, or else the data directory or database.
#[derive(Debug, Args)]
pub(super) struct DirectoryArgs {
    #[command(flatten)]
    pub(super) data: DataConfig,
    #[command(flatten)]
    socket: SocketConfig,
    /// The database, instead of a data directory.
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    database: DatabaseConfig,
}

impl DirectoryArgs {
    /// Opens the store.
    pub(super) async fn open(&self) -> Result<Directory, Box<dyn std::error::Error>> {
        #[cfg(feature = "postgres")]
        if let Some(url) = &self.database.database_url {
            return Directory::of_database(url).await;
        }
        Directory::open(&self.socket, &self.data.data_dir).await
    }

    /// Counts the texts of a user. A server may run beside.
    pub(super) async fn count_texts(&self, user: &UserId) -> Result<UserTexts, Box<dyn std::error::Error>> {
        #[cfg(feature = "postgres")]
        if let Some(url) = &self.database.database_url {
            return Ok(SharedStore::open(&url.0).await?.count_texts(user).await?);
        }
        let (dir, user) = (self.data.data_dir.clone(), user.clone());
        Ok(spawn_blocking(move || count_texts(&dir, &user)).await??)
    }

    /// Notes an act in the audit trail, unless a server has done so.
    pub(super) fn note(&self, directory: &Directory, act: &str, user: Option<&str>, detail: &str) {
        if directory.is_stored() {
            note(&self.data.data_dir, act, user, detail);
        }
    }
}

/// The directory of users.
pub(super) enum Directory {
    /// A server runs and answers requests.
    Running(Client),
    /// No server runs, and this program has locked the data; or a database, which needs no server.
    Stored(ServerStore),
}

impl Directory {
    /// Opens the directory of the running server, or else of the data directory.
    async fn open(socket: &SocketConfig, data_dir: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let client = Client::new(socket, data_dir);
        match client.ask::<serde_json::Value>(Method::GET, "/", "").await {
            Ok(_) => Ok(Self::Running(client)),
            Err(unanswered @ ClientError::NotRunning { .. }) => match open_store::open_alone(data_dir) {
                Err(OpenError::Locked { .. }) => Err(unanswered.into()),
                opened => Ok(Self::Stored(ServerStore::Local(opened?))),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the directory of a database. All servers hear of its changes.
    #[cfg(feature = "postgres")]
    async fn of_database(url: &DatabaseUrl) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self::Stored(ServerStore::Shared(Arc::new(SharedStore::open(&url.0).await?))))
    }

    /// Whether this program acts by itself, so that no server notes its acts.
    fn is_stored(&self) -> bool {
        matches!(self, Self::Stored(_))
    }

    /// Users with an id greater than `after`.
    pub(super) async fn page(&self, after: Option<UserId>) -> Result<UserPage, Box<dyn std::error::Error>> {
        match self {
            Self::Running(client) => {
                let mut query = form_urlencoded::Serializer::new(String::new());
                query.extend_pairs(after.iter().map(|after| ("after", after.as_str())));
                Ok(client.ask(Method::GET, &format!("/users?{}", query.finish()), "").await?)
            }
            Self::Stored(store) => {
                let users = store.accounts(after, PAGE).await?;
                let more = users.len() == PAGE;
                Ok(UserPage { users: users.into_iter().map(ImportedUser::from).collect(), more })
            }
        }
    }

    pub(super) async fn import(&self, users: Vec<ImportedUser>) -> CliResult {
        let (bar, count) = (Bar::new("importing"), users.len() as u64);
        let mut users = users.into_iter();
        loop {
            bar.show(count - users.len() as u64, count);
            let some: Vec<_> = users.by_ref().take(AT_ONCE).collect();
            if some.is_empty() {
                return Ok(());
            }
            match self {
                Self::Running(client) => {
                    for lines in bodies(&some)? {
                        client.ask::<Imported>(Method::POST, "/users", lines).await?;
                    }
                }
                Self::Stored(store) => drop(users::import(store, some, clock::wall()).await?),
            }
        }
    }

    pub(super) async fn deactivate(&self, id: UserId) -> CliResult {
        match self {
            Self::Running(client) => post(client, "/users/deactivate", id).await,
            Self::Stored(store) => Ok(users::deactivate(store, id, clock::wall()).await?),
        }
    }

    pub(super) async fn activate(&self, id: UserId) -> CliResult {
        match self {
            Self::Running(client) => post(client, "/users/activate", id).await,
            Self::Stored(store) => {
                let is_known = users::activate(store, id, clock::wall()).await?;
                if is_known { Ok(()) } else { Err("User not found".into()) }
            }
        }
    }

    pub(super) fn close(self) -> CliResult {
        match self {
            Self::Running(_) => Ok(()),
            Self::Stored(ServerStore::Local(store)) => Ok(store.close()?),
            #[cfg(feature = "postgres")]
            Self::Stored(ServerStore::Shared(_)) => Ok(()),
        }
    }
}

async fn post(client: &Client, path: &str, id: UserId) -> CliResult {
    let body = serde_json::to_vec(&UserRef { id })?;
    client.ask::<UserRef>(Method::POST, path, body).await?;
    Ok(())
}

/// Splits users into request bodies of at most [`BODY_MOST`] bytes.
fn bodies(users: &[ImportedUser]) -> Result<Vec<String>, serde_json::Error> {
    let mut bodies = vec![String::new()];
    for user in users {
        let line = serde_json::to_string(user)? + "\n";
        match bodies.last_mut() {
            Some(body) if body.len() + line.len() <= BODY_MOST => body.push_str(&line),
            _ => bodies.push(line),
        }
    }
    Ok(bodies)
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::{Role, User};

    use super::*;

    #[test]
    fn many_users_go_in_several_requests() {
        let user =
            |n: usize| ImportedUser { user: User::new(format!("user_{n}"), Role::BusDriver), active: true };
        let users: Vec<_> = (0..20_000).map(user).collect();
        let bodies = bodies(&users).unwrap();
        assert!(bodies.len() > 1 && bodies.iter().all(|body| body.len() <= BODY_MOST));
        let read: Vec<_> = bodies.iter().flat_map(|body| users::read(body.as_bytes()).unwrap()).collect();
        assert_eq!(read, users);
    }
}
