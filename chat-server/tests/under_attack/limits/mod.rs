//! Requests beyond each limit of the real server: the excess is refused as documented, the server's
//! memory stays within a bound, and two users who talk throughout hear each other whole. Their
//! speed is printed:
//!
//! `cargo test -p chat-server --test under_attack limits:: -- --nocapture`

mod connections;
mod frames;
mod handshakes;
mod idle;
mod pages;
mod queues;
mod rates;
mod repeats;
mod table;
mod typing;
