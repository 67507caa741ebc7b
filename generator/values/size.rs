//! Quantities with units: memory, shares of processors and times. They are checked when they are decoded, like the text
//! types of [`super::checked`].

use std::fmt;

use serde::{Serialize, Serializer};

use super::checked::{Checked, impl_decoding};

/// Declares a quantity with its number type, description, example, parser and formatter. The parser returns the number,
/// or the reason why it refuses the text; the formatter returns a text that the parser reads as the same number.
macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident($number:ty), $what:literal, $example:literal, $parse:path, $format:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $number);

        impl Checked for $name {
            const WHAT: &'static str = $what;
            const EXAMPLE: &'static str = $example;
            fn refusal(text: &str) -> Option<String> {
                $parse(text).err()
            }
            fn wrap(text: String) -> Self {
                $name($parse(&text).unwrap_or_default())
            }
            fn placeholder(_: &str) -> Self {
                Self::wrap($example.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&$format(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl_decoding! { $name }
    };
}

quantity! {
    /// Bytes, written with a binary unit: `256MiB`, `2GiB` (also `512KiB`). `MB` is refused, because it can mean 10^6
    /// or 2^20 bytes.
    Memory(u64), "an amount of memory in KiB, MiB or GiB", "256MiB", parse_memory, format_memory
}
quantity! {
    /// Thousandths of a processor, written as a decimal number: `0.5`, `2`.
    Cpus(u32), "a number of processors with at most three decimals", "0.5", parse_cpus, format_cpus
}
quantity! {
    /// Milliseconds above zero, written `500ms`, `10s`, `5m`, `1h`. Zero is refused, because engines, clusters and nginx
    /// read it as no limit, as their own default, or not at all. A field in which zero has a meaning is a
    /// [`DurationOrZero`].
    Duration(u64), "a time in ms, s, m or h", "10s", parse_duration, format_duration
}
quantity! {
    /// Milliseconds, written like a [`Duration`], or `0s`.
    DurationOrZero(u64), "a time in ms, s, m or h, or `0s`", "10s", parse_duration_or_zero, format_duration
}

impl Duration {
    /// Returns the time in whole seconds, rounded up.
    pub fn seconds(self) -> u64 {
        self.0.div_ceil(1000)
    }
}

impl From<DurationOrZero> for Duration {
    fn from(time: DurationOrZero) -> Self {
        Duration(time.0)
    }
}

impl DurationOrZero {
    /// Returns the time in whole seconds, rounded up.
    pub fn seconds(self) -> u64 {
        Duration::from(self).seconds()
    }
}

/// Parses a whole number of at most 12 digits, without a sign and leading zeros.
fn whole_number(text: &str) -> Result<u64, String> {
    let has_only_digits = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(number) if has_only_digits && (text == "0" || !text.starts_with('0')) => Ok(number),
        _ if text.is_empty() => Err("there is no number before the unit".into()),
        _ => Err(format!("`{text}` must be a number: at most 12 digits, without leading zeros")),
    }
}

/// Units of memory with their sizes in bytes, the largest first.
const MEMORY_UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Returns the number of bytes of a text such as `256MiB`.
fn parse_memory(text: &str) -> Result<u64, String> {
    let digits_and_size = MEMORY_UNITS.iter().find_map(|&(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (digits, size) = digits_and_size
        .ok_or_else(|| format!("the amount does not end with KiB, MiB or GiB{}", suggestion(meant_memory(text))))?;
    match whole_number(digits).map_err(|reason| reason + &suggestion(meant_memory(text)))? {
        0 => Err("it is zero".into()),
        count => count.checked_mul(size).filter(|&bytes| bytes <= 1 << 50).ok_or_else(|| "it is too large".into()),
    }
}

/// Returns the end of a message about a value that means a different spelling.
fn suggestion(meant: Option<String>) -> String {
    meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default()
}

/// Divides a text into a number, in thousandths, and the letters after it: `(1500, "g")` for `1.5 g`.
fn number_and_unit(text: &str) -> Option<(u64, String)> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let (whole, decimals) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    let is_short = decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole_number(whole).ok().filter(|_| is_short)?;
    Some((whole * 1000 + format!("{decimals:0<3}").parse::<u64>().ok()?, unit.to_ascii_lowercase()))
}

/// Returns the amount that a text in the units of Compose or Kubernetes means: `512MiB` for `512m`, `512M` and `512Mi`,
/// `1536MiB` for `1.5g`.
fn meant_memory(text: &str) -> Option<String> {
    let (thousandths, unit) = number_and_unit(text)?;
    let (_, size) = MEMORY_UNITS.iter().find(|(name, _)| {
        let name = name.to_ascii_lowercase();
        [&name[..1], &name[..2], &name, &format!("{}b", &name[..1])].contains(&unit.as_str())
    })?;
    let bytes = thousandths.checked_mul(*size)? / 1000;
    (bytes >= 1 << 10).then(|| format_memory(bytes & !1023))
}

/// Returns the time that a text means: `5m` for `5min`, `24h` for `1d`, `30s` for `30`.
fn meant_duration(text: &str) -> Option<String> {
    let (thousandths, unit) = number_and_unit(text)?;
    let millis = match unit.as_str() {
        "ms" | "millis" | "milliseconds" => 1,
        "" | "s" | "sec" | "secs" | "second" | "seconds" => 1000,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600_000,
        "d" | "day" | "days" => 86_400_000,
        _ => return None,
    };
    let millis = thousandths.checked_mul(millis)? / 1000;
    (millis > 0).then(|| format_duration(millis))
}

/// Returns the number of processors that a text in the unit of Kubernetes means: `0.5` for `500m`.
fn meant_cpus(text: &str) -> Option<String> {
    let millis = u32::try_from(whole_number(text.strip_suffix('m')?).ok()?).ok()?;
    (millis > 0).then(|| format_cpus(millis))
}

/// Returns a number of bytes in the largest unit that gives a whole number.
fn format_memory(bytes: u64) -> String {
    let (unit, size) = MEMORY_UNITS.iter().find(|(_, size)| bytes.is_multiple_of(*size)).unwrap_or(&("KiB", 1 << 10));
    format!("{}{unit}", bytes / size)
}

/// Returns the thousandths of a processor of a text such as `0.5`.
fn parse_cpus(text: &str) -> Result<u32, String> {
    if let Some(meant) = meant_cpus(text) {
        return Err(format!("it is a number without a unit{}", suggestion(Some(meant))));
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.is_empty() || decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return Err("it must have one to three digits after the point".into());
    }
    let millis = whole_number(whole)? * 1000 + format!("{decimals:0<3}").parse::<u64>().unwrap_or_default();
    match u32::try_from(millis) {
        Ok(0) => Err("it is zero".into()),
        Ok(millis) if millis <= 1_024_000 => Ok(millis),
        _ => Err("it is more than 1024".into()),
    }
}

/// Returns thousandths of a processor as a number with at least one decimal, such as `2.0`.
fn format_cpus(millis: u32) -> String {
    let text = format!("{}.{:03}", millis / 1000, millis % 1000);
    let without_zeros = text.trim_end_matches('0');
    if without_zeros.ends_with('.') { format!("{without_zeros}0") } else { without_zeros.to_owned() }
}

/// Units of time with their milliseconds, the smallest first. `ms` is before `s`, which is also the end of `ms`.
const TIME_UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];

/// Returns the milliseconds of a text such as `10s`, which must be more than zero.
fn parse_duration(text: &str) -> Result<u64, String> {
    match parse_duration_or_zero(text)? {
        0 => Err("it is zero; remove the field to use its default".into()),
        millis => Ok(millis),
    }
}

/// Returns the milliseconds of a text such as `10s` or `0s`.
fn parse_duration_or_zero(text: &str) -> Result<u64, String> {
    let digits_and_size = TIME_UNITS.iter().find_map(|&(unit, size)| Some((text.strip_suffix(unit)?, size)));
    let (digits, size) = digits_and_size
        .ok_or_else(|| format!("the duration does not end with ms, s, m or h{}", suggestion(meant_duration(text))))?;
    whole_number(digits)
        .map_err(|reason| reason + &suggestion(meant_duration(text)))?
        .checked_mul(size)
        .filter(|&millis| millis <= 366 * 86_400_000)
        .ok_or_else(|| "it is longer than a year".into())
}

/// Returns milliseconds in the largest unit that gives a whole number; zero is `0s`.
fn format_duration(millis: u64) -> String {
    let (unit, size) =
        TIME_UNITS.iter().rev().find(|(_, size)| millis > 0 && millis.is_multiple_of(*size)).unwrap_or(&("s", 1000));
    format!("{}{unit}", millis / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_other_languages_have_a_suggestion() {
        let refused = |refusal: Option<String>, meant: &str, text: &str| {
            let refusal = refusal.unwrap();
            assert!(refusal.ends_with(&format!("; did you mean `{meant}`?")), "{text}: {refusal}");
        };
        for (text, meant) in [
            ("512m", "512MiB"),
            ("512M", "512MiB"),
            ("512Mi", "512MiB"),
            ("512 MB", "512MiB"),
            ("1.5g", "1536MiB"),
            ("64K", "64KiB"),
            ("2Gi", "2GiB"),
            ("0.5GB", "512MiB"),
            ("1.5GiB", "1536MiB"),
        ] {
            refused(Memory::refusal(text), meant, text);
            assert_eq!(Memory::refusal(meant), None);
        }
        for (text, meant) in
            [("30", "30s"), ("5min", "5m"), ("1d", "24h"), ("90 seconds", "90s"), ("0.5", "500ms"), ("1.5s", "1500ms")]
        {
            refused(Duration::refusal(text), meant, text);
            assert_eq!(Duration::refusal(meant), None);
        }
        refused(Cpus::refusal("500m"), "0.5", "500m");
        for refusal in
            [Memory::refusal("512X"), Memory::refusal("-1M"), Duration::refusal("soon"), Cpus::refusal("1m1")]
        {
            assert!(!refusal.unwrap().contains("did you mean"));
        }
    }

    #[test]
    fn units_are_read_and_written_back() {
        for text in ["256MiB", "2GiB", "512KiB"] {
            assert_eq!(Memory::new(text).unwrap().to_string(), text);
        }
        for text in ["0.5", "2.0", "0.125"] {
            assert_eq!(Cpus::new(text).unwrap().to_string(), text);
        }
        for text in ["500ms", "10s", "5m", "1h"] {
            assert_eq!(Duration::new(text).unwrap().to_string(), text);
        }
        for text in ["", "MiB", "12MB", "-1GiB", "0MiB", "01MiB", "99999999999999GiB"] {
            assert!(Memory::new(text).is_err(), "{text}");
        }
        for text in ["", ".5", "1.", "0", "1.0001", "1e3", "-1", "9999999"] {
            assert!(Cpus::new(text).is_err(), "{text}");
        }
        for text in ["", "10", "s", "1.5s", "-1s"] {
            assert!(Duration::new(text).is_err() && DurationOrZero::new(text).is_err(), "{text}");
        }
        for text in ["0s", "0ms", "0h"] {
            assert!(Duration::new(text).is_err(), "{text}");
            assert_eq!(DurationOrZero::new(text).unwrap().to_string(), "0s");
        }
    }
}
