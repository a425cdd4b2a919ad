//! Reading the journal for one lane.

use std::collections::HashMap;

use chat_core::id::ConversationId;
use chat_core::protocol::RoomType;
use chat_core::store::{Facts, Position, Query, Store as _, UnavailableError};
use tokio::task::spawn_blocking;

use super::checkpoint::Mark;
use super::notification::Notification;
use super::streams::{Pending, QUEUE};
use crate::store::journal::Record;
use crate::store::{JournalPlace, LocalStore, OpenError};

/// Conversations cached with their kind, at about 50 bytes each. A full cache is cleared.
const KNOWN_MOST: usize = 20_000;

/// Groups scanned at once when more notifications of one conversation are needed.
const GROUPS: usize = 256;

/// The conversations of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LaneKind {
    /// Emergencies.
    Emergencies,
    /// All others.
    Others,
}

/// A cache: whether a conversation is an emergency.
pub(super) type KnownConversations = HashMap<ConversationId, bool>;

/// The reason that a reading failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Journal(#[from] OpenError),
    #[error(transparent)]
    Index(#[from] UnavailableError),
}

/// The result of a reading.
#[derive(Debug)]
pub(super) enum Read {
    /// The lane's notifications in the next group, and the mark behind the group; `None` at the
    /// journal's end.
    Group(Option<(Vec<Pending>, Mark)>),
    /// More notifications of this conversation, and the mark to continue at, if any.
    More(ConversationId, Vec<Pending>, Option<Mark>),
}

/// Reads the next group, and selects the lane's conversations.
pub(super) async fn group(
    store: &LocalStore,
    kind: LaneKind,
    next: Mark,
    known: &mut KnownConversations,
) -> Result<Read, ReadError> {
    let reader = store.clone();
    let read = spawn_blocking(move || reader.read_after(next.place)).await;
    let Some((place, records)) = read.expect("it does not panic, and is not aborted")? else {
        return Ok(Read::Group(None));
    };
    let mut found = Vec::new();
    for pending in pendings(records, next.place, next.from) {
        let is_emergency = is_emergency(store, &pending.notification, known).await?;
        if is_emergency == (kind == LaneKind::Emergencies) {
            found.push(pending);
        }
    }
    Ok(Read::Group(Some((found, Mark::at(place)))))
}

/// Reads further notifications of one conversation, from `mark` to before `until`.
pub(super) async fn more(
    store: &LocalStore,
    conversation: ConversationId,
    mark: Mark,
    until: Position,
) -> Result<Read, ReadError> {
    let store = store.clone();
    let read = spawn_blocking(move || {
        let (found, rest) = scan(&store, &conversation, mark, until)?;
        Ok(Read::More(conversation, found, rest))
    });
    read.await.expect("it does not panic, and is not aborted")
}

fn scan(
    store: &LocalStore,
    conversation: &ConversationId,
    mark: Mark,
    until: Position,
) -> Result<(Vec<Pending>, Option<Mark>), ReadError> {
    let mut found = Vec::new();
    let mut place = mark.place;
    for _ in 0..GROUPS {
        if place.position().0 + 1 >= until.0 {
            return Ok((found, None));
        }
        let Some((behind, records)) = store.read_after(place)? else { return Ok((found, None)) };
        for pending in pendings(records, place, mark.from) {
            if pending.mark.from >= until || pending.notification.conversation != *conversation {
                continue;
            }
            if found.len() == QUEUE {
                return Ok((found, Some(pending.mark)));
            }
            found.push(pending);
        }
        place = behind;
    }
    Ok((found, Some(Mark::at(place))))
}

/// The notifications of the group after `place`, from position `from` on.
fn pendings(records: Vec<Record>, place: JournalPlace, from: Position) -> impl Iterator<Item = Pending> {
    records.into_iter().filter(move |record| record.position >= from).filter_map(move |record| {
        let notification = Notification::of(&record.event)?;
        Some(Pending { notification, mark: Mark { place, from: record.position } })
    })
}

/// Whether a notification belongs to an emergency.
async fn is_emergency(
    store: &LocalStore,
    notification: &Notification,
    known: &mut KnownConversations,
) -> Result<bool, UnavailableError> {
    if let Some(is_emergency) = known.get(&notification.conversation) {
        return Ok(*is_emergency);
    }
    let room_type = match notification.room_type {
        Some(room_type) => Some(room_type),
        None => match store.load(Query::Conversation(notification.conversation.clone())).await?.facts {
            Facts::Conversation(conversation) => conversation.map(|found| found.room_type),
            _ => None,
        },
    };
    let is_emergency = room_type == Some(RoomType::EmergencySupport);
    if known.len() >= KNOWN_MOST {
        known.clear();
    }
    known.insert(notification.conversation.clone(), is_emergency);
    Ok(is_emergency)
}
