//! Senseless settings are named by a check, and never make an engine panic or loop.

use std::time::Duration;

use chat_core::engine::{LONGEST_PERIOD, Settings, SettingsError};
use chat_core::limits::{
    Allowance, ByteRate, DailyBudget, EngineLimits, FieldLimits, Limits, OutboundLimits, PageLimits, Periods,
    Rate, RateLimits, RateSetting,
};
use chat_core::testing::World;
use core_test_support::ops::{Op, Request};
use core_test_support::run::Run;
use core_test_support::settings;
use proptest::prelude::*;

const ZERO: Duration = Duration::ZERO;

fn checked(change: impl FnOnce(&mut Limits)) -> Result<(), String> {
    settings(change).check().map_err(|error| error.to_string())
}

fn rated(change: impl FnOnce(&mut RateLimits)) -> Result<(), String> {
    let mut rates = RateLimits::default();
    change(&mut rates);
    checked(|limits| limits.rates = RateSetting::Limited(rates))
}

fn too_small(setting: &str, least: usize) -> Result<(), String> {
    Err(format!("`{setting}` is too small: at least {least} is needed"))
}

fn too_long(setting: &str) -> Result<(), String> {
    Err(format!("`{setting}` is longer than 100 years"))
}

#[test]
fn sensible_settings_pass() {
    assert_eq!(Settings::default().check(), Ok(()));
    assert_eq!(checked(|limits| limits.rates = RateSetting::Lifted), Ok(()));
    for messages in [0, 1, u32::MAX] {
        let rates = RateLimits::with_messages_per_second(messages);
        assert_eq!(checked(|limits| limits.rates = RateSetting::Limited(rates)), Ok(()), "{messages}");
    }
    assert_eq!(rated(|rates| rates.daily = None), Ok(()));
    assert_eq!(checked(|limits| limits.periods.token_leeway = ZERO), Ok(()));
    assert_eq!(checked(|limits| limits.engine.conflict_retries = 0), Ok(()));
    assert_eq!(rated(|rates| rates.renames.most = 0), Ok(()), "nobody may rename");
}

/// Sets a number to zero and then to an absurd one, and says which of these the check refuses.
macro_rules! refused {
    ($($group:ident.$field:ident = $value:expr => $expected:expr;)*) => {
        $(assert_eq!(
            checked(|limits| limits.$group.$field = $value),
            $expected,
            concat!(stringify!($group), ".", stringify!($field))
        );)*
    };
}

#[test]
fn every_zero_is_named() {
    refused! {
        fields.depth = 2 => too_small("fields.depth", 3);
        fields.content = 0 => too_small("fields.content", 1);
        fields.title = 0 => too_small("fields.title", 1);
        fields.client_message_id = 0 => too_small("fields.client_message_id", 1);
        fields.cursor = 39 => too_small("fields.cursor", 40);
        pages.messages_default = 0 => too_small("pages.messages_default", 1);
        pages.messages_most = 0 => too_small("pages.messages_most", 1);
        pages.catch_up_messages = 0 => too_small("pages.catch_up_messages", 1);
        pages.catch_up_bytes = 0 => too_small("pages.catch_up_bytes", 1);
        pages.conversations = 0 => too_small("pages.conversations", 1);
        pages.conversation_participants = 0 => too_small("pages.conversation_participants", 1);
        pages.brief_conversations = 0 => too_small("pages.brief_conversations", 1);
        pages.brief_bytes = 0 => too_small("pages.brief_bytes", 1);
        engine.requests_under_way = 0 => too_small("engine.requests_under_way", 1);
        engine.connections_per_user = 0 => too_small("engine.connections_per_user", 1);
        engine.typing_per_connection = 0 => too_small("engine.typing_per_connection", 1);
        engine.typing_changes = 0 => too_small("engine.typing_changes", 1);
        engine.changes_per_commit = 0 => too_small("engine.changes_per_commit", 1);
        engine.changes_waiting = 0 => too_small("engine.changes_waiting", 1);
        engine.cached_conversations = 0 => too_small("engine.cached_conversations", 1);
        engine.held_back = 0 => too_small("engine.held_back", 1);
        engine.rated_users = 0 => too_small("engine.rated_users", 1);
        outbound.reply_bytes = 0 => too_small("outbound.reply_bytes", 1);
        outbound.live_events = 1 => too_small("outbound.live_events", 2);
        outbound.live_bytes = 1 => too_small("outbound.live_bytes", 2);
        outbound.total_bytes = 0 => too_small("outbound.total_bytes", 1);
        periods.inactive_after = ZERO => too_small("periods.inactive_after", 1);
        periods.typing_expires = ZERO => too_small("periods.typing_expires", 1);
        periods.typing_repeat = ZERO => too_small("periods.typing_repeat", 1);
        periods.typing_window = ZERO => too_small("periods.typing_window", 1);
        periods.unavailable_retry = ZERO => too_small("periods.unavailable_retry", 1);
        periods.storage_retry = ZERO => too_small("periods.storage_retry", 1);
    }
}

#[test]
fn every_overlong_time_is_named() {
    let long = LONGEST_PERIOD + Duration::from_nanos(1);
    refused! {
        periods.inactive_after = long => too_long("periods.inactive_after");
        periods.typing_expires = long => too_long("periods.typing_expires");
        periods.typing_repeat = long => too_long("periods.typing_repeat");
        periods.typing_window = long => too_long("periods.typing_window");
        periods.unavailable_retry = long => too_long("periods.unavailable_retry");
        periods.storage_retry = long => too_long("periods.storage_retry");
        periods.token_leeway = long => too_long("periods.token_leeway");
    }
    assert_eq!(rated(|rates| rates.renames.within = long), too_long("rates.renames"));
    assert_eq!(rated(|rates| rates.role_changes.within = long), too_long("rates.role_changes"));
}

#[test]
fn a_senseless_rate_is_named() {
    type Choose = fn(&mut RateLimits) -> &mut Rate;
    let rates: [(&str, Choose); 5] = [
        ("rates.requests", |rates| &mut rates.requests),
        ("rates.messages", |rates| &mut rates.messages),
        ("rates.creations", |rates| &mut rates.creations),
        ("rates.connects", |rates| &mut rates.connects),
        ("rates.repeats", |rates| &mut rates.repeats),
    ];
    for (setting, rate) in rates {
        assert_eq!(rated(|rates| rate(rates).burst = 0), too_small(setting, 1));
        assert_eq!(rated(|rates| rate(rates).every = ZERO), too_small(setting, 1), "no limit at all");
        assert_eq!(rated(|rates| rate(rates).every = Duration::MAX), too_long(setting));
        let slow = Rate { burst: 2, every: LONGEST_PERIOD };
        assert_eq!(rated(|rates| *rate(rates) = slow), too_long(setting), "the whole bucket");
    }
    let none = ByteRate { burst: 1, per_second: 0 };
    assert_eq!(rated(|rates| rates.message_bytes = none), too_small("rates.message_bytes", 1));
    assert_eq!(rated(|rates| rates.reply_bytes.burst = 0), too_small("rates.reply_bytes", 1));
    let daily = Some(DailyBudget { bytes: 1, emergency_bytes: 0 });
    assert_eq!(rated(|rates| rates.daily = daily), too_small("rates.daily", 1));
    assert_eq!(rated(|rates| rates.renames.within = ZERO), too_small("rates.renames", 1));
}

#[test]
fn a_contradiction_names_both_settings() {
    assert_eq!(
        checked(|limits| limits.pages.messages_most = 49),
        Err("`pages.messages_default` is larger than `pages.messages_most`".to_owned())
    );
    let repeats = settings(|limits| limits.periods.typing_expires = Duration::from_secs(2)).check();
    let (setting, most) = ("periods.typing_repeat", "periods.typing_expires");
    assert_eq!(repeats, Err(SettingsError::Contradiction { setting, most }));
    assert_eq!(
        checked(|limits| limits.outbound.live_events = 1_000),
        Err("`engine.held_back` is larger than `outbound.live_events`".to_owned())
    );
}

/// Numbers at the edges, in the order in which they are asked for.
struct Edges<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Edges<'_> {
    fn next(&mut self) -> u8 {
        *self.0.next().expect("a cycle has no end")
    }

    fn numbers<const N: usize>(&mut self, numbers: [&mut usize; N]) {
        for number in numbers {
            *number = [0, 1, *number, usize::MAX / 2, usize::MAX][usize::from(self.next()) % 5];
        }
    }

    fn counts<const N: usize>(&mut self, counts: [&mut u32; N]) {
        for count in counts {
            *count = [0, 1, *count, u32::MAX / 2, u32::MAX][usize::from(self.next()) % 5];
        }
    }

    fn times<const N: usize>(&mut self, times: [&mut Duration; N]) {
        for time in times {
            let edges =
                [ZERO, Duration::from_nanos(1), *time, LONGEST_PERIOD, Duration::MAX / 2, Duration::MAX];
            *time = edges[usize::from(self.next()) % 6];
        }
    }

    /// Every field of the limits. A new one does not compile before it is here.
    fn limits(&mut self) -> Limits {
        let mut limits = Limits::default();
        let Limits { fields, pages, rates, engine, outbound, periods } = &mut limits;
        let FieldLimits { depth, content, title, client_message_id, cursor } = fields;
        self.numbers([depth, content, title, client_message_id, cursor]);
        self.pages(pages);
        *rates = RateSetting::Limited(self.rates());
        self.engine(engine);
        let OutboundLimits { reply_bytes, live_events, live_bytes, total_bytes } = outbound;
        self.numbers([reply_bytes, live_events, live_bytes, total_bytes]);
        let Periods {
            inactive_after,
            typing_expires,
            typing_repeat,
            typing_window,
            token_leeway,
            unavailable_retry,
            storage_retry,
        } = periods;
        self.times([inactive_after, typing_expires, typing_repeat, typing_window]);
        self.times([token_leeway, unavailable_retry, storage_retry]);
        limits
    }

    fn pages(&mut self, pages: &mut PageLimits) {
        let PageLimits {
            messages_default,
            messages_most,
            catch_up_messages,
            catch_up_bytes,
            conversations,
            conversation_participants,
            brief_conversations,
            brief_bytes,
            brief_participants,
            brief_content,
            people_default,
            people_most,
            people_searched,
        } = pages;
        self.counts([messages_default, messages_most, catch_up_messages, conversations, brief_conversations]);
        self.numbers([catch_up_bytes, conversation_participants, brief_bytes, brief_participants]);
        self.numbers([brief_content]);
        self.counts([people_default, people_most, people_searched]);
    }

    fn rates(&mut self) -> RateLimits {
        let mut rates = RateLimits::default();
        let RateLimits {
            requests,
            messages,
            creations,
            connects,
            role_changes,
            renames,
            daily,
            message_bytes,
            reply_bytes,
            repeats,
        } = &mut rates;
        for Rate { burst, every } in [requests, messages, creations, connects, repeats] {
            self.counts([burst]);
            self.times([every]);
        }
        for Allowance { most, within } in [role_changes, renames] {
            self.counts([most]);
            self.times([within]);
        }
        for ByteRate { burst, per_second } in [message_bytes, reply_bytes] {
            self.counts([burst, per_second]);
        }
        let (mut bytes, mut emergency_bytes) = (1 << 20, 1 << 20);
        self.numbers([&mut bytes, &mut emergency_bytes]);
        *daily = Some(DailyBudget { bytes: bytes as u64, emergency_bytes: emergency_bytes as u64 });
        rates
    }

    fn engine(&mut self, engine: &mut EngineLimits) {
        let EngineLimits {
            requests_under_way,
            connections_per_user,
            typing_per_connection,
            typing_changes,
            changes_per_commit,
            changes_waiting,
            cached_conversations,
            held_back,
            rated_users,
            conflict_retries,
        } = engine;
        self.numbers([requests_under_way, connections_per_user, typing_per_connection, changes_per_commit]);
        self.numbers([changes_waiting, cached_conversations, held_back, rated_users]);
        self.counts([typing_changes, conflict_retries]);
    }
}

/// Connects everybody, and makes one request of each kind, again and again, while time passes.
fn ops() -> Vec<Op> {
    let users = (0..6).map(Op::Connect);
    let (conn, conversation) = (0, 0);
    let requests = [
        Op::Request(0, Request::Create { key: Some(1), emergency: true }),
        Op::Request(2, Request::Create { key: None, emergency: false }),
        Op::AnswerAll,
        Op::Burst { conn: 3, conversation: 0 },
        Op::Request(3, Request::Send { conversation: 0, key: Some(1) }),
        Op::AnswerAll,
        Op::Request(3, Request::Send { conversation: 0, key: Some(1) }),
        Op::Request(3, Request::Type { conversation: 0, is_typing: true }),
        Op::Request(0, Request::Type { conversation: 0, is_typing: true }),
        Op::Request(3, Request::Type { conversation: 0, is_typing: false }),
        Op::Request(3, Request::Read { conversation: 0, seq: 0 }),
        Op::Request(conn, Request::Join { conversation, after: Some(0), known_epoch: true }),
        Op::Request(conn, Request::History { conversation }),
        Op::Request(conn, Request::List { brief: true }),
        Op::Request(3, Request::List { brief: false }),
        Op::AnswerAll,
        Op::Deactivate(3),
        Op::Advance(11),
        Op::AnswerAll,
        Op::Activate(3),
        Op::Crowd(3),
        Op::AnswerAll,
        Op::Disconnect(0),
    ];
    let twice = requests.iter().chain(&requests).cloned();
    users.chain([Op::AnswerAll]).chain(twice).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Among others: a rate of one request in `Duration::MAX`, a commit of no changes, no time
    /// between two looks at a typing state, rates of `usize::MAX` users.
    #[test]
    fn no_settings_make_an_engine_panic(edges in prop::collection::vec(any::<u8>(), 1..80)) {
        let limits = Edges(edges.iter().cycle()).limits();
        let settings = Settings { limits, ..Settings::default() };
        let _checked = settings.check();
        let mut run = Run::over(World::new(settings));
        ops().iter().for_each(|op| run.apply(op));
    }
}
