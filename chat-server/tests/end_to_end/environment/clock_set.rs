//! A system's clock, set while the server runs.
//!
//! Tests of the engine, in virtual time, show that typing, rates and sessions go by the monotonic
//! time.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use server_test_support::program::{program, token_for};
use server_test_support::{Client, Server, create, john, text};

use std::time::Duration;

#[tokio::test]
#[ignore = "needs faketime"]
async fn set_back_or_forward_the_time_of_messages_never_falls_and_service_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new(dir.path());
    let server = Server::spawn(clock.program(), dir.path(), &[]);
    let mut john_ = connect(&server, 1).await;
    let id = create(&mut john_, "Clock", "now").await;
    let mut times = Vec::new();
    let set = ["+0", "-1h", "-25h", "+2h", "-1h", "+0"];
    for offset in set {
        clock.set(offset);
        times.push(send(&mut john_, &id).await);
        connect(&server, 24).await.nothing_heard().await;
    }
    clock.set("-1h");
    assert!(server.stop().await.0.success());

    let server = Server::spawn(clock.program(), dir.path(), &[]);
    let mut john_ = connect(&server, 1).await;
    times.push(send(&mut john_, &id).await);
    let page = john_.request("get_conversation_messages", json!({"conversation_id": id})).await;
    let kept: Vec<_> = page["messages"].as_array().unwrap().iter().map(|row| text(row, "sent_at")).collect();
    println!("{kept:#?}");
    assert!(kept.is_sorted() && kept.ends_with(&times), "{kept:?} {times:?}");
    assert!(kept[1] < kept[4], "the clock was set forward");
    assert_eq!((&kept[1], &kept[4]), (&kept[2], &kept[7]), "the clock was set back");
}

async fn connect(server: &Server, hours: u64) -> Client {
    let token = token_for(&john(), Duration::from_hours(hours));
    Client::connect(&format!("{}?token={token}", server.url)).await
}

async fn send(client: &mut Client, conversation: &str) -> String {
    let data = json!({"conversation_id": conversation, "content": "tick"});
    let reply: Value = client.request("send_chat_message", data).await;
    text(&reply, "timestamp")
}

/// The clock of the started programs.
struct Clock(std::path::PathBuf);

impl Clock {
    fn new(dir: &Path) -> Self {
        let clock = Self(dir.join("clock"));
        clock.set("+0");
        clock
    }

    /// Sets it this far from the true time.
    fn set(&self, offset: &str) {
        fs::write(&self.0, offset).unwrap();
    }

    fn program(&self) -> Command {
        let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
        let library = String::from_utf8(library.expect("faketime is installed").stdout).unwrap();
        let mut program = program();
        program.env("LD_PRELOAD", library.trim()).env("FAKETIME_TIMESTAMP_FILE", &self.0);
        program.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        program
    }
}
