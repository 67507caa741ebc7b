//! Names of the files of Flyway.

/// The name of a file of Flyway.
pub enum FlywayName<'a> {
    /// `V1.2__name.sql`, by the numbers of its version.
    Versioned(Vec<&'a str>),
    /// `R__name.sql`, by its description.
    Repeatable(&'a str),
    /// `U1.2__name.sql`, which reverts.
    Undo,
    /// `B1.2__name.sql`, which replaces all earlier versions.
    Baseline,
}

impl<'a> FlywayName<'a> {
    /// Returns the parts of a name; `None` if it is no name of Flyway.
    pub fn of(base: &'a str) -> Option<Self> {
        let stem = base.strip_suffix(".sql")?;
        let (version, description) = stem.split_once("__")?;
        if version == "R" {
            return Some(FlywayName::Repeatable(description));
        }
        let kind = version.chars().next()?;
        let mut numbers: Vec<&str> = version.get(1..)?.split(['.', '_']).collect();
        if numbers.iter().any(|number| number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit())) {
            return None;
        }
        // 1.0 is the same version as 1.
        while numbers.len() > 1 && numbers.last().is_some_and(|number| number.bytes().all(|byte| byte == b'0')) {
            numbers.pop();
        }
        match kind {
            'V' => Some(FlywayName::Versioned(numbers)),
            'U' => Some(FlywayName::Undo),
            'B' => Some(FlywayName::Baseline),
            _ => None,
        }
    }
}
