//! `chat-server repair`: makes a damaged store usable with the least loss.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::{CliResult, note};
use crate::config::DataConfig;
use crate::open_store;
use crate::store::{self, Repaired, repair};

/// The line about the epoch.
const EPOCH: &str = "a new epoch begins at the next start: clients forget the numbers that they hold";

/// Most lost texts that are named one by one.
const NAMED_MOST: usize = 100;

#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    data: DataConfig,
    /// Backup, or copy of the data directory, from which damaged parts are taken. It may be older.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
    /// Begin a new epoch only: after a snapshot of the whole data directory was rolled back.
    #[arg(long, conflicts_with = "from")]
    new_epoch: bool,
    /// Carry the repair out. Without it, nothing is changed.
    #[arg(long)]
    yes: bool,
}

/// Describes the repair, and carries it out if asked to.
pub(super) fn run(args: &RepairArgs) -> CliResult {
    let dir = &args.data.data_dir;
    open_store::must_be_own(dir)?;
    if args.new_epoch {
        if !args.yes {
            return Err(
                "nothing was changed: add --yes to begin a new epoch. Nothing stored is lost by it".into()
            );
        }
        store::new_epoch(dir)?;
        note(dir, "repair", None, "began a new epoch");
        return Ok(writeln!(io::stdout(), "{EPOCH}")?);
    }
    let repaired = repair(dir, args.from.as_deref(), args.yes)?;
    if args.yes && !repaired.flaws.is_empty() {
        note(dir, "repair", None, &lost(&repaired));
    }
    io::stdout().write_all(report(&repaired).as_bytes())?;
    if repaired.flaws.is_empty() || args.yes {
        return Ok(());
    }
    let other = if args.from.is_some() { "" } else { ", or --from BACKUP to see whether less would be lost" };
    Err(format!("nothing was changed: add --yes to repair{other}").into())
}

/// The loss in short, for the audit trail.
fn lost(Repaired { texts, lost, notes, .. }: &Repaired) -> String {
    let records = lost.map_or("no records".to_owned(), |(first, last)| {
        format!("the records from position {} to {}", first.0, last.0)
    });
    let beside = if notes.is_empty() { String::new() } else { format!("; {}", notes.join("; ")) };
    format!("lost {} texts and {records}{beside}", texts.len())
}

/// The report, one fact per line.
fn report(repaired: &Repaired) -> String {
    let Repaired { flaws, healed, texts, lost, notes, readable, aside } = repaired;
    if flaws.is_empty() {
        return "the journal and the files beside it are whole: there is nothing to repair\n".to_owned();
    }
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes all that is written to it");
    flaws.iter().for_each(|flaw| line(format!("wrong: {flaw}")));
    if *healed > 0 {
        line(format!("healed: {healed} parts, from the backup or copy"));
    }
    for (conversation, seq) in texts.iter().take(NAMED_MOST) {
        line(format!("lost: the text of message {seq} of {conversation}"));
    }
    if texts.len() > NAMED_MOST {
        line(format!("lost: the texts of {} more messages", texts.len() - NAMED_MOST));
    }
    if let Some((first, last)) = lost {
        line(format!("lost: everything from position {} to {}", first.0, last.0));
        line(format!(
            "{readable} of these records can be read before and after by chat-server export --salvage"
        ));
    }
    notes.iter().for_each(|note| line(format!("lost: {note}")));
    if texts.is_empty() && lost.is_none() && notes.is_empty() {
        line("lost: nothing".to_owned());
    }
    line(format!("kept: the damaged journal, as {}", aside.display()));
    line(EPOCH.to_owned());
    text
}
