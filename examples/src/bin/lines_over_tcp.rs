//! The chat as JSON lines over TCP: any stream and sink of frames is a transport.
//!
//! ```sh
//! # Two users talk, then the program ends:
//! cargo run -p examples --bin lines_over_tcp
//! # A server until Ctrl-C. Try `nc 127.0.0.1 4000`:
//! cargo run -p examples --bin lines_over_tcp 127.0.0.1:4000
//! ```
//!
//! The first line names the user, as in `driver_1 BUS_DRIVER`. Each further line is a frame of the
//! protocol. **The first line is a toy**: the server believes it. A real service checks a token or
//! a certificate here.

use chat_core::drive::{Drive, Frame, Handle, NoRefresh};
use chat_core::engine::{Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use examples::{Error, PatientListener, PatientStream, TokioClock, claims, epoch, lines, seed};
use futures::{StreamExt, TryFutureExt};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let (listener, here) = PatientListener::bind(address.as_deref()).await?;
    println!("listening on {here}");
    let (engine, store) = (Engine::new(Settings::default(), seed()?), MemoryStore::new(epoch()?));
    let (chat, service) = Drive::new(engine, store, NoRefresh, TokioClock::start()).start();
    let (service, sessions) = (tokio::spawn(service), TaskTracker::new());
    let accepting = tokio::spawn(accept(listener, chat.clone(), sessions.clone()));
    if address.is_some() {
        tokio::signal::ctrl_c().await?;
    } else {
        let driver = (TcpStream::connect(here).await?, "driver_1 BUS_DRIVER");
        let control = (TcpStream::connect(here).await?, "control_1 CONTROL_STAFF");
        lines::demo([driver, control], &chat).await?;
    }
    accepting.abort();
    chat.drain().await;
    service.await?; // Every acknowledged change is in the store.
    sessions.close();
    sessions.wait().await; // Each session has flushed its queue.
    Ok(())
}

async fn accept(mut listener: PatientListener, chat: Handle, sessions: TaskTracker) {
    loop {
        let session = serve(listener.accept().await, chat.clone());
        sessions.spawn(session.inspect_err(|error| eprintln!("a session ended: {error}")));
    }
}

async fn serve(stream: PatientStream, chat: Handle) -> Result<(), Error> {
    let mut lines = lines::frames(stream);
    let first = timeout(Duration::from_secs(10), lines.next()).await?.ok_or("no first line")??;
    let user = believe(&first).ok_or("the first line is not an id and a role")?;
    chat.open(claims(user)).await?.run(lines).await;
    Ok(())
}

fn believe(first: &Frame) -> Option<User> {
    let Frame::Text(line) = first else { return None };
    let (id, role) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    Some(User::new(id, Role::ALL.into_iter().find(|known| known.as_str() == role)?))
}
