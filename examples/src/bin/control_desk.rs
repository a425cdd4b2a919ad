//! A desk in the control centre, in a terminal.
//!
//! ```sh
//! export CHAT_TOKEN=$(cargo run -q -p chat-server -- token --user control_1 --role CONTROL_STAFF)
//! cargo run -p examples --bin control_desk    # while chat-server runs
//! ```
//!
//! A desk is seldom in a tunnel. Messages that could not be sent are shown and dropped at the end.
//! The shared code is in `examples/src/terminal`.

use chat_client::ChatClient;
use chat_core::protocol::RoomType;
use clap::Parser;
use examples::terminal::{Desk, Login, MainError, Usage, say};

const COMMANDS: &[Usage] = &[Usage {
    word: "/room",
    arguments: "ROOM",
    help: "hear only of requests of general, emergency, driver or regulator support",
}];

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
    while let Some((command, room)) = desk.next().await {
        let named = |known: &RoomType| known.as_str() == room || known.as_str() == format!("{room}_support");
        let Some(room_type) = RoomType::ALL.into_iter().find(named) else {
            say(format_args!("there is no such room: {command} general, emergency, driver or regulator"));
            continue;
        };
        let chat = chat.clone();
        desk.say_later(async move {
            match chat.join_support_room(room_type).await {
                Ok(reply) => format!("-- {}", reply.message),
                Err(error) => format!("✗ {} was not joined: {error}", room_type.as_str()),
            }
        });
    }
    desk.close().await;
    Ok(())
}
