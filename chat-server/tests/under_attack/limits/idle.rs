//! How long a connection may give no sign of life.

use std::time::Duration;

use futures::future::join_all;
use server_test_support::{Client, Server, token};
use tokio::time::Instant;

use crate::harness::{Tally, UNHURRIED, process, under_attack, wire};

/// The shortest time between pings, and the time for the pong.
const SILENCE: Duration = Duration::from_secs(25 + 10);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn silence() {
    under_attack("no sign of life", 8, UNHURRIED, async |server| {
        let files = process::open_files(server);
        let mut patient = connect_patient(server).await;
        let silent = (0..60).map(async |number| {
            // A client that asks for too many pings gets no more of them, and one that asks for
            // none gets some.
            let asked = ["", "&heartbeat=25", "&heartbeat=0"][number % 3];
            let start = Instant::now();
            let mut stream = wire::connect_mute(server, &wire::nobody_known(number), asked).await;
            let heard = wire::until_end(&mut stream).await;
            start.elapsed() >= SILENCE && is_told(&heard, 4012)
        });
        let tally = Tally::of(join_all(silent).await);
        assert_eq!(tally.tried, tally.refused);
        process::until_open_files(server, files + 1).await;
        patient.nothing_heard().await;
        tally
    })
    .await;
}

/// One that asked for a ping every five minutes, and is as silent as the others.
async fn connect_patient(server: &Server) -> Client {
    let url = format!("{}?token={}&heartbeat=300", server.url, token(&wire::nobody_known(1_000)));
    Client::connect(&url).await
}

/// Whether the last frame is a close with this code.
fn is_told(heard: &[u8], code: u16) -> bool {
    let [high, low] = code.to_be_bytes();
    let close = heard.iter().rposition(|byte| *byte == 0x88).map(|at| &heard[at..]);
    close.is_some_and(|close| close.get(2..4) == Some(&[high, low]))
}
