//! A TCP connection to whichever address of a host answers first.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::select_ok;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

use crate::transport::Failure;

/// How long an address may keep silent before the next one is tried beside it. Phones are given addresses of version 6
/// that lead nowhere: one after the other, the first would use up all the time that there is.
const HEAD_START: Duration = Duration::from_millis(250);

/// Most addresses that are tried: more than any host has of use, and a bound on sockets opened at once.
const ADDRESSES: usize = 8;

/// Connects, without Nagle's delay: a chat's frames are small and each is awaited.
pub(super) async fn connect(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let addresses = lookup_host((host, port))
        .await
        .map_err(|error| Failure::network(format_args!("can't find the address of {host}: {error}")))?;
    let attempts =
        addresses.take(ADDRESSES).zip(0..).map(|(address, place)| Box::pin(attempt(address, place)));
    let attempts = attempts.collect::<Vec<_>>();
    if attempts.is_empty() {
        return Err(Failure::network(format_args!("{host} has no address")));
    }
    let (stream, _) = select_ok(attempts)
        .await
        .map_err(|error| Failure::network(format_args!("can't connect to {host}, port {port}: {error}")))?;
    Ok(stream)
}

async fn attempt(address: SocketAddr, place: u32) -> io::Result<TcpStream> {
    sleep(HEAD_START * place).await;
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
