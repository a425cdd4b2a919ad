//! Failed connections: refusals, portals, servers of another kind, each explained in plain words.

use std::time::Duration;

use chat_client::Retry;
use chat_client::transport::{Attempt, Connector as _, ProgressReport, TransportError};
use chat_client::websocket::WebSocket;
use futures::FutureExt as _;

use crate::server::{accept_key, attempt, failure_after, listen};

fn network(reason: &str) -> TransportError {
    TransportError::network(reason)
}

#[tokio::test]
async fn whatever_the_status_it_is_named_and_tried_again() {
    let all = [
        ("200 OK", "<html><title>Welcome to BusWiFi</title>", " (a login page of this network?)"),
        ("302 Found", "", " (a login page of this network?)"),
        ("401 Unauthorized", "token please", ""),
        ("403 Forbidden", "no", ""),
        ("404 Not Found", "", ""),
        ("429 Too Many Requests", "", ""),
        ("502 Bad Gateway", "upstream is gone", ""),
        ("511 Network Authentication Required", "", " (a login page of this network?)"),
    ];
    for (status, body, page) in all {
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        let failure = failure_after(|_| answer.into_bytes()).await;
        let said = if body.is_empty() { String::new() } else { format!(": \"{body}\"") };
        let reason = format!("the server refused the WebSocket with {status}{page}{said}");
        assert_eq!(failure, network(&reason));
    }
}

#[tokio::test]
async fn a_pause_that_the_server_asks_for_is_kept_within_bounds() {
    for (asked, pause) in
        [("7", Some(7)), ("0", Some(0)), ("86400", Some(300)), ("tomorrow", None), ("-1", None)]
    {
        let answer = format!("HTTP/1.1 503 Service Unavailable\r\nretry-after: {asked}\r\n\r\nfull");
        let failure = failure_after(|_| answer.into_bytes()).await;
        assert_eq!(failure.retry, Retry::AfterPause(pause.map(Duration::from_secs)), "{asked}");
        assert!(failure.reason.contains("503 Service Unavailable"), "{failure}");
    }
}

#[tokio::test]
async fn a_date_to_come_back_at_counts_from_the_answers_own() {
    let dated = |date: &str, at: &str| format!("HTTP/1.1 503 Busy\r\n{date}Retry-After: {at}\r\n\r\n");
    let (now, later) = ("Date: Sun, 31 Dec 2023 23:59:50 GMT\r\n", "Mon, 01 Jan 2024 00:00:20 GMT");
    let all = [
        (dated(now, later), Some(Duration::from_secs(30))),
        (dated(now, "Sun, 31 Dec 2023 23:59:00 GMT"), Some(Duration::ZERO)),
        (dated("", later), None),
        (dated(now, "Mon, 41 Jan 2024 00:00:20 GMT"), None),
    ];
    for (answer, pause) in all {
        let failure = failure_after(|_| answer.clone().into_bytes()).await;
        assert_eq!(failure.retry, Retry::AfterPause(pause), "{answer}");
    }
}

#[tokio::test]
async fn of_a_long_answer_a_short_printable_piece_is_shown() {
    let body = "<p>\u{1b}[31m so\r\n\tlong é ".repeat(500);
    let answer = format!("HTTP/1.1 500 Oops\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let failure = failure_after(|_| answer.into_bytes()).await;
    let shown = failure.reason.split_once('"').unwrap().1.strip_suffix('"').unwrap();
    assert!(shown.starts_with("<p> [31m so long é <p> [31m so"), "{shown}");
    assert_eq!(shown.chars().count(), 200);
}

#[tokio::test]
async fn a_server_that_is_none_is_told_apart() {
    let endless = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 20_000]].concat();
    let informed = b"HTTP/1.1 103 Hints\r\n\r\n".repeat(1_000);
    let all: [(&[u8], &str); 8] = [
        (b"", "the server hung up without answering the handshake"),
        (b"HTTP/1.1 100 Continue\r\n\r\n", "the server hung up without answering the handshake"),
        (b"HTTP/1.1 101 Swit", "the server hung up without answering the handshake"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the server does not speak HTTP: \"SSH-2.0-OpenSSH_9.6\""),
        (b"\x15\x03\x01\x00\x02\x02\x46", "the server does not speak HTTP: \"F\""),
        (b"HTTP/1.1 101 Hi\r\n\r\n", "the server does not speak WebSocket: its header Upgrade is wrong"),
        (&informed, "the answer to the handshake is too long"),
        (&endless, "the answer to the handshake is too long"),
    ];
    for (answer, reason) in all {
        assert_eq!(failure_after(|_| answer.to_vec()).await, network(reason));
    }
}

#[tokio::test]
async fn an_answer_that_is_not_to_this_handshake_is_not_taken() {
    let upgrade = "Upgrade: websocket\r\n";
    let connection = "Connection: Upgrade\r\n";
    let all = [
        (format!("Upgrade: h2c\r\n{connection}"), true, "Upgrade"),
        (format!("{upgrade}Connection: close\r\n"), true, "Connection"),
        (format!("{upgrade}{connection}"), false, "Sec-WebSocket-Accept"),
        (format!("{upgrade}{connection}Sec-WebSocket-Accept: c3R1ZmY=\r\n"), false, "Sec-WebSocket-Accept"),
        (
            format!("{upgrade}{connection}Sec-WebSocket-Extensions: permessage-deflate\r\n"),
            true,
            "Sec-WebSocket-Extensions",
        ),
        (format!("{upgrade}{connection}Sec-WebSocket-Protocol: bearer\r\n"), true, "Sec-WebSocket-Protocol"),
    ];
    for (headers, accepts, wrong) in all {
        let answer = |head: &str| {
            let accept = format!("Sec-WebSocket-Accept: {}\r\n", accept_key(head));
            let accept = if accepts { &*accept } else { "" };
            format!("HTTP/1.1 101 Switching Protocols\r\n{headers}{accept}\r\n").into_bytes()
        };
        let failure = failure_after(answer).await;
        let reason = format!("the server does not speak WebSocket: its header {wrong} is wrong");
        assert_eq!(failure, network(&reason));
    }
}

#[tokio::test]
async fn where_nobody_listens_is_said() {
    let (listener, mut connector) = listen().await;
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = connector.connect(attempt()).await.unwrap_err();
    assert_eq!(failure.retry, Retry::AfterPause(None));
    let reason = format!("can't connect to 127.0.0.1, port {port}: ");
    assert!(failure.reason.starts_with(&reason), "{failure}");
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_before_it_is_sent() {
    for token in ["", "two words", "line\r\nX-Admin: yes", "naïve", "\u{7f}"] {
        let mut connector = WebSocket::new("ws://192.0.2.1/").unwrap();
        let attempt = Attempt {
            token: token.into(),
            heartbeat: Duration::from_secs(25),
            progress: ProgressReport::default(),
        };
        let failure = connector.connect(attempt).now_or_never().unwrap().unwrap_err();
        assert_eq!(failure.retry, Retry::Never, "{token:?}");
        assert!(token.is_empty() || !failure.reason.contains(token));
    }
}
