//! The network between the apps and the server: a proxy that lets bytes through, until something
//! happens to them.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::select;
use server_test_support::Server;
use server_test_support::apps::Random;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// The fate of the bytes in one direction of a connection.
#[derive(Clone, Copy, Debug)]
pub enum Fate {
    /// They get through.
    Through,
    /// Cuts the connection, both ways, after this number of bytes: by a reset, or by an orderly
    /// end.
    Cut { after: usize, reset: bool },
    /// After so many nothing moves for a while; then something else happens.
    Stall { after: usize, pause: Duration },
    /// After so many all others vanish, maybe those of the other way too, and nobody is told of any
    /// end.
    Swallow { after: usize, both_ways: bool },
}

/// A direction.
#[derive(Clone, Copy, Debug)]
pub enum Way {
    /// To the server.
    Up,
    /// To the app.
    Down,
}

/// Counts of the faults.
#[derive(Default)]
pub struct Counts {
    pub connections: AtomicUsize,
    pub refusals: AtomicUsize,
    pub cuts: AtomicUsize,
    pub stalls: AtomicUsize,
    pub swallows: AtomicUsize,
}

/// A proxy with an address of its own, which the server's may change behind.
pub struct Proxy {
    /// Where apps connect to.
    pub url: String,
    sky: Arc<Sky>,
    accepting: AbortHandle,
}

/// Where the weather comes from.
struct Sky {
    server: Mutex<String>,
    /// The fates of the first connections, up and down; `None` refuses a connection.
    script: Mutex<VecDeque<Option<[Fate; 2]>>>,
    /// The weather after the script; `None` is a network without faults.
    storm: Mutex<Option<Storm>>,
    is_settled: AtomicBool,
    /// Whether nothing gets through at all; each connection watches it.
    is_shut: watch::Sender<bool>,
    counts: Counts,
}

struct Storm {
    random: Random,
    /// Until when connections are refused.
    refuses_until: Instant,
}

impl Proxy {
    /// An honest one.
    pub async fn start(server: &Server) -> Self {
        Self::with(server, VecDeque::new(), None).await
    }

    /// A proxy with these fates for its first connections, and without faults afterwards.
    pub async fn scripted(server: &Server, script: impl IntoIterator<Item = Option<[Fate; 2]>>) -> Self {
        Self::with(server, script.into_iter().collect(), None).await
    }

    /// One that does its worst.
    pub async fn stormy(server: &Server, random: Random) -> Self {
        Self::with(server, VecDeque::new(), Some(Storm { random, refuses_until: Instant::now() })).await
    }

    async fn with(server: &Server, script: VecDeque<Option<[Fate; 2]>>, storm: Option<Storm>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = server.url.replace(server.authority(), &listener.local_addr().unwrap().to_string());
        let sky = Arc::new(Sky {
            server: Mutex::new(server.authority().to_owned()),
            script: Mutex::new(script),
            storm: Mutex::new(storm),
            is_settled: AtomicBool::new(false),
            is_shut: watch::Sender::new(false),
            counts: Counts::default(),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&sky))).abort_handle();
        Self { url, sky, accepting }
    }

    /// The server is now this one.
    pub fn lead_to(&self, server: &Server) {
        server.authority().clone_into(&mut self.sky.server.lock().unwrap());
    }

    /// Ends all faults. Swallowed bytes stay lost, and the apps must notice.
    pub fn settle(&self) {
        self.sky.is_settled.store(true, Ordering::Relaxed);
    }

    /// Ends all connections, and refuses others until it is [opened](Self::open) again.
    pub async fn shut(&self) {
        self.sky.is_shut.send_replace(true);
        self.sky.is_shut.closed().await;
    }

    pub fn open(&self) {
        self.sky.is_shut.send_replace(false);
    }

    /// Scripted connections that have not come yet.
    pub fn script_left(&self) -> usize {
        self.sky.script.lock().unwrap().len()
    }

    pub fn counts(&self) -> &Counts {
        &self.sky.counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, sky: Arc<Sky>) {
    loop {
        let (app, _) = listener.accept().await.unwrap();
        count(&sky.counts.connections);
        let mut is_shut = sky.is_shut.subscribe();
        let connection = connection(app, Arc::clone(&sky));
        tokio::spawn(async move {
            tokio::select! {
                () = connection => {}
                _ = is_shut.wait_for(|is_shut| *is_shut) => {}
            }
        });
    }
}

async fn connection(app: TcpStream, sky: Arc<Sky>) {
    let Some(fates) = sky.next_connection() else {
        count(&sky.counts.refusals);
        return reset(app);
    };
    let authority = sky.server.lock().unwrap().clone();
    // A server that was killed refuses by itself.
    let Ok(server) = TcpStream::connect(authority).await else { return reset(app) };
    Line { sky, is_deaf: Default::default() }.carry(app, server, fates).await;
}

fn reset(stream: TcpStream) {
    // It fails if the peer is gone already.
    let _ = stream.set_zero_linger();
    drop(stream);
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Sky {
    /// The fates of the next connection, or `None` if the proxy refuses it.
    fn next_connection(&self) -> Option<[Fate; 2]> {
        if let Some(scripted) = self.script.lock().unwrap().pop_front() {
            return scripted;
        }
        let is_refused =
            !self.is_settled() && self.storm.lock().unwrap().as_mut().is_some_and(Storm::refuses);
        (!is_refused).then(|| [self.next(Way::Up), self.next(Way::Down)])
    }

    fn next(&self, way: Way) -> Fate {
        match self.storm.lock().unwrap().as_mut() {
            Some(storm) if !self.is_settled() => storm.next(way),
            _ => Fate::Through,
        }
    }

    fn is_settled(&self) -> bool {
        self.is_settled.load(Ordering::Relaxed)
    }
}

impl Storm {
    fn refuses(&mut self) -> bool {
        let now = Instant::now();
        if self.random.below(40) == 0 {
            self.refuses_until = now + self.random.millis(50..250);
        }
        now < self.refuses_until
    }

    fn next(&mut self, way: Way) -> Fate {
        let most = match (self.random.below(3), way) {
            // Within the handshake, or soon after it.
            (0, _) => 600,
            (_, Way::Up) => 6_000,
            (_, Way::Down) => 40_000,
        };
        let after = self.random.below(most);
        match self.random.below(20) {
            0..4 => Fate::Through,
            4..8 => Fate::Cut { after, reset: true },
            8..12 => Fate::Cut { after, reset: false },
            12..17 => Fate::Stall { after, pause: self.random.millis(50..1_300) },
            17..19 => Fate::Swallow { after, both_ways: true },
            _ => Fate::Swallow { after, both_ways: false },
        }
    }
}

/// One connection.
struct Line {
    sky: Arc<Sky>,
    /// Whether bytes to the server, and bytes to the client, are swallowed.
    is_deaf: [AtomicBool; 2],
}

/// How one way of a connection ended.
#[derive(Clone, Copy, PartialEq)]
enum End {
    /// One of the peers is gone.
    Gone,
    Cut,
    Reset,
}

impl Line {
    async fn carry(&self, mut app: TcpStream, mut server: TcpStream, [up, down]: [Fate; 2]) {
        let end = {
            let ((from_app, to_app), (from_server, to_server)) = (app.split(), server.split());
            let up = pin!(self.pump(from_app, to_server, Way::Up, up));
            let down = pin!(self.pump(from_server, to_app, Way::Down, down));
            let (end, other) = select(up, down).await.factor_first();
            if self.tells(end) { end } else { other.await }
        };
        if end == End::Reset {
            reset(app);
            reset(server);
        }
    }

    /// Whether the end of one way is one of the other: not where bytes vanish.
    fn tells(&self, end: End) -> bool {
        end != End::Gone || !self.is_deaf.iter().any(|deaf| deaf.load(Ordering::Relaxed))
    }

    async fn pump(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, way: Way, mut fate: Fate) -> End {
        loop {
            let after = match fate {
                Fate::Through => usize::MAX,
                Fate::Cut { after, .. } | Fate::Stall { after, .. } | Fate::Swallow { after, .. } => after,
            };
            if self.pass(&mut from, &mut to, way, after).await.is_none() {
                return End::Gone;
            }
            fate = match fate {
                _ if self.sky.is_settled() => Fate::Through,
                Fate::Through => Fate::Through,
                Fate::Cut { reset, .. } => {
                    count(&self.sky.counts.cuts);
                    return if reset { End::Reset } else { End::Cut };
                }
                Fate::Stall { pause, .. } => {
                    count(&self.sky.counts.stalls);
                    sleep(pause).await;
                    self.sky.next(way)
                }
                Fate::Swallow { both_ways, .. } => {
                    count(&self.sky.counts.swallows);
                    self.go_deaf(way, both_ways);
                    Fate::Through
                }
            };
        }
    }

    fn go_deaf(&self, way: Way, both_ways: bool) {
        self.is_deaf[way as usize].store(true, Ordering::Relaxed);
        if both_ways {
            self.is_deaf.iter().for_each(|deaf| deaf.store(true, Ordering::Relaxed));
        }
    }

    /// Passes on this number of bytes, or drops them. `None` if one of the peers is gone.
    async fn pass(
        &self,
        from: &mut ReadHalf<'_>,
        to: &mut WriteHalf<'_>,
        way: Way,
        mut left: usize,
    ) -> Option<()> {
        let mut buffer = [0; 4_096];
        while left > 0 {
            let most = left.min(buffer.len());
            let length = from.read(&mut buffer[..most]).await.ok().filter(|length| *length > 0)?;
            left -= length;
            if !self.is_deaf[way as usize].load(Ordering::Relaxed) {
                to.write_all(&buffer[..length]).await.ok()?;
            }
        }
        Some(())
    }
}
