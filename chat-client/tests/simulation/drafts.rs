//! The drafts that the user of a device has written, and their outcomes.

use std::collections::BTreeMap;

use chat_client::outbox::{Draft, Entry};
use chat_client::{Acknowledged, NotSentReason, Progress};
use chat_core::id::{ClientMessageId, ConversationId};

/// How a draft ended.
pub(crate) enum Outcome {
    Acknowledged(Acknowledged),
    NotSent { maybe_sent: bool },
}

/// A draft.
pub(crate) struct Written {
    /// `None` is a new conversation.
    pub(crate) conversation: Option<ConversationId>,
    pub(crate) content: String,
    pub(crate) outcomes: Vec<Outcome>,
    /// Whether the app of this life has seen the end of it.
    has_ended: bool,
    /// The app was killed before it was in the outbox, and it is gone with the app.
    pub(crate) is_gone: bool,
}

/// All drafts of a device, in the order in which they were written.
#[derive(Default)]
pub(crate) struct Drafts {
    pub(crate) written: Vec<Written>,
    places: BTreeMap<ClientMessageId, usize>,
    /// How many were handed back because it was too late.
    pub(crate) too_late: u64,
}

impl Drafts {
    pub(crate) fn write(&mut self, entry: &Entry) {
        let (conversation, content) = match &entry.draft {
            Draft::SendChatMessage { conversation_id, content } => (Some(conversation_id.clone()), content),
            Draft::CreateSupportConversation { content, .. } => (None, content),
        };
        let content = content.to_string();
        self.places.insert(entry.client_message_id.clone(), self.written.len());
        let (outcomes, has_ended, is_gone) = (Vec::new(), false, false);
        self.written.push(Written { conversation, content, outcomes, has_ended, is_gone });
    }

    /// Notes a progress. If the app can't have been told this progress, the draft comes back.
    pub(crate) fn progress(&mut self, id: &ClientMessageId, progress: Progress) -> Result<(), String> {
        let place = self.places.get(id).ok_or_else(|| format!("{id} was never written"))?;
        let written = &mut self.written[*place];
        if written.has_ended {
            return Err(format!("{id} had ended, and then {progress:?}"));
        }
        let outcome = match progress {
            Progress::Keeping | Progress::Queued | Progress::Sent => return Ok(()),
            Progress::Acknowledged(acknowledged) => Outcome::Acknowledged(acknowledged),
            Progress::NotSent(not_sent) => {
                self.too_late += u64::from(not_sent.reason == NotSentReason::TooLate);
                Outcome::NotSent { maybe_sent: not_sent.maybe_sent }
            }
        };
        written.has_ended = true;
        written.outcomes.push(outcome);
        Ok(())
    }

    /// Notes that the app was killed: only the drafts in its outbox go on.
    pub(crate) fn killed(&mut self, outbox: &[Entry]) {
        for written in &mut self.written {
            written.is_gone |= !written.has_ended;
        }
        for entry in outbox {
            let written = &mut self.written[self.places[&entry.client_message_id]];
            (written.has_ended, written.is_gone) = (false, false);
        }
    }
}
