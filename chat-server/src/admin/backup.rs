//! `POST /backup`: a backup taken by the running server itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::Context;
use super::answer::{AdminRefusal, AdminResult};
use super::lines::{Lines, lines};
use crate::audit::AuditLine;

/// Progress lines of one backup, at most.
const STEPS: u64 = 200;

/// The body of the request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupRequest {
    /// The directory to create, as the server sees the file system: an absolute path.
    pub(crate) to: PathBuf,
}

/// The progress of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BackupProgress {
    /// Bytes copied or read back until now.
    pub(crate) done: u64,
    /// Bytes in total.
    pub(crate) of: u64,
}

/// The result of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BackupTaken {
    /// The head of the backup's chain.
    pub(crate) head: String,
}

pub(super) fn backup(context: Arc<Context>, request: Request<Bytes>) -> AdminResult {
    let wanted = serde_json::from_slice(request.body());
    let BackupRequest { to } =
        wanted.map_err(|error| AdminRefusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    if !to.is_absolute() {
        return Err(AdminRefusal::new(
            StatusCode::BAD_REQUEST,
            "give an absolute path: the server may be elsewhere",
        ));
    }
    let Some(store) = context.store.local().cloned() else {
        return Err(AdminRefusal::new(
            StatusCode::CONFLICT,
            "the conversations are in a database: back it up with pg_basebackup, or as its provider says",
        ));
    };
    Ok(lines(async move |lines| {
        let place = to.clone();
        let taken = spawn_blocking(move || store.backup(&to, &progress_reporter(&lines)));
        match taken.await {
            Ok(Ok(head)) => {
                info!(to = %place.display(), %head, "an administrator took a backup");
                let detail = format!("{} up to {head}", place.display());
                let act = Some("backup".into());
                let line = AuditLine { act, detail: Some(detail.into()), ..AuditLine::default() };
                context.note(&request, line).await;
                Ok(BackupTaken { head: head.to_string() })
            }
            Ok(Err(error)) => {
                warn!(to = %place.display(), %error, "a backup failed");
                Err(error.to_string())
            }
            Err(_) => Err("the backup broke down: see the log of the server".to_owned()),
        }
    }))
}

/// Reports progress to the client. The closure returns `false` once the client is gone.
fn progress_reporter(lines: &Lines) -> impl Fn(u64, u64) -> bool {
    let reported = AtomicU64::new(0);
    move |done, of| {
        let step = done.saturating_mul(STEPS) / of.max(1);
        let is_news = reported.swap(step, Ordering::Relaxed) != step;
        !is_news || lines.blocking_progress(&BackupProgress { done, of }).is_ok()
    }
}
