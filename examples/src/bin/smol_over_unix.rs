//! The chat on smol: JSON lines over a Unix socket, with a sign-in of its own, without tokio.
//!
//! Two users talk, then the program ends. With a path, the program serves until Enter instead: type
//! `driver_1 open sesame` into `nc -U PATH`.

use std::{convert::Infallible, env, fs, io, time::Duration};

use chat_core::drive::{Drive, Frame, Handle, NoRefresh};
use chat_core::engine::{Engine, Settings};
use chat_core::{protocol::Role, protocol::User, store::MemoryStore, system::SystemClock};
use examples::{Error, claims, epoch, lines, seed};
use futures::{StreamExt, TryFutureExt, channel::mpsc};
use smol::{Timer, future, net::unix::UnixListener, net::unix::UnixStream};
use tokio_util::compat::FuturesAsyncReadCompatExt;

fn main() -> Result<(), Error> {
    let own = env::temp_dir().join(format!("chat-{}.sock", std::process::id()));
    let path = env::args_os().nth(1).map_or(own, Into::into);
    let (engine, store) = (Engine::new(Settings::default(), seed()?), MemoryStore::new(epoch()?));
    let (chat, service) = Drive::new(engine, store, NoRefresh, SystemClock::start(Timer::after)).start();
    let (open, mut all_gone) = mpsc::channel(0);
    smol::block_on(async {
        let listener = UnixListener::bind(&path)?;
        println!("listening on {}", path.display());
        let (service, accepting) = (smol::spawn(service), smol::spawn(accept(listener, chat.clone(), open)));
        if env::args_os().len() > 1 {
            smol::unblock(|| io::stdin().read_line(&mut String::new())).await?;
        } else {
            let connect = async || Ok::<_, Error>(UnixStream::connect(&path).await?.compat());
            let peers = [(connect().await?, "driver_1 open sesame"), (connect().await?, "control_1 friend")];
            lines::demo(peers, &chat).await?;
        }
        drop(accepting);
        chat.drain().await;
        service.await; // Every acknowledged change is in the store.
        all_gone.next().await; // Each session has flushed its queue.
        Ok(fs::remove_file(path)?)
    })
}

async fn accept(listener: UnixListener, chat: Handle, open: mpsc::Sender<Infallible>) -> io::Result<()> {
    loop {
        let session = serve(listener.accept().await?.0, chat.clone(), open.clone());
        smol::spawn(session.unwrap_or_else(|error| eprintln!("a session ended: {error}"))).detach();
    }
}

async fn serve(stream: UnixStream, chat: Handle, _open: mpsc::Sender<Infallible>) -> Result<(), Error> {
    let mut lines = lines::frames(stream.compat());
    let patience = futures::FutureExt::map(Timer::after(Duration::from_secs(10)), |_| None);
    let first = future::or(lines.next(), patience).await.ok_or("no first line")??;
    let (id, role) = match &first {
        Frame::Text(line) if line == "driver_1 open sesame" => ("driver_1", Role::BusDriver),
        Frame::Text(line) if line == "control_1 friend" => ("control_1", Role::ControlStaff),
        _ => return Err("the first line is not a user with the right passphrase".into()),
    };
    chat.open(claims(User::new(id, role))).await?.run(lines).await;
    Ok(())
}
