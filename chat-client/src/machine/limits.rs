//! All limits and periods of a client, each with its reason.

use std::time::Duration;

use chat_core::id::UserId;

/// Limits of the client's queues, and the effect of exceeding each.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Drafts in the outbox. One more is handed back at once. A shift without a network writes
    /// fewer.
    pub outbox: usize,
    /// Requests waiting for an answer, without drafts. One more is answered
    /// [`Busy`](crate::Error::Busy).
    pub calls: usize,
    /// Requests on the wire at once. The others wait. Half of the number at which the server stops
    /// reading.
    pub on_wire: usize,
    /// Concurrent catch-ups. A conversation opened meanwhile must not wait for all the others.
    pub catching_up: usize,
    /// Followed conversations. Beyond the limit the most silent one is forgotten, and followed anew
    /// from its next message.
    pub conversations: usize,
    /// Conversations on the first page of the list, which is shown before the others arrive: few,
    /// because a weak link should bring them soon.
    pub first_page: usize,
    /// Open conversations. One more is refused.
    pub views: usize,
    /// Conversations with typing at once. Typing in more is not shown to others.
    pub typing: usize,
    /// Bytes of a frame that the server accepts (protocol, limits). Longer requests are refused
    /// before being sent, because the server would close the connection each time.
    pub frame_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            outbox: 1_000,
            calls: 256,
            on_wire: 32,
            catching_up: 8,
            conversations: 10_000,
            first_page: 20,
            views: 256,
            typing: 32,
            frame_bytes: 64 * 1024,
        }
    }
}

/// Pauses and time limits.
#[derive(Clone, Debug)]
pub struct Periods {
    /// The silence after which a connection is dead.
    pub heartbeat: Duration,
    /// The heartbeat of an app in the background: the radio sleeps, and the battery lasts the
    /// shift.
    pub heartbeat_in_background: Duration,
    /// Time for opening a connection without any incoming bytes.
    pub connect_within: Duration,
    /// Time for a reply without any moving bytes, before the connection counts as dead. For a
    /// request behind others the time starts at their replies.
    pub reply_within: Duration,
    /// Time for a reply or for opening a connection in any case: enough for the longest reply over
    /// the weakest link.
    pub reply_at_most: Duration,
    /// Time for the reply to a probe after a change of network. Longer than a bad cell takes for an
    /// answer, because a merely slow link must not be given up upon every report.
    pub probe_within: Duration,
    /// Ceiling of the first pause before another attempt. Pauses are drawn from zero up to the
    /// ceiling, which doubles with each failure.
    pub backoff_from: Duration,
    /// The last ceiling.
    pub backoff_to: Duration,
    /// The last ceiling of pauses between attempts with a rejected token: a clock may be wrong.
    pub backoff_to_token: Duration,
    /// Ceiling of the first pause after the server has ended the session in favour of a newer one.
    /// At least half of the ceiling is waited. The ceiling doubles with each repetition.
    pub replaced_from: Duration,
    /// The last ceiling.
    pub replaced_to: Duration,
    /// Life of a connection after which the next such pause is a first one again.
    pub peaceful_after: Duration,
    /// The longest pause that the server can demand.
    pub longest_floor: Duration,
    /// Ceiling of the first pause after the server was full. A server that stops tells its clients
    /// little by little, so they need no longer pause than after a cut.
    pub backoff_from_crowd: Duration,
    /// Life of a connection after which the next pause is at most a second one: the server serves.
    pub settled_after: Duration,
    /// Life of a connection after which the next pause is a first one again.
    pub steady_after: Duration,
    /// Pause before repeating a request, if the server named none.
    pub repeat_after: Duration,
    /// Interval of typing reports to the server: half of the server's time limit.
    pub typing_refresh: Duration,
    /// Minimum between two requests for a token. Doubles up to `backoff_to_token` while each new
    /// token looks expired: this device's clock is ahead then.
    pub token_pause: Duration,
}

impl Default for Periods {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(25),
            heartbeat_in_background: Duration::from_mins(4),
            connect_within: Duration::from_secs(15),
            reply_within: Duration::from_secs(20),
            reply_at_most: Duration::from_mins(10),
            probe_within: Duration::from_secs(10),
            backoff_from: Duration::from_millis(500),
            backoff_to: Duration::from_secs(20),
            backoff_to_token: Duration::from_mins(1),
            replaced_from: Duration::from_secs(10),
            replaced_to: Duration::from_mins(10),
            peaceful_after: Duration::from_hours(1),
            longest_floor: Duration::from_hours(1),
            backoff_from_crowd: Duration::from_secs(5),
            settled_after: Duration::from_secs(1),
            steady_after: Duration::from_secs(10),
            repeat_after: Duration::from_secs(1),
            typing_refresh: Duration::from_secs(5),
            token_pause: Duration::from_secs(5),
        }
    }
}

/// The settings of a client.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The limits of the queues.
    pub limits: Limits,
    /// The pauses and time limits.
    pub periods: Periods,
    /// Whether the outbox survives the client. Decides how drafts are reported when the client is
    /// closed.
    pub outbox_survives: bool,
    /// The user, if known from the outbox or the app. Another user's token is refused.
    pub outbox_owner: Option<UserId>,
}
