//! The program's commands and refusals.

use std::path::PathBuf;
use std::process::Output;

use chat_core::time::Timestamp;
use chat_server::auth::{Expected, Secret, TokenVerifier, VerifyingKey};
use server_test_support::program::{now, program};
use server_test_support::{Client, SECRET, Server};

fn run(dir: &std::path::Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    program().args(arguments).envs(environment.iter().copied()).current_dir(dir).output().unwrap()
}

/// The error of a command that must fail.
fn refusal(dir: &std::path::Path, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(dir, arguments, environment);
    assert!(!output.status.success(), "{arguments:?}");
    assert_eq!(output.stdout, b"", "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn verified(token: &str, secret: &Secret, expected: &Expected, at: Timestamp) -> chat_core::engine::Claims {
    TokenVerifier::new(VerifyingKey::from_secret(secret), expected).verify(token, at).unwrap()
}

/// Arguments, environment, and the expected output.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);

const TOKEN: [&str; 5] = ["token", "--user", "user_1", "--role", "CONTROL_ADMIN"];

#[test]
fn a_token_is_all_that_is_printed() {
    let dir = tempfile::tempdir().unwrap();
    let more = ["--email", "e@x", "--first-name", "F", "--last-name", "L", "--expires-in", "30m"];
    let environment =
        [("CHAT_JWT_SECRET", SECRET), ("CHAT_JWT_ISSUER", "depot"), ("CHAT_JWT_AUDIENCE", "chat")];
    let output = run(dir.path(), &[&TOKEN[..], &more].concat(), &environment);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let token = printed.strip_suffix('\n').unwrap();
    let secret = Secret::new(SECRET.as_bytes(), "test").unwrap();
    let expected = Expected { issuer: Some("depot".into()), audience: Some("chat".into()) };
    let claims = verified(token, &secret, &expected, now());
    assert_eq!((claims.user.id.as_str(), &*claims.user.email), ("user_1", "e@x"));
    assert_eq!(claims.user.display_name(), "F L");
    assert!(claims.expires_at <= now().plus(std::time::Duration::from_mins(30)));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none(), "nothing was made");
}

#[tokio::test]
async fn a_token_made_before_the_first_start_is_good() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let output = run(dir.path(), &[&TOKEN[..], &["--data-dir", data.to_str().unwrap()]].concat(), &[]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("made one and kept it in"));
    let token = String::from_utf8(output.stdout).unwrap();
    let made = std::fs::read_to_string(data.join("jwt-secret")).unwrap();

    let server = Server::spawn_without_secret(program(), dir.path(), &[]);
    Client::connect(&format!("{}?token={}", server.url, token.trim())).await.nothing_heard().await;
    let (_, log, _) = server.stop().await;
    assert!(log.contains("using the secret in") && !log.contains(&made), "{log}");
}

#[test]
fn a_server_is_not_started_with_what_is_unsafe_or_unclear() {
    let dir = tempfile::tempdir().unwrap();
    let short = dir.path().join("short");
    std::fs::write(&short, "x".repeat(31) + "\n").unwrap();
    let short = short.to_str().unwrap();
    let keys = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keys");
    let (public, private) = (keys.join("rs256.pub.pem"), keys.join("rs256.pem"));
    let (public, private) = (public.to_str().unwrap(), private.to_str().unwrap());
    let secret = ("CHAT_JWT_SECRET", SECRET);
    let cases: [Case<'_>; 14] = [
        (&[], &[("CHAT_JWT_SECRET", "short")], "CHAT_JWT_SECRET has 5 bytes, and a secret needs at least 32"),
        (&["--jwt-secret-file", short], &[], "has 31 bytes, and a secret needs at least 32"),
        (&["--jwt-secret-file", "none"], &[], "can't read the secret file none"),
        (&["--listen", "0.0.0.0:0"], &[], "will not listen on 0.0.0.0:0 with a generated secret"),
        (&["serve", "--listen", "[::]:0"], &[], "with a generated secret"),
        (&["--listen", "nowhere"], &[secret], "can't listen on nowhere"),
        (&["--max-connections", "0"], &[secret], "0 is not in 1..=1000000"),
        (&["--max-connections", "2305843009213693952"], &[secret], "is not in 1..=1000000"),
        (&["--jwt-algorithm", "RS256"], &[], "RS256 needs a public key"),
        (&["--jwt-public-key-file", public], &[], "give --jwt-algorithm RS256, ES256 or EdDSA"),
        (&["--jwt-public-key-file", public, "--jwt-algorithm", "HS256"], &[], "HS256 works with a secret"),
        (
            &["--jwt-public-key-file", public, "--jwt-algorithm", "ES256"],
            &[],
            "holds no public key for ES256",
        ),
        (&["--jwt-public-key-file", private, "--jwt-algorithm", "RS256"], &[], "holds a private key"),
        (&["--jwt-public-key-file", public, "--jwt-algorithm", "RS256"], &[secret], "give only one of"),
    ];
    for (arguments, environment, text) in cases {
        let said = refusal(dir.path(), arguments, environment);
        assert!(said.contains(text), "{arguments:?}: {said}");
        assert!(!said.contains(SECRET));
    }
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = occupied.local_addr().unwrap().to_string();
    assert!(refusal(dir.path(), &["--listen", &address], &[]).contains("Address already in use"));
}

#[test]
fn a_token_is_not_made_of_nonsense() {
    let dir = tempfile::tempdir().unwrap();
    let long = "x".repeat(257);
    let public = ["--jwt-algorithm", "RS256", "--jwt-public-key-file", "any"];
    for (arguments, text) in [
        (&["token", "--user", "u"][..], "--role <ROLE>"),
        (&["token", "--user", "u", "--role", "PILOT"], "the roles are BUS_DRIVER, QUEUE_REGULATOR,"),
        (&["token", "--user", "", "--role", "BUS_DRIVER"], "can't be empty"),
        (&["token", "--user", &long, "--role", "BUS_DRIVER"], "at most 256 bytes"),
        (&[&TOKEN[..], &["--expires-in", "soon"]].concat(), "as in 90s, 30m, 12h or 7d"),
        (&[&TOKEN[..], &public].concat(), "signed by the owner of the private key"),
    ] {
        let said = refusal(dir.path(), arguments, &[]);
        assert!(said.contains(text), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Server::start_in(dir.path(), &[]);
    let data = dir.path().join("data");
    let arguments = ["--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
    let said = refusal(dir.path(), &arguments, &[("CHAT_JWT_SECRET", SECRET)]);
    assert!(said.contains("is in use by another server"), "{said}");
}

#[test]
fn the_secret_is_never_shown_by_help() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [&["--help"][..], &["help", "serve"], &["token", "--help"]] {
        let output = run(dir.path(), arguments, &[("CHAT_JWT_SECRET", SECRET)]);
        assert!(output.status.success());
        assert!(!String::from_utf8(output.stdout).unwrap().contains(SECRET));
    }
}

#[tokio::test]
async fn the_versions_of_program_and_formats_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["--version"], &[]);
    let said = String::from_utf8(output.stdout).unwrap();
    let versions = said.trim().strip_prefix("chat-server ").unwrap();
    let (journal, index) = (chat_server::store::journal::VERSION, chat_server::store::INDEX_VERSION);
    assert_eq!(versions, format!("{} (journal {journal}, index {index})", env!("CARGO_PKG_VERSION")));
    let (_, log, _) = Server::start().stop().await;
    assert!(log.contains(versions), "{log}");
}
