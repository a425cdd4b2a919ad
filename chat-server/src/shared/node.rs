//! A server among the others that share its database.
//!
//! The server says every two seconds that it lives, and at once, but at most every 100 ms, how far
//! it has told its users and which users have come or gone. Others count it until its lease ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::store::UnavailableError;
use deadpool_postgres::Pool;
use rustix::system::uname;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use super::ANSWER_WITHIN;
use super::connect::Database;
use super::error::{unavailable, words};
use super::history::History;
use super::lease::Claim;
use super::online::{OnlineUsers, TELL_EVERY};
use crate::version;

/// Interval between two renewals of a lease. Several may fail before the lease ends.
const RENEW_EVERY: Duration = Duration::from_secs(2);

/// Pause before another connection after one was lost.
const RETRY_EVERY: Duration = Duration::from_secs(1);

const BEGIN: &str = "INSERT INTO chat.node (life, address, version, until, heard) \
    VALUES ($1, $2, $3, now() + interval '10 s', $4)";
const RENEW: &str = "UPDATE chat.node SET until = now() + interval '10 s', heard = $2 WHERE life = $1";
const LEAVE: &str = "DELETE FROM chat.node WHERE life = $1";
const COME: &str =
    "INSERT INTO chat.online (user_id, life) SELECT unnest($2::bytea[]), $1 ON CONFLICT DO NOTHING";
const GONE: &str = "DELETE FROM chat.online WHERE life = $1 AND user_id = ANY($2)";
/// The addresses of the servers that live.
pub(super) const ADDRESSES: &str = "SELECT address FROM chat.node WHERE until > now() ORDER BY address";
/// Servers that have not come back for a minute. A row that its server holds is left.
const DEAD: &str = "DELETE FROM chat.node WHERE life IN (SELECT life FROM chat.node \
    WHERE until < now() - interval '1 minute' FOR UPDATE SKIP LOCKED)";

/// A server among the others, until it leaves.
pub(crate) struct Node {
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

/// A server as the others know it.
pub(crate) struct NodeIdentity {
    /// The address on which the server listens, for people.
    pub(crate) address: String,
    /// The users who are connected to it.
    pub(crate) online: Arc<OnlineUsers>,
    /// The jobs that it does whenever no other server does them.
    pub(crate) claims: Vec<Claim>,
}

/// The address of a server for people. An address of all interfaces has the name of the machine.
pub(crate) fn named(address: SocketAddr) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let machine = uname();
    format!("{}:{}", machine.nodename().to_string_lossy(), address.port())
}

impl Node {
    /// Joins the others.
    pub(super) fn start(
        database: Database,
        history: Arc<History>,
        identity: NodeIdentity,
        life: [u8; 16],
    ) -> Self {
        let (stop, stopped) = watch::channel(());
        let teller = Teller { database, history, identity, life, told: None };
        Self { stop, task: tokio::spawn(teller.run(stopped)) }
    }

    /// Leaves the others, who count this server no more.
    pub(crate) async fn leave(self) {
        drop(self.stop);
        // A panic has been logged already.
        let _panicked = self.task.await;
    }
}

/// The error of telling the others.
#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error("{}", words(.0))]
    Database(#[from] tokio_postgres::Error),
    #[error("the database did not answer in time")]
    Late(#[from] tokio::time::error::Elapsed),
}

/// The task that tells the others about this server.
struct Teller {
    database: Database,
    history: Arc<History>,
    identity: NodeIdentity,
    life: [u8; 16],
    /// The position that was told last, and when the lease was renewed. `None` if the others know
    /// nothing of this server.
    told: Option<(i64, Instant)>,
}

impl Teller {
    async fn run(mut self, mut stopped: watch::Receiver<()>) {
        loop {
            tokio::select! {
                // Nothing is ever sent: the end of the channel is the order to stop.
                _ = stopped.changed() => break,
                Err(error) = self.tell_until_lost() => {
                    tracing::warn!(%error, "the other servers can't be told about this one: trying again");
                    sleep(RETRY_EVERY).await;
                }
            }
        }
        if let Err(error) = self.leave().await {
            tracing::warn!(%error, "the other servers count this one for another 10 seconds");
        }
    }

    async fn tell_until_lost(&mut self) -> Result<(), TellError> {
        self.told = None;
        let mut client = timeout(ANSWER_WITHIN, self.database.node()).await??;
        loop {
            timeout(ANSWER_WITHIN, self.tell(&mut client)).await??;
            sleep(TELL_EVERY).await;
        }
    }

    async fn tell(&mut self, client: &mut Client) -> Result<(), TellError> {
        // The position before the users: whoever was connected when it was told is told with it.
        let heard = self.history.marked().position();
        let is_due = self.told.is_none_or(|(_, at)| at.elapsed() >= RENEW_EVERY);
        let changed = self.identity.online.take_changes();
        let is_news = self.told.is_none_or(|(before, _)| before != heard);
        if is_due || is_news || !changed.0.is_empty() || !changed.1.is_empty() {
            let at = Instant::now();
            let is_known = self.told.is_some() && self.renew(client, heard, &changed).await?;
            if !is_known {
                self.begin(client, heard).await?;
            }
            self.told = Some((heard, self.told.filter(|_| !is_due).map_or(at, |(_, before)| before)));
        }
        self.release(client).await?;
        if is_due { self.hold(client).await } else { Ok(()) }
    }

    /// Says what has changed. Returns `false` if the others have forgotten this server.
    async fn renew(
        &self,
        client: &mut Client,
        heard: i64,
        (come, gone): &(Vec<UserId>, Vec<UserId>),
    ) -> Result<bool, TellError> {
        let renewal = client.transaction().await?;
        if renewal.execute(RENEW, &[&&self.life[..], &heard]).await? == 0 {
            return Ok(false);
        }
        for (statement, users) in [(COME, come), (GONE, gone)] {
            if !users.is_empty() {
                renewal.execute(statement, &[&&self.life[..], &keys(users)]).await?;
            }
        }
        renewal.commit().await?;
        Ok(true)
    }

    /// Says everything anew.
    async fn begin(&self, client: &mut Client, heard: i64) -> Result<(), TellError> {
        let online = self.identity.online.take_all();
        let begun = client.transaction().await?;
        begun.execute(LEAVE, &[&&self.life[..]]).await?;
        begun.execute(BEGIN, &[&&self.life[..], &self.identity.address, &version::PROGRAM, &heard]).await?;
        begun.execute(COME, &[&&self.life[..], &keys(&online)]).await?;
        begun.commit().await?;
        Ok(())
    }

    /// Gives back the jobs that nobody does here any more.
    async fn release(&mut self, client: &Client) -> Result<(), TellError> {
        for claim in self.identity.claims.extract_if(.., |claim| claim.is_over()) {
            claim.release(client, self.life).await?;
        }
        Ok(())
    }

    /// Takes or renews the jobs, and forgets servers that are gone.
    async fn hold(&self, client: &Client) -> Result<(), TellError> {
        for claim in &self.identity.claims {
            claim.renew(client, self.life).await?;
        }
        client.execute(DEAD, &[]).await?;
        Ok(())
    }

    async fn leave(&self) -> Result<(), TellError> {
        let leaving = async {
            let client = self.database.node().await?;
            for claim in &self.identity.claims {
                claim.release(&client, self.life).await?;
            }
            client.execute(LEAVE, &[&&self.life[..]]).await
        };
        timeout(ANSWER_WITHIN, leaving).await??;
        Ok(())
    }
}

/// The addresses of the servers that live.
pub(super) async fn addresses(pool: &Pool) -> Result<Vec<String>, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let rows = client.query(ADDRESSES, &[]).await.map_err(|error| unavailable(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

fn keys(users: &[UserId]) -> Vec<&[u8]> {
    users.iter().map(|user| user.as_str().as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_all_interfaces_is_told_from_those_of_other_machines() {
        let machine = uname().nodename().to_string_lossy().into_owned();
        for (address, told) in [
            ("127.0.0.1:80", "127.0.0.1:80".to_owned()),
            ("0.0.0.0:80", format!("{machine}:80")),
            ("[::]:80", format!("{machine}:80")),
        ] {
            assert_eq!(named(address.parse().unwrap()), told);
        }
    }
}
