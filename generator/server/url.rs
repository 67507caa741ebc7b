//! The URL of a PostgreSQL server. It is stored without its password, so that it may appear in arguments of programs.

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::{Checked, SqlIdent};

/// A URL of the form `postgresql://user@host:port/database?option=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// The URL without password and options of the session.
    pub text: String,
    pub password: Option<String>,
    /// The value of the URL's `options`: settings that the user adds to the start of a session.
    pub options: Option<String>,
}

impl ServerUrl {
    /// Parses a URL.
    ///
    /// # Errors
    /// NS106 if it is not the URL of a PostgreSQL server. The finding never quotes the URL, which may contain a
    /// password.
    pub fn parse(url: &str) -> Result<Self, Diagnostic> {
        let Some((scheme, after_scheme)) =
            url.split_once("://").filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
        else {
            return Err(malformed_url("does not start with postgresql://"));
        };
        let (before_query, query) = split_query(after_scheme);
        let (user_info, host_and_path) = match before_query.rsplit_once('@') {
            Some((user_info, host_and_path)) => (Some(user_info), host_and_path),
            None => (None, before_query),
        };
        // If a password contains `/`, `@` or `?` without encoding, parts of it would look like other parts of the URL.
        if user_info.is_some_and(|text| text.contains(['/', '@'])) || query.is_some_and(|query| query.contains('@')) {
            return Err(malformed_url(
                "has `@`, `/` or `?` in its user, password or options, which must be written as %40, %2F and %3F",
            ));
        }
        let (user, mut password) = match user_info.and_then(|text| text.split_once(':')) {
            Some((user, password)) => (Some(user), Some(password)),
            None => (user_info, None),
        };
        let (mut public_pairs, mut options) = (Vec::new(), None);
        for pair in query.into_iter().flat_map(|query| query.split('&')) {
            match pair.split_once('=') {
                Some(("password", value)) => password = Some(value),
                Some(("options", value)) => options = Some(value),
                Some((key, _)) if key.contains("password") || key.contains('%') => {
                    return Err(malformed_url(
                        "has an option that may contain a secret; nself hides only the value of `password`",
                    ));
                }
                _ => public_pairs.push(pair),
            }
        }
        let user = user.map_or(String::new(), |user| format!("{user}@"));
        Ok(ServerUrl {
            text: format!("{scheme}://{user}{host_and_path}{}", join_query(&public_pairs)),
            password: password.map(decode_value).transpose()?,
            options: options.map(decode_value).transpose()?,
        })
    }

    /// Returns a message of a program with `…` in place of the password.
    pub fn without_password(&self, message: &str) -> String {
        match &self.password {
            Some(password) if !password.is_empty() => message.replace(password.as_str(), "…"),
            _ => message.to_owned(),
        }
    }

    /// Returns the name of the database, or `database` if a definition could not have that name. As for libpq, the
    /// option `dbname` replaces the name in the path.
    pub fn database_name(&self) -> SqlIdent {
        let after_scheme = self.text.split_once("://").map_or("", |(_, after_scheme)| after_scheme);
        let (before_query, query) = split_query(after_scheme);
        let dbname_option =
            query.and_then(|query| query.split('&').filter_map(|pair| pair.strip_prefix("dbname=")).next_back());
        let name = dbname_option.or_else(|| before_query.split_once('/').map(|(_, name)| name)).unwrap_or_default();
        SqlIdent::new(name).unwrap_or_else(|_| SqlIdent::wrap("database".into()))
    }

    /// Returns the URL of a different database on the same server, and of `user` unless it is `None`.
    #[must_use]
    pub fn with_user_and_database(&self, user: Option<&str>, database: &str) -> Self {
        let (scheme, after_scheme) = self.text.split_once("://").unwrap_or_default();
        let (before_query, query) = split_query(after_scheme);
        let mut user_and_host = before_query.split('/').next().unwrap_or_default().to_owned();
        let mut pairs: Vec<&str> = query.map_or(Vec::new(), |query| query.split('&').collect());
        pairs.retain(|pair| !pair.starts_with("dbname="));
        if let Some(user) = user {
            let host = user_and_host.rsplit_once('@').map_or(user_and_host.as_str(), |(_, host)| host);
            user_and_host = format!("{user}@{host}");
            pairs.retain(|pair| !pair.starts_with("user="));
        }
        ServerUrl { text: format!("{scheme}://{user_and_host}/{database}{}", join_query(&pairs)), ..self.clone() }
    }
}

/// Returns the error for a URL; `reason` is a predicate for it.
fn malformed_url(reason: &str) -> Diagnostic {
    Diagnostic::error(Code::BadValue, FieldPath::root())
        .message(format!("the URL {reason}"))
        .expected("postgresql://user:password@host:5432/database, with special characters encoded, such as %40 for `@`")
}

/// Splits a URL at its query: `host/shop?a=b` into `host/shop` and `a=b`.
fn split_query(text: &str) -> (&str, Option<&str>) {
    text.split_once('?').map_or((text, None), |(before, query)| (before, Some(query)))
}

fn join_query(pairs: &[&str]) -> String {
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

/// Decodes the value of a part of the URL.
fn decode_value(text: &str) -> Result<String, Diagnostic> {
    percent_decode(text).ok_or_else(|| malformed_url("has a `%` that is not followed by two hexadecimal digits"))
}

/// Decodes `%40` to `@`; `None` for a malformed sequence.
fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut remaining = text.bytes();
    while let Some(byte) = remaining.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (high, low) = (digit(remaining.next())?, digit(remaining.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_removed_from_the_url() {
        for (url, text, password) in [
            (
                "postgres://me:s%40p@host:5433/shop?sslmode=require",
                "postgres://me@host:5433/shop?sslmode=require",
                Some("s@p"),
            ),
            (
                "postgresql:///shop?host=/run&user=me&password=x%2Fy",
                "postgresql:///shop?host=/run&user=me",
                Some("x/y"),
            ),
            ("postgresql://me@host/shop", "postgresql://me@host/shop", None),
        ] {
            let parsed = ServerUrl::parse(url).unwrap();
            assert_eq!((parsed.text.as_str(), parsed.password.as_deref()), (text, password));
            assert_eq!(parsed.database_name().as_str(), "shop");
        }
        let parsed = ServerUrl::parse("postgres://host/shop?a=b&options=-c%20work_mem%3D1MB&c=d").unwrap();
        assert_eq!(parsed.text, "postgres://host/shop?a=b&c=d");
        assert_eq!(parsed.options.as_deref(), Some("-c work_mem=1MB"));
    }

    #[test]
    fn a_message_has_no_password_and_the_option_dbname_names_the_database() {
        let parsed = ServerUrl::parse("postgres://me:tulip%20%20bed@host/shop?dbname=ledger").unwrap();
        assert_eq!(parsed.without_password("FATAL: tulip  bed\n"), "FATAL: …\n");
        assert_eq!(parsed.database_name().as_str(), "ledger");
    }

    #[test]
    fn database_and_user_are_replaced_in_every_form_of_url() {
        for (url, user, expected) in [
            ("postgres://me:x@host/shop?sslmode=require", None, "postgres://me@host/b?sslmode=require"),
            (
                "postgres://me:x@host:1/shop?sslmode=require&user=you",
                Some("it"),
                "postgres://it@host:1/b?sslmode=require",
            ),
            ("postgres:///shop?host=/run&user=me&dbname=c", Some("it"), "postgres://it@/b?host=/run"),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().with_user_and_database(user, "b").text, expected);
        }
    }

    #[test]
    fn urls_that_could_show_a_password_are_refused() {
        for url in [
            "postgres://me:tul/ip@host/shop",
            "postgres://me:tul?ip@host/shop",
            "host=a password=tulip",
            "mysql://me:tulip@host/a",
            "postgres://host/shop?sslpassword=tulip",
            "postgres://me:tulip%4@host/shop",
            "postgres://host/a?p%61ssword=tulip",
        ] {
            let finding = ServerUrl::parse(url).unwrap_err();
            assert!(!format!("{finding:?}").contains("tul"), "{finding:?}");
        }
    }
}
