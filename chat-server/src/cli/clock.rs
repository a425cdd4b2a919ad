//! `chat-server clock`: whether retention believes the machine's clock.

use std::io::{self, Write as _};

use clap::Args;
#[cfg(feature = "postgres")]
use tokio::runtime::Runtime;

use super::{CliResult, note};
use crate::clock;
use crate::config::DataConfig;
#[cfg(feature = "postgres")]
use crate::config::{DatabaseConfig, DatabaseUrl};
use crate::open_store;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::ClockNote;

#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    #[command(flatten)]
    data: DataConfig,
    /// The database, whose clock retention goes by.
    #[cfg(feature = "postgres")]
    #[command(flatten)]
    database: DatabaseConfig,
    /// Confirm that the clock is right: retention believes it from now on.
    #[arg(long)]
    trust: bool,
}

/// Tells what is known of the clock, or confirms it.
pub(super) fn run(args: &ClockArgs) -> CliResult {
    #[cfg(feature = "postgres")]
    if let Some(url) = &args.database.database_url {
        return Runtime::new()?.block_on(of_database(args, url));
    }
    let (dir, now) = (&args.data.data_dir, clock::wall());
    let mut to = io::stdout();
    let known = ClockNote::read(dir);
    if args.trust || matches!(known, Ok(None)) {
        open_store::look(dir, true)?;
    }
    if args.trust {
        open_store::must_be_own(dir)?;
        ClockNote::new(now, false).write(dir)?;
        note(dir, "clock", None, &format!("confirmed {now}"));
        return Ok(writeln!(to, "{now} is believed; a running server takes this up within a minute")?);
    }
    writeln!(to, "the clock of this machine: {now}")?;
    tell(&mut to, known?)
}

/// The same for the clock of a database.
#[cfg(feature = "postgres")]
async fn of_database(args: &ClockArgs, url: &DatabaseUrl) -> CliResult {
    let store = SharedStore::open(&url.0).await?;
    let (now, _) = store.clocks().await?;
    let mut to = io::stdout();
    if args.trust {
        store.note_clock(None, ClockNote::new(now, false)).await?;
        note(&args.data.data_dir, "clock", None, &format!("confirmed {now}"));
        return Ok(writeln!(to, "{now} is believed; the server that erases takes this up within a minute")?);
    }
    writeln!(to, "the clock of the database: {now}")?;
    let known = store.clock_note().await?;
    if known.is_none() {
        return Ok(writeln!(to, "no server with --retention has looked at the clock yet")?);
    }
    tell(&mut to, known)
}

/// Tells what is known of a clock.
fn tell(to: &mut impl io::Write, known: Option<ClockNote>) -> CliResult {
    match known {
        None => writeln!(to, "no server has looked at the clock yet")?,
        Some(ClockNote { known, is_doubted: false, .. }) => writeln!(to, "believed, last at {known}")?,
        Some(ClockNote { known, is_doubted: true, .. }) => {
            writeln!(to, "doubted, because it was ahead of {known} by more than a day: nothing is erased")?;
        }
    }
    Ok(())
}
