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

#[cfg(test)]
mod tests {
    use super::*;

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
}
