//! `chat-server move` and `chat-server journal`: a history into a database, and out of it.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chat_core::store::Position;
use clap::Args;
use tokio::runtime::Runtime;

use super::CliResult;
use super::database::address;
use super::progress::Bar;
use crate::config::{DataConfig, DatabaseConfig, DatabaseUrl};
use crate::shared::{DatabaseError, MoveIn, SharedStore};
use crate::store::journal::ChainHead;
use crate::store::{BackupDraft, Checks, OpenError, ReadOut, verify};

#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    database: DatabaseConfig,
}

#[derive(Debug, Args)]
pub(super) struct JournalArgs {
    #[command(flatten)]
    database: DatabaseConfig,
    /// Directory to create: a backup, which verify, export and restore read.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The error of a move.
#[derive(Debug, thiserror::Error)]
enum MoveError {
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Moves the history of a data directory into empty tables.
pub(super) fn move_in(args: &MoveArgs) -> CliResult {
    let (dir, url) = (&args.data.data_dir, address(&args.database)?);
    let verified = {
        let bar = Bar::new("verify");
        verify(dir, &Checks::default(), &|done, of| bar.show(done, of))?
    };
    if let Some(first) = verified.findings.first() {
        return Err(format!("nothing was moved: {first}. chat-server verify lists all that is wrong").into());
    }
    let mut source = ReadOut::begin(dir)?;
    let keeping = source.keeping()?;
    let of = verified.head.map_or(0, |head| head.position.0);
    let (runtime, bar) = (Runtime::new()?, Bar::new("move"));
    let mut moving = runtime.block_on(MoveIn::begin(&url.0))?;
    let head = source.each(&mut |records| {
        bar.show(records.last().map_or(0, |last| last.record.position.0), of);
        Ok::<_, MoveError>(runtime.block_on(moving.add(records))?)
    })?;
    runtime.block_on(moving.finish(&keeping))?;
    source.retire()?;
    let text = format!(
        "moved {} records and {} holds. {} is a backup from now on\nhead: {head}\n",
        head.position.0,
        keeping.holds.len(),
        dir.display()
    );
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Writes the history of a database as a backup.
pub(super) fn take_out(args: &JournalArgs) -> CliResult {
    let head = write_journal(address(&args.database)?, &args.out)?;
    let text = format!("wrote {} records to {}\nhead: {head}\n", head.position.0, args.out.display());
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Writes the history of a database, and its holds, to a directory that does not exist.
pub(super) fn write_journal(url: &DatabaseUrl, out: &Path) -> Result<ChainHead, Box<dyn std::error::Error>> {
    let runtime = Runtime::new()?;
    let store = runtime.block_on(SharedStore::open(&url.0))?;
    let of = runtime.block_on(store.end())?.position;
    let (bar, mut draft, mut after) = (Bar::new("journal"), BackupDraft::begin(out)?, Position(0));
    while after < of {
        let records = runtime.block_on(store.records(after))?;
        let Some(last) = records.last().map(|last| last.position) else { break };
        draft.add(
            records
                .iter()
                .filter(|record| record.position <= of)
                .map(|record| (record.position, record.hash, &record.payload[..], record.stored_content())),
        )?;
        after = last;
        bar.show(after.0, of.0);
    }
    Ok(draft.finish(&runtime.block_on(store.keeping())?)?)
}
