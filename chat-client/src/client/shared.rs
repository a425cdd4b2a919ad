//! The state shared by the handle, its streams and the driver: one machine, and the queues of its
//! readers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use chat_core::id::ClientMessageId;
use chat_core::protocol::Reply;
use chat_core::time::{Monotonic, Now};
use futures::channel::oneshot;
use futures::task::AtomicWaker;

use super::ids::Ids;
use super::queue::{Queue, Queued};
use crate::error::Error;
use crate::event::{Event, Progress, Update};
use crate::machine::{CallId, Input, LinkId, Machine, Output, ViewId};
use crate::outbox::Change;
use crate::transport::Attempt;

/// The machine and everything that waits for its outputs, behind one lock that is never held across
/// an `await`.
pub(super) struct Shared {
    state: Mutex<State>,
    /// The task of the driver. Each wake-up makes it look at all commands in [`State`].
    driver: AtomicWaker,
    now: Box<dyn Fn() -> Now + Send + Sync>,
}

/// The id of a stream of events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SubscriptionId(u64);

pub(super) struct State {
    pub(super) machine: Machine,
    pub(super) ids: Ids,
    numbers: u64,
    /// The pending requests of the app. Bounded by the machine, which answers one too many at once.
    answers: BTreeMap<CallId, oneshot::Sender<Result<Reply, Error>>>,
    /// The drafts with a [`SendHandle`](super::SendHandle). Bounded by the handles.
    posts: BTreeMap<ClientMessageId, Post>,
    /// The app's streams of events, whose queues are bounded: see [`Queue`].
    subscriptions: BTreeMap<SubscriptionId, Queue<Event>>,
    /// The app's open conversations. Bounded by the machine; for the queues see [`Queue`].
    views: BTreeMap<ViewId, Queue<Update>>,
    /// The callers of `close`, until the driver has ended. Bounded by the callers.
    closing: Option<Vec<oneshot::Sender<()>>>,
    /// The driver's pending commands.
    pub(super) commands: Commands,
}

/// Commands of the machine to the driver.
#[derive(Default)]
pub(super) struct Commands {
    pub(super) wake_at: Option<Monotonic>,
    pub(super) get_token: bool,
    pub(super) persist: Option<Vec<Change>>,
    /// The transport to have.
    pub(super) link: Option<(LinkId, Attempt)>,
    /// Frames to send over the transport. Bounded by the machine, which waits for a reply to each.
    pub(super) frames: VecDeque<Bytes>,
}

/// Maximum of queued progress reports of one draft. A bad connection makes many, and only the last
/// ones matter.
const NEWS: usize = 16;

/// The progress of a draft, for its handle.
struct Post {
    progress: Progress,
    /// Reports not taken by the app yet, oldest first. Beyond [`NEWS`] the oldest is dropped.
    news: VecDeque<Progress>,
    waker: Option<Waker>,
}

impl Shared {
    pub(super) fn new(machine: Machine, ids: Ids, now: Box<dyn Fn() -> Now + Send + Sync>) -> Arc<Self> {
        let state = State {
            machine,
            ids,
            numbers: 0,
            answers: BTreeMap::new(),
            posts: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            views: BTreeMap::new(),
            closing: Some(Vec::new()),
            commands: Commands::default(),
        };
        Arc::new(Self { state: Mutex::new(state), driver: AtomicWaker::new(), now })
    }

    /// Locks the state. A panic elsewhere leaves the state consistent, as every input does.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Now {
        (self.now)()
    }

    /// Gives the machine an input, dispatches the outputs, and wakes the driver.
    pub(super) fn input(&self, input: Input) {
        self.lock().input(self.now(), input);
        self.driver.wake();
    }

    /// Changes the state under the lock, for changes that go together with an input, and wakes the
    /// driver.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State, Now) -> T) -> T {
        let done = act(&mut self.lock(), self.now());
        self.driver.wake();
        done
    }

    /// Wakes the driver to look at its commands.
    pub(super) fn wake(&self) {
        self.driver.wake();
    }

    /// Waits in the driver's task until `look` finds something in the state.
    pub(super) async fn wait<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        std::future::poll_fn(|cx| {
            self.driver.register(cx.waker());
            look(&mut self.lock()).map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

impl State {
    pub(super) fn input(&mut self, now: Now, input: Input) {
        self.machine.handle(now, input);
        while let Some(output) = self.machine.poll() {
            self.dispatch(output);
        }
        if self.machine.is_closed() {
            self.end();
        }
    }

    fn dispatch(&mut self, output: Output) {
        match output {
            Output::GetToken => self.commands.get_token = true,
            Output::Connect { link, attempt } => {
                self.commands.link = Some((link, attempt));
                self.commands.frames.clear();
            }
            Output::Send { link, frame } => {
                if self.commands.link.as_ref().is_some_and(|(standing, _)| *standing == link) {
                    self.commands.frames.push_back(frame);
                }
            }
            Output::Disconnect { .. } => {
                self.commands.link = None;
                self.commands.frames.clear();
            }
            Output::PersistOutbox(changes) => self.commands.persist = Some(changes),
            Output::Answer { id, result } => {
                if let Some(waiting) = self.answers.remove(&id) {
                    // The caller may have stopped waiting.
                    let _ = waiting.send(result);
                }
            }
            Output::Event(event) => self.event(&event),
            Output::Update { view, update } => self.update(view, update),
            Output::WakeAt(at) => self.commands.wake_at = at,
        }
    }

    fn update(&mut self, view: ViewId, update: Update) {
        let Some(queue) = self.views.get_mut(&view) else { return };
        let is_last = matches!(update, Update::Refused(_));
        queue.push(update);
        if is_last {
            queue.end();
        }
    }

    fn event(&mut self, event: &Event) {
        if let Event::Outbox { client_message_id, progress } = event
            && let Some(post) = self.posts.get_mut(client_message_id)
        {
            if post.news.len() >= NEWS {
                post.news.pop_front();
            }
            post.news.push_back(progress.clone());
            post.progress = progress.clone();
            post.waker.take().into_iter().for_each(Waker::wake);
        }
        for queue in self.subscriptions.values_mut() {
            queue.push(event.clone());
        }
    }

    /// Ends every stream behind its queued items, because the client is closed.
    fn end(&mut self) {
        self.answers.clear();
        self.subscriptions.values_mut().for_each(Queue::end);
        self.views.values_mut().for_each(Queue::end);
    }

    /// Reacts to the end of the driver, which has released everything.
    pub(super) fn driver_ended(&mut self, now: Now) {
        self.input(now, Input::Close);
        self.end();
        for waiting in self.closing.take().into_iter().flatten() {
            // The caller of `close` may have stopped waiting.
            let _ = waiting.send(());
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Starts a request, and returns the receiver of its result.
    pub(super) fn call(
        &mut self,
        now: Now,
        call: crate::machine::Call,
    ) -> oneshot::Receiver<Result<Reply, Error>> {
        let (waiting, answer) = oneshot::channel();
        let id = CallId(self.number());
        self.answers.insert(id, waiting);
        self.input(now, Input::Call { id, call });
        answer
    }

    /// Opens a stream of events, with the state of the connection first.
    pub(super) fn subscribe(&mut self) -> SubscriptionId {
        let id = SubscriptionId(self.number());
        let mut queue = Queue::default();
        queue.push(Event::Connection(self.machine.state().clone()));
        if self.machine.is_closed() {
            queue.end();
        }
        self.subscriptions.insert(id, queue);
        id
    }

    pub(super) fn unsubscribe(&mut self, id: SubscriptionId) {
        self.subscriptions.remove(&id);
    }

    /// Polls for the next event. After an overflow, reports the number of lost events.
    pub(super) fn poll_event(&mut self, id: SubscriptionId, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Some(queue) = self.subscriptions.get_mut(&id) else { return Poll::Ready(None) };
        match queue.poll(cx) {
            Poll::Ready(Some(Queued::Lost(lost))) => Poll::Ready(Some(Event::Lagged(lost))),
            Poll::Ready(Some(Queued::Item(event))) => Poll::Ready(Some(event)),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }

    pub(super) fn open_view(&mut self, now: Now, conversation_id: chat_core::id::ConversationId) -> ViewId {
        let view = ViewId(self.number());
        let mut queue = Queue::default();
        if self.machine.is_closed() {
            queue.end();
        }
        self.views.insert(view, queue);
        self.input(now, Input::OpenView { view, conversation_id });
        view
    }

    pub(super) fn close_view(&mut self, now: Now, view: ViewId) {
        self.views.remove(&view);
        self.input(now, Input::CloseView(view));
    }

    /// Polls for the next update, and tells whether to wake the driver. After an overflow the view
    /// starts over with a snapshot, which needs the driver.
    pub(super) fn poll_update(
        &mut self,
        now: Now,
        view: ViewId,
        cx: &mut Context<'_>,
    ) -> (Poll<Option<Update>>, bool) {
        let Some(queue) = self.views.get_mut(&view) else { return (Poll::Ready(None), false) };
        match queue.poll(cx) {
            Poll::Ready(Some(Queued::Lost(_))) => {
                queue.clear();
                self.input(now, Input::ReloadView(view));
                let queue = self.views.get_mut(&view);
                let next = queue.map_or(Poll::Ready(None), |queue| queue.poll(cx));
                (next.map(|next| next.and_then(Queued::item)), true)
            }
            polled => (polled.map(|next| next.and_then(Queued::item)), false),
        }
    }

    /// Starts to track a draft that is about to enter the outbox.
    pub(super) fn follow(&mut self, id: ClientMessageId) {
        self.posts.insert(id, Post { progress: Progress::Keeping, news: VecDeque::new(), waker: None });
    }

    pub(super) fn unfollow(&mut self, id: &ClientMessageId) {
        self.posts.remove(id);
    }

    pub(super) fn progress(&self, id: &ClientMessageId) -> Option<Progress> {
        self.posts.get(id).map(|post| post.progress.clone())
    }

    /// Polls for the next progress report of a draft.
    pub(super) fn poll_progress(
        &mut self,
        id: &ClientMessageId,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Progress>> {
        let Some(post) = self.posts.get_mut(id) else { return Poll::Ready(None) };
        if let Some(progress) = post.news.pop_front() {
            return Poll::Ready(Some(progress));
        }
        if let Progress::Acknowledged(_) | Progress::NotSent(_) = post.progress {
            return Poll::Ready(None);
        }
        post.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Closes the client, and returns a receiver that resolves when the driver has ended.
    pub(super) fn close(&mut self, now: Now) -> oneshot::Receiver<()> {
        let (waiting, closed) = oneshot::channel();
        if let Some(closing) = &mut self.closing {
            closing.push(waiting);
        }
        self.input(now, Input::Close);
        closed
    }
}
