//! `chat-server backup` and `chat-server restore`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use http::Method;
use tokio::runtime::Runtime;

use super::progress::Bar;
use super::{CliResult, note};
use crate::admin::backup::{BackupProgress, BackupRequest, BackupTaken};
use crate::admin::{Client, SocketConfig};
use crate::config::DataConfig;
use crate::open_store;
use crate::store::{self, BackupError, OpenError};

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Directory to create. It appears once the backup is complete and verified.
    to: PathBuf,
    #[command(flatten)]
    data: DataConfig,
    #[command(flatten)]
    socket: SocketConfig,
}

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Backup to restore from.
    from: PathBuf,
    #[command(flatten)]
    data: DataConfig,
}

/// Takes a backup, through the running server if there is one.
pub(super) fn backup(args: &BackupArgs) -> CliResult {
    let bar = Bar::new("backup");
    let head = match store::backup(&args.data.data_dir, &args.to, &|done, of| bar.show(done, of)) {
        Err(BackupError::Store(OpenError::Locked { .. })) => {
            Runtime::new()?.block_on(by_server(args, &bar))?
        }
        taken => {
            let head = taken?.to_string();
            note(&args.data.data_dir, "backup", None, &format!("{} up to {head}", args.to.display()));
            head
        }
    };
    drop(bar);
    let position = head.split(':').next().unwrap_or_default();
    let to = args.to.display();
    let text = format!("{to}: all up to position {position}, without the secret for tokens\nhead: {head}\n");
    Ok(io::stdout().write_all(text.as_bytes())?)
}

async fn by_server(args: &BackupArgs, bar: &Bar) -> Result<String, Box<dyn std::error::Error>> {
    let client = Client::new(&args.socket, &args.data.data_dir);
    let body = serde_json::to_vec(&BackupRequest { to: std::path::absolute(&args.to)? })?;
    let show = |BackupProgress { done, of }| bar.show(done, of);
    let BackupTaken { head } = client.follow(Method::POST, "/backup", body, show).await?;
    Ok(head)
}

/// Creates a data directory from a backup.
pub(super) fn restore(args: &RestoreArgs) -> CliResult {
    open_store::must_be_own(&args.data.data_dir)?;
    let restored = {
        let bar = Bar::new("restore");
        store::restore(&args.from, &args.data.data_dir, &|done, of| bar.show(done, of))?
    };
    let detail = format!("from {} up to {}", args.from.display(), restored.backup);
    note(&args.data.data_dir, "restore", None, &detail);
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
