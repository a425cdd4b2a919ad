// What the modules of the console share: the protocol's frames (chat-core/PROTOCOL.md), and the machine's inputs and outputs.
// Read by the type checker alone; never served.

export type Role = "BUS_DRIVER" | "QUEUE_REGULATOR" | "CONTROL_STAFF" | "CONTROL_ADMIN";
export type RoomType = "general_support" | "emergency_support" | "driver_support" | "regulator_support";

export interface Person {
  id: string;
  email?: string;
  role: Role;
  first_name: string;
  last_name: string;
}

export interface Message {
  id: string;
  conversation_id: string;
  sender_id: string;
  content: string;
  sent_at: string;
  seq: number;
}

export interface Summary {
  id: string;
  title: string;
  created_by: string;
  last_message_at: string;
  participants: Person[];
  /** How many take part, where not all are named. */
  participant_count?: number;
  last_message?: { id: string; content: string; sender_id: string; sent_at: string } | null;
  room_type: RoomType;
  last_seq: number;
  read_up_to: number;
  unread_count: number;
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

/** A frame of the server, before anything is known of it. */
export type Json = Record<string, any>;

export type Draft =
  | { type: "send_chat_message"; conversation_id: string; content: string }
  | { type: "create_support_conversation"; title: string; content: string; room_type?: RoomType };

/** A draft under the name by which the server knows it again. */
export interface Entry {
  client_message_id: string;
  /** When it was written by the clock of the device, in milliseconds since 1970: shown, and relied on for nothing. */
  at: number;
  /** Its place among all drafts of the user on this device: a count that rises. Older versions wrote none, which is 0. */
  order: number;
  draft: Draft;
  /** Why the server refused it. It waits for its author. */
  refused?: string;
}

/** When something is to be asked: from a time on; not now, for it is on the wire; or not at all. */
export type Turn = number | "wire" | "done";

export type Purpose =
  | { kind: "list" }
  | { kind: "row"; id: string }
  | { kind: "join"; id: string }
  | { kind: "older"; id: string }
  | { kind: "read"; id: string; seq: number }
  | { kind: "draft"; id: string }
  | { kind: "typing" }
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
  | { kind: "room"; room: RoomType; wanted: boolean };

export type Output =
  | { kind: "connect"; link: number; token: string }
  | { kind: "disconnect"; link: number }
  | { kind: "send"; link: number; text: string }
  | { kind: "keep"; entry: Entry }
  | { kind: "forget"; id: string }
  | Told;

/** What the screen hears of. */
export type Told =
  | { kind: "changed"; what: "connection" | "list" | "outbox" | "rooms" }
  | { kind: "changed"; what: "conversation" | "typing"; id: string }
  | { kind: "request"; event: NewSupportConversation }
  | { kind: "message"; message: Message }
  | { kind: "created"; client_message_id: string; id: string }
  | { kind: "refused"; entry: Entry }
  | { kind: "full" }
  | { kind: "gone"; id: string }
  | { kind: "renewed"; ok: boolean; error?: string };

/** Why the server ended a connection: a close code, and what it said before. */
export interface Cause {
  code: number;
  reason: string;
}

/** How the connection is, for people. A cause is there if they must hear of it. */
export type Phase =
  | { phase: "connecting"; failures: number; cause: Cause | null }
  | { phase: "live" }
  | { phase: "waiting"; failures: number; until: number; cause: Cause | null }
  | { phase: "stopped"; cause: Cause | null };
