//! The results as a table and as JSON.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// The results of a whole run.
#[derive(Serialize, Deserialize)]
pub struct Report {
    /// The commit that was measured.
    pub commit: String,
    /// The machine and the duration.
    pub about: String,
    /// The rows in the order of measurement.
    pub rows: Vec<Row>,
}

/// One figure of the chat server, with its comparison and its bar.
#[derive(Serialize, Deserialize)]
pub struct Row {
    /// The load.
    pub scene: String,
    /// The measured quantity.
    pub what: String,
    /// The unit of the figures. The ratio has none.
    pub unit: String,
    /// The number of rounds.
    pub rounds: usize,
    /// The figure of the chat server.
    pub chat: Spread,
    /// The comparison.
    pub other: Option<Other>,
    /// The bar that the figure has to meet.
    pub bar: Option<Bar>,
}

/// The subject of a comparison.
#[derive(Serialize, Deserialize)]
pub struct Other {
    /// The name of the subject.
    pub name: String,
    /// The figure of the subject.
    pub figure: Spread,
    /// The chat server's figure divided by the subject's, round by round.
    pub ratio: Spread,
}

/// A figure over all rounds.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct Spread {
    /// The least value.
    pub min: f64,
    /// The median.
    pub median: f64,
    /// The greatest value.
    pub max: f64,
}

/// A bar that a figure has to meet.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// An upper bar of the ratio.
    RatioAtMost(f64),
    /// A lower bar of the ratio.
    RatioAtLeast(f64),
    /// An upper bar of the chat server's figure.
    AtMost(f64),
}

impl Spread {
    /// Returns the spread of at least one figure.
    pub fn of(figures: &[f64]) -> Self {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Self { min: sorted[0], median, max: sorted[sorted.len() - 1] }
    }

    fn show(&self) -> String {
        let Self { min, median, max } = *self;
        if min.to_bits() == max.to_bits() {
            figure(median)
        } else {
            format!("{} ({}–{})", figure(median), figure(min), figure(max))
        }
    }
}

impl Row {
    /// Returns a row without a comparison.
    pub fn alone(scene: &str, what: &str, unit: &str, figures: &[f64]) -> Self {
        let (scene, what, unit) = (scene.to_owned(), what.to_owned(), unit.to_owned());
        let rounds = figures.len();
        Self { scene, what, unit, rounds, chat: Spread::of(figures), other: None, bar: None }
    }

    /// Returns a row with a comparison in the same rounds.
    pub fn beside(scene: &str, what: &str, unit: &str, name: &str, pairs: &[(f64, f64)]) -> Self {
        let (chat, other): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        let ratios: Vec<_> = pairs.iter().map(|(chat, other)| chat / other).collect();
        let other = Other { name: name.to_owned(), figure: Spread::of(&other), ratio: Spread::of(&ratios) };
        Self { other: Some(other), ..Self::alone(scene, what, unit, &chat) }
    }

    /// Sets the bar.
    #[must_use]
    pub fn bar(self, bar: Option<Bar>) -> Self {
        Self { bar, ..self }
    }

    fn cells(&self) -> [String; 7] {
        let Self { scene, what, unit, rounds, chat, other, bar } = self;
        let beside = other.as_ref().map(|other| format!("{} {}", other.name, other.figure.show()));
        let ratio = other.as_ref().map(|other| format!("{} ×", other.ratio.show()));
        let asked = bar.map(|bar| self.judge(bar));
        let [beside, ratio, asked] = [beside, ratio, asked].map(Option::unwrap_or_default);
        [scene.clone(), format!("{what}, {unit}"), rounds.to_string(), chat.show(), beside, ratio, asked]
    }

    fn judge(&self, bar: Bar) -> String {
        let ratio = self.other.as_ref().map_or(f64::NAN, |other| other.ratio.median);
        let (text, is_met) = match bar {
            Bar::RatioAtMost(most) => (format!("at most {most} ×"), ratio <= most),
            Bar::RatioAtLeast(least) => (format!("at least {least} ×"), ratio >= least),
            Bar::AtMost(most) => (format!("at most {most}"), self.chat.median <= most),
        };
        format!("{text}: {}", if is_met { "met" } else { "**missed**" })
    }
}

impl Report {
    /// Returns a Markdown table. Each figure is the median of the rounds, with the least and the
    /// greatest in brackets.
    pub fn markdown(&self) -> String {
        let head = ["", "", "rounds", "chat-server", "compared with", "ratio", "bar"].map(str::to_owned);
        let rows: Vec<_> = [head].into_iter().chain(self.rows.iter().map(Row::cells)).collect();
        let widths: Vec<_> = (0..head_len(&rows)).map(|column| width(&rows, column)).collect();
        let mut table = format!("Commit {}: {}\n\n", self.commit, self.about);
        let mut scene = "";
        for (number, row) in rows.iter().enumerate() {
            let is_same = number > 0 && row[0] == scene;
            scene = &row[0];
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let cell = if column == 0 && is_same { "" } else { cell };
                let _ = write!(table, "| {cell:width$} ");
            }
            table.push_str("|\n");
            if number == 0 {
                table.extend(widths.iter().map(|width| format!("|{}", "-".repeat(width + 2))));
                table.push_str("|\n");
            }
        }
        table
    }
}

fn head_len(rows: &[[String; 7]]) -> usize {
    rows.first().map_or(0, |row| row.len())
}

fn width(rows: &[[String; 7]], column: usize) -> usize {
    rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
}

/// Formats a number with three significant digits, and with separated thousands.
fn figure(value: f64) -> String {
    match value.abs() {
        ..0.1 => format!("{value:.3}"),
        ..10.0 => format!("{value:.2}"),
        ..100.0 => format!("{value:.1}"),
        ..1000.0 => format!("{value:.0}"),
        _ => thousands(&format!("{value:.0}")),
    }
}

/// Separates the thousands of a number.
pub fn thousands(digits: &str) -> String {
    let mut apart = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}
