//! Apps under load over two servers, while servers and databases are killed, failed over and
//! frozen. At the end every app shows the servers' history, in order, once, and every acknowledged
//! text is in the history once.
//!
//! `NODE_KILLS`, `DATABASE_KILLS`, `FAILOVERS` and `FREEZES` set the counts. `NODES_SEED` repeats
//! the order of the failures and the actions of the apps. `OTHER_PROGRAM` names the program of the
//! second server, for two versions side by side.

use std::ops::Range;
use std::time::Duration;

use rustix::process::Signal;
use server_test_support::Server;
use server_test_support::apps::history::History;
use server_test_support::apps::settings::start_among;
use server_test_support::apps::{App, Random, oracle, users};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, Instance};

/// The time for which a frozen server stands still.
const FROZEN_FOR: Duration = Duration::from_secs(3);

/// Milliseconds between two actions of a user: some 50 actions a second of all, so that a slow
/// machine keeps up too.
const PACE: Range<usize> = 50..350;

/// The time for which two versions serve side by side.
const SIDE_BY_SIDE: Duration = Duration::from_mins(5);

/// A failure of a part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Failure {
    NodeKill,
    DatabaseKill,
    Failover,
    Freeze,
}

/// A failure that the cluster has been through.
pub(crate) struct Suffered {
    failure: Failure,
    began: Instant,
    /// The time at which the killed part was back: of a database, at which it accepted writes.
    healed: Instant,
}

/// The failures in random order.
fn plan(random: &mut Random) -> Vec<Failure> {
    let counts = [
        (Failure::NodeKill, "NODE_KILLS"),
        (Failure::DatabaseKill, "DATABASE_KILLS"),
        (Failure::Failover, "FAILOVERS"),
        (Failure::Freeze, "FREEZES"),
    ];
    let count = |variable| std::env::var(variable).map_or(1, |count| count.parse().expect("a number"));
    let mut left: Vec<_> = counts
        .iter()
        .flat_map(|(failure, variable)| std::iter::repeat_n(*failure, count(*variable)))
        .collect();
    std::iter::from_fn(|| (!left.is_empty()).then(|| left.swap_remove(random.below(left.len())))).collect()
}

/// Lets a part fail, and brings it back.
async fn suffer(cluster: &mut Cluster, failure: Failure, random: &mut Random) -> Suffered {
    let (began, node) = (Instant::now(), random.below(2));
    let mut healed = None;
    match failure {
        Failure::NodeKill => cluster.kill_node(node, random.millis(0..1_000)).await,
        Failure::DatabaseKill => healed = Some(cluster.kill_database()),
        Failure::Failover => {
            healed = Some(cluster.fail_over());
            cluster.make_standby().await;
        }
        Failure::Freeze => {
            cluster.node(node).signal(Signal::STOP);
            sleep(FROZEN_FOR).await;
            cluster.node(node).signal(Signal::CONT);
        }
    }
    Suffered { failure, began, healed: healed.unwrap_or_else(Instant::now) }
}

/// Starts two devices of each user. Each knows the addresses of all servers.
pub(crate) async fn begin(
    server: &Server,
    urls: &[String],
    random: &mut Random,
    stopped: &watch::Receiver<bool>,
) -> JoinSet<App> {
    for user in users() {
        History::of(&user, server).await;
    }
    let mut living = JoinSet::new();
    for user in users() {
        for device in ["phone", "tablet"] {
            let client = start_among(urls, &user).await;
            let name = format!("{}'s {device}", user.id);
            let mut app = App::with(&name, &user, client, random.part());
            app.pace = PACE;
            let stopped = stopped.clone();
            living.spawn(async move {
                app.live(stopped).await;
                app
            });
        }
    }
    living
}

/// The value below which a share of all values lies.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted
        .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

fn print(what: &str, mut times: Vec<Duration>) {
    if times.is_empty() {
        return;
    }
    times.sort_unstable();
    let [half, most, last] = [50, 99, 100].map(|percent| percentile(&times, percent));
    println!("{what}: p50 {half:.0?}, p99 {most:.0?}, longest {last:.0?}, of {}", times.len());
}

/// The times of all acknowledgements, in order.
pub(crate) fn acknowledgements(apps: &[App]) -> Vec<Instant> {
    let written = apps.iter().flat_map(|app| &app.written);
    let mut times: Vec<_> = written.filter(|one| one.outcome.is_ok()).map(|one| one.at).collect();
    times.sort_unstable();
    times
}

/// Prints how long apps and servers took to go on.
pub(crate) fn report(apps: &[App], suffered: &[Suffered]) {
    let acknowledged = acknowledgements(apps);
    let of = |failure| suffered.iter().filter(move |one| one.failure == failure);
    print(
        "from a lost connection to everything missed",
        apps.iter().flat_map(|app| app.recoveries.taken.clone()).collect(),
    );
    for (failure, what) in [
        (Failure::DatabaseKill, "from a restarted database to an acknowledgement"),
        (Failure::Failover, "from a promoted standby to an acknowledgement"),
    ] {
        let next = |at| acknowledged.iter().find(|time| **time >= at).map(|time| *time - at);
        print(what, of(failure).filter_map(|one| next(one.healed)).collect());
    }
    let stall = |one: &Suffered| {
        let during = acknowledged.iter().filter(|time| (one.began..=one.healed).contains(*time));
        let times: Vec<_> = std::iter::once(&one.began).chain(during).chain([&one.healed]).collect();
        times.windows(2).map(|pair| *pair[1] - *pair[0]).max().unwrap_or_default()
    };
    print(
        "longest time without an acknowledgement while a server is frozen",
        of(Failure::Freeze).map(stall).collect(),
    );
}

/// Asserts that nobody has been handed back a text, and that the positions have no holes.
pub(crate) async fn check(mut apps: Vec<App>, servers: [&Server; 2], database: &Instance) {
    for app in &apps {
        let handed_back = app.written.iter().find(|written| written.outcome.is_err());
        assert!(handed_back.is_none(), "{}: {:?}", app.name, handed_back.map(|written| &written.outcome));
    }
    for server in servers {
        oracle::check(&mut apps, server).await;
    }
    let client = database.connect("chat").await;
    let row = client.query_one("SELECT count(*), max(position) FROM chat.record", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1), "positions have no holes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_doubled_or_out_of_order_whatever_fails() {
    let mut random = Random::of_test("under load", "NODES_SEED");
    let mut cluster = Cluster::start().await;
    let (stop, stopped) = watch::channel(false);
    let living = begin(cluster.node(0), &cluster.urls(), &mut random, &stopped).await;
    let mut suffered = Vec::new();
    for failure in plan(&mut random) {
        sleep(random.millis(500..1_500)).await;
        suffered.push(suffer(&mut cluster, failure, &mut random).await);
        cluster.start_nodes().await;
        cluster.ready().await;
    }
    sleep(random.millis(500..1_500)).await;
    stop.send(true).unwrap();
    let apps = living.join_all().await;
    report(&apps, &suffered);
    check(apps, cluster.nodes(), cluster.primary()).await;
    println!("{} failures of the cluster survived", suffered.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_is_nothing_but_reconnects() {
    let mut random = Random::of_test("rolling restart", "NODES_SEED");
    let mut cluster = Cluster::start().await;
    let (stop, stopped) = watch::channel(false);
    let living = begin(cluster.node(0), &cluster.urls(), &mut random, &stopped).await;
    for node in [0, 1] {
        sleep(random.millis(500..1_500)).await;
        cluster.restart_node(node).await;
        cluster.ready().await;
    }
    sleep(random.millis(500..1_500)).await;
    stop.send(true).unwrap();
    let apps = living.join_all().await;
    report(&apps, &[]);
    check(apps, cluster.nodes(), cluster.primary()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes, and needs another version, named by OTHER_PROGRAM"]
async fn two_versions_serve_side_by_side() {
    assert!(std::env::var_os("OTHER_PROGRAM").is_some(), "OTHER_PROGRAM names the other version");
    let mut random = Random::of_test("two versions", "NODES_SEED");
    let cluster = Cluster::start().await;
    let (stop, stopped) = watch::channel(false);
    let living = begin(cluster.node(0), &cluster.urls(), &mut random, &stopped).await;
    sleep(SIDE_BY_SIDE).await;
    stop.send(true).unwrap();
    let apps = living.join_all().await;
    report(&apps, &[]);
    check(apps, cluster.nodes(), cluster.primary()).await;
}
