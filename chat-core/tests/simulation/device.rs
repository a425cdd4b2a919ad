//! A device without the SDK. The device asks for anything at random, believes nothing and checks
//! nothing.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use chat_core::frame::Frame;
use chat_core::protocol::{CloseCode, User};
use chat_core::testing::simulation::{Client, Heard, Surroundings};
use serde_json::{Value, json};

/// Most requests kept for being sent once more.
const KEPT: usize = 8;

/// A device.
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(crate) struct Device {
    user: User,
    name: String,
    /// Most milliseconds between two acts of its user.
    pace: u64,
    /// The connection, and whether it stands.
    link: Option<(u64, bool)>,
    last_number: u64,
    /// Whether its tokens say when they were issued.
    says_when: bool,
    /// The server has closed the last connection because of the user's rights or activity.
    is_refused: bool,
    /// The token of the last connection, which may have expired by now.
    token: Option<String>,
    /// The last number held of each conversation.
    held: BTreeMap<String, u64>,
    epoch: Value,
    /// The version heard last of the work on each conversation, and whether it is resolved.
    works: BTreeMap<String, (u64, bool)>,
    /// The version heard last of each emergency.
    emergencies: BTreeMap<String, u64>,
    /// Messages with orders, with their conversations.
    orders: Vec<(String, String)>,
    /// All assignees of conversations so far.
    colleagues: BTreeSet<String>,
    /// All people found so far, and creators of conversations.
    people: BTreeSet<String>,
    /// The cursor of the last list that had more.
    next_page: Option<String>,
    /// Messages heard of, with their conversations.
    messages: Vec<(String, String)>,
    /// The requests that the device has sent under a `client_message_id`.
    said: Vec<(&'static str, Value)>,
    /// Every conversation known to any device. Some devices ask for conversations of others.
    conversations: Rc<RefCell<Vec<String>>>,
    /// How often each event was granted.
    pub(crate) granted: BTreeMap<String, u64>,
    /// Its user does nothing any more.
    pub(crate) is_calm: bool,
    /// Walks through its list once more.
    is_walking: bool,
}

impl Device {
    pub(crate) fn new(
        user: User,
        says_when: bool,
        name: String,
        pace: u64,
        conversations: Rc<RefCell<Vec<String>>>,
    ) -> Self {
        Self {
            user,
            name,
            pace,
            link: None,
            says_when,
            is_refused: false,
            last_number: 0,
            token: None,
            held: BTreeMap::new(),
            epoch: Value::Null,
            works: BTreeMap::new(),
            emergencies: BTreeMap::new(),
            orders: Vec::new(),
            colleagues: BTreeSet::new(),
            people: BTreeSet::new(),
            next_page: None,
            messages: Vec::new(),
            said: Vec::new(),
            conversations,
            granted: BTreeMap::new(),
            is_calm: false,
            is_walking: false,
        }
    }

    /// Begins to walk through the list from its first page, if there is a connection.
    pub(crate) fn walk(&mut self, around: &mut Surroundings<'_>) {
        self.is_walking = true;
        self.next_page = None;
        self.ask_for_page(around);
    }

    fn ask_for_page(&mut self, around: &mut Surroundings<'_>) {
        if let Some((link, true)) = self.link {
            let data = json!({"cursor": self.next_page, "participants": "brief"});
            self.ask(around, link, "get_active_conversations", &data);
        }
    }

    /// Asks for the next page, or for the same one after a pause if it was refused.
    fn go_on_walking(&mut self, frame: &Value, around: &mut Surroundings<'_>) {
        let is_page = frame["request_id"].as_str().is_some_and(|id| id.starts_with("get_active"));
        match (is_page, frame["success"] == true, frame["next_cursor"].is_string()) {
            (true, true, true) => self.ask_for_page(around),
            (true, true, false) => self.is_walking = false,
            (true, false, _) => {
                let pause = around.random().span(1_000..3_000);
                around.wake_at(Some(around.now().monotonic.plus(pause)));
            }
            (false, ..) => {}
        }
    }

    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    fn woken(&mut self, around: &mut Surroundings<'_>) {
        match self.link {
            None => self.connect(around),
            Some((_, true)) if self.is_walking => self.ask_for_page(around),
            Some((link, true)) if !self.is_calm && around.acts() => self.act(link, around),
            Some(_) => {}
        }
    }

    fn connect(&mut self, around: &mut Surroundings<'_>) {
        let link = self.number();
        let token = match self.token.take().filter(|_| !self.is_calm && around.random().percent(70)) {
            Some(token) => token,
            None => self.token(around),
        };
        self.token = Some(token.clone());
        around.connect(link, &token, Duration::from_secs(25));
        self.link = Some((link, false));
    }

    fn token(&self, around: &mut Surroundings<'_>) -> String {
        let now = around.now().wall;
        around.tokens().says_when = self.says_when;
        around.tokens().issue(&self.user, now, |_, number| format!("token {number}"))
    }

    /// One of the eight events, or something that no client should do.
    fn act(&mut self, link: u64, around: &mut Surroundings<'_>) {
        match around.random().below(100) {
            _ if self.held.is_empty() && around.random().percent(50) => self.create(around, link),
            0..28 => self.say(around, link),
            28 => self.start(around, link),
            29 => self.list_by_work(around, link),
            30..34 => (0..12).for_each(|_| self.say(around, link)),
            34..42 => self.say_again(around, link),
            42..49 => self.create(around, link),
            49..54 => self.list(around, link),
            54..68 => self.join(around, link),
            68..76 => self.history(around, link),
            76..78 => self.read(around, link),
            78..83 => self.work(around, link),
            83 => self.end_emergency(around, link),
            84..86 => self.give_order(around, link),
            86..88 => self.answer(around, link),
            88 => self.withdraw_order(around, link),
            89 if around.random().percent(40) => self.ask(around, link, "get_open_orders", &json!({})),
            89 => self.note(around, link),
            90 => {
                let data = json!({"conversation_id": self.somewhere(around), "is_typing": around.random().percent(70)});
                self.ask(around, link, "typing_indicator", &data);
            }
            91..93 => {
                let rooms = ["general_support", "driver_support", "regulator_support", "emergency_support"];
                let data = json!({"room_type": around.random().pick(&rooms)});
                self.ask(around, link, "join_support_room", &data);
            }
            93..95 => {
                let token = self.token(around);
                self.ask(around, link, "refresh_token", &json!({"token": token}));
            }
            95..97 => around.send(link, r#"{"type": "no_such_event"}"#.into()),
            97..98 => around.send(link, "[[".into()),
            _ => {
                around.disconnect(link);
                self.link = None;
            }
        }
    }

    /// The first page of the list, the one after the last that came, or one row, whole or in short.
    fn list(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let mut data = json!({});
        match (around.random().below(10), self.next_page.take()) {
            (0..2, _) => data["conversation_id"] = self.somewhere(around).into(),
            (2..8, Some(cursor)) => data["cursor"] = cursor.into(),
            (2..4, None) => data["skip"] = 1.into(),
            _ => {}
        }
        if data["conversation_id"].is_null() && around.random().percent(70) {
            data["limit"] = (around.random().below(3) + 1).into();
        }
        if around.random().percent(50) {
            data["participants"] = "brief".into();
        }
        self.ask(around, link, "get_active_conversations", &data);
    }

    fn ask(&mut self, around: &mut Surroundings<'_>, link: u64, kind: &str, data: &Value) {
        let request_id = format!("{kind}/{}", self.number());
        let frame = json!({"type": kind, "data": data, "request_id": request_id});
        around.send(link, frame.to_string().into());
    }

    fn say(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let number = self.number();
        let content = format!("{} {number}", self.name);
        let data = json!({"conversation_id": self.somewhere(around), "content": content});
        self.keep(around, link, "send_chat_message", data, content);
    }

    /// A note, which a user in the field may not write.
    fn note(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let number = self.number();
        let content = format!("{} {number}", self.name);
        let data = json!({"conversation_id": self.somewhere(around), "content": content});
        self.keep(around, link, "add_note", data, content);
    }

    fn create(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let number = self.number();
        let content = format!("{} {number}", self.name);
        let mut data = json!({"title": "Help", "content": content});
        if around.random().percent(40) {
            data["room_type"] = "emergency_support".into();
        }
        self.keep(around, link, "create_support_conversation", data, content);
    }

    /// Speaks first to a user in the field, or to one who is not.
    fn start(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let number = self.number();
        let content = format!("{} {number}", self.name);
        let known: Vec<_> = self.people.iter().cloned().collect();
        let to = around.random().pick(&known).cloned().unwrap_or_default();
        let data = json!({"to": [to], "title": "Detour", "content": content});
        self.keep(around, link, "start_conversation", data, content);
        let limit = around.random().below(5) + 1;
        self.ask(around, link, "get_people", &json!({"limit": limit, "find": "d"}));
        self.ask(around, link, "get_phrases", &json!({}));
    }

    fn list_by_work(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let list = around.random().pick(&["waiting", "mine", "others", "resolved"]).copied();
        let limit = around.random().below(3) + 1;
        let data = json!({"work": list, "limit": limit, "participants": "brief"});
        self.ask(around, link, "get_active_conversations", &data);
    }

    /// Sends a request that stores something, usually with a `client_message_id`.
    fn keep(
        &mut self,
        around: &mut Surroundings<'_>,
        link: u64,
        kind: &'static str,
        mut data: Value,
        name: String,
    ) {
        if around.random().percent(80) {
            data["client_message_id"] = name.into();
            self.said.truncate(KEPT - 1);
            self.said.insert(0, (kind, data.clone()));
        }
        self.ask(around, link, kind, &data);
    }

    fn say_again(&mut self, around: &mut Surroundings<'_>, link: u64) {
        if let Some((kind, data)) = around.random().pick(&self.said).cloned() {
            self.ask(around, link, kind, &data);
        }
    }

    fn join(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let id = self.somewhere(around);
        let held = self.held.get(&id).copied().unwrap_or_default();
        let after = *around.random().pick(&[held, held, 0, held + 1]).unwrap_or(&0);
        let epoch = if around.random().percent(70) { self.epoch.clone() } else { Value::Null };
        let data = json!({"conversation_id": id, "after_seq": after, "epoch": epoch});
        self.ask(around, link, "join_conversation", &data);
    }

    fn history(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let mut data = json!({"conversation_id": self.somewhere(around)});
        let (number, fields) = (around.random().below(9) + 1, ["limit", "skip", "before_seq", "after_seq"]);
        if let Some(field) = around.random().pick(&fields).filter(|_| number > 3) {
            data[*field] = number.into();
        }
        self.ask(around, link, "get_conversation_messages", &data);
    }

    /// A change of the work, on the version that was heard of last or on another one.
    fn work(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let resolved: Vec<_> =
            self.works.iter().filter(|(_, work)| work.1).map(|(id, _)| id.clone()).collect();
        let again = if around.random().percent(75) { around.random().pick(&resolved).cloned() } else { None };
        let id = again.unwrap_or_else(|| self.somewhere(around));
        // Notes have no work.
        let id = match id.strip_prefix("notes_") {
            Some(main) if around.random().percent(90) => main.to_owned(),
            _ => id,
        };
        let (known, is_resolved) = self.works.get(&id).copied().unwrap_or_default();
        let version = *around.random().pick(&[known, known, known, 0]).unwrap_or(&0);
        let kinds: &[_] = if is_resolved {
            &["reopen_conversation", "reopen_conversation", "reopen_conversation", "take_conversation"]
        } else {
            &[
                "take_conversation",
                "take_conversation",
                "release_conversation",
                "transfer_conversation",
                "resolve_conversation",
                "resolve_conversation",
                "reopen_conversation",
            ]
        };
        let kind = *around.random().pick(kinds).unwrap_or(&"take_conversation");
        let mut data = json!({"conversation_id": id, "version": version});
        if kind == "transfer_conversation" {
            let colleagues: Vec<_> = self.colleagues.iter().cloned().collect();
            data["to"] = around.random().pick(&colleagues).cloned().unwrap_or_default().into();
        }
        let number = self.number();
        let name = format!("{} {number}", self.name);
        self.keep(around, link, kind, data, name);
    }

    /// The end of an emergency, on the version that was heard of last or on another one.
    fn end_emergency(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let known: Vec<_> = self.emergencies.iter().map(|(id, version)| (id.clone(), *version)).collect();
        let (id, version) = match around.random().pick(&known).cloned() {
            Some(known) => known,
            None => (self.somewhere(around), 1),
        };
        let version = *around.random().pick(&[version, version, version, 1]).unwrap_or(&1);
        let mut data = json!({"conversation_id": id, "version": version});
        let kind = if self.user.role.is_control() || around.random().percent(5) {
            let reason = around.random().pick(&["solved", "handed_over", "false_alarm"]).copied();
            data["reason"] = reason.unwrap_or("solved").into();
            "end_emergency"
        } else {
            "withdraw_emergency"
        };
        let number = self.number();
        let name = format!("{} {number}", self.name);
        self.keep(around, link, kind, data, name);
    }

    /// A message that must be answered.
    fn give_order(&mut self, around: &mut Surroundings<'_>, link: u64) {
        let number = self.number();
        let content = format!("{} {number}", self.name);
        let mut data = json!({
            "conversation_id": self.somewhere(around), "content": content, "answers": ["Yes", "No"],
        });
        if around.random().percent(80) {
            data["answer_within_ms"] = (around.random().below(20_000) + 10_000).into();
        }
        self.keep(around, link, "send_chat_message", data, content);
    }

    /// The answer to an order that was heard of, one's own or not.
    fn answer(&mut self, around: &mut Surroundings<'_>, link: u64) {
        if let Some((conversation_id, message_id)) = around.random().pick(&self.orders).cloned() {
            let answer = around.random().below(2);
            let data =
                json!({"conversation_id": conversation_id, "message_id": message_id, "answer": answer});
            let number = self.number();
            let name = format!("{} {number}", self.name);
            self.keep(around, link, "answer_message", data, name);
        }
    }

    fn withdraw_order(&mut self, around: &mut Surroundings<'_>, link: u64) {
        if let Some((conversation_id, message_id)) = around.random().pick(&self.orders).cloned() {
            let data = json!({"conversation_id": conversation_id, "message_id": message_id});
            let number = self.number();
            let name = format!("{} {number}", self.name);
            self.keep(around, link, "withdraw_order", data, name);
        }
    }

    fn read(&mut self, around: &mut Surroundings<'_>, link: u64) {
        if let Some((conversation_id, message_id)) = around.random().pick(&self.messages).cloned() {
            let data = json!({"conversation_id": conversation_id, "message_id": message_id});
            self.ask(around, link, "mark_message_read", &data);
        }
    }

    /// A conversation of its own, or now and then one of anybody, or none.
    fn somewhere(&self, around: &mut Surroundings<'_>) -> String {
        let own: Vec<_> = self.held.keys().cloned().collect();
        match around.random().below(20) {
            0 => "conv_unknown".to_owned(),
            1..3 => around.random().pick(&self.conversations.borrow()).cloned().unwrap_or_default(),
            _ => around.random().pick(&own).cloned().unwrap_or_default(),
        }
    }

    /// Takes up the work on a conversation, if a frame has named it.
    fn works(&mut self, id: &str, work: &Value) {
        if let Some(version) = work["version"].as_u64() {
            self.works.insert(id.to_owned(), (version, work["state"] == "RESOLVED"));
            self.colleagues.extend(work["assignee"].as_str().map(str::to_owned));
        }
    }

    /// Takes up an emergency, if a frame has named it.
    fn emergency(&mut self, id: &str, emergency: &Value) {
        if let Some(version) = emergency["version"].as_u64() {
            self.emergencies.insert(id.to_owned(), version);
        }
    }

    fn hears(&mut self, frame: &Value) {
        if let Some((kind, _)) = frame["request_id"].as_str().and_then(|id| id.split_once('/'))
            && frame["success"] == true
        {
            *self.granted.entry(kind.to_owned()).or_default() += 1;
        }
        if frame["epoch"].is_string() {
            self.epoch = frame["epoch"].clone();
        }
        // Lists by work and people have cursors of another kind.
        if let Some(cursor) = frame["next_cursor"].as_str().filter(|cursor| cursor.starts_with('p')) {
            self.next_page = Some(cursor.to_owned());
        }
        let found = frame["people"].as_array().into_iter().flatten();
        self.people.extend(found.filter_map(|person| person["id"].as_str()).map(str::to_owned));
        for row in frame["conversations"].as_array().into_iter().flatten() {
            self.people.extend(row["created_by"].as_str().map(str::to_owned));
            let id = row["id"].as_str().unwrap_or_default();
            self.works(id, &row["work"]);
            self.emergency(id, &row["emergency"]);
        }
        let Some(id) = frame["conversation_id"].as_str() else { return };
        self.works(id, &frame["work"]);
        self.works(id, &frame["message"]["work"]);
        self.emergency(id, &frame["emergency"]);
        self.emergency(id, &frame["message"]["emergency"]);
        if !self.conversations.borrow().iter().any(|known| known == id) {
            self.conversations.borrow_mut().push(id.to_owned());
        }
        let held = self.held.entry(id.to_owned()).or_default();
        let messages = frame["messages"].as_array().into_iter().flatten();
        for message in messages.chain(frame.get("message").filter(|message| message.is_object())) {
            *held = message["seq"].as_u64().unwrap_or_default().max(*held);
            let place = (id.to_owned(), message["id"].as_str().unwrap_or_default().to_owned());
            if message["order"].is_object() {
                self.orders.push(place.clone());
            }
            self.messages.push(place);
        }
    }
}

impl Client for Device {
    fn handle(&mut self, heard: Heard, around: &mut Surroundings<'_>) {
        match heard {
            Heard::Woken => self.woken(around),
            Heard::Opened { link } => (self.link, self.is_refused) = (Some((link, true)), false),
            Heard::Frame { frame: Frame::Close(code), .. } => {
                self.is_refused = matches!(code, CloseCode::RightsChanged | CloseCode::Deactivated);
                return;
            }
            Heard::Frame { frame: Frame::Text(text), .. } => {
                let frame = serde_json::from_slice(&text).expect("every frame is JSON");
                self.hears(&frame);
                if self.is_walking {
                    self.go_on_walking(&frame, around);
                }
                return;
            }
            Heard::Frame { .. } => return,
            // Another device of the user may have replaced this one: the two do not fight.
            Heard::Lost { .. } => {
                self.link = None;
                if self.is_calm && self.is_refused {
                    return;
                }
                let pause = around.random().span(1_000..5_000);
                return around.wake_at(Some(around.now().monotonic.plus(pause)));
            }
        }
        let is_at_rest = self.is_calm && self.link.is_some();
        let pause = around.random().span(1..self.pace);
        around.wake_at((!is_at_rest).then(|| around.now().monotonic.plus(pause)));
    }
}
