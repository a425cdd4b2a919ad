//! The webhook for disconnected users.

use std::collections::BTreeSet;
use std::path::Path;

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::program::program;
use server_test_support::receiver::{Receiver, WebhookAnswer};
use server_test_support::tls::Authority;
use server_test_support::{Client, SECRET, Server, create, jane, john, send, until};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::administration::asking::ask;

fn ann() -> User {
    User::new("user_ann", Role::ControlAdmin)
}

/// A server with this receiver. Ann is known to the server, and not connected.
pub async fn server(dir: &Path, receiver: &Receiver, more: &[&str]) -> Server {
    let flags = receiver.flags(dir);
    let flags: Vec<_> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
    let server = Server::start_in(dir, &flags);
    let known = ask(dir, "POST", "/users", r#"{"id":"user_ann","role":"CONTROL_ADMIN"}"#).await;
    assert_eq!(known.status, 200, "{known:?}");
    server
}

/// Sends messages and gives their ids.
async fn send_some(john: &mut Client, conversation: &str, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for n in 0..count {
        ids.push(send(john, conversation, &n.to_string()).await);
    }
    ids
}

#[tokio::test]
async fn who_is_not_connected_is_named_and_nothing_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let server = server(dir.path(), &receiver, &[]).await;
    let mut desk = server.connect(&jane()).await;
    desk.nothing_heard().await;
    let mut phone = server.connect(&john()).await;
    let id = create(&mut phone, "A secret title", "A secret text").await;
    let heard = receiver.next().await;
    assert_eq!((heard.path.as_str(), &heard.body["type"]), ("/hook", &json!("new_support_conversation")));
    assert!(!heard.text.contains("secret"), "{heard:?}");
    let data = json!({
        "user_ids": ["user_ann"], "conversation_id": id, "message_id": heard.id, "seq": 1,
        "sender_id": "user_john", "room_type": "driver_support",
    });
    assert_eq!(heard.body["data"], data);

    desk.close().await;
    let message = send(&mut phone, &id, "A secret answer").await;
    let heard = receiver.next().await;
    assert!(!heard.text.contains("secret"), "{heard:?}");
    assert_eq!((&heard.id, &heard.body["type"]), (&message, &json!("new_message")));
    let data = json!({
        "user_ids": ["user_ann", "user_jane"], "conversation_id": id, "message_id": message, "seq": 2,
        "sender_id": "user_john",
    });
    assert_eq!(heard.body["data"], data);

    // While all are connected, no event is due. Afterwards events are due only for users that have
    // left.
    let mut ann_ = server.connect(&ann()).await;
    let mut desk = server.connect(&jane()).await;
    ann_.nothing_heard().await;
    desk.nothing_heard().await;
    send(&mut phone, &id, "all hear this").await;
    desk.event("new_message").await;
    // Told in order, so this would come first.
    until_told(dir.path(), "chat_webhook_behind", |behind| behind == 0).await;
    phone.close().await;
    let message = send(&mut desk, &id, "all but John").await;
    let heard = receiver.next().await;
    assert_eq!((heard.id, &heard.body["data"]["user_ids"]), (message, &json!(["user_john"])));
    assert!(receiver.rest().is_empty());
}

/// The value of one of the metrics.
pub async fn told(dir: &Path, name: &str) -> u64 {
    let metrics = ask(dir, "GET", "/metrics", "").await.body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).parse().unwrap()
}

/// Waits until one of the metrics has such a value.
pub async fn until_told(dir: &Path, name: &str, is_such: impl Fn(u64) -> bool) {
    until(name, async || is_such(told(dir, name).await)).await;
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_and_the_rest_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let server = server(dir.path(), &receiver, &[]).await;
    let refusals = [
        WebhookAnswer::Status(500),
        WebhookAnswer::Status(302),
        WebhookAnswer::Nothing,
        WebhookAnswer::Status(404),
    ];
    receiver.answer(refusals);
    let mut phone = server.connect(&john()).await;
    let id = create(&mut phone, "t", "c").await;
    let message = send(&mut phone, &id, "later").await;
    let first = receiver.next().await;
    assert_eq!(first.answered, refusals[0]);
    for refusal in &refusals[1..] {
        let again = receiver.next().await;
        assert_eq!((&again.id, &again.path, again.answered), (&first.id, &first.path, *refusal));
        assert_eq!(again.body, first.body);
    }
    let taken = receiver.next().await;
    assert_eq!((&taken.id, taken.answered), (&first.id, WebhookAnswer::Status(204)));
    assert_eq!(receiver.next().await.id, message);
    let (_, log, _) = server.stop().await;
    assert_eq!(log.matches("the webhook is not accepted").count(), 1, "{log}");
    assert!(log.contains("the webhook is accepted again"), "{log}");
}

#[tokio::test]
async fn who_watches_sees_it_fall_behind_while_nothing_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    receiver.answer_otherwise(WebhookAnswer::Status(503));
    let server = server(dir.path(), &receiver, &[]).await;
    let mut phone = server.connect(&john()).await;
    let id = create(&mut phone, "t", "c").await;
    receiver.next().await;
    let before = told(dir.path(), "chat_webhook_behind").await;
    send(&mut phone, &id, "more").await;
    receiver.rest();
    // The first may have begun before the message was sent.
    receiver.next().await;
    receiver.next().await;
    // The metric follows the attempt: the server counts after the receiver has heard.
    until_told(dir.path(), "chat_webhook_behind", |behind| behind > before).await;
}

#[tokio::test]
async fn what_is_taken_while_the_server_stops_is_not_told_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let first = server(dir.path(), &receiver, &[]).await;
    let mut phone = first.connect(&john()).await;
    let id = create(&mut phone, "t", "c").await;
    assert_eq!(receiver.next().await.body["type"], "new_support_conversation");
    receiver.answer([WebhookAnswer::Late]);
    let taken = send(&mut phone, &id, "taken").await;
    assert_eq!(receiver.next().await.id, taken);
    first.stop().await;

    let second = server(dir.path(), &receiver, &[]).await;
    let next = send(&mut second.connect(&john()).await, &id, "next").await;
    assert_eq!(receiver.next().await.id, next);
}

#[tokio::test]
async fn a_receiver_that_was_down_and_a_server_that_was_stopped_miss_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let receiver = Receiver::start().await;
    let address = receiver.address;
    let first = server(dir.path(), &receiver, &[]).await;
    drop(receiver);
    let mut phone = first.connect(&john()).await;
    let id = create(&mut phone, "t", "c").await;
    let messages = send_some(&mut phone, &id, 5).await;
    until_told(dir.path(), "chat_webhook_failed_total", |failed| failed > 0).await;
    first.stop().await;

    let mut receiver = Receiver::start_on(address, None).await;
    let second = server(dir.path(), &receiver, &[]).await;
    assert_eq!(receiver.next().await.body["type"], "new_support_conversation");
    for message in &messages {
        assert_eq!(receiver.next().await.id, *message);
    }
    second.stop().await;

    // After a stop nothing is told twice; after a crash it may be, under the same id.
    let third = server(dir.path(), &receiver, &[]).await;
    let mut phone = third.connect(&john()).await;
    let messages = send_some(&mut phone, &id, 3).await;
    for message in &messages {
        assert_eq!(receiver.next().await.id, *message);
    }
    third.kill().await;
    let fourth = server(dir.path(), &receiver, &[]).await;
    let mut phone = fourth.connect(&john()).await;
    let last = send(&mut phone, &id, "last").await;
    let mut heard = BTreeSet::new();
    loop {
        let message = receiver.next().await.id;
        heard.insert(message.clone());
        if message == last {
            break;
        }
    }
    let known: BTreeSet<_> = messages.into_iter().chain([last]).collect();
    assert!(heard.is_subset(&known), "{heard:?} of {known:?}");
}

#[tokio::test]
async fn what_is_too_old_is_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    receiver.answer_otherwise(WebhookAnswer::Status(503));
    let server = server(dir.path(), &receiver, &["--webhook-give-up-after", "1s"]).await;
    let mut phone = server.connect(&john()).await;
    let id = create(&mut phone, "t", "c").await;
    send(&mut phone, &id, "old").await;
    until_told(dir.path(), "chat_webhook_skipped_total", |skipped| skipped >= 2).await;
    receiver.answer_otherwise(WebhookAnswer::Status(200));
    let message = send(&mut phone, &id, "new").await;
    while receiver.next().await.id != message {}
    let (_, log, _) = server.stop().await;
    assert_eq!(log.matches("the webhook skips notifications that are too old").count(), 1, "{log}");
}

#[tokio::test]
async fn over_tls_it_goes_to_whom_the_file_of_authorities_trusts_alone() {
    let dir = tempfile::tempdir().unwrap();
    // Its file has the certificate and its authority.
    Authority::new(dir.path());
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    let certificates = CertificateDer::pem_file_iter(&chain).unwrap().map(Result::unwrap).collect();
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(&key).unwrap())
        .unwrap();
    let tls = TlsAcceptor::from(std::sync::Arc::new(config));
    let mut receiver = Receiver::start_on(([127, 0, 0, 1], 0).into(), Some(tls)).await;

    let untrusting = server(dir.path(), &receiver, &[]).await;
    let mut phone = untrusting.connect(&john()).await;
    create(&mut phone, "t", "c").await;
    until_told(dir.path(), "chat_webhook_failed_total", |failed| failed > 0).await;
    assert!(receiver.rest().is_empty());
    untrusting.stop().await;

    let more = ["--webhook-ca-file", chain.to_str().unwrap()];
    let _trusting = server(dir.path(), &receiver, &more).await;
    assert_eq!(receiver.next().await.body["type"], "new_support_conversation");
}

#[test]
fn a_webhook_that_anybody_could_read_or_make_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (secret, bad) = (dir.path().join("secret"), dir.path().join("bad"));
    std::fs::write(&secret, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    std::fs::write(&bad, "x".repeat(40)).unwrap();
    let (secret, bad) = (secret.to_str().unwrap(), bad.to_str().unwrap());
    for (arguments, text) in [
        (&["--webhook-url", "https://push.example/"][..], "must be signed: give --webhook-secret-file"),
        (
            &["--webhook-url", "http://push.example/", "--webhook-secret-file", secret],
            "--webhook-url can't be used: the address must begin with https://",
        ),
        (
            &["--webhook-url", "https://push.example/", "--webhook-secret-file", bad],
            "holds no secret of a webhook, which is whsec_",
        ),
    ] {
        for command in ["serve", "check"] {
            let data = dir.path().join("data");
            let output = program()
                .arg(command)
                .args(["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()])
                .args(arguments)
                .env("CHAT_JWT_SECRET", SECRET)
                .output()
                .unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && said.contains(text), "{command} {arguments:?}: {said}");
        }
    }
}
