//! Limits that take real time or a slow store to go beyond, and are tested where both are simulated.

use crate::under_attack::elsewhere::{Elsewhere, assert_there};

const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere(
        "no sign of life",
        "4012, ten seconds after a ping",
        "chat-server/src/websocket/tests.rs::silence_is_told_by_4012_ten_seconds_after_a_ping",
    ),
    Elsewhere(
        "a heartbeat out of bounds",
        "pressed into 25 to 300 seconds",
        "chat-server/src/websocket/tests.rs::the_interval_is_pressed_into_its_bounds",
    ),
    Elsewhere(
        "a peer that takes nothing",
        "closed after ten seconds",
        "chat-server/src/websocket/tests.rs::a_peer_that_takes_nothing_for_ten_seconds_is_given_up",
    ),
    Elsewhere(
        "headers that come slowly",
        "left after ten seconds",
        "chat-server/src/connection/tests.rs::headers_that_come_too_slowly_gain_no_time",
    ),
    Elsewhere(
        "requests under way on a slow store",
        "not read further, all answered later",
        "chat-core/tests/drive_pipelining.rs::a_thousand_requests_without_reading_are_all_answered_once_they_are_read",
    ),
    Elsewhere(
        "bytes that wait on all connections together",
        "the slowest is closed",
        "chat-core/tests/drive_slow_readers.rs::the_global_budget_closes_the_slowest_alone",
    ),
    Elsewhere(
        "live events held back behind a reply",
        "4008",
        "chat-core/tests/engine_bounds.rs::too_many_live_events_behind_a_reply_close_the_connection",
    ),
    Elsewhere(
        "changes that wait for a commit",
        "unavailable",
        "chat-core/tests/engine_bounds.rs::too_many_changes_that_wait_are_unavailable",
    ),
    Elsewhere("repeats under a rate", "free", "chat-core/tests/engine_rates.rs::repeats_cost_nothing"),
];

#[test]
fn what_is_tested_elsewhere_is_there() {
    assert_there(ELSEWHERE);
}
