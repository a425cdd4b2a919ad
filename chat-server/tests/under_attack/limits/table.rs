//! Every limit, the outcome beyond it, and the test. Limits that need real time or a slow store are
//! also tested where both are simulated.

use chat_core::limits::{EngineLimits, FieldLimits, OutboundLimits, PageLimits, Periods, RateLimits};

use crate::harness::elsewhere::{Elsewhere, assert_there};

macro_rules! limits {
    ($($limits:ident { $($field:ident: $must:literal, $place:literal;)* })*) => {
        const OF_THE_CORE: &[Elsewhere] = &[
            $($(Elsewhere(concat!(stringify!($limits), ".", stringify!($field)), $must, $place),)*)*
        ];

        /// Does not compile while a limit has no line here.
        #[test]
        fn none_is_missing() {
            $(let $limits { $($field: _),* } = $limits::default();)*
        }
    };
}

limits! {
    FieldLimits {
        depth: "too_deep", "chat-server/tests/under_attack/limits/frames.rs::nesting_of_a_frame";
        content: "invalid_parameter", "chat-server/tests/under_attack/limits/frames.rs::fields_of_a_frame";
        title: "invalid_parameter", "chat-server/tests/under_attack/limits/frames.rs::fields_of_a_frame";
        client_message_id: "invalid_parameter", "chat-server/tests/under_attack/limits/frames.rs::fields_of_a_frame";
        cursor: "invalid_parameter", "chat-core/tests/protocol/bad_frames/fields.rs::a_cursor_is_one_that_the_server_makes";
    }
    PageLimits {
        messages_default: "a page of 50", "chat-server/tests/under_attack/limits/pages.rs::a_page_of_history";
        messages_most: "a page of 100", "chat-server/tests/under_attack/limits/pages.rs::a_page_of_history";
        catch_up_messages: "not complete", "chat-server/tests/under_attack/limits/pages.rs::a_catch_up";
        catch_up_bytes: "not complete", "chat-server/tests/under_attack/limits/pages.rs::a_catch_up";
        conversations: "has_more", "chat-server/tests/under_attack/limits/pages.rs::a_list_of_conversations";
        conversation_participants: "has_more", "chat-core/tests/engine/bounds.rs::a_list_is_cut_by_participants_too";
        brief_conversations: "has_more", "chat-core/tests/engine/lists.rs::a_brief_page_is_cut_by_its_conversations";
        brief_bytes: "has_more", "chat-server/tests/under_attack/limits/pages.rs::a_list_of_conversations";
        brief_participants: "the first by id", "chat-core/tests/engine/lists.rs::a_brief_row_shows_some_members_and_counts_all";
        brief_content: "cut", "chat-core/tests/engine/lists.rs::a_brief_row_shows_the_first_characters_of_the_last_message";
        people_default: "next_cursor", "chat-core/tests/engine/people.rs::a_page_of_people_is_bounded_and_goes_on";
        people_most: "next_cursor", "chat-core/tests/engine/people.rs::a_page_of_people_is_bounded_and_goes_on";
        people_searched: "next_cursor", "chat-core/tests/engine/people.rs::a_page_of_people_is_bounded_and_goes_on";
    }
    RateLimits {
        requests: "rate_limited", "chat-server/tests/under_attack/limits/rates.rs::requests_of_a_user";
        messages: "rate_limited", "chat-server/tests/under_attack/limits/rates.rs::messages_of_a_user";
        creations: "rate_limited", "chat-server/tests/under_attack/limits/rates.rs::creations_of_a_user";
        connects: "1013", "chat-core/tests/engine/rights.rs::reconnecting_at_line_rate_is_refused_and_stores_nothing";
        role_changes: "4002 with a pause", "chat-core/tests/engine/rights.rs::a_role_flips_three_times_an_hour_and_then_waits";
        renames: "the known name stays", "chat-core/tests/engine/rights.rs::names_of_two_apps_do_not_flip_for_ever";
        daily: "budget_exceeded", "chat-core/tests/engine/budget.rs::a_day_of_messages_is_bounded_by_what_they_store_and_waiting_as_told_is_enough";
        message_bytes: "rate_limited", "chat-core/tests/engine/weights.rs::messages_are_weighed_as_events_carry_them";
        reply_bytes: "rate_limited", "chat-core/tests/engine/weights.rs::pages_are_weighed_once_they_are_made";
        repeats: "not read further", "chat-core/tests/engine/weights.rs::a_flood_of_repeats_is_slowed_down_and_none_is_refused";
    }
    EngineLimits {
        requests_under_way: "not read further", "chat-server/tests/under_attack/limits/queues.rs::requests_under_way_and_replies_that_wait";
        connections_per_user: "4504", "chat-server/tests/under_attack/limits/connections.rs::connections_of_a_user";
        typing_changes: "the last state is told later", "chat-core/tests/engine/typing.rs::toggles_are_told_a_few_times_in_two_seconds_and_the_last_state_at_last";
        typing_per_connection: "the oldest ends", "chat-server/tests/under_attack/limits/typing.rs::conversations_of_typing";
        changes_per_commit: "the next takes the rest", "chat-core/tests/engine/bounds.rs::a_commit_takes_a_bounded_number_of_changes_and_the_next_the_rest";
        changes_waiting: "unavailable", "chat-core/tests/engine/bounds.rs::too_many_changes_that_wait_are_unavailable";
        cached_conversations: "loaded again", "chat-core/tests/engine/conflicts.rs::a_message_is_heard_however_small_the_cache_and_whatever_meets_a_conflict";
        held_back: "4008", "chat-core/tests/engine/bounds.rs::too_many_live_events_behind_a_reply_close_the_connection";
        rated_users: "the longest unused starts afresh", "chat-core/src/engine/rate.rs::of_too_many_users_the_longest_unused_starts_afresh";
        conflict_retries: "unavailable", "chat-core/tests/engine/conflicts.rs::after_three_retries_it_is_unavailable";
    }
    OutboundLimits {
        reply_bytes: "not read further", "chat-server/tests/under_attack/limits/queues.rs::requests_under_way_and_replies_that_wait";
        live_events: "typing is shed, then 4008", "chat-server/tests/under_attack/limits/queues.rs::live_events_that_wait";
        live_bytes: "4008", "chat-server/tests/under_attack/limits/queues.rs::live_events_that_wait";
        total_bytes: "the slowest is closed", "chat-server/tests/under_attack/limits/queues.rs::bytes_that_wait_on_all_connections";
    }
    Periods {
        inactive_after: "not listed", "chat-core/tests/engine/lists.rs::one_conversation_is_shown_as_in_the_list_active_or_not";
        typing_expires: "it ends", "chat-core/tests/engine/typing.rs::it_ends_after_ten_seconds_without_a_refresh";
        typing_window: "the last state is told", "chat-core/tests/engine/typing.rs::toggles_are_told_a_few_times_in_two_seconds_and_the_last_state_at_last";
        typing_repeat: "answered, not broadcast", "chat-server/tests/under_attack/limits/repeats.rs::typing";
        token_leeway: "4001", "chat-core/tests/engine/sessions.rs::a_session_ends_thirty_seconds_after_its_token";
        unavailable_retry: "retry_after_ms", "chat-core/tests/engine/unavailable.rs::a_load_that_fails_is_answered_in_its_turn";
        storage_retry: "retry_after_ms", "chat-core/tests/engine/headroom.rs::the_reserve_is_for_control_and_emergencies";
    }
}

const OF_THE_SERVER: &[Elsewhere] = &[
    Elsewhere(
        "length of a frame",
        "1009",
        "chat-server/tests/under_attack/limits/frames.rs::length_of_a_frame",
    ),
    Elsewhere(
        "claims of a token, 256 bytes each",
        "4501",
        "chat-server/src/auth/tests/mod.rs::what_is_required_must_be_there_and_be_what_it_says",
    ),
    Elsewhere(
        "a token for more than a year",
        "counts for a year",
        "chat-server/src/auth/tests/mod.rs::absurd_times_are_times",
    ),
    Elsewhere(
        "connections in all",
        "1013",
        "chat-server/tests/under_attack/limits/connections.rs::connections_of_the_server",
    ),
    Elsewhere(
        "connections without a token of one address, and their ten seconds",
        "the oldest are closed",
        "chat-server/tests/under_attack/limits/handshakes.rs::newcomers_of_an_address_and_the_time_of_a_handshake",
    ),
    Elsewhere(
        "connections without a token in all",
        "the oldest of the address that holds most is closed",
        "chat-server/src/connection/tests.rs::at_the_bound_a_silent_stranger_gives_way_and_a_lone_one_gets_in",
    ),
    Elsewhere(
        "the ten seconds while half of the places are taken",
        "five seconds",
        "chat-server/src/connection/tests.rs::while_half_of_the_places_are_taken_newcomers_have_five_seconds",
    ),
    Elsewhere(
        "connections that were refused and have yet to close",
        "the oldest of the address that holds most is closed",
        "chat-server/src/newcomers/ledger.rs::of_those_that_leave_only_some_stay",
    ),
    Elsewhere(
        "headers that come slowly",
        "left after ten seconds",
        "chat-server/src/connection/tests.rs::headers_that_come_too_slowly_gain_no_time",
    ),
    Elsewhere(
        "length of a request's head",
        "431, or closed",
        "chat-server/tests/under_attack/limits/handshakes.rs::the_head_of_a_handshake",
    ),
    Elsewhere("no sign of life", "4012", "chat-server/tests/under_attack/limits/idle.rs::silence"),
    Elsewhere(
        "no sign of life, to the second",
        "4012, ten seconds after a ping",
        "chat-server/src/websocket/tests/heartbeat.rs::silence_is_told_by_4012_ten_seconds_after_a_ping",
    ),
    Elsewhere(
        "a heartbeat out of bounds",
        "pressed into 25 to 300 seconds",
        "chat-server/src/websocket/tests/heartbeat.rs::the_interval_is_pressed_into_its_bounds",
    ),
    Elsewhere(
        "a peer that takes nothing",
        "closed after ten seconds",
        "chat-server/src/websocket/tests/mod.rs::a_peer_that_takes_nothing_for_ten_seconds_is_given_up",
    ),
    Elsewhere(
        "requests under way on a slow store",
        "not read further, all answered later",
        "chat-core/tests/drive/pipelining.rs::a_thousand_requests_without_reading_are_all_answered_once_they_are_read",
    ),
    Elsewhere(
        "bytes that wait on all connections, the slowest of them",
        "closed alone",
        "chat-core/tests/drive/slow_readers.rs::the_global_budget_closes_the_slowest_alone",
    ),
    Elsewhere(
        "repeats of a message",
        "free, and done once",
        "chat-server/tests/under_attack/limits/repeats.rs::messages",
    ),
    Elsewhere("repeats under any rate", "free", "chat-core/tests/engine/rates.rs::repeats_cost_nothing"),
    Elsewhere(
        "an older read position, or the same",
        "not broadcast",
        "chat-server/tests/under_attack/limits/repeats.rs::reading",
    ),
];

#[test]
fn each_is_gone_beyond_by_a_test_that_is_there() {
    assert_there(OF_THE_CORE);
    assert_there(OF_THE_SERVER);
}
