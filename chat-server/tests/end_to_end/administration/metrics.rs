//! `/metrics`: these tests move every metric, and the dashboard shows every metric.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::receiver::{Receiver, WebhookAnswer};
use server_test_support::{Client, Server, conversation, create, jane, send, until};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::administration::asking::ask;

/// Patience for an awaited event. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_mins(2);

/// All that is told at one time: values by name and labels, and the kinds by name.
struct Told {
    values: BTreeMap<String, f64>,
    kinds: BTreeMap<String, String>,
}

impl Told {
    async fn by(dir: &Path) -> Self {
        let answer = ask(dir, "GET", "/metrics", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(answer.head.contains("content-type: text/plain; version=0.0.4"), "{answer:?}");
        let (mut values, mut kinds) = (BTreeMap::new(), BTreeMap::new());
        for line in answer.body.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(
                    kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{name} stands there twice"
                );
            } else if !line.starts_with("# HELP ") {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line}");
            }
        }
        Self { values, kinds }
    }

    fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }
}

/// The name of the metric that a series belongs to.
fn metric<'a>(series: &'a str, kinds: &BTreeMap<String, String>) -> &'a str {
    let name = series.split('{').next().unwrap();
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
    base.filter(|base| kinds.get(*base).is_some_and(|kind| kind == "histogram")).unwrap_or(name)
}

/// The metrics that have changed since the start of a server.
struct Watch {
    dir: PathBuf,
    start: Told,
    moved: BTreeSet<String>,
}

impl Watch {
    async fn begin(dir: &Path) -> Self {
        let start = Told::by(dir).await;
        Self { dir: dir.to_owned(), start, moved: BTreeSet::new() }
    }

    #[expect(clippy::float_cmp, reason = "a value that did not move is the same to the last bit")]
    async fn look(&mut self) -> Told {
        let told = Told::by(&self.dir).await;
        let moved = told.values.iter().filter(|(series, value)| self.start.value(series) != **value);
        self.moved.extend(moved.map(|(series, _)| series.clone()));
        told
    }

    /// The series of the start (without buckets) and the metrics without a series, as far as they
    /// have not moved.
    fn unmoved(&self) -> BTreeSet<&str> {
        let Told { values, kinds } = &self.start;
        // Counters of outcomes are there from the start, and not every outcome happens here.
        let is_bucket = |series: &str| {
            series.contains("_bucket{") || series.contains("code=") || series.contains("cause=")
        };
        let of_start = values.keys().map(String::as_str).filter(|series| !is_bucket(series));
        let mut unmoved: BTreeSet<_> = of_start.filter(|series| !self.moved.contains(*series)).collect();
        let with_moved: BTreeSet<_> = self.moved.iter().map(|series| metric(series, kinds)).collect();
        let with_any: BTreeSet<_> = values.keys().map(|series| metric(series, kinds)).collect();
        let names = kinds.keys().map(String::as_str);
        unmoved.extend(names.filter(|name| !with_moved.contains(name) && !with_any.contains(name)));
        // The program is another one only after an update.
        unmoved.retain(|series| !series.starts_with("chat_build_info{"));
        // The disk of the machine has room, the receiver here refuses nothing for good, and the log
        // is read, and so is the audit trail: see `environment/reserve.rs`, `webhook_streams.rs`,
        // `logging/queue.rs` and `audit/queue.rs`. The last two are constant.
        for elsewhere in [
            "chat_disk_headroom",
            "chat_webhook_refused_total",
            "chat_log_lines_dropped_total",
            "chat_audit_lines_dropped_total",
            "chat_certificate_expires_seconds",
            "chat_key_set_read_seconds",
            "chat_clock_steps_total{direction=\"back\"}",
            "chat_clock_steps_total{direction=\"forward\"}",
            "process_start_time_seconds",
            "process_max_fds",
        ] {
            unmoved.remove(elsewhere);
        }
        unmoved
    }
}

/// Reads all that a client hears.
fn read_all(mut client: Client) -> JoinHandle<()> {
    tokio::spawn(async move { while client.frame().await.is_some() {} })
}

/// A driver with bursts of requests, again and again.
async fn load(mut driver: Client) {
    let id = create(&mut driver, "Load", "begins").await;
    loop {
        for _ in 0..8 {
            let history = json!({"type": "get_conversation_messages", "data": {"conversation_id": id}});
            driver.send_text(history.to_string()).await;
            let data = json!({"conversation_id": id, "content": "x"});
            driver.send_text(json!({"type": "send_chat_message", "data": data}).to_string()).await;
        }
        for _ in 0..16 {
            driver.reply().await;
        }
    }
}

/// A reader that takes nothing until disconnected. Others read, type and write meanwhile.
async fn a_slow_reader(server: &Server, watch: &mut Watch) {
    let (mut john, mut desk, id) = conversation(server).await;
    let message = send(&mut john, &id, "Hello?").await;
    desk.request("mark_message_read", json!({"conversation_id": id, "message_id": message})).await;
    let (john_hears, desk) = (["new_message", "message_read"], read_all(desk));
    let epoch = &john.request("get_active_conversations", json!({})).await["epoch"];
    let beyond = json!({"conversation_id": id, "after_seq": 1_000, "epoch": epoch});
    john.request("join_conversation", beyond).await;
    for event in john_hears {
        john.event(event).await;
    }
    let _slow = server.connect(&jane()).await;
    for i in 0..1_500 {
        john.request("typing_indicator", json!({"conversation_id": id, "is_typing": true})).await;
        if i % 50 == 0 && watch.look().await.value("chat_connections_closed_total{code=\"4008\"}") > 0.0 {
            break;
        }
        send(&mut john, &id, &"x".repeat(4_000)).await;
        john.event("new_message").await;
    }
    desk.abort();
}

/// Connections that say nothing, until some are closed to let others in.
async fn a_crowd_of_newcomers(server: &Server, watch: &mut Watch) {
    let mut silent = Vec::new();
    until("newcomers are evicted", async || {
        for _ in 0..64 {
            silent.push(TcpStream::connect(server.authority()).await.unwrap());
        }
        watch.look().await.value("chat_newcomers_evicted_total{cause=\"address\"}") > 0.0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_metric_is_moved_by_what_it_is_named_for() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    receiver.answer_otherwise(WebhookAnswer::Status(500));
    let mut flags = receiver.flags(dir.path());
    flags.extend(["--webhook-give-up-after", "1s", "--messages-per-second", "1000"].map(str::to_owned));
    // Loopback is limited as strangers are.
    flags.extend(["--trusted-proxy", "192.0.2.1"].map(str::to_owned));
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let server = Server::start_in(dir.path(), &flags);
    let mut watch = Watch::begin(dir.path()).await;

    // One of each role, and one without a token.
    for role in Role::ALL {
        let mut client = server.connect(&User::new(format!("user_{role:?}"), role)).await;
        client.send_text("no request").await;
        client.reply().await;
        watch.look().await;
        client.close().await;
    }
    Client::connect(&server.url).await.close_code().await;
    a_crowd_of_newcomers(&server, &mut watch).await;
    a_slow_reader(&server, &mut watch).await;

    // Depths are seen while there is a load.
    let mut drivers = Vec::new();
    for n in 0..12 {
        let driver = server.connect(&User::new(format!("driver_{n}"), Role::BusDriver)).await;
        drivers.push(tokio::spawn(load(driver)));
    }
    let patience = Instant::now() + PATIENCE;
    while !watch.unmoved().is_empty() {
        assert!(Instant::now() < patience, "nothing here moves {:?}", watch.unmoved());
        if watch.look().await.value("chat_webhook_skipped_total") > 0.0 {
            receiver.answer_otherwise(WebhookAnswer::Status(200));
        }
    }
    drivers.iter().for_each(JoinHandle::abort);

    let told = watch.look().await;
    assert_eq!(told.kinds, watch.start.kinds, "none is told only later");
    assert!(
        watch
            .start
            .values
            .contains_key("chat_requests_total{event=\"send_chat_message\",code=\"unavailable\"}")
    );
    assert!(watch.start.values.contains_key("chat_connections_closed_total{code=\"4008\"}"));
    assert!(told.value("chat_connections_refused_total{code=\"4501\"}") > 0.0);
    assert!(told.value("chat_connections_closed_total{code=\"peer\"}") > 0.0);
    assert!(told.value("chat_requests_total{event=\"none\",code=\"invalid_json\"}") > 0.0);
    assert!(told.value("chat_requests_total{event=\"send_chat_message\",code=\"ok\"}") > 0.0);
}

#[tokio::test]
async fn counts_are_what_happened() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane, id) = conversation(&server).await;
    for n in 0..3 {
        send(&mut john, &id, &n.to_string()).await;
        john.event("new_message").await;
        jane.event("new_message").await;
    }
    for n in 0..8 {
        let data = json!({"title": n.to_string(), "content": "too many"});
        john.request("create_support_conversation", data).await;
    }
    let told = Told::by(dir.path()).await;
    let values = [
        ("chat_connections{role=\"BUS_DRIVER\"}", 1.0),
        ("chat_connections_opened_total{role=\"CONTROL_STAFF\"}", 1.0),
        ("chat_requests_total{event=\"send_chat_message\",code=\"ok\"}", 3.0),
        ("chat_requests_total{event=\"create_support_conversation\",code=\"ok\"}", 6.0),
        ("chat_requests_total{event=\"create_support_conversation\",code=\"rate_limited\"}", 3.0),
        ("chat_acknowledgement_seconds_count", 12.0),
        ("chat_users_online", 2.0),
        // The epoch, a user, one of control, six conversations, three messages.
        ("chat_journal_position", 12.0),
    ];
    for (series, value) in values {
        assert!((told.value(series) - value).abs() < 1e-9, "{series} is {}, not {value}", told.value(series));
    }
}

/// The expressions of all panels.
fn expressions(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(object) => {
            found.extend(object.get("expr").map(|expr| expr.as_str().unwrap().to_owned()));
            object.values().for_each(|value| expressions(value, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| expressions(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn the_dashboard_shows_every_metric_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let _server = Server::start_in(dir.path(), &[]);
    let told = Told::by(dir.path()).await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/operation/grafana-dashboard.json");
    let dashboard = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut found = Vec::new();
    expressions(&dashboard, &mut found);
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = found.iter().flat_map(|text| text.split(|c| !is_part(c)));
    let shown = words.filter(|word| word.starts_with("chat_") || word.starts_with("process_"));
    let shown: BTreeSet<_> = shown.map(|series| metric(series, &told.kinds)).collect();
    assert_eq!(shown, told.kinds.keys().map(String::as_str).collect());
}

/// The alert rules are checked as text: a word that looks like a metric is one.
#[tokio::test]
async fn the_alert_rules_name_metrics_that_exist() {
    let dir = tempfile::tempdir().unwrap();
    let _server = Server::start_in(dir.path(), &[]);
    let told = Told::by(dir.path()).await;
    let rules = include_str!("../../../operation/prometheus-alerts.yml");
    let expressions = rules.lines().filter_map(|line| line.trim_start().strip_prefix("expr: "));
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = expressions.flat_map(|text| text.split(move |c| !is_part(c)));
    let named = words.filter(|word| word.starts_with("chat_") || word.starts_with("process_"));
    let named: BTreeSet<_> = named.map(|series| metric(series, &told.kinds)).collect();
    assert!(named.len() > 10, "{named:?}");
    assert!(named.iter().all(|name| told.kinds.contains_key(*name)), "{named:?}");
}
