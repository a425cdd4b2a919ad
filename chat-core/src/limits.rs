//! The bounds that an embedder may set, each with its reason. Fixed ones stand beside their code,
//! except for [`LONGEST_CLAIM`].

use std::time::Duration;

const KIB: usize = 1024;

/// Bytes of each text of a user: id, email, names. All are kept in memory and shown in lists. This
/// bound is fixed, because stores may rely on the length of ids.
pub const LONGEST_CLAIM: usize = 256;

/// Bounds on the content of a frame. Lengths count Unicode scalars.
#[derive(Clone, Debug)]
pub struct FieldLimits {
    /// Levels of arrays and objects in a frame. The protocol's own frames have three.
    pub depth: usize,
    /// Length of a message: two screens of a phone, and at most 16 KB.
    pub content: usize,
    /// Length of a title: one line of a list.
    pub title: usize,
    /// Length of a `client_message_id`. A UUID has 36.
    pub client_message_id: usize,
    /// Length of a cursor. The server's own have about 40.
    pub cursor: usize,
}

impl Default for FieldLimits {
    fn default() -> Self {
        Self { depth: 32, content: 4_000, title: 200, client_message_id: 64, cursor: 64 }
    }
}

/// Bounds on pages of replies.
#[derive(Clone, Debug)]
pub struct PageLimits {
    /// Messages of a history page without a `limit`.
    pub messages_default: u32,
    /// Messages of a history page with any `limit`.
    pub messages_most: u32,
    /// Messages of one catch-up. A shift's conversation comes in one piece.
    pub catch_up_messages: u32,
    /// Bytes of content of one catch-up, as JSON. Longer ones are cut, so that a phone on a weak
    /// link sees progress.
    pub catch_up_bytes: usize,
    /// Conversations of one list.
    pub conversations: u32,
    /// Participants in all of one list together, after which the list is cut. Bounds the reply's
    /// size.
    pub conversation_participants: usize,
    /// Conversations of one brief list. More would not fit its bytes.
    pub brief_conversations: u32,
    /// Bytes of the conversations of one brief list, as JSON. Longer lists are cut. A phone at 64
    /// kbit/s loads this much in 8 s.
    pub brief_bytes: usize,
    /// Participants shown for each conversation of a brief list.
    pub brief_participants: usize,
    /// Characters shown of the last message of each conversation of a brief list.
    pub brief_content: usize,
    /// People of one page without a `limit`.
    pub people_default: u32,
    /// People of one page with any `limit`.
    pub people_most: u32,
    /// Accounts that one page of people is searched in. A search of more goes on by cursor.
    pub people_searched: u32,
}

impl Default for PageLimits {
    fn default() -> Self {
        Self {
            messages_default: 50,
            messages_most: 100,
            catch_up_messages: 300,
            catch_up_bytes: 256 * KIB,
            conversations: 1_000,
            conversation_participants: 20_000,
            brief_conversations: 200,
            brief_bytes: 64 * KIB,
            brief_participants: 20,
            brief_content: 100,
            people_default: 50,
            people_most: 200,
            people_searched: 1_000,
        }
    }
}

/// A rate limit. Tokens flow into a bucket, and each event takes one.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Events at once after a pause.
    pub burst: u32,
    /// The time in which one more event becomes free.
    pub every: Duration,
}

/// A limit of events within any period of this length. A [`Rate`] allows more: its burst, and the
/// events that become free meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// The number of events.
    pub most: u32,
    /// The period.
    pub within: Duration,
}

/// Bytes that one user may store, over all connections. Budgets refill evenly over 24 hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DailyBudget {
    /// Bytes of messages, conversations and read positions: stored text, titles and ids, and 512
    /// bytes for each record. A busy control officer writes 3 MiB in a shift, a tenth of the
    /// default.
    pub bytes: u64,
    /// Bytes for emergencies once the daily budget is used up: creating one, and its creator's
    /// messages. Some 1,500 messages.
    pub emergency_bytes: u64,
}

impl Default for DailyBudget {
    fn default() -> Self {
        Self { bytes: 32 << 20, emergency_bytes: 1 << 20 }
    }
}

/// A rate of bytes.
#[derive(Clone, Copy, Debug)]
pub struct ByteRate {
    /// Bytes at once after a pause.
    pub burst: u32,
    /// Bytes that become free in a second.
    pub per_second: u32,
}

/// Rates of one user over all connections.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Requests of any kind: 50 a second, more than a person makes and less than a runaway loop.
    pub requests: Rate,
    /// Messages: 10 a second, 60 at once after a tunnel.
    pub messages: Rate,
    /// New conversations: 6 a minute.
    pub creations: Rate,
    /// Admitted connections: one a second, 60 at once. Each costs a load of the account. One more
    /// is closed with 1013.
    pub connects: Rate,
    /// Changes of the role by tokens not provably newer than the last change: 3 an hour. Each costs
    /// a record and ends all other sessions. One more is refused (4002) with the pause.
    pub role_changes: Allowance,
    /// Changes of the names by tokens: 3 an hour. Each costs a record. One more is ignored, and the
    /// session uses the known names.
    pub renames: Allowance,
    /// Bytes stored in a day, or `None` for no limit.
    pub daily: Option<DailyBudget>,
    /// Bytes of messages and new conversations in their encoded events: 64 KiB a second, 1 MiB at
    /// once. A burst of 60 messages of 4,000 characters fits, unless JSON escapes them, which makes
    /// six bytes of one.
    pub message_bytes: ByteRate,
    /// Bytes of lists, history and catch-ups: 1 MiB a second, 32 MiB at once, which is two whole
    /// lists of a control room with 100 control users and 1,000 conversations. A reply's bytes are
    /// known once the reply is made. So a reply may exceed the limit, and the next one waits.
    pub reply_bytes: ByteRate,
    /// Repeats of accepted requests, and requests over the rate that must be looked up because they
    /// may be repeats: 2,000 a second, and 2,000 at once, which is more than an outbox holds. Above
    /// this rate nothing is refused, but the connection's next request waits.
    pub repeats: Rate,
}

impl RateLimits {
    /// The default rates with another number of messages a second, and six times as many at once.
    ///
    /// A message is also a request and has bytes, so the limits on these are raised with the
    /// messages.
    pub fn with_messages_per_second(messages: u32) -> Self {
        let messages = messages.max(1);
        let every = (Duration::from_secs(1) / messages).max(Duration::from_nanos(1));
        let messages = Rate { burst: messages.saturating_mul(6), every };
        let default = Self::default();
        let Rate { burst, every } = default.requests;
        let requests = Rate { burst: burst.max(messages.burst), every: every.min(messages.every) };
        let times = messages.burst.div_ceil(default.messages.burst);
        let ByteRate { burst, per_second } = default.message_bytes;
        let message_bytes =
            ByteRate { burst: burst.saturating_mul(times), per_second: per_second.saturating_mul(times) };
        Self { requests, messages, message_bytes, ..default }
    }
}

impl Default for RateLimits {
    fn default() -> Self {
        Self {
            requests: Rate { burst: 100, every: Duration::from_millis(20) },
            messages: Rate { burst: 60, every: Duration::from_millis(100) },
            creations: Rate { burst: 6, every: Duration::from_secs(10) },
            connects: Rate { burst: 60, every: Duration::from_secs(1) },
            role_changes: Allowance { most: 3, within: Duration::from_hours(1) },
            renames: Allowance { most: 3, within: Duration::from_hours(1) },
            daily: Some(DailyBudget::default()),
            message_bytes: ByteRate { burst: 1024 * 1024, per_second: 64 * 1024 },
            reply_bytes: ByteRate { burst: 32 * 1024 * 1024, per_second: 1024 * 1024 },
            repeats: Rate { burst: 2_000, every: Duration::from_micros(500) },
        }
    }
}

/// Bounds on the engine's own queues and caches.
#[derive(Clone, Debug)]
pub struct EngineLimits {
    /// Unanswered requests of one connection. At this number the connection is not read until half
    /// are answered.
    pub requests_under_way: usize,
    /// Connections of one user. One more replaces the longest silent once its token is accepted. As
    /// many more may be waiting for admission.
    pub connections_per_user: usize,
    /// Conversations in which one connection may be typing. One more ends the oldest.
    pub typing_per_connection: usize,
    /// Starts and ends of one user's typing in one conversation, told to others within one
    /// `typing_window`. Further changes wait, and only the last state is told after the window.
    pub typing_changes: u32,
    /// Changes in one commit, made durable by one sync.
    pub changes_per_commit: usize,
    /// Changes that wait for a commit. Further requests are refused as `unavailable`.
    pub changes_waiting: usize,
    /// Cached conversations. The least recently used one is evicted first. Each costs some 300
    /// bytes, and 24 for each user with a standing of its own.
    pub cached_conversations: usize,
    /// Live events deferred on one connection behind an unfinished reply. One more message closes
    /// the connection (4008). Room for the bursts of several senders. Typing is dropped once a
    /// quarter is used.
    pub held_back: usize,
    /// Users with remembered rates and budgets. The least recently used one is evicted first.
    pub rated_users: usize,
    /// The number of times a change is decided again after a conflict, before the request is
    /// `unavailable`.
    pub conflict_retries: u32,
}

impl Default for EngineLimits {
    fn default() -> Self {
        Self {
            requests_under_way: 64,
            connections_per_user: 10,
            typing_per_connection: 32,
            typing_changes: 4,
            changes_per_commit: 1_024,
            changes_waiting: 65_536,
            cached_conversations: 20_000,
            held_back: 1_024,
            rated_users: 100_000,
            conflict_retries: 3,
        }
    }
}

/// Bounds on queues for slow readers: see [`drive`](crate::drive).
#[derive(Clone, Debug)]
pub struct OutboundLimits {
    /// Bytes of replies that wait on one connection. At this number the connection is not read
    /// further, and none of its requests with long replies is started.
    pub reply_bytes: usize,
    /// Live events that wait on one connection. One more closes the connection (4008). Room for the
    /// bursts of 30 senders.
    pub live_events: usize,
    /// Bytes of live events that wait on one connection. More close the connection (4008).
    ///
    /// Room for the bursts of ten senders with messages as long as a frame allows, on a link that
    /// takes nothing meanwhile. The room can be large because frames are shared: `total_bytes`
    /// bounds the memory of all queues together.
    pub live_bytes: usize,
    /// Bytes that wait on all connections together, each shared frame counted once. More close the
    /// connection with the most (4008).
    ///
    /// Checked after each turn of the engine, once the readers had their turn. One turn may exceed
    /// the limit until then, within the bounds of each connection.
    pub total_bytes: usize,
}

impl Default for OutboundLimits {
    fn default() -> Self {
        Self {
            reply_bytes: 256 * KIB,
            live_events: 2_048,
            live_bytes: 16 * 1024 * KIB,
            total_bytes: 256 * 1024 * KIB,
        }
    }
}

/// Pauses and periods.
#[derive(Clone, Debug)]
pub struct Periods {
    /// The silence after which a conversation is `INACTIVE`.
    pub inactive_after: Duration,
    /// The time after which typing ends without a refresh.
    pub typing_expires: Duration,
    /// The time within which a repeated typing state is answered and not broadcast.
    pub typing_repeat: Duration,
    /// The period in which `typing_changes` are counted.
    pub typing_window: Duration,
    /// The time for which a token counts after its `exp`, because clocks differ.
    pub token_leeway: Duration,
    /// The pause advised to a client when the store does not answer.
    pub unavailable_retry: Duration,
    /// The pause advised to a client when the storage is full. A person has to make room.
    pub storage_retry: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            inactive_after: Duration::from_hours(30 * 24),
            typing_expires: Duration::from_secs(10),
            typing_repeat: Duration::from_secs(3),
            typing_window: Duration::from_secs(2),
            token_leeway: Duration::from_secs(30),
            unavailable_retry: Duration::from_secs(1),
            storage_retry: Duration::from_secs(30),
        }
    }
}

/// All limits.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Bounds on the content of a frame.
    pub fields: FieldLimits,
    /// Bounds on pages.
    pub pages: PageLimits,
    /// Rates of one user.
    pub rates: RateSetting,
    /// Bounds on the engine's own queues and caches.
    pub engine: EngineLimits,
    /// Bounds on queues for slow readers.
    pub outbound: OutboundLimits,
    /// Pauses and periods.
    pub periods: Periods,
}

/// Whether rates are limited.
#[expect(clippy::large_enum_variant, reason = "an engine has one")]
#[derive(Clone, Debug)]
pub enum RateSetting {
    /// Limited to these rates.
    Limited(RateLimits),
    /// Unlimited, for load tests.
    Lifted,
}

impl Default for RateSetting {
    fn default() -> Self {
        Self::Limited(RateLimits::default())
    }
}
