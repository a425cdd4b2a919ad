//! The rows of an agency and their bars.

use std::time::Duration;

use server_test_support::report::{Bar, Row};

use super::control::{FIRST, PAGE};
use super::{Figures, FirstLists, Storm};
use crate::figures::{count, millis_per_thousand, per_second, percentile};
use crate::stage::Outcome;

/// The bars of the speed and the size of one agency.
const CREATION_BAR: Bar = Bar::RatioAtMost(2.5);
const BYTES_BAR: Bar = Bar::AtMost(2.5);
const PAGE_BAR: Bar = Bar::AtMost(40.0);
const BACK_BAR: Bar = Bar::AtMost(1.0);
const MEANWHILE_BAR: Bar = Bar::AtMost(50.0);
const FIRST_LIST_BAR: Bar = Bar::RatioAtMost(1.5);
const MEMORY_BAR: Bar = Bar::AtMost(250.0);

/// The bar of figures that must not depend on the number of control users.
const SAME_BAR: Bar = Bar::RatioAtMost(1.1);

const BYTES: &str = "journal and index of each conversation";

/// The rows of one scene.
pub(super) fn of_scene(figures: &Figures) -> Vec<Row> {
    let Figures { control, stored, bytes_each, storms, loads, first_lists, memory, .. } = figures;
    let scene = format!("{control} control users, {stored} conversations");
    let load = |what: &str, unit: &str, figure: &dyn Fn(&Outcome) -> f64| {
        let pairs: Vec<_> = loads.iter().map(|(created, sent)| (figure(created), figure(sent))).collect();
        Row::beside(&scene, what, unit, "a message", &pairs)
    };
    let after = |storm: &Storm| storm.back_after.as_secs_f64();
    let meanwhile = |storm: &Storm| (percentile(&storm.meanwhile, 9_900), percentile(&storm.calm, 9_900));
    let first = |lists: &FirstLists| (median(&lists.of_new), median(&lists.of_known));
    let back = format!("all control users reconnect and have {FIRST} after");
    vec![
        load("server CPU for a new conversation", "ms", &cpu_each).bar(Some(CREATION_BAR)),
        load("new conversations", "1/s", &|o| per_second(o.answered, o.elapsed)),
        load("created after, p50", "ms", &|o| percentile(&o.latencies, 5_000)),
        Row::alone(&scene, BYTES, "KB", &[*bytes_each / 1_000.0]).bar(Some(BYTES_BAR)),
        Row::alone(&scene, &page(), "KiB", &[kib(figures)]).bar(Some(PAGE_BAR)),
        Row::alone(&scene, &back, "s", &storms.iter().map(after).collect::<Vec<_>>()).bar(Some(BACK_BAR)),
        Row::beside(
            &scene,
            "drivers acknowledged meanwhile, p99",
            "ms",
            "before",
            &storms.iter().map(meanwhile).collect::<Vec<_>>(),
        )
        .bar(Some(MEANWHILE_BAR)),
        Row::beside(
            &scene,
            "first list of a new control user",
            "ms",
            "a known one",
            &first_lists.iter().map(first).collect::<Vec<_>>(),
        )
        .bar(Some(FIRST_LIST_BAR)),
        Row::beside(&scene, "most memory", "MiB", "at the end", &[(mib(memory.0), mib(memory.1))])
            .bar(Some(MEMORY_BAR)),
    ]
}

/// The rows that compare an agency of many control users with one of few.
pub(super) fn compared(many: &Figures, few: &Figures) -> [Row; 2] {
    let scene = format!("the same with {} control users", many.control);
    let other = format!("{} control users", few.control);
    let row = |what: &str, unit: &str, figure: &dyn Fn(&Figures) -> f64| {
        Row::beside(&scene, what, unit, &other, &[(figure(many), figure(few))]).bar(Some(SAME_BAR))
    };
    [row(BYTES, "KB", &|figures| figures.bytes_each / 1_000.0), row(&page(), "KiB", &kib)]
}

/// Divides a number of bytes among conversations.
pub(super) fn each(bytes: u64, conversations: usize) -> f64 {
    count(bytes) / count(conversations as u64)
}

fn cpu_each(outcome: &Outcome) -> f64 {
    millis_per_thousand(outcome.cpu, outcome.answered) / count(1_000)
}

fn median(sorted: &[Duration]) -> f64 {
    percentile(sorted, 5_000)
}

fn page() -> String {
    format!("brief page of {PAGE}")
}

fn kib(figures: &Figures) -> f64 {
    count(figures.page_bytes as u64) / 1_024.0
}

fn mib(bytes: u64) -> f64 {
    count(bytes) / 1_024.0 / 1_024.0
}
