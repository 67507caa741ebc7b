//! Settings of a server, a database or a role that decide how a session prints what is stored, and what it takes a
//! text for. Two servers are compared by what both print the same way, made from texts that mean the same on both.

use std::fmt::Write;

/// How expressions are printed while they are read, whatever a server's settings are. Each value is what most servers
/// have; `lc_monetary` comes last.
const PRINTED: [(&str, &str); 8] = [
    ("bytea_output", "hex"),
    ("datestyle", "ISO,MDY"),
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("timezone", "UTC"),
    ("lc_monetary", "C"),
];

/// The clauses of a function that reads the catalog.
pub(super) fn clauses() -> String {
    PRINTED.map(|(name, value)| format!("SET {name} = '{value}'")).join(" ")
}

/// The same for a whole session.
pub(super) fn statements() -> String {
    PRINTED.map(|(name, value)| format!("SET {name} = '{value}';\n")).concat()
}

/// The same for a program that is not ours, as libpq's options.
pub fn options() -> String {
    PRINTED.map(|(name, value)| format!("-c {name}={value}")).join(" ")
}

/// The same for a definition that is kept: an amount stays in the money of the server.
pub fn options_to_keep() -> String {
    let kept = PRINTED.iter().filter(|(name, _)| *name != "lc_monetary");
    kept.map(|(name, value)| format!("-c {name}={value}")).collect::<Vec<_>>().join(" ")
}

/// By what a session takes a text for a value that is then stored: '01/02/2024', 'a time without a zone', '1,50'.
const TAKEN: [&str; 9] = [
    "array_nulls",
    "check_function_bodies",
    "datestyle",
    "intervalstyle",
    "lc_monetary",
    "timezone",
    "timezone_abbreviations",
    "transform_null_equals",
    "xmloption",
];

/// What texts mean in the sessions of a server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputSettings(Vec<(&'static str, String)>);

impl InputSettings {
    /// Asks for what [`InputSettings::read`] reads.
    pub fn question() -> String {
        let names = TAKEN.map(|name| format!("'{name}'")).join(", ");
        format!("SELECT lower(name) || E'\\t' || setting FROM pg_catalog.pg_settings WHERE lower(name) IN ({names});\n")
    }

    /// What a server answered. A value that no setting has, it did not say.
    pub fn read(answer: &str) -> InputSettings {
        let plain = |sign: char| sign.is_ascii_alphanumeric() || " ,.:/@_+-<>".contains(sign);
        let said = answer.lines().filter_map(|line| {
            let (name, value) = line.split_once('\t')?;
            let name = TAKEN.into_iter().find(|known| *known == name)?;
            value.chars().all(plain).then(|| (name, value.to_owned()))
        });
        InputSettings(said.collect())
    }

    /// Gives the session of another server the same; what that one does not know stays as it is.
    pub fn statements(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            let _ = writeln!(
                text,
                "DO $$ BEGIN PERFORM set_config('{name}', '{value}', false); EXCEPTION WHEN invalid_parameter_value THEN NULL; END $$;"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_no_statement_of_its_own() {
        let answer = "timezone\tAmerica/Argentina/Buenos_Aires\ndatestyle\tISO, MDY\nlc_monetary\t'; DROP TABLE x --\n\
                      lc_monetary\ta\\! id\nsearch_path\tother\n\\! id\nxmloption";
        let said = InputSettings::read(answer);
        assert_eq!(
            said.0,
            [("timezone", "America/Argentina/Buenos_Aires".to_owned()), ("datestyle", "ISO, MDY".to_owned())]
        );
        assert_eq!(said.statements().lines().count(), 2);
        assert_eq!(InputSettings::read("").statements(), "");
    }
}
