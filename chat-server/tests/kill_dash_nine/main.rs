//! P1, P2 and P3 against `kill -9`: nothing acknowledged is lost, doubled or out of order, and what
//! was not answered can be asked again and happens once.
//!
//! The kills come in the middle of load, while a stop ends what is under way, while a start builds
//! the index anew, and at the start that follows a clean stop. `KILL_ROUNDS=20 cargo test -p
//! chat-server --test kill_dash_nine -- --nocapture` says for each round what it found;
//! `KILL_SEED=…` draws the moments and the requests again, though not what the processes made of
//! them.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

mod device;
mod kept;
mod kill;
mod rounds;
