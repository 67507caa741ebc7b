//! Text templates that are safe against injection. A template can only interpolate whole numbers and tokens of its
//! language, which are created from checked types. Other text and undefined names are errors.

use std::fmt;
use std::sync::OnceLock;

use minijinja::value::Object;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use serde::Serialize;

use crate::database::model::{HexDigest, MigrationName, literal};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::Peers;
use crate::values::{
    Checked, Cidr, ContainerPath, ExtensionName, ExtensionVersion, HeaderName, HeaderValue, Host, Origin, SecretName,
    ServiceName, SqlIdent, UrlPath, WebAddress,
};

/// The language of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Nginx,
    Sql,
    /// The `key = value` lines of PgBouncer.
    Ini,
    /// The fields of `pg_hba.conf`, separated by blanks.
    AccessRules,
}

/// A text that is one token of its language.
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

/// Returns a text as one token of a language, for a template.
fn token(language: Language, text: String) -> Value {
    Value::from_object(Token { language, text })
}

/// Types whose text has no character that is syntax in nginx's grammar: no blank, quote, `;`, `{`, `}`, `$`, `\` or
/// `#`.
pub trait NginxToken: fmt::Display {}
impl NginxToken for Host {}
impl NginxToken for ServiceName {}
impl NginxToken for SecretName {}
impl NginxToken for UrlPath {}
impl NginxToken for Cidr {}
impl NginxToken for HeaderName {}
impl NginxToken for WebAddress {}

/// Returns a token of nginx's language.
pub fn nginx(value: &impl NginxToken) -> Value {
    token(Language::Nginx, value.to_string())
}

/// Returns a constant of the generator as a token of nginx's language.
pub fn nginx_word(word: &'static str) -> Value {
    token(Language::Nginx, word.to_owned())
}

/// Returns a header name, then all its spellings in which `_` replaces one or more `-`: `X-A`, then `X_A`. The name is a
/// constant of the generator or a [`HeaderName`] whose hyphens are limited (NS523), since each hyphen
/// doubles the number of spellings.
pub fn nginx_header_spellings(name: &str) -> impl Iterator<Item = Value> {
    let dash_offsets: Vec<usize> = name.match_indices('-').map(|(offset, _)| offset).collect();
    // Each number is one subset of the dashes: bit i is 1 if `_` replaces the dash with the index i.
    (0..1_usize << dash_offsets.len()).map(move |subset| {
        let mut spelling = name.to_owned();
        for (_, offset) in dash_offsets.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1) {
            spelling.replace_range(offset..=offset, "_");
        }
        token(Language::Nginx, spelling)
    })
}

/// Returns the name of the upstream for one port of a service, such as `orders_8000`. With the number of a list of
/// servers, it is the upstream of that list: `orders_8000_list_1`.
pub fn nginx_upstream(service: &ServiceName, port: u16, list_number: Option<usize>) -> Value {
    token(Language::Nginx, format!("{service}_{port}{}", list_suffix(list_number)))
}

/// Returns the name of the upstream for a port of the host machine, such as `this_machine_8000`. With the number of a
/// list of servers, it is the upstream of that list.
pub fn nginx_host_machine(port: u16, list_number: Option<usize>) -> Value {
    token(Language::Nginx, format!("this_machine_{port}{}", list_suffix(list_number)))
}

/// Returns the end of an upstream's name: `_list_1` for the list with the number 1, and nothing without a list.
fn list_suffix(list_number: Option<usize>) -> String {
    list_number.map(|number| format!("_list_{number}")).unwrap_or_default()
}

/// Returns a request header's name as nginx spells it in a variable: `x_tenant` in `$http_x_tenant`.
pub fn nginx_header_variable(name: &HeaderName) -> Value {
    token(Language::Nginx, name.as_str().to_ascii_lowercase().replace('-', "_"))
}

/// Returns a regular expression, for use in quotes, that matches whole segments of a path, each with optional
/// parameters after `;`: `/api` matches `/api;a=1`.
pub fn nginx_path_pattern(path: &UrlPath) -> Value {
    token(Language::Nginx, path_pattern(path))
}

fn path_pattern(path: &UrlPath) -> String {
    let segments = path.as_str().split('/').filter(|segment| !segment.is_empty());
    segments.map(|segment| format!("/{}(?:;[^/]*)?", segment.replace('.', "\\.").replace('+', "\\+"))).collect()
}

/// Returns the argument of a `location` for a path and the paths below it: the one for `/api` matches `/api/v1` and
/// does not match `/api-docs`. With `ignores_case`, upper and lower case are equal. nginx tries regular expressions in the order of the
/// file, so longer paths must come first.
pub fn nginx_location(path: &UrlPath, ignores_case: bool) -> Value {
    let operator = if ignores_case { "~*" } else { "~" };
    let end = if path.as_str().ends_with('/') { "/" } else { "(?:/|$)" };
    let text =
        if path.as_str() == "/" { "/".to_owned() } else { format!("{operator} \"^{}{end}\"", path_pattern(path)) };
    token(Language::Nginx, text)
}

/// Returns a header value in double quotes. A [`HeaderValue`] contains no quotes, backslashes or `$`, so nothing needs
/// to be escaped.
pub fn nginx_quoted(value: &HeaderValue) -> Value {
    token(Language::Nginx, format!("\"{value}\""))
}

/// Returns lists of header names, each in double quotes such as `"X-A, X-B"` and short enough for one parameter of
/// nginx. A client treats several headers with the same name as one header with all their values.
pub fn nginx_quoted_lists(names: &[HeaderName]) -> Vec<Value> {
    let groups = nginx_groups(names.iter().map(|name| token(Language::Nginx, name.to_string())));
    let quoted_list = |group: Vec<Value>| {
        let names: Vec<String> = group.iter().map(Value::to_string).collect();
        token(Language::Nginx, format!("\"{}\"", names.join(", ")))
    };
    groups.into_iter().map(quoted_list).collect()
}

/// Maximum number of bytes of all items of a list in one parameter. nginx refuses a parameter of 4096 bytes or more
/// (`NGX_CONF_BUFFER`), and the rest of the parameter is shorter than 96 bytes.
const MAX_LIST_BYTES: usize = 4000;

/// Returns the items of a list in groups, each of which fits into one parameter of nginx. An item alone always fits.
pub fn nginx_groups(items: impl Iterator<Item = Value>) -> Vec<Vec<Value>> {
    // A separator has at most two bytes.
    let length = |item: &Value| item.to_string().len() + 2;
    let mut groups: Vec<Vec<Value>> = Vec::new();
    let mut group_bytes = 0;
    for item in items {
        group_bytes += length(&item);
        match groups.last_mut().filter(|_| group_bytes <= MAX_LIST_BYTES) {
            Some(group) => group.push(item),
            None => {
                group_bytes = length(&item);
                groups.push(vec![item]);
            }
        }
    }
    groups
}

/// Returns the variable of nginx for one purpose in one location of a host. For the purpose `cors` and the first
/// location of `api.example.com`, it is `$cors_api_example_com_0`.
pub fn nginx_variable(purpose: &'static str, host: &str, index: usize) -> Value {
    let name: String = host.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    token(Language::Nginx, format!("${purpose}_{name}_{index}"))
}

/// Returns an origin as a key of nginx's `map`: text, or a regular expression if its host starts with `*.`.
pub fn nginx_origin(origin: &Origin) -> Value {
    let text = match origin.as_str().split_once("//*.") {
        Some((scheme, host)) => format!("\"~^{scheme}//[a-z0-9.-]+\\.{}$\"", host.replace('.', "\\.")),
        None => format!("\"{origin}\""),
    };
    token(Language::Nginx, text)
}

/// Returns a regular expression, for use in quotes, that matches the start of a path as the client sent it, before
/// nginx normalizes it. The expression has no final slash.
pub fn nginx_raw_prefix(path: &UrlPath) -> Value {
    let path = path.as_str().trim_end_matches('/').replace('.', "\\.").replace('+', "\\+");
    token(Language::Nginx, path)
}

/// Returns a host name, which may start with `*.`.
///
/// # Errors
/// NS901 for any other text, which the plan cannot contain, because it checks its host names.
pub fn nginx_host(name: &str) -> Result<Value, Diagnostic> {
    match Host::new(name.strip_prefix("*.").unwrap_or(name)) {
        Ok(_) => Ok(token(Language::Nginx, name.to_owned())),
        Err(reason) => Err(internal_error(format!("{name:?}: {reason}"))),
    }
}

/// Types whose text has no double quotes, single quotes or backslashes.
pub trait SqlToken: fmt::Display {}
impl SqlToken for SqlIdent {}
impl SqlToken for ExtensionName {}
impl SqlToken for ExtensionVersion {}

/// Returns an SQL identifier in double quotes.
pub fn sql_name(value: &impl SqlToken) -> Value {
    token(Language::Sql, format!("\"{value}\""))
}

/// Returns an SQL literal in single quotes.
pub fn sql_literal(value: &impl SqlToken) -> Value {
    token(Language::Sql, format!("'{value}'"))
}

/// Returns the JSON of a value as an SQL literal in single quotes, for `standard_conforming_strings = on`.
///
/// # Errors
/// NS901 if the value has no form in JSON.
pub fn sql_json(value: &impl Serialize) -> Result<Value, Diagnostic> {
    let json = serde_json::to_string(value).map_err(|error| internal_error(error.to_string()))?;
    Ok(token(Language::Sql, literal(&json)))
}

/// Returns NULL.
pub fn sql_null() -> Value {
    token(Language::Sql, "NULL".to_owned())
}

/// Returns an empty value of a variable of psql.
pub fn empty_psql_argument() -> Value {
    token(Language::Sql, String::new())
}

/// Returns a name for psql's own syntax, such as a variable or a file name.
pub fn psql_argument(value: &impl PsqlArgument) -> Value {
    token(Language::Sql, value.to_string())
}

/// Types whose text has only letters, digits, `_`, `-`, `.` and `/`.
pub trait PsqlArgument: fmt::Display {}
impl PsqlArgument for SqlIdent {}
impl PsqlArgument for ExtensionName {}
impl PsqlArgument for ExtensionVersion {}
impl PsqlArgument for SecretName {}
impl PsqlArgument for ContainerPath {}
impl PsqlArgument for MigrationName {}
impl PsqlArgument for HexDigest {}

/// Types whose text has no blanks, quotes, `=`, `;` or `#`.
pub trait IniToken: fmt::Display {}
impl IniToken for SqlIdent {}
impl IniToken for SecretName {}
impl IniToken for Host {}

/// Returns a token of an INI file.
pub fn ini(value: &impl IniToken) -> Value {
    token(Language::Ini, value.to_string())
}

/// Returns the name of a role or database in `pg_hba.conf`, in quotes: PostgreSQL would read the name `all` without
/// them as a keyword.
pub fn hba_name(name: &SqlIdent) -> Value {
    token(Language::AccessRules, format!("\"{name}\""))
}

/// Returns the addresses of a rule of `pg_hba.conf`; `None` if the rule has no addresses.
pub fn hba_addresses(peers: &Peers) -> Option<Value> {
    match peers {
        Peers::None => None,
        // The leading dot matches all host names that end with the name of the network.
        Peers::Network(network) => Some(token(Language::AccessRules, format!(".{network}"))),
        Peers::All => Some(token(Language::AccessRules, "all".into())),
    }
}

/// Returns the type of connection of a rule of `pg_hba.conf`.
pub fn hba_connection(tls: bool) -> Value {
    token(Language::AccessRules, if tls { "hostssl" } else { "host" }.into())
}

/// A template of a language. It is parsed only once, when the first file is rendered, because many files use the same
/// template: one for each site of each environment.
pub struct Template {
    language: Language,
    text: &'static str,
    /// The environment with the parsed template, or the reason why the text is no template.
    environment: OnceLock<Result<Environment<'static>, Error>>,
}

impl Template {
    /// The name of the template in its environment.
    const NAME: &'static str = "template";

    pub const fn new(language: Language, text: &'static str) -> Self {
        Template { language, text, environment: OnceLock::new() }
    }

    /// Renders the template. The view may contain tokens, numbers, flags, and lists and records of them.
    ///
    /// # Errors
    /// NS901 if the template interpolates a value that is neither a token of its language nor a whole number.
    pub fn render(&self, view: impl Serialize) -> Result<String, Diagnostic> {
        let environment = self.environment.get_or_init(|| self.parse()).as_ref();
        let environment = environment.map_err(|error| internal_error(error.to_string()))?;
        let template = environment.get_template(Self::NAME);
        template.and_then(|template| template.render(view)).map_err(|error| internal_error(error.to_string()))
    }

    /// Returns an environment with the parsed template.
    fn parse(&self) -> Result<Environment<'static>, Error> {
        let language = self.language;
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
        environment.add_template(Self::NAME, self.text)?;
        Ok(environment)
    }
}

fn internal_error(message: String) -> Diagnostic {
    Diagnostic::error(Code::Internal, FieldPath::root()).message(message)
}

#[cfg(test)]
mod tests;
