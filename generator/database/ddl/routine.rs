//! SQL of views and functions.

use super::{change_view_grants, comment, create_index, grants, index_settings};
use crate::database::model::*;
use crate::values::Text;

/// Returns the SQL that creates a view with its indexes, grants and comment.
pub fn create_view(name: &ObjectName, view: &View) -> String {
    let kind = view_kind(view);
    let columns = if view.columns.is_empty() { String::new() } else { format!(" ({})", quoted_list(&view.columns)) };
    let mut sql = vec![format!("CREATE {kind} {}{columns}{} AS\n{};", name.sql(), view_options(view), view.query)];
    for (index, definition) in &view.indexes {
        sql.push(create_index(name, index, definition, false));
        sql.extend(index_settings(name, index, definition));
    }
    sql.extend(change_view_grants(name, None, view));
    if view.comment.is_some() {
        sql.push(comment(kind, &name.sql(), view.comment.as_ref()));
    }
    for (column, text) in &view.column_comments {
        sql.push(view_column_comment(name, column, Some(text)));
    }
    sql.extend(view.column_defaults.iter().map(|(column, default)| view_column_default(name, column, Some(default))));
    sql.join("\n")
}

/// Returns the options of a view, with a leading blank; an empty text if it has none.
fn view_options(view: &View) -> String {
    let mut options = Vec::new();
    if view.security_invoker {
        options.push("security_invoker = true");
    }
    if view.security_barrier {
        options.push("security_barrier = true");
    }
    match view.check_option {
        CheckOption::None => {}
        CheckOption::Local => options.push("check_option = 'local'"),
        CheckOption::Cascaded => options.push("check_option = 'cascaded'"),
    }
    if view.materialized || options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) }
}

/// Returns the statement that sets the comment of a view's column.
pub fn view_column_comment(view: &ObjectName, column: &SqlName, text: Option<&Text>) -> String {
    comment("COLUMN", &format!("{}.{}", view.sql(), quoted(column)), text)
}

/// Returns the statement that sets or drops the default of a view's column.
pub fn view_column_default(view: &ObjectName, column: &SqlName, default: Option<&Expression>) -> String {
    let action = default.map_or_else(|| "DROP DEFAULT".to_owned(), |default| format!("SET DEFAULT ({default})"));
    format!("ALTER VIEW {} ALTER COLUMN {} {action};", view.sql(), quoted(column))
}

/// Returns the keyword of a view in CREATE, DROP and COMMENT.
pub fn view_kind(view: &View) -> &'static str {
    if view.materialized { "MATERIALIZED VIEW" } else { "VIEW" }
}

/// Returns the SQL that creates a function with its grants and comment.
pub fn create_function(name: &ObjectName, function: &Function) -> String {
    let mut sql = vec![function_definition(name, function, "CREATE")];
    if !function.is_callable_by_everyone() {
        sql.push(format!("REVOKE ALL ON {} FROM PUBLIC;", function_identity(name, function)));
        sql.extend(grants(function_kind(function), &function_signature(name, function), function.rights()));
    }
    if function.comment.is_some() {
        sql.push(comment(function_kind(function), &function_signature(name, function), function.comment.as_ref()));
    }
    sql.join("\n")
}

/// Returns the keyword of a function or procedure.
pub fn function_kind(function: &Function) -> &'static str {
    if function.procedure { "PROCEDURE" } else { "FUNCTION" }
}

/// Returns a function's name and argument types: `"public"."total"(integer)`.
pub fn function_signature(name: &ObjectName, function: &Function) -> String {
    let types: Vec<String> = match function.procedure {
        false => function.input_types().map(TypeName::sql).collect(),
        // The arguments that return values also identify a procedure.
        true => {
            let mode_and_type = |argument: &Argument| format!("{} {}", argument.mode.sql(), argument.kind.sql());
            function.arguments.iter().map(mode_and_type).collect()
        }
    };
    format!("{}({})", function.name_in_sql(name).sql(), types.join(", "))
}

/// Returns a function's keyword, name and argument types.
pub fn function_identity(name: &ObjectName, function: &Function) -> String {
    format!("{} {}", function_kind(function), function_signature(name, function))
}

/// Returns the definition of a function. It begins with `create`, which is `CREATE` or `CREATE OR REPLACE`.
pub fn function_definition(name: &ObjectName, function: &Function, create: &str) -> String {
    let arguments: Vec<String> = function
        .arguments
        .iter()
        .map(|argument| {
            let default = argument.default.as_ref().map_or(String::new(), |default| format!(" DEFAULT ({default})"));
            let mode = match argument.mode {
                ArgumentMode::In => String::new(),
                mode => format!("{} ", mode.sql()),
            };
            let name = argument.name.as_ref().map_or(String::new(), |name| format!("{} ", quoted(name)));
            format!("{mode}{name}{}{default}", argument.kind.sql())
        })
        .collect();
    let object = function.name_in_sql(name).sql();
    let mut sql = format!("{create} {} {object}({})", function_kind(function), arguments.join(", "));
    if let Some(returns) = &function.returns {
        sql += &format!("\n  RETURNS {returns}");
    }
    sql += &format!("\n  LANGUAGE {}", function.language.sql());
    if !function.procedure {
        sql += &format!(" {}", function.volatility.sql());
        if function.strict {
            sql += " STRICT";
        }
        if function.parallel != Parallel::default() {
            sql += &format!(" PARALLEL {}", function.parallel.sql());
        }
        for (keyword, estimate) in [("COST", function.cost), ("ROWS", function.rows)] {
            if let Some(estimate) = estimate {
                sql += &format!(" {keyword} {estimate}");
            }
        }
    }
    sql += if function.security_definer { " SECURITY DEFINER" } else { " SECURITY INVOKER" };
    for (setting, value) in &function.settings {
        // A search path is a list of names. In one pair of quotes it would be a single name.
        let names = value.as_str().split(',').map(str::trim);
        let values: Vec<String> = if setting.as_str() == "search_path" {
            names.map(|name| literal(&name_in_search_path(name))).collect()
        } else {
            vec![literal(value.as_str())]
        };
        let parts: Vec<String> = setting.as_str().split('.').map(quoted_if_needed).collect();
        sql += &format!("\n  SET {} = {}", parts.join("."), values.join(", "));
    }
    let body = function.body.as_str();
    if function.has_standard_body() {
        return sql + &format!("\n  {};", body.trim());
    }
    // The tag of the string is the first of `$body$`, `$body1$`, … that the body does not contain. It is
    // compared without its last `$`: a body that ends with `$body` would form the tag with the `$` that follows it.
    let tags = (0..).map(|i| if i == 0 { "$body$".to_owned() } else { format!("$body{i}$") });
    let tag = tags.into_iter().find(|tag| !body.contains(tag.trim_end_matches('$'))).unwrap_or_default();
    sql + &format!("\n  AS {tag}{body}{tag};")
}
