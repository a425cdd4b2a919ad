//! A disk that fills up: the reserve is kept for the most important writes, and refusals name the
//! cause.

use std::fs::{self, File};
use std::io::Write as _;

use rustix::fs::statvfs;
use serde_json::json;
use server_test_support::http::probe;
use server_test_support::{Client, Server, create, jane, john, text, until};

use crate::environment::mount::Mount;

const RESERVED: &str =
    "ready, but the disk is almost full: only control, administration and emergencies may write\n";

const EXHAUSTED: &str = "not ready: the disk is full: only retention and administration may write\n";

/// Sends a message; gives the code of the error, or nothing.
async fn say(client: &mut Client, conversation: &str) -> String {
    let data = json!({"conversation_id": conversation, "content": "text"});
    let reply = client.request("send_chat_message", data).await;
    reply["code"].as_str().unwrap_or_default().to_owned()
}

async fn raise(client: &mut Client) -> String {
    let data = json!({"title": "Accident", "content": "help", "room_type": "emergency_support"});
    text(&client.request("create_support_conversation", data).await, "conversation_id")
}

/// Fills the disk until no more than this is free.
fn leave(disk: &Mount, free: u64) -> File {
    let path = disk.outside().join("ballast");
    let mut ballast = File::options().create(true).append(true).open(path).unwrap();
    loop {
        let found = statvfs(disk.outside()).unwrap();
        if found.f_bavail * found.f_frsize <= free {
            return ballast;
        }
        ballast.write_all(&[1; 4_096]).unwrap();
    }
}

async fn ready(server: &Server, answer: (u16, &str)) {
    let expected = (answer.0, answer.1.to_owned());
    until(answer.1, async || probe(server, "/readyz").await == expected).await;
}

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn the_reserve_is_kept_for_control_and_emergencies_and_then_for_administration() {
    let disk = Mount::new("16m");
    let command = disk.command(env!("CARGO_BIN_EXE_chat-server"));
    let server = Server::spawn(command, disk.inside(), &["--reserve-mib", "4"]);
    let (mut driver, mut officer) = (server.connect(&john()).await, server.connect(&jane()).await);
    let ordinary = create(&mut driver, "t", "c").await;
    let emergency = raise(&mut driver).await;
    ready(&server, (200, "ready\n")).await;

    leave(&disk, 3 << 20);
    ready(&server, (200, RESERVED)).await;
    assert_eq!(say(&mut driver, &ordinary).await, "storage_low");
    assert_eq!(say(&mut driver, &emergency).await, "");
    raise(&mut driver).await;
    assert_eq!(say(&mut officer, &ordinary).await, "");

    leave(&disk, 512 << 10);
    ready(&server, (503, EXHAUSTED)).await;
    assert_eq!(say(&mut officer, &ordinary).await, "storage_low");
    assert_eq!(say(&mut driver, &emergency).await, "storage_low");
    let page = driver.request("get_conversation_messages", json!({"conversation_id": ordinary})).await;
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(2), "{page}");

    fs::remove_file(disk.outside().join("ballast")).unwrap();
    ready(&server, (200, "ready\n")).await;
    assert_eq!(say(&mut driver, &ordinary).await, "");
    let (_, log, _) = server.stop().await;
    for line in ["the disk is almost full: only", "the disk is full: only", "the disk has room again"] {
        assert_eq!(log.matches(line).count(), 1, "{line} in {log}");
    }
}
