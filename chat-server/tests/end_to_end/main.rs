//! The real program over real WebSockets: one file per behaviour.
#![expect(unreachable_pub, reason = "a test program exports nothing")]

mod administration;
mod bad_input;
mod bad_token;
mod command_line;
mod console;
mod create_support_conversation;
mod drain;
mod environment;
mod get_active_conversations;
mod get_conversation_messages;
mod graceful_stop;
mod handshake;
mod health;
mod history;
mod holds;
mod join_conversation;
mod join_support_room;
mod jwks;
mod log_secrecy;
mod mark_message_read;
mod operation;
#[cfg(feature = "otel")]
mod otel;
mod out_of_files;
mod permissions;
mod phrases;
mod pipelined_requests;
mod refresh_token;
mod refusals;
mod restart;
mod retention;
mod rotation;
mod send_chat_message;
mod settings;
mod slow_reader;
mod systemd;
mod tls;
mod trial;
mod two_devices;
mod typing_indicator;
mod users_import;
mod work;
