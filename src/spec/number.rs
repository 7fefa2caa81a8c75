//! Numbers as people write them.
//!
//! Read by the parser that JSON brings, after it was put into JSON's form: a second one would cost whoever opens the page ten
//! kilobytes of powers of five.

/// The finite number that a text writes: digits, a point among or beside them, a sign, an exponent.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (digits, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    // JSON wants a digit on both sides of the point, and no zero before others.
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    serde_json::from_str(&format!("{sign}{whole}.{fraction}0e{exponent}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_last_bit_however_they_are_written() {
        for text in [
            "0",
            "1",
            "0.1",
            "-2.5",
            "1e-5",
            "1E3",
            "1e+3",
            "007",
            "100",
            "0.30000000000000004",
            "4.9e-324",
            "1.7976931348623157e308",
        ] {
            assert_eq!(number(text), text.parse().ok(), "{text}");
        }
        for (text, value) in [(" 3 ", 3.0), (".5", 0.5), ("5.", 5.0), ("-.25", -0.25), ("+4", 4.0), ("00.5", 0.5)] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", " ", ".", "-", "e5", "1e", "1e5.0", "1 2", "0x10", "inf", "NaN", "1e999", "--1", "1.2.3", "१"]
        {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
