//! Acts of administration, and the person behind them.

use std::path::Path;

use rustix::process::getuid;
use tracing::warn;

use super::file::append_act;
use super::line::{AuditKind, AuditLine};
use crate::clock;

/// The name of the person who runs this program by `sudo`.
pub(crate) fn sudo_user() -> Option<String> {
    std::env::var("SUDO_USER").ok().filter(|name| getuid().is_root() && !name.is_empty())
}

/// The person who runs this program, in words.
pub(crate) fn program_user() -> String {
    let uid = getuid().as_raw();
    sudo_user().map_or(format!("uid {uid}"), |name| format!("uid {uid}, by sudo of {name}"))
}

/// Notes an act of administration durably. A failure is logged, and the act stays done.
pub(crate) fn act(data_dir: &Path, line: AuditLine<'_>) {
    if let Err(error) = append(data_dir, line) {
        warn!(%error, "can't note an act of administration in the audit trail");
    }
}

/// Notes an act of the person who runs this program, in a data directory that exists. A failure is
/// told on standard error, and the act stays done.
pub(crate) fn act_of_program(data_dir: &Path, line: AuditLine<'_>) {
    let by = program_user();
    if data_dir.is_dir()
        && let Err(error) = append(data_dir, AuditLine { by: Some(by.into()), ..line })
    {
        eprintln!("chat-server: can't note this in the audit trail of {}: {error}", data_dir.display());
    }
}

fn append(data_dir: &Path, line: AuditLine<'_>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    AuditLine { at: clock::wall(), what: AuditKind::Act, ..line }.write(&mut bytes);
    append_act(data_dir, &bytes)
}
