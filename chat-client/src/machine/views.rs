//! The app's open conversations.

use std::collections::{BTreeMap, VecDeque};

use chat_core::id::ConversationId;
use chat_core::time::Monotonic;

use super::conversations::Conversations;
use super::io::{Output, ViewId};
use super::turn::Turn;
use crate::event::{Snapshot, Update};

struct View {
    conversation_id: ConversationId,
    /// The request for a snapshot.
    snapshot: Turn,
    /// The last number reported to the view, by a snapshot or later. `None` before the first
    /// snapshot.
    told: Option<u64>,
}

/// The views by id. Bounded by [`Limits::views`](super::Limits::views).
#[derive(Default)]
pub(super) struct Views {
    open: BTreeMap<ViewId, View>,
}

impl Views {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn open(&mut self, view: ViewId, conversation_id: ConversationId) {
        self.open.insert(view, View { conversation_id, snapshot: Turn::NOW, told: None });
    }

    pub(super) fn close(&mut self, view: ViewId) {
        self.open.remove(&view);
    }

    pub(super) fn shows(&self, id: &ConversationId) -> bool {
        self.open.values().any(|view| view.conversation_id == *id)
    }

    /// The lowest of the last numbers that open views of a conversation show. A view that waits for
    /// a snapshot does not count.
    pub(super) fn shown_up_to(&self, id: &ConversationId) -> Option<u64> {
        let current = self.open.values().filter(|view| view.snapshot == Turn::Done);
        current.filter(|view| view.conversation_id == *id).filter_map(|view| view.told).min()
    }

    pub(super) fn conversation(&self, view: ViewId) -> Option<&ConversationId> {
        self.open.get(&view).map(|view| &view.conversation_id)
    }

    /// Requests a snapshot for this view, unless one is on its way.
    pub(super) fn reload(&mut self, view: ViewId) {
        if let Some(view) = self.open.get_mut(&view)
            && view.snapshot == Turn::Done
        {
            view.snapshot = Turn::NOW;
        }
    }

    /// Postpones a failed request for a snapshot, or drops it.
    pub(super) fn put_off(&mut self, view: ViewId, until: Turn) {
        if let Some(view) = self.open.get_mut(&view) {
            view.snapshot = until;
        }
    }

    /// Requests snapshots for all views, except where one is on its way.
    pub(super) fn reload_all(&mut self) {
        self.open.values_mut().filter(|view| view.snapshot == Turn::Done).for_each(|view| {
            view.snapshot = Turn::NOW;
        });
    }

    /// Schedules catch-ups of all open conversations, for a new connection.
    pub(super) fn catch_up(&mut self, conversations: &mut Conversations) {
        for view in self.open.values_mut().filter(|view| view.snapshot == Turn::Done) {
            match conversations.get(&view.conversation_id) {
                Some(held) => held.is_behind(),
                None => view.snapshot = Turn::NOW,
            }
        }
    }

    /// Returns the next view in need of a snapshot.
    pub(super) fn next(&mut self, now: Monotonic) -> Option<(ViewId, ConversationId)> {
        let (id, view) = self.open.iter_mut().find(|(_, view)| view.snapshot.is_due(now))?;
        view.snapshot = Turn::OnWire;
        Some((*id, view.conversation_id.clone()))
    }

    /// Shows a snapshot in one view.
    pub(super) fn show(&mut self, view: ViewId, snapshot: Snapshot, outputs: &mut VecDeque<Output>) {
        if let Some(shown) = self.open.get_mut(&view) {
            shown.snapshot = Turn::Done;
            shown.told = Some(snapshot.last_seq);
            outputs.push_back(Output::Update { view, update: Update::Snapshot(snapshot) });
        }
    }

    /// Shows a snapshot in all views of a conversation, except those waiting for their own.
    pub(super) fn show_all(
        &mut self,
        id: &ConversationId,
        snapshot: &Snapshot,
        outputs: &mut VecDeque<Output>,
    ) {
        let showing = self.open.iter().filter(|(_, view)| view.conversation_id == *id);
        let showing = showing.filter(|(_, view)| view.snapshot != Turn::OnWire).map(|(view, _)| *view);
        for view in showing.collect::<Vec<_>>() {
            self.show(view, snapshot.clone(), outputs);
        }
    }

    /// Reports a message to the views whose snapshot does not hold it.
    pub(super) fn message(
        &mut self,
        message: &chat_core::protocol::Message,
        seq: u64,
        outputs: &mut VecDeque<Output>,
    ) {
        for (id, view) in &mut self.open {
            let wants = view.snapshot == Turn::Done && view.told < Some(seq);
            if wants && view.conversation_id == message.conversation_id {
                view.told = Some(seq);
                outputs.push_back(Output::Update { view: *id, update: Update::Message(message.clone()) });
            }
        }
    }

    /// Reports an update without a number to the views with a snapshot, because the snapshot comes
    /// first.
    pub(super) fn tell(&self, id: &ConversationId, update: &Update, outputs: &mut VecDeque<Output>) {
        let showing = self.open.iter().filter(|(_, view)| view.conversation_id == *id && view.told.is_some());
        outputs.extend(showing.map(|(view, _)| Output::Update { view: *view, update: update.clone() }));
    }

    /// Ends the views of a conversation that can't be shown any more.
    pub(super) fn refuse(&mut self, id: &ConversationId, update: &Update, outputs: &mut VecDeque<Output>) {
        self.open.retain(|view, open| {
            let ends = open.conversation_id == *id;
            if ends {
                outputs.push_back(Output::Update { view: *view, update: update.clone() });
            }
            !ends
        });
    }

    pub(super) fn lost(&mut self) {
        for view in self.open.values_mut() {
            view.snapshot.lost();
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.open.values().filter_map(|view| view.snapshot.deadline(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::TypingStatus;
    use chat_core::time::Timestamp;

    use super::*;

    #[test]
    fn nothing_is_told_before_the_snapshot() {
        let (view, id) = (ViewId(1), ConversationId::from("conv_1"));
        let (mut views, mut outputs) = (Views::default(), VecDeque::new());
        let typing = Update::TypingStatus(TypingStatus {
            conversation_id: id.clone(),
            user_id: "driver_1".into(),
            is_typing: true,
            timestamp: Timestamp::from_millis(0),
        });
        views.open(view, id.clone());
        views.tell(&id, &typing, &mut outputs);
        assert!(outputs.is_empty());
        views.show(
            view,
            Snapshot {
                messages: Vec::new(),
                last_seq: 0,
                epoch: "epoch_1".into(),
                positions: Vec::new(),
                work: None,
                emergency: None,
                notes_conversation_id: None,
            },
            &mut outputs,
        );
        views.tell(&id, &typing, &mut outputs);
        let told = outputs.iter().map(|output| match output {
            Output::Update { update: Update::Snapshot(_), .. } => "snapshot",
            Output::Update { update: Update::TypingStatus(_), .. } => "typing",
            _ => "something else",
        });
        assert!(told.eq(["snapshot", "typing"]));
    }
}
