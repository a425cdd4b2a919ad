//! Users that are imported before their first connection.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};

use serde_json::json;
use server_test_support::program::{init, program};
use server_test_support::{Server, john};

/// Imports users into a store, which is begun if there is none.
fn import(data: &std::path::Path, lines: &str) -> Output {
    init(data);
    let mut process = program()
        .args(["users", "import", "-", "--data-dir"])
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    process.wait_with_output().unwrap()
}

#[tokio::test]
async fn imported_control_users_take_part_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let lines = concat!(
        r#"{"id":"user_jane","role":"CONTROL_STAFF","email":"jane@example.com","first_name":"Jane"}"#,
        "\n",
        r#"{"id":"user_gone","role":"CONTROL_ADMIN","active":false}"#,
        "\n",
    );
    let output = import(&data, lines);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "2 users imported\n");
    assert!(output.status.success() && output.stderr.is_empty());

    let server = Server::start_in(dir.path(), &[]);
    let mut john = server.connect(&john()).await;
    let data = json!({"title": "t", "content": "c"});
    let reply = john.request("create_support_conversation", data).await;
    assert_eq!(reply["participants"], json!(["user_john", "user_jane"]));
}

#[test]
fn the_data_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/data");
    assert!(import(&data, "").status.success());
    for made in [&data, &dir.path().join("new")] {
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o700, "{}", made.display());
    }
}

#[tokio::test]
async fn a_deactivated_user_may_not_connect() {
    let dir = tempfile::tempdir().unwrap();
    let line = r#"{"id":"user_john","role":"BUS_DRIVER","active":false}"#;
    assert!(import(&dir.path().join("data"), line).status.success());
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(server.connect(&john()).await.close_code().await, Some(4503));
}

#[tokio::test]
async fn one_bad_line_and_nobody_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let output = import(&data, "{\"id\":\"user_jane\",\"role\":\"CONTROL_STAFF\"}\n{\"id\":\"user_x\"}\n");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said, "chat-server: line 2: missing field `role`. Nothing was imported\n");

    let server = Server::start_in(dir.path(), &[]);
    let reply = server
        .connect(&john())
        .await
        .request("create_support_conversation", json!({"title": "t", "content": "c"}))
        .await;
    assert_eq!(reply["participants"], json!(["user_john"]));
}

#[test]
fn a_dry_run_shows_the_difference_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let before = concat!(
        r#"{"id":"a","role":"BUS_DRIVER","first_name":"Ann"}"#,
        "\n",
        r#"{"id":"b","role":"BUS_DRIVER"}"#,
        "\n",
        r#"{"id":"c","role":"BUS_DRIVER","active":false}"#,
        "\n"
    );
    assert!(import(&data, before).status.success());
    let after = concat!(
        r#"{"id":"a","role":"CONTROL_STAFF","first_name":"Ann"}"#,
        "\n",
        r#"{"id":"b","role":"BUS_DRIVER"}"#,
        "\n",
        r#"{"id":"c","role":"BUS_DRIVER"}"#,
        "\n",
        r#"{"id":"d","role":"BUS_DRIVER"}"#,
        "\n"
    );
    let file = dir.path().join("users");
    std::fs::write(&file, after).unwrap();
    let output = program()
        .args(["users", "import", "--dry-run"])
        .arg(&file)
        .arg("--data-dir")
        .arg(&data)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "~ a: role \"BUS_DRIVER\" to \"CONTROL_STAFF\"",
        "~ c: stays deactivated: users activate lifts this",
        "+ d ",
        "1 of 4 users unchanged; nothing was imported",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}: {text}");
    }
    let listed = program().args(["users", "list", "--data-dir"]).arg(&data).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(!listed.contains("CONTROL_STAFF") && listed.lines().count() == 4, "{listed}");
}
