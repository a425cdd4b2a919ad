//! Parsers of settings that need more than `FromStr`.

use std::time::Duration;

/// Parses a positive whole number with a unit (`s`, `m`, `h` or `d`).
///
/// # Errors
///
/// A text for the operator.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let seconds = |unit| match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        _ => None,
    };
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = number.parse::<u64>().ok().zip(seconds(unit)).and_then(|(n, unit)| n.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..) => Ok(Duration::from_secs(seconds)),
        _ => Err("give a whole number above zero and a unit, as in 90s, 30m, 12h or 7d".to_owned()),
    }
}

/// Parses an age: as [`duration`], but with months (of 31 days) and years (of 366 days), and
/// without `m`, which many take for months.
///
/// # Errors
///
/// A text for the operator.
pub(crate) fn age(text: &str) -> Result<Duration, String> {
    let days = |number: &str, days: u64| {
        let number = number.parse::<u32>().ok().filter(|number| *number > 0);
        let number = number.ok_or("give a whole number above zero and a unit, as in 365d or 12months")?;
        Ok(Duration::from_hours(24 * days * u64::from(number)))
    };
    if let Some(number) = text.strip_suffix("months").or(text.strip_suffix("month")) {
        return days(number, 31);
    }
    if let Some(number) = text.strip_suffix("years").or(text.strip_suffix("year")) {
        return days(number, 366);
    }
    if let Some(number) = text.strip_suffix('m') {
        return Err(format!("m can be minutes or months: write {number}months, or days as in 365d"));
    }
    duration(text).map_err(|_| "give a whole number above zero and a unit, as in 365d or 12months".to_owned())
}

/// The longest name of a server, in characters.
const LONGEST_NAME: usize = 64;

/// Parses the name of a server.
///
/// # Errors
///
/// A text for the operator.
pub(crate) fn node_name(text: &str) -> Result<String, String> {
    let is_short = (1..=LONGEST_NAME).contains(&text.chars().count());
    if !is_short || text.chars().any(char::is_control) || text.trim().is_empty() {
        return Err(format!("give 1 to {LONGEST_NAME} printable characters, as in node-1"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_short_printable_name() {
        assert_eq!(node_name("node 1"), Ok("node 1".to_owned()));
        assert!(node_name(&"é".repeat(64)).is_ok());
        for bad in ["", " ", "node\n1", &"x".repeat(65)] {
            assert!(node_name(bad).unwrap_err().contains("as in node-1"), "{bad:?}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(duration("12h"), Ok(Duration::from_hours(12)));
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        for bad in
            ["", "h", "12", "0h", "-1h", "1.5h", "1é", "99999999999999999999d", "18446744073709551615d"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_age_has_a_unit_that_cannot_be_mistaken() {
        let days = |days: u64| Ok(Duration::from_hours(24 * days));
        assert_eq!(
            [age("365d"), age("12months"), age("1month"), age("2years")],
            [365, 372, 31, 732].map(days)
        );
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert!(age("12m").unwrap_err().contains("write 12months"));
        for bad in ["", "months", "0months", "-1years", "1.5years", "12 months", "12mo", "99999999999years"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
