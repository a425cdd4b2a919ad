//! Reading the journal for one lane.

use std::collections::HashMap;

use chat_core::id::ConversationId;
use chat_core::protocol::RoomType;
use chat_core::store::{Event, Facts, Position, Query, UnavailableError};

use super::checkpoint::Mark;
use super::notification::Notification;
use super::source::WebhookSource;
use super::streams::{Pending, QUEUE};
use crate::store::{JournalPlace, OpenError};

/// Conversations cached with their kind, at about 50 bytes each. A full cache is cleared.
const KNOWN_MOST: usize = 20_000;

/// Groups scanned at once when more notifications of one conversation are needed.
const GROUPS: usize = 256;

/// The conversations of a lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum LaneKind {
    /// Emergencies, and orders of any conversation that were not answered in time.
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
    #[error(transparent)]
    Checkpoint(#[from] std::io::Error),
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
    source: &WebhookSource,
    kind: LaneKind,
    next: Mark,
    known: &mut KnownConversations,
) -> Result<Read, ReadError> {
    let Some((place, records)) = source.read_after(next.place).await? else {
        return Ok(Read::Group(None));
    };
    let mut found = Vec::new();
    for pending in pendings(records, next.place, next.from) {
        if lane_of(source, &pending.notification, known).await? == kind {
            found.push(pending);
        }
    }
    Ok(Read::Group(Some((found, Mark::at(place)))))
}

/// Reads further notifications of one conversation for the lane, from `mark` to before `until`.
pub(super) async fn more(
    source: &WebhookSource,
    kind: LaneKind,
    (conversation, mark): (ConversationId, Mark),
    until: Position,
    known: &mut KnownConversations,
) -> Result<Read, ReadError> {
    let mut found = Vec::new();
    let mut place = mark.place;
    for _ in 0..GROUPS {
        let next = if place.position().0 + 1 >= until.0 { None } else { source.read_after(place).await? };
        let Some((behind, records)) = next else { return Ok(Read::More(conversation, found, None)) };
        for pending in pendings(records, place, mark.from) {
            if pending.mark.from >= until || pending.notification.conversation != conversation {
                continue;
            }
            if lane_of(source, &pending.notification, known).await? != kind {
                continue;
            }
            if found.len() == QUEUE {
                return Ok(Read::More(conversation, found, Some(pending.mark)));
            }
            found.push(pending);
        }
        place = behind;
    }
    Ok(Read::More(conversation, found, Some(Mark::at(place))))
}

/// The notifications of the group after `place`, from position `from` on.
fn pendings(
    records: Vec<(Position, Event)>,
    place: JournalPlace,
    from: Position,
) -> impl Iterator<Item = Pending> {
    records.into_iter().filter(move |(position, _)| *position >= from).filter_map(move |(position, event)| {
        let notification = Notification::of(&event)?;
        Some(Pending { notification, mark: Mark { place, from: position } })
    })
}

/// The lane of a notification.
async fn lane_of(
    source: &WebhookSource,
    notification: &Notification,
    known: &mut KnownConversations,
) -> Result<LaneKind, UnavailableError> {
    let is_first = notification.is_urgent() || is_emergency(source, notification, known).await?;
    Ok(if is_first { LaneKind::Emergencies } else { LaneKind::Others })
}

/// Whether a notification belongs to an emergency.
async fn is_emergency(
    source: &WebhookSource,
    notification: &Notification,
    known: &mut KnownConversations,
) -> Result<bool, UnavailableError> {
    if let Some(is_emergency) = known.get(&notification.conversation) {
        return Ok(*is_emergency);
    }
    let room_type = match notification.room_type {
        Some(room_type) => Some(room_type),
        None => match source.load(Query::Conversation(notification.conversation.clone())).await?.facts {
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
