//! The protocol without an engine: frames, documents, permissions.

mod bad_frames;
mod document;
mod guide;
mod permission_table;
mod request_round_trip;
