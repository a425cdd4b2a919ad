//! The figures of one load on two servers.

use server_test_support::report::{Bar, Row};

use crate::figures::{millis_per_thousand, per_second, percentile};
use crate::stage::Outcome;

/// The bars of a load.
#[derive(Clone, Copy, Default)]
pub(crate) struct Bars {
    /// The bar of acknowledged messages per second.
    pub(crate) messages: Option<Bar>,
    /// The bar of the median time until a message is acknowledged.
    pub(crate) after: Option<Bar>,
    /// The bar of the server's processor time.
    pub(crate) cpu: Option<Bar>,
}

/// The rows of these rounds, each with the figure of the other server.
pub(crate) fn rows(scene: &str, other: &str, rounds: &[(Outcome, Outcome)], bars: &Bars) -> [Row; 7] {
    let row = |what: &str, unit: &str, figure: &dyn Fn(&Outcome) -> f64| {
        let pairs: Vec<_> = rounds.iter().map(|(this, other)| (figure(this), figure(other))).collect();
        Row::beside(scene, what, unit, other, &pairs)
    };
    [
        row("acknowledged messages", "1/s", &|o| per_second(o.answered, o.elapsed)).bar(bars.messages),
        row("acknowledged after, p50", "ms", &|o| percentile(&o.latencies, 5_000)).bar(bars.after),
        row("acknowledged after, p99", "ms", &|o| percentile(&o.latencies, 9_900)),
        row("acknowledged after, p99.9", "ms", &|o| percentile(&o.latencies, 9_990)),
        row("deliveries", "1/s", &|o| per_second(o.delivered, o.elapsed)),
        row("server CPU per 1,000 deliveries", "ms", &|o| millis_per_thousand(o.cpu, o.delivered))
            .bar(bars.cpu),
        row("the load's own CPU for them", "ms", &|o| millis_per_thousand(o.own_cpu, o.delivered)),
    ]
}
