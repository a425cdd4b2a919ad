//! Tokens by keys that their issuer publishes, and changes.

use std::path::Path;

use jsonwebtoken::{EncodingKey, Header, encode};
use rustix::process::Signal;
use serde_json::json;
use server_test_support::issuer::{IssuerKey, Publisher, key_set};
use server_test_support::program::{now, program};
use server_test_support::tls::Authority;
use server_test_support::{Client, SECRET, Server, jane, john};

/// The close code for a client with this token; `None` for an admitted one.
async fn refused(server: &Server, token: &str) -> Option<u16> {
    let mut client = Client::connect(&format!("{}?token={token}", server.url)).await;
    client.send_text(json!({"type": "get_active_conversations", "request_id": 1}).to_string()).await;
    match client.frame().await {
        Some(frame) if frame["success"] == json!(true) => None,
        Some(_) => client.close_code().await,
        None => client.closed_with,
    }
}

fn serve(dir: &Path, flags: &[&str]) -> Server {
    Server::spawn_without_secret(program(), dir, flags)
}

/// The error of a server that must not start.
fn refusal(dir: &Path, arguments: &[&str], secret: Option<&str>) -> String {
    let mut command = program();
    command.args(arguments).envs(secret.map(|secret| ("CHAT_JWT_SECRET", secret))).current_dir(dir);
    // In a thread of its own, for the document is served by this one.
    let output = command.output().unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A directory with a key set in it, and its path.
fn with_file(keys: &[&IssuerKey]) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    std::fs::write(&path, key_set(keys)).unwrap();
    (dir, path.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_token_names_the_key_that_it_is_checked_by() {
    let (one, other, stranger) = (IssuerKey::new("one"), IssuerKey::new("other"), IssuerKey::new("stranger"));
    let (dir, file) = with_file(&[&one, &other]);
    let server = serve(dir.path(), &["--jwks-file", &file]);
    assert_eq!(refused(&server, &one.token(&john())).await, None);
    assert_eq!(refused(&server, &other.token(&jane())).await, None);
    let public = one.public()["x"].as_str().unwrap().to_owned();
    let header = Header { kid: Some("one".to_owned()), ..Header::default() };
    let claims = json!({"sub": "u", "role": "BUS_DRIVER", "exp": now().as_millis() / 1000 + 60});
    for bad in [
        one.token_naming(Some("other"), &john()),
        one.token_naming(None, &john()),
        stranger.token_naming(Some("one"), &john()),
        // After the file was read once more.
        stranger.token(&john()),
        encode(&header, &claims, &EncodingKey::from_secret(public.as_bytes())).unwrap(),
    ] {
        assert_eq!(refused(&server, &bad).await, Some(4501));
    }
}

#[tokio::test]
async fn a_token_that_names_none_is_checked_by_the_only_key() {
    let only = IssuerKey::new("only");
    let (dir, file) = with_file(&[&only]);
    let server = serve(dir.path(), &["--jwks-file", &file, "--jwt-algorithm", "ES256"]);
    assert_eq!(refused(&server, &only.token_naming(None, &john())).await, None);
}

#[tokio::test]
async fn a_key_of_a_new_file_counts_at_once_and_one_that_is_gone_does_not() {
    let (old, new) = (IssuerKey::new("old"), IssuerKey::new("new"));
    let (dir, file) = with_file(&[&old]);
    let server = serve(dir.path(), &["--jwks-file", &file]);
    assert_eq!(refused(&server, &old.token(&john())).await, None);
    std::fs::write(&file, key_set(&[&new])).unwrap();
    assert_eq!(refused(&server, &new.token(&john())).await, None);
    assert_eq!(refused(&server, &old.token(&john())).await, Some(4501));
    std::fs::write(&file, "no set").unwrap();
    server.signal(Signal::HUP);
    assert_eq!(refused(&server, &new.token(&john())).await, None);
    let mut client = Client::connect(&format!("{}?token={}", server.url, new.token(&jane()))).await;
    assert_eq!(client.request("refresh_token", json!({"token": new.token(&jane())})).await["success"], true);
    let (_, log, _) = server.stop().await;
    assert!(log.contains("the document is no JSON Web Key Set: the keys stay as they were"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_key_is_asked_for_once_a_minute_and_what_was_read_stays() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let (old, new, stranger) = (IssuerKey::new("old"), IssuerKey::new("new"), IssuerKey::new("stranger"));
    let publisher = Publisher::start(&authority, &key_set(&[&old])).await;
    let server = serve(dir.path(), &["--jwks-url", &publisher.url, "--jwks-ca-file", &authority.file()]);
    assert_eq!((refused(&server, &old.token(&john())).await, publisher.asked()), (None, 1));
    publisher.publish(&key_set(&[&old, &new]));
    assert_eq!((refused(&server, &new.token(&john())).await, publisher.asked()), (None, 2));
    // It may be good: come back later.
    assert_eq!((refused(&server, &stranger.token(&john())).await, publisher.asked()), (Some(1013), 2));
    assert_eq!(refused(&server, &stranger.token_naming(Some("new"), &john())).await, Some(4501));
    publisher.answer(Some("HTTP/1.1 500 Sorry\r\n\r\n".to_owned()));
    server.signal(Signal::HUP);
    while publisher.asked() < 3 {
        assert_eq!(refused(&server, &old.token(&john())).await, None);
    }
    assert_eq!(refused(&server, &new.token(&john())).await, None);
    let (_, log, _) = server.stop().await;
    assert!(
        log.contains("the server answers 500 Internal Server Error: the keys stay as they were"),
        "{log}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_not_started_by_an_address_that_gives_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let publisher = Publisher::start(&authority, "no set").await;
    let (url, ca) = (publisher.url.as_str(), authority.file());
    let flags = ["--listen", "127.0.0.1:0", "--jwks-url", url, "--jwks-ca-file", &ca];
    let start = || tokio::task::block_in_place(|| refusal(dir.path(), &flags, None));
    let elsewhere = format!("HTTP/1.1 302 Found\r\nlocation: {url}\r\ncontent-length: 0\r\n\r\n");
    let secret = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}).to_string();
    let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", " ".repeat(256 * 1024 + 1));
    for (answer, text) in [
        (Some(elsewhere), "the server answers 302 Found"),
        (Some(long), "the response has more than 262144 bytes"),
        (Some("gibberish\r\n\r\n".to_owned()), "the response is not HTTP: "),
        (None, "no answer within 5 s"),
        (
            Some(format!("HTTP/1.1 200 OK\r\n\r\n{secret}")),
            "the document holds no public key for RS256, ES256 or EdDSA",
        ),
    ] {
        publisher.answer(answer);
        let said = start();
        assert!(said.contains(&format!("can't get the key set from {url}: {text}")), "{text}: {said}");
    }
    let untrusted = tokio::task::block_in_place(|| refusal(dir.path(), &flags[..4], None));
    assert!(untrusted.contains("can't connect: invalid peer certificate"), "{untrusted}");
}

#[test]
fn what_is_unclear_or_unsafe_is_refused() {
    let (dir, file) = with_file(&[&IssuerKey::new("one")]);
    let bad = dir.path().join("bad.json");
    std::fs::write(&bad, r#"{"keys": []}"#).unwrap();
    for (flags, secret, text) in [
        (&["--jwks-url", "http://127.0.0.1/keys"][..], None, "the address must begin with https://"),
        (&["--jwks-url", "https://x/", "--jwks-file", &file], None, "give only one of"),
        (
            &["--jwks-url", "https://x/", "--jwks-ca-file", &file],
            None,
            "holds no certificate of an authority",
        ),
        (&["--jwks-file", &file], Some(SECRET), "give only one of"),
        (&["--jwks-file", &file, "--jwt-algorithm", "HS256"], None, "HS256 works with a secret"),
        (
            &["--jwks-file", &file, "--jwt-algorithm", "RS256"],
            None,
            "the document holds no public key for RS256",
        ),
        (&["--jwks-file", "none"], None, "can't get the key set from none: No such file"),
        (
            &["--jwks-file", "bad.json"],
            None,
            "bad.json: the document holds no public key for RS256, ES256 or EdDSA",
        ),
    ] {
        for command in ["serve", "check"] {
            let said = refusal(dir.path(), &[&[command, "--listen", "127.0.0.1:0"], flags].concat(), secret);
            assert!(said.contains(text), "{flags:?}: {said}");
        }
    }
    let token = ["token", "--user", "u", "--role", "BUS_DRIVER", "--jwks-file", &file];
    assert!(refusal(dir.path(), &token, None).contains("signed by the owner of the private key"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_keys_of_an_address_are_used_while_its_publisher_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let (key, renewed) = (IssuerKey::new("one"), IssuerKey::new("two"));
    let publisher = Publisher::start(&authority, &key_set(&[&key])).await;
    let flags = ["--jwks-url", &publisher.url, "--jwks-ca-file", &authority.file()];
    assert!(serve(dir.path(), &flags).stop().await.0.success());
    publisher.answer(Some("HTTP/1.1 500 Sorry\r\n\r\n".to_owned()));
    let server = serve(dir.path(), &flags);
    assert_eq!(refused(&server, &key.token(&john())).await, None);
    publisher.answer(None);
    publisher.publish(&key_set(&[&renewed]));
    server.signal(Signal::HUP);
    while refused(&server, &renewed.token(&john())).await.is_some() {}
    let (_, log, _) = server.stop().await;
    assert!(log.contains("using the keys that were read before"), "{log}");
    publisher.answer(Some("HTTP/1.1 500 Sorry\r\n\r\n".to_owned()));
    // The keys of one address do not count for another.
    let elsewhere = publisher.url.replace("/keys", "/other");
    let data = dir.path().join("data");
    let other = ["--jwks-url", &elsewhere, "--data-dir", data.to_str().unwrap()];
    let said = tokio::task::block_in_place(|| refusal(dir.path(), &[&other[..], &flags[2..]].concat(), None));
    assert!(said.contains("can't get the key set from"), "{said}");
}
