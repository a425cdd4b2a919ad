//! Orders that must be answered: whom they ask, answers, ends, and the list of open ones.

use chat_core::engine::{Command, ConnectionId};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

/// A scene with an admin, and an order of control for the driver, with a minute to answer.
struct Order {
    scene: Scene,
    admin: ConnectionId,
    id: String,
}

impl Order {
    fn new() -> Self {
        let mut scene = Scene::new();
        let admin = scene.world.connect(&admin());
        let staff = scene.staff;
        let mut order = Self { scene, admin, id: String::new() };
        let given = order.give(staff, "one");
        given[0]["message_id"].as_str().expect("an order is a message").clone_into(&mut order.id);
        order.silence();
        order
    }

    fn give(&mut self, conn: ConnectionId, name: &str) -> Vec<Value> {
        let data = json!({
            "content": "Turn back.", "answers": ["Understood", "No"], "answer_within_ms": 60_000,
            "client_message_id": name,
        });
        self.ask(conn, "send_chat_message", data)
    }

    fn ask(&mut self, conn: ConnectionId, kind: &str, more: Value) -> Vec<Value> {
        let data = self.scene.data(more);
        self.scene.world.ask(conn, kind, data)
    }

    fn answer(&mut self, conn: ConnectionId, answer: u32) -> Vec<Value> {
        let data = json!({"message_id": self.id, "answer": answer});
        self.ask(conn, "answer_message", data)
    }

    /// Drops all that was heard so far.
    fn silence(&mut self) {
        for conn in [self.scene.driver, self.scene.staff, self.admin] {
            self.scene.world.take(conn);
        }
    }

    /// The events of a kind that a connection hears in the next seconds.
    fn hears(&mut self, conn: ConnectionId, seconds: u64, kind: &str) -> Vec<Value> {
        self.scene.world.advance(secs(seconds));
        let heard = self.scene.world.take(conn);
        of_type(&heard, kind).into_iter().cloned().collect()
    }

    /// The order as history shows it.
    fn shown(&mut self) -> Value {
        let (staff, data) = (self.scene.staff, json!({"after_seq": 1, "limit": 1}));
        self.ask(staff, "get_conversation_messages", data)[0]["messages"][0]["order"].clone()
    }

    /// The messages of the user's open orders.
    fn open(&mut self, conn: ConnectionId) -> Vec<Value> {
        let reply = self.scene.world.ask(conn, "get_open_orders", json!({})).remove(0);
        reply["orders"].as_array().expect("a list").clone()
    }
}

fn part(user: Value, state: &str) -> (Value, Value) {
    (user, state.into())
}

fn parts(order: &Value) -> Vec<(Value, Value)> {
    let people = order["people"].as_array().expect("people").iter();
    people.map(|part| (part["user_id"].clone(), part["state"].clone())).collect()
}

#[test]
fn control_gives_an_order_and_the_driver_answers() {
    let mut order = Order::new();
    let (driver, staff) = (order.scene.driver, order.scene.staff);
    let pending = json!({"user_id": "driver_1", "state": "PENDING", "ended_at": null});
    let expected = json!({
        "answers": ["Understood", "No"], "message_id": order.id, "seq": 2, "sender_id": "control_1",
        "choices": 2, "due": "2024-01-15T10:31:00.000Z", "people": [pending], "version": 2,
    });
    assert_eq!(order.shown(), expected);
    let owed = order.open(driver);
    assert_eq!((owed.len(), &owed[0]["order"], &owed[0]["content"]), (1, &expected, &json!("Turn back.")));
    assert_eq!(order.open(staff), owed, "control sees the orders of its conversations");
    let heard = order.answer(driver, 0);
    let reply = &heard[0];
    assert_eq!((&reply["success"], &reply["seq"]), (&json!(true), &json!(3)));
    let entry = &heard[1]["message"];
    assert_eq!(entry["content"], "John Doe has answered: Understood");
    assert_eq!((&entry["answer"]["action"], &entry["answer"]["answer"]), (&json!("ANSWER"), &json!(0)));
    assert_eq!((&entry["answer"]["order"], &entry["answer"]["late"]), (&reply["order"], &Value::Null));
    let told = order.hears(staff, 0, "new_message");
    assert_eq!(told.last().map(|event| &event["message"]), Some(entry));
    let given = json!({"by": "driver_1", "answer": 0, "at": START});
    assert_eq!(reply["order"]["people"][0]["answer"], given);
    assert_eq!(parts(&order.shown()), [part(json!("driver_1"), "ANSWERED")]);
    assert_eq!((order.open(driver), order.open(staff)), (vec![], vec![]));
    let again = order.answer(driver, 1).remove(0);
    assert_eq!(
        (&again["code"], &again["order"]["people"][0]["answer"]),
        (&json!("already_answered"), &given)
    );
    assert_eq!(order.hears(staff, 3_600, "order_overdue"), [] as [Value; 0]);
}

#[test]
fn nobody_else_answers_and_nothing_else_is_answered() {
    let mut order = Order::new();
    let (driver, staff) = (order.scene.driver, order.scene.staff);
    assert_eq!(order.answer(staff, 0)[0]["code"], "forbidden", "not asked");
    let missing = order.answer(driver, 2).remove(0);
    assert_eq!(missing["error"], "Invalid parameter: answer must be 0 to 1");
    let first = order.scene.ids()[0].clone();
    let wrong = order.ask(driver, "answer_message", json!({"message_id": first, "answer": 0}));
    assert_eq!(wrong[0]["error"], "Invalid parameter: message_id names no order");
    for unknown in ["msg_x", "msg_zzzzzzzzzzzzzzzz2", "msg_zzzzzzzzzzzzzzzz99"] {
        let wrong = order.ask(driver, "answer_message", json!({"message_id": unknown, "answer": 0}));
        assert_eq!(wrong[0]["code"], "message_not_found", "{unknown}");
    }
    let stranger = order.scene.world.connect(&other_driver());
    assert_eq!(order.answer(stranger, 0)[0]["code"], "conversation_not_found");
    assert_eq!(order.open(stranger), [] as [Value; 0]);
}

#[test]
fn the_server_ends_an_order_in_time_and_tells_the_side_of_its_sender() {
    let mut order = Order::new();
    let (driver, staff, admin) = (order.scene.driver, order.scene.staff, order.admin);
    assert_eq!(order.hears(staff, 59, "new_message"), [] as [Value; 0]);
    order.scene.world.advance(secs(1));
    let heard = order.scene.world.take(staff);
    let entry = of_type(&heard, "new_message")[0]["message"].clone();
    assert_eq!((&entry["sender_id"], &entry["seq"]), (&json!("chat:server"), &json!(3)));
    assert_eq!(entry["content"], "This order was not answered in time.");
    assert_eq!(entry["answer"]["action"], "EXPIRE");
    assert_eq!(parts(&entry["answer"]["order"]), [part(json!("driver_1"), "OVERDUE")]);
    let overdue = json!({
        "type": "order_overdue", "conversation_id": order.scene.conversation,
        "timestamp": "2024-01-15T10:31:00.000Z", "order": entry["answer"]["order"],
    });
    assert_eq!(of_type(&heard, "order_overdue"), [&overdue]);
    assert_eq!(order.hears(admin, 0, "order_overdue"), [overdue]);
    let heard = order.scene.world.take(driver);
    assert_eq!((heard.len(), &heard[0]["message"]), (1, &entry), "the driver hears the entry alone");
    let late = order.answer(driver, 1);
    assert_eq!((&late[1]["message"]["answer"]["late"], &late[0]["success"]), (&json!(true), &json!(true)));
    assert_eq!(parts(&order.shown()), [part(json!("driver_1"), "OVERDUE")]);
    assert_eq!(order.answer(driver, 1)[0]["code"], "already_answered");
    assert_eq!(order.hears(staff, 3_600, "order_overdue"), [] as [Value; 0], "once");
}

#[test]
fn the_first_answer_of_control_settles_an_order_of_field_staff() {
    let mut order = Order::new();
    let (driver, staff, admin) = (order.scene.driver, order.scene.staff, order.admin);
    let given = order.give(driver, "question");
    order.id = given[0]["message_id"].as_str().expect("an id").to_owned();
    assert_eq!(parts(&given[1]["message"]["order"]), [part(Value::Null, "PENDING")]);
    assert_eq!(order.open(driver).len(), 1, "only the order of control");
    assert_eq!(order.open(admin).len(), 2);
    assert_eq!(order.answer(admin, 0)[0]["success"], true);
    let second = order.answer(staff, 1);
    let second = second.iter().find(|frame| frame["success"] == false).expect("a refusal");
    assert_eq!(second["code"], "already_answered");
    assert_eq!(second["order"]["people"][0]["answer"]["by"], "control_2");
    order.silence();
    let unanswered = order.give(driver, "another");
    assert_eq!(unanswered[0]["success"], true);
    order.scene.world.take(staff);
    assert_eq!(order.hears(driver, 60, "order_overdue").len(), 1, "the side of the sender");
    let heard = order.scene.world.take(staff);
    let about: Vec<_> =
        of_type(&heard, "order_overdue").iter().map(|event| &event["order"]["sender_id"]).collect();
    assert_eq!(about, ["control_1"], "control hears of its own order alone");
}

#[test]
fn its_sender_withdraws_an_order_while_somebody_owes_an_answer() {
    let mut order = Order::new();
    let (driver, staff, admin) = (order.scene.driver, order.scene.staff, order.admin);
    let data = json!({"message_id": order.id});
    assert_eq!(order.ask(admin, "withdraw_order", data.clone())[0]["code"], "forbidden");
    let name = json!({"message_id": order.id, "client_message_id": "withdrawal"});
    let withdrawn = order.ask(staff, "withdraw_order", name.clone());
    assert_eq!(withdrawn[1]["message"]["content"], "Jane Smith has withdrawn this order.");
    assert_eq!(withdrawn[1]["message"]["answer"]["action"], "WITHDRAW");
    assert_eq!(parts(&withdrawn[0]["order"]), [part(json!("driver_1"), "WITHDRAWN")]);
    assert_eq!(order.ask(staff, "withdraw_order", name), [withdrawn[0].clone()], "a repeat");
    let again = order.ask(staff, "withdraw_order", data).remove(0);
    assert_eq!((&again["code"], &again["order"]), (&json!("conflict"), &withdrawn[0]["order"]));
    order.silence();
    let late = order.answer(driver, 0);
    assert_eq!(late[1]["message"]["answer"]["late"], true);
    assert_eq!(order.hears(staff, 600, "order_overdue"), [] as [Value; 0]);
}

#[test]
fn who_is_deactivated_or_withdrawn_owes_no_answer() {
    let mut order = Order::new();
    let staff = order.scene.staff;
    order.scene.world.command(Command::Deactivate("driver_1".into()));
    let entry = order.hears(staff, 0, "new_message").remove(0);
    assert_eq!(entry["message"]["content"], "This order no longer waits for everybody who was asked.");
    assert_eq!(parts(&order.shown()), [part(json!("driver_1"), "WITHDRAWN")]);
    let refused = order.give(staff, "nobody");
    assert_eq!(refused[0]["code"], "order_not_possible");
    let mut order = Order::new();
    let withdraw =
        Command::Withdraw { conversation: order.scene.conversation.as_str().into(), user: "driver_1".into() };
    order.scene.world.command(withdraw);
    assert_eq!(parts(&order.shown()), [part(json!("driver_1"), "WITHDRAWN")]);
    let heard = order.hears(order.scene.staff, 600, "order_overdue");
    assert_eq!(heard, [] as [Value; 0]);
}

#[test]
fn a_repeat_gets_the_original_and_another_order_under_its_name_is_refused() {
    let mut order = Order::new();
    let (driver, staff) = (order.scene.driver, order.scene.staff);
    let repeat = order.give(staff, "one");
    assert_eq!((repeat.len(), &repeat[0]["message_id"]), (1, &json!(order.id)));
    for other in [
        json!({"content": "Turn back.", "answers": ["Understood"], "answer_within_ms": 60_000}),
        json!({"content": "Turn back.", "answers": ["Understood", "No"], "answer_within_ms": 61_000}),
        json!({"content": "Turn back."}),
        json!({"content": "Turn back.\nUnderstood\nNo"}),
    ] {
        let mut data = other;
        data["client_message_id"] = "one".into();
        assert_eq!(order.ask(staff, "send_chat_message", data)[0]["code"], "client_message_id_reused");
    }
    let data = json!({"message_id": order.id, "answer": 1, "client_message_id": "answer"});
    let first = order.ask(driver, "answer_message", data.clone());
    assert_eq!(order.ask(driver, "answer_message", data), [first[0].clone()], "no already_answered");
    let other = json!({"message_id": order.id, "answer": 0, "client_message_id": "answer"});
    assert_eq!(order.ask(driver, "answer_message", other)[0]["code"], "client_message_id_reused");
}

#[test]
fn a_conversation_has_a_limited_number_of_open_orders() {
    let mut order = Order::new();
    let (driver, staff) = (order.scene.driver, order.scene.staff);
    for number in 1..20 {
        assert_eq!(order.give(staff, &format!("order {number}"))[0]["success"], true);
    }
    assert_eq!(order.give(staff, "too many")[0]["code"], "too_many_orders");
    assert_eq!(order.scene.send(staff, "No order.")[0]["success"], true);
    let page = order.scene.world.ask(driver, "get_open_orders", json!({"limit": 12})).remove(0);
    let rest = json!({"limit": 12, "cursor": page["next_cursor"]});
    let rest = order.scene.world.ask(driver, "get_open_orders", rest).remove(0);
    let lengths = [&page, &rest].map(|page| page["orders"].as_array().expect("a list").len());
    assert_eq!((lengths, &rest["next_cursor"]), ([12, 8], &Value::Null));
    order.answer(driver, 0);
    assert_eq!(order.give(staff, "room again")[0]["success"], true);
    order.silence();
    assert_eq!(order.hears(staff, 60, "order_overdue").len(), 20);
}

#[test]
fn an_engine_that_starts_ends_earlier_orders() {
    let order = Order::new();
    let store = order.scene.world.store.clone();
    let mut world = World::over(store.clone(), unhurried());
    let staff_conn = world.connect(&staff());
    world.advance(secs(60));
    let heard = world.take(staff_conn);
    assert_eq!(of_type(&heard, "order_overdue").len(), 1);
    let mut late = World::over(store, unhurried());
    late.set_wall(late.now().wall.plus(secs(3_600)));
    let staff_conn = late.connect(&staff());
    late.advance(secs(61));
    let heard = late.take(staff_conn);
    assert_eq!(of_type(&heard, "order_overdue").len(), 1, "due while no engine was there");
}
