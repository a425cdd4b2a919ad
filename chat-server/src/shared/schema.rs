//! The tables, and their layout.

use chat_core::id::Epoch;
use chat_core::store::{Hash, Position};
use tokio_postgres::{Client, Transaction};

use super::connect::Database;
use super::epoch;
use super::error::{DatabaseError, words};
use super::node::ADDRESSES;
use super::rows;
use crate::store::random_epoch;

/// The layout of the tables that this version makes and needs.
pub const LAYOUT: i32 = 4;

/// A step from one layout to the next.
struct Step {
    statements: &'static str,
    /// Whether servers of the version before can't go on after it.
    ends_servers: bool,
}

/// The steps from each layout to the next. The second only adds, so a server of the version before
/// goes on. After the third such a server can neither write, because a column has another name, nor
/// read the records of entries, and after the fourth not the records of entries about orders.
const STEPS: [Step; 4] = [
    Step { statements: include_str!("schema.sql"), ends_servers: false },
    Step { statements: include_str!("schema_2.sql"), ends_servers: false },
    Step { statements: include_str!("schema_3.sql"), ends_servers: true },
    Step { statements: include_str!("schema_4.sql"), ends_servers: true },
];

/// The result of an upgrade.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Upgraded {
    /// The tables were created.
    Created,
    /// The tables had this older layout.
    From(i32),
    /// The tables had this layout already.
    Nothing,
}

#[expect(clippy::needless_pass_by_value, reason = "the argument of map_err")]
fn refused(error: tokio_postgres::Error) -> DatabaseError {
    DatabaseError::Refused(words(&error))
}

/// Creates the tables, or brings them to the present layout, in one transaction.
pub(super) async fn upgrade(database: &Database) -> Result<Upgraded, DatabaseError> {
    let mut connected = database.plain().await?;
    // Two upgrades at once would both see no tables.
    connected
        .client
        .batch_execute("SELECT pg_advisory_lock(hashtext('chat-server'))")
        .await
        .map_err(refused)?;
    let before = layout(&connected.client).await?;
    let steps = match before {
        Some(LAYOUT) => return Ok(Upgraded::Nothing),
        Some(newer) if newer > LAYOUT => return Err(DatabaseError::Newer(newer, LAYOUT)),
        older => &STEPS[older.and_then(|older| usize::try_from(older).ok()).unwrap_or_default()..],
    };
    let made = connected.client.transaction().await.map_err(refused)?;
    for step in steps {
        if step.ends_servers {
            check_stopped(&made).await?;
        }
        made.batch_execute(step.statements).await.map_err(refused)?;
    }
    match before {
        None => fill(&made).await?,
        Some(_) => {
            made.execute("UPDATE chat.meta SET layout = $1", &[&LAYOUT]).await.map_err(refused)?;
        }
    }
    made.commit().await.map_err(refused)?;
    Ok(before.map_or(Upgraded::Created, Upgraded::From))
}

/// Checks that no server lives. The row of one that was killed counts until its lease ends.
async fn check_stopped(made: &Transaction<'_>) -> Result<(), DatabaseError> {
    let servers = made.query(ADDRESSES, &[]).await.map_err(refused)?;
    let addresses: Vec<String> = servers.iter().map(|row| row.get(0)).collect();
    if addresses.is_empty() { Ok(()) } else { Err(DatabaseError::Served(addresses)) }
}

/// Fills new tables: with the first record of the history.
async fn fill(made: &Transaction<'_>) -> Result<(), DatabaseError> {
    let epoch = random_epoch().map_err(DatabaseError::Thread)?;
    made.execute(
        "INSERT INTO chat.meta (layout, epoch) VALUES ($1, $2)",
        &[&LAYOUT, &epoch.as_str().as_bytes()],
    )
    .await
    .map_err(refused)?;
    made.batch_execute("INSERT INTO chat.lane DEFAULT VALUES").await.map_err(refused)?;
    let beginning = (Position::default(), Hash([0; 32]));
    epoch::record(made, &epoch, beginning).await.map_err(|error| DatabaseError::Refused(error.reason))?;
    Ok(())
}

/// Checks that the tables have the layout of this version, and returns the epoch.
pub(super) async fn check(database: &Database) -> Result<Epoch, DatabaseError> {
    let connected = database.plain().await?;
    match layout(&connected.client).await? {
        None => Err(DatabaseError::Empty),
        Some(LAYOUT) => {
            let row =
                connected.client.query_one("SELECT epoch FROM chat.meta", &[]).await.map_err(refused)?;
            rows::id(&row, 0).map_err(|error| DatabaseError::Refused(error.reason))
        }
        Some(other) if other < LAYOUT => Err(DatabaseError::Older(other, LAYOUT)),
        Some(other) => Err(DatabaseError::Newer(other, LAYOUT)),
    }
}

/// The layout of the tables, or `None` if there are none.
async fn layout(client: &Client) -> Result<Option<i32>, DatabaseError> {
    let exists = "SELECT to_regclass('chat.meta') IS NOT NULL";
    let exists: bool = client.query_one(exists, &[]).await.map_err(refused)?.get(0);
    if !exists {
        return Ok(None);
    }
    let row = client.query_one("SELECT layout FROM chat.meta", &[]).await.map_err(refused)?;
    Ok(Some(row.get(0)))
}
