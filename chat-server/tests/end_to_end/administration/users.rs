//! `chat-server users`, beside a running server and without one.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use server_test_support::program::{init, program};
use server_test_support::{Server, create, jane, john, text};

use crate::administration::asking::ask;

const JANE: &str = r#"{"id":"user_jane","role":"CONTROL_STAFF","email":"jane@example.com","first_name":"Jane","last_name":"Smith","active":true}"#;
const JOHN: &str = r#"{"id":"user_john","role":"BUS_DRIVER","email":"john@example.com","first_name":"John","last_name":"Doe","active":true}"#;

/// Runs a command on the users of a directory.
pub(super) fn users(dir: &Path, arguments: &[&str], input: &str) -> Output {
    let data = dir.join("data");
    let mut process = program()
        .arg("users")
        .args(arguments)
        .args(["--data-dir", data.to_str().unwrap()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[track_caller]
pub(super) fn says(output: &Output, text: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    // A slow machine tells of its progress.
    let is_silent = told.lines().all(|line| line.starts_with("importing: "));
    assert!(output.status.success() && is_silent, "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), text);
}

#[track_caller]
fn fails(output: &Output, text: &str) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!((&*output.stdout, &*String::from_utf8_lossy(&output.stderr)), (&b""[..], text));
}

#[tokio::test]
async fn the_list_is_the_same_whether_a_server_runs_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let gone = r#"{"id":"user_gone","role":"CONTROL_ADMIN","email":"","first_name":"","last_name":"","active":false}"#;
    init(&dir.path().join("data"));
    let lines = [gone, JANE, JOHN].map(|line| format!("{line}\n")).concat();
    says(&users(dir.path(), &["import", "-"], &lines), "3 users imported\n");
    let table = "ID                       ROLE            ACTIVE NAME, EMAIL\n\
                 user_gone                CONTROL_ADMIN   no\n\
                 user_jane                CONTROL_STAFF   yes    Jane Smith, jane@example.com\n\
                 user_john                BUS_DRIVER      yes    John Doe, john@example.com\n";
    says(&users(dir.path(), &["list"], ""), table);
    let _server = Server::start_in(dir.path(), &[]);
    says(&users(dir.path(), &["list"], ""), table);
    says(&users(dir.path(), &["list", "--json"], ""), &lines);
}

#[tokio::test]
async fn a_list_is_as_long_as_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let line = |n| format!("{}\n", JOHN.replace("user_john", &format!("user/{n:04}?&é")));
    let lines: String = (0..2_001).map(line).collect();
    init(&dir.path().join("data"));
    says(&users(dir.path(), &["import", "-"], &lines), "2001 users imported\n");
    says(&users(dir.path(), &["list", "--json"], ""), &lines);
    let _server = Server::start_in(dir.path(), &[]);
    says(&users(dir.path(), &["list", "--json"], ""), &lines);
    let page = ask(dir.path(), "GET", "/users", "").await.json();
    assert_eq!((page["users"].as_array().unwrap().len(), &page["more"]), (1_000, &json!(true)));
}

#[tokio::test]
async fn who_is_deactivated_is_disconnected_and_takes_part_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let mut desk = server.connect(&jane()).await;
    let mut phone = server.connect(&john()).await;
    create(&mut phone, "Road closed", "Where do I go?").await;
    desk.event("new_support_conversation").await;

    says(&users(dir.path(), &["deactivate", "user_jane"], ""), "user_jane is deactivated\n");
    assert_eq!(desk.close_code().await, Some(4503));
    assert_eq!(server.connect(&jane()).await.close_code().await, Some(4503));
    let data = json!({"title": "Again", "content": "Anybody?"});
    let reply = phone.request("create_support_conversation", data).await;
    assert_eq!(reply["participants"], json!(["user_john"]));
    let list = String::from_utf8(users(dir.path(), &["list", "--json"], "").stdout).unwrap();
    assert_eq!(list, format!("{}\n{JOHN}\n", JANE.replace("true", "false")));

    says(&users(dir.path(), &["import", "-"], JANE), "1 users imported\n");
    assert_eq!(server.connect(&jane()).await.close_code().await, Some(4503), "no import lets her in");
    says(&users(dir.path(), &["activate", "user_jane"], ""), "user_jane is active\n");
    let mut desk = server.connect(&jane()).await;
    let listed = desk.request("get_active_conversations", json!({})).await;
    let titles = listed["conversations"].as_array().unwrap().iter().map(|row| text(row, "title"));
    assert!(titles.eq(["Support: Again", "Support: Road closed"]), "{listed}");
}

#[tokio::test]
async fn who_is_imported_while_the_server_runs_is_asked_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let ann = User::new("user_ann", Role::ControlAdmin);
    let mut connected = server.connect(&ann).await;
    connected.nothing_heard().await;
    let lines = format!("{JANE}\n{}\n", r#"{"id":"user_ann","role":"CONTROL_ADMIN","active":false}"#);
    says(&users(dir.path(), &["import", "-"], &lines), "2 users imported\n");
    assert_eq!(connected.close_code().await, Some(4503), "imported as one who may not connect");
    let data = json!({"title": "t", "content": "c"});
    let reply = server.connect(&john()).await.request("create_support_conversation", data).await;
    assert_eq!(reply["participants"], json!(["user_john", "user_jane"]));
}

#[tokio::test]
async fn without_a_server_a_user_is_deactivated_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    init(&dir.path().join("data"));
    says(&users(dir.path(), &["import", "-"], JOHN), "1 users imported\n");
    says(&users(dir.path(), &["deactivate", "user_john"], ""), "user_john is deactivated\n");
    says(&users(dir.path(), &["import", "-"], JOHN), "1 users imported\n");
    says(&users(dir.path(), &["deactivate", "user_jane"], ""), "user_jane is deactivated\n");
    fails(&users(dir.path(), &["activate", "nobody"], ""), "chat-server: User not found\n");
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.connect(&john()).await.close_code().await, Some(4503));
    assert_eq!(server.connect(&jane()).await.close_code().await, Some(4503), "who never connected");
    fails(&users(dir.path(), &["activate", "nobody"], ""), "chat-server: User not found\n");
    drop(server);
    says(&users(dir.path(), &["activate", "user_john"], ""), "user_john is active\n");
    let server = Server::start_in(dir.path(), &[]);
    let listed = server.connect(&john()).await.request("get_active_conversations", json!({})).await;
    assert_eq!(listed["success"], true);
}

#[tokio::test]
async fn what_is_no_user_is_refused_and_nobody_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let _server = Server::start_in(dir.path(), &[]);
    let bad = format!("{JANE}\n{}\n", r#"{"id":"user_x"}"#);
    let answer = ask(dir.path(), "POST", "/users", &bad).await;
    let error = json!({"error": "line 2: missing field `role`. Nothing was imported"});
    assert_eq!((answer.status, answer.json()), (400, error));
    assert_eq!(ask(dir.path(), "GET", "/users", "").await.json(), json!({"users": [], "more": false}));
    let answer = ask(dir.path(), "POST", "/users/deactivate", "user_jane").await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let answer = ask(dir.path(), "POST", "/users/activate", r#"{"id":"user_jane"}"#).await;
    let error: Value = json!({"error": "User not found"});
    assert_eq!((answer.status, answer.json()), (404, error));
}

#[tokio::test]
async fn who_asks_at_another_socket_than_the_servers_hears_where_to_ask() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    let _server = Server::start_in(dir.path(), &["--admin-socket", elsewhere.to_str().unwrap()]);
    let data = dir.path().join("data");
    let (socket, data) = (data.join("admin.sock"), data.display());
    let text = format!(
        "chat-server: nobody answers on {}: if a server is running on {data}, give its --admin-socket or its --config\n",
        socket.display()
    );
    fails(&users(dir.path(), &["list"], ""), &text);
    fails(&users(dir.path(), &["deactivate", "user_john"], ""), &text);
}
