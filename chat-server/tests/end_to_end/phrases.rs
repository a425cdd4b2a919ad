//! The operator's ready texts: by role and language, replaced while the server runs.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use server_test_support::program::program;
use server_test_support::{Client, SECRET, Server, jane, john};

const FILE: &str = r#"
language = "en"

[[phrase]]
id = "breakdown"
kind = "request"
roles = ["BUS_DRIVER"]
text.en = { title = "Breakdown", content = "My vehicle has broken down." }
text.de = { title = "Panne", content = "Mein Fahrzeug hat eine Panne." }

[[phrase]]
id = "coming"
kind = "reply"
roles = ["CONTROL_STAFF", "CONTROL_ADMIN"]
text.en = { title = "A mechanic is coming." }
"#;

async fn titles(client: &mut Client, language: Option<&str>) -> Vec<Value> {
    let reply = client.request("get_phrases", json!({"language": language})).await;
    let phrases = reply["phrases"].as_array().unwrap();
    phrases.iter().map(|phrase| phrase["title"].clone()).collect()
}

#[tokio::test]
async fn phrases_are_those_of_the_role_and_a_wrong_file_leaves_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phrases.toml");
    fs::write(&path, FILE).unwrap();
    let server = Server::start_in(dir.path(), &["--phrases", path.to_str().unwrap()]);
    let (mut john, mut jane) = (server.connect(&john()).await, server.connect(&jane()).await);
    assert_eq!(titles(&mut john, None).await, ["Breakdown"]);
    assert_eq!(titles(&mut john, Some("de-CH")).await, ["Panne"]);
    assert_eq!(titles(&mut jane, Some("de")).await, ["A mechanic is coming."]);
    let before = john.request("get_phrases", json!({})).await;

    fs::write(&path, FILE.replace("kind = \"reply\"", "kind = \"answer\"")).unwrap();
    server.signal(Signal::HUP);
    server.until_logged("the phrases stay as they were", 1).await;
    assert_eq!(john.request("get_phrases", json!({})).await["version"], before["version"]);

    fs::write(&path, FILE.replace("Breakdown", "Flat tyre")).unwrap();
    server.signal(Signal::HUP);
    server.until_logged("apps get the phrases in", 1).await;
    assert_eq!(titles(&mut john, None).await, ["Flat tyre"]);
    assert_ne!(john.request("get_phrases", json!({})).await["version"], before["version"]);
}

#[tokio::test]
async fn a_server_without_the_file_has_none() {
    let server = Server::start();
    let reply = server.connect(&john()).await.request("get_phrases", json!({"language": "de"})).await;
    assert_eq!((&reply["phrases"], &reply["version"]), (&json!([]), &json!("0")));
}

#[test]
fn a_server_is_not_started_with_a_file_that_holds_no_phrases() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("phrases.toml"), FILE.replace("language =", "tongue =")).unwrap();
    for (file, text) in [
        ("phrases.toml", "phrases.toml, line 2: unknown field `tongue`"),
        ("none.toml", "can't read the phrases in none.toml"),
    ] {
        for command in ["serve", "check"] {
            let mut command_line = program();
            command_line.args([command, "--listen", "127.0.0.1:0", "--phrases", file]);
            let output =
                command_line.env("CHAT_JWT_SECRET", SECRET).current_dir(dir.path()).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(!output.status.success() && said.contains(text), "{command} {file}: {said}");
        }
    }
}
