//! A driver's app and a control officer's app talk through the SDK, and the bus drives through a
//! tunnel.
//!
//! ```sh
//! cargo run -p examples --bin two_apps
//! ```
//!
//! No server is needed: the chat runs in the same process, behind a network that fails on demand.
//! An app over WebSockets differs in one line, `ChatClient::builder(url)`: see `driver.rs`.

use chat_client::Event;
use chat_core::drive::{Drive, NoRefresh};
use chat_core::engine::{Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use examples::{App, Error, TokioClock, epoch, seed};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (engine, store) = (Engine::new(Settings::default(), seed()?), MemoryStore::new(epoch()?));
    let (chat, service) = Drive::new(engine, store, NoRefresh, TokioClock::start()).start();
    let service = tokio::spawn(service);
    let mut control = App::start("control_1", &chat, User::new("control_1", Role::ControlStaff)).await?;
    let mut driver = App::start("driver_1", &chat, User::new("driver_1", Role::BusDriver)).await?;

    driver.print("asks for help");
    let created = driver.client.create_support_conversation("Detour", "The bridge is closed.", None).await?;
    let id = created.conversation_id;
    control.hear("is told", |event| matches!(event, Event::NewSupportConversation(_))).await?;
    control.open(&id, 1).await?;
    driver.open(&id, 1).await?;

    let typing = control.client.typing(id.clone());
    driver.hear("sees control type", |event| matches!(event, Event::TypingStatus(_))).await?;
    let answer = control.write(&id, "Take the ring road.").await?;
    drop(typing); // The message has ended the typing already.
    driver.show(2).await?;
    driver.client.mark_message_read(id.clone(), answer.message_id).await?;
    control.hear("sees it read", |event| matches!(event, Event::MessageRead(_))).await?;

    driver.enter_tunnel().await?;
    let posted = [driver.write(&id, "On the ring road."), driver.write(&id, "There in ten minutes.")];
    control.write(&id, "Mind the roadworks.").await?;
    driver.leave_tunnel();
    for posted in posted {
        let sent = posted.await?;
        driver.print(&format!("has sent {}.", sent.seq.unwrap_or_default()));
    }
    control.show(5).await?;
    driver.show(5).await?;
    assert_eq!(driver.shown(), control.shown(), "both see the same, once and in order");

    driver.client.close().await;
    control.client.close().await;
    chat.drain().await;
    service.await?; // Every acknowledged change is in the store.
    Ok(())
}
