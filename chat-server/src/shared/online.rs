//! The users who are connected to this server, and those who are connected to none.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::store::{Position, UnavailableError};
use deadpool_postgres::Pool;
use tokio::time::sleep;

use super::error::unavailable;
use super::rows;
use super::write::signed;

/// Pause between two looks whether every server has heard far enough. Servers say so at most this
/// often.
pub(super) const TELL_EVERY: Duration = Duration::from_millis(100);

/// Whether every server whose lease is good has told its users everything up to a position.
const ALL_HEARD: &str = "SELECT NOT EXISTS (SELECT 1 FROM chat.node WHERE until > now() AND heard < $1)";

const ONLINE: &str = "SELECT DISTINCT o.user_id FROM chat.online o JOIN chat.node n ON n.life = o.life \
    WHERE o.user_id = ANY($1) AND n.until > now()";

/// The users with a connection to this server. Bounded by the connections.
#[derive(Debug, Default)]
pub(crate) struct OnlineUsers(Mutex<OnlineState>);

#[derive(Debug, Default)]
struct OnlineState {
    connections: HashMap<UserId, usize>,
    /// Users whose first connection began, or whose last one ended, since they were told.
    changed: HashSet<UserId>,
}

/// A connection of a user; ended when dropped.
#[derive(Debug)]
pub(crate) struct OnlineUser {
    users: Arc<OnlineUsers>,
    user: UserId,
}

impl OnlineUsers {
    fn state(&self) -> MutexGuard<'_, OnlineState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection.
    pub(crate) fn enter(self: &Arc<Self>, user: UserId) -> OnlineUser {
        let mut state = self.state();
        let connections = state.connections.entry(user.clone()).or_default();
        *connections += 1;
        if *connections == 1 {
            state.changed.insert(user.clone());
        }
        OnlineUser { users: self.clone(), user }
    }

    /// The users who have come since the last call, and those who have gone.
    pub(super) fn take_changes(&self) -> (Vec<UserId>, Vec<UserId>) {
        let mut state = self.state();
        let changed = std::mem::take(&mut state.changed);
        changed.into_iter().partition(|user| state.connections.contains_key(user))
    }

    /// All users. Nothing has changed since.
    pub(super) fn take_all(&self) -> Vec<UserId> {
        let mut state = self.state();
        state.changed.clear();
        state.connections.keys().cloned().collect()
    }
}

impl Drop for OnlineUser {
    fn drop(&mut self) {
        let mut state = self.users.state();
        let Some(connections) = state.connections.get_mut(&self.user) else { return };
        *connections -= 1;
        if *connections == 0 {
            state.connections.remove(&self.user);
            state.changed.insert(self.user.clone());
        }
    }
}

/// Those of these users who are connected to no server, once every server has told its users
/// everything up to this position. So a user who was connected when a message came, at any server,
/// is not among them.
pub(super) async fn absent(
    pool: &Pool,
    position: Position,
    users: Vec<UserId>,
) -> Result<Vec<UserId>, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let heard = client.prepare_cached(ALL_HEARD).await.map_err(|error| unavailable(&error))?;
    let position = signed(position.0);
    while !client
        .query_one(&heard, &[&position])
        .await
        .map_err(|error| unavailable(&error))?
        .get::<_, bool>(0)
    {
        sleep(TELL_EVERY).await;
    }
    let ids: Vec<_> = users.iter().map(|user| user.as_str().as_bytes()).collect();
    let online = client.prepare_cached(ONLINE).await.map_err(|error| unavailable(&error))?;
    let online = client.query(&online, &[&ids]).await.map_err(|error| unavailable(&error))?;
    let online: HashSet<UserId> = online.iter().map(|row| rows::id(row, 0)).collect::<Result<_, _>>()?;
    Ok(users.into_iter().filter(|user| !online.contains(user)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_connection_of_a_user_and_the_end_of_the_last_are_told() {
        let users = Arc::new(OnlineUsers::default());
        let told = || {
            let (come, gone) = users.take_changes();
            (come.len(), gone.len())
        };
        let first = users.enter("john".into());
        assert_eq!(told(), (1, 0));
        let second = users.enter("john".into());
        drop(first);
        assert_eq!(told(), (0, 0));
        drop(second);
        assert_eq!(told(), (0, 1));
        let again = users.enter("john".into());
        assert_eq!(users.take_all(), [UserId::from("john")]);
        assert_eq!(told(), (0, 0));
        drop(again);
        assert_eq!(told(), (0, 1));
    }
}
