//! Text for a terminal.

use std::error::Error;
use std::fmt::{self, Display};
use std::io::Write;

use chat_core::protocol::EmergencyReply;
use chat_core::time::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;

/// Prints a line. A closed output is no reason to stop: drafts are still to be sent.
pub fn say(line: impl Display) {
    let _nobody_reads = writeln!(std::io::stdout(), "{line}");
}

/// The outcome of a request to end an emergency, as a line.
pub fn ended(outcome: Result<EmergencyReply, chat_client::Error>) -> String {
    match outcome {
        Ok(_) => "✓ the emergency is over".to_owned(),
        Err(chat_client::Error::Refused(refusal)) => {
            let emergency = refusal.emergency.as_deref();
            let by = emergency.and_then(|emergency| emergency.by.as_ref());
            let by = by.map(|user| format!(": {} has it or has ended it", plain(user.as_str())));
            format!("✗ {}{}", refusal.text, by.unwrap_or_default())
        }
        Err(error) => format!("✗ {error}"),
    }
}

/// The error of a failed `main`, printed in words instead of type names.
pub struct MainError(Box<dyn Error>);

impl<E: Error + 'static> From<E> for MainError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl fmt::Debug for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

/// Makes another user's text safe within a line. Characters that could move the cursor or turn the
/// line around become marks.
pub(super) fn plain(text: &str) -> String {
    let shown = text.chars().map(|char| match char {
        '\n' => '⏎',
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
        char if char.is_control() => '\u{fffd}',
        char => char,
    });
    shown.collect()
}

/// Formats a time in the local time zone, with the date unless it is today.
pub(super) fn clock(at: Timestamp) -> String {
    let local = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default();
    let local = local.to_zoned(TimeZone::system());
    let form = if local.date() == Zoned::now().date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    local.strftime(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_can_do_nothing_to_the_terminal() {
        assert_eq!(plain("two\nlines"), "two⏎lines");
        assert_eq!(plain("\x1b[2J\x07\u{202e}abc"), "\u{fffd}[2J\u{fffd}\u{fffd}abc");
        assert_eq!(plain("Grüße ✓"), "Grüße ✓");
    }

    #[test]
    fn a_day_that_is_not_today_is_named() {
        assert!(clock(Timestamp::from_millis(1_705_314_600_000)).starts_with("2024-01-15 "));
    }
}
