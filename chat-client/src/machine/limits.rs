//! Every bound of a client in one place, each with its reason.

use std::time::Duration;

use chat_core::id::UserId;

/// Bounds on the client's queues. What happens at each is written beside it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Drafts in the outbox; one more is handed back at once. A shift without a network writes less.
    pub outbox: usize,
    /// Requests that wait for an answer, without drafts; one more is answered [`Busy`](crate::Error::Busy).
    pub calls: usize,
    /// Requests on the wire at once; the others wait. Half of what the server takes before it stops reading.
    pub on_wire: usize,
    /// Conversations that catch up at once: one that is opened meanwhile must not wait for all the others.
    pub catching_up: usize,
    /// Conversations whose numbers are held; beyond it the one that was silent the longest is forgotten, and followed
    /// anew from its next message.
    pub conversations: usize,
    /// Conversations of the first page of the list, which is shown before the others are asked for: few, so that a weak link
    /// brings it soon.
    pub first_page: usize,
    /// Conversations that are open at once; one more is refused.
    pub views: usize,
    /// Conversations in which the user types at once; one more is not shown to others.
    pub typing: usize,
    /// Bytes of a frame that the server takes (protocol, limits). What needs a longer one is refused before it is sent,
    /// because the server would end the connection for it, each time anew.
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

/// Pauses and periods.
#[derive(Clone, Debug)]
pub struct Periods {
    /// A connection without a sign of life for this long is dead.
    pub heartbeat: Duration,
    /// The same while the app is in the background: the radio sleeps, and the battery lasts the shift.
    pub heartbeat_in_background: Duration,
    /// How long opening a connection may take, without any bytes that come.
    pub connect_within: Duration,
    /// How long a reply may take without any bytes that come or go, before the connection counts as dead; that of a request
    /// which waits behind others is timed from their replies on.
    pub reply_within: Duration,
    /// How long it may take in any case: enough for the longest reply over the weakest link.
    pub reply_at_most: Duration,
    /// The same for the question whether a connection survived a change of network: longer than a bad cell takes for an
    /// answer, because a link that is only slow must not be given up for every report.
    pub probe_within: Duration,
    /// The first pause before another attempt is drawn from zero to this; it doubles with each.
    pub backoff_from: Duration,
    /// And up to this.
    pub backoff_to: Duration,
    /// The same for the pauses between two tries with a token that the server does not take: a clock may be wrong.
    pub backoff_to_token: Duration,
    /// The first pause after the server has ended the session in favour of a newer one, with another device; at least half
    /// of it is waited, and it doubles with each.
    pub replaced_from: Duration,
    /// And up to this.
    pub replaced_to: Duration,
    /// A connection that was live for this long makes that pause a first one again.
    pub peaceful_after: Duration,
    /// The longest pause that the server can ask for.
    pub longest_floor: Duration,
    /// The first pause after the server said that it stops or is full: all its clients hear that in the same second.
    pub backoff_from_crowd: Duration,
    /// A connection that was live for this long makes the next pause a first one again.
    pub steady_after: Duration,
    /// The pause before a request is repeated, if the server named none.
    pub repeat_after: Duration,
    /// How often the server is told that somebody still types: half of what it waits.
    pub typing_refresh: Duration,
    /// The least pause between two questions for a new token. It doubles, up to `backoff_to_token`, while each new one
    /// looks expired again: the clock of this device is ahead then.
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
            steady_after: Duration::from_secs(10),
            repeat_after: Duration::from_secs(1),
            typing_refresh: Duration::from_secs(5),
            token_pause: Duration::from_secs(5),
        }
    }
}

/// What a client may be set to.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Bounds.
    pub limits: Limits,
    /// Pauses.
    pub periods: Periods,
    /// Whether the outbox survives the client: decides what is said of its drafts when the client is closed.
    pub outbox_survives: bool,
    /// The user whose drafts are in the outbox, if it knows: a token of another one is refused.
    pub outbox_owner: Option<UserId>,
}
