//! Logins while two threads of strangers open connections as fast as they can, and reopen those
//! that the server closes.
//!
//! All traffic is on loopback, and bounded in number and time.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use server_test_support::report::{Bar, Row};

use crate::figures::{count, percentile};
use crate::frame;
use crate::login::{Certificate, Logins};
use crate::process::Server;
use crate::run::Run;

/// The number of addresses that the strangers connect from.
const ADDRESSES: u64 = 30;

/// The number of threads that open connections.
const THREADS: u64 = 2;

/// The most connections that a thread keeps open.
const MAX_OPEN: usize = 4_000;

/// The most connections that a thread opens in a round.
const MAX_OPENED: u64 = 500_000;

/// The longest time of a flood, even if the logins have not ended.
const MAX_FLOOD: Duration = Duration::from_mins(1);

/// The number of progress steps.
pub(crate) fn steps(run: &Run) -> u64 {
    2 * run.plan.slow_rounds
}

/// The results of one round.
struct Round {
    /// The times of logins before the flood, in rising order.
    calm: Vec<Duration>,
    /// The times of logins during the flood, in rising order.
    flooded: Vec<Duration>,
    /// The connections per second of the strangers.
    rate: f64,
}

pub(crate) fn measure(run: &mut Run) -> io::Result<()> {
    for (scene, certificate) in [
        ("login at 200 ms, flooded from 30 addresses", None),
        ("the same over TLS", Some(Certificate::new(run.dir())?)),
    ] {
        let mut rounds = Vec::new();
        for round in 1..=run.plan.slow_rounds {
            run.progress.step(&format!("{scene}, round {round}"));
            let name = format!("flood_{}_{round}", certificate.is_some());
            rounds.push(one_round(run, &name, certificate.as_ref())?);
        }
        let row = |what: &str, of_ten_thousand| {
            let figures = |round: &Round| {
                (percentile(&round.flooded, of_ten_thousand), percentile(&round.calm, of_ten_thousand))
            };
            let pairs: Vec<_> = rounds.iter().map(figures).collect();
            Row::beside(scene, what, "ms", "no flood", &pairs)
        };
        let rates: Vec<_> = rounds.iter().map(|round| round.rate).collect();
        let rows = [
            row("logged in after, p50", 5_000),
            row("logged in after, p99", 9_900).bar(Some(Bar::AtMost(2_000.0))),
            Row::alone(scene, "connections of the flood", "1/s", &rates),
        ];
        run.rows.extend(rows);
    }
    Ok(())
}

fn one_round(run: &Run, name: &str, certificate: Option<&Certificate>) -> io::Result<Round> {
    let flags = certificate.map(Certificate::flags).unwrap_or_default();
    let server = Server::chat_with(&run.program, &run.new_dir(name)?, &flags)?;
    let logins = Logins::new(&server, name, certificate)?;
    let calm = logins.run(run.plan.window);
    let (is_over, opened, start) = (AtomicBool::new(false), AtomicU64::new(0), Instant::now());
    let flooded = thread::scope(|scope| {
        let strangers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (is_over, opened, to) = (&is_over, &opened, server.address());
                scope.spawn(move || flood(to, thread, is_over, opened))
            })
            .collect();
        thread::sleep(run.plan.warm_up);
        let flooded = logins.run(run.plan.window);
        is_over.store(true, Ordering::Relaxed);
        for stranger in strangers {
            stranger.join().expect("strangers do not panic")?;
        }
        Ok::<_, io::Error>(flooded)
    })?;
    let rate = count(opened.into_inner()) / start.elapsed().as_secs_f64();
    server.stop()?;
    Ok(Round { calm, flooded, rate })
}

/// Opens connections from every address in turn, until `is_over` is set.
fn flood(to: SocketAddr, thread: u64, is_over: &AtomicBool, opened: &AtomicU64) -> io::Result<()> {
    let bad_token = frame::opening("/api/websocket/connect?token=bad");
    // A silent stranger, one that sends half a request, and one that is refused and does not close.
    let openings: [&[u8]; 3] = [&[], &bad_token[..20], &bad_token];
    let mut open = VecDeque::new();
    let start = Instant::now();
    for (number, bytes) in (0..MAX_OPENED).zip(openings.into_iter().cycle()) {
        if is_over.load(Ordering::Relaxed) || start.elapsed() > MAX_FLOOD {
            break;
        }
        let from = 1 + (THREADS * number + thread) % ADDRESSES;
        let from = Ipv4Addr::new(127, 0, 4, u8::try_from(from).expect("30 at most"));
        open.push_back(stranger(to, from, bytes)?);
        opened.fetch_add(1, Ordering::Relaxed);
        if open.len() > MAX_OPEN {
            open.pop_front();
        }
    }
    Ok(())
}

/// Opens a connection of a stranger and sends the bytes.
fn stranger(to: SocketAddr, from: Ipv4Addr, bytes: &[u8]) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // A reset at the end frees the port at once; otherwise the system keeps it for a minute.
    sockopt::set_socket_linger(&socket, Some(Duration::ZERO))?;
    bind(&socket, &SocketAddrV4::new(from, 0))?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::CONNRESET) => {}
        Err(error) => return Err(error.into()),
    }
    let stream = TcpStream::from(socket);
    // The server may have closed the connection already.
    let _ = (&stream).write_all(bytes);
    Ok(stream)
}
