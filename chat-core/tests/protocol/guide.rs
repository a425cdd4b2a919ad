//! `PROTOCOL.md` shows real frames: each frame decodes and encodes back, and the tables are the
//! code's.
//!
//! The words after `json` say the kind of a block: `request` or `reply` with the request's type,
//! `error`, or `event`.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::limits::{Allowance, ByteRate, FieldLimits, Limits, Rate, RateSetting};
use chat_core::protocol::{
    CloseCode, ErrorCode, EventType, Fault, RateClass, Reply, Request, RequestId, Roles, Rules,
    ServerEventType, ServerFrame,
};
use serde_json::Value;

const GUIDE: &str = include_str!("../../PROTOCOL.md");

/// The JSON blocks of the guide: the words after `json`, and the text.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let blocks = GUIDE.split("```json").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap().split_once('\n').unwrap());
    blocks.map(|(info, text)| (info.trim(), text)).collect()
}

/// The frame of a block, decoded and encoded again.
fn encoded_again(info: &str, text: &str) -> Vec<u8> {
    match info.split_once(' ').unwrap_or((info, "")) {
        ("request", "") => {
            let (request_id, request) = Request::decode(text.as_bytes(), &FieldLimits::default()).unwrap();
            request.encode(request_id.as_ref()).into()
        }
        ("reply", kind) => reply(event_type(kind), text),
        // An error is the reply to any request.
        ("error", "") => reply(EventType::SendChatMessage, text),
        ("event", "") => match ServerFrame::decode(text.as_bytes()).unwrap() {
            ServerFrame::Event(event) => event.encode().into(),
            other => panic!("no event but {other:?}: {text}"),
        },
        _ => panic!("a block must say what it is, not {info:?}"),
    }
}

fn event_type(name: &str) -> EventType {
    EventType::named(name).unwrap_or_else(|| panic!("no request {name:?}"))
}

/// Decodes a reply beside its `request_id`, as a client does, and encodes both again, as the server
/// does.
fn reply(to: EventType, text: &str) -> Vec<u8> {
    let ServerFrame::Reply(raw) = ServerFrame::decode(text.as_bytes()).unwrap() else { panic!("{text}") };
    let reply = raw.decode(to).unwrap();
    let is_error = matches!(reply, Reply::Error(_));
    assert_eq!(is_error, text.contains("\"success\": false"), "{text}");
    reply.encode(raw.request_id.as_ref()).into()
}

fn kind(text: &str) -> String {
    serde_json::from_str::<Value>(text).unwrap()["type"].as_str().unwrap().to_owned()
}

#[test]
fn every_block_decodes_and_encodes_back_to_the_same_json() {
    for (info, text) in blocks() {
        let encoded: Value = serde_json::from_slice(&encoded_again(info, text)).unwrap();
        assert_eq!(encoded, serde_json::from_str::<Value>(text).unwrap(), "{info}: {text}");
    }
}

#[test]
fn every_request_reply_and_event_is_shown() {
    let shown: BTreeSet<_> = blocks()
        .into_iter()
        .map(|(info, text)| match info {
            "request" | "event" => format!("{info} {}", kind(text)),
            other => other.to_owned(),
        })
        .collect();
    let both = |event: &EventType| ["request", "reply"].map(|what| format!("{what} {}", event.as_str()));
    let mut all: BTreeSet<_> = EventType::ALL.iter().flat_map(both).collect();
    all.insert("error".to_owned());
    all.extend(ServerEventType::ALL.iter().map(|event| format!("event {}", event.as_str())));
    assert_eq!(shown, all);
}

/// Every optional field that was added is shown at least once.
#[test]
fn every_addition_is_shown() {
    let text: String = blocks().into_iter().map(|(_, text)| text).collect();
    for field in [
        "request_id",
        "client_message_id",
        "room_type",
        "seq",
        "limit",
        "skip",
        "before_seq",
        "after_seq",
        "epoch",
        "last_seq",
        "complete",
        "reset",
        "has_more",
        "cursor",
        "next_cursor",
        "participant_count",
        "cut",
        "read_up_to",
        "unread_count",
        "code",
        "retry_after_ms",
        "expires_at",
        "work",
        "action",
        "assignee",
        "waiting_since",
        "version",
        "to",
        "find",
        "people",
        "notes_conversation_id",
        "connected",
        "work_counts",
        "language",
        "phrases",
        "emergency",
        "answers",
        "answer_within_ms",
        "order",
        "answer",
        "late",
        "orders",
    ] {
        assert!(text.contains(&format!("\"{field}\":")), "{field}");
    }
}

/// The rows of the table that begins with this row, each as its cells.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let (_, rest) = GUIDE.split_once(head).expect("the table is there");
    let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row[1..row.len() - 1].split('|').map(str::trim).collect()).collect()
}

/// The names between backquotes.
fn names(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_of_requests_is_the_rules() {
    let rows = table("| Request | Roles | Participants only | Counts as | Sent once |");
    let shown: Vec<_> = rows.iter().map(|row| (names(row[0]).next().unwrap(), row[1..].to_vec())).collect();
    let expected = EventType::ALL.iter().map(|event| {
        let Rules { roles, membership, rate, reads: _, once } = event.rules();
        let roles = match roles {
            Roles::All => "everybody",
            Roles::Field => "bus drivers, queue regulators",
            Roles::Control => "control staff, control admins",
        };
        let rate = match rate {
            RateClass::Request => "a request",
            RateClass::Message => "a message",
            RateClass::Creation => "a creation",
            RateClass::Page => "the bytes of its reply",
        };
        let yes = |is| if is { "yes" } else { "" };
        (event.as_str(), vec![roles, yes(membership), rate, yes(once)])
    });
    assert_eq!(shown, expected.collect::<Vec<_>>());
}

#[test]
fn the_table_of_receivers_names_every_event() {
    let shown: Vec<_> =
        table("| Event | Receivers |").iter().filter_map(|row| names(row[0]).next()).collect();
    assert_eq!(shown, ServerEventType::ALL.iter().map(|event| event.as_str()).collect::<Vec<_>>());
}

#[test]
fn the_table_of_errors_is_the_codes() {
    let shown: Vec<_> = table("| Code | Kind | Text |");
    let expected: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let kind = match code.fault() {
                Fault::Request => "request",
                Fault::Access => "access",
                Fault::Pace => "pace",
                Fault::Token => "token",
                Fault::Server => "server",
            };
            (format!("`{}`", code.as_str()), kind, code.text())
        })
        .collect();
    let shown: Vec<_> = shown.iter().map(|row| (row[0].to_owned(), row[1], row[2])).collect();
    assert_eq!(shown, expected);
}

#[test]
fn the_table_of_close_codes_is_the_codes() {
    let rows = table("| Code | Reason | Connect again? |");
    let shown: BTreeSet<_> = rows.iter().map(|row| (row[0].parse().unwrap(), row[1])).collect();
    let expected: BTreeSet<_> = CloseCode::ALL.iter().map(|code| (code.code(), code.reason())).collect();
    assert_eq!(shown, expected);
    assert_eq!(rows.len(), expected.len(), "each code once");
    for row in &rows {
        let code: u16 = row[0].parse().unwrap();
        let at_once = row[2] != "no" && !row[2].starts_with("not at once");
        assert_eq!(!at_once, (4_500..5_000).contains(&code), "whether to connect again after {code}");
    }
}

#[test]
fn the_table_of_limits_is_the_defaults() {
    let Limits { fields, pages, rates, engine, outbound, periods } = Limits::default();
    let RateSetting::Limited(rates) = rates else { panic!("rates are limited by default") };
    let daily = rates.daily.expect("a day is bounded by default");
    let rows = table("| What | Limit | Beyond it |");
    let shown = |what: &str| {
        let row = rows.iter().find(|row| row[0] == what).unwrap_or_else(|| panic!("no row {what:?}"));
        row[1]
    };
    let per = |rate: Rate, period: Duration| period.as_micros() / rate.every.as_micros();
    let bytes = |rate: ByteRate| {
        format!(
            "{} KiB a second, {} MiB at once",
            grouped(rate.per_second as usize / 1_024),
            rate.burst / 1_048_576
        )
    };
    let (second, minute) = (Duration::from_secs(1), Duration::from_mins(1));
    for (what, limit) in [
        ("nesting of a frame", format!("{} levels", fields.depth)),
        ("`content`", format!("{} characters", grouped(fields.content))),
        ("`title`", format!("{} characters", fields.title)),
        ("`client_message_id`", format!("{} characters", fields.client_message_id)),
        ("`request_id`", format!("{} characters, or 2^53 - 1 either way", RequestId::MAX_CHARS)),
        ("history page", format!("{} messages", pages.messages_most)),
        (
            "catch-up",
            format!(
                "{} messages, {} KiB of text as JSON writes it",
                pages.catch_up_messages,
                pages.catch_up_bytes / 1_024
            ),
        ),
        ("list of conversations", format!("{} conversations", grouped(pages.conversations as usize))),
        (
            "brief list of conversations",
            format!("{} conversations, or {} KiB", pages.brief_conversations, pages.brief_bytes / 1_024),
        ),
        ("`cursor`", format!("{} characters", fields.cursor)),
        (
            "requests of a user",
            format!("{} a second, {} at once", per(rates.requests, second), rates.requests.burst),
        ),
        (
            "messages of a user",
            format!("{} a second, {} at once", per(rates.messages, second), rates.messages.burst),
        ),
        (
            "creations of a user",
            format!("{} a minute, {} at once", per(rates.creations, minute), rates.creations.burst),
        ),
        (
            "new connections of a user",
            format!("{} a second, {} at once", per(rates.connects, second), rates.connects.burst),
        ),
        ("changes of the role by tokens that are not newer", an_hour(rates.role_changes)),
        ("changes of the names by tokens", an_hour(rates.renames)),
        ("stored bytes of a user", format!("{} MiB a day", daily.bytes >> 20)),
        ("the same, in emergencies alone", format!("{} MiB a day", daily.emergency_bytes >> 20)),
        ("bytes of messages of a user", bytes(rates.message_bytes)),
        ("bytes of lists, history and catch-ups of a user", bytes(rates.reply_bytes)),
        (
            "repeats of a user",
            format!(
                "{} a second, {} at once",
                grouped(usize::try_from(per(rates.repeats, second)).unwrap()),
                grouped(rates.repeats.burst as usize)
            ),
        ),
        ("connections of a user", engine.connections_per_user.to_string()),
        ("requests under way on a connection", engine.requests_under_way.to_string()),
        ("replies that wait on a connection", format!("{} KiB", outbound.reply_bytes / 1_024)),
        (
            "live events that wait on a connection",
            format!("{}, or {} MiB", grouped(outbound.live_events), outbound.live_bytes / 1_048_576),
        ),
        ("live events held back behind a reply under way", grouped(engine.held_back)),
        ("typing of a connection", format!("{} conversations", engine.typing_per_connection)),
        ("typing without a refresh", format!("{} s", periods.typing_expires.as_secs())),
    ] {
        assert_eq!(shown(what), limit, "{what}");
    }
}

/// A number below a million with its thousands apart.
fn an_hour(Allowance { most, within }: Allowance) -> String {
    assert_eq!(within, Duration::from_hours(1));
    format!("{most} an hour")
}

fn grouped(number: usize) -> String {
    match (number / 1_000, number % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

#[test]
fn links_lead_to_headings() {
    let headings: BTreeSet<String> = GUIDE.lines().filter(|line| line.starts_with('#')).map(anchor).collect();
    for link in GUIDE.split("](#").skip(1) {
        let target = link.split(')').next().unwrap();
        assert!(headings.contains(target), "no heading for #{target}");
    }
}

/// The anchor of a heading: lower case, letters and digits, spaces as hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
