//! Any number of WebSocket clients on one thread, over raw frames. They must be cheap, because they
//! share the cores with the server.

use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

use crate::frame::pong;

/// The bytes that are read at once from a client.
const SCRATCH: usize = 256 * 1024;

/// The ready clients of one turn.
const TURN: usize = 512;

/// The clients that share one local address, far fewer than an address has ports.
const PER_ADDRESS: usize = 4_000;

/// The connections of all swarms so far. The kernel keeps the ports of ended connections for a
/// minute, and takes long to find a free one among them, so later connections use other addresses.
static CONNECTED: AtomicUsize = AtomicUsize::new(0);

/// A frame that a client receives.
pub(crate) enum Incoming<'a> {
    /// The connection is open.
    Open,
    /// A reply. Of a reply in several frames this is the last.
    Reply(&'a [u8]),
    /// An event.
    Event,
}

/// All clients and their readiness.
pub(crate) struct Swarm {
    epoll: OwnedFd,
    scratch: Vec<u8>,
    /// The clients.
    pub(crate) peers: Peers,
}

/// The clients by their numbers.
pub(crate) struct Peers(Vec<Option<Peer>>);

struct Peer {
    stream: TcpStream,
    /// The opening request, until the TCP connection is established.
    opening: Option<Vec<u8>>,
    is_open: bool,
    /// The bytes of a frame that is not complete yet.
    partial: Vec<u8>,
    /// Whether the message whose frames are arriving is a reply.
    is_reply: Option<bool>,
}

impl Swarm {
    /// Returns a swarm without clients.
    pub(crate) fn new() -> io::Result<Self> {
        Self::with_clients(0)
    }

    /// Returns a swarm of clients that are not connected yet.
    pub(crate) fn with_clients(clients: usize) -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            scratch: vec![0; SCRATCH],
            peers: Peers((0..clients).map(|_| None).collect()),
        })
    }

    /// Begins to connect another client, and returns its number. [`Incoming::Open`] follows.
    pub(crate) fn connect(&mut self, to: SocketAddr, opening: Vec<u8>) -> io::Result<usize> {
        let client = self.peers.0.len();
        self.peers.0.push(None);
        self.reconnect(client, to, opening)?;
        Ok(client)
    }

    /// Begins to connect a client that is not connected.
    pub(crate) fn reconnect(&mut self, client: usize, to: SocketAddr, opening: Vec<u8>) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrV4::new(Self::next_address(), 0))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let data = epoll::EventData::new_u64(client as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::OUT)?;
        let stream = TcpStream::from(socket);
        let peer =
            Peer { stream, opening: Some(opening), is_open: false, partial: Vec::new(), is_reply: None };
        self.peers.0[client] = Some(peer);
        Ok(())
    }

    /// Returns a loopback address that still has free ports.
    fn next_address() -> Ipv4Addr {
        let block = CONNECTED.fetch_add(1, Ordering::Relaxed) / PER_ADDRESS;
        Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(block % 200).expect("below 200"))
    }

    /// Waits for at most `max_wait`, then reports every incoming frame to `hear`.
    pub(crate) fn turn(
        &mut self,
        max_wait: Duration,
        hear: &mut impl FnMut(&mut Peers, usize, Incoming<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let max_wait = Timespec::try_from(max_wait).map_err(io::Error::other)?;
        let mut space = [const { MaybeUninit::uninit() }; TURN];
        let events = match epoll::wait(&self.epoll, &mut space, Some(&max_wait)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            let client = usize::try_from(event.data.u64()).expect("the number was a usize");
            let Some(peer) = &mut self.peers.0[client] else { continue };
            if let Some(opening) = peer.opening.take() {
                (&peer.stream).write_all(&opening)?;
                epoll::modify(&self.epoll, &peer.stream, event.data, epoll::EventFlags::IN)?;
            } else {
                self.peers.read(client, &mut self.scratch, hear)?;
            }
        }
        Ok(())
    }
}

impl Peers {
    /// Sends a frame. Fails if the kernel does not take the whole frame at once: a load that waits
    /// for replies fits.
    pub(crate) fn send(&self, client: usize, frame: &[u8]) -> io::Result<()> {
        let peer = self.0[client].as_ref().expect("only connected clients send");
        (&peer.stream).write_all(frame)
    }

    /// Cuts the connection of a client.
    pub(crate) fn cut(&mut self, client: usize) {
        self.0[client] = None;
    }

    fn read(
        &mut self,
        client: usize,
        scratch: &mut [u8],
        hear: &mut impl FnMut(&mut Self, usize, Incoming<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let peer = self.0[client].as_mut().expect("only connected clients are read");
        let held = peer.partial.len();
        scratch[..held].copy_from_slice(&peer.partial);
        peer.partial.clear();
        let read = peer.stream.read(&mut scratch[held..])?;
        if read == 0 {
            return Err(io::Error::other(format!("the server closed connection {client}")));
        }
        let mut rest = &scratch[..held + read];
        while let Some((heard, after)) = self.next(client, rest)? {
            rest = after;
            if let Some(heard) = heard {
                hear(self, client, heard)?;
            }
        }
        if let Some(peer) = &mut self.0[client] {
            peer.partial.extend_from_slice(rest);
        }
        Ok(())
    }

    /// Returns the first complete frame or answer of `bytes`, and the bytes after it.
    fn next<'a>(
        &mut self,
        client: usize,
        bytes: &'a [u8],
    ) -> io::Result<Option<(Option<Incoming<'a>>, &'a [u8])>> {
        let Some(peer) = &mut self.0[client] else { return Ok(None) };
        if !peer.is_open {
            return peer.answer(bytes);
        }
        let Some((first_byte, payload, rest)) = split(bytes) else { return Ok(None) };
        let heard = match first_byte & 0x0f {
            0..=2 => peer.piece(first_byte, payload)?,
            9 => {
                (&peer.stream).write_all(&pong(payload))?;
                None
            }
            _ => {
                let text = String::from_utf8_lossy(payload);
                return Err(io::Error::other(format!("the server sent frame {first_byte:#x} {text:?}")));
            }
        };
        Ok(Some((heard, rest)))
    }
}

impl Peer {
    /// Parses the answer to the opening request.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> io::Result<Option<(Option<Incoming<'a>>, &'a [u8])>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(bytes)));
        }
        self.is_open = true;
        Ok(Some((Some(Incoming::Open), &bytes[end + 4..])))
    }

    /// Handles a frame of a message. The first frame decides whether the message is a reply.
    fn piece<'a>(&mut self, first_byte: u8, payload: &'a [u8]) -> io::Result<Option<Incoming<'a>>> {
        let is_reply = *self.is_reply.get_or_insert(payload.starts_with(b"{\"success\":true"));
        if !is_reply && payload.starts_with(b"{\"success\"") {
            return Err(io::Error::other(String::from_utf8_lossy(payload)));
        }
        if first_byte & 0x80 == 0 {
            return Ok(None);
        }
        self.is_reply = None;
        Ok(Some(if is_reply { Incoming::Reply(payload) } else { Incoming::Event }))
    }
}

/// Splits a complete frame into its first byte and its payload, and returns the bytes after it too.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[first_byte, short], after) = bytes.split_first_chunk()?;
    let (length, after) = match short {
        126 => {
            after.split_first_chunk().map(|(length, after)| (u16::from_be_bytes(*length).into(), after))?
        }
        127 => {
            let (length, after) = after.split_first_chunk()?;
            (usize::try_from(u64::from_be_bytes(*length)).ok()?, after)
        }
        short => (short.into(), after),
    };
    let (payload, rest) = after.split_at_checked(length)?;
    Some((first_byte, payload, rest))
}
