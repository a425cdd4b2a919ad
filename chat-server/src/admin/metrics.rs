//! `GET /metrics`, for Prometheus.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chat_core::drive::DriveStats;
use chat_core::protocol::{ErrorCode, EventType};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Context;
use super::answer::{AdminRefusal, AdminResult, answer};
use crate::logging;
use crate::metrics::MetricKind::{Counter, Gauge};
use crate::metrics::{Metrics, Process, Text, ValidityMetrics, WebhookMetrics};
use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::{INDEX_VERSION, LocalStore, journal};
use crate::version;

/// Deadline for the engine's statistics. A turn of the engine takes milliseconds.
const ENGINE_WITHIN: Duration = Duration::from_secs(5);

pub(super) async fn metrics(context: Arc<Context>, _: Request<Bytes>) -> AdminResult {
    let gone = || AdminRefusal::new(StatusCode::SERVICE_UNAVAILABLE, "the chat does not answer");
    let stats = timeout(ENGINE_WITHIN, context.handle.stats()).await;
    let stats = stats.map_err(|_| gone())?.map_err(|_| gone())?;
    let mut text = Text::default();
    let versions = format!(
        "version=\"{}\",journal=\"{}\",index=\"{INDEX_VERSION}\"",
        version::PROGRAM,
        journal::VERSION
    );
    text.values(Gauge, "chat_build_info", "The program, and its formats on disk.", [(versions, 1)]);
    connections(&mut text, &context.metrics);
    requests(&mut text, &stats, &context.metrics);
    engine(&mut text, &stats);
    webhook(&mut text, &context.metrics);
    validity(&mut text, &context.metrics);
    // Reads files, and therefore blocks.
    let text = spawn_blocking(move || {
        match &context.store {
            ServerStore::Local(local) => store(&mut text, local),
            #[cfg(feature = "postgres")]
            ServerStore::Shared(shared) => shared_store(&mut text, shared),
        }
        process(&mut text);
        let help = "Lines of the audit trail that are lost, because the disk did not take them.";
        text.value(Counter, "chat_audit_lines_dropped_total", help, context.audit.dropped());
        text.into_string()
    });
    let text = text.await.map_err(|_| gone())?;
    Ok(answer(Text::CONTENT_TYPE, Full::from(text).boxed_unsync()))
}

fn connections(text: &mut Text, metrics: &Metrics) {
    let Metrics { open, opened, closed, refused, .. } = metrics;
    text.labelled(Gauge, "chat_connections", "Open connections by role.", "role", open);
    let help = "Connections that were let in, by role.";
    text.labelled(Counter, "chat_connections_opened_total", help, "role", opened);
    let help = "Connections that have ended, by close code; peer: by the client; broken: without a word.";
    text.labelled(Counter, "chat_connections_closed_total", help, "code", closed);
    let help = "Connections that were not let in, by close code.";
    text.labelled(Counter, "chat_connections_refused_total", help, "code", refused);
    let help = "Connections without a valid token yet, and refused ones that have yet to close.";
    text.value(Gauge, "chat_newcomers", help, metrics.newcomers.now.load(Ordering::Relaxed));
    let help = "Newcomers closed to let others in; full: all places taken; address: all of one; leaving: refused before.";
    text.labelled(Counter, "chat_newcomers_evicted_total", help, "cause", &metrics.newcomers.evicted);
}

fn requests(text: &mut Text, stats: &DriveStats, metrics: &Metrics) {
    let outcomes = [None, Some(ErrorCode::Unavailable)];
    let zeros = EventType::ALL.iter().flat_map(|event| outcomes.map(|code| ((Some(*event), code), 0)));
    let mut answered: BTreeMap<_, u64> = zeros.collect();
    answered.extend(stats.engine.answered.iter().map(|(outcome, count)| (*outcome, *count)));
    let answered = answered.into_iter().map(|((event, code), count)| {
        let event = event.map_or("none", |event| event.as_str());
        let code = code.map_or("ok", |code| code.as_str());
        (format!("event=\"{event}\",code=\"{code}\""), count)
    });
    let help = "Answered requests by event (none: no request) and outcome (ok, or the code of the error).";
    text.values(Counter, "chat_requests_total", help, answered);
    let help = "Joins with a later number than the store has: it may be older than what clients were told.";
    text.value(Counter, "chat_joins_beyond_total", help, stats.engine.joins_beyond);
    let help = "From a request's frame to its reply, handed to the connection.";
    text.histogram("chat_acknowledgement_seconds", help, &metrics.acknowledgement);
    let help = "From a durable change to its event, handed to a recipient's connection.";
    text.histogram("chat_delivery_seconds", help, &metrics.delivery);
    let help = "Typing events that were not sent, because their reader is slow.";
    text.value(Counter, "chat_typing_events_shed_total", help, stats.typing_shed);
}

fn engine(text: &mut Text, stats: &DriveStats) {
    let engine = &stats.engine;
    let gauges = [
        ("chat_outbound_waiting_bytes", "Bytes that wait for slow readers.", stats.waiting_bytes),
        ("chat_changes_waiting", "Changes that are not committed.", engine.changes_waiting),
        ("chat_questions_open", "Loads and checks that requests wait for.", engine.pending_calls),
        ("chat_users_online", "Users with a connection.", engine.users_online),
        ("chat_users_typing", "Users who are typing, by conversation.", engine.typing),
        ("chat_conversations_cached", "Conversations in memory.", engine.conversations_cached),
    ];
    for (name, help, value) in gauges {
        text.value(Gauge, name, help, value);
    }
}

fn webhook(text: &mut Text, metrics: &Metrics) {
    let WebhookMetrics { sent, failed, skipped, refused, behind } = &metrics.webhook;
    let counters = [
        (Counter, "chat_webhook_sent_total", "Webhooks that were taken.", sent),
        (Counter, "chat_webhook_failed_total", "Attempts of the webhook that failed.", failed),
        (Counter, "chat_webhook_skipped_total", "Webhooks that had become too old.", skipped),
        (
            Counter,
            "chat_webhook_refused_total",
            "Webhooks that were given up because the receiver rejects them and accepts others.",
            refused,
        ),
    ];
    for (kind, name, help, value) in counters {
        text.value(kind, name, help, value.load(Ordering::Relaxed));
    }
    let behind = behind.iter().map(|lane| lane.load(Ordering::Relaxed)).max();
    let help = "Records of the journal that the webhook has not processed yet.";
    text.value(Gauge, "chat_webhook_behind", help, behind.unwrap_or_default());
}

/// Nothing is told of what is not configured.
fn validity(text: &mut Text, metrics: &Metrics) {
    let help = "Steps of the machine's clock, by direction.";
    text.labelled(Counter, "chat_clock_steps_total", help, "direction", &metrics.clock_steps);
    let ValidityMetrics { certificate_expires_at, keys_read_at } = &metrics.validity;
    let moments = [
        (
            "chat_certificate_expires_seconds",
            "End of the TLS certificate, since 1970.",
            certificate_expires_at,
        ),
        (
            "chat_key_set_read_seconds",
            "Last reading of the keys from their publisher, since 1970.",
            keys_read_at,
        ),
    ];
    for (name, help, moment) in moments {
        text.values(Gauge, name, help, moment.get().map(|at| (String::new(), at.as_millis() / 1_000)));
    }
}

fn store(text: &mut Text, store: &LocalStore) {
    let meter = store.meter();
    text.histogram("chat_journal_sync_seconds", "Writing and syncing a group.", &meter.sync);
    text.histogram("chat_journal_group_changes", "Changes of a group.", &meter.group);
    let dir = store.dir();
    let gauges = [
        ("chat_journal_position", "Records of the journal.", store.position().0),
        ("chat_journal_bytes", "Bytes of the journal on disk.", bytes_in(&dir.join("journal"))),
        ("chat_index_bytes", "Bytes of the index on disk.", bytes_in(&dir.join("index"))),
        (
            "chat_index_writes_waiting",
            "Synced writes that are not in the index yet.",
            store.writes_waiting() as u64,
        ),
        ("chat_disk_free_bytes", "Free bytes on the disk of the data directory.", meter.space.free()),
        (
            "chat_disk_headroom",
            "What may be written: 0 all, 1 by control and in emergencies, 2 by administration.",
            meter.space.headroom() as u64,
        ),
        ("chat_loads_waiting", "Loads that wait for a thread.", meter.loads_waiting() as u64),
    ];
    for (name, help, value) in gauges {
        text.value(Gauge, name, help, value);
    }
}

#[cfg(feature = "postgres")]
fn shared_store(text: &mut Text, store: &SharedStore) {
    let metrics = store.metrics();
    let help = "Waiting for the lane, and looking up the state of a group.";
    text.histogram("chat_lane_wait_seconds", help, &metrics.wait);
    let help = "Holding the lane, from the look-up to the end of the commit.";
    text.histogram("chat_lane_held_seconds", help, &metrics.held);
    let help = "Groups of changes that were not acknowledged.";
    text.value(Counter, "chat_lane_failed_total", help, metrics.failed());
    let gauges = [
        ("chat_log_position", "Last position of the history, as far as it was seen.", store.seen()),
        ("chat_log_heard", "Last position that was told to the users of this server.", store.told()),
    ];
    for (name, help, position) in gauges {
        text.value(Gauge, name, help, position.0);
    }
    let help = "Whether the database answers: 0 or 1.";
    text.value(Gauge, "chat_database_reachable", help, u64::from(store.is_reachable()));
}

fn process(text: &mut Text) {
    let Process { cpu, resident_bytes, open_files, open_files_most, started } = Process::read();
    text.value(Counter, "process_cpu_seconds_total", "CPU time.", cpu.as_secs_f64());
    if let Some(bytes) = resident_bytes {
        text.value(Gauge, "process_resident_memory_bytes", "Resident memory.", bytes);
    }
    if let Some(files) = open_files {
        text.value(Gauge, "process_open_fds", "Open files.", files);
    }
    if let Some(files) = open_files_most {
        text.value(Gauge, "process_max_fds", "Open files, at most.", files);
    }
    if let Some(started) = started {
        text.value(Gauge, "process_start_time_seconds", "Start of the process, since 1970.", started);
    }
    let help = "Lines of the log that were dropped, because its reader took none.";
    text.value(Counter, "chat_log_lines_dropped_total", help, logging::dropped());
}

/// Bytes of all files below a directory. Unreadable ones count as 0.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let bytes = |entry: io::Result<fs::DirEntry>| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        Some(if metadata.is_dir() { bytes_in(&entry.path()) } else { metadata.len() })
    };
    entries.filter_map(bytes).sum()
}
