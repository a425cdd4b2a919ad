//! An app whose first connections are all lost before any frame has come shows everything in the
//! end.

use server_test_support::apps::App;
use server_test_support::apps::Random;
use server_test_support::apps::oracle;
use server_test_support::{Server, conversation, john, send};

use crate::proxy::{Fate, Proxy};

/// The first connections of the app, up and down.
const SCRIPT: [Option<[Fate; 2]>; 7] = [
    None,
    Some([Fate::Cut { after: 0, reset: false }, Fate::Through]),
    Some([Fate::Cut { after: 30, reset: true }, Fate::Through]),
    // In the middle of the handshake's answer.
    Some([Fate::Through, Fate::Cut { after: 60, reset: false }]),
    Some([Fate::Swallow { after: 0, both_ways: true }, Fate::Through]),
    // In the middle of the first reply: the list has more than twice as many bytes.
    Some([Fate::Through, Fate::Cut { after: 400, reset: true }]),
    Some([Fate::Through, Fate::Swallow { after: 400, both_ways: false }]),
];

#[tokio::test]
async fn an_app_that_had_heard_nothing_recovers() {
    let mut random = Random::of_test("first connections", "TUNNELS_SEED");
    let server = Server::start();
    let (_john, mut jane, id) = conversation(&server).await;
    let proxy = Proxy::scripted(&server, SCRIPT).await;
    let mut app = App::start("John's phone", &john(), &proxy.url, random.part()).await;
    app.open(&id);
    for left in (0..SCRIPT.len()).rev() {
        app.listen_until("another attempt", |_| proxy.script_left() <= left).await;
        app.write_to(&id);
        send(&mut jane, &id, "Are you there?").await;
        assert!(app.heard.is_empty() && app.shown[&id].lines.is_empty(), "something got through");
    }
    app.finish().await;
    oracle::check(&mut [app], &server).await;
}
