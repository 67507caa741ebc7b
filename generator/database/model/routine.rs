//! Objects that contain SQL of the user: views, functions, procedures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::*;
use crate::database::lexer;
use crate::values::{Checked, FunctionSetting};

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct View {
    pub query: Query,
    #[serde(default, skip_serializing_if = "is_default")]
    pub materialized: bool,
    /// Runs with the rights of the role that queries the view, so that row-level security applies; true by default.
    #[serde(default = "crate::values::yes", skip_serializing_if = "Clone::clone")]
    pub security_invoker: bool,
    /// Keeps conditions of the query that selects from the view from seeing rows that the view hides.
    #[serde(default, skip_serializing_if = "is_default")]
    pub security_barrier: bool,
    /// Refuses rows that are written through the view and that it would not show.
    #[serde(default, skip_serializing_if = "is_default")]
    pub check_option: CheckOption,
    /// Names of the columns; those of the query unless given.
    #[serde(default, skip_serializing_if = "is_default")]
    pub columns: Vec<SqlName>,
    /// Only for a materialised view.
    #[serde(default, skip_serializing_if = "is_default")]
    pub indexes: BTreeMap<SqlName, Index>,
    /// Not for a materialised view.
    #[serde(default, skip_serializing_if = "is_default")]
    pub triggers: BTreeMap<SqlName, Trigger>,
    /// Objects that the view needs, besides those that its text mentions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on: BTreeSet<ObjectName>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Grants<TablePrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grant_options: Grants<TablePrivilege>,
    /// Privileges on columns alone, by the names of the columns.
    #[serde(default, skip_serializing_if = "is_default")]
    pub column_grants: BTreeMap<SqlName, Grants<ColumnPrivilege>>,
    /// Privileges in `column_grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub column_grant_options: BTreeMap<SqlName, Grants<ColumnPrivilege>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
    /// Comments of columns, by the names of the columns.
    #[serde(default, skip_serializing_if = "is_default")]
    pub column_comments: BTreeMap<SqlName, Text>,
    /// Defaults for rows that are inserted through the view, by the names of the columns.
    #[serde(default, skip_serializing_if = "is_default")]
    pub column_defaults: BTreeMap<SqlName, Expression>,
}

impl View {
    /// Returns the privileges on a column.
    pub fn column_rights(&self, column: &SqlName) -> Rights<'_, ColumnPrivilege> {
        static NONE: Grants<ColumnPrivilege> = Grants::new();
        let grants = self.column_grants.get(column).unwrap_or(&NONE);
        Rights::new(grants, self.column_grant_options.get(column).unwrap_or(&NONE))
    }

    /// Removes the entries of columns on which no role has privileges.
    pub fn forget_empty_column_grants(&mut self) {
        self.column_grants.retain(|_, grants| !grants.is_empty());
        self.column_grant_options.retain(|_, grants| !grants.is_empty());
    }

    /// Returns the columns on which roles have privileges.
    pub fn granted_columns(&self) -> impl Iterator<Item = &SqlName> {
        self.column_grants.keys().chain(self.column_grant_options.keys())
    }
}

/// Whether rows that are written through a view must be visible in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckOption {
    #[default]
    None,
    /// In the view, but not in views that it uses.
    Local,
    /// In the view and in all views that it uses.
    Cascaded,
}

/// A function or procedure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Function {
    /// The name, if another function has the same name and other arguments; the key otherwise.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<SqlName>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub procedure: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub arguments: Vec<Argument>,
    /// A type, `trigger`, `SETOF orders` or `TABLE (id bigint)`; none for a procedure. With arguments that return values,
    /// only `SETOF` with a type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub returns: Option<Returns>,
    pub language: FunctionLanguage,
    /// The text between the quotes or, in SQL, `RETURN …` or `BEGIN ATOMIC … END`, which are not quoted.
    pub body: Body,
    #[serde(default, skip_serializing_if = "is_default")]
    pub volatility: Volatility,
    /// Whether parallel workers can run the function.
    #[serde(default, skip_serializing_if = "is_default")]
    pub parallel: Parallel,
    /// Estimated cost of a call, in operations of a processor; 100 by default. Not for a procedure.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cost: Option<u32>,
    /// Estimated number of returned rows; 1000 by default.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rows: Option<u32>,
    /// Returns NULL for a NULL argument.
    #[serde(default, skip_serializing_if = "is_default")]
    pub strict: bool,
    /// Runs with the rights of its owner; needs `settings.search_path`, and only roles in `grants` may call the
    /// function.
    #[serde(default, skip_serializing_if = "is_default")]
    pub security_definer: bool,
    /// Only its owner and roles in `grants` may call the function, also if there are no such roles.
    #[serde(default, skip_serializing_if = "is_default")]
    pub private: bool,
    /// Settings that apply while the function runs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub settings: BTreeMap<FunctionSetting, Text>,
    /// Objects that the function needs, besides those that its text mentions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on: BTreeSet<ObjectName>,
    /// Roles that may call the function. If empty, everyone may call it, unless it is `private` or runs with the rights of its owner.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Grants<FunctionPrivilege>,
    /// Privileges in `grants` that the role may grant to others.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grant_options: Grants<FunctionPrivilege>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub comment: Option<Text>,
}

/// Returns candidates for a name in the schema of a key: `total`, `total_2`, `total_3` … for the text `total` and the
/// separator `_`. A name that is too long is shortened before its ending.
pub fn numbered_names(key: &ObjectName, text: &str, separator: char) -> impl Iterator<Item = ObjectName> {
    (1_usize..).map(move |number| {
        let ending = if number == 1 { String::new() } else { format!("{separator}{number}") };
        let shortened = prefix(text, LONGEST_NAME - ending.len());
        key.in_same_schema(&SqlName::truncated(&format!("{shortened}{ending}")))
    })
}

impl Function {
    /// Returns the schema and name of the function with this key.
    pub fn name_in_sql(&self, key: &ObjectName) -> ObjectName {
        self.name.as_ref().map_or_else(|| key.clone(), |name| key.in_same_schema(name))
    }

    /// Returns the name of the function with this key, without its schema.
    pub fn unqualified_name<'a>(&'a self, key: &'a ObjectName) -> &'a str {
        self.name.as_ref().map_or_else(|| key.name(), SqlName::as_str)
    }

    /// Returns whether the function with the key `key` has the schema and name `name`.
    pub(super) fn has_name(&self, key: &ObjectName, name: &ObjectName) -> bool {
        match &self.name {
            None => key == name,
            Some(unqualified) => unqualified.as_str() == name.name() && key.schema() == name.schema(),
        }
    }

    /// Returns whether a call could mean both functions: they have the same name and arguments.
    pub fn is_same_routine(&self, key: &ObjectName, other: &Function, other_key: &ObjectName) -> bool {
        self.name_in_sql(key) == other.name_in_sql(other_key) && self.has_input_types(other.input_types())
    }

    /// Returns whether the arguments that a call gives have these types. The server ignores the modifiers of the types.
    pub fn has_input_types<'a>(&self, types: impl Iterator<Item = &'a TypeName>) -> bool {
        self.input_types().map(TypeName::without_modifiers).eq(types.map(TypeName::without_modifiers))
    }

    /// Returns whether the body has the form of the SQL standard. The server parses such a body when it creates the
    /// function, and records the objects that the body uses.
    pub fn has_standard_body(&self) -> bool {
        self.language == FunctionLanguage::Sql && self.body.is_standard()
    }

    /// Returns the grants or, if everyone may call the function without a grant, the privilege of everyone to do so.
    pub fn effective_grants(&self) -> Grants<FunctionPrivilege> {
        match self.is_callable_by_everyone() {
            true => Grants::from([(SqlIdent::wrap(PUBLIC_ROLE.into()), [FunctionPrivilege::Execute].into())]),
            false => self.grants.clone(),
        }
    }

    /// Returns the types of the arguments that a call gives, which identify the function.
    pub fn input_types(&self) -> impl Iterator<Item = &TypeName> {
        let inputs = self.arguments.iter().filter(|argument| argument.mode != ArgumentMode::Out);
        inputs.map(|argument| &argument.kind)
    }

    /// Returns whether the server derives the result from arguments that return values.
    pub fn returns_arguments(&self) -> bool {
        self.arguments.iter().any(Argument::is_returned)
    }

    /// Returns whether everyone may call the function without a grant.
    pub fn is_callable_by_everyone(&self) -> bool {
        self.grants.is_empty() && !self.security_definer && !self.private
    }
}

/// Returns the name of a schema in a search path as the server stores it. There, a name needs no double quotes, and may
/// have them.
pub fn name_in_search_path(name: &str) -> Cow<'_, str> {
    let is_quoted = name.starts_with('"') && lexer::end_of_quoted(name) == Some(name.len());
    if is_quoted { lexer::unquoted_name(name) } else { name.into() }
}

impl Schema {
    /// Returns the names of functions in PL/pgSQL whose results can change: those of which no variant is immutable or
    /// written in SQL. The server replaces a call of a function in SQL by its body, and judges the body.
    pub fn changing_functions(&self) -> BTreeSet<String> {
        let is_changing = |function: &Function| {
            function.language == FunctionLanguage::Plpgsql && function.volatility != Volatility::Immutable
        };
        let (changing, unchanging): (Vec<_>, Vec<_>) =
            self.functions.iter().partition(|(_, function)| is_changing(function));
        let names = |functions: Vec<(&ObjectName, &Function)>| -> BTreeSet<String> {
            functions.into_iter().map(|(key, function)| function.unqualified_name(key).to_owned()).collect()
        };
        &names(changing) - &names(unchanging)
    }
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Argument {
    /// An argument without a name is given by its position only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: Option<SqlName>,
    #[serde(rename = "type")]
    pub kind: TypeName,
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: ArgumentMode,
    #[serde(default, skip_serializing_if = "is_default")]
    pub default: Option<Expression>,
}

/// The direction in which an argument passes values.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ArgumentMode {
    #[default]
    In,
    Out,
    InOut,
    /// Any number of values, as an array.
    Variadic,
}

impl ArgumentMode {
    pub fn sql(self) -> &'static str {
        match self {
            ArgumentMode::In => "IN",
            ArgumentMode::Out => "OUT",
            ArgumentMode::InOut => "INOUT",
            ArgumentMode::Variadic => "VARIADIC",
        }
    }
}

impl Argument {
    /// Returns whether a call returns the argument.
    pub fn is_returned(&self) -> bool {
        matches!(self.mode, ArgumentMode::Out | ArgumentMode::InOut)
    }
}

/// The language of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FunctionLanguage {
    Sql,
    Plpgsql,
}

impl FunctionLanguage {
    pub fn sql(self) -> &'static str {
        match self {
            FunctionLanguage::Sql => "sql",
            FunctionLanguage::Plpgsql => "plpgsql",
        }
    }
}

/// The inputs on which the result of a function depends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Volatility {
    #[default]
    Volatile,
    Stable,
    Immutable,
}

impl Volatility {
    pub fn sql(self) -> &'static str {
        match self {
            Volatility::Volatile => "VOLATILE",
            Volatility::Stable => "STABLE",
            Volatility::Immutable => "IMMUTABLE",
        }
    }
}

/// The processes of a parallel query in which a function may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Parallel {
    #[default]
    Unsafe,
    /// In the leading process only.
    Restricted,
    Safe,
}

impl Parallel {
    pub fn sql(self) -> &'static str {
        match self {
            Parallel::Unsafe => "UNSAFE",
            Parallel::Restricted => "RESTRICTED",
            Parallel::Safe => "SAFE",
        }
    }
}
