//! The cost of a message in the core, step by step.
//!
//! `cargo bench -p chat-core` runs all steps; a filter (`-- route`) selects some.
#![expect(
    clippy::disallowed_types,
    reason = "the macro of a benchmark with arguments keeps them in a LazyLock"
)]

use std::cell::RefCell;
use std::convert::Infallible;

use chat_core::drive::{Drive, Frame, NoRefresh, join};
use chat_core::engine::{Engine, Settings};
use chat_core::id::{MessageId, NONCE_BYTES, Nonce};
use chat_core::limits::{FieldLimits, Limits, RateSetting};
use chat_core::protocol::{Message, MessageType, NewMessage, Request, Role, User, encode};
use chat_core::store::MemoryStore;
use chat_core::testing::StoppedClock;
use chat_core::time::Timestamp;
use core_test_support::bare::{self, Bare};
use divan::{Bencher, black_box};
use futures::channel::mpsc::{self, UnboundedSender};
use futures::executor::LocalPool;
use futures::future::LocalBoxFuture;
use futures::task::LocalSpawnExt as _;
use futures::{FutureExt as _, StreamExt as _, sink, stream};

/// Connections that hear a message.
const FAN_OUTS: [u64; 3] = [1, 10, 100];

fn main() {
    divan::main();
}

/// Decodes a frame into a request.
#[divan::bench]
fn decode(bencher: Bencher) {
    let frame = Bare::new(1).request();
    let limits = FieldLimits::default();
    bencher.bench_local(|| Request::decode(black_box(&frame), &limits));
}

/// Turns a frame into a change: decoded, permitted, decided.
#[divan::bench(sample_size = 1)]
fn decide(bencher: Bencher) {
    let bare = RefCell::new(Bare::new(10));
    let next = || {
        let mut bare = bare.borrow_mut();
        bare.judge();
        bare.route();
        bare.request()
    };
    bencher.with_inputs(next).bench_local_values(|request| bare.borrow_mut().decide(request));
}

/// Turns a committed change into a reply, and an event for this many connections.
#[divan::bench(sample_size = 1, args = FAN_OUTS)]
fn route(bencher: Bencher, fan_out: u64) {
    let bare = RefCell::new(Bare::new(fan_out));
    let next = || {
        let mut bare = bare.borrow_mut();
        let request = bare.request();
        bare.decide(request);
        bare.judge();
    };
    bencher.with_inputs(next).bench_local_values(|()| bare.borrow_mut().route());
}

/// Encodes an event into a frame.
#[divan::bench]
fn encode_event(bencher: Bencher) {
    let event = NewMessage::from(Message {
        id: MessageId::compose(Nonce([7; NONCE_BYTES]), 1_234),
        conversation_id: "conv_0123456789abcdef".into(),
        sender_id: "driver".into(),
        content: "The bridge is closed, take the ring road until further notice.".into(),
        message_type: MessageType::Text,
        sent_at: Timestamp::from_millis(1_705_314_600_000),
        seq: Some(1_234),
        erased: false,
        work: None,
        emergency: None,
        order: None,
        answer: None,
    });
    bencher.bench_local(|| encode(black_box(&event)));
}

/// Sends a frame the whole way through the drive, to this many connections that take everything at
/// once.
#[divan::bench(sample_size = 1, args = FAN_OUTS)]
fn deliver(bencher: Bencher, fan_out: u64) {
    // The same seed makes the same ids, so a request made for this engine also fits the drive's.
    let mut bare = Bare::new(1);
    let (mut pool, driver) = stage(fan_out);
    let mut say = |request| {
        driver.unbounded_send(Frame::Text(request)).expect("the driver's session runs");
        pool.run_until_stalled();
    };
    say(bare::CREATION.into());
    bencher.with_inputs(|| bare.request()).bench_local_values(say);
}

/// A drive in one thread, and the frames of its driver.
fn stage(fan_out: u64) -> (LocalPool, UnboundedSender<Frame>) {
    let limits = Limits { rates: RateSetting::Lifted, ..Limits::default() };
    let engine = Engine::new(Settings { limits, ..Settings::default() }, bare::SEED);
    let drive = Drive::new(engine, MemoryStore::new("epoch"), NoRefresh, StoppedClock::default());
    let (handle, service) = drive.start();
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();
    let spawn = |future: LocalBoxFuture<'static, ()>| spawner.spawn_local(future).expect("the pool runs");
    spawn(service.map(drop).boxed_local());
    for control in 1..fan_out {
        let user = User::new(&*format!("control_{control}"), Role::ControlStaff);
        let session = pool.run_until(handle.open(bare::claims(user))).expect("the drive runs");
        let transport = join(stream::pending::<Result<Frame, Infallible>>(), sink::drain());
        spawn(session.run(transport).map(drop).boxed_local());
    }
    let claims = bare::claims(User::new("driver", Role::BusDriver));
    let session = pool.run_until(handle.open(claims)).expect("the drive runs");
    let (driver, requests) = mpsc::unbounded();
    let transport = join(requests.map(Ok::<_, Infallible>), sink::drain());
    spawn(session.run(transport).map(drop).boxed_local());
    (pool, driver)
}
