//! Tests of the queue: its bounds, and the bytes that it counts.

use std::sync::Arc;
use std::task::Context;

use super::*;
use crate::frame::Frame;

const NOW: Monotonic = Monotonic(std::time::Duration::ZERO);

fn limits() -> OutboundLimits {
    OutboundLimits { reply_bytes: 10, live_events: 8, live_bytes: 100, total_bytes: 1_000 }
}

fn outbound(class: Class, bytes: usize) -> Outbound {
    let reservation = Arc::<Budget>::default().reserve(bytes);
    Outbound { class, frame: Frame::Text(vec![b'x'; bytes].into()), reservation, count: 1, since: NOW }
}

/// Several messages as one.
fn framed(count: usize, bytes: usize) -> Outbound {
    Outbound { count, frame: Frame::Framed(vec![b'x'; bytes].into()), ..outbound(Class::Message, 0) }
}

#[test]
fn typing_is_shed_first_and_messages_never_silently() {
    let (mut sender, receiver) = queue(limits(), 64, Arc::default());
    for number in 0..8 {
        let pushed = [Pushed::First, Pushed::Behind, Pushed::Behind].into_iter().nth(number);
        assert_eq!(sender.push(outbound(Class::Message, 1)), Ok(pushed.unwrap_or(Pushed::Sent)));
    }
    assert_eq!(sender.push(outbound(Class::Typing, 1)), Err(PushError::Shed));
    sender.send();
    assert_eq!(sender.bytes(), 8);
    assert_eq!(sender.push(outbound(Class::Typing, 1)), Err(PushError::Shed));
    assert_eq!(sender.push(outbound(Class::Reply, 50)), Ok(Pushed::First), "replies are always taken");
    assert_eq!(sender.push(outbound(Class::Message, 1)), Err(PushError::TooSlow));
    assert!(!receiver.may_read());
}

#[test]
fn one_long_event_fits_and_two_do_not() {
    let (mut sender, _receiver) = queue(limits(), 64, Arc::default());
    assert_eq!(sender.push(outbound(Class::Message, 500)), Ok(Pushed::Sent));
    assert_eq!(sender.push(outbound(Class::Message, 500)), Err(PushError::TooSlow));
}

#[test]
fn several_as_one_count_as_several() {
    let (mut sender, mut receiver) = queue(limits(), 64, Arc::default());
    assert_eq!(sender.push(framed(9, 9)), Err(PushError::TooSlow), "more than there may be");
    assert_eq!(sender.push(framed(2, 101)), Err(PushError::TooSlow), "longer than they may be");
    assert_eq!(sender.push(framed(8, 100)), Ok(Pushed::Sent));
    assert_eq!(sender.push(outbound(Class::Message, 0)), Err(PushError::TooSlow));
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(receiver.poll_next(&mut cx).is_ready());
    assert_eq!(
        sender.push(outbound(Class::Message, 0)),
        Err(PushError::TooSlow),
        "until the transport has it"
    );
    receiver.flushed();
    assert_eq!((sender.bytes(), sender.push(framed(8, 100))), (0, Ok(Pushed::Sent)));
}

#[test]
fn half_the_room_is_sent_before_there_is_more() {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    for (first, more) in [(framed(3, 1), framed(1, 1)), (framed(1, 49), framed(1, 1))] {
        let (mut sender, mut receiver) = queue(limits(), 64, Arc::default());
        assert_eq!(sender.push(first), Ok(Pushed::First));
        assert!(receiver.poll_next(&mut cx).is_pending());
        assert_eq!(sender.push(more), Ok(Pushed::Sent));
        assert_eq!(sender.push(outbound(Class::Message, 1)), Ok(Pushed::Sent), "until it is read");
        (0..3).for_each(|_| assert!(receiver.poll_next(&mut cx).is_ready()));
        receiver.flushed();
        assert_eq!(sender.push(outbound(Class::Message, 1)), Ok(Pushed::First));
    }
}

#[test]
fn bytes_are_counted_in_and_out() {
    let budget = Arc::<Budget>::default();
    let (mut sender, mut receiver) = queue(limits(), 64, budget.clone());
    let put = |sender: &mut QueueSender, class, bytes| {
        let reservation = budget.reserve(bytes);
        sender.push(Outbound { reservation, ..outbound(class, bytes) }).unwrap();
    };
    put(&mut sender, Class::Reply, 20);
    put(&mut sender, Class::Message, 30);
    assert!(!receiver.may_read());
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(receiver.poll_next(&mut cx).is_pending(), "pushed only");
    assert_eq!(budget.waiting(), 50 + PLACE, "the frames, and the place of the reply");
    sender.send();
    assert_eq!(budget.waiting(), 50 + 2 * PLACE);
    assert!(receiver.poll_next(&mut cx).is_ready());
    assert!(!receiver.may_read(), "a long reply counts until the transport has taken it");
    assert_eq!(budget.waiting(), 50 + 2 * PLACE);
    receiver.flushed();
    assert!(receiver.may_read());
    assert_eq!(budget.waiting(), 30 + PLACE);
    sender.abandon();
    assert_eq!((receiver.is_abandoned(), budget.exceeds(0)), (true, false), "it will soon be free");
    receiver.clear();
    assert_eq!((budget.waiting(), budget.exceeds(0)), (0, false));
}

#[test]
fn a_frame_counts_once_until_nobody_waits_for_it() {
    let budget = Arc::<Budget>::default();
    let reservation = budget.reserve(30);
    let mut queues = [(); 3].map(|()| queue(limits(), 64, budget.clone()));
    for (sender, _) in &mut queues {
        sender.push(Outbound { reservation: reservation.clone(), ..outbound(Class::Message, 30) }).unwrap();
        sender.send();
    }
    drop(reservation);
    assert_eq!(budget.waiting(), 30 + 3 * PLACE);
    let [(first, mut receiver), (second, gone), rest] = queues;
    first.abandon();
    second.abandon();
    assert!(!budget.exceeds(PLACE), "two queues may free it");
    receiver.clear();
    drop((gone, second));
    assert_eq!(budget.waiting(), 30 + PLACE);
    assert!(budget.exceeds(30 + PLACE - 1), "and one still waits");
    drop(rest);
    assert_eq!(budget.waiting(), 0);
}
