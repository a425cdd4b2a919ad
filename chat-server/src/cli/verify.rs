//! `chat-server verify`: checks that all stored data is intact.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::CliResult;
use super::progress::Bar;
use crate::config::DataConfig;
use crate::store::journal::ChainHead;
use crate::store::{Checks, Verified, verify};

#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    data: DataConfig,
    /// Backup to verify, instead of the data directory.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Verify the journal without the index. Possible while the server runs.
    #[arg(long)]
    journal_only: bool,
    /// A chain head, as logged every hour: proves that nothing before it was changed since. Can be
    /// repeated.
    #[arg(long, value_name = "POSITION:HASH")]
    expect: Vec<ChainHead>,
}

/// Verifies, and reports all damage.
pub(super) fn run(args: VerifyArgs) -> CliResult {
    let VerifyArgs { data, backup, journal_only, expect } = args;
    let dir = backup.unwrap_or(data.data_dir);
    let verified = {
        let bar = Bar::new("verify");
        verify(&dir, &Checks { journal_only, expected: expect }, &|done, of| bar.show(done, of))?
    };
    io::stdout().write_all(report(&verified).as_bytes())?;
    match verified.count {
        0 => Ok(()),
        1 => Err("one thing is wrong, see above. Nothing was changed".into()),
        count => Err(format!("{count} things are wrong, see above. Nothing was changed").into()),
    }
}

/// The report, one fact per line; the head of the chain comes last.
fn report(verified: &Verified) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes all that is written to it");
    verified.findings.iter().for_each(|finding| line(format!("wrong: {finding}")));
    let records = verified.head.map_or(0, |head| head.position.0);
    line(format!("journal: {records} records in {} segments, {} erased", verified.segments, verified.erased));
    if let Some(tail) = &verified.tail {
        let (file, what) = (tail.file.display(), &tail.what);
        line(format!("tail: {} bytes at the end of {file} were never acknowledged: {what}", tail.bytes));
    }
    line(match verified.index {
        Ok(position) => format!("index: compared up to position {}", position.0),
        Err(why) => format!("index: not compared: {why}"),
    });
    let head = verified.head.map_or_else(|| "none".to_owned(), |head| head.to_string());
    line(format!("head: {head}"));
    text
}
