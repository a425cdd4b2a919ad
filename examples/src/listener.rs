//! Sockets that give up on a peer that accepts no data.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

/// Time limit of a blocked write.
const PATIENCE: Duration = Duration::from_secs(10);

/// A TCP stream whose writes fail when the peer has accepted nothing for ten seconds.
pub type PatientStream = Pin<Box<TimeoutStream<TcpStream>>>;

/// A TCP listener that accepts [`PatientStream`]s.
///
/// A session ends only with its transport. Without this limit, a peer that keeps its connection
/// open and reads nothing would hold its socket and task for ever.
#[derive(Debug)]
pub struct PatientListener(TcpListener);

impl PatientListener {
    /// Listens on this address, or on a free port for this machine only. Returns the address too.
    ///
    /// # Errors
    ///
    /// The address is not this machine's, or is taken.
    pub async fn bind(address: Option<&str>) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address.unwrap_or("127.0.0.1:0")).await?;
        let here = listener.local_addr()?;
        Ok((Self(listener), here))
    }

    /// Accepts the next connection. Errors of single connections are skipped, as in
    /// [`axum::serve()`].
    pub async fn accept(&mut self) -> PatientStream {
        let (stream, _peer) = Listener::accept(&mut self.0).await;
        // Frames are small and flushed when complete. Without this option they are only slower.
        let _best_effort = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(PATIENCE));
        Box::pin(stream)
    }
}

impl Listener for PatientListener {
    type Io = PatientStream;
    type Addr = ();

    async fn accept(&mut self) -> (PatientStream, ()) {
        (Self::accept(self).await, ())
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}
