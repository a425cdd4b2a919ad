//! `chat-server init`: begins a store.

use std::io::{self, Write as _};

use clap::Args;

use super::{CliResult, note};
use crate::config::DataConfig;
use crate::open_store;

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    #[command(flatten)]
    data: DataConfig,
}

/// Begins a store where there is none.
pub(super) fn run(args: &InitArgs) -> CliResult {
    let store = open_store::begin(&args.data.data_dir)?;
    store.close()?;
    let dir = args.data.data_dir.display();
    if store.report().created {
        note(&args.data.data_dir, "init", None, "");
    }
    let text = if store.report().created {
        format!("{dir}: began an empty store\n")
    } else {
        format!(
            "{dir}: there is a store already, up to position {}; nothing was changed\n",
            store.position().0
        )
    };
    Ok(io::stdout().write_all(text.as_bytes())?)
}
