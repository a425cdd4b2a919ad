//! The observed state of one server: one life of an engine, from its start to its end.

use super::rates::SaidMessages;
use super::room::{ChargedBytes, Room};
use super::stored::Stored;
use super::{Oracle, PromiseError, must};
use crate::export::Export;
use crate::time::Monotonic;

/// A server.
#[derive(Default)]
pub(super) struct ServerLife {
    pub(super) said: SaidMessages,
    pub(super) charged: ChargedBytes,
    pub(super) room: Room,
    /// The last look at the store of which the server knows, if it follows a shared store.
    /// Otherwise the server knows of every look.
    pub(super) knows: Option<u64>,
    /// The store that the server speaks of has been replaced.
    pub(super) is_past: bool,
}

impl Oracle {
    pub(super) fn server(&mut self, server: u64) -> &mut ServerLife {
        self.servers.entry(server).or_default()
    }

    /// Records that a server knows of this much room in its storage from now on.
    pub fn has_room(&mut self, server: u64, room: Room) {
        self.server(server).room = room;
        let links = self.links.values_mut().filter(|link| link.server == server);
        links.flat_map(|link| &mut link.pending).for_each(|asked| asked.note_room(room));
    }

    /// Records that a server of a shared store knows its history up to this position.
    pub fn knows(&mut self, server: u64, position: u64) {
        let look = self.stored.look_at(position);
        self.server(server).knows = Some(look);
    }

    /// Checks the store after the crash of a server, which has ended its connections.
    ///
    /// # Errors
    ///
    /// P1, if something acknowledged is gone.
    pub fn crashed(&mut self, server: u64, store: &Export) -> Result<(), PromiseError> {
        for (conn, _) in self.links.extract_if(.., |_, link| link.server == server) {
            self.emergencies.ended(conn);
        }
        self.stored.verify(store)?;
        for ((conversation, user), up_to) in &self.read {
            let stored = store.conversations.get(conversation.as_str());
            let read = stored.and_then(|stored| stored.read_up_to.get(user.as_str()));
            must(read >= Some(up_to), "P1", || format!("{user} read {conversation} {up_to}, now {read:?}"))?;
        }
        self.checked.survived += self.kept.len() as u64;
        Ok(())
    }

    /// Replaces the store by another one, for example by a backup. Promises about content missing
    /// from the new store no longer count, and neither do those of servers that have begun before.
    pub fn restored(&mut self, store: &Export) {
        self.servers.values_mut().for_each(|server| server.is_past = true);
        self.links.values_mut().for_each(|link| link.is_past = true);
        self.emergencies.restored();
        self.stored = Stored::at(store, self.now);
        self.read.clear();
        let stored = &self.stored;
        self.kept.retain(|_, kept| stored.holds(&kept.id));
    }

    /// Records the start of a server. The number is a new one.
    pub fn began(&mut self, server: u64, now: Monotonic) {
        self.now = self.now.max(now);
        let said = SaidMessages::new(now);
        self.servers.insert(server, ServerLife { said, ..ServerLife::default() });
        self.stored.server_began();
    }
}
