//! Names of the files of Flyway.

/// The name of a file of Flyway.
pub enum FlywayName<'a> {
    /// `V1.2__name.sql`, with the numbers of its version, here `1` and `2`.
    Versioned(Vec<&'a str>),
    /// `R__name.sql`, with its description, here `name`.
    Repeatable(&'a str),
    /// `U1.2__name.sql`, which reverts the migration of this version.
    Undo,
    /// `B1.2__name.sql`, which replaces all earlier versions.
    Baseline,
}

impl<'a> FlywayName<'a> {
    /// Returns the kind of a file and its version or description; `None` if Flyway does not use such a name.
    pub fn of(base: &'a str) -> Option<Self> {
        let stem = base.strip_suffix(".sql")?;
        let (version, description) = stem.split_once("__")?;
        if version == "R" {
            return Some(FlywayName::Repeatable(description));
        }
        let type_letter = version.chars().next()?;
        let mut numbers: Vec<&str> = version.get(1..)?.split(['.', '_']).collect();
        if numbers.iter().any(|number| number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        // 1.0 is the same version as 1.
        while numbers.len() > 1 && numbers.last().is_some_and(|number| number.bytes().all(|byte| byte == b'0')) {
            numbers.pop();
        }
        match type_letter {
            'V' => Some(FlywayName::Versioned(numbers)),
            'U' => Some(FlywayName::Undo),
            'B' => Some(FlywayName::Baseline),
            _ => None,
        }
    }
}
