// Shared types of the console: the protocol's frames (chat-core/PROTOCOL.md), and the machine's inputs and outputs.
// For the type checker only; never served.

export type Role = "BUS_DRIVER" | "QUEUE_REGULATOR" | "CONTROL_STAFF" | "CONTROL_ADMIN";
export type RoomType = "general_support" | "emergency_support" | "driver_support" | "regulator_support";

export interface Person {
  id: string;
  email?: string;
  role: Role;
  first_name: string;
  last_name: string;
}

/** A person found by a search. */
export interface Found extends Person {
  /** Whether the user is connected to the server that has replied. */
  connected: boolean;
}

export type WorkAction = "take" | "release" | "transfer" | "resolve" | "reopen";

/** A list of conversations by their work, as one user in control sees it. */
export type WorkList = "waiting" | "mine" | "others" | "resolved";

/** Who works on a conversation. */
export interface Work {
  state: "WAITING" | "TAKEN" | "RESOLVED";
  assignee: string | null;
  since: string;
  waiting_since: string | null;
  version: number;
}

/** A ready text of the server's operator. */
export interface Phrase {
  id: string;
  kind: "request" | "answer" | "reply";
  title: string;
  content: string;
  emergency: boolean;
}

/** The ready texts of the user's role. The version changes with them. */
export interface PhraseSet {
  version: string;
  phrases: Phrase[];
}

/** The reason for the end of an emergency. */
export type EndReason = "solved" | "handed_over" | "false_alarm" | "withdrawn";

/** The life of an emergency. */
export interface Emergency {
  state: "OPEN" | "TAKEN" | "ENDED";
  /** Number of alerts since the press. */
  level: number;
  by: string | null;
  since: string;
  reason: EndReason | null;
  version: number;
  alerted_at: string;
}

/** What an order asks of one person. Nobody by name is anybody in control. */
export interface OrderPart {
  user_id: string | null;
  state: "PENDING" | "ANSWERED" | "OVERDUE" | "WITHDRAWN";
  ended_at?: string | null;
  answer?: { by: string; answer: number; at: string; late?: boolean };
}

/** A message that must be answered. The texts to choose from stand in the message alone. */
export interface Order {
  message_id: string;
  seq: number;
  sender_id: string;
  choices: number;
  due: string;
  people: OrderPart[];
  version: number;
  answers?: string[];
}

/** The newest known state of an order, with the texts of its message. */
export interface KnownOrder {
  order: Order;
  answers: string[];
  content: string;
}

export interface Message {
  id: string;
  conversation_id: string;
  sender_id: string;
  content: string;
  sent_at: string;
  seq: number;
  /** The work from this message on, if the message has changed it. An entry has an action. */
  work?: Work & { action?: string };
  /** The emergency from this message on, if the message has changed it. An entry has an action. */
  emergency?: Emergency & { action?: string };
  /** The order, if the message must be answered. */
  order?: Order;
  /** The order from this message on, if the message is an entry about an order. */
  answer?: { action: "ANSWER" | "EXPIRE" | "WITHDRAW"; answer?: number; late?: boolean; order: Order };
}

export interface Summary {
  id: string;
  title: string;
  created_by: string;
  last_message_at: string;
  participants: Person[];
  /** The number of participants, if the list is brief. */
  participant_count?: number;
  last_message?: { id: string; content: string; sender_id: string; sent_at: string } | null;
  room_type: RoomType;
  last_seq: number;
  read_up_to: number;
  unread_count: number;
  positions?: { user_id: string; read_up_to: number }[];
  work?: Work;
  emergency?: Emergency;
  /** Told to control alone, if there are notes. */
  notes_conversation_id?: string;
}

export interface NewSupportConversation {
  conversation_id: string;
  title: string;
  creator_id: string;
  creator_name: string;
  creator_role: Role;
  room_type: RoomType;
  message: string;
  timestamp: string;
}

/** An unchecked frame from the server. */
export type Json = Record<string, any>;

export type Draft =
  | { type: "send_chat_message"; conversation_id: string; content: string; answers?: string[]; answer_within_ms?: number }
  | { type: "answer_message"; conversation_id: string; message_id: string; answer: number; content: string }
  | { type: "add_note"; conversation_id: string; content: string }
  | { type: "create_support_conversation"; title: string; content: string; room_type?: RoomType }
  | { type: "start_conversation"; to: string[]; title: string; content: string };

/** A draft with its idempotency key. */
export interface Entry {
  client_message_id: string;
  /** The device's time of writing, in milliseconds since 1970. For display only. */
  at: number;
  /** An ascending number among all drafts of the user on this device. Older versions wrote none, which counts as 0. */
  order: number;
  draft: Draft;
  /** The reason for the server's refusal. The draft waits for its author's decision. */
  refused?: string;
  /** The code of that refusal. Older versions kept none. */
  refused_code?: string;
}

/** The turn of a request: from a time on; on the wire; or not at all. */
export type Turn = number | "wire" | "done";

export type Purpose =
  | { kind: "list" }
  | { kind: "row"; id: string }
  | { kind: "join"; id: string }
  | { kind: "older"; id: string }
  | { kind: "first"; id: string }
  | { kind: "read"; id: string; seq: number }
  | { kind: "draft"; id: string }
  | { kind: "orders" }
  | { kind: "order"; id: string }
  | { kind: "typing" }
  | { kind: "people" }
  | { kind: "phrases" }
  | { kind: "work"; id: string }
  | { kind: "room"; room: RoomType }
  | { kind: "refresh"; token: string }
  | { kind: "probe" };

export interface Ask {
  purpose: Purpose;
  type: string;
  data: object;
}

export type Input =
  | { kind: "start" | "resume" | "close" | "online" | "offline" | "tick" }
  | { kind: "opened"; link: number }
  | { kind: "closed"; link: number; code: number }
  | { kind: "frame"; link: number; text: string }
  | { kind: "token"; token: string }
  | { kind: "post"; draft: Draft; at: number; isRepeated?: boolean }
  | { kind: "adopt"; entries: Entry[] }
  | { kind: "written_elsewhere"; order: number }
  | { kind: "discard" | "retry"; id: string }
  | { kind: "open" | "shut" | "older" | "read"; id: string }
  | { kind: "typing"; id: string; is_typing: boolean }
  | { kind: "room"; room: RoomType; wanted: boolean }
  | { kind: "hand_over"; ids: string[]; to: string }
  | { kind: "hand_over_stop" }
  | { kind: "people"; find: string; side: "control" | "field" }
  | { kind: "phrases"; language: string }
  | { kind: "work"; id: string; action: WorkAction; version: number; to?: string }
  | { kind: "withdraw_order"; id: string; message_id: string }
  | { kind: "end_emergency"; id: string; reason: EndReason; version: number };

export type Output =
  | { kind: "connect"; link: number; token: string }
  | { kind: "disconnect"; link: number }
  | { kind: "send"; link: number; text: string }
  | { kind: "keep"; entry: Entry }
  | { kind: "forget"; id: string }
  | Told;

/** Notifications for the screen. */
export type Told =
  | { kind: "changed"; what: "connection" | "list" | "outbox" | "rooms" | "people" | "phrases" | "handover" }
  | { kind: "changed"; what: "conversation" | "typing"; id: string }
  | { kind: "request"; event: NewSupportConversation }
  | { kind: "message"; message: Message }
  | { kind: "created"; client_message_id: string; id: string }
  | { kind: "handed"; id: string; by: string }
  | { kind: "refused"; entry: Entry }
  | { kind: "answered_before"; id: string }
  | { kind: "overdue"; id: string; order: Order }
  | { kind: "full" }
  | { kind: "gone"; id: string }
  | { kind: "lost"; id: string; error: string; code: string }
  | { kind: "renewed"; ok: boolean; error?: string };

/** The reason that the server ended a connection: a close code, and the error sent before. */
export interface Cause {
  code: number;
  reason: string;
}

/** The connection's state for display, with a cause if the user must know. */
export type Phase =
  | { phase: "connecting"; failures: number; cause: Cause | null }
  | { phase: "live" }
  | { phase: "waiting"; failures: number; until: number; cause: Cause | null }
  | { phase: "stopped"; cause: Cause | null };
