//! Two engines over one store: each hears of the changes of the other.

mod answers;
mod epoch;
mod listeners;
mod typing;

use std::mem::swap;

use chat_core::engine::ConnectionId;
use chat_core::store::MemoryState;
use chat_core::testing::World;
use core_test_support::{create, driver, staff, unhurried};
use serde_json::{Value, json};

/// The engine under test, and another one over the same store.
struct Two {
    here: World,
    there: World,
}

impl Two {
    fn new() -> Self {
        Self::over(MemoryState::new("epoch_1"))
    }

    fn over(store: MemoryState) -> Self {
        let here = World::over(store.shared(), unhurried());
        let there = World::seeded(here.store.clone(), unhurried(), [8; 32]);
        Self { here, there }
    }

    /// Has the other engine hear everything, and then do something.
    fn there<T>(&mut self, act: impl FnOnce(&mut World) -> T) -> T {
        swap(&mut self.here.store, &mut self.there.store);
        self.there.hear();
        let done = act(&mut self.there);
        swap(&mut self.here.store, &mut self.there.store);
        done
    }
}

/// A driver connected to both, and control here, in a conversation that this engine knows.
struct Shared {
    two: Two,
    staff: ConnectionId,
    driver: ConnectionId,
    driver_there: ConnectionId,
    conversation: String,
}

impl Shared {
    fn new() -> Self {
        let mut two = Two::new();
        let (staff, own) = (two.here.connect(&staff()), two.here.connect(&driver()));
        let conversation = create(&mut two.here, own);
        let driver_there = two.there(|world| world.connect(&driver()));
        two.here.hear();
        [staff, own].into_iter().for_each(|conn| drop(two.here.take(conn)));
        two.here.published.clear();
        Self { two, staff, driver: own, driver_there, conversation }
    }

    fn message(&self, content: &str) -> Value {
        json!({"conversation_id": self.conversation, "content": content})
    }

    /// Has the driver say something at the other engine.
    fn say_there(&mut self, content: &str) {
        let (conn, data) = (self.driver_there, self.message(content));
        let heard = self.two.there(|world| world.ask(conn, "send_chat_message", data));
        assert_eq!(heard[0]["success"], true);
    }

    /// Has a connection here say something, without waiting for the reply.
    fn say(&mut self, conn: ConnectionId, content: &str) {
        let data = self.message(content);
        self.two.here.request(conn, "send_chat_message", data);
    }
}

/// The contents of the messages in live events.
fn live(frames: &[Value]) -> Vec<&str> {
    let messages = frames.iter().filter(|frame| frame["type"] == "new_message");
    messages.filter_map(|frame| frame["message"]["content"].as_str()).collect()
}
