// Every bound of the machine in one place, each with its reason. Times are milliseconds.

/** Bounds on what is held. What happens at each is written beside it. */
export const LIMITS = Object.freeze({
  /** Drafts in the outbox; one more is handed back at once. A shift without a network writes less. */
  outbox: 500,
  /** Requests on the wire at once; the others wait. Half of what the server takes before it stops reading. */
  onWire: 32,
  /** Conversations in the list; beyond it those that were silent the longest are forgotten. */
  conversations: 10_000,
  /** Conversations of which messages are held; beyond it those that were opened the longest ago are forgotten. */
  held: 16,
  /** Messages of a conversation that are held; beyond it the oldest are forgotten, and asked for again on scroll. */
  messages: 5_000,
  /** Conversations in the first page of the list: those that are seen at once. */
  firstListPage: 20,
  /** Conversations in a further page. */
  listPage: 200,
  /** Messages in a page of older ones. */
  olderPage: 50,
  /** Messages of a conversation that are told of later, when their senders' names are known. */
  unnamed: 20,
  /**
   * How many times as long a reply may take after others have not come in time: a page does not see the pieces of a long frame, and
   * over a slow link it would be begun again and again.
   */
  patience: 8,
  /** Unread messages that are counted: the server counts no further. */
  unread: 100,
});

/** Pauses and periods: the same as the SDK's, where it has them. */
export const PERIODS = Object.freeze({
  /** How long opening a connection may take. */
  connectWithin: 15_000,
  /** How long a reply may take, before the connection counts as dead: at first, see `LIMITS.patience`. */
  replyWithin: 20_000,
  /** Silence after which it is asked whether the connection is alive: a page does not see the server's pings. */
  heartbeat: 25_000,
  /** How long the answer to that may take. */
  probeWithin: 5_000,
  /** The first pause before another attempt is drawn from zero to this; it doubles with each. */
  backoffFrom: 500,
  /** And up to this. */
  backoffTo: 20_000,
  /** The first pause after the server said that it stops or is full: all its clients hear that in the same second. */
  backoffFromCrowd: 5_000,
  /** A connection that was live for this long makes the next pause a first one again. */
  steadyAfter: 10_000,
  /** The least pause after the server refused this token or let this device go; what is added to it doubles each time. */
  refusedFrom: 5_000,
  /** And up to this. */
  refusedTo: 300_000,
  /** A connection that was live for this long makes the next such pause a first one again. */
  acceptedAfter: 300_000,
  /** The pause before a request is repeated, if the server named none. */
  repeatAfter: 1_000,
  /** How often the server is told that somebody still types: half of what it waits. */
  typingRefresh: 5_000,
  /** After the last key, the user types no more. */
  typingEnds: 5_000,
  /** What others type is shown for this long without a refresh: the server says sooner that it has ended. */
  typingShown: 15_000,
  /** Least pause between two looks at the same conversation's row of the list. */
  rowPause: 2_000,
});
