//! Several users with two devices each, in a storm. At its end every app shows the server's
//! history, in order, once, and every draft is there once or was handed back.

use std::sync::atomic::Ordering;
use std::time::Instant;

use chat_client::ChatClient;
use chat_core::protocol::{Role, User};
use server_test_support::apps::history::History;
use server_test_support::apps::settings::{NO_RATES, PATIENCE};
use server_test_support::apps::{App, Random, oracle, users};
use server_test_support::{Server, send};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::{JoinSet, block_in_place};
use tokio::time::sleep;

use crate::proxy::Proxy;

/// How much must have happened before a storm may end.
const CUTS: usize = 40;
const STALLS: usize = 20;
const SWALLOWS: usize = 10;
const SERVER_KILLS: usize = 3;
const RESENDS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_app_shows_what_the_server_holds_in_order_once() {
    let mut random = Random::of_test("storm", "TUNNELS_SEED");
    let mut weather = Weather::begin(&mut random).await;
    let (stop, stopped) = watch::channel(false);
    let (clients, living) = begin(&weather.proxy, &mut random, &stopped).await;
    while !weather.was_bad_enough(&clients) {
        weather.kill_the_server(&mut random).await;
    }
    weather.proxy.settle();
    stop.send(true).unwrap();
    let mut apps = living.join_all().await;
    weather.report(&clients);
    weather.write_while_all_are_away().await;
    oracle::check(&mut apps, weather.server()).await;
}

/// The network and the server behind it.
struct Weather {
    dir: TempDir,
    server: Option<Server>,
    proxy: Proxy,
    server_kills: usize,
    began: Instant,
}

impl Weather {
    async fn begin(random: &mut Random) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let server = Server::start_in(dir.path(), &NO_RATES);
        for user in users() {
            // A user unknown at the creation of a conversation takes part in it only later.
            History::of(&user, &server).await;
        }
        let proxy = Proxy::stormy(&server, random.part()).await;
        Self { dir, server: Some(server), proxy, server_kills: 0, began: Instant::now() }
    }

    async fn kill_the_server(&mut self, random: &mut Random) {
        sleep(random.millis(300..1_500)).await;
        self.server.take().expect("one is running").kill().await;
        let server = block_in_place(|| Server::start_in(self.dir.path(), &NO_RATES));
        self.proxy.lead_to(&server);
        self.server = Some(server);
        self.server_kills += 1;
    }

    /// Writes the last message of each conversation while no app is connected: no app hears it
    /// live, nor any later one.
    async fn write_while_all_are_away(&self) {
        self.proxy.shut().await;
        let staff = User::new("staff", Role::ControlStaff);
        let mut client = self.server().connect(&staff).await;
        for id in History::of(&staff, self.server()).await.0.keys() {
            send(&mut client, id, "the last word").await;
        }
        client.close().await;
        self.proxy.open();
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("one is running")
    }

    fn was_bad_enough(&self, clients: &[ChatClient]) -> bool {
        assert!(self.began.elapsed() < PATIENCE, "too little happens in this storm");
        let counts = self.proxy.counts();
        counts.cuts.load(Ordering::Relaxed) >= CUTS
            && counts.stalls.load(Ordering::Relaxed) >= STALLS
            && counts.swallows.load(Ordering::Relaxed) >= SWALLOWS
            && self.server_kills >= SERVER_KILLS
            && resends(clients) >= RESENDS
    }

    fn report(&self, clients: &[ChatClient]) {
        let counts = self.proxy.counts();
        println!(
            "{} connections, {} refused, {} cuts, {} stalls, {} swallows, {} server kills",
            counts.connections.load(Ordering::Relaxed),
            counts.refusals.load(Ordering::Relaxed),
            counts.cuts.load(Ordering::Relaxed),
            counts.stalls.load(Ordering::Relaxed),
            counts.swallows.load(Ordering::Relaxed),
            self.server_kills,
        );
        println!("{} resends, {} duplicates suppressed", resends(clients), suppressed(clients));
    }
}

fn resends(clients: &[ChatClient]) -> u64 {
    clients.iter().map(|client| client.counters().resends).sum()
}

fn suppressed(clients: &[ChatClient]) -> u64 {
    clients.iter().map(|client| client.counters().duplicates_suppressed).sum()
}

/// Starts two devices of each user.
async fn begin(
    proxy: &Proxy,
    random: &mut Random,
    stopped: &watch::Receiver<bool>,
) -> (Vec<ChatClient>, JoinSet<App>) {
    let (mut clients, mut living) = (Vec::new(), JoinSet::new());
    for user in users() {
        for device in ["phone", "tablet"] {
            let name = format!("{}'s {device}", user.id);
            let mut app = App::start(&name, &user, &proxy.url, random.part()).await;
            clients.push(app.client().clone());
            let stopped = stopped.clone();
            living.spawn(async move {
                app.live(stopped).await;
                app
            });
        }
    }
    (clients, living)
}
