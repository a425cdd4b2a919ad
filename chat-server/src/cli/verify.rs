//! `chat-server verify`: whether all that was stored is as it was written.

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
    /// A backup to verify, instead of the data directory.
    #[arg(long, value_name = "DIR")]
    backup: Option<PathBuf>,
    /// Leave the index out; this much can be verified while the server runs.
    #[arg(long)]
    journal_only: bool,
    /// A head of the chain, as the log names it every hour: shows that nothing up to there was changed since. May be
    /// given more than once.
    #[arg(long, value_name = "POSITION:HASH")]
    expect: Vec<ChainHead>,
}

/// Verifies, and tells what is wrong.
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

/// What was seen, a line each; the head of the chain last.
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
