//! Erasing the texts of one user on request, whatever their age. Holds are obeyed.

use std::collections::BTreeSet;
use std::path::Path;

use chat_core::id::{ConversationId, UserId};
use chat_core::store::Event;

use super::keeping::{Keeping, KeepingError};
use super::retention::{RetentionError, STEP_BYTES};
use crate::store::error::OpenError;
use crate::store::write::journal::{End, ErasingStep, Groups, SEGMENT_HEADER};

/// The texts of a user: messages, entries, and entries that name the user.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserTexts {
    /// Texts that are erased, or may be.
    pub erasable: u64,
    /// Texts on hold.
    pub held: u64,
    /// The conversations of the texts on hold.
    pub held_in: BTreeSet<ConversationId>,
}

/// Error of an erasure on request.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// The user is on hold, or the record can't be written.
    #[error(transparent)]
    Keeping(#[from] KeepingError),
    /// A step failed. The same command goes on from there.
    #[error("{0}. Some texts are erased already: run the same command again")]
    Step(#[from] RetentionError),
}

impl From<OpenError> for EraseError {
    fn from(error: OpenError) -> Self {
        Self::Keeping(error.into())
    }
}

/// Counts the texts of a user. Blocks, and reads the whole journal.
///
/// # Errors
///
/// [`OpenError`].
pub(crate) fn count_texts(dir: &Path, user: &UserId) -> Result<UserTexts, OpenError> {
    let journal = &dir.join("journal");
    let keeping = Keeping::read(journal)?;
    let mut groups = Groups::after(journal, End::default())?;
    let mut texts = UserTexts::default();
    while let Some((_, records)) = groups.next_group()? {
        for (_, record) in &records {
            count(&record.event, user, &keeping, &mut texts);
        }
    }
    Ok(texts)
}

fn count(event: &Event, user: &UserId, keeping: &Keeping, texts: &mut UserTexts) {
    let Some((conversation, sender)) = sent(event) else { return };
    if event.is_erased() || (sender != user && !names_user(event, user)) {
        return;
    }
    if keeping.holds(conversation, sender) {
        texts.held += 1;
        texts.held_in.insert(conversation.clone());
    } else {
        texts.erasable += 1;
    }
}

/// Whether the event is an entry whose text names a user besides its sender.
pub(crate) fn names_user(event: &Event, user: &UserId) -> bool {
    matches!(event, Event::MessageAppended(appended) if appended.handed_to() == Some(user))
}

/// The conversation and the sender of an event's message.
pub(super) fn sent(event: &Event) -> Option<(&ConversationId, &UserId)> {
    match event {
        Event::ConversationCreated(created) => Some((&created.id, &created.created_by)),
        Event::MessageAppended(appended) => Some((&appended.conversation, &appended.sender)),
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::ReadMarked(_)
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => None,
    }
}

/// The next groups up to `last`, at most [`STEP_BYTES`] of one segment.
pub(super) struct UserWalk {
    /// The end of the groups.
    pub(super) reached: End,
    /// The step, if the groups have texts to erase.
    pub(super) step: Option<ErasingStep>,
}

/// Walks on from an end. Passes groups without a text to erase, however many.
pub(super) fn walk(
    journal: &Path,
    from: End,
    until: End,
    user: &UserId,
    keeping: &Keeping,
) -> Result<UserWalk, OpenError> {
    let mut groups = Groups::after(journal, from)?;
    let (mut reached, mut step) = (from, None::<ErasingStep>);
    while reached.position < until.position
        && let Some((end, records)) = groups.next_group()?
    {
        let start = if end.segment == reached.segment { reached.offset } else { SEGMENT_HEADER };
        if let Some(step) = &mut step {
            if step.until.segment != end.segment || end.offset - step.from > STEP_BYTES {
                break;
            }
            step.until = end;
        } else {
            let mut texts = UserTexts::default();
            records.iter().for_each(|(_, record)| count(&record.event, user, keeping, &mut texts));
            if texts.erasable > 0 {
                step = Some(ErasingStep { from: start, until: end, of: Some(user.clone()) });
            }
        }
        reached = end;
    }
    Ok(UserWalk { reached, step })
}
