//! The rules of orders: the people asked, and the ends by answers, time and withdrawals.
//!
//! All functions are pure. [`Batch::judge`](crate::store::Batch::judge) decides with them, and each
//! event carries the order that it leaves. So stores, engines and clients apply events without the
//! rules.

use std::sync::Arc;

use crate::id::{MessageId, UserId};
use crate::protocol::{Order, OrderAnswer, OrderPart, OrderState, User};
use crate::time::Timestamp;
use crate::work::Moment;

/// The limit of people asked by one order. As many as control speaks to in one new conversation.
pub const ASKED_MOST: usize = 20;

/// The limit of open orders of one conversation.
pub const OPEN_MOST: usize = 20;

/// The reason why an answer or a withdrawal is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderRefusal {
    /// The user was not asked, or is not the sender.
    Forbidden,
    /// The person has answered before.
    Answered,
    /// The order is over for everybody, so nothing can be withdrawn.
    Over,
    /// The order offers no such answer.
    NoChoice,
}

impl Order {
    /// An order at its message. `people` must answer, or anybody in control if `None`.
    pub fn given(
        message_id: MessageId,
        sender: UserId,
        choices: u32,
        due: Timestamp,
        people: Option<Vec<UserId>>,
        seq: u64,
    ) -> Self {
        let part = |user_id| OrderPart { user_id, state: OrderState::Pending, ended_at: None, answer: None };
        let people = match people {
            Some(users) => users.into_iter().map(|user| part(Some(user))).collect(),
            None => vec![part(None)],
        };
        Self { message_id, seq, sender_id: sender, choices, due, people, version: seq }
    }

    /// Whether the order waits for an answer.
    pub fn is_open(&self) -> bool {
        self.people.iter().any(OrderPart::is_pending)
    }

    /// The people with an answer to give. `None` is anybody in control.
    pub fn pending(&self) -> impl Iterator<Item = Option<&UserId>> {
        self.people.iter().filter(|part| part.is_pending()).map(|part| part.user_id.as_ref())
    }

    /// Whether anybody in control answers the order, which field staff has given.
    pub fn asks_control(&self) -> bool {
        self.people.iter().any(|part| part.user_id.is_none())
    }

    /// Whether the order waits for an answer of this user.
    pub fn waits_for(&self, user: &User) -> bool {
        self.part_of(user).is_some_and(|place| self.people[place].is_pending())
    }

    /// The order after the answer of a participant.
    ///
    /// An answer ends a part that is pending, if given before the order is due. Any later one is
    /// recorded beside the end.
    ///
    /// # Errors
    ///
    /// The user was not asked or has answered, or there is no such answer.
    pub fn answered(&self, user: &User, answer: u32, moment: Moment) -> Result<Self, OrderRefusal> {
        let place = self.part_of(user).ok_or(OrderRefusal::Forbidden)?;
        if self.people[place].answer.is_some() {
            return Err(OrderRefusal::Answered);
        }
        if answer >= self.choices {
            return Err(OrderRefusal::NoChoice);
        }
        let in_time = self.people[place].is_pending() && moment.at < self.due;
        let mut after = Self { version: moment.seq, ..self.clone() };
        let part = &mut after.people[place];
        if in_time {
            part.end(OrderState::Answered, moment.at);
        }
        part.answer = Some(OrderAnswer { by: user.id.clone(), answer, at: moment.at, late: !in_time });
        Ok(after)
    }

    /// The order once its time is over, and without former participants, or `None` if
    /// nothing has ended.
    pub fn expired(&self, takes_part: impl Fn(&UserId) -> bool, moment: Moment) -> Option<Self> {
        let mut after = Self { version: moment.seq, ..self.clone() };
        let mut has_ended = false;
        for part in after.people.iter_mut().filter(|part| part.is_pending()) {
            if !part.user_id.as_ref().is_none_or(&takes_part) {
                part.end(OrderState::Withdrawn, moment.at);
            } else if self.due <= moment.at {
                part.end(OrderState::Overdue, moment.at);
            }
            has_ended |= !part.is_pending();
        }
        has_ended.then_some(after)
    }

    /// The order after its withdrawal by a user.
    ///
    /// # Errors
    ///
    /// The user is not the sender, or nobody has to answer any more.
    pub fn withdrawn(&self, user: &UserId, moment: Moment) -> Result<Self, OrderRefusal> {
        if self.sender_id != *user {
            return Err(OrderRefusal::Forbidden);
        }
        let mut after = Self { version: moment.seq, ..self.clone() };
        let pending = after.people.iter_mut().filter(|part| part.is_pending());
        pending.for_each(|part| part.end(OrderState::Withdrawn, moment.at));
        if self.is_open() { Ok(after) } else { Err(OrderRefusal::Over) }
    }

    /// The answer of a user, if given.
    pub fn answer_by(&self, user: &UserId) -> Option<&OrderAnswer> {
        self.people.iter().filter_map(|part| part.answer.as_ref()).find(|answer| answer.by == *user)
    }

    /// Whether an entry of this number and time has left somebody overdue.
    pub fn went_overdue(&self, moment: Moment) -> bool {
        let is_new = |part: &OrderPart| part.state == OrderState::Overdue && part.ended_at == Some(moment.at);
        self.version == moment.seq && self.people.iter().any(is_new)
    }

    /// Notes in the numbers of a conversation's open orders whether this one is open.
    pub fn note_in(&self, open: &mut Vec<u64>) {
        match (open.binary_search(&self.seq), self.is_open()) {
            (Err(place), true) => open.insert(place, self.seq),
            (Ok(place), false) => drop(open.remove(place)),
            (Ok(_), true) | (Err(_), false) => {}
        }
    }

    /// The place of the user's part: by name, or for control if the order asks control.
    fn part_of(&self, user: &User) -> Option<usize> {
        let is_theirs = |part: &OrderPart| match &part.user_id {
            Some(asked) => *asked == user.id,
            None => user.role.is_control(),
        };
        self.people.iter().position(is_theirs)
    }
}

impl OrderPart {
    /// Whether the order waits for this person.
    pub fn is_pending(&self) -> bool {
        self.state == OrderState::Pending
    }

    fn end(&mut self, state: OrderState, at: Timestamp) {
        (self.state, self.ended_at) = (state, Some(at));
    }
}

/// The text of an order as stored: that of the message, and a line for each answer. Answers have no
/// line breaks, so [`split`] finds them again.
pub fn compose(content: &str, answers: &[Arc<str>]) -> Arc<str> {
    let mut text = content.to_owned();
    for answer in answers {
        text.push('\n');
        text.push_str(answer);
    }
    text.into()
}

/// The text of a message and its answers, from the text as stored. A text with fewer lines has no
/// answers.
pub fn split(stored: &Arc<str>, choices: u32) -> (Arc<str>, Vec<Arc<str>>) {
    let choices = usize::try_from(choices).unwrap_or(usize::MAX);
    let mut lines: Vec<_> = stored.rsplitn(choices.saturating_add(1), '\n').collect();
    match lines.pop() {
        Some(content) if lines.len() == choices && choices > 0 => {
            (content.into(), lines.into_iter().rev().map(Arc::from).collect())
        }
        _ => (stored.clone(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Role;

    const DUE: Timestamp = Timestamp::from_millis(60_000);

    fn moment(seq: u64, millis: i64) -> Moment {
        Moment { seq, at: Timestamp::from_millis(millis) }
    }

    fn order(people: Option<&[&str]>) -> Order {
        let people = people.map(|users| users.iter().map(|user| UserId::from(*user)).collect());
        Order::given("msg_7".into(), "jane".into(), 2, DUE, people, 7)
    }

    fn user(id: &str, role: Role) -> User {
        User::new(id, role)
    }

    fn states(order: &Order) -> Vec<OrderState> {
        order.people.iter().map(|part| part.state).collect()
    }

    #[test]
    fn each_person_answers_once_and_in_time() {
        let (ann, bob) = (user("ann", Role::BusDriver), user("bob", Role::BusDriver));
        let given = order(Some(&["ann", "bob"]));
        assert!(given.waits_for(&ann) && given.is_open());
        let after = given.answered(&ann, 1, moment(8, 9_000)).unwrap();
        assert_eq!(states(&after), [OrderState::Answered, OrderState::Pending]);
        let answer = after.answer_by(&ann.id).unwrap();
        assert_eq!((answer.answer, answer.at, answer.late), (1, moment(8, 9_000).at, false));
        assert_eq!(after.answered(&ann, 0, moment(9, 9_500)), Err(OrderRefusal::Answered));
        assert_eq!(after.answered(&bob, 2, moment(9, 9_500)), Err(OrderRefusal::NoChoice));
        let jane = user("jane", Role::ControlStaff);
        assert_eq!(after.answered(&jane, 0, moment(9, 9_500)), Err(OrderRefusal::Forbidden));
        let after = after.answered(&bob, 0, moment(9, 9_500)).unwrap();
        assert!(!after.is_open() && after.version == 9);
    }

    #[test]
    fn the_first_answer_of_control_settles_an_order_of_field_staff() {
        let (jane, ada) = (user("jane", Role::ControlStaff), user("ada", Role::ControlAdmin));
        let given = order(None);
        assert_eq!(given.pending().collect::<Vec<_>>(), [None]);
        let after = given.answered(&ada, 0, moment(8, 9_000)).unwrap();
        assert!(!after.is_open());
        assert_eq!(after.answered(&jane, 0, moment(9, 9_000)), Err(OrderRefusal::Answered));
        let driver = user("ann", Role::BusDriver);
        assert_eq!(given.answered(&driver, 0, moment(8, 9_000)), Err(OrderRefusal::Forbidden));
    }

    #[test]
    fn time_ends_what_is_pending_and_only_that() {
        let ann = user("ann", Role::BusDriver);
        let after = order(Some(&["ann", "bob", "eve"])).answered(&ann, 0, moment(8, 9_000)).unwrap();
        assert_eq!(after.expired(|_| true, moment(9, 59_999)), None);
        let left = after.expired(|user| user.as_str() != "eve", moment(9, 20_000)).unwrap();
        assert_eq!(states(&left), [OrderState::Answered, OrderState::Pending, OrderState::Withdrawn]);
        assert!(!left.went_overdue(moment(9, 20_000)));
        let over = left.expired(|_| true, moment(10, 60_000)).unwrap();
        assert_eq!(states(&over), [OrderState::Answered, OrderState::Overdue, OrderState::Withdrawn]);
        assert!(over.went_overdue(moment(10, 60_000)) && !over.went_overdue(moment(11, 60_000)));
        assert_eq!(over.expired(|_| true, moment(11, 70_000)), None);
    }

    #[test]
    fn a_late_answer_is_recorded_beside_the_end() {
        let ann = user("ann", Role::BusDriver);
        let given = order(Some(&["ann"]));
        let early = given.answered(&ann, 0, moment(8, 60_000)).unwrap();
        assert_eq!(states(&early), [OrderState::Pending], "due, and not ended yet");
        assert!(early.answer_by(&ann.id).unwrap().late);
        let over = given.expired(|_| true, moment(8, 60_000)).unwrap();
        let after = over.answered(&ann, 1, moment(9, 70_000)).unwrap();
        assert_eq!(states(&after), [OrderState::Overdue]);
        assert!(after.answer_by(&ann.id).unwrap().late && !after.went_overdue(moment(9, 70_000)));
        assert_eq!(after.answered(&ann, 1, moment(10, 70_000)), Err(OrderRefusal::Answered));
    }

    #[test]
    fn only_the_sender_withdraws_and_only_what_is_open() {
        let (jane, ada) = (UserId::from("jane"), UserId::from("ada"));
        let given = order(Some(&["ann"]));
        assert_eq!(given.withdrawn(&ada, moment(8, 9_000)), Err(OrderRefusal::Forbidden));
        let after = given.withdrawn(&jane, moment(8, 9_000)).unwrap();
        assert_eq!(states(&after), [OrderState::Withdrawn]);
        assert_eq!(after.withdrawn(&jane, moment(9, 9_000)), Err(OrderRefusal::Over));
        let late = after.answered(&user("ann", Role::BusDriver), 0, moment(9, 9_500)).unwrap();
        assert!(late.answer_by(&"ann".into()).unwrap().late);
    }

    #[test]
    fn a_stored_text_gives_back_its_answers() {
        let answers: Vec<Arc<str>> = ["Yes", "No"].map(Arc::from).into();
        for content in ["Turn back.", "two\nlines", "ends\n", "\n"] {
            let stored = compose(content, &answers);
            assert_eq!(split(&stored, 2), (content.into(), answers.clone()));
        }
        assert_eq!(split(&"plain\ntext".into(), 0), ("plain\ntext".into(), vec![]));
        assert_eq!(split(&"short".into(), 2), ("short".into(), vec![]));
    }
}
