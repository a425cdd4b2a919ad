//! An app that prints the screen of its user.

use chat_client::{ChatClient, ConnectionState, Conversation, Event, Events, SendHandle, Update};
use chat_core::drive::Handle;
use chat_core::id::ConversationId;
use chat_core::protocol::{Message, SendChatMessageReply, User};
use futures::StreamExt;

use crate::{Error, Network, TokioClock};

/// The app of one user, driven by a script: each method waits for the app to reach a state, and
/// prints it.
#[derive(Debug)]
pub struct App {
    name: &'static str,
    /// The SDK's client.
    pub client: ChatClient,
    network: Network,
    events: Events,
    open: Option<Conversation>,
    /// The open conversation on the screen.
    shown: Vec<Message>,
}

impl App {
    /// Starts an app that prints under the user's id, and waits until the app is live.
    ///
    /// # Errors
    ///
    /// The client can't start, or ends.
    pub async fn start(name: &'static str, chat: &Handle, user: User) -> Result<Self, Error> {
        let network = Network::new(chat, user);
        let (client, running) =
            ChatClient::over(network.clone(), TokioClock::start()).token(name).start().await?;
        let events = client.events();
        tokio::spawn(running);
        let mut app = Self { name, client, network, events, open: None, shown: Vec::new() };
        app.hear("is live", |event| *event == Event::Connection(ConnectionState::Live)).await?;
        Ok(app)
    }

    /// Prints a line under the app's name.
    pub fn print(&self, line: &str) {
        println!("{:<9} {line}", self.name);
    }

    /// Waits for a matching event, and prints its description.
    ///
    /// # Errors
    ///
    /// The client has ended.
    pub async fn hear(&mut self, line: &str, is_it: impl Fn(&Event) -> bool) -> Result<(), Error> {
        while !is_it(&self.events.next().await.ok_or("the client has ended")?) {}
        self.print(line);
        Ok(())
    }

    /// Cuts the network, and waits until the app has noticed.
    ///
    /// # Errors
    ///
    /// The client has ended.
    pub async fn enter_tunnel(&mut self) -> Result<(), Error> {
        println!("-- {} enters a tunnel", self.name);
        self.network.set_up(false);
        let is_waiting = |event: &Event| matches!(event, Event::Connection(ConnectionState::Waiting { .. }));
        self.hear("waits for the network", is_waiting).await
    }

    /// Restores the network and reports it to the client, as a phone would. Without the report, the
    /// client would try after a pause.
    pub fn leave_tunnel(&self) {
        println!("-- {} leaves the tunnel", self.name);
        self.network.set_up(true);
        self.client.network_is_back();
    }

    /// Opens a conversation, and shows messages up to this one.
    ///
    /// # Errors
    ///
    /// The conversation can't be shown.
    pub async fn open(&mut self, id: &ConversationId, last: u64) -> Result<(), Error> {
        self.open = Some(self.client.conversation(id.clone()));
        self.show(last).await
    }

    /// Shows the open conversation up to this message.
    ///
    /// # Errors
    ///
    /// No conversation is open, or the open one can't be shown.
    pub async fn show(&mut self, last: u64) -> Result<(), Error> {
        while self.shown.last().is_none_or(|message| message.seq < Some(last)) {
            let open = self.open.as_mut().ok_or("no conversation is open")?;
            match open.next().await.ok_or("the client has ended")? {
                Update::Snapshot(snapshot) => self.shown = snapshot.messages,
                Update::Message(message) => self.shown.push(message),
                Update::Refused(reason) => return Err(reason.to_string().into()),
                Update::TypingStatus(_)
                | Update::MessageRead(_)
                | Update::Positions(_)
                | Update::ReadPosition(_) => continue,
            }
            if let Some(Message { seq, sender_id, content, .. }) = self.shown.last() {
                self.print(&format!("shows {}. {sender_id}: {content}", seq.unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Sends a message. The handle reports the result.
    pub fn write(&self, id: &ConversationId, text: &str) -> SendHandle<SendChatMessageReply> {
        self.print(&format!("writes: {text}"));
        self.client.send_message(id.clone(), text)
    }

    /// Returns the messages on the screen.
    pub fn shown(&self) -> &[Message] {
        &self.shown
    }
}
