//! Checks views and functions.

use std::collections::{BTreeMap, BTreeSet};

use super::Check;
use squawk_syntax::ast::{AstNode, Type};
use squawk_syntax::quote::is_reserved_word;
use squawk_syntax::{SourceFile, SyntaxKind};

use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::database::{completeness, lexer, parse};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::Checked;

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
            let path = path.key("indexes").key(key.as_str()).key("storage");
            self.check_storage_of_index(index.using, &index.storage, &path);
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
        for (i, argument) in arguments.filter(|(_, argument)| !argument.kind.is_polymorphic()) {
            self.check_type(&argument.kind, &path.key("arguments").index(i).key("type"));
        }
        let needs_returns = !function.procedure && !function.returns_arguments();
        if (needs_returns && function.returns.is_none()) || (function.procedure && function.returns.is_some()) {
            let message = "a function needs `returns`, and a procedure cannot have `returns`";
            self.report(path.key("returns"), message, "set either `returns` or `procedure = true`");
        }
        self.check_returns(function, &path.key("returns"));
        self.check_arguments(function, &path);
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
        self.check_body(function, path.key("body"));
        self.check_columns_of_body(name, function, &path.key("body"));
    }

    /// Reports types in the result of a function that do not exist.
    fn check_returns(&mut self, function: &Function, path: &FieldPath) {
        let Some(returns) = &function.returns else { return };
        for kind in types_of_result(returns.as_str()) {
            let is_of_catalog = kind.object().is_some_and(|object| {
                PSEUDO_TYPES.contains(&object.as_str())
                    || object.name().starts_with("pg_")
                    || ["pg_catalog", "information_schema"].contains(&object.schema())
            });
            if !kind.is_polymorphic() && !is_of_catalog {
                self.check_type(&kind, path);
            }
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
        let last_input = function.arguments.iter().rposition(|argument| argument.mode != ArgumentMode::Out);
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
            }
            if argument.mode == ArgumentMode::Variadic && (Some(i) != last_input || !argument.kind.is_array()) {
                let message = "a variadic argument must be an array and the last input argument";
                self.report(path.key("mode"), message, "move the argument, and add `[]` to its type");
            }
        }
    }

    /// Checks a function's body. SQL is parsed, as the server does when it creates the function; in PL/pgSQL the ends of
    /// statements and blocks are checked.
    fn check_body(&mut self, function: &Function, path: FieldPath) {
        let body = function.body.as_str();
        let mut report = |code, message: String| {
            let finding = Diagnostic::error(code, path.clone()).message(message);
            self.findings.push(finding.expected("SQL that PostgreSQL accepts"));
        };
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
        } else if let Some((at, message)) = parse::plpgsql_error(body) {
            report(Code::SqlSyntax, format!("at {}: {message}", lexer::place_in_words(body, at)));
        }
    }
}

/// Types that only functions have.
const PSEUDO_TYPES: [&str; 3] = ["cstring", "event_trigger", "internal"];

/// Returns the type of each row of a result: `orders` for `SETOF orders`.
fn without_setof(kind: &str) -> &str {
    match kind.split_once(char::is_whitespace) {
        Some((first_word, row_type)) if first_word.eq_ignore_ascii_case("setof") => row_type.trim_start(),
        _ => kind,
    }
}

/// Returns the types in the result of a function, such as those of the columns of `TABLE (…)`. A built-in type, which
/// need not be checked, is left out.
fn types_of_result(returns: &str) -> Vec<TypeName> {
    if let Ok(kind) = TypeName::new(returns)
        && kind.is_built_in()
    {
        return Vec::new();
    }
    parse::with_enough_stack(returns, || {
        let parsed = SourceFile::parse(&format!("CREATE FUNCTION f() RETURNS {returns} LANGUAGE sql AS '';"));
        let nodes = parsed.syntax_node().descendants().filter(|node| node.kind() == SyntaxKind::RET_TYPE);
        let parts = nodes.flat_map(|node| node.descendants().collect::<Vec<_>>());
        let types = parts.filter(|node| Type::can_cast(node.kind())).map(|node| node.text().to_string());
        // `orders.id%TYPE` is the type of a column.
        let named_types = types.filter(|text| !text.contains('%'));
        named_types.filter_map(|text| TypeName::new(without_setof(&text)).ok()).collect()
    })
}

/// The message about an INSERT without a list of columns.
pub(super) const INSERT_BY_POSITION: &str =
    "INSERT needs a list of columns here: the order of a table's columns can differ between servers";

/// Returns the reason why a caller of a `security_definer` function can make the function use objects that its author
/// did not mean. Returns `None` if the search path is safe, and for other functions.
pub fn unsafe_search_path(schema: &Schema, function: &Function) -> Option<String> {
    if !function.security_definer {
        return None;
    }
    let Some(path) = function.settings.get("search_path") else {
        return Some("it sets no search path, so its caller chooses the objects that it uses".into());
    };
    let names: Vec<&str> = path.as_str().split(',').map(str::trim).collect();
    if names.last() != Some(&"pg_temp") {
        return Some("pg_temp is not the last schema of its search path, so the server searches it first".into());
    }
    names[..names.len() - 1].iter().enumerate().find_map(|(i, name)| {
        let declaration = schema.schemas.iter().find(|(declared_name, _)| declared_name.as_str() == *name);
        let creator = declaration.and_then(|(_, namespace)| {
            let may_create = |privileges: &BTreeSet<SchemaPrivilege>| privileges.contains(&SchemaPrivilege::Create);
            namespace.grants.iter().find(|(_, privileges)| may_create(privileges)).map(|(role, _)| role)
        });
        match (*name, creator) {
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
    let is_safe = |name: &&str| !["", "pg_temp", "\"$user\"", "\"\""].contains(name);
    let mut names: Vec<&str> = path.split(',').map(str::trim).filter(is_safe).collect();
    // `false` comes before `true`, and the other names keep their order.
    names.sort_by_key(|name| *name != "pg_catalog");
    names.push("pg_temp");
    let safe_path = names.join(", ");
    if safe_path == path {
        "let only the owner create objects in these schemas".to_owned()
    } else {
        format!("set `settings.search_path = \"{safe_path}\"`")
    }
}

/// Returns whether a query selects all columns with `*` or `TABLE`. The `*` of a multiplication or of `count(*)` does
/// not count.
pub(super) fn selects_all_columns(query: &str) -> bool {
    let tokens = lexer::tokens(query).unwrap_or_default();
    // After any other token, `*` is a multiplication or belongs to `count(*)`.
    let selects_all_after = |text: &str| {
        [",", "."].contains(&text) || ["select", "distinct", "all"].contains(&text.to_ascii_lowercase().as_str())
    };
    let selects_all =
        |at: usize| tokens[at].text == "*" && selects_all_after(tokens[at - 1].text) && !is_whole_row(&tokens, at);
    (1..tokens.len()).any(selects_all) || (0..tokens.len()).any(|at| is_table_query(&tokens, at))
}

/// Returns whether the token with the index `at` is the first word of a query such as `TABLE orders`, which means
/// `SELECT * FROM orders`.
fn is_table_query(tokens: &[lexer::Token], at: usize) -> bool {
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    let is_after = |word: &str| at.checked_sub(1).is_some_and(|previous| is_word(previous, word));
    let precedes_name = tokens.get(at + 1).is_some_and(|token| match token.kind {
        lexer::TokenKind::Quoted => true,
        lexer::TokenKind::Word => is_word(at + 1, "only") || !is_reserved_word(token.text),
        _ => false,
    });
    // After AS or a dot, the word is the name of a column.
    tokens[at].kind == lexer::TokenKind::Word
        && is_word(at, "table")
        && precedes_name
        && !is_after("as")
        && !is_after(".")
}

/// Returns whether a text has an INSERT without a list of columns, whose values go to the columns in the order of the table.
pub(super) fn inserts_by_position(text: &str) -> bool {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_word = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    (1..tokens.len()).filter(|at| is_word(at - 1, "insert") && is_word(*at, "into")).any(|into| {
        // The first token after the name of the table, its other parts and its alias.
        let mut at = into + 2;
        while is_word(at, ".") {
            at += 2;
        }
        if is_word(at, "as") {
            at += 2;
        }
        let has_query_in_brackets = ["select", "with", "values", "table", "("].iter().any(|word| is_word(at + 1, word));
        let has_columns = is_word(at, "(") && !has_query_in_brackets;
        !has_columns && !is_word(at, "default")
    })
}

/// Returns whether the `*` with the index `at` is a row as the only argument of a function: `row_to_json(orders.*)`.
fn is_whole_row(tokens: &[lexer::Token], at: usize) -> bool {
    let is_name = |token: &lexer::Token| matches!(token.kind, lexer::TokenKind::Word | lexer::TokenKind::Quoted);
    // Words before `(` that are not functions.
    let keywords =
        ["row", "values", "in", "select", "exists", "as", "on", "and", "or", "not", "all", "any", "distinct"];
    let mut path_start = at;
    while path_start >= 2 && tokens[path_start - 1].text == "." && is_name(&tokens[path_start - 2]) {
        path_start -= 2;
    }
    let is_call = path_start >= 2
        && tokens[path_start - 1].text == "("
        && is_name(&tokens[path_start - 2])
        && !keywords.contains(&tokens[path_start - 2].text.to_ascii_lowercase().as_str());
    path_start < at && is_call && tokens.get(at + 1).is_some_and(|token| token.text == ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_that_depend_on_the_order_of_columns_are_found() {
        for text in ["SELECT * FROM t", "TABLE t", "SELECT 1 UNION TABLE ONLY t", "WITH a AS (TABLE \"T\") SELECT 1"] {
            assert!(selects_all_columns(text), "{text}");
        }
        for text in ["SELECT a AS table FROM t", "SELECT t.table FROM t", "SELECT count(*) FROM t", "SELECT 'TABLE t'"]
        {
            assert!(!selects_all_columns(text), "{text}");
        }
        for text in ["INSERT INTO t VALUES (1)", "insert into x.t AS u SELECT 1", "INSERT INTO t (SELECT 1)"] {
            assert!(inserts_by_position(text), "{text}");
        }
        for text in
            ["INSERT INTO t (a) VALUES (1)", "INSERT INTO x.\"t\" AS u (a) SELECT 1", "INSERT INTO t DEFAULT VALUES"]
        {
            assert!(!inserts_by_position(text), "{text}");
        }
    }
}
