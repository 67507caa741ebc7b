//! The modifiers that built-in types take, such as 12 and 2 in `numeric(12,2)`.

use std::ops::RangeInclusive;

/// Types with modifiers, and the range of each modifier (from the functions `*typmodin` of PostgreSQL).
const MODIFIERS: &[(&str, &[RangeInclusive<i64>])] = &[
    ("bit", &[1..=83_886_080]),
    ("char", &[1..=10_485_760]),
    ("interval", &[0..=6]),
    ("interval day to second", &[0..=6]),
    ("interval hour to second", &[0..=6]),
    ("interval minute to second", &[0..=6]),
    ("interval second", &[0..=6]),
    ("numeric", &[1..=1000, -1000..=1000]),
    ("time", &[0..=6]),
    ("timestamp", &[0..=6]),
    ("timestamptz", &[0..=6]),
    ("timetz", &[0..=6]),
    ("varbit", &[1..=83_886_080]),
    ("varchar", &[1..=10_485_760]),
];

/// Returns the reason why a built-in type cannot have these modifiers, such as `(12,2)`.
pub fn refusal(name: &str, modifiers: &str) -> Option<String> {
    let Some((_, ranges)) = MODIFIERS.iter().find(|(type_name, _)| *type_name == name) else {
        return Some(format!("`{name}` takes no number in brackets; write `{name}`"));
    };
    let values: Vec<&str> = modifiers.trim_matches(['(', ')']).split(',').collect();
    if values.len() > ranges.len() {
        let count =
            if ranges.len() == 1 { "one number".to_owned() } else { format!("at most {} numbers", ranges.len()) };
        return Some(format!("`{name}` takes {count} in brackets"));
    }
    let is_in_range = |(value, range): &(&&str, &RangeInclusive<i64>)| {
        value.parse::<i64>().is_ok_and(|number| range.contains(&number))
    };
    let (value, range) = values.iter().zip(*ranges).find(|pair| !is_in_range(pair))?;
    Some(format!(
        "`{value}` in the brackets of `{name}` is not a whole number from {} to {}",
        range.start(),
        range.end()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_have_a_range() {
        for (name, modifiers) in [
            ("varchar", "(1)"),
            ("varchar", "(10485760)"),
            ("numeric", "(1000,-1000)"),
            ("timestamptz", "(0)"),
            ("interval second", "(6)"),
        ] {
            assert_eq!(refusal(name, modifiers), None, "{name}{modifiers}");
        }
        for (name, modifiers) in [
            ("varchar", "(0)"),
            ("varchar", "(10485761)"),
            ("varchar", "(max)"),
            ("varchar", "(1,2)"),
            ("numeric", "(0)"),
            ("numeric", "(1001)"),
            ("numeric", "(5,1001)"),
            ("numeric", "(1,2,3)"),
            ("timestamp", "(7)"),
            ("time", "(-1)"),
            ("integer", "(11)"),
            ("text", "(100)"),
            ("bit", "(0)"),
        ] {
            assert!(refusal(name, modifiers).is_some(), "{name}{modifiers}");
        }
    }
}
