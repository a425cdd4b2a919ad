//! `chat-server rebuild`: rebuilds the index.

use std::io::{self, Write as _};

use clap::Args;

use super::CliResult;
use super::progress::Bar;
use crate::config::DataConfig;
use crate::{open_store, store};

#[derive(Debug, Args)]
pub(super) struct RebuildArgs {
    #[command(flatten)]
    data: DataConfig,
}

/// Rebuilds the index.
pub(super) fn run(args: &RebuildArgs) -> CliResult {
    open_store::must_be_own(&args.data.data_dir)?;
    let position = {
        let bar = Bar::new("rebuild");
        store::rebuild(&args.data.data_dir, move |done, of| bar.show(done, of))?
    };
    Ok(writeln!(io::stdout(), "the index was built anew, up to position {}", position.0)?)
}
