//! Settings that affect how a session prints stored values and parses text. A server, database or role can have its own
//! values, so to compare two servers, the sessions of both use the same values.

use std::fmt::Write;

/// Settings for printing expressions, each with the value that most servers have.
const OUTPUT_SETTINGS: [(&str, &str); 8] = [
    ("bytea_output", "hex"),
    ("datestyle", "ISO,MDY"),
    ("extra_float_digits", "1"),
    ("intervalstyle", "postgres"),
    ("quote_all_identifiers", "off"),
    ("standard_conforming_strings", "on"),
    ("timezone", "UTC"),
    ("lc_monetary", "C"),
];

/// Returns the settings as clauses of a function that reads the catalog: `SET bytea_output = 'hex' SET …`.
pub(super) fn clauses() -> String {
    OUTPUT_SETTINGS.map(|(name, value)| format!("SET {name} = '{value}'")).join(" ")
}

/// Returns the settings as statements for a session: `SET bytea_output = 'hex';` and so on, each in a line.
pub(super) fn statements() -> String {
    OUTPUT_SETTINGS.map(|(name, value)| format!("SET {name} = '{value}';\n")).concat()
}

/// Returns the settings as libpq options for other programs: `-c bytea_output=hex -c …`.
pub fn options() -> String {
    OUTPUT_SETTINGS.map(|(name, value)| format!("-c {name}={value}")).join(" ")
}

/// Returns the libpq options for reading a definition that nself keeps in a file, not only compares. They do not set
/// `lc_monetary`, so that amounts of money keep the currency of the server.
pub fn options_to_keep() -> String {
    let options = OUTPUT_SETTINGS.iter().filter(|(name, _)| *name != "lc_monetary");
    options.map(|(name, value)| format!("-c {name}={value}")).collect::<Vec<_>>().join(" ")
}

/// Settings that affect which value a server stores for text such as '01/02/2024', a time without a zone or '1,50'.
const INPUT_SETTINGS: [&str; 9] = [
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

/// Names and values of the settings that affect how the sessions of a server parse text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputSettings(Vec<(&'static str, String)>);

impl InputSettings {
    /// Returns the query whose answer [`InputSettings::read`] parses.
    pub fn query_text() -> String {
        let names = INPUT_SETTINGS.map(|name| format!("'{name}'")).join(", ");
        format!("SELECT lower(name) || E'\\t' || setting FROM pg_catalog.pg_settings WHERE lower(name) IN ({names});\n")
    }

    /// Parses a server's answer: in each line a name and a value, separated by a tab. Lines with an unknown name, and
    /// values with characters that no setting has, are ignored.
    pub fn read(answer: &str) -> InputSettings {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || " ,.:/@_+-<>".contains(c);
        let values = answer.lines().filter_map(|line| {
            let (name, value) = line.split_once('\t')?;
            let name = INPUT_SETTINGS.into_iter().find(|setting| *setting == name)?;
            value.chars().all(is_plain).then(|| (name, value.to_owned()))
        });
        InputSettings(values.collect())
    }

    /// Returns statements that apply the values to a session of a different server. A server that does not know a value
    /// keeps its present value.
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
    fn an_answer_of_a_server_cannot_inject_sql() {
        let answer = "timezone\tAmerica/Argentina/Buenos_Aires\ndatestyle\tISO, MDY\nlc_monetary\t'; DROP TABLE x --\n\
                      lc_monetary\ta\\! id\nsearch_path\tother\n\\! id\nxmloption";
        let settings = InputSettings::read(answer);
        assert_eq!(
            settings.0,
            [("timezone", "America/Argentina/Buenos_Aires".to_owned()), ("datestyle", "ISO, MDY".to_owned())]
        );
        assert_eq!(settings.statements().lines().count(), 2);
        assert_eq!(InputSettings::read("").statements(), "");
    }
}
