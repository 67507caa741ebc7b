//! Checks views and functions.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use super::column_order::{INSERT_BY_POSITION, inserts_by_position, selects_all_columns};
use super::function_result::FunctionResult;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::database::{completeness, lexer, parse};
use crate::diagnostic::{Code, Diagnostic, FieldPath};

impl Check<'_> {
    /// Reports a view whose query depends on the order of columns or names missing ones, and fields that it cannot
    /// have.
    pub(super) fn check_view(&mut self, name: &ObjectName, view: &View) {
        let path = self.object_path("views", name);
        self.check_dependencies(&view.depends_on, &path);
        if selects_all_columns(view.query.as_str()) {
            self.report(
                path.key("query"),
                "`*` or `TABLE` is not allowed: the order of a table's columns can differ between servers",
                "name the columns",
            );
        }
        self.check_columns_of_query(view.query.as_str(), &path.key("query"));
        self.check_view_output(view, &path);
        if view.materialized && (view.security_barrier || view.check_option != CheckOption::default()) {
            let message = "a materialised view has neither `security_barrier` nor `check_option`";
            self.report(path.clone(), message, "leave these fields out");
        }
        for (column, default) in &view.column_defaults {
            let path = path.key("column_defaults").key(column.as_str());
            self.check_default_expression(default.as_str(), None, &path);
        }
        if view.materialized && !view.column_defaults.is_empty() {
            let message = "no rows are inserted through a materialised view, so its columns have no defaults";
            self.report(path.key("column_defaults"), message, "leave `column_defaults` out");
        }
        if !view.materialized && !view.indexes.is_empty() {
            self.report(path.key("indexes"), "only a materialised view can have indexes", "set `materialized = true`");
        }
        if view.materialized && !view.triggers.is_empty() {
            self.report(path.key("triggers"), "a materialised view cannot have triggers", "leave `triggers` out");
        }
        for (key, trigger) in &view.triggers {
            self.check_trigger(None, trigger, &path.key("triggers").key(key.as_str()));
        }
        for (key, index) in &view.indexes {
            let path = path.key("indexes").key(key.as_str());
            self.check_index_parts(index, &path);
            self.check_storage_of_index(index.using, &index.storage, &path.key("storage"));
        }
    }

    /// Reports functions and aggregates that the server could not distinguish: those with equal names and arguments.
    pub(super) fn check_overloads(&mut self) {
        let schema = self.schema;
        let functions = schema.functions.iter().map(|(name, function)| {
            // The server ignores modifiers, such as the length of a text.
            let input_types = function.input_types().map(|kind| kind.without_modifiers().to_string());
            let signature =
                format!("{}({})", function.name_in_sql(name).spelled(), input_types.collect::<Vec<_>>().join(", "));
            (signature, name.to_string(), self.object_path("functions", name))
        });
        let aggregates = schema.objects.iter().filter_map(|(key, object)| {
            let identity = object.identity()?;
            // On the server, `*` means no arguments, and ORDER BY only separates arguments.
            let signature = identity
                .key
                .strip_prefix("aggregate ")?
                .replace("(*)", "()")
                .replace("(order by ", "(")
                .replace(" order by ", ", ");
            Some((signature, key.to_string(), self.root.key("objects").key(key.as_str())))
        });
        let routines: Vec<(String, String, FieldPath)> = functions.chain(aggregates).collect();
        let mut signatures: BTreeMap<&str, &str> = BTreeMap::new();
        for (signature, name, path) in &routines {
            if let Some(first) = signatures.insert(signature, name) {
                let message = format!("{first} and {name} are both {signature}");
                self.report(path.clone(), message, "functions of one name need different arguments");
            }
        }
    }

    /// Reports missing names, refused fields, an unsafe search path and an invalid body of a function.
    pub(super) fn check_function(&mut self, name: &ObjectName, function: &Function) {
        let path = self.object_path("functions", name);
        self.check_dependencies(&function.depends_on, &path);
        let arguments = function.arguments.iter().enumerate();
        for (i, argument) in arguments {
            self.check_type_of_function(&argument.kind, &path.key("arguments").index(i).key("type"));
        }
        let needs_returns = !function.procedure && !function.returns_arguments();
        if (needs_returns && function.returns.is_none()) || (function.procedure && function.returns.is_some()) {
            let message = "a function needs `returns`, and a procedure cannot have `returns`";
            self.report(path.key("returns"), message, "set either `returns` or `procedure = true`");
        }
        self.check_returns(function, &path.key("returns"));
        self.check_arguments(function, &path);
        self.check_signature(function, &path);
        self.check_settings_of_function(function, &path.key("settings"));
        let is_allowed =
            self.schema.allow.get(name.as_str()).is_some_and(|hazards| hazards.contains_key(&Hazard::OpenDefiner));
        if !is_allowed && let Some(message) = unsafe_search_path(self.schema, function) {
            self.findings.push(
                Diagnostic::error(Code::OpenDefiner, path.key("security_definer"))
                    .message(format!("{name} runs with the rights of its owner, but {message}"))
                    .expected("a search path of schemas in which no role may create objects, with pg_temp as the last")
                    .hint(format!(
                        "{}, leave `security_definer` out, or accept the hazard with `allow.\"{}\".open_definer = \"why\"`",
                        mend_of_search_path(function),
                        escaped_for_nickel(name.as_str())
                    )),
            );
        }
        self.check_body(name, function, path.key("body"));
        self.check_columns_of_body(name, function, &path.key("body"));
        self.check_sql_result(function, &path.key("body"));
    }

    /// Reports types in the result of a function that do not exist.
    fn check_returns(&mut self, function: &Function, path: &FieldPath) {
        for kind in FunctionResult::of(function).types() {
            let is_of_catalog = kind.object().is_some_and(|object| {
                object.name().starts_with("pg_") || ["pg_catalog", "information_schema"].contains(&object.schema())
            });
            if !is_of_catalog {
                self.check_type_of_function(kind, path);
            }
        }
    }

    /// Reports a missing type of an argument or result. Types that are allowed only there are left to `check_signature`.
    fn check_type_of_function(&mut self, kind: &TypeName, path: &FieldPath) {
        if !kind.is_polymorphic() && !PSEUDO_TYPES.contains(&kind.base()) && !self.is_type_of_server(kind) {
            self.check_type(kind, path);
        }
    }

    /// Reports results, defaults, modes, costs and numbers of rows that the server refuses.
    fn check_arguments(&mut self, function: &Function, path: &FieldPath) {
        let returns = function.returns.as_ref().map_or("", Returns::as_str).to_ascii_lowercase();
        let returns_rows = returns.starts_with("setof") || returns.starts_with("table");
        if function.returns_arguments() && !returns.is_empty() && !returns.starts_with("setof") {
            let message = "arguments of the modes 'out and 'inout already define the result of the function";
            self.report(
                path.key("returns"),
                message,
                "leave `returns` out, or use `SETOF record`; with one such argument, `SETOF` and its type",
            );
        }
        if function.rows.is_some() && !returns_rows {
            self.report(path.key("rows"), "the function does not return rows", "leave `rows` out");
        }
        if function.procedure && function.cost.is_some() {
            self.report(
                path.key("cost"),
                "a procedure cannot have `cost`, because PostgreSQL estimates only functions",
                "leave `cost` out",
            );
        }
        for (field, number) in [("cost", function.cost), ("rows", function.rows)] {
            if number == Some(0) {
                let message = format!("`{field}` is 0, but must be at least 1");
                self.report(path.key(field), message, format!("set `{field}` to 1 or more, or leave it out"));
            }
        }
        // A call of a procedure also gives the arguments of the mode 'out.
        let is_given = |argument: &Argument| function.procedure || argument.mode != ArgumentMode::Out;
        let last = function.arguments.iter().rposition(is_given);
        for (i, argument) in function.arguments.iter().enumerate() {
            let path = path.key("arguments").index(i);
            if argument.mode == ArgumentMode::Out && argument.default.is_some() {
                self.report(
                    path.key("default"),
                    "an argument of the mode 'out cannot have a default",
                    "remove `default`",
                );
            }
            if let Some(default) = &argument.default {
                self.check_default_expression(default.as_str(), Some(&argument.kind), &path.key("default"));
                self.check_default("argument", &argument.kind, default, &path.key("default"));
            }
            if argument.mode == ArgumentMode::Variadic && (Some(i) != last || !is_array(&argument.kind)) {
                let message = "a variadic argument must be an array and the last argument that a call gives";
                self.report(path.key("mode"), message, "move the argument, and add `[]` to its type");
            }
        }
    }

    /// Checks a function's body. SQL is parsed, as the server does when it creates the function; in PL/pgSQL the ends of
    /// statements and blocks are checked.
    fn check_body(&mut self, name: &ObjectName, function: &Function, path: FieldPath) {
        let body = function.body.as_str();
        let mut report = |code, message: String| self.report_body(&path, code, message);
        if let Some(fault) = completeness::nested_too_deep(body) {
            report(fault.code, fault.message(body));
        } else if function.has_standard_body() {
            // The syntax of such a body was checked when the definition was decoded.
            if selects_all_columns(body) {
                let message = "`*` or `TABLE` is not allowed here: the server would store the columns that the table has now; \
                               write their names";
                report(Code::SchemaInvalid, message.to_owned());
            }
            if inserts_by_position(body) {
                report(Code::SchemaInvalid, INSERT_BY_POSITION.to_owned());
            }
        } else if function.language == FunctionLanguage::Sql {
            if let Some((at, message)) = parse::errors(body).into_iter().next() {
                report(Code::SqlSyntax, format!("at {}: {message}", lexer::place_in_words(body, at)));
            }
        } else if let Err(unclosed) = lexer::tokens(body) {
            report(
                Code::SqlSyntax,
                format!("at {}: the {} is not closed", lexer::place_in_words(body, unclosed.at), unclosed.what),
            );
        } else {
            self.check_plpgsql(name, function, &path);
        }
    }

    /// Adds an error about the text of a body.
    pub(super) fn report_body(&mut self, path: &FieldPath, code: Code, message: String) {
        let finding = Diagnostic::error(code, path.clone()).message(message);
        self.findings.push(finding.expected("SQL that PostgreSQL accepts"));
    }
}

/// Returns whether a type is an array or a polymorphic type of arrays.
fn is_array(kind: &TypeName) -> bool {
    kind.is_array() || matches!(kind.as_str(), "anyarray" | "anycompatiblearray")
}

/// Returns the reason why a caller of a `security_definer` function can make the function use objects that its author
/// did not mean. Returns `None` if the search path is safe, and for other functions.
pub fn unsafe_search_path(schema: &Schema, function: &Function) -> Option<String> {
    if !function.security_definer {
        return None;
    }
    let Some(path) = function.settings.get("search_path") else {
        return Some("it sets no search path, so its caller chooses the objects that it uses".into());
    };
    let names: Vec<_> = path.as_str().split(',').map(|name| name_in_search_path(name.trim())).collect();
    if names.last().is_none_or(|name| name != "pg_temp") {
        return Some("pg_temp is not the last schema of its search path, so the server searches it first".into());
    }
    names[..names.len() - 1].iter().enumerate().find_map(|(i, name)| {
        let declaration = schema.schemas.iter().find(|(declared_name, _)| declared_name.as_str() == name);
        let creator = declaration.and_then(|(_, namespace)| {
            let may_create = |privileges: &BTreeSet<SchemaPrivilege>| privileges.contains(&SchemaPrivilege::Create);
            namespace.grants.iter().find(|(_, privileges)| may_create(privileges)).map(|(role, _)| role)
        });
        match (&**name, creator) {
            (_, Some(role)) => Some(format!("`{role}` may create objects in `{name}` of its search path")),
            ("pg_catalog", None) => (i > 0).then(|| "pg_catalog is not the first schema of its search path".into()),
            // Since PostgreSQL 15, only the owner of the database may create objects in `public`.
            (PUBLIC_SCHEMA, None) => None,
            (_, None) => declaration
                .is_none()
                .then(|| format!("its search path names `{name}`, which is not declared in `schemas`")),
        }
    })
}

/// Returns the correction of an unsafe search path: the same schemas with `pg_catalog` moved to the start and `pg_temp`
/// to the end or, if they are in this order already, fewer rights on them.
pub fn mend_of_search_path(function: &Function) -> String {
    let path = function.settings.get("search_path").map_or(PUBLIC_SCHEMA, |path| path.as_str());
    // The schema `"$user"` may belong to the caller.
    let is_safe = |name: &&str| !["", "pg_temp", "$user"].contains(&&*name_in_search_path(name));
    let mut names: Vec<&str> = path.split(',').map(str::trim).filter(is_safe).collect();
    // `false` comes before `true`, and the other names keep their order.
    names.sort_by_key(|name| name_in_search_path(name) != "pg_catalog");
    names.push("pg_temp");
    let safe_path = names.join(", ");
    if safe_path == path {
        "let only the owner create objects in these schemas".to_owned()
    } else {
        format!("set `settings.search_path = \"{}\"`", escaped_for_nickel(&safe_path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::ddl;
    use crate::values::Checked;

    #[test]
    fn a_schema_of_a_search_path_may_have_double_quotes() {
        let schema = serde_json::json!({ "schemas": { "Audit": {} } });
        let schema: Schema = serde_json::from_value(schema).unwrap();
        let function = |path: &str| -> Function {
            serde_json::from_value(serde_json::json!({
                "returns": "integer", "language": "sql", "body": "SELECT 1", "security_definer": true,
                "settings": { "search_path": path },
            }))
            .unwrap()
        };
        for path in ["\"Audit\", pg_temp", "Audit, \"pg_temp\"", "\"pg_catalog\", \"Audit\", public, pg_temp"] {
            assert_eq!(unsafe_search_path(&schema, &function(path)), None, "{path}");
        }
        for path in ["\"audit\", pg_temp", "\"$user\", pg_temp", "Audit, \"pg_catalog\", pg_temp"] {
            assert!(unsafe_search_path(&schema, &function(path)).is_some(), "{path}");
        }
        let name = ObjectName::new("f").unwrap();
        let sql = ddl::function_definition(&name, &function("\"Audit\", pg_temp"), "CREATE");
        assert!(sql.contains("SET search_path = 'Audit', 'pg_temp'"), "{sql}");
        let mended = mend_of_search_path(&function("\"$user\", public, \"pg_catalog\""));
        assert_eq!(mended, "set `settings.search_path = \"\\\"pg_catalog\\\", public, pg_temp\"`");
    }
}
