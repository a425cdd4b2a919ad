//! How many connections there may be.

use server_test_support::john;

use crate::harness::{Tally, UNHURRIED, closed_with, under_attack, wire};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_of_a_user() {
    under_attack("connections of a user", 4, UNHURRIED, async |server| {
        let mut clients = Vec::new();
        for _ in 0..100 {
            clients.push(server.connect(&john()).await);
        }
        let mut kept = clients.split_off(90);
        // In their order: each is the longest silent once those before it are gone.
        for replaced in &mut clients {
            assert_eq!(closed_with(replaced).await, Some(4504));
        }
        for client in &mut kept {
            client.nothing_heard().await;
        }
        Tally { tried: 100, refused: 90 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn connections_of_the_server() {
    let flags = ["--messages-per-second", "0", "--max-connections", "20"];
    under_attack("connections of the server", 4, &flags, async |server| {
        let mut clients = Vec::new();
        for number in 0..100 {
            clients.push(server.connect(&wire::nobody_known(number)).await);
        }
        // The bystanders have the other two places.
        for refused in &mut clients[18..] {
            assert_eq!(closed_with(refused).await, Some(1013));
        }
        for kept in &mut clients[..18] {
            kept.nothing_heard().await;
        }
        Tally { tried: 100, refused: 82 }
    })
    .await;
}
