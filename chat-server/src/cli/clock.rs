//! `chat-server clock`: whether retention believes the machine's clock.

use std::io::{self, Write as _};

use clap::Args;

use super::{CliResult, note};
use crate::clock;
use crate::config::DataConfig;
use crate::open_store;
use crate::store::ClockNote;

#[derive(Debug, Args)]
pub(super) struct ClockArgs {
    #[command(flatten)]
    data: DataConfig,
    /// Confirm that the clock is right: retention believes it from now on.
    #[arg(long)]
    trust: bool,
}

/// Tells what is known of the clock, or confirms it.
pub(super) fn run(args: &ClockArgs) -> CliResult {
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
    match known? {
        None => writeln!(to, "no server has looked at the clock yet")?,
        Some(ClockNote { known, is_doubted: false, .. }) => writeln!(to, "believed, last at {known}")?,
        Some(ClockNote { known, is_doubted: true, .. }) => {
            writeln!(to, "doubted, because it was ahead of {known} by more than a day: nothing is erased")?;
        }
    }
    Ok(())
}
