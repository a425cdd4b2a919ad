//! Cases: orders that must be answered (P8).

use std::time::Duration;

use super::Fixture;
use super::bench::{Bench, appended, control, time};
use super::queries::expect_facts;
use crate::id::{ConversationId, UserId};
use crate::order::{OPEN_MOST, compose};
use crate::protocol::{Message, Order, OrderAction, OrderState, Role, SERVER, User};
use crate::store::{
    Account, AppendEntry, AppendMessage, Change, Committed, EntryBody, EntryChange, ExpireOrder, Facts,
    GivenOrder, MessageAppended, OrderPage, OrderPlace, OrderQuery, Original, Query, Rejected, RejectedOrder,
    Window,
};

/// The time to answer, in milliseconds.
const WITHIN: i64 = 60_000;

impl<F: Fixture> Bench<F> {
    /// A message of a user with an order, at [`time`] 0.
    async fn order(&mut self, user: &str, id: &ConversationId) -> AppendMessage {
        let within = Duration::from_millis(WITHIN.unsigned_abs());
        let content = compose("turn back", &["Yes".into(), "No".into()]);
        let order = Some(GivenOrder { choices: 2, within });
        AppendMessage { content, order, ..self.message(user, id).await }
    }

    /// Stores an order of a user, and gives the number of its message.
    async fn give(&mut self, user: &str, id: &ConversationId) -> u64 {
        let order = self.order(user, id).await;
        appended(&self.accept(Change::AppendMessage(order)).await).seq
    }

    async fn order_entry(
        &mut self,
        user: &str,
        id: &ConversationId,
        entry: EntryChange,
        at: i64,
    ) -> AppendEntry {
        AppendEntry {
            permit: self.permit(user, id).await,
            entry,
            nonce: self.nonce(),
            content: "what has happened".into(),
            client_message_id: None,
            at: time(at),
        }
    }

    /// An answer of a user, which must be stored.
    async fn answer(&mut self, user: &str, id: &ConversationId, (seq, at): (u64, i64)) -> MessageAppended {
        let entry = self.order_entry(user, id, EntryChange::Answer { seq, answer: 1 }, at).await;
        appended(&self.accept(Change::AppendEntry(entry)).await).clone()
    }

    /// The verdict on an entry that must not be stored.
    async fn refused(&mut self, user: &str, id: &ConversationId, entry: EntryChange) -> Rejected {
        let entry = self.order_entry(user, id, entry, 0).await;
        self.commit(vec![Change::AppendEntry(entry)]).await.remove(0).expect_err("the entry is refused")
    }

    async fn expire(&mut self, id: &ConversationId, seq: u64, at: i64) -> Committed {
        let (conversation, nonce, at) = (id.clone(), self.nonce(), time(at));
        let expire = ExpireOrder { conversation, seq, nonce, content: "over".into(), at };
        self.accept(Change::ExpireOrder(expire)).await
    }

    async fn open(&mut self, user: Option<&str>, limit: u32, after: Option<OrderPlace>) -> OrderPage {
        let query = OrderQuery { user: user.map(UserId::from), after, limit };
        expect_facts!(self, Query::OpenOrders(query), OpenOrders)
    }

    /// The messages of a user's open orders: conversation and number.
    async fn owed(&mut self, user: Option<&str>) -> Vec<(ConversationId, u64)> {
        places(&self.open(user, 9, None).await)
    }

    /// The order of a message as history shows it.
    async fn shown(&mut self, id: &ConversationId, seq: u64) -> Order {
        let message = self.page(id, Window::After(seq - 1), 1, usize::MAX).await.messages.remove(0);
        message.order.expect("the message is an order").order
    }

    /// A conversation of two users in the field, `driver` and `second`, with `control`.
    async fn convoy(&mut self) -> ConversationId {
        let id = self.create("driver", &["control"]).await;
        self.put(Account::new(User::new("second", Role::QueueRegulator))).await;
        self.enrol(&id, "second").await;
        id
    }

    async fn enrol(&mut self, id: &ConversationId, user: &str) {
        let membership = self.membership(user, id).await;
        self.accept(Change::Enrol(membership)).await;
    }
}

fn places(page: &OrderPage) -> Vec<(ConversationId, u64)> {
    let place = |message: &Message| (message.conversation_id.clone(), message.seq.unwrap_or_default());
    page.orders.iter().map(place).collect()
}

fn states(order: &Order) -> Vec<OrderState> {
    order.people.iter().map(|part| part.state).collect()
}

/// An order of control is for all participants in the field. Each answer ends it for one person.
pub async fn an_order_is_given_to_the_field_and_answered<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.convoy().await;
    let order = bench.order("control", &id).await;
    let given = appended(&bench.accept(Change::AppendMessage(order)).await).clone();
    let asked = Some(vec!["driver".into(), "second".into()]);
    let expected =
        Order::given(given.message_id.clone(), "control".into(), 2, time(WITHIN), asked, given.seq);
    assert_eq!((given.seq, given.order.as_deref()), (2, Some(&expected)));
    let message = bench.messages(&id).await.remove(1);
    let shown = message.order.as_ref().expect("the message shows its order");
    assert_eq!((&*message.content, &shown.order), ("turn back", &expected));
    assert_eq!(shown.answers, ["Yes", "No"].map(Into::into));
    assert_eq!(message, given.message());
    let answered = bench.answer("driver", &id, (2, 9_000)).await;
    assert_eq!(answered.entry, Some(EntryBody::Order(OrderAction::Answer)));
    let after = answered.order.clone().expect("an entry about an order has it");
    assert_eq!(states(&after), [OrderState::Answered, OrderState::Pending]);
    assert_eq!((after.version, bench.shown(&id, 2).await), (3, *after), "history shows the newest");
    assert_eq!(bench.messages(&id).await[2], answered.message());
    assert_eq!(bench.conversation(&id).await.open_orders, [2]);
    bench.answer("second", &id, (2, 9_500)).await;
    assert!(bench.conversation(&id).await.open_orders.is_empty());
    assert_eq!(bench.owed(None).await, []);
    let row = bench.row("control", &id).await.rows.remove(0);
    assert_eq!((row.conversation.last_text_seq, row.last_message.seq), (2, Some(2)), "entries are no texts");
}

/// An order of field staff is for anybody in control, and the first answer settles it.
pub async fn an_order_of_field_staff_is_for_control<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let seq = bench.give("driver", &id).await;
    let entry = EntryChange::Answer { seq, answer: 0 };
    assert_eq!(bench.refused("driver", &id, entry.clone()).await, Rejected::Forbidden);
    let settled = bench.answer("other", &id, (seq, 5_000)).await.order.expect("an answer has the order");
    assert_eq!(states(&settled), [OrderState::Answered]);
    let expected = Rejected::Order(RejectedOrder::Answered(settled));
    assert_eq!(bench.refused("control", &id, entry).await, expected);
}

/// An order ends once for each person: by the answer, or by time. A late answer is kept beside.
pub async fn an_order_ends_once_for_each_person<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.convoy().await;
    let seq = bench.give("control", &id).await;
    bench.answer("driver", &id, (seq, 9_000)).await;
    assert_eq!(bench.expire(&id, seq, WITHIN - 1).await.event, None, "not yet");
    let over = appended(&bench.expire(&id, seq, WITHIN).await).clone();
    assert_eq!((over.sender.as_str(), over.sent_at), (SERVER, time(WITHIN)));
    assert_eq!(over.entry, Some(EntryBody::Order(OrderAction::Expire)));
    let after = over.order.clone().expect("an entry about an order has it");
    assert_eq!(states(&after), [OrderState::Answered, OrderState::Overdue]);
    assert!(over.has_overdue());
    assert_eq!(bench.expire(&id, seq, WITHIN + 9).await.event, None, "another has ended it");
    let late = bench.answer("second", &id, (seq, WITHIN + 10)).await;
    let kept = late.order.clone().expect("an entry about an order has it");
    assert_eq!(states(&kept), [OrderState::Answered, OrderState::Overdue]);
    assert!(kept.answer_by(&"second".into()).is_some_and(|answer| answer.late) && !late.has_overdue());
    assert_eq!(bench.shown(&id, seq).await, *kept);
    let again = bench.refused("second", &id, EntryChange::Answer { seq, answer: 0 }).await;
    assert_eq!(again, Rejected::Order(RejectedOrder::Answered(kept)));
    let unknown = ConversationId::from("conv_unknown");
    assert_eq!(bench.expire(&unknown, 1, WITHIN).await.event, None);
    assert_eq!(bench.expire(&id, 1, WITHIN).await.event, None, "no order");
}

/// A deactivated or withdrawn user owes no answer any more.
pub async fn who_leaves_owes_no_answer<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.convoy().await;
    let seq = bench.give("control", &id).await;
    let inactive = Account { active: false, ..Account::new(User::new("second", Role::QueueRegulator)) };
    bench.put(inactive).await;
    let left = appended(&bench.expire(&id, seq, 1_000).await).clone();
    let after = left.order.clone().expect("an entry about an order has it");
    assert_eq!(states(&after), [OrderState::Pending, OrderState::Withdrawn]);
    assert!(!left.has_overdue());
    let membership = bench.membership("driver", &id).await;
    bench.accept(Change::Withdraw(membership)).await;
    let left = appended(&bench.expire(&id, seq, WITHIN).await).clone();
    let after = left.order.expect("an entry about an order has it");
    assert_eq!(states(&after), [OrderState::Withdrawn, OrderState::Withdrawn]);
}

/// Only the sender withdraws an order, while it is open.
pub async fn only_the_sender_withdraws_an_order<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control", "other"]).await;
    let seq = bench.give("control", &id).await;
    let withdrawal = EntryChange::WithdrawOrder { seq };
    assert_eq!(bench.refused("other", &id, withdrawal.clone()).await, Rejected::Forbidden);
    let none = EntryChange::WithdrawOrder { seq: 1 };
    assert_eq!(bench.refused("control", &id, none).await, Rejected::Forbidden, "no order");
    let entry = bench.order_entry("control", &id, withdrawal.clone(), 5_000).await;
    let withdrawn = appended(&bench.accept(Change::AppendEntry(entry)).await).clone();
    assert_eq!(withdrawn.entry, Some(EntryBody::Order(OrderAction::Withdraw)));
    let after = withdrawn.order.expect("an entry about an order has it");
    assert_eq!(states(&after), [OrderState::Withdrawn]);
    assert_eq!(bench.shown(&id, seq).await, *after);
    let again = bench.refused("control", &id, withdrawal).await;
    assert_eq!(again, Rejected::Order(RejectedOrder::Over(after)));
}

/// An order of control needs somebody in the field, by name and active.
pub async fn an_order_that_nobody_can_answer_is_refused<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    bench.put(Account { active: false, ..Account::new(User::new("driver", Role::BusDriver)) }).await;
    let order = bench.order("control", &id).await;
    let message = bench.message("control", &id).await;
    let changes = vec![Change::AppendMessage(order), Change::AppendMessage(message)];
    let verdicts = bench.commit(changes).await;
    assert_eq!(verdicts[0], Err(Rejected::Order(RejectedOrder::NotPossible)));
    assert!(verdicts[1].is_ok(), "later changes are not affected");
    assert_eq!(bench.messages(&id).await.len(), 2);
}

/// A conversation has a limited number of open orders, those of the same batch included.
pub async fn open_orders_are_bounded<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let mut orders = Vec::new();
    for _ in 0..=OPEN_MOST {
        orders.push(Change::AppendMessage(bench.order("control", &id).await));
    }
    let mut verdicts = bench.commit(orders).await;
    assert_eq!(verdicts.pop(), Some(Err(Rejected::Order(RejectedOrder::TooMany))));
    assert!(verdicts.iter().all(Result::is_ok));
    bench.answer("driver", &id, (5, 9_000)).await;
    let order = bench.order("control", &id).await;
    bench.accept(Change::AppendMessage(order)).await;
}

/// The list of field staff has the orders that wait for the user, and that of control all orders
/// of its conversations.
pub async fn open_orders_are_listed_by_user<F: Fixture>(bench: &mut Bench<F>) {
    let convoy = bench.convoy().await;
    let alone = bench.create("second", &["other"]).await;
    let first = (convoy.clone(), bench.give("control", &convoy).await);
    let question = (alone.clone(), bench.give("second", &alone).await);
    let mut both = vec![first.clone(), question.clone()];
    both.sort();
    assert_eq!(bench.owed(None).await, both, "due at the same time, by conversation");
    assert_eq!(bench.owed(Some("control")).await, std::slice::from_ref(&first));
    assert_eq!(bench.owed(Some("other")).await, [question]);
    assert_eq!(
        bench.owed(Some("second")).await,
        std::slice::from_ref(&first),
        "the own question waits for others"
    );
    assert_eq!(bench.owed(Some("nobody")).await, []);
    bench.answer("second", &convoy, (first.1, 9_000)).await;
    assert_eq!(bench.owed(Some("second")).await, []);
    assert_eq!(bench.owed(Some("driver")).await, std::slice::from_ref(&first));
    let page = bench.open(Some("driver"), 9, None).await;
    assert_eq!(page.orders, [bench.messages(&convoy).await[1].clone()], "a row is the message of now");
    let membership = bench.membership("driver", &convoy).await;
    bench.accept(Change::Withdraw(membership)).await;
    assert_eq!(bench.owed(Some("driver")).await, []);
    let blue = Account { user: User::new("other", Role::BusDriver), ..control("other", &["other"]) };
    bench.put(blue).await;
    assert_eq!(bench.owed(Some("other")).await, [], "not in control any more");
}

/// Pages go on where the page before has ended, in the order of their ends.
pub async fn pages_of_open_orders_join_without_holes<F: Fixture>(bench: &mut Bench<F>) {
    let (id, other) =
        (bench.create("driver", &["control"]).await, bench.create("second", &["control"]).await);
    let mut expected = Vec::new();
    for (at, id) in [(40, &id), (10, &other), (50, &id), (20, &other), (60, &id)] {
        let order = bench.order("control", id).await;
        let order = AppendMessage { at: time(at), ..order };
        let given = appended(&bench.accept(Change::AppendMessage(order)).await).clone();
        expected.push((given.sent_at, id.clone(), given.seq));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, id, seq)| (id, seq)).collect();
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = bench.open(Some("control"), 2, after).await;
        walked.extend(places(&page));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(walked, expected);
    let driver = bench.open(Some("driver"), 1, None).await;
    assert_eq!(driver.orders.len(), 1);
    assert!(driver.next.is_some());
    assert_eq!(bench.open(Some("control"), 0, None).await, OrderPage::default());
}

/// A repeat of an order or of an answer gets the original, and stores nothing.
pub async fn a_repeated_order_gets_the_original<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.create("driver", &["control"]).await;
    let mut stored = Vec::new();
    for _ in 0..2 {
        let order =
            AppendMessage { client_message_id: Some("one".into()), ..bench.order("control", &id).await };
        let answer = bench.order_entry("driver", &id, EntryChange::Answer { seq: 2, answer: 0 }, 9_000).await;
        let answer = AppendEntry { client_message_id: Some("two".into()), ..answer };
        for verdict in bench.commit(vec![Change::AppendMessage(order), Change::AppendEntry(answer)]).await {
            match verdict {
                Ok(committed) => stored.push(Original::Message(Box::new(appended(&committed).clone()))),
                Err(Rejected::Duplicate(original)) => assert!(stored.contains(&original), "{original:?}"),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((stored.len(), bench.messages(&id).await.len()), (2, 3));
}

/// The orders that a commit has returned survive a crash, open and ended.
pub async fn orders_survive_a_crash<F: Fixture>(bench: &mut Bench<F>) {
    let id = bench.convoy().await;
    let (open, over) = (bench.give("control", &id).await, bench.give("control", &id).await);
    bench.answer("driver", &id, (open, 9_000)).await;
    bench.expire(&id, over, WITHIN).await;
    let (conversation, messages) = (bench.conversation(&id).await, bench.messages(&id).await);
    let page = bench.open(None, 9, None).await;
    if bench.crash().await {
        assert_eq!(bench.find_conversation(&id).await, Some(conversation));
        assert_eq!(bench.messages(&id).await, messages);
        assert_eq!((places(&page), bench.open(None, 9, None).await), (vec![(id.clone(), open)], page));
        bench.answer("second", &id, (open, WITHIN + 1)).await;
        let over = appended(&bench.expire(&id, open, WITHIN + 1).await).clone();
        assert!(over.has_overdue(), "the late answer has ended nothing");
        assert_eq!(bench.owed(None).await, []);
    }
}
