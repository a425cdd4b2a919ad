//! Counts of the oracle's checks.

/// How often each promise could have been broken, for tests that require enough attempts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// Replies, held against their requests.
    pub replies: u64,
    /// Replies that acknowledged a change, held against the store.
    pub acknowledged: u64,
    /// Acknowledged repeats, held against the first reply.
    pub repeats: u64,
    /// Live messages, held against the store, one for each connection that heard it.
    pub heard: u64,
    /// Catch-ups, compared with the messages heard and the store.
    pub catch_ups: u64,
    /// Refusals of a conversation, unknown or forbidden.
    pub refused: u64,
    /// Refusals because of a rate.
    pub rate_limited: u64,
    /// Refusals because of a daily budget.
    pub over_budget: u64,
    /// Refusals because the storage has little room left.
    pub storage_low: u64,
    /// Rows of lists, held against the store.
    pub rows: u64,
    /// Walks by cursor from the first page of a list to the last.
    pub walks: u64,
    /// Acknowledged changes, looked for once more after a crash.
    pub survived: u64,
    /// Emergencies that connections of control have heard of, one for each connection.
    pub emergencies: u64,
    /// Changes of the work, held against the version that they were decided on.
    pub worked: u64,
    /// Refused changes of the work, with the work that they were told.
    pub lost: u64,
    /// Whole lists by work, held against the store.
    pub work_lists: u64,
    /// Ends of emergencies, held against the version that they were decided on.
    pub emergencies_ended: u64,
    /// Alerts of emergencies that nobody has taken, held against the state before.
    pub alerts: u64,
    /// Presses that became messages of an earlier emergency.
    pub pressed_again: u64,
    /// Answers and withdrawals of orders, held against the entry that they became.
    pub order_changes: u64,
    /// Refused answers and withdrawals, with the order that they were told.
    pub orders_lost: u64,
    /// Orders that the server has ended, held against the state before.
    pub orders_expired: u64,
    /// Whole lists of open orders, held against the store.
    pub order_lists: u64,
}

impl Checked {
    /// Each by its name.
    pub fn numbers(&self) -> [(&'static str, u64); 23] {
        [
            ("replies", self.replies),
            ("acknowledged", self.acknowledged),
            ("repeats", self.repeats),
            ("heard", self.heard),
            ("catch-ups", self.catch_ups),
            ("refused", self.refused),
            ("rate limited", self.rate_limited),
            ("over budget", self.over_budget),
            ("storage low", self.storage_low),
            ("rows", self.rows),
            ("walks", self.walks),
            ("survived", self.survived),
            ("emergencies", self.emergencies),
            ("worked", self.worked),
            ("lost", self.lost),
            ("work lists", self.work_lists),
            ("emergencies ended", self.emergencies_ended),
            ("alerts", self.alerts),
            ("pressed again", self.pressed_again),
            ("order changes", self.order_changes),
            ("orders lost", self.orders_lost),
            ("orders expired", self.orders_expired),
            ("order lists", self.order_lists),
        ]
    }
}
