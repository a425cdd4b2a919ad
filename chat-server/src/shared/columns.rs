//! Values of several rows by column, for statements that write many rows at once.

use chat_core::store::Event;

use super::group::Touched;
use super::look_up::Known;
use super::write::signed;

/// Conversations with the effects of a group on them.
pub(super) type Touches<'a> = Vec<&'a (Known, Touched)>;

/// The columns that a message or an entry changes.
pub(super) struct HeadColumns<'a> {
    pub(super) last_seqs: Vec<i64>,
    pub(super) last_times: Vec<i64>,
    pub(super) text_seqs: Vec<i64>,
    pub(super) text_times: Vec<i64>,
    pub(super) positions: Vec<i64>,
    pub(super) works: Vec<Vec<u8>>,
    pub(super) assignees: Vec<Option<&'a [u8]>>,
    pub(super) emergencies: Vec<Option<Vec<u8>>>,
    /// The creators of emergencies that are not over.
    pub(super) raised_by: Vec<Option<&'a [u8]>>,
    pub(super) open_orders: Vec<Vec<u8>>,
}

impl<'a> HeadColumns<'a> {
    /// The columns of these conversations.
    pub(super) fn of(touched: &Touches<'a>) -> Self {
        let all = || touched.iter().map(|(known, _)| &known.conversation);
        let works = all().map(|one| serde_json::to_vec(&one.work));
        let emergencies = all().map(|one| one.emergency.as_ref().map(serde_json::to_vec).transpose());
        let raised = all().map(|one| one.is_live_emergency().then_some(&one.created_by));
        let open = all().map(|one| serde_json::to_vec(&one.open_orders));
        Self {
            last_seqs: all().map(|one| signed(one.last_seq)).collect(),
            last_times: all().map(|one| one.last_at.as_millis()).collect(),
            text_seqs: all().map(|one| signed(one.last_text_seq)).collect(),
            text_times: all().map(|one| one.last_message_at.as_millis()).collect(),
            positions: touched.iter().map(|(known, _)| signed(known.position.0)).collect(),
            works: works.collect::<Result<_, _>>().expect("the work has string keys"),
            assignees: all()
                .map(|one| one.work.assignee.as_ref().map(|user| user.as_str().as_bytes()))
                .collect(),
            emergencies: emergencies.collect::<Result<_, _>>().expect("an emergency has string keys"),
            open_orders: open.collect::<Result<_, _>>().expect("numbers are plain JSON"),
            raised_by: raised.map(|user| user.map(|user| user.as_str().as_bytes())).collect(),
        }
    }
}

/// The columns of a record that only messages have.
#[derive(Default)]
pub(super) struct MessageColumns<'a> {
    pub(super) conversation: Option<&'a [u8]>,
    pub(super) seq: Option<i64>,
    pub(super) is_entry: bool,
    pub(super) sent_at: Option<i64>,
    pub(super) author: Option<&'a [u8]>,
    pub(super) client_message_id: Option<&'a [u8]>,
}

impl<'a> MessageColumns<'a> {
    /// The columns of a record with this event.
    pub(super) fn of(event: &'a Event) -> Self {
        let (conversation, seq, author) = match event {
            Event::ConversationCreated(created) => (&created.id, 1, &created.created_by),
            Event::MessageAppended(appended) => (&appended.conversation, appended.seq, &appended.sender),
            Event::EpochBegun { .. }
            | Event::AccountPut { .. }
            | Event::ReadMarked(_)
            | Event::MemberAdded(_)
            | Event::MemberWithdrawn(_) => return Self::default(),
        };
        Self {
            conversation: Some(conversation.as_str().as_bytes()),
            seq: Some(signed(seq)),
            is_entry: matches!(event, Event::MessageAppended(appended) if appended.entry.is_some()),
            sent_at: event.sent_at().map(chat_core::time::Timestamp::as_millis),
            author: Some(author.as_str().as_bytes()),
            client_message_id: event.key().map(|(_, id)| id.as_str().as_bytes()),
        }
    }
}
