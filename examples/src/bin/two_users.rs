//! Two users talk in one process: no socket, no runtime, and every frame printed.
//!
//! ```sh
//! cargo run -p examples --bin two_users
//! ```
//!
//! The clock stands still and the seed is fixed: each run prints the same. A real service takes a
//! running clock and a fresh seed, as `lines_over_tcp` does. The script is in
//! `examples/src/script.rs`.

use std::time::Duration;

use chat_core::drive::{Drive, Frame, Handle, NoRefresh, join};
use chat_core::engine::{Claims, Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use chat_core::testing::StoppedClock;
use chat_core::time::Timestamp;
use examples::{Error, Peer, play};
use futures::channel::mpsc::{self, SendError};
use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;
use futures::{FutureExt, Sink, Stream, StreamExt};

/// The time of this conversation, 2024-01-15T10:30:00Z, since 1970.
const MORNING: Duration = Duration::from_mins(28_421_910);

fn main() -> Result<(), Error> {
    let mut pool = LocalPool::new();
    let spawner = pool.spawner();

    let clock = StoppedClock::default();
    clock.advance(MORNING);
    let engine = Engine::new(Settings::default(), [7; 32]);
    let (chat, service) = Drive::new(engine, MemoryStore::new("epoch"), NoRefresh, clock).start();
    spawner.spawn_local(service.map(drop))?;

    pool.run_until(async {
        let mut driver = connect(&chat, &spawner, "driver_1", Role::BusDriver).await?;
        let mut control = connect(&chat, &spawner, "control_1", Role::ControlStaff).await?;
        play(&mut driver, &mut control).await?;
        chat.drain().await;
        driver.hear_end().await?;
        control.hear_end().await
    })
}

/// Opens a connection over a pair of channels, and returns its far end.
async fn connect(
    chat: &Handle,
    spawner: &LocalSpawner,
    id: &'static str,
    role: Role,
) -> Result<Peer<impl Stream<Item = Result<Frame, SendError>> + Sink<Frame, Error = SendError>>, Error> {
    let (to_chat, from_user) = mpsc::channel(8);
    let (to_user, from_chat) = mpsc::channel(8);
    let session = chat
        .open(Claims {
            user: User::new(id, role),
            expires_at: Timestamp::from_millis(i64::MAX),
            issued_at: Some(Timestamp::default().plus(MORNING)),
        })
        .await?;
    spawner.spawn_local(session.run(join(from_user.map(Ok), to_user)).map(drop))?;
    Ok(Peer::new(id, join(from_chat.map(Ok), to_chat)))
}
