//! Tests that read system calls. They need `strace` (`apt-get install strace`), and a plain `cargo
//! test` leaves this program out.

mod power_cut;
mod sync_before_reply;
