//! Every bound in one place, each with its reason. All can be overridden.

use std::time::Duration;

const KIB: usize = 1024;

/// Bounds on what a frame may hold. Lengths count Unicode scalars.
#[derive(Clone, Debug)]
pub struct FieldLimits {
    /// Levels of arrays and objects in a frame: the protocol's own frames have three.
    pub depth: usize,
    /// Length of a message: two screens of a phone, and 16 KB at most.
    pub content: usize,
    /// Length of a title: one line of a list.
    pub title: usize,
    /// Length of a `client_message_id`: a UUID has 36.
    pub client_message_id: usize,
    /// Length of a cursor: the server's own have about 40.
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
    /// Messages of a history page whatever its `limit`.
    pub messages_most: u32,
    /// Messages of one catch-up: a shift's conversation comes in one piece.
    pub catch_up_messages: u32,
    /// Bytes of content of one catch-up as JSON writes it, after which it is cut: a phone on a weak link sees progress.
    pub catch_up_bytes: usize,
    /// Conversations of one list.
    pub conversations: u32,
    /// Participants in all of one list together, after which it is cut: what bounds the reply's size.
    pub conversation_participants: usize,
    /// Conversations of one brief list: more do not fit its bytes.
    pub brief_conversations: u32,
    /// Bytes of the conversations of one brief list as JSON, after which it is cut: a phone at 64 kbit/s has them in 8 s.
    pub brief_bytes: usize,
    /// Participants shown of one conversation of a brief list.
    pub brief_participants: usize,
    /// Characters shown of the last message of a conversation of a brief list.
    pub brief_content: usize,
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
        }
    }
}

/// A rate: tokens flow into a bucket, each event takes one.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many at once after a pause.
    pub burst: u32,
    /// The time in which one more becomes free.
    pub every: Duration,
}

/// A number of events within a period, counted back from each moment. Unlike a [`Rate`] it is never exceeded by what
/// becomes free meanwhile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// How many.
    pub most: u32,
    /// Within which time.
    pub within: Duration,
}

/// Bytes that one user may have stored, over all its connections. They refill evenly over 24 hours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DailyBudget {
    /// Messages, conversations and read positions: text, titles and ids as they are stored, and 512 bytes for each. A busy
    /// control officer writes 3 MiB in a shift: ten times that is left.
    pub bytes: u64,
    /// For emergencies alone, when the other is used up: creating one, and its creator's messages in it. Some 1,500 messages.
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

/// Rates of one user over all its connections.
#[derive(Clone, Debug)]
pub struct RateLimits {
    /// Requests of any kind: 50 a second is more than a person and less than a loop gone wild.
    pub requests: Rate,
    /// Messages: 10 a second, 60 at once after a tunnel.
    pub messages: Rate,
    /// New conversations: 6 a minute.
    pub creations: Rate,
    /// Connections that are admitted: one a second, 60 at once. Each costs a load of the account. One more is told to come
    /// back later (1013).
    pub connects: Rate,
    /// Changes of the role by tokens that are not provably newer than what was said before: 3 an hour. Each costs a record
    /// and all other sessions. One more is refused (4002) with the pause.
    pub role_changes: Allowance,
    /// Changes of the names by tokens: 3 an hour. Each costs a record. One more is ignored, and the session goes by the
    /// names that are known.
    pub renames: Allowance,
    /// Bytes that are stored in a day; `None` for no bound.
    pub daily: Option<DailyBudget>,
    /// Bytes of messages and new conversations, as events carry them: 64 KiB a second, 1 MiB at once. A burst of 60
    /// messages of 4,000 characters fits, unless JSON must escape them, which makes a character of one byte six bytes.
    pub message_bytes: ByteRate,
    /// Bytes of lists, history and catch-ups: 1 MiB a second, 32 MiB at once, which is two whole lists of a control room
    /// with 100 control users and 1,000 conversations. The bytes are known once a reply is made, so a reply may take more
    /// than there is, and the next waits for it.
    pub reply_bytes: ByteRate,
    /// Repeats of what was accepted, and look-ups whether a request that its rate refuses is one: 2,000 a second, and as
    /// many at once, which is more than an outbox holds. Beyond it nothing is refused, but the connection's next request waits.
    pub repeats: Rate,
}

impl RateLimits {
    /// The default rates with another number of messages a second, and at once six times as many.
    ///
    /// A message is a request and has bytes: a rate of these that would hold messages back is raised with them.
    pub fn with_messages_per_second(messages: u32) -> Self {
        let messages = messages.max(1);
        let every = Duration::from_secs(1) / messages;
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
    /// Requests under way on one connection; at this number it is not read further until half are answered.
    pub requests_under_way: usize,
    /// Connections of one user; one more replaces the longest silent once its token is accepted. As
    /// many may wait beside them for their admission.
    pub connections_per_user: usize,
    /// Conversations in which one connection may be typing at once; one more ends the oldest.
    pub typing_per_connection: usize,
    /// Begins and ends of one user's typing in one conversation that others are told within one `typing_window`; what is
    /// more waits, and only the last state is told when the window is over.
    pub typing_changes: u32,
    /// Changes in one commit: what one sync makes durable at once.
    pub changes_per_commit: usize,
    /// Changes that wait for a commit; beyond it requests are refused as `unavailable`.
    pub changes_waiting: usize,
    /// Conversations kept in memory; the longest unused goes first. Each costs some 40 bytes per participant, and 8 for
    /// each of their connections.
    pub cached_conversations: usize,
    /// Participants of one conversation; the assignment of a new one is cut to its first by id.
    pub participants: usize,
    /// Messages and other live events held back on one connection behind a reply that is not ready; one more closes it
    /// (4008). Room for the bursts of several senders. Typing is dropped once a quarter of it is used.
    pub held_back: usize,
    /// Users whose rates, and whose budgets, are remembered; the longest unused goes first.
    pub rated_users: usize,
    /// Conversations of one step of the background job that enrols a control user.
    pub enrolment_step: u32,
    /// How often a change that met a conflict is decided again before it is `unavailable`.
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
            participants: 2_000,
            held_back: 1_024,
            rated_users: 100_000,
            enrolment_step: 100,
            conflict_retries: 3,
        }
    }
}

/// Bounds on what waits for a slow reader: see [`drive`](crate::drive).
#[derive(Clone, Debug)]
pub struct OutboundLimits {
    /// Bytes of replies that wait on one connection; at this number it is not read further, and none of its requests that
    /// lead to long replies is decided.
    pub reply_bytes: usize,
    /// Live events that wait on one connection; one more closes it (4008). Room for the bursts of 30 senders.
    pub live_events: usize,
    /// Bytes of live events that wait on one connection; more close it (4008). Room for the bursts of ten senders whose
    /// messages are all as long as a frame can be made, on a link that takes nothing meanwhile. Such a room can be large
    /// because these frames are shared: `total_bytes` bounds the memory of all rooms together.
    pub live_bytes: usize,
    /// Bytes that wait on all connections together, a frame counted once however many wait for it; more close the
    /// connection with the most (4008). Looked at after each turn of the engine, and the readers' after it: what one turn
    /// gives may be beyond it until then, within the bounds of each connection.
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
    /// A conversation silent for this long is `INACTIVE`.
    pub inactive_after: Duration,
    /// Typing without a refresh ends after this long.
    pub typing_expires: Duration,
    /// A repeat of the same typing state within this time is answered and not broadcast.
    pub typing_repeat: Duration,
    /// The time for which `typing_changes` are counted.
    pub typing_window: Duration,
    /// How long after its `exp` a token still counts: clocks differ.
    pub token_leeway: Duration,
    /// What a client is told to wait when the store does not answer.
    pub unavailable_retry: Duration,
    /// What a client is told to wait when the storage has no room for what it asks: a person has to make some.
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

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// What a frame may hold.
    pub fields: FieldLimits,
    /// How long a page may be.
    pub pages: PageLimits,
    /// How fast a user may go.
    pub rates: RateSetting,
    /// The engine's own queues and caches.
    pub engine: EngineLimits,
    /// What waits for a slow reader.
    pub outbound: OutboundLimits,
    /// Pauses and periods.
    pub periods: Periods,
}

/// Whether rates are limited.
#[expect(clippy::large_enum_variant, reason = "an engine has one")]
#[derive(Clone, Debug)]
pub enum RateSetting {
    /// By these.
    Limited(RateLimits),
    /// Not at all: for load tests.
    Lifted,
}

impl Default for RateSetting {
    fn default() -> Self {
        Self::Limited(RateLimits::default())
    }
}
