//! The handle over a whole chat in the same process: channels for connections, virtual time.
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test has a world")]
#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
mod support;

#[cfg(test)]
mod closing;
#[cfg(test)]
mod connection;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod events;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod sending;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod typing;
