// All limits of the machine, with reasons. Times are in milliseconds.

/** Limits on memory, each with its consequence. */
export const LIMITS = Object.freeze({
  /** Drafts in the outbox; further ones are returned at once. A shift without network writes fewer. */
  outbox: 500,
  /** Concurrent requests; others wait. Half of the server's limit, at which it stops reading. */
  onWire: 32,
  /** Conversations in the list; beyond the limit, those without activity for the longest time are dropped. */
  conversations: 10_000,
  /** Conversations with messages in memory; beyond the limit, the least recently opened ones lose theirs. */
  held: 16,
  /** Messages in memory per conversation; beyond the limit, the oldest are dropped, and requested again on scrolling. */
  messages: 5_000,
  /** Conversations in the first page of the list: those visible at once. */
  firstListPage: 20,
  /** Conversations in further pages. */
  listPage: 200,
  /** Messages in a page of older ones. */
  olderPage: 50,
  /** Messages per conversation that wait for their senders' names. */
  unnamed: 20,
  /**
   * Largest factor on the deadline of a reply after earlier ones were late. A page can't see the
   * parts of a long frame, and on a slow link its transfer would be restarted again and again.
   */
  patience: 8,
  /** People that a search shows; beyond the limit, the user is asked to type more. */
  found: 50,
  /** Pages of a search. Each covers 1,000 accounts, and may have nobody. */
  foundPages: 20,
  /** Users that control can address in a new conversation. */
  addressees: 20,
  /** Open orders in a page of the list: the server's most. */
  ordersPage: 100,
  /** Known orders per conversation; beyond the limit, the oldest ended one is shown as text. 20 can be open. */
  orders: 1_000,
  /** Largest count of unread messages: the server counts no further. */
  unread: 100,
});

/** Pauses and intervals. Those that the Rust SDK has under the same name are equal, except `probeWithin`. */
export const PERIODS = Object.freeze({
  /** Deadline for opening a connection. */
  connectWithin: 15_000,
  /** Deadline for a reply, after which the connection counts as dead. Extended by `LIMITS.patience`. */
  replyWithin: 20_000,
  /** Silence after which the connection is probed. A page can't see the server's pings. */
  heartbeat: 25_000,
  /** Deadline for the reply to a probe. Half of the SDK's, because a dead desk must soon say so. */
  probeWithin: 5_000,
  /** Ceiling of the first pause before reconnecting; the ceiling doubles with each attempt. */
  backoffFrom: 500,
  /** Highest ceiling of these pauses. */
  backoffTo: 20_000,
  /** First ceiling after the server was full. A stop is told to all clients little by little, and needs no longer pause. */
  backoffFromCrowd: 5_000,
  /** A connection that was live for this long resets the backoff. */
  steadyAfter: 10_000,
  /** Least pause after the server refused the token or replaced this device; the random part doubles each time. */
  refusedFrom: 5_000,
  /** Highest ceiling of these pauses after a refused token: a clock may be wrong, and be set right. */
  refusedTo: 60_000,
  /** Highest ceiling of these pauses after this device was replaced. */
  replacedTo: 600_000,
  /** A connection that was live for this long resets these pauses. */
  acceptedAfter: 300_000,
  /** Pause before a request is repeated, unless the server named one. */
  repeatAfter: 1_000,
  /** Interval between reports that the user is still typing: half of the server's timeout. */
  typingRefresh: 5_000,
  /** Time after the last key press at which typing ends. */
  typingEnds: 5_000,
  /** Time for which others are shown as typing without a refresh. The server usually reports the end earlier. */
  typingShown: 15_000,
  /** Least pause between two requests for one conversation's row. */
  rowPause: 2_000,
});
