//! `chat-server backup` and `chat-server restore`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;

use super::Outcome;
use super::progress::Bar;
use crate::config::DataConfig;
use crate::store;

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The directory to be made. It appears when the backup is complete and was read back.
    to: PathBuf,
    #[command(flatten)]
    data: DataConfig,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup.
    from: PathBuf,
    #[command(flatten)]
    data: DataConfig,
}

/// Takes a backup.
pub(super) fn backup(args: &BackupArgs) -> Outcome {
    let head = {
        let bar = Bar::new("backup");
        store::backup(&args.data.data_dir, &args.to, &|done, of| bar.show(done, of))?
    };
    let text = format!(
        "{}: all up to position {}, without the secret for tokens\nhead: {head}\n",
        args.to.display(),
        head.position.0
    );
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// Makes a data directory from a backup.
pub(super) fn restore(args: &RestoreArgs) -> Outcome {
    let restored = {
        let bar = Bar::new("restore");
        store::restore(&args.from, &args.data.data_dir, &|done, of| bar.show(done, of))?
    };
    let text = format!(
        "{}: all up to position {}, and a new epoch: {}\nhead of the backup: {}\nhead: {}\n",
        args.data.data_dir.display(),
        restored.backup.position.0,
        restored.epoch.as_str(),
        restored.backup,
        restored.head
    );
    Ok(io::stdout().write_all(text.as_bytes())?)
}
