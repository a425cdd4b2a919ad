//! Every attack: the attempt => the required outcome. Each is a test by its name.

use super::{churn, content, frames, reach, secure, stalling, tokens};
use crate::harness::elsewhere::{Elsewhere, assert_there};

macro_rules! attacks {
    ($($name:ident: $tried:literal => $must:literal, $by:path;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
            async fn $name() {
                let name = concat!($tried, " => ", $must);
                $by(name).await;
            }
        )*
    };
}

attacks! {
    // Attacks on identity.
    forged_token: "connect by a forged token" => "4501, and what is sent with it is not read", tokens::connect_by_forged;
    forged_refresh: "prolong a session by a forged token" => "token_mismatch, and the session stays what it was", tokens::refresh_by_forged;
    public_key_as_secret: "sign with the public RSA key as an HS256 secret" => "4501", tokens::public_key_as_secret;
    foreign_issuer: "a token by another issuer or for another audience" => "4501", tokens::foreign_issuer;
    become_another: "take another user's name or role by refresh_token" => "token_mismatch, and one stays who one was", tokens::become_another;

    // Attacks on access.
    foreign_conversation: "every event on a conversation of others" => "the bytes of an unknown one, and nobody hears", reach::foreign_conversation;
    guessed_id: "guess ids from one that is known" => "the same", reach::guessed_id;
    borrowed_name: "repeat a client_message_id of somebody else" => "not their reply, and not their conversation", reach::borrowed_name;
    listen: "listen to a conversation of others" => "silence", reach::listen;

    // Attacks on resources.
    slow_handshakes: "300 handshakes byte by byte" => "closed when their time is up, nothing left behind", stalling::slow_handshakes;
    tls_handshakes: "400 handshakes of TLS byte by byte, never begun, of garbage, or without a request behind them" => "closed when their time is up, nothing left behind", secure::handshakes;
    never_reads: "ask for ever and never read" => "closed, nothing left behind", stalling::never_reads;
    connects: "10,000 connects and disconnects" => "memory and open files as before", churn::connects;
    single_bytes: "a request in single bytes, in single-byte frames" => "understood as in one piece", frames::single_bytes;
    compressed: "compressed frames, asked for or not" => "no such thing is agreed on, 1002", frames::compressed;
    fragments: "a message of frames without end" => "1009 beyond 64 KiB", frames::fragments;
    empty_fragments: "a message of a million empty frames" => "costs nothing, understood", frames::empty_fragments;
    pings: "pings without reading the pongs" => "not read any further", frames::pings;

    // Attacks by content.
    odd_text: "markup, control characters, bidi overrides, line separators as text" => "comes back as it was sent, after a restart too", content::odd_text;
    odd_names: "the same as a title and as names" => "the same", content::odd_names;
    raw_controls: "control characters unescaped in JSON" => "invalid_json", content::raw_controls;
    lone_surrogates: "halves of characters" => "refused by name, nothing is stored", content::lone_surrogates;
}

/// Attacks that another test shows in full.
const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere(
        "no token, an empty one, garbage, of another key, without a signature",
        "4501",
        "chat-server/tests/end_to_end/bad_token.rs::a_token_that_is_no_good_is_told_by_4501",
    ),
    Elsewhere(
        "an expired token",
        "4001",
        "chat-server/tests/end_to_end/bad_token.rs::a_token_that_is_only_expired_is_told_by_4001",
    ),
    Elsewhere(
        "a session beyond its token",
        "4001",
        "chat-server/tests/end_to_end/refresh_token.rs::a_session_ends_with_its_token",
    ),
    Elsewhere(
        "garbage, under every algorithm",
        "invalid",
        "chat-server/src/auth/tests/mod.rs::what_is_no_token_is_invalid",
    ),
    Elsewhere(
        "another key or algorithm, under every algorithm",
        "invalid",
        "chat-server/src/auth/tests/mod.rs::a_token_of_another_key_is_invalid",
    ),
    Elsewhere(
        "a changed claim, under every algorithm",
        "invalid",
        "chat-server/src/auth/tests/mod.rs::a_changed_claim_breaks_the_signature",
    ),
    Elsewhere(
        "alg none and public keys as secrets, under every algorithm",
        "invalid",
        "chat-server/src/auth/tests/mod.rs::the_token_does_not_choose_its_algorithm",
    ),
    Elsewhere(
        "unknown against forbidden, in the engine",
        "the same bytes after the same number of loads",
        "chat-core/tests/engine/refusals.rs::a_foreign_conversation_is_answered_as_one_that_does_not_exist",
    ),
    Elsewhere(
        "a conversation that one was withdrawn from",
        "the same bytes after the same number of loads",
        "chat-core/tests/engine/refusals.rs::who_was_withdrawn_is_answered_as_a_stranger",
    ),
    Elsewhere(
        "events of another role",
        "forbidden, before anything is loaded",
        "chat-core/tests/engine/refusals.rs::roles_are_refused_before_anything_is_loaded",
    ),
    Elsewhere(
        "a message of another conversation",
        "message_not_found",
        "chat-core/tests/engine/refusals.rs::a_message_of_another_conversation_is_not_found_in_this_one",
    ),
    Elsewhere(
        "what breaks the WebSocket protocol",
        "1002, 1007, 1009, and no other connection",
        "chat-server/tests/end_to_end/bad_input.rs::what_breaks_the_connection_breaks_no_other",
    ),
    Elsewhere(
        "a reader of live events that never reads",
        "4008",
        "chat-server/tests/end_to_end/slow_reader.rs::it_is_closed_and_nobody_else_notices",
    ),
    Elsewhere(
        "connections that say nothing, in their thousands",
        "1,024 at once, each for ten seconds",
        "chat-server/tests/under_attack/limits/handshakes.rs::newcomers_of_an_address_and_the_time_of_a_handshake",
    ),
    Elsewhere(
        "an error that repeats what was sent",
        "never",
        "chat-core/tests/protocol/bad_frames/mod.rs::an_error_never_repeats_what_came",
    ),
];

#[test]
fn what_is_tested_elsewhere_is_there() {
    assert_there(ELSEWHERE);
}
