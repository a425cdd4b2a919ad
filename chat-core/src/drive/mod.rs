//! drive
mod frame;
pub use frame::Frame;
