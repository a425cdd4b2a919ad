//! The records at a collector. A collector that is away disturbs no client.

use std::net::TcpListener;
use std::path::Path;

use serde_json::json;
use server_test_support::program::program;
use server_test_support::tls::Authority;
use server_test_support::{Client, SECRET, Server, conversation, jane, john, send, token};
use tokio::net::TcpSocket;

use crate::otel::collector::Collector;

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

const EVERYTHING: &str = "trace,hyper=trace,tungstenite=trace,opentelemetry_sdk=trace";

/// A server that exports its log, with this filter, to this collector.
fn server(dir: &Path, filter: &str, endpoint: &str, more: &[(&str, &str)]) -> Server {
    let mut program = program();
    program.env(ENDPOINT, endpoint).envs(more.iter().copied());
    Server::spawn(program, dir, &["--log", filter])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_hears_who_asked_what_and_neither_token_nor_text() {
    let (dir, collector) = (tempfile::tempdir().unwrap(), Collector::start(None).await);
    let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=sesame");
    let server = server(dir.path(), EVERYTHING, &format!("http://{}/", collector.address), &[headers]);
    let (mut john_, jane_, id) = conversation(&server).await;
    send(&mut john_, &id, "the secret plan").await;
    let refreshed = token(&john());
    john_.request("refresh_token", json!({"token": refreshed})).await;
    john_.send_text("the secret plan, no JSON").await;
    john_.reply().await;
    Client::connect(&format!("{}?token=the.secret.token", server.url)).await.close_code().await;
    jane_.close().await;
    let (status, log, _) = server.stop().await;
    assert!(status.success());

    let sent = collector.sent();
    for (head, _) in &sent {
        let header = |name: &str| head.headers[name].to_str().unwrap();
        assert_eq!((head.method.as_str(), head.uri.path()), ("POST", "/v1/logs"));
        assert_eq!((header("content-type"), header("api-key")), ("application/x-protobuf", "sesame"));
    }
    let all: String = sent.iter().map(|(_, body)| String::from_utf8_lossy(body).into_owned()).collect();
    let (john_, jane_) = (john().id, jane().id);
    for word in [
        "service.name",
        "chat-server",
        "chat_server::logging",
        "connection opened",
        "request answered",
        "connection",
        "user",
        john_.as_str(),
        jane_.as_str(),
        "request_id",
        "send_chat_message",
        "refresh_token",
        "outcome",
        "invalid_json",
        "connection ended",
    ] {
        assert!(all.contains(word), "{word} is missing:\n{all}");
    }
    for secret in [&refreshed, "secret plan", "Where do I go?", "the.secret.token", "eyJ", SECRET] {
        assert!(!all.contains(secret), "{secret} is exported:\n{all}");
    }
    assert!(!log.contains("sesame") && !all.contains("sesame"), "{log}\n{all}");
    assert!(!log.contains("the collector"), "it takes all: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_is_reached_by_tls_and_hears_what_the_filter_lets_through() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let collector = Collector::start(Some(authority.acceptor())).await;
    let trust = ("OTEL_EXPORTER_OTLP_CERTIFICATE", authority.file());
    let endpoint = format!("https://{}", collector.address);
    let server = server(dir.path(), "info", &endpoint, &[(trust.0, &trust.1)]);
    let (john, jane, _) = conversation(&server).await;
    john.close().await;
    jane.close().await;
    let (status, log, _) = server.stop().await;
    assert!(status.success());
    let sent = collector.sent();
    assert!(!sent.is_empty(), "{log}");
    for word in ["request answered", "connection opened"] {
        let has = |body: &[u8]| body.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(!sent.iter().any(|(_, body)| has(body)), "{word} is below the filter's level");
    }
}

#[tokio::test]
async fn clients_notice_nothing_of_a_collector_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    // Both ports are taken, and no other program gets them. One never answers, the other does not
    // listen.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    for (name, address) in [("silent", silent.local_addr()), ("closed", closed.local_addr())] {
        let address = address.unwrap();
        let server = server(&dir.path().join(name), EVERYTHING, &format!("http://{address}"), &[]);
        let (mut john, mut jane, id) = conversation(&server).await;
        for n in 0..10 {
            send(&mut john, &id, &format!("message {n}")).await;
            jane.event("new_message").await;
        }
        let (status, log, _) = server.stop().await;
        assert!(status.success(), "{name}: {log}");
        assert!(log.contains("request answered"), "{name}: {log}");
        let told = log.matches("the collector does not take the log").count();
        // Whether a silent one has been given up by the stop is a matter of time.
        assert!(told == 1 || (name == "silent" && told == 0), "{name}: once, not for each record: {log}");
    }
}

#[test]
fn an_address_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for command in ["serve", "check"] {
        let output = program()
            .arg(command)
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path().join("data"))
            .env("CHAT_JWT_SECRET", SECRET)
            .env(ENDPOINT, "collector:4318")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success()
                && said.contains("--otlp-endpoint can't be used: the address must begin"),
            "{said}"
        );
    }
}
