//! Checks the arguments and results of functions together: names, defaults, polymorphic types and pseudo-types. Also
//! checks the settings of functions, and the fields of procedures.

use std::collections::BTreeSet;

use super::Check;
use super::function_result::FunctionResult;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::postgres_setting::{SERVER_SETTINGS, SETTINGS, UNLISTED_SETTINGS};
use crate::words;

/// Result types of the functions that triggers call.
const TRIGGER_TYPES: [&str; 2] = ["event_trigger", "trigger"];
/// Types of the server that only functions in C can have as arguments and results.
const TYPES_OF_C: [&str; 11] = [
    "any",
    "cstring",
    "fdw_handler",
    "index_am_handler",
    "internal",
    "language_handler",
    "pg_ddl_command",
    "table_am_handler",
    "tsm_handler",
    "unknown",
    "_record",
];

impl Check<'_> {
    /// Reports arguments and results that the server refuses together.
    pub(super) fn check_signature(&mut self, function: &Function, path: &FieldPath) {
        let result = FunctionResult::of(function);
        self.check_argument_names(function, &result, path);
        self.check_order_of_defaults(function, path);
        self.check_result_for_triggers(function, &result, path);
        self.check_polymorphic_results(function, &result, path);
        self.check_pseudo_types(function, &result, path);
        if function.procedure {
            self.check_fields_of_procedure(function, path);
        }
    }

    /// Reports names that two inputs share, or two outputs. In SQL, an input and an output may have the same name; in
    /// PL/pgSQL, both are variables of one block.
    fn check_argument_names(&mut self, function: &Function, result: &FunctionResult, path: &FieldPath) {
        let mut inputs: BTreeSet<&str> = BTreeSet::new();
        let mut outputs: BTreeSet<&str> = BTreeSet::new();
        let is_plpgsql = function.language == FunctionLanguage::Plpgsql;
        for (i, argument) in function.arguments.iter().enumerate() {
            let Some(name) = &argument.name else { continue };
            let is_input = argument.mode != ArgumentMode::Out;
            let is_in_other_group = is_plpgsql && (inputs.contains(name.as_str()) || outputs.contains(name.as_str()));
            let is_repeated_input = is_input && !inputs.insert(name.as_str());
            let is_repeated_output = argument.is_returned() && !outputs.insert(name.as_str());
            if is_in_other_group || is_repeated_input || is_repeated_output {
                let path = path.key("arguments").index(i).key("name");
                self.report(path, format!("two arguments have the name `{name}`"), "rename one of the two");
            }
        }
        for name in result.table_columns.iter().map(|(name, _)| name) {
            let message = if !outputs.insert(name) {
                format!("two columns of the result have the name `{name}`")
            } else if is_plpgsql && inputs.contains(name.as_str()) {
                format!("an argument and a column of the result have the name `{name}`")
            } else {
                continue;
            };
            self.report(path.key("returns"), message, "rename one of the two");
        }
    }

    /// Reports an argument without a default after one with a default. A call could not leave out the earlier one.
    fn check_order_of_defaults(&mut self, function: &Function, path: &FieldPath) {
        let Some(first) = function.arguments.iter().position(|argument| argument.default.is_some()) else { return };
        for (i, argument) in function.arguments.iter().enumerate().skip(first) {
            let path = path.key("arguments").index(i);
            let is_output = argument.mode == ArgumentMode::Out;
            if is_output && function.procedure {
                let message = "an argument of the mode 'out cannot follow one with a default in a procedure";
                self.report(path, message, "move it before the arguments with defaults");
            } else if !is_output && argument.default.is_none() {
                let message = "the argument has no default, but follows one with a default";
                self.report(path, message, "add `default`, or move the argument before those with defaults");
            }
        }
    }

    /// Reports functions for triggers that have arguments or are written in SQL.
    fn check_result_for_triggers(&mut self, function: &Function, result: &FunctionResult, path: &FieldPath) {
        let Some(kind) = result.kind.as_ref().map(TypeName::as_str) else { return };
        if !TRIGGER_TYPES.contains(&kind) {
            return;
        }
        if function.language == FunctionLanguage::Sql {
            let message = format!("a function in SQL cannot return {kind}");
            self.report(path.key("language"), message, "set `language = 'plpgsql`, and write `BEGIN … END` in `body`");
        }
        if !function.arguments.is_empty() {
            let message = format!("a function that returns {kind} cannot have arguments");
            let hint = match kind {
                "trigger" => "remove `arguments`; the function reads those of the trigger from `TG_ARGV`",
                _ => "remove `arguments`",
            };
            self.report(path.key("arguments"), message, hint);
        }
    }

    /// Reports a result such as anyelement without an argument from which the server learns its type.
    fn check_polymorphic_results(&mut self, function: &Function, result: &FunctionResult, path: &FieldPath) {
        let inputs: BTreeSet<&str> = function.input_types().map(TypeName::base).collect();
        let outputs = function.arguments.iter().enumerate().filter(|(_, argument)| argument.mode == ArgumentMode::Out);
        let outputs = outputs.map(|(i, argument)| (&argument.kind, path.key("arguments").index(i).key("type")));
        let columns = result.table_columns.iter().filter_map(|(_, kind)| Some((kind.as_ref()?, path.key("returns"))));
        let results = result.kind.iter().map(|kind| (kind, path.key("returns"))).chain(outputs).chain(columns);
        let missing = results.filter_map(|(kind, path)| Some((missing_input(kind.base(), &inputs)?, kind, path)));
        for (needed, kind, path) in missing.collect::<Vec<_>>() {
            let message = format!("no argument tells which type {kind} is");
            self.report(path, message, format!("return one type, or add an argument of the type {needed}"));
        }
    }

    /// Reports arguments and results of types without values that the language does not allow there.
    fn check_pseudo_types(&mut self, function: &Function, result: &FunctionResult, path: &FieldPath) {
        let is_plpgsql = function.language == FunctionLanguage::Plpgsql;
        for (i, argument) in function.arguments.iter().enumerate() {
            let path = path.key("arguments").index(i).key("type");
            let is_input = argument.mode != ArgumentMode::Out;
            if self.has_no_values(&argument.kind) {
                let message = format!("an argument cannot have the type {}", argument.kind);
                self.report(path, message, "use a type with values");
            } else if argument.kind.as_str() == "record" && is_input && !is_plpgsql {
                let message = "a function in SQL cannot have an argument of the type record";
                self.report(path, message, "name a table or composite type, or set `language = 'plpgsql`");
            }
        }
        for kind in result.table_columns.iter().filter_map(|(_, kind)| kind.as_ref()) {
            if self.has_no_values(kind) {
                let message = format!("a column of the result cannot have the type {kind}");
                self.report(path.key("returns"), message, "use a type with values");
            }
        }
        let may_be_result = |kind: &TypeName| kind.as_str() == "void" || TRIGGER_TYPES.contains(&kind.as_str());
        if let Some(kind) = result.kind.as_ref().filter(|kind| !may_be_result(kind) && self.has_no_values(kind)) {
            let message = match kind.is_array() {
                true => format!("a function cannot return {kind}"),
                false => format!("only a function in C can return {kind}"),
            };
            self.report(path.key("returns"), message, "return text, or a different type with values");
        }
    }

    /// Returns whether a type has no values that functions in SQL and PL/pgSQL can use.
    fn has_no_values(&self, kind: &TypeName) -> bool {
        let is_array_without_type = kind.is_array() && kind.is_polymorphic();
        is_array_without_type || PSEUDO_TYPES.contains(&kind.base()) || self.is_type_of_server(kind)
    }

    /// Returns whether a type is one of the server that only functions in C and event triggers use, and not a declared
    /// type of this name.
    pub(super) fn is_type_of_server(&self, kind: &TypeName) -> bool {
        let is_listed = |name: &str| TYPES_OF_C.contains(&name) || TRIGGER_TYPES.contains(&name);
        kind.object().is_some_and(|object| {
            [PUBLIC_SCHEMA, "pg_catalog"].contains(&object.schema())
                && is_listed(object.name())
                && !self.declares_type(&object)
        })
    }

    /// Reports settings that PostgreSQL does not have, that a function cannot change, or that do not accept the value.
    pub(super) fn check_settings_of_function(&mut self, function: &Function, path: &FieldPath) {
        let is_changeable = |name: &&&str| !SERVER_SETTINGS.contains(**name);
        for (name, value) in &function.settings {
            let path = path.key(name.as_str());
            if SERVER_SETTINGS.contains(name.as_str()) {
                let message = format!("`{name}` is a setting of the whole server, which a function cannot change");
                self.report(path, message, "remove it, or set it in `database_server.settings`");
            } else if let Some(setting) = SETTINGS.get(name.as_str()) {
                if let Some(expected) = setting.expected(value.as_str()) {
                    let message = format!("`{name}` cannot have the value `{value}`");
                    self.report(path, message, format!("set it to {expected}"));
                }
            } else if name.as_str().contains('.') {
                let message = format!(
                    "only a superuser can give a function the setting `{name}`, which PostgreSQL does not know"
                );
                self.report(path, message, format!("remove it, and call `set_config('{name}', …, true)` in the body"));
            } else if !UNLISTED_SETTINGS.contains(&name.as_str()) {
                let names = SETTINGS.keys().filter(is_changeable).copied();
                let hint = words::suggestion_or(name.as_str(), names, "remove it");
                self.report(path, format!("PostgreSQL has no setting `{name}`"), hint);
            }
        }
    }

    /// Reports fields that only functions have.
    fn check_fields_of_procedure(&mut self, function: &Function, path: &FieldPath) {
        let fields = [
            ("strict", function.strict),
            ("volatility", function.volatility != Volatility::default()),
            ("parallel", function.parallel != Parallel::default()),
        ];
        for (field, _) in fields.into_iter().filter(|(_, is_set)| *is_set) {
            let message = format!("`{field}` has no effect, because only functions have it, and not procedures");
            self.report(path.key(field), message, format!("leave `{field}` out"));
        }
    }
}

/// Returns a type for a new argument, from which the server would learn what the polymorphic type `result` is. Returns
/// `None` if the types of the inputs are enough for that, and for a result that is not polymorphic.
fn missing_input(result: &str, inputs: &BTreeSet<&str>) -> Option<&'static str> {
    const ANY: [&str; 6] = ["anyelement", "anyarray", "anyenum", "anymultirange", "anynonarray", "anyrange"];
    const ANY_COMPATIBLE: [&str; 5] = [
        "anycompatible",
        "anycompatiblearray",
        "anycompatiblemultirange",
        "anycompatiblenonarray",
        "anycompatiblerange",
    ];
    let family: &[&'static str] = if ANY.contains(&result) {
        &ANY
    } else if ANY_COMPATIBLE.contains(&result) {
        &ANY_COMPATIBLE
    } else {
        return None;
    };
    let needs_range = result.ends_with("range");
    let is_related = |kind: &&str| family.contains(kind) && (!needs_range || kind.ends_with("range"));
    // If no range is needed, every type of the family is enough, so the first one is returned.
    let missing_type = family.iter().copied().find(|kind| !needs_range || *kind == result)?;
    (!inputs.iter().any(is_related)).then_some(missing_type)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Returns the messages about a function with these fields.
    fn messages(language: &str, arguments: &serde_json::Value, returns: Option<&str>) -> Vec<String> {
        let body = if language == "sql" { "SELECT nullif(1, 1)" } else { "BEGIN END" };
        let function = json!({ "language": language, "arguments": arguments, "returns": returns, "body": body });
        let schema = serde_json::from_value(json!({ "functions": { "f": function } })).unwrap();
        let findings = crate::database::check::check(&schema, &FieldPath::root());
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn no_argument_and_no_column_of_the_result_has_a_type_without_values() {
        let types = ["trigger", "event_trigger", "void", "cstring", "internal", "record[]", "void[]", "_record"];
        for (language, kind) in ["sql", "plpgsql"].into_iter().flat_map(|language| types.map(|kind| (language, kind))) {
            for mode in ["in", "out", "inout"] {
                let returns = Some("integer").filter(|_| mode == "in");
                let found = messages(language, &json!([{ "name": "x", "type": kind, "mode": mode }]), returns);
                assert_eq!(found, [format!("an argument cannot have the type {kind}")], "{language} {mode}");
            }
            let found = messages(language, &json!([]), Some(&format!("TABLE (x {kind})")));
            assert_eq!(found, [format!("a column of the result cannot have the type {kind}")], "{language}");
        }
        assert_eq!(messages("sql", &json!([{ "name": "x", "type": "record", "mode": "out" }]), None), [""; 0]);
        assert_eq!(messages("sql", &json!([]), Some("internal")), ["only a function in C can return internal"]);
        assert_eq!(messages("plpgsql", &json!([]), Some("record[]")), ["a function cannot return record[]"]);
    }

    #[test]
    fn an_input_and_an_output_of_plpgsql_have_different_names() {
        let input = json!({ "name": "x", "type": "integer" });
        for mode in ["in", "variadic"] {
            let kind = if mode == "in" { "integer" } else { "integer[]" };
            let both = json!([
                { "name": "x", "type": "integer", "mode": "out" },
                { "name": "x", "type": kind, "mode": mode },
            ]);
            assert_eq!(messages("plpgsql", &both, None), ["two arguments have the name `x`"], "{mode}");
            assert_eq!(messages("sql", &both, None).iter().filter(|message| message.contains("name")).count(), 0);
        }
        let message = "an argument and a column of the result have the name `x`";
        assert_eq!(messages("plpgsql", &json!([input]), Some("TABLE (x integer)")), [message]);
        assert_eq!(messages("plpgsql", &json!([input]), Some("TABLE (\"X\" integer)")), [""; 0]);
    }
}
