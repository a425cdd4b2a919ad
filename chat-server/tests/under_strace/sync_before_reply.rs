//! P1, seen from the system: a reply leaves only after its change is synced.
//!
//! A killed server can't show a missing sync, because the system still holds unsynced writes.
//! Therefore this test traces the server's system calls. It needs `strace` (`apt-get install
//! strace`).

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use server_test_support::program::without_settings;
use server_test_support::{Client, Server, create, jane, john, text};

/// Rounds of three requests, sent one after another: nothing else is under way.
const MESSAGES: usize = 10;

#[tokio::test]
async fn each_reply_waits_for_a_sync_of_the_journal() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let trace = dir.path().join("trace");
    let server = Server::spawn(tracer(&trace), dir.path(), &["--messages-per-second", "0"]);
    let mut jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let id = create(&mut john, "Title", "first").await;
    let mut asked = Vec::new();
    for i in 0..MESSAGES {
        let data = json!({"conversation_id": id, "content": format!("message {i}")});
        let reply = ask(&mut john, &mut asked, "send_chat_message", &data).await;
        let data = json!({"conversation_id": id, "message_id": text(&reply, "message_id")});
        ask(&mut jane, &mut asked, "mark_message_read", &data).await;
        let data = json!({"title": format!("Title {i}"), "content": "first"});
        ask(&mut john, &mut asked, "create_support_conversation", &data).await;
    }
    let (status, log, _) = server.stop().await;
    assert!(status.success(), "{log}");
    let trace = std::fs::read_to_string(&trace).unwrap();
    let calls = Calls::read(&trace);
    for request_id in asked {
        calls.assert_synced_before_reply(&request_id);
    }
}

/// The program under a tracer. The tracer is a child of the program, because signals must reach the
/// program itself.
fn tracer(trace: &Path) -> Command {
    let found = Command::new("strace").arg("--version").output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "this test needs strace: apt-get install strace"
    );
    let mut command = without_settings(Command::new("strace"));
    command.args(["-D", "-f", "-yy", "-s", "4096", "-e"]);
    command.arg("trace=fdatasync,fsync,read,recvfrom,write,pwrite64,writev,pwritev,sendto,sendmsg");
    command.arg("-o").arg(trace).arg(env!("CARGO_BIN_EXE_chat-server"));
    command
}

/// Asks in a frame with a mask of zeros, to make the trace readable, and a length of two bytes.
/// Notes the `request_id`.
async fn ask(client: &mut Client, asked: &mut Vec<String>, kind: &str, data: &Value) -> Value {
    let request_id = format!("request-{}-", asked.len());
    let request = json!({"type": kind, "data": data, "request_id": request_id}).to_string();
    let mut frame = vec![0x81, 0xfe];
    frame.extend(u16::try_from(request.len()).unwrap().to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(request.as_bytes());
    client.send_raw(&frame).await;
    asked.push(request_id);
    let reply = client.reply().await;
    assert_eq!(reply["success"], json!(true), "{reply}");
    reply
}

/// A call to the system, and in which lines of the trace it began and returned.
struct Call<'a> {
    name: &'a str,
    /// The arguments, as far as the line of its beginning shows them, and the whole of the line of
    /// its return.
    text: String,
    began: usize,
    returned: usize,
}

struct Calls<'a>(Vec<Call<'a>>);

impl<'a> Calls<'a> {
    /// Reads a trace. A call that another thread interrupts stands in two lines.
    fn read(trace: &'a str) -> Self {
        let mut calls = Vec::<Call<'a>>::new();
        let mut unfinished = std::collections::HashMap::<&str, usize>::new();
        for (line, content) in trace.lines().enumerate() {
            let (thread, content) = content.split_once(' ').unwrap();
            let content = content.trim_start();
            if content.starts_with("<... ") {
                if let Some(call) = unfinished.remove(thread) {
                    calls[call].returned = line;
                    calls[call].text += content;
                }
            } else if let Some((name, _)) = content.split_once('(') {
                if content.ends_with("<unfinished ...>") {
                    unfinished.insert(thread, calls.len());
                }
                let returned = if content.ends_with("<unfinished ...>") { usize::MAX } else { line };
                calls.push(Call { name, text: content.to_owned(), began: line, returned });
            }
        }
        Self(calls)
    }

    /// Request read, then journal written, then journal synced, and only then the reply.
    fn assert_synced_before_reply(&self, request_id: &str) {
        let is_input = |call: &Call<'_>| matches!(call.name, "read" | "recvfrom");
        let request = self.first("request", 0, |call| is_input(call) && call.text.contains(request_id));
        let is_journal = |call: &Call<'_>| call.text.contains("/journal/");
        let written = self.first("write to the journal", request.returned, |call| {
            call.name.contains("write") && is_journal(call)
        });
        let synced = self.first("sync of the journal", written.returned, |call| {
            call.name == "fdatasync" && is_journal(call)
        });
        let is_output = |call: &Call<'_>| !is_input(call) && call.text.contains("TCP");
        let reply = self.first("reply", 0, |call| is_output(call) && call.text.contains(request_id));
        assert!(synced.text.contains("= 0"), "{}", synced.text);
        assert!(
            synced.returned < reply.began,
            "the reply to {request_id} began in line {} and the sync returned in line {}",
            reply.began,
            synced.returned
        );
    }

    /// The first call that began after a line.
    fn first(&self, what: &str, line: usize, is_it: impl Fn(&Call<'_>) -> bool) -> &Call<'a> {
        let found = self.0.iter().find(|call| call.began >= line && is_it(call));
        found.unwrap_or_else(|| panic!("after line {line} the trace shows no {what}"))
    }
}
