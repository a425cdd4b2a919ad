//! The real server under attack and beyond its limits, while two users talk and must not notice.

#![expect(unreachable_pub, reason = "a test program exports nothing")]

mod harness;
mod limits;
mod malice;
