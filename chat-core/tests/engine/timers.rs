//! Wake-ups: the engine asks for one if something is pending, and never without a cause.

use std::time::Duration;

use chat_core::drive::Frame;
use chat_core::engine::{Claims, ConnectionId, Engine, Input, Output};
use chat_core::store::MemoryState;
use chat_core::testing::world::START as START_TIME;
use chat_core::time::{Monotonic, Now};
use core_test_support::*;

/// An engine over a store, and its requested wake-up.
struct Alarm {
    engine: Engine,
    store: MemoryState,
    now: Now,
    wake_at: Option<Duration>,
}

impl Alarm {
    fn new() -> Self {
        let now = Now { monotonic: Monotonic::default(), wall: START_TIME };
        Self { engine: Engine::new(unhurried(), [7; 32]), store: MemoryState::new("e"), now, wake_at: None }
    }

    fn connect(&mut self, conn: u64, token: u64) {
        let claims = Claims { user: driver(), expires_at: self.now.wall.plus(secs(token)), issued_at: None };
        self.input(Input::Connected { conn: ConnectionId(conn), claims });
    }

    fn input(&mut self, input: Input) {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.engine.handle(self.now, input);
            while let Some(output) = self.engine.poll() {
                match output {
                    Output::Load { ticket, query } => {
                        inputs.push(Input::Loaded { ticket, result: Ok(self.store.answer(query)) });
                    }
                    Output::Commit { ticket, changes, .. } => {
                        inputs.push(Input::Committed { ticket, result: Ok(self.store.judge(changes)) });
                    }
                    Output::Verify { ticket, .. } => {
                        let claims = Claims {
                            user: driver(),
                            expires_at: self.now.wall.plus(secs(7_200)),
                            issued_at: None,
                        };
                        inputs.push(Input::Verified { ticket, result: Ok(claims) });
                    }
                    Output::WakeAt(at) => self.wake_at = at.map(|at| at.0),
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn a_connection_that_is_gone_needs_no_waking() {
    let mut alarm = Alarm::new();
    alarm.connect(1, 600);
    alarm.connect(2, 3_600);
    assert_eq!(alarm.wake_at, Some(secs(630)));
    alarm.input(Input::Closed { conn: ConnectionId(1) });
    assert_eq!(alarm.wake_at, Some(secs(3_630)));
    alarm.input(Input::Closed { conn: ConnectionId(2) });
    assert_eq!(alarm.wake_at, None, "nothing of them is kept");
}

#[test]
fn a_prolonged_session_is_woken_for_at_its_new_end_alone() {
    let mut alarm = Alarm::new();
    alarm.connect(1, 600);
    let refresh = r#"{"type": "refresh_token", "data": {"token": "new"}}"#;
    alarm.input(Input::Frame { conn: ConnectionId(1), frame: Frame::Text(refresh.into()) });
    assert_eq!(alarm.wake_at, Some(secs(7_230)));
    alarm.input(Input::Closed { conn: ConnectionId(1) });
    assert_eq!(alarm.wake_at, None);
}
