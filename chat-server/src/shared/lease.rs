//! Jobs that one server does for all, each under a lease.
//!
//! A server holds a job by the database's clock, and stops doing it by its own clock before its
//! lease ends. A server that was frozen meanwhile may act for a moment beside the next holder: so
//! whatever a job writes names its term, and is refused in any other.

use std::time::Duration;

use chat_core::store::UnavailableError;
use deadpool_postgres::Pool;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_postgres::{Client, Error, GenericClient};

use super::error::unavailable;

/// Time for which a server counts, and holds a job, after it has said so. As in [`CLAIM`].
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// The part of the lease that a holder leaves unused, for clocks that run at another speed.
const MARGIN: Duration = Duration::from_secs(2);

const CLAIM: &str = "UPDATE chat.job SET holder = $2, until = now() + interval '10 s', \
    term = term + (holder IS DISTINCT FROM $2)::int \
    WHERE name = $1 AND (holder = $2 OR until < now()) RETURNING term";
const RELEASE: &str = "UPDATE chat.job SET until = '-infinity' WHERE name = $1 AND holder = $2";
const STATE: &str = "SELECT state FROM chat.job WHERE name = $1";
const SAVE: &str = "UPDATE chat.job SET state = $4 WHERE name = $1 AND holder = $2 AND term = $3";

/// A job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Job {
    /// Telling a push service.
    Webhook,
    /// Erasing old texts.
    Retention,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Retention => "retention",
        }
    }
}

/// The time for which one server holds a job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Term {
    pub(super) job: Job,
    pub(super) life: [u8; 16],
    pub(super) number: i64,
}

impl Term {
    /// The job.
    pub(crate) fn job(self) -> Job {
        self.job
    }
}

/// A term, and when this server stops relying on it.
#[derive(Clone, Copy, Debug)]
struct HeldTerm {
    term: Term,
    until: Instant,
}

/// The wish to do a job, for as long as this exists.
#[derive(Clone, Debug)]
pub(crate) struct Lease(watch::Receiver<Option<HeldTerm>>);

/// A job that this server does whenever no other one does.
#[derive(Debug)]
pub(crate) struct Claim {
    job: Job,
    held: watch::Sender<Option<HeldTerm>>,
}

impl Lease {
    /// The wish, and its side of the database.
    pub(crate) fn new(job: Job) -> (Self, Claim) {
        let (held, seen) = watch::channel(None);
        (Self(seen), Claim { job, held })
    }

    /// Waits until this server holds the job. `None` once the server has left the others.
    pub(crate) async fn held(&mut self) -> Option<Term> {
        loop {
            let held = *self.0.borrow_and_update();
            match held {
                Some(HeldTerm { term, until }) if until > Instant::now() => return Some(term),
                _ => self.0.changed().await.ok()?,
            }
        }
    }

    /// Waits until this server no longer holds the job in this term.
    pub(crate) async fn lost(&self, term: Term) {
        let mut seen = self.0.clone();
        loop {
            let held = *seen.borrow_and_update();
            match held.filter(|held| held.term == term && held.until > Instant::now()) {
                None => return,
                Some(HeldTerm { until, .. }) => tokio::select! {
                    () = sleep_until(until) => {}
                    changed = seen.changed() => if changed.is_err() { return },
                },
            }
        }
    }
}

impl Claim {
    /// Whether nobody wishes to do the job any more.
    pub(super) fn is_over(&self) -> bool {
        self.held.is_closed()
    }

    /// Takes the job if nobody holds it, or holds it for longer.
    pub(super) async fn renew(&self, client: &Client, life: [u8; 16]) -> Result<(), Error> {
        let until = Instant::now() + LEASE - MARGIN;
        let row = client.query_opt(CLAIM, &[&self.job.name(), &&life[..]]).await?;
        let held = row.map(|row| HeldTerm { term: Term { job: self.job, life, number: row.get(0) }, until });
        self.held.send_if_modified(|before| {
            let is_news = before.map(|held| held.term) != held.map(|held| held.term);
            if is_news {
                tracing::info!(job = self.job.name(), holds = held.is_some(), "the holder of a job changes");
            }
            *before = held;
            true
        });
        Ok(())
    }

    /// Gives the job back, for another server to take at once.
    pub(super) async fn release(&self, client: &Client, life: [u8; 16]) -> Result<(), Error> {
        client.execute(RELEASE, &[&self.job.name(), &&life[..]]).await.map(|_| ())
    }
}

/// How far a job has come.
pub(super) async fn state(pool: &Pool, job: Job) -> Result<Option<Vec<u8>>, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let statement = client.prepare_cached(STATE).await.map_err(|error| unavailable(&error))?;
    let row = client.query_opt(&statement, &[&job.name()]).await.map_err(|error| unavailable(&error))?;
    Ok(row.and_then(|row| row.get(0)))
}

/// Notes how far a job has come. Refused if another server has begun a term since.
pub(super) async fn save(
    client: &impl GenericClient,
    term: Term,
    state: &[u8],
) -> Result<(), UnavailableError> {
    let Term { job, life, number } = term;
    let saved = client.execute(SAVE, &[&job.name(), &&life[..], &number, &state]).await;
    match saved.map_err(|error| unavailable(&error))? {
        0 => Err(UnavailableError::new("another server does this job now")),
        _ => Ok(()),
    }
}
