//! Prints help, versions and errors about arguments. An error quotes arguments of the user, so control characters in
//! them are escaped first.

use clap::error::{ContextKind, ContextValue, Error};

use super::{ERROR, SUCCESS, output};
use crate::terminal::Lines;

/// Prints the output of the argument parser and returns the exit code.
pub fn print(mut usage_or_help: Error) -> u8 {
    if !usage_or_help.use_stderr() {
        output::document(&usage_or_help.render().to_string());
        return SUCCESS;
    }
    let escaped_context: Vec<(ContextKind, ContextValue)> =
        usage_or_help.context().filter_map(|(kind, value)| Some((kind, with_visible_characters(value)?))).collect();
    for (kind, value) in escaped_context {
        usage_or_help.insert(kind, value);
    }
    output::remarks(&Lines::text(&usage_or_help.render().to_string()));
    ERROR
}

/// Returns a value with control characters escaped; `None` if it has no text.
fn with_visible_characters(value: &ContextValue) -> Option<ContextValue> {
    let escape = |text: &String| Lines::line(text).as_str().trim_end_matches('\n').to_owned();
    match value {
        ContextValue::String(text) => Some(ContextValue::String(escape(text))),
        ContextValue::Strings(texts) => Some(ContextValue::Strings(texts.iter().map(escape).collect())),
        _ => None,
    }
}
