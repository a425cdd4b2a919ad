//! chat-core
pub mod conversation;
pub mod drive;
pub mod engine;
pub mod id;
pub mod limits;
pub mod permission;
pub mod protocol;
pub mod store;
pub mod testing;
pub mod time;
