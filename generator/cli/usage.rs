//! Help, versions and errors about arguments. An error repeats what was given, so each value is made visible before the
//! sentence around it is built.

use clap::error::{ContextKind, ContextValue, Error};

use super::{ERROR, SUCCESS, output};
use crate::terminal::Lines;

/// Prints what the parser of arguments answers; returns the exit code.
pub fn print(mut answer: Error) -> u8 {
    if !answer.use_stderr() {
        output::document(&answer.render().to_string());
        return SUCCESS;
    }
    let given: Vec<(ContextKind, ContextValue)> =
        answer.context().filter_map(|(kind, value)| Some((kind, visible(value)?))).collect();
    for (kind, value) in given {
        answer.insert(kind, value);
    }
    output::remarks(&Lines::text(&answer.render().to_string()));
    ERROR
}

/// A value on one line; nothing where it holds no text.
fn visible(value: &ContextValue) -> Option<ContextValue> {
    let line = |text: &String| Lines::line(text).as_str().trim_end_matches('\n').to_owned();
    match value {
        ContextValue::String(text) => Some(ContextValue::String(line(text))),
        ContextValue::Strings(texts) => Some(ContextValue::Strings(texts.iter().map(line).collect())),
        _ => None,
    }
}
