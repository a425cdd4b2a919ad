//! A server that is told to stop.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use server_test_support::program::program;
use server_test_support::{Server, conversation, john};
use tokio::time::timeout;

#[tokio::test]
async fn clients_are_told_1001_and_the_program_ends_well() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start();
        let (mut john, mut jane, _) = conversation(&server).await;
        server.signal(signal);
        assert_eq!(john.close_code().await, Some(1001));
        assert_eq!(jane.close_code().await, Some(1001));
        let (status, log, _) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_close_is_dropped() {
    let server = Server::start();
    let silent = server.connect(&john()).await;
    let undecided = tokio::net::TcpStream::connect(server.authority()).await.unwrap();
    let (status, log, _) = server.stop().await;
    assert_eq!(status.code(), Some(0), "{log}");
    drop((silent, undecided));
}

/// A pipe in the place of a file holds the opening of the store up for as long as nobody writes
/// into it.
#[tokio::test]
async fn a_server_that_is_still_starting_stops_too() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let pipe = data.join("state");
    assert!(Server::start_in(dir.path(), &[]).stop().await.0.success());
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = program();
    command.arg("--data-dir").arg(&data).args(["--listen", "127.0.0.1:0"]);
    let mut starting = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let held = tokio::task::spawn_blocking(move || std::fs::File::options().write(true).open(pipe));
    let held = held.await.unwrap().unwrap();
    let pid = Pid::from_raw(starting.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    let status = timeout(Duration::from_secs(30), starting.wait()).await;
    assert_eq!(status.expect("it stops").unwrap().code(), Some(0));
    drop(held);
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--messages-per-second", "0"];
    let server = Server::start_in(dir.path(), &flags);
    let (mut john_, _jane, id) = conversation(&server).await;
    for i in 0..200 {
        let data = json!({"conversation_id": id, "content": i.to_string()});
        john_.send_text(json!({"type": "send_chat_message", "data": data}).to_string()).await;
    }
    server.signal(Signal::TERM);
    let mut answered = 0;
    while let Some(frame) = john_.frame().await {
        answered += u64::from(frame.get("success") == Some(&json!(true)));
    }
    assert!(server.ended().await.0.success());

    let server = Server::start_in(dir.path(), &flags);
    let mut john_ = server.connect(&john()).await;
    let history = john_.request("get_conversation_messages", json!({"conversation_id": id})).await;
    assert_eq!(
        history["last_seq"],
        json!(1 + answered),
        "every change was answered, and every answer is true"
    );
}

#[tokio::test]
async fn told_twice_it_ends_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let server = Server::start_with(&["--drain-seconds", "3600"]);
        server.signal(Signal::TERM);
        server.until_logged("stopping", 1).await;
        server.signal(second);
        let (status, log, _) = server.ended().await;
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("ending at once"), "{log}");
    }
}
