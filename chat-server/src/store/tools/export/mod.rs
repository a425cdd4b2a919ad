//! Export of conversations with all their events, as JSON lines.
//!
//! The journal mixes conversations in order of time. One walk sorts the locations of the selected
//! records in a temporary index on disk, therefore memory does not grow with the store.

mod line;
mod places;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use chat_core::id::{ConversationId, UserId};
use chat_core::store::{Event, UnavailableError};
use chat_core::time::Timestamp;

use crate::store::error::OpenError;
use crate::store::lifecycle::lock::Lock;
use crate::store::write::journal::{
    ChainHead, End, JournalSize, Location, Reader, Record, inspect, salvage, segment_path,
};
use line::ExportLine;
use places::{Part, Places};

/// The selection for an export.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only this conversation.
    pub conversation: Option<ConversationId>,
    /// Only the messages, conversations and accounts of this user.
    pub user: Option<UserId>,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Whether to pass over damaged parts of the journal.
    pub salvage: bool,
}

/// Error of an export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A record can't be read, or the temporary directory is full.
    #[error("the export is not complete: {0}")]
    Unreadable(String),
    /// The output failed.
    #[error("the export is not complete: it can't be written: {0}")]
    Unwritable(#[from] io::Error),
    /// No such conversation; its id may be misspelt.
    #[error("there is no conversation {0}")]
    NoConversation(ConversationId),
    /// No such user; the id may be misspelt.
    #[error("nothing is known of a user {0}")]
    NoUser(UserId),
}

impl From<UnavailableError> for ExportError {
    fn from(unavailable: UnavailableError) -> Self {
        Self::Unreadable(unavailable.reason)
    }
}

/// Writes the selected events of a data directory or a backup, as JSON lines.
///
/// If a server has the store open, the export ends at the synced end. `progress` receives the
/// amount done, and its total. Returns the damaged parts that were passed over; a damaged text is
/// written as an erased one.
///
/// # Errors
///
/// [`ExportError`]. A complete export ends with the line `end`. Before an error about damage,
/// everything before the damage is written.
pub fn export(
    dir: &Path,
    selection: &Selection,
    to: &mut dyn Write,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<String>, ExportError> {
    // Beside a running server the export goes on: new writes do not change synced data.
    let _lock = match Lock::take_existing(dir) {
        Err(OpenError::Locked { .. }) => None,
        taken => taken?,
    };
    let journal = dir.join("journal");
    let size = JournalSize::of(&journal).map_err(OpenError::io("list", &journal))?;
    let mut walk = ExportWalk {
        selection,
        places: Places::new()?,
        users: BTreeSet::new(),
        reached: End::default(),
        now: None,
        failed: None,
    };
    let mut visit = |end, records: Vec<(Location, Record)>| {
        progress(size.before(end), 2 * size.bytes);
        walk.group(end, &records);
        Ok(())
    };
    let (holes, damage) = if selection.salvage {
        (salvage(&journal, &mut visit)?.holes, None)
    } else {
        match inspect(&journal, &[], 0, &mut visit) {
            Err(OpenError::Damaged(damage)) => (Vec::new(), Some(damage)),
            inspected => (Vec::new(), inspected.map(|_| None)?),
        }
    };
    let end = walk.reached;
    sync(&journal, end)?;
    let (places, users) = walk.end(end)?;
    if let Some(wanted) = selection.user.clone().filter(|_| places.count() == 0) {
        return Err(ExportError::NoUser(wanted));
    }
    if let Some(wanted) = &selection.conversation
        && !places.knows(wanted)?
    {
        return Err(ExportError::NoConversation(wanted.clone()));
    }
    let told = |done: u64, of: u64| progress(size.bytes + size.bytes * done / of.max(1), 2 * size.bytes);
    let reader = if selection.salvage { Reader::lenient(&journal) } else { Reader::new(&journal) };
    write(&places, &users, &reader, to, &told)?;
    if holes.is_empty() && damage.is_none() {
        let head = ChainHead::from(end).to_string();
        line::write(to, &ExportLine::End { position: end.position.0, head })?;
    }
    to.flush()?;
    damage.map_or(Ok(()), |damage| Err(OpenError::from(damage)))?;
    Ok(holes.into_iter().map(|hole| hole.what).collect())
}

/// Syncs the end read, which a running server may not have synced yet.
fn sync(journal: &Path, end: End) -> Result<(), OpenError> {
    if end.segment == 0 {
        return Ok(());
    }
    let path = segment_path(journal, end.segment);
    File::open(&path).and_then(|file| file.sync_data()).map_err(OpenError::io("sync", &path))
}

/// Progress of the walk over the journal.
struct ExportWalk<'a> {
    selection: &'a Selection,
    places: Places,
    /// Users of the selected events, whose accounts are written too. As many as have written.
    users: BTreeSet<UserId>,
    /// The end of the groups seen.
    reached: End,
    /// The time of the latest message. Later events are at least as late.
    now: Option<Timestamp>,
    failed: Option<ExportError>,
}

impl ExportWalk<'_> {
    fn group(&mut self, end: End, records: &[(Location, Record)]) {
        self.reached = end;
        if self.failed.is_some() {
            return;
        }
        let added = records.iter().try_for_each(|(location, record)| {
            if let Event::AccountPut { account } = &record.event
                && self.selection.user.as_ref().is_none_or(|user| *user == account.user.id)
            {
                self.places.add_account(record.position, *location);
            }
            let Some(conversation) = record.event.conversation() else { return Ok(()) };
            if let Event::ConversationCreated(_) = record.event {
                self.places.create(conversation, record.position, *location);
            }
            self.now = record.event.sent_at().or(self.now);
            if self.wants(conversation, &record.event) {
                self.users.extend(user_of(&record.event).filter(|user| !self.users.contains(*user)).cloned());
                self.places.add(conversation, record.position, *location)
            } else {
                Ok(())
            }
        });
        let kept = added.and_then(|()| self.places.keep(end, false));
        self.failed = kept.err().map(ExportError::from);
    }

    /// The locations, and the users whose accounts are written.
    fn end(mut self, end: End) -> Result<(Places, BTreeSet<UserId>), ExportError> {
        self.failed.map_or(Ok(()), Err)?;
        self.places.keep(end, true)?;
        self.users.extend(self.selection.user.clone());
        Ok((self.places, self.users))
    }

    fn wants(&self, conversation: &ConversationId, event: &Event) -> bool {
        let Selection { conversation: wanted, user, since, until, .. } = self.selection;
        wanted.as_ref().is_none_or(|wanted| wanted == conversation)
            && user.as_ref().is_none_or(|user| user_of(event) == Some(user))
            && since.is_none_or(|since| self.now.is_none_or(|now| now >= since))
            && until.is_none_or(|until| self.now.is_none_or(|now| now < until))
    }
}

/// The user of an event in a conversation.
fn user_of(event: &Event) -> Option<&UserId> {
    match event {
        Event::ConversationCreated(created) => Some(&created.created_by),
        Event::MessageAppended(appended) => Some(&appended.sender),
        Event::ReadMarked(read) => Some(&read.user),
        Event::MemberAdded(changed) | Event::MemberWithdrawn(changed) => Some(&changed.user),
        Event::EpochBegun { .. } | Event::AccountPut { .. } => None,
    }
}

fn write(
    places: &Places,
    users: &BTreeSet<UserId>,
    reader: &Reader,
    to: &mut dyn Write,
    progress: &dyn Fn(u64, u64),
) -> Result<(), ExportError> {
    let (mut done, of) = (0, places.count());
    places.each(&mut |part, location| {
        let record = reader.read(location).map_err(|error| ExportError::Unreadable(error.to_string()))?;
        let is_wanted = match &record.event {
            Event::AccountPut { account } => users.contains(&account.user.id),
            _ => true,
        };
        if let Some(line) = ExportLine::of(part, &record).filter(|_| is_wanted) {
            line::write(to, &line)?;
        }
        done += u64::from(part == Part::Event);
        progress(done, of);
        Ok(())
    })
}
