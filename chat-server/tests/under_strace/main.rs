//! Tests that read system calls, and so need `strace` (`apt-get install strace`): a plain `cargo
//! test` leaves this program out.

mod power_cut;
mod sync_before_reply;
