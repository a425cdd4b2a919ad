//! Tokens that somebody made or changed.

use std::path::PathBuf;

use chat_core::protocol::{Role, User};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use server_test_support::program::{now, program};
use server_test_support::{Client, SECRET, Server, create, jane, john, token};

use crate::harness::{Tally, closed_with, wire};

/// The claims of a driver's good token, but for these.
fn claims(change: &Value) -> Value {
    let mut claims =
        json!({"sub": "user_john", "role": "BUS_DRIVER", "exp": now().as_millis() / 1000 + 3_600});
    for (name, value) in change.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

fn signed(header: &Header, claims: &Value, secret: &[u8]) -> String {
    encode(header, claims, &EncodingKey::from_secret(secret)).unwrap()
}

fn key_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/keys").join(name)
}

/// Tokens with the right signature and forbidden claims.
fn misstated() -> Vec<(String, String)> {
    let soon = now().as_millis() / 1000 + 3_600;
    let mut without_exp = claims(&json!({}));
    without_exp.as_object_mut().unwrap().remove("exp");
    let changed = [
        json!({"nbf": soon}),
        json!({"exp": null}),
        json!({"exp": soon.to_string()}),
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"sub": ["user_john"]}),
        json!({"sub": "x".repeat(257)}),
        json!({"role": "ROOT"}),
        json!({"role": ["CONTROL_ADMIN"]}),
        json!({"role": null}),
        json!({"first_name": "x".repeat(257)}),
    ];
    let all = changed.iter().map(claims).chain([without_exp]);
    all.map(|claims| (claims.to_string(), signed(&Header::default(), &claims, SECRET.as_bytes()))).collect()
}

/// Tokens whose header tries to choose the verification, and changed ones.
fn forged() -> Vec<(String, String)> {
    let admin = claims(&json!({"role": "CONTROL_ADMIN"}));
    let by_a_key_of_mine =
        |header: Header| signed(&header, &admin, b"a secret that the attacker has made up");
    let with = |change: fn(&mut Header)| {
        let mut header = Header::default();
        change(&mut header);
        by_a_key_of_mine(header)
    };
    let good = token(&john());
    let parts: Vec<&str> = good.split('.').collect();
    let body_of_admin = signed(&Header::default(), &admin, b"whatever it is that one signs with");
    let body_of_admin = body_of_admin.split('.').nth(1).unwrap();
    // {"alg":"none"}, {"alg":"NONE"}, {"alg":"nOnE"}
    let unsigned = ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJOT05FIn0", "eyJhbGciOiJuT25FIn0"];
    let mut all = vec![
        ("signed by another secret", by_a_key_of_mine(Header::default())),
        ("an empty secret", signed(&Header::default(), &admin, b"")),
        ("HS512 by the secret", signed(&Header::new(Algorithm::HS512), &admin, SECRET.as_bytes())),
        ("a kid that is a path", with(|header| header.kid = Some("../../../../dev/null".into()))),
        ("a jku of the attacker's", with(|header| header.jku = Some("http://127.0.0.1:9/keys".into()))),
        ("another body under a good signature", [parts[0], body_of_admin, parts[2]].join(".")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("half a signature", format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20])),
        ("more behind it", format!("{good}.{}", parts[1])),
        ("NUL behind it", format!("{good}\0")),
        ("very long", "x".repeat(10_000)),
    ];
    all.extend(unsigned.map(|header| ("alg none", format!("{header}.{body_of_admin}."))));
    all.into_iter().map(|(what, token)| (what.to_owned(), token)).chain(misstated()).collect()
}

/// Connects by a token, with a request right behind the handshake: before the server has answered
/// about the token.
async fn is_refused(server: &Server, token: &str) -> bool {
    let escaped: String = form_urlencoded::byte_serialize(token.as_bytes()).collect();
    let mut client = Client::connect(&format!("{}?token={escaped}", server.url)).await;
    let request =
        wire::request("create_support_conversation", &json!({"title": "forged", "content": "forged"}));
    let _ended = client.try_send(async_tungstenite::tungstenite::Message::text(request)).await;
    let error = client.frame().await.expect("the reason");
    assert_eq!(error["type"], json!("error"), "{error}");
    error["code"] == json!("not_authenticated") && closed_with(&mut client).await == Some(4501)
}

pub async fn connect_by_forged(name: &str) {
    let server = Server::start();
    let mut witness = server.connect(&jane()).await;
    let mut tried = 0;
    for (what, token) in forged() {
        assert!(is_refused(&server, &token).await, "{what}");
        tried += 1;
    }
    witness.nothing_heard().await;
    Tally::all(tried).report(name, "");
}

pub async fn refresh_by_forged(name: &str) {
    let server = Server::start();
    let mut witness = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let mut tried = 0;
    for (what, token) in forged() {
        assert_eq!(john.refused("refresh_token", json!({"token": token})).await, "token_mismatch", "{what}");
        assert_eq!(john.refused("join_support_room", json!({})).await, "forbidden", "{what}");
        tried += 1;
    }
    create(&mut john, "t", "c").await;
    assert_eq!(witness.event("new_support_conversation").await["creator_role"], json!("BUS_DRIVER"));
    Tally::all(tried).report(name, "");
}

pub async fn public_key_as_secret(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let public = key_file("rs256.pub.pem");
    let flags = ["--jwt-algorithm", "RS256", "--jwt-public-key-file", public.to_str().unwrap()];
    let server = Server::spawn_without_secret(program(), dir.path(), &flags);
    let pem = std::fs::read(&public).unwrap();
    let admin = claims(&json!({"role": "CONTROL_ADMIN"}));
    let private = EncodingKey::from_rsa_pem(&std::fs::read(key_file("rs256.pem")).unwrap()).unwrap();
    let by_the_issuer = encode(&Header::new(Algorithm::RS256), &admin, &private).unwrap();
    let mut honest = Client::connect(&format!("{}?token={by_the_issuer}", server.url)).await;
    let mut tried = 0;
    for secret in [&pem[..], pem.trim_ascii_end(), b"", SECRET.as_bytes()] {
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            let token = signed(&Header::new(algorithm), &admin, secret);
            assert!(is_refused(&server, &token).await, "{algorithm:?}");
            assert_eq!(honest.refused("refresh_token", json!({"token": token})).await, "token_mismatch");
            tried += 2;
        }
    }
    honest.nothing_heard().await;
    Tally::all(tried).report(name, "");
}

pub async fn foreign_issuer(name: &str) {
    let flags = ["--jwt-issuer", "depot", "--jwt-audience", "chat"];
    let server = Server::start_with(&flags);
    let sign = |change| signed(&Header::default(), &claims(&change), SECRET.as_bytes());
    let good = sign(json!({"iss": "depot", "aud": ["mail", "chat"]}));
    Client::connect(&format!("{}?token={good}", server.url)).await.nothing_heard().await;
    let bad = [
        json!({}),
        json!({"iss": "depot"}),
        json!({"aud": "chat"}),
        json!({"iss": "garage", "aud": "chat"}),
        json!({"iss": "Depot", "aud": "chat"}),
        json!({"iss": null, "aud": "chat"}),
        json!({"iss": "depot", "aud": "mail"}),
        json!({"iss": "depot", "aud": "chats"}),
        json!({"iss": "depot", "aud": []}),
        json!({"iss": "depot", "aud": {"chat": true}}),
    ];
    for bad in &bad {
        assert!(is_refused(&server, &sign(bad.clone())).await, "{bad}");
    }
    Tally::all(bad.len() as u64).report(name, "");
}

pub async fn become_another(name: &str) {
    let server = Server::start();
    let mut witness = server.connect(&jane()).await;
    let mut client = server.connect(&john()).await;
    let others = [
        jane(),
        User { role: Role::ControlAdmin, ..john() },
        User { role: Role::QueueRegulator, ..john() },
        User { id: "user_john ".into(), ..john() },
        User { id: "USER_JOHN".into(), ..john() },
        User { id: "user_john\0".into(), ..john() },
    ];
    for other in &others {
        let data = json!({"token": token(other)});
        assert_eq!(client.refused("refresh_token", data).await, "token_mismatch", "{other:?}");
        assert_eq!(client.refused("join_support_room", json!({})).await, "forbidden", "{other:?}");
    }
    create(&mut client, "t", "c").await;
    let told = witness.event("new_support_conversation").await;
    assert_eq!((&told["creator_id"], &told["creator_role"]), (&json!("user_john"), &json!("BUS_DRIVER")));
    Tally::all(others.len() as u64).report(name, "");
}
