//! Any number of WebSocket clients on one thread, over raw frames: cheap, for it runs on the cores of what it loads.

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

/// Bytes that are read at once: what a listener has got since it was last looked at.
const SCRATCH: usize = 256 * 1024;

/// Ready clients that are dealt with before the system is asked again.
const TURN: usize = 512;

/// Clients that share one address of ours: far fewer than it has ports.
const PER_ADDRESS: usize = 4_000;

/// Connections of all swarms so far: the ports of those that have ended are in use for another minute, and the system
/// searches long for a free one among them.
static CONNECTED: AtomicUsize = AtomicUsize::new(0);

/// What a client hears.
pub(crate) enum Heard<'a> {
    /// The server has taken the connection.
    Open,
    /// A reply; of one in several frames the last.
    Reply(&'a [u8]),
    /// Anything that answers no request.
    Event,
}

/// All clients.
pub(crate) struct Swarm {
    epoll: OwnedFd,
    scratch: Vec<u8>,
    /// The clients, for who wants to send.
    pub(crate) peers: Peers,
}

/// The clients by their numbers.
#[derive(Default)]
pub(crate) struct Peers(Vec<Option<Peer>>);

struct Peer {
    stream: TcpStream,
    /// The opening request, until the connection stands.
    to_say: Option<Vec<u8>>,
    open: bool,
    /// Of a frame that has not come whole.
    partial: Vec<u8>,
    /// Whether the message whose frames are coming in is a reply.
    begun: Option<bool>,
}

impl Swarm {
    /// Nobody yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            scratch: vec![0; SCRATCH],
            peers: Peers::default(),
        })
    }

    /// Begins to connect one more, and gives its number; [`Heard::Open`] says when it is done.
    pub(crate) fn connect(&mut self, to: SocketAddr, opening: Vec<u8>) -> io::Result<usize> {
        let who = self.peers.0.len();
        self.peers.0.push(None);
        self.reconnect(who, to, opening)?;
        Ok(who)
    }

    /// The same for a client whose connection was cut.
    pub(crate) fn reconnect(&mut self, who: usize, to: SocketAddr, opening: Vec<u8>) -> io::Result<()> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrV4::new(Self::next_address(), 0))?;
        sockopt::set_tcp_nodelay(&socket, true)?;
        match connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let data = epoll::EventData::new_u64(who as u64);
        epoll::add(&self.epoll, &socket, data, epoll::EventFlags::OUT)?;
        let stream = TcpStream::from(socket);
        let peer = Peer { stream, to_say: Some(opening), open: false, partial: Vec::new(), begun: None };
        self.peers.0[who] = Some(peer);
        Ok(())
    }

    /// One of the addresses of this machine that all begin with 127.
    fn next_address() -> Ipv4Addr {
        let block = CONNECTED.fetch_add(1, Ordering::Relaxed) / PER_ADDRESS;
        Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(block % 200).expect("below 200"))
    }

    /// Waits at most so long, then tells all that was heard.
    pub(crate) fn turn(
        &mut self,
        patience: Duration,
        hear: &mut impl FnMut(&mut Peers, usize, Heard<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        let mut space = [const { MaybeUninit::uninit() }; TURN];
        let events = match epoll::wait(&self.epoll, &mut space, Some(&patience)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            let who = usize::try_from(event.data.u64()).expect("it was a usize");
            let Some(peer) = &mut self.peers.0[who] else { continue };
            if let Some(opening) = peer.to_say.take() {
                (&peer.stream).write_all(&opening)?;
                epoll::modify(&self.epoll, &peer.stream, event.data, epoll::EventFlags::IN)?;
            } else {
                self.peers.read(who, &mut self.scratch, hear)?;
            }
        }
        Ok(())
    }
}

impl Peers {
    /// Sends a frame. Where the system does not take it at once there is an error: a load waits for replies.
    pub(crate) fn send(&self, who: usize, frame: &[u8]) -> io::Result<()> {
        let peer = self.0[who].as_ref().expect("who sends is connected");
        (&peer.stream).write_all(frame)
    }

    /// Cuts the connection of a client.
    pub(crate) fn cut(&mut self, who: usize) {
        self.0[who] = None;
    }

    fn read(
        &mut self,
        who: usize,
        scratch: &mut [u8],
        hear: &mut impl FnMut(&mut Self, usize, Heard<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let peer = self.0[who].as_mut().expect("only who is there is read");
        let held = peer.partial.len();
        scratch[..held].copy_from_slice(&peer.partial);
        peer.partial.clear();
        let read = peer.stream.read(&mut scratch[held..])?;
        if read == 0 {
            return Err(io::Error::other(format!("the server has closed connection {who}")));
        }
        let mut rest = &scratch[..held + read];
        while let Some((heard, after)) = self.next(who, rest)? {
            rest = after;
            if let Some(heard) = heard {
                hear(self, who, heard)?;
            }
        }
        if let Some(peer) = &mut self.0[who] {
            peer.partial.extend_from_slice(rest);
        }
        Ok(())
    }

    /// The next whole thing at the beginning of `bytes`, and what comes after it.
    fn next<'a>(&mut self, who: usize, bytes: &'a [u8]) -> io::Result<Option<(Option<Heard<'a>>, &'a [u8])>> {
        let Some(peer) = &mut self.0[who] else { return Ok(None) };
        if !peer.open {
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
    /// The answer to the opening request.
    fn answer<'a>(&mut self, bytes: &'a [u8]) -> io::Result<Option<(Option<Heard<'a>>, &'a [u8])>> {
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        if !bytes.starts_with(b"HTTP/1.1 101") {
            return Err(io::Error::other(String::from_utf8_lossy(bytes)));
        }
        self.open = true;
        Ok(Some((Some(Heard::Open), &bytes[end + 4..])))
    }

    /// A frame of a message: its first one says what it is.
    fn piece<'a>(&mut self, first_byte: u8, payload: &'a [u8]) -> io::Result<Option<Heard<'a>>> {
        let is_reply = *self.begun.get_or_insert(payload.starts_with(b"{\"success\":true"));
        if !is_reply && payload.starts_with(b"{\"success\"") {
            return Err(io::Error::other(String::from_utf8_lossy(payload)));
        }
        if first_byte & 0x80 == 0 {
            return Ok(None);
        }
        self.begun = None;
        Ok(Some(if is_reply { Heard::Reply(payload) } else { Heard::Event }))
    }
}

/// The first byte, the payload, and what comes after it, once the frame is whole.
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
