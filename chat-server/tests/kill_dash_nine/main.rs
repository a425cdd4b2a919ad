//! P1, P2 and P3 against `kill -9`: nothing acknowledged is lost, doubled or out of order, and an
//! unanswered request can be repeated and happens once.
//!
//! The kills come in the middle of load, while a stop finishes its work, while a start builds the
//! index anew, and at the start after a clean stop. `KILL_ROUNDS=20 cargo test -p chat-server
//! --test kill_dash_nine -- --nocapture` prints the counts of each round. `KILL_SEED=…` repeats the
//! moments and the requests of a run, but not the scheduling of the processes.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

mod device;
mod kept;
mod kill;
mod rounds;
