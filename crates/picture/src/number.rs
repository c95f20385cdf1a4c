//! Formats of numbers.

use crate::Value;

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) enum Format {
    /// `1234`
    #[default]
    Digits,
    /// `1,234`
    Grouped,
    /// `1.2k`: at most three digits, never more than there are.
    Short,
}

/// SI prefixes, as badge services use them.
const THOUSANDS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];

impl Format {
    /// A format is named by how it writes 1234.
    pub(crate) const NAMES: [(&str, Self); 3] =
        [("1234", Self::Digits), ("1,234", Self::Grouped), ("1.2k", Self::Short)];

    pub(crate) fn number(self, n: u64) -> String {
        match self {
            Self::Digits => n.to_string(),
            Self::Grouped => grouped(n),
            Self::Short => short(n),
        }
    }

    /// The text of a picture: the number, and the peak if the value has one and `with_peak` is set.
    pub(crate) fn message(self, value: Value, with_peak: bool) -> String {
        match value {
            Value::Count(now) => self.number(now),
            Value::Peak { now, peak } if with_peak => {
                format!("{} (peak {})", self.number(now), self.number(peak.max(now)))
            }
            Value::Peak { now, .. } => self.number(now),
            Value::Ended => "–".to_owned(),
        }
    }
}

fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn short(n: u64) -> String {
    let power = n.checked_ilog10().unwrap_or_default() / 3;
    let Some(prefix) = power.checked_sub(1).and_then(|i| THOUSANDS.get(i as usize)) else {
        return n.to_string();
    };
    // Rounded down, so that no picture shows more than there are.
    let tenths = n / (1000_u64.pow(power) / 10);
    match (tenths / 10, tenths % 10) {
        (ones @ ..=9, tenth @ 1..) => format!("{ones}.{tenth}{prefix}"),
        (ones, _) => format!("{ones}{prefix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_three_ways() {
        for (n, grouped, short) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_000, "1,000", "1k"),
            (1_234, "1,234", "1.2k"),
            (9_999, "9,999", "9.9k"),
            (12_999, "12,999", "12k"),
            (999_999, "999,999", "999k"),
            (1_050_000, "1,050,000", "1M"),
            (u64::MAX, "18,446,744,073,709,551,615", "18E"),
        ] {
            assert_eq!(
                (Format::Grouped.number(n).as_str(), Format::Short.number(n).as_str()),
                (grouped, short)
            );
            assert_eq!(Format::Digits.number(n), n.to_string());
        }
    }

    #[test]
    fn a_format_is_named_by_its_example() {
        assert!(Format::NAMES.iter().all(|(name, format)| format.number(1234) == *name));
    }

    #[test]
    fn a_peak_is_optional_and_never_below_the_number() {
        let message = |value, with_peak| Format::Grouped.message(value, with_peak);
        let value = Value::Peak { now: 42, peak: 1_234 };
        assert_eq!(message(value, true), "42 (peak 1,234)");
        assert_eq!(message(value, false), "42");
        assert_eq!(message(Value::Count(42), true), "42");
        assert_eq!(message(Value::Peak { now: 42, peak: 7 }, true), "42 (peak 42)");
    }
}
