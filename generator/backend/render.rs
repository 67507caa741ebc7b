//! Text templates that cannot be broken out of: a template may interpolate only tokens of its own language,
//! made from checked types, and whole numbers. Plain text, and anything undefined, is an error.

use std::fmt;

use minijinja::value::Object;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

use crate::database::model::{MigrationName, Sum};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::access::Peers;
use crate::values::{
    Checked, Cidr, ContainerPath, ExtensionName, HeaderName, Host, SecretName, ServiceName, SqlIdent, UrlPath,
};

/// The language of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Nginx,
    Sql,
    /// `key = value` lines, as PgBouncer reads them.
    Ini,
    /// PlanDigests between blanks, as PostgreSQL reads `pg_hba.conf`.
    AccessRules,
}

/// Text that is one token of its language.
#[derive(Debug)]
struct Token {
    language: Language,
    text: String,
}

impl Object for Token {
    fn render(self: &std::sync::Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn token(language: Language, text: String) -> Value {
    Value::from_object(Token { language, text })
}

/// Types whose alphabet has no meaning in nginx's grammar: no blank, quote, `;`, `{`, `}`, `$`, `\` or `#`.
pub trait NginxToken: fmt::Display {}
impl NginxToken for Host {}
impl NginxToken for ServiceName {}
impl NginxToken for SecretName {}
impl NginxToken for UrlPath {}
impl NginxToken for Cidr {}
impl NginxToken for HeaderName {}

/// A token of nginx's language.
pub fn nginx(value: &impl NginxToken) -> Value {
    token(Language::Nginx, value.to_string())
}

/// A word of nginx's language that the generator itself chooses.
pub fn nginx_word(word: &'static str) -> Value {
    token(Language::Nginx, word.to_owned())
}

/// The name of the upstream that is one port of a service.
pub fn nginx_upstream(service: &ServiceName, port: u16) -> Value {
    token(Language::Nginx, format!("{service}_{port}"))
}

/// The name of the upstream that is a port of the machine that runs the containers; no service has an underscore.
pub fn nginx_host_machine(port: u16) -> Value {
    token(Language::Nginx, format!("this_machine_{port}"))
}

/// The end of a variable's name that holds a request header: `$http_` and this.
pub fn nginx_header_variable(name: &HeaderName) -> Value {
    token(Language::Nginx, name.as_str().to_ascii_lowercase().replace('-', "_"))
}

/// A regular expression for a path of whole segments, each perhaps with parameters after `;`, to stand in quotes.
pub fn nginx_path_pattern(path: &UrlPath) -> Value {
    let segments = path.as_str().split('/').filter(|segment| !segment.is_empty());
    let segment = |segment: &str| format!("/{}(?:;[^/]*)?", segment.replace('.', "\\.").replace('+', "\\+"));
    token(Language::Nginx, segments.map(segment).collect())
}

/// A host name that may start with `*.`.
///
/// # Errors
/// NS901 when it is not one; the plan holds only checked names.
pub fn nginx_host(name: &str) -> Result<Value, Diagnostic> {
    match Host::new(name.strip_prefix("*.").unwrap_or(name)) {
        Ok(_) => Ok(token(Language::Nginx, name.to_owned())),
        Err(reason) => Err(internal(format!("{name:?}: {reason}"))),
    }
}

/// Types that stand in double quotes in SQL: their alphabet has none.
pub trait SqlName: fmt::Display {}
impl SqlName for SqlIdent {}
impl SqlName for ExtensionName {}

/// An SQL identifier in quotes.
pub fn sql_name(value: &impl SqlName) -> Value {
    token(Language::Sql, format!("\"{value}\""))
}

/// A literal in single quotes; the types' alphabets have no quote and no backslash.
pub fn sql_literal(value: &impl SqlName) -> Value {
    token(Language::Sql, format!("'{value}'"))
}

/// A name inside psql's own syntax, such as a variable or a file name.
pub fn psql_word(value: &impl PsqlWord) -> Value {
    token(Language::Sql, value.to_string())
}

/// Types of letters, digits, `_`, `-`, `.` and `/` only.
pub trait PsqlWord: fmt::Display {}
impl PsqlWord for SqlIdent {}
impl PsqlWord for ExtensionName {}
impl PsqlWord for SecretName {}
impl PsqlWord for ContainerPath {}
impl PsqlWord for MigrationName {}
impl PsqlWord for Sum {}

/// Types whose alphabet has no blank, quote, `=`, `;` or `#`.
pub trait IniToken: fmt::Display {}
impl IniToken for SqlIdent {}
impl IniToken for SecretName {}

/// A token of a settings file.
pub fn ini(value: &impl IniToken) -> Value {
    token(Language::Ini, value.to_string())
}

/// A role or database in `pg_hba.conf`; in quotes no name is a key word.
pub fn hba_name(name: &SqlIdent) -> Value {
    token(Language::AccessRules, format!("\"{name}\""))
}

/// The addresses of a rule of `pg_hba.conf`; nothing where there are none.
pub fn hba_peers(peers: &Peers) -> Option<Value> {
    match peers {
        Peers::None => None,
        // Names that end with the network's.
        Peers::Network(network) => Some(token(Language::AccessRules, format!(".{network}"))),
        Peers::All => Some(token(Language::AccessRules, "all".into())),
    }
}

/// The kind of connection of a rule of `pg_hba.conf`.
pub fn hba_connection(tls: bool) -> Value {
    token(Language::AccessRules, if tls { "hostssl" } else { "host" }.into())
}

/// Renders a template with a view of tokens, numbers, flags and lists of these.
///
/// # Errors
/// NS901 when the template interpolates anything else.
pub fn render(language: Language, template: &str, view: impl Serialize) -> Result<String, Diagnostic> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_formatter(move |out, _, value| {
        if let Some(token) = value.downcast_object_ref::<Token>() {
            if token.language == language {
                return out.write_str(&token.text).map_err(Error::from);
            }
        } else if value.is_integer() {
            return out.write_str(&value.to_string()).map_err(Error::from);
        }
        Err(Error::new(ErrorKind::InvalidOperation, "only checked tokens and whole numbers can be interpolated"))
    });
    environment.render_str(template, view).map_err(|error| internal(error.to_string()))
}

fn internal(message: String) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::context;

    #[test]
    fn tokens_and_numbers_are_rendered() {
        let view = context! { host => nginx(&Host::wrap("a.example.com".into())), port => 80 };
        assert_eq!(render(Language::Nginx, "{{ host }}:{{ port }};", view).unwrap(), "a.example.com:80;");
    }

    #[test]
    fn patterns_of_paths_hold_whole_segments() {
        let pattern = |path: &str| {
            render(Language::Nginx, "{{ x }}", context! { x => nginx_path_pattern(&UrlPath::wrap(path.into())) })
                .unwrap()
        };
        assert_eq!(pattern("/v1.0/c++"), "/v1\\.0(?:;[^/]*)?/c\\+\\+(?:;[^/]*)?");
        assert_eq!(pattern("/admin/"), pattern("/admin"));
        assert_eq!(pattern("/"), "");
    }

    #[test]
    fn plain_text_foreign_tokens_and_undefined_names_are_refused() {
        for view in [
            context! { x => "a; } server {" },
            context! { x => sql_name(&SqlIdent::wrap("shop".into())) },
            context! { x => 1.5 },
            context! { x => true },
            context! { y => 1 },
            context! { x => vec![1] },
        ] {
            assert_eq!(render(Language::Nginx, "{{ x }}", view).unwrap_err().code, Code::Internal);
        }
    }

    proptest::proptest! {
        /// Whatever the text is: unless it is a token of the template's language, it does not get in.
        #[test]
        fn no_text_gets_into_a_template(text in proptest::prelude::any::<String>()) {
            for language in [Language::Nginx, Language::Sql, Language::Ini, Language::AccessRules] {
                let refused = render(language, "a {{ x }} b", context! { x => text.clone() });
                proptest::prop_assert!(refused.is_err());
            }
        }
    }
}
