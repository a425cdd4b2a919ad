//! The contract of a machine's outputs, whatever happens.
//!
//! - A second token, write or transport is never requested before the answer to the first.
//! - The machine sends only over the open transport, only valid frames, and only drafts in the
//!   outbox.
//! - Every request of the app is answered once, and every draft ends once, with no report after its
//!   end.
//! - The messages of a conversation are reported in rising order, unless its history changes. A
//!   view begins with a snapshot, and nothing follows after its end.
//! - The outputs of one input are bounded, and all queues too.

use std::collections::BTreeMap;

use chat_client::machine::{CallId, Input, Limits, LinkId, Machine, Output, ViewId};
use chat_client::outbox::{Change, Entry};
use chat_client::{Event, Progress, Update};
use chat_core::frame::Frame;
use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::limits::FieldLimits;
use chat_core::protocol::Request;
use chat_core::time::Monotonic;
use serde_json::Value;

/// Maximum of outputs after one input: an answer or a report for each bounded thing, to each view.
const OUTPUTS_MOST: usize = 200;

/// A transport and its state.
#[derive(Clone, Copy)]
enum Link {
    None,
    Opening(LinkId),
    Open(LinkId),
}

/// Everything observed about a machine.
pub(super) struct Watch {
    limits: Limits,
    /// Whether the machine forgets conversations and may report a message again.
    forgets: bool,
    link: Link,
    token_wanted: bool,
    /// The pending write of the outbox.
    keep_wanted: Option<Vec<Change>>,
    kept: BTreeMap<ClientMessageId, Entry>,
    wake_at: Option<Monotonic>,
    /// Requests without a reply.
    requests: Vec<Value>,
    /// The app's requests, and whether each is answered.
    calls: BTreeMap<CallId, bool>,
    /// The drafts, and whether each has ended.
    drafts: BTreeMap<ClientMessageId, bool>,
    /// The last number reported.
    told: BTreeMap<ConversationId, u64>,
    /// The last number reported, if there was a snapshot.
    views: BTreeMap<ViewId, Option<u64>>,
    /// Remaining outputs for the current input.
    outputs_left: usize,
}

impl Watch {
    pub(super) fn new(limits: Limits, forgets: bool) -> Self {
        Self {
            limits,
            forgets,
            link: Link::None,
            token_wanted: false,
            keep_wanted: None,
            kept: BTreeMap::new(),
            wake_at: None,
            requests: Vec::new(),
            calls: BTreeMap::new(),
            drafts: BTreeMap::new(),
            told: BTreeMap::new(),
            views: BTreeMap::new(),
            outputs_left: 0,
        }
    }

    /// Returns the transport being opened.
    pub(super) fn opening(&self) -> Option<LinkId> {
        match self.link {
            Link::Opening(link) => Some(link),
            Link::None | Link::Open(_) => None,
        }
    }

    /// Returns the transport that is open or being opened.
    pub(super) fn link(&self) -> Option<LinkId> {
        match self.link {
            Link::Opening(link) | Link::Open(link) => Some(link),
            Link::None => None,
        }
    }

    pub(super) fn wake_at(&self) -> Option<Monotonic> {
        self.wake_at
    }

    /// Removes one of the requests without a reply.
    pub(super) fn take_request(&mut self, place: usize) -> Option<Value> {
        let count = self.requests.len();
        (count > 0).then(|| self.requests.remove(place % count))
    }

    pub(super) fn take_token_wanted(&mut self) -> bool {
        std::mem::take(&mut self.token_wanted)
    }

    /// Completes a pending write, or fails it. Returns whether there was one.
    pub(super) fn take_keep_wanted(&mut self, is_done: bool) -> bool {
        let Some(changes) = self.keep_wanted.take() else { return false };
        for change in changes.into_iter().filter(|_| is_done) {
            match change {
                Change::Put(entry) => drop(self.kept.insert(entry.client_message_id.clone(), entry)),
                Change::Remove(id) => drop(self.kept.remove(&id)),
            }
        }
        true
    }

    /// Records an input.
    pub(super) fn input(&mut self, input: &Input) {
        self.outputs_left = OUTPUTS_MOST;
        match input {
            Input::Restored(entries) => entries.iter().for_each(|entry| {
                self.kept.insert(entry.client_message_id.clone(), entry.clone());
                self.drafts.insert(entry.client_message_id.clone(), false);
            }),
            Input::Opened { link } => self.link = Link::Open(*link),
            Input::Lost { .. } => self.hung_up(),
            Input::Frame { frame: Frame::Text(text), .. } => self.heard(text),
            Input::Call { id, .. } => drop(self.calls.insert(*id, false)),
            Input::Post(entry) => drop(self.drafts.insert(entry.client_message_id.clone(), false)),
            Input::OpenView { view, .. } => drop(self.views.insert(*view, None)),
            Input::CloseView(view) => drop(self.views.remove(view)),
            Input::Tick => self.wake_at = None,
            _ => {}
        }
    }

    fn heard(&mut self, text: &[u8]) {
        self.outputs_left += text.len();
        // The conversation is forgotten, and may start anywhere if the server mentions it again.
        let is_forgotten = String::from_utf8_lossy(text).contains("conversation_not_found");
        if is_forgotten || self.forgets {
            self.told.clear();
        }
    }

    fn hung_up(&mut self) {
        self.link = Link::None;
        self.requests.clear();
    }

    /// Checks an output.
    pub(super) fn output(&mut self, output: Output) {
        self.outputs_left =
            self.outputs_left.checked_sub(1).expect("one input leads to a bounded number of outputs");
        match output {
            Output::GetToken => {
                let asked = std::mem::replace(&mut self.token_wanted, true);
                assert!(!asked, "a second token is asked for");
            }
            Output::Connect { link, .. } => {
                self.hung_up();
                self.link = Link::Opening(link);
            }
            Output::Disconnect { link } => {
                assert_eq!(self.link(), Some(link), "a transport is closed that is none");
                self.hung_up();
            }
            Output::Send { link, frame } => self.sent(link, &frame),
            Output::PersistOutbox(changes) => {
                let before = self.keep_wanted.replace(changes);
                assert!(before.is_none(), "a second write is asked for");
            }
            Output::Answer { id, .. } => {
                let before = self.calls.insert(id, true);
                assert_eq!(before, Some(false), "{id:?} was answered, or never asked");
            }
            Output::Event(event) => self.event(&event),
            Output::Update { view, update } => self.update(view, &update),
            Output::WakeAt(at) => self.wake_at = at,
        }
    }

    fn sent(&mut self, link: LinkId, frame: &[u8]) {
        assert!(matches!(self.link, Link::Open(open) if open == link), "{link:?} does not stand");
        assert!(frame.len() <= self.limits.frame_bytes, "a server would end the connection for it");
        let (_, request) = Request::decode(frame, &FieldLimits::default()).expect("a server can read it");
        // A change of the work is no draft, nor is a conversation that control starts.
        if let Some(id) = request.client_message_id().filter(|_| !is_call(&request)) {
            assert!(self.kept.contains_key(id), "{id} is sent before it is kept");
            assert_eq!(self.drafts.get(id), Some(&false), "{id} is sent after its end");
        }
        self.requests.push(serde_json::from_slice(frame).expect("a request is JSON"));
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::NewMessage(event) => {
                let Some(seq) = event.message.seq.filter(|seq| *seq > 0) else { return };
                let before = self.told.insert(event.conversation_id.clone(), seq);
                let is_rising = before.is_none_or(|before| before < seq);
                assert!(is_rising || self.forgets, "{seq} after {before:?} in {}", event.conversation_id);
            }
            Event::EpochChanged(_) => self.told.clear(),
            Event::ConversationReset(id) => drop(self.told.remove(id)),
            Event::Outbox { client_message_id: id, progress } => {
                let is_end = matches!(progress, Progress::Acknowledged(_) | Progress::NotSent(_));
                let before = self.drafts.insert(id.clone(), is_end);
                assert_eq!(before, Some(false), "{id} had come to its end, or was never posted");
            }
            Event::Connection(_)
            | Event::Conversations(_)
            | Event::NewestConversations(_)
            | Event::Conversation(_)
            | Event::NewSupportConversation(_)
            | Event::TypingStatus(_)
            | Event::MessageRead(_)
            | Event::ReadPosition(_)
            | Event::Unread(_)
            | Event::OrderOverdue(_)
            | Event::Lagged(_) => {}
        }
    }

    fn update(&mut self, view: ViewId, update: &Update) {
        let told = self.views.get_mut(&view).expect("nothing is told of a view that has ended");
        match update {
            Update::Snapshot(snapshot) => *told = Some(snapshot.last_seq),
            Update::Message(message) => {
                let before = told.expect("a view begins with its snapshot");
                assert!(message.seq > Some(before), "{:?} after {before} in {view:?}", message.seq);
                *told = message.seq;
            }
            Update::Refused(_) => drop(self.views.remove(&view)),
            Update::TypingStatus(_)
            | Update::MessageRead(_)
            | Update::Positions(_)
            | Update::ReadPosition(_) => {
                assert!(told.is_some(), "a view begins with its snapshot");
            }
        }
    }

    /// Checks the state after the last output of an input.
    pub(super) fn at_rest(&self, machine: &Machine) {
        assert!(self.requests.len() <= self.limits.on_wire, "too many requests on the wire");
        let restored = 3;
        assert!(machine.outbox().count() <= self.limits.outbox + restored, "too many drafts");
        let open = self.calls.values().filter(|answered| !**answered).count();
        assert!(open <= self.limits.calls, "too many requests of the app");
        let changes = self.keep_wanted.as_ref().map_or(0, Vec::len);
        assert!(changes <= 2 * (self.limits.outbox + restored), "too many changes to keep");
    }

    /// Checks the state of the closed client.
    pub(super) fn at_end(&self) {
        assert!(self.calls.values().all(|answered| *answered), "a request of the app has no answer");
        assert!(self.drafts.values().all(|ended| *ended), "a draft has no end");
        assert!(self.link().is_none(), "a transport stands");
    }
}

/// Whether the client sends the request for a call of its app, although it has a
/// `client_message_id`.
fn is_call(request: &Request) -> bool {
    request.work().is_some() || matches!(request, Request::StartConversation(_))
}
