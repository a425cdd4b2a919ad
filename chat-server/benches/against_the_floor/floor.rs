//! The floor: a server that only copies frames from one socket to others.
//!
//! The floor shares the WebSocket library, the runtime, the sockets' settings and the sizes of
//! buffers with the chat server. It has one task per connection, and no JSON, permissions, storage
//! or heartbeat. Its answer to a sender is as long as the chat's reply.
//!
//! The path decides the kind of a client. A `/listener` gets a copy of every message. A `/sender`
//! gets an answer to each of its messages and a copy, which all listeners get too. An `/other` gets
//! an answer, and nobody gets a copy.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read as _, Write as _};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll, ready};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, accept_hdr_async_with_config};
use async_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use async_tungstenite::tungstenite::protocol::WebSocketConfig;
use async_tungstenite::tungstenite::{Error, Message};
use futures::task::AtomicWaker;
use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;

use crate::process::raise_file_limit;
use crate::sample;

/// The bytes that are read at once, as in the chat server.
const READ_BUFFER: usize = 512;

/// The bytes that are gathered before a write, as in the chat server.
const WRITE_BUFFER: usize = 16 * 1024;

/// The bytes that the kernel buffers per connection and direction, as in the chat server.
const SOCKET_BUFFER: u32 = 64 * 1024;

/// The connections that the kernel queues before they are accepted, as in the chat server.
const BACKLOG: u32 = 4_096;

/// Serves on a free port until standard input ends, which is at the latest when the parent process
/// ends.
pub(crate) fn run() -> io::Result<()> {
    raise_file_limit()?;
    Runtime::new()?.block_on(async {
        let listener = listen()?;
        println!("listening on ws://{}", listener.local_addr()?);
        io::stdout().flush()?;
        let hub = Arc::new(Hub { listeners: RwLock::default(), answer: Message::text(sample::reply()) });
        tokio::spawn(accept_all(listener, hub));
        let ended = tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new()));
        ended.await.map_err(io::Error::other)??;
        Ok(())
    })
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(BACKLOG)
}

async fn accept_all(listener: TcpListener, hub: Arc<Hub>) {
    loop {
        let (stream, _) = listener.accept().await.expect("loopback accepts");
        stream.set_nodelay(true).expect("a socket can be told");
        tokio::spawn(serve(stream, Arc::clone(&hub)));
    }
}

/// The state that all connections share.
struct Hub {
    /// The queues of all listeners.
    listeners: RwLock<Arc<Vec<Arc<Queue>>>>,
    answer: Message,
}

impl Hub {
    fn listeners(&self) -> Arc<Vec<Arc<Queue>>> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Queue>>)) {
        change(Arc::make_mut(&mut self.listeners.write().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// The messages that other connections have for one connection. The load waits for its replies,
/// which bounds the queue.
#[derive(Default)]
struct Queue {
    messages: Mutex<Vec<Message>>,
    waker: AtomicWaker,
}

impl Queue {
    fn push(&self, message: Message) {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        self.waker.wake();
    }

    fn drain_into(&self, waiting: &mut VecDeque<Message>) {
        waiting.extend(self.messages.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listener,
    Sender,
    Other,
}

async fn serve(stream: TcpStream, hub: Arc<Hub>) {
    // Boxed, so that the handshake takes no memory of an idle connection, as in the chat server.
    let Ok((socket, kind)) = Box::pin(open(stream)).await else { return };
    let queue = Arc::new(Queue::default());
    if kind == Kind::Listener {
        hub.change(|listeners| listeners.push(Arc::clone(&queue)));
    }
    let mut session = Session { socket, kind, hub, queue, waiting: VecDeque::new() };
    // The session ends here, with or without an error.
    let _ = poll_fn(|cx| session.poll(cx)).await;
    let Session { hub, queue, .. } = session;
    hub.change(|listeners| listeners.retain(|listener| !Arc::ptr_eq(listener, &queue)));
}

type Socket = WebSocketStream<TokioAdapter<TcpStream>>;

async fn open(stream: TcpStream) -> Result<(Socket, Kind), Error> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER);
    let mut kind = Kind::Other;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        kind = match request.uri().path() {
            "/listener" => Kind::Listener,
            "/sender" => Kind::Sender,
            _ => Kind::Other,
        };
        Ok(response)
    };
    let socket = accept_hdr_async_with_config(stream, callback, Some(config)).await?;
    Ok((socket, kind))
}

struct Session {
    socket: Socket,
    kind: Kind,
    hub: Arc<Hub>,
    queue: Arc<Queue>,
    /// The messages to send next.
    waiting: VecDeque<Message>,
}

impl Session {
    /// Reads all incoming messages, writes all queued ones, then flushes once. Ends with the
    /// connection.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while let Poll::Ready(message) = self.socket.poll_next_unpin(cx) {
            match message.transpose()? {
                Some(message @ Message::Text(_)) => self.copy(message),
                Some(_) => {}
                None => return Poll::Ready(Ok(())),
            }
        }
        self.queue.waker.register(cx.waker());
        self.queue.drain_into(&mut self.waiting);
        while !self.waiting.is_empty() {
            ready!(self.socket.poll_ready_unpin(cx))?;
            let message = self.waiting.pop_front().expect("it is not empty");
            self.socket.start_send_unpin(message)?;
        }
        ready!(self.socket.poll_flush_unpin(cx))?;
        Poll::Pending
    }

    fn copy(&mut self, message: Message) {
        self.waiting.push_back(self.hub.answer.clone());
        if self.kind == Kind::Sender {
            for listener in self.hub.listeners().iter() {
                listener.push(message.clone());
            }
            self.waiting.push_back(message);
        }
    }
}
