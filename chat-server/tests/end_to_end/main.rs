//! The real program over real WebSockets: one file per behaviour.
#![expect(unreachable_pub, reason = "a test program exports nothing")]

#[cfg(test)]
#[expect(dead_code, reason = "shared with other test programs")]
mod support;

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bad_token;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod console;
#[cfg(test)]
mod create_support_conversation;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod get_active_conversations;
#[cfg(test)]
mod get_conversation_messages;
#[cfg(test)]
mod graceful_stop;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod health;
#[cfg(test)]
mod join_conversation;
#[cfg(test)]
mod join_support_room;
#[cfg(test)]
mod jwks;
#[cfg(test)]
mod log_secrecy;
#[cfg(test)]
mod mark_message_read;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod out_of_files;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod pipelined_requests;
#[cfg(test)]
mod refresh_token;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod send_chat_message;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod slow_reader;
#[cfg(test)]
#[expect(dead_code, reason = "shared with other test programs")]
#[path = "../store_support/mod.rs"]
mod store_support;
#[cfg(test)]
mod systemd;
#[cfg(test)]
mod tls;
#[cfg(test)]
mod trial;
#[cfg(test)]
mod two_devices;
#[cfg(test)]
mod typing_indicator;
#[cfg(test)]
mod users_import;
