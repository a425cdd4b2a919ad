//! A desk in the control centre, in a terminal.
//!
//! ```sh
//! export CHAT_TOKEN=$(cargo run -q -p chat-server -- token --user control_1 --role CONTROL_STAFF)
//! cargo run -p examples --bin control_desk    # while chat-server runs
//! ```
//!
//! A desk is seldom in a tunnel. Messages that could not be sent are shown and dropped at the end.
//! The shared code is in `examples/src/terminal`.

use chat_client::{ChatClient, Error};
use chat_core::protocol::{EmergencyReason, RoomType, WorkReply};
use clap::Parser;
use examples::terminal::{Desk, Login, MainError, Usage, ended, say, title_and_text};

const COMMANDS: &[Usage] = &[
    Usage {
        word: "/room",
        arguments: "ROOM",
        help: "hear only of requests of general, emergency, driver or regulator support",
    },
    Usage { word: "/take", arguments: "", help: "take the open conversation" },
    Usage { word: "/resolve", arguments: "", help: "end the work on the open conversation" },
    Usage {
        word: "/order",
        arguments: "ANSWER/ANSWER: TEXT",
        help: "send a text that the driver must answer within 5 minutes",
    },
    Usage {
        word: "/note",
        arguments: "TEXT",
        help: "add a note about the open conversation, for control alone",
    },
    Usage {
        word: "/end",
        arguments: "REASON",
        help: "end the open emergency: solved, handed_over or false_alarm",
    },
];

/// A desk in the control centre, in a terminal.
#[derive(Parser)]
struct DeskOptions {
    #[command(flatten)]
    login: Login,
}

#[tokio::main]
async fn main() -> Result<(), MainError> {
    let DeskOptions { login } = DeskOptions::parse();
    let me = login.user()?;
    let (chat, running) = ChatClient::builder(&login.server).token(login.token).start().await?;
    let mut desk = Desk::new(&chat, me, COMMANDS);
    tokio::spawn(running);
    while let Some((command, rest)) = desk.next().await {
        match command {
            "/room" => join(&mut desk, &chat, &rest),
            "/end" => end(&mut desk, &chat, &rest),
            "/order" => order(&mut desk, &chat, &rest),
            "/note" => note(&mut desk, &chat, rest),
            _ => work(&mut desk, &chat, command),
        }
    }
    desk.close().await;
    Ok(())
}

fn join(desk: &mut Desk, chat: &ChatClient, room: &str) {
    let named = |known: &RoomType| known.as_str() == room || known.as_str() == format!("{room}_support");
    let Some(room_type) = RoomType::ALL.into_iter().find(named) else {
        return say("there is no such room: /room general, emergency, driver or regulator");
    };
    let chat = chat.clone();
    desk.say_later(async move {
        match chat.join_support_room(room_type).await {
            Ok(reply) => format!("-- {}", reply.message),
            Err(error) => format!("✗ {} was not joined: {error}", room_type.as_str()),
        }
    });
}

/// Ends the emergency of the open conversation.
fn end(desk: &mut Desk, chat: &ChatClient, reason: &str) {
    let reason = match reason {
        "solved" => EmergencyReason::Solved,
        "handed_over" => EmergencyReason::HandedOver,
        "false_alarm" => EmergencyReason::FalseAlarm,
        _ => return say("there is no such reason: /end solved, handed_over or false_alarm"),
    };
    let Some((id, version)) = desk.open_emergency() else {
        return say("no conversation is open: /list, then /open N");
    };
    let chat = chat.clone();
    desk.say_later(async move { ended(chat.end_emergency(id, version, reason).await) });
}

/// Sends an order in the open conversation. The entries of the answers are shown as they come.
fn order(desk: &mut Desk, chat: &ChatClient, rest: &str) {
    let Some((answers, text)) = title_and_text(rest) else {
        return say("nothing was sent: write it as /order ANSWER/ANSWER: TEXT");
    };
    let Some(id) = desk.open_conversation() else {
        return say("no conversation is open: /list, then /open N");
    };
    let answers = answers.split('/').map(|answer| answer.trim().into()).collect();
    let (chat, text) = (chat.clone(), text.to_owned());
    desk.say_later(async move {
        match chat.send_order(id, text, answers, None).await {
            Ok(_) => "✓ the order is sent".to_owned(),
            Err(error) => format!("✗ the order was not sent: {error}"),
        }
    });
}

/// Adds a note about the open conversation. The note itself is shown as it comes.
fn note(desk: &mut Desk, chat: &ChatClient, text: String) {
    let Some(id) = desk.open_conversation() else {
        return say("no conversation is open: /list, then /open N");
    };
    let chat = chat.clone();
    desk.say_later(async move {
        match chat.add_note(id, text).await {
            Ok(_) => "✓ the note is stored".to_owned(),
            Err(error) => format!("✗ the note was not stored: {error}"),
        }
    });
}

/// Takes or resolves the open conversation.
fn work(desk: &mut Desk, chat: &ChatClient, command: &'static str) {
    let Some((id, version)) = desk.open_work() else {
        return say("no conversation is open: /list, then /open N");
    };
    let chat = chat.clone();
    desk.say_later(async move {
        let changed = if command == "/take" {
            chat.take_conversation(id, version).await
        } else {
            chat.resolve_conversation(id, version).await
        };
        outcome(command, changed)
    });
}

fn outcome(command: &str, changed: Result<WorkReply, Error>) -> String {
    match changed {
        Ok(reply) => format!("✓ the conversation is {} now", reply.work.state.as_str()),
        Err(Error::Refused(refusal)) => {
            let work = refusal.work.as_deref();
            let by = work.and_then(|work| work.assignee.as_ref()).map(|user| format!(": {user} has it"));
            format!("✗ {command}: {}{}", refusal.text, by.unwrap_or_default())
        }
        Err(error) => format!("✗ {command}: {error}"),
    }
}
