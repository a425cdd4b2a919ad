//! `wss://` and `https://` by a certificate in files.

use rustix::process::Signal;
use serde_json::json;
use server_test_support::http::ask_over;
use server_test_support::program::{program, token};
use server_test_support::tls::{Authority, pem};
use server_test_support::{SECRET, Server, create, jane, john, send, until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::administration::asking::ask;

/// Waits until the server shows this certificate.
async fn until_shown(authority: &Authority, server: &Server, certificate: &[u8]) {
    until("the certificate is shown", async || authority.shown(server).await == certificate).await;
}

#[tokio::test]
async fn a_conversation_is_held_over_tls() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let server = authority.serve(&[]);
    assert!(server.url.starts_with("wss://127.0.0.1:"), "{}", server.url);
    let mut jane_ = authority.connect(&server, &jane()).await;
    let mut john_ = authority.connect(&server, &john()).await;
    let id = create(&mut john_, "Road closed", "Where do I go?").await;
    jane_.event("new_support_conversation").await;
    jane_.event("new_message").await;
    send(&mut jane_, &id, &"x".repeat(4_000)).await;
    john_.event("new_message").await;
    assert_eq!(john_.event("new_message").await["message"]["content"], json!("x".repeat(4_000)));
    server.signal(Signal::TERM);
    assert_eq!(john_.close_code().await, Some(1001));
    let (status, log, _) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn the_console_and_its_trial_are_there_under_https() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let flags = authority.flags();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let server = Server::spawn_without_secret(program(), dir.path(), &flags);
    let (address, key) = server.console.split_once("#trial=").expect("the address carries a key");
    assert_eq!(address, format!("https://{}/", server.authority()));
    let page = ask_over(authority.reach(&server).await.unwrap(), "GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    let page = page.await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("connect-src 'self'"));
    let authority_ = server.authority();
    for (scheme, status) in [("https", 200), ("http", 403)] {
        let request = format!(
            "POST /console/trial/driver HTTP/1.1\r\nhost: {authority_}\r\norigin: {scheme}://{authority_}\r\n\
             sec-fetch-site: same-origin\r\nx-trial-key: {key}\r\ncontent-length: 0\r\n\r\n"
        );
        let answer = ask_over(authority.reach(&server).await.unwrap(), &request).await;
        assert_eq!(answer.status, status, "{scheme}");
    }
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_who_comes_and_disturbs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let server = authority.serve(&[]);
    let mut before = authority.connect(&server, &john()).await;
    let renewed = authority.renew();
    until_shown(&authority, &server, &renewed).await;
    before.nothing_heard().await;
    authority.connect(&server, &jane()).await.nothing_heard().await;
}

#[tokio::test]
async fn what_is_no_pair_leaves_the_certificate_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let server = authority.serve(&[]);
    let shown = authority.shown(&server).await;
    let key = std::fs::read_to_string(dir.path().join("key.pem")).unwrap();
    let of_another = pem("PRIVATE KEY", rcgen::KeyPair::generate().unwrap().serialized_der());
    for (times, text) in [(1, "no key"), (2, &of_another)] {
        authority.replace("key.pem", text);
        server.signal(Signal::HUP);
        server.until_logged("the certificate stays as it was", times).await;
        assert_eq!(authority.shown(&server).await, shown, "nobody is left without");
    }
    authority.replace("key.pem", &key);
    let renewed = authority.renew();
    server.signal(Signal::HUP);
    until_shown(&authority, &server, &renewed).await;
    let (_, log, _) = server.stop().await;
    assert!(log.contains("ERROR") && log.contains("the certificate stays as it was"), "{log}");
    assert!(!log.contains(&key), "{log}");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let server = authority.serve(&[]);
    let mut plain = TcpStream::connect(server.authority()).await.unwrap();
    let request = format!("GET /api/websocket/connect?token={} HTTP/1.1\r\nhost: x\r\n\r\n", token(&john()));
    plain.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).await.unwrap();
    // A fatal alert, and nothing in HTTP.
    assert!(answer.starts_with(&[21]) && answer.len() == 7, "{answer:?}");
    authority.connect(&server, &john()).await.nothing_heard().await;
}

#[test]
fn a_server_is_not_started_with_files_that_are_no_certificate_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    std::fs::copy(dir.path().join("key.pem"), dir.path().join("old.pem")).unwrap();
    authority.renew();
    for (certificate, key, text) in [
        ("chain.pem", None, "TLS needs both"),
        ("none.pem", Some("key.pem"), "can't read none.pem"),
        ("chain.pem", Some("none.pem"), "can't read none.pem"),
        ("key.pem", Some("key.pem"), "key.pem holds no certificate in PEM format"),
        ("chain.pem", Some("chain.pem"), "chain.pem holds no private key in PEM format"),
        ("chain.pem", Some("old.pem"), "can't use the certificate in chain.pem with the key in old.pem"),
    ] {
        for command in ["serve", "check"] {
            let mut command_line = program();
            command_line.args([command, "--listen", "127.0.0.1:0", "--tls-certificate-file", certificate]);
            command_line.args(key.map(|key| format!("--tls-key-file={key}"))).env("CHAT_JWT_SECRET", SECRET);
            let output = command_line.current_dir(dir.path()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(
                !output.status.success() && said.contains(text),
                "{command} {certificate} {key:?}: {said}"
            );
        }
    }
}

/// The verdict of `check` on these two files: whether it accepts them, and its words.
fn checked(dir: &std::path::Path, certificate: &str, key: &str) -> (bool, String) {
    std::fs::write(dir.join("certificate"), certificate).unwrap();
    std::fs::write(dir.join("key"), key).unwrap();
    let mut command = program();
    command.args(["check", "--tls-certificate-file", "certificate", "--tls-key-file", "key"]);
    let output = command.current_dir(dir).output().unwrap();
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), said)
}

#[test]
fn files_as_operators_have_them_are_taken_or_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let of_authority = std::fs::read_to_string(authority.file()).unwrap();
    let read = |name| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let (chain, key) = (read("chain.pem"), read("key.pem"));
    let marked = |text: &str| format!("\u{feff}{text}");
    let (is_taken, said) = checked(dir.path(), &marked(&chain), &marked(&key));
    assert!(is_taken && !said.contains("warning"), "{said}");
    assert!(checked(dir.path(), &chain.replace('\n', "\r\n"), &key.replace('\n', "\r\n")).0);
    let keys = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let large =
        ["p521.certificate.pem", "p521.pem"].map(|name| std::fs::read_to_string(keys.join(name)).unwrap());
    assert!(checked(dir.path(), &large[0], &large[1]).0);
    assert!(!checked(dir.path(), &chain, &large[1]).0, "it is of another key");
    let own = chain.replace(&of_authority, "");
    let (is_taken, said) = checked(dir.path(), &(of_authority + &own), &key);
    assert!(!is_taken && said.contains("are in the wrong order"), "{said}");
    let locked = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let (is_taken, said) = checked(dir.path(), &chain, &locked);
    assert!(!is_taken && said.contains("is encrypted: remove the passphrase"), "{said}");
}

#[tokio::test]
async fn the_end_of_a_certificate_is_told_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let own = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2_001, 2, 3);
    let certificate = pem("CERTIFICATE", params.self_signed(&own).unwrap().der());
    let (is_taken, said) = checked(dir.path(), &certificate, &pem("PRIVATE KEY", own.serialized_der()));
    assert!(is_taken && said.contains("# warning: the TLS certificate has expired"), "{said}");
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let flags = ["--tls-certificate-file", &path("certificate"), "--tls-key-file", &path("key")];
    let server = Server::start_in(dir.path(), &flags);
    server.until_logged("the TLS certificate has expired", 1).await;
    let metrics = ask(dir.path(), "GET", "/metrics", "").await.body;
    assert!(metrics.contains("\nchat_certificate_expires_seconds 981158400\n"), "{metrics}");
    assert!(server.stop().await.0.success());
}
