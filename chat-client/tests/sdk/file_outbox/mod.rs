//! The outbox in a file, as an app uses it.

mod damage;
mod model;
mod privacy;
mod refusal;
mod size;
mod survival;

use std::path::{Path, PathBuf};

use chat_client::outbox::file::OpenError;
use chat_client::outbox::{Change, Draft, Entry, FileOutbox, Outbox, OutboxError};
use chat_core::id::{ClientMessageId, ConversationId, UserId};
use futures::executor::block_on;
use tempfile::TempDir;

/// A folder for one outbox.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("driver_1.outbox")
    }

    fn open(&self) -> FileOutbox {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<FileOutbox, OpenError> {
        open_at(&self.path())
    }

    /// Returns the ids in the file, in order, and the number of damaged places.
    fn found(&self) -> (Vec<String>, u64) {
        let mut outbox = self.open();
        let damaged = outbox.damaged();
        (ids(&mut outbox), damaged)
    }
}

fn open_at(path: &Path) -> Result<FileOutbox, OpenError> {
    FileOutbox::open(path, &UserId::from("driver_1"))
}

fn write(outbox: &mut FileOutbox, changes: impl Into<Vec<Change>>) -> Result<(), OutboxError> {
    block_on(outbox.write(changes.into()))
}

fn load(outbox: &mut FileOutbox) -> Vec<Entry> {
    block_on(outbox.load()).unwrap()
}

fn ids(outbox: &mut FileOutbox) -> Vec<String> {
    load(outbox).iter().map(|entry| entry.client_message_id.to_string()).collect()
}

fn put(id: &str) -> Change {
    put_text(id, &format!("the text of {id}\n\"äöü\" \u{1f68c}"))
}

fn put_text(id: &str, content: &str) -> Change {
    let conversation_id = ConversationId::from("conv_1");
    let draft = Draft::SendChatMessage { conversation_id, content: content.into() };
    Change::Put(Entry { client_message_id: ClientMessageId::from(id), draft, not_after: None })
}

fn remove(id: &str) -> Change {
    Change::Remove(ClientMessageId::from(id))
}
