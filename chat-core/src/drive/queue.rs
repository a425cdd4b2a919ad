//! What waits for one connection to take it, bounded by class.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::vec;

use futures::channel::mpsc;
use futures::stream::StreamExt;
use futures::task::AtomicWaker;

use super::budget::{Budget, Charge};
use super::signs::Signs;
use crate::engine::Class;
use crate::frame::Frame;
use crate::limits::OutboundLimits;
use crate::protocol::CloseCode;
use crate::time::Monotonic;

/// What leaves a queue.
pub(super) enum Outgoing {
    /// All but the last.
    Entry(Entry),
    /// The last.
    Close(CloseCode),
}

/// What goes to the transport at once.
pub(super) struct Entry {
    pub(super) class: Class,
    pub(super) frame: Frame,
    /// The frame's bytes among those that wait on all connections.
    pub(super) charge: Arc<Charge>,
    /// How many replies or events it carries.
    pub(super) count: usize,
    /// When the engine gave them.
    pub(super) since: Monotonic,
}

/// Bytes of an entry's place in its queue, which each connection has for itself, while the frame is shared.
const PLACE: usize = size_of::<Outgoing>();

/// What both ends of a queue look at.
struct Shared {
    limits: OutboundLimits,
    /// The engine has asked not to read.
    paused: AtomicBool,
    /// The queue is given up: whoever holds its end must stop, whatever is in it.
    cut: AtomicBool,
    /// Requests that were handed to the engine and are not answered.
    asked: AtomicUsize,
    /// Most of them.
    most_asked: usize,
    live: AtomicUsize,
    live_bytes: AtomicUsize,
    reply_bytes: AtomicUsize,
    /// As many bytes of replies wait, or did until the [`Head`] says otherwise, as may.
    backlog: AtomicBool,
    /// Entries, each of which takes a [`PLACE`].
    entries: AtomicUsize,
    /// Bytes that waited when the queue was given up, until it is empty.
    leaving: AtomicUsize,
    /// Bytes that wait on all connections.
    budget: Arc<Budget>,
    /// Of the task that empties the queue.
    task: AtomicWaker,
    signs: Signs,
}

/// The end that the engine's frames are put into.
pub(super) struct Tail {
    /// What was pushed and not sent.
    pushed: Vec<Outgoing>,
    /// The live events of these: counted when they are sent.
    live: Counts,
    frames: mpsc::UnboundedSender<Vec<Outgoing>>,
    shared: Arc<Shared>,
}

/// The end that the connection takes them out of.
pub(super) struct Head {
    frames: mpsc::UnboundedReceiver<Vec<Outgoing>>,
    shared: Arc<Shared>,
    /// What was received and is not taken out.
    received: vec::IntoIter<Outgoing>,
    /// What was taken out last, until the transport has [taken](Head::taken) it.
    handed: Counts,
    handed_charge: Option<Arc<Charge>>,
    /// What was taken out before it, which still counts.
    done: Counts,
}

/// What is counted together, for two threads write to each count.
#[derive(Clone, Copy, Default)]
struct Counts {
    entries: usize,
    live: usize,
    live_bytes: usize,
    reply_bytes: usize,
}

/// What became of an entry that was put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// It waits to be sent, as the first.
    First,
    /// It waits to be sent behind others.
    Behind,
    /// It was sent with what was before it. Half the room for live events is used: the reader must have its turn before
    /// there is more, or one who keeps up would be cut for what came in a single turn of the engine.
    Sent,
}

/// Why a frame was not put in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is worth nothing later, and there is little room.
    Shed,
    /// The queue has more in it than its reader may leave waiting.
    TooSlow,
}

/// A queue for one connection.
///
/// The channel in it knows no bound: [`Tail::push`] keeps the bounds by class, which a channel can't.
pub(super) fn queue(limits: OutboundLimits, most_asked: usize, budget: Arc<Budget>) -> (Tail, Head) {
    let (sender, receiver) = mpsc::unbounded();
    let shared = Arc::new(Shared {
        limits,
        paused: AtomicBool::new(false),
        cut: AtomicBool::new(false),
        asked: AtomicUsize::new(0),
        most_asked: most_asked.max(1),
        live: AtomicUsize::new(0),
        live_bytes: AtomicUsize::new(0),
        reply_bytes: AtomicUsize::new(0),
        backlog: AtomicBool::new(false),
        entries: AtomicUsize::new(0),
        leaving: AtomicUsize::new(0),
        budget,
        task: AtomicWaker::new(),
        signs: Signs::default(),
    });
    let (frames, live) = (sender, Counts::default());
    let tail = Tail { pushed: Vec::new(), live, frames, shared: shared.clone() };
    let head = Head {
        frames: receiver,
        shared,
        received: Vec::new().into_iter(),
        handed: Counts::default(),
        handed_charge: None,
        done: Counts::default(),
    };
    (tail, head)
}

impl Tail {
    /// Puts an entry behind what is there, to be [sent](Self::send) with what else is pushed.
    ///
    /// Replies are always taken: while too many wait, the connection is not read, so that no more come. Typing is
    /// shed once a quarter of the room for live events is used, so that there is room for messages.
    ///
    /// # Errors
    ///
    /// [`Refused::TooSlow`] if a message would be one too many: it is never dropped silently.
    pub(super) fn push(&mut self, entry: Entry) -> Result<Pushed, Refused> {
        let (count, bytes) = (entry.count, entry.frame.bytes());
        let shared = &self.shared;
        let live = shared.live.load(Ordering::Relaxed) + self.live.live;
        let live_bytes = shared.live_bytes.load(Ordering::Relaxed) + self.live.live_bytes;
        let (most, most_bytes) = (shared.limits.live_events, shared.limits.live_bytes);
        let mut is_half = false;
        match entry.class {
            Class::Reply => shared.count_reply(bytes),
            Class::Typing if live >= most / 4 || live_bytes >= most_bytes / 4 => {
                return Err(Refused::Shed);
            }
            // A single event may be longer than the room: it must not break a connection that keeps up.
            _ if live + count > most || (live + count > 1 && live_bytes + bytes > most_bytes) => {
                return Err(Refused::TooSlow);
            }
            _ => {
                self.live.add(Counts::of(&entry));
                is_half = live + count >= most / 2 || live_bytes + bytes >= most_bytes / 2;
            }
        }
        self.pushed.push(Outgoing::Entry(entry));
        if is_half {
            self.send();
            return Ok(Pushed::Sent);
        }
        Ok(if self.pushed.len() == 1 { Pushed::First } else { Pushed::Behind })
    }

    /// Sends what was pushed: so the connection's task wakes once, and writes it all at once.
    pub(super) fn send(&mut self) {
        if !self.pushed.is_empty() {
            self.shared.count_live(&mem::take(&mut self.live));
            // A reader that is gone is reported by its session.
            let _gone = self.frames.unbounded_send(mem::take(&mut self.pushed));
        }
    }

    /// Ends the queue behind what is there.
    pub(super) fn close(&mut self, code: CloseCode) {
        self.pushed.push(Outgoing::Close(code));
        self.send();
    }

    /// Gives the queue up with all that is in it.
    pub(super) fn cut(&self) {
        let bytes = self.bytes() + self.shared.entries.load(Ordering::Relaxed) * PLACE;
        self.shared.budget.leaves(bytes);
        self.shared.leaving.fetch_add(bytes, Ordering::Relaxed);
        self.shared.cut.store(true, Ordering::Release);
        self.shared.task.wake();
    }

    /// Bytes that were sent and wait here.
    pub(super) fn bytes(&self) -> usize {
        self.shared.live_bytes.load(Ordering::Relaxed) + self.shared.reply_bytes.load(Ordering::Relaxed)
    }

    /// Whether replies wait that are to be written before there are more.
    pub(super) fn has_backlog(&self) -> bool {
        self.shared.backlog.load(Ordering::Acquire)
    }

    /// The last sign of life that the transport noted.
    pub(super) fn last_sign(&self) -> Monotonic {
        self.shared.signs.last()
    }

    /// Whether the connection may be read, as far as the engine is concerned.
    pub(super) fn set_paused(&self, paused: bool) {
        self.shared.paused.store(paused, Ordering::Release);
        if !paused {
            self.shared.task.wake();
        }
    }
}

impl Head {
    /// Takes the next one out, for a transport that is ready for it. It counts on until the transport has
    /// [taken](Self::taken) it.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outgoing>> {
        self.done.add(mem::take(&mut self.handed));
        loop {
            if let Some(next) = self.received.next() {
                if let Outgoing::Entry(entry) = &next {
                    self.handed = Counts::of(entry);
                    self.handed_charge = Some(entry.charge.clone());
                }
                return Poll::Ready(Some(next));
            }
            self.settle();
            match ready!(self.frames.poll_next_unpin(cx)) {
                Some(received) => self.received = received.into_iter(),
                None => return Poll::Ready(None),
            }
        }
    }

    /// The transport is flushed: it has all that was taken out.
    pub(super) fn taken(&mut self) {
        self.done.add(mem::take(&mut self.handed));
        self.handed_charge = None;
        self.settle();
    }

    /// Drops all that is in a queue that was given up.
    pub(super) fn clear(&mut self) {
        self.received = Vec::new().into_iter();
        self.frames.close();
        while self.frames.try_recv().is_ok() {}
        self.handed_charge = None;
        self.shared.forget_all();
    }

    /// Counts no more what the transport has: all that was taken out but the last of it.
    pub(super) fn settle(&mut self) {
        self.shared.uncount(&mem::take(&mut self.done));
    }

    /// From now on this task is woken when the queue is given up or the pace changes.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.shared.task.register(cx.waker());
    }

    /// Whether the queue was given up.
    pub(super) fn is_cut(&self) -> bool {
        self.shared.cut.load(Ordering::Acquire)
    }

    /// Whether there was a backlog, and it is written.
    pub(super) fn is_relieved(&self) -> bool {
        self.shared.backlog.load(Ordering::Acquire)
            && self.shared.reply_bytes.load(Ordering::Relaxed) < self.shared.limits.reply_bytes
    }

    /// The engine is told that there is no backlog any more.
    pub(super) fn forget_backlog(&self) {
        self.shared.backlog.store(false, Ordering::Release);
    }

    /// A request is handed to the engine, which owes one reply from now on.
    pub(super) fn count_request(&self) {
        self.shared.asked.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the engine owes a reply.
    pub(super) fn has_asked(&self) -> bool {
        self.shared.asked.load(Ordering::Relaxed) > 0
    }

    /// Where signs of life are noted.
    pub(super) fn signs(&self) -> Signs {
        self.shared.signs.clone()
    }

    /// Whether the connection may be read.
    ///
    /// Not while too many of its requests are under way, wherever they are, nor while its replies pile up; nor while half
    /// the room for live events is used, so that the events that its own requests lead to can't break it.
    pub(super) fn may_read(&self) -> bool {
        let shared = &self.shared;
        !shared.paused.load(Ordering::Acquire)
            && shared.asked.load(Ordering::Relaxed) < shared.most_asked
            && shared.reply_bytes.load(Ordering::Relaxed) < shared.limits.reply_bytes
            && shared.live.load(Ordering::Relaxed) < shared.limits.live_events / 2
            && shared.live_bytes.load(Ordering::Relaxed) < shared.limits.live_bytes / 2
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.shared.forget_all();
    }
}

impl Drop for Shared {
    /// What was pushed after the reader had gone counts no more either.
    fn drop(&mut self) {
        self.forget_all();
    }
}

impl Shared {
    /// Counts a reply, before it is there to be taken: whoever takes it sees that there is a backlog.
    fn count_reply(&self, bytes: usize) {
        take(&self.asked, 1);
        self.count_places(1);
        if self.reply_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= self.limits.reply_bytes {
            self.backlog.store(true, Ordering::Release);
        }
    }

    fn count_live(&self, counts: &Counts) {
        if counts.live > 0 {
            self.count_places(counts.entries);
            self.live_bytes.fetch_add(counts.live_bytes, Ordering::Relaxed);
            self.live.fetch_add(counts.live, Ordering::Relaxed);
        }
    }

    fn count_places(&self, entries: usize) {
        self.entries.fetch_add(entries, Ordering::Relaxed);
        self.budget.add(entries * PLACE);
    }

    fn uncount(&self, done: &Counts) {
        take(&self.live_bytes, done.live_bytes);
        take(&self.reply_bytes, done.reply_bytes);
        take(&self.live, done.live);
        self.budget.remove(take(&self.entries, done.entries) * PLACE);
    }

    fn forget_all(&self) {
        take(&self.live_bytes, usize::MAX);
        take(&self.reply_bytes, usize::MAX);
        self.budget.remove(take(&self.entries, usize::MAX) * PLACE);
        self.budget.has_left(take(&self.leaving, usize::MAX));
    }
}

impl Counts {
    fn of(entry: &Entry) -> Self {
        match entry.class {
            Class::Reply => Self { entries: 1, reply_bytes: entry.frame.bytes(), ..Self::default() },
            _ => Self { entries: 1, live: entry.count, live_bytes: entry.frame.bytes(), ..Self::default() },
        }
    }

    fn add(&mut self, others: Self) {
        self.entries += others.entries;
        self.live += others.live;
        self.live_bytes += others.live_bytes;
        self.reply_bytes += others.reply_bytes;
    }
}

/// Takes up to `amount` out of a count, and says how much it was.
pub(super) fn take(count: &AtomicUsize, amount: usize) -> usize {
    if amount == 0 {
        return 0;
    }
    let before = count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count.saturating_sub(amount)))
        .unwrap_or_default();
    before.min(amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Monotonic = Monotonic(std::time::Duration::ZERO);

    fn limits() -> OutboundLimits {
        OutboundLimits { reply_bytes: 10, live_events: 8, live_bytes: 100, total_bytes: 1_000 }
    }

    fn entry(class: Class, bytes: usize) -> Entry {
        let charge = Arc::<Budget>::default().charge(bytes);
        Entry { class, frame: Frame::Text(vec![b'x'; bytes].into()), charge, count: 1, since: NOW }
    }

    /// Several messages as one.
    fn framed(count: usize, bytes: usize) -> Entry {
        Entry { count, frame: Frame::Framed(vec![b'x'; bytes].into()), ..entry(Class::Message, 0) }
    }

    #[test]
    fn typing_is_shed_first_and_messages_never_silently() {
        let (mut tail, head) = queue(limits(), 64, Arc::default());
        for number in 0..8 {
            let pushed = [Pushed::First, Pushed::Behind, Pushed::Behind].into_iter().nth(number);
            assert_eq!(tail.push(entry(Class::Message, 1)), Ok(pushed.unwrap_or(Pushed::Sent)));
        }
        assert_eq!(tail.push(entry(Class::Typing, 1)), Err(Refused::Shed));
        tail.send();
        assert_eq!(tail.bytes(), 8);
        assert_eq!(tail.push(entry(Class::Typing, 1)), Err(Refused::Shed));
        assert_eq!(tail.push(entry(Class::Reply, 50)), Ok(Pushed::First), "replies are always taken");
        assert_eq!(tail.push(entry(Class::Message, 1)), Err(Refused::TooSlow));
        assert!(!head.may_read());
    }

    #[test]
    fn one_long_event_fits_and_two_do_not() {
        let (mut tail, _head) = queue(limits(), 64, Arc::default());
        assert_eq!(tail.push(entry(Class::Message, 500)), Ok(Pushed::Sent));
        assert_eq!(tail.push(entry(Class::Message, 500)), Err(Refused::TooSlow));
    }

    #[test]
    fn several_as_one_count_as_several() {
        let (mut tail, mut head) = queue(limits(), 64, Arc::default());
        assert_eq!(tail.push(framed(9, 9)), Err(Refused::TooSlow), "more than there may be");
        assert_eq!(tail.push(framed(2, 101)), Err(Refused::TooSlow), "longer than they may be");
        assert_eq!(tail.push(framed(8, 100)), Ok(Pushed::Sent));
        assert_eq!(tail.push(entry(Class::Message, 0)), Err(Refused::TooSlow));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(head.poll_next(&mut cx).is_ready());
        assert_eq!(tail.push(entry(Class::Message, 0)), Err(Refused::TooSlow), "until the transport has it");
        head.taken();
        assert_eq!((tail.bytes(), tail.push(framed(8, 100))), (0, Ok(Pushed::Sent)));
    }

    #[test]
    fn half_the_room_is_sent_before_there_is_more() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for (first, more) in [(framed(3, 1), framed(1, 1)), (framed(1, 49), framed(1, 1))] {
            let (mut tail, mut head) = queue(limits(), 64, Arc::default());
            assert_eq!(tail.push(first), Ok(Pushed::First));
            assert!(head.poll_next(&mut cx).is_pending());
            assert_eq!(tail.push(more), Ok(Pushed::Sent));
            assert_eq!(tail.push(entry(Class::Message, 1)), Ok(Pushed::Sent), "until it is read");
            (0..3).for_each(|_| assert!(head.poll_next(&mut cx).is_ready()));
            head.taken();
            assert_eq!(tail.push(entry(Class::Message, 1)), Ok(Pushed::First));
        }
    }

    #[test]
    fn bytes_are_counted_in_and_out() {
        let budget = Arc::<Budget>::default();
        let (mut tail, mut head) = queue(limits(), 64, budget.clone());
        let put = |tail: &mut Tail, class, bytes| {
            let charge = budget.charge(bytes);
            tail.push(Entry { charge, ..entry(class, bytes) }).unwrap();
        };
        put(&mut tail, Class::Reply, 20);
        put(&mut tail, Class::Message, 30);
        assert!(!head.may_read());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(head.poll_next(&mut cx).is_pending(), "pushed only");
        assert_eq!(budget.waiting(), 50 + PLACE, "the frames, and the place of the reply");
        tail.send();
        assert_eq!(budget.waiting(), 50 + 2 * PLACE);
        assert!(head.poll_next(&mut cx).is_ready());
        assert!(!head.may_read(), "a long reply counts until the transport has taken it");
        assert_eq!(budget.waiting(), 50 + 2 * PLACE);
        head.taken();
        assert!(head.may_read());
        assert_eq!(budget.waiting(), 30 + PLACE);
        tail.cut();
        assert_eq!((head.is_cut(), budget.exceeds(0)), (true, false), "it will soon be free");
        head.clear();
        assert_eq!((budget.waiting(), budget.exceeds(0)), (0, false));
    }

    #[test]
    fn a_frame_counts_once_until_nobody_waits_for_it() {
        let budget = Arc::<Budget>::default();
        let charge = budget.charge(30);
        let mut queues = [(); 3].map(|()| queue(limits(), 64, budget.clone()));
        for (tail, _) in &mut queues {
            tail.push(Entry { charge: charge.clone(), ..entry(Class::Message, 30) }).unwrap();
            tail.send();
        }
        drop(charge);
        assert_eq!(budget.waiting(), 30 + 3 * PLACE);
        let [(first, mut head), (second, gone), rest] = queues;
        first.cut();
        second.cut();
        assert!(!budget.exceeds(PLACE), "two queues may free it");
        head.clear();
        drop((gone, second));
        assert_eq!(budget.waiting(), 30 + PLACE);
        assert!(budget.exceeds(30 + PLACE - 1), "and one still waits");
        drop(rest);
        assert_eq!(budget.waiting(), 0);
    }
}
