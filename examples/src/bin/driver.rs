//! A driver's chat in a terminal.
//!
//! ```sh
//! export CHAT_TOKEN=$(cargo run -q -p chat-server -- token --user driver_1 --role BUS_DRIVER)
//! cargo run -p examples --bin driver    # while chat-server runs
//! ```
//!
//! Messages written in a tunnel are kept in a file and sent later. The shared code is in
//! `examples/src/terminal`.

use std::path::PathBuf;

use chat_client::ChatClient;
use chat_client::outbox::FileOutbox;
use chat_core::protocol::RoomType;
use clap::Parser;
use examples::terminal::{Desk, Login, MainError, Usage, default_outbox, ended, say, title_and_text};

const COMMANDS: &[Usage] = &[
    Usage { word: "/new", arguments: "TITLE: TEXT", help: "ask the control centre for help" },
    Usage {
        word: "/emergency",
        arguments: "TITLE: TEXT",
        help: "the same in an emergency: all of control hear of it",
    },
    Usage { word: "/answer", arguments: "N", help: "give answer N to the newest order" },
    Usage { word: "/withdraw", arguments: "", help: "withdraw the open emergency, unless it is taken" },
];

/// A driver's chat in a terminal.
#[derive(Parser)]
struct DriverOptions {
    #[command(flatten)]
    login: Login,
    /// File for messages that are not sent yet; by default one for each user in your data folder
    #[arg(long, value_name = "FILE")]
    outbox: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> Result<(), MainError> {
    let DriverOptions { login, outbox } = DriverOptions::parse();
    let me = login.user()?;
    let outbox = FileOutbox::open(outbox.map_or_else(|| default_outbox(&me.id), Ok)?, &me.id)?;
    if outbox.damaged() > 0 {
        say("the outbox was damaged: some waiting messages may be lost");
    }
    let (chat, running) =
        ChatClient::builder(&login.server).token(login.token).outbox(outbox).start().await?;
    let mut desk = Desk::new(&chat, me, COMMANDS);
    tokio::spawn(running);
    while let Some((command, rest)) = desk.next().await {
        match command {
            "/withdraw" => {
                withdraw(&mut desk, &chat);
                continue;
            }
            "/answer" => {
                answer(&mut desk, &chat, &rest);
                continue;
            }
            _ => {}
        }
        let room = (command == "/emergency").then_some(RoomType::EmergencySupport);
        let Some((title, text)) = title_and_text(&rest) else {
            say(format_args!("nothing was sent: write it as {command} TITLE: TEXT"));
            continue;
        };
        desk.leave();
        drop(chat.create_support_conversation(title, text, room)); // The desk hears the result.
    }
    desk.close().await;
    Ok(())
}

/// Withdraws the emergency of the open conversation.
fn withdraw(desk: &mut Desk, chat: &ChatClient) {
    let Some((id, version)) = desk.open_emergency() else {
        return say("no conversation is open: /list, then /open N");
    };
    let chat = chat.clone();
    desk.say_later(async move { ended(chat.withdraw_emergency(id, version).await) });
}

/// Answers the newest order of the open conversation.
fn answer(desk: &mut Desk, chat: &ChatClient, number: &str) {
    let Some((id, message)) = desk.open_order() else {
        return say("no order is open: /list, then /open N");
    };
    let Some(answer) = number.parse::<u32>().ok().and_then(|number| number.checked_sub(1)) else {
        return say("which answer? /answer N, with an N of the order");
    };
    let chat = chat.clone();
    desk.say_later(async move {
        match chat.answer_message(id, message, answer).await {
            Ok(_) => "✓ control has your answer".to_owned(),
            Err(error) => format!("✗ the answer was not taken: {error}"),
        }
    });
}
