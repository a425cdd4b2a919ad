//! Erasing the texts of one user on request, whatever their age. Holds are obeyed.

use chat_core::id::UserId;
use chat_core::store::{Position, UnavailableError};
use deadpool_postgres::Pool;
use tokio_postgres::GenericClient;

use super::erase::STEP;
use super::error::unavailable;
use super::keeping::{ErasingLock, IS_HELD};
use super::rows;
use super::write::signed;
use crate::store::{UserTexts, names_user};

/// Entries with a text, which may name the user.
const ENTRIES: &str = "SELECT r.position, r.payload, r.content FROM chat.record r \
    WHERE r.position > $1 AND r.position <= $2 AND r.is_entry AND r.content <> ''";
/// Texts that the user has sent, and those of entries that name the user.
const TEXTS: &str = "r.position > $1 AND r.position <= $2 AND r.seq IS NOT NULL AND r.content <> '' \
    AND (r.author = $3 OR r.position = ANY($4))";

/// The records of one step.
#[derive(Clone, Copy)]
pub(super) struct StepRange {
    from: i64,
    pub(super) to: i64,
}

impl StepRange {
    /// The next records after a position, up to another one.
    pub(super) fn after(from: Position, until: Position) -> Self {
        let from = signed(from.0);
        Self { from, to: from.saturating_add(STEP).min(signed(until.0)) }
    }
}

/// Counts the texts of a user up to a position.
pub(super) async fn count(
    pool: &Pool,
    user: &UserId,
    until: Position,
) -> Result<UserTexts, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let count = format!(
        "SELECT t.held, t.conversation, count(*) FROM (SELECT {IS_HELD} AS held, r.conversation \
         FROM chat.record r WHERE {TEXTS}) t GROUP BY t.held, t.conversation"
    );
    let (mut texts, mut reached) = (UserTexts::default(), Position(0));
    while reached < until {
        let range = StepRange::after(reached, until);
        let named = naming(&**client, range, user).await?;
        let (of, StepRange { from, to }) = (user.as_str().as_bytes(), range);
        let counted = client.query(&count, &[&from, &to, &of, &named]).await;
        for row in counted.map_err(|error| unavailable(&error))? {
            if row.get(0) {
                texts.held += rows::number(&row, 2)?;
                texts.held_in.insert(rows::id(&row, 1)?);
            } else {
                texts.erasable += rows::number(&row, 2)?;
            }
        }
        reached = Position(to.cast_unsigned());
    }
    Ok(texts)
}

/// Erases the texts of a user in these records, unless on hold. Returns their number.
pub(super) async fn step(pool: &Pool, user: &UserId, range: StepRange) -> Result<u64, UnavailableError> {
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let lock = ErasingLock::take(&mut client).await?;
    let named = naming(&*lock.transaction, range, user).await?;
    let (of, StepRange { from, to }) = (user.as_str().as_bytes(), range);
    let erase = format!("UPDATE chat.record r SET content = '' WHERE {TEXTS} AND NOT {IS_HELD}");
    let erased = lock.transaction.execute(&erase, &[&from, &to, &of, &named]).await;
    let erased = erased.map_err(|error| unavailable(&error))?;
    lock.commit().await?;
    Ok(erased)
}

/// The positions of entries whose text names the user.
async fn naming(
    client: &impl GenericClient,
    StepRange { from, to }: StepRange,
    user: &UserId,
) -> Result<Vec<i64>, UnavailableError> {
    let entries = client.query(ENTRIES, &[&from, &to]).await.map_err(|error| unavailable(&error))?;
    let mut positions = Vec::new();
    for row in &entries {
        if names_user(&rows::event(row, 1, 2)?, user) {
            positions.push(row.get(0));
        }
    }
    Ok(positions)
}
