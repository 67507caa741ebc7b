//! Functions and procedures.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::take_mode;
use super::reader::{GrantObject, Reader};
use super::tree::{
    AtNode, Parsed, Parts, expression, ident, leading_keywords, number, object_name, string_content, summary, tokens,
    type_name, unsupported, without_comments,
};
use super::{tree, view};
use crate::database::identifiers::mentioned_names;
use crate::database::lexer;
use crate::database::model::*;
use crate::values::{Checked, FunctionSetting, Text};

impl Reader {
    /// Reads CREATE FUNCTION or CREATE PROCEDURE.
    pub(super) fn create_function(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let is_procedure = node.kind() == CREATE_PROCEDURE;
        let or_replace = parts.take_node(OR_REPLACE).is_some();
        let name = object_name(&parts.require(if is_procedure { PROCEDURE_NAME } else { FUNCTION_NAME })?)?;
        self.object_in_messages = format!("the function {name}");
        let arguments = read_arguments(&parts.require(PARAM_LIST)?)?;
        let returns = parts.take_node(RET_TYPE).map(|kind| return_type(&kind)).transpose()?;
        let mut options = parts.take_node(FUNC_OPTION_LIST).map_or_else(|| Parts::none(node), |list| Parts::of(&list));
        let mut function = Function {
            name: None,
            procedure: is_procedure,
            arguments,
            returns,
            language: take_language(&mut options).at(node)?,
            // A placeholder until the options have been read.
            body: Body::wrap(String::new()),
            volatility: Volatility::Volatile,
            parallel: Parallel::default(),
            cost: None,
            rows: None,
            strict: false,
            security_definer: false,
            private: false,
            settings: Default::default(),
            depends_on: Default::default(),
            grants: Default::default(),
            grant_options: Default::default(),
            comment: None,
        };
        take_options(&mut function, &mut options)?;
        function.body = match parts.take_node(RETURN_STMT).or_else(|| parts.take_node(ATOMIC_BODY)) {
            Some(body) => self.standard_body(&body, function.returns.as_ref())?,
            None => take_body(&mut options, node)?,
        };
        options.refuse_rest_except("")?;
        parts.refuse_rest_except("CREATE FUNCTION PROCEDURE ;")?;
        if function.returns.as_ref().is_some_and(|returns| is_implied(returns, &function.arguments)) {
            function.returns = None;
        }
        self.insert_function((name, function), or_replace, node)
    }

    /// Adds a function to the schema, or replaces the one with the same name and arguments.
    fn insert_function(
        &mut self,
        (name, mut function): (ObjectName, Function),
        or_replace: bool,
        node: &SyntaxNode,
    ) -> Parsed<()> {
        let argument_types: Vec<TypeName> = function.input_types().cloned().collect();
        let key = match self.key_of_function(&name, Some(&argument_types)) {
            Some(_) if !or_replace => {
                return unsupported(node, "there is already a function with this name and these arguments");
            }
            Some(key) => {
                // OR REPLACE keeps the comment. The earlier declaration is forgotten, since this one would count as a
                // duplicate. Grants need no change: they are resolved after the whole file.
                let earlier = &self.schema.functions[&key];
                function.comment.clone_from(&earlier.comment);
                function.name.clone_from(&earlier.name);
                self.declared_at.remove(&format!("functions.{key}"));
                key
            }
            None => self.key_for_overload(&name, &mut function).at(node)?,
        };
        self.record_declaration("functions", key.as_str(), node)?;
        if self.schema.functions.insert(key.clone(), function).is_none() {
            self.grant_defaults(&GrantObject::Function(key), name.schema(), node);
        }
        Ok(())
    }
}

impl Reader {
    /// Reads a body that is SQL and not a string: `RETURN …` or `BEGIN ATOMIC … END`.
    fn standard_body(&self, node: &SyntaxNode, returns: Option<&Returns>) -> Parsed<Body> {
        let mentions_table = |returns: &Returns| {
            let mut names = mentioned_names(returns.as_str());
            names.any(|name| self.schema.tables.keys().any(|table| table.name() == name))
        };
        // The order of a table's columns is not part of a definition, so a list of columns cannot replace a row of the
        // table.
        if view::selects_all(node) && returns.is_some_and(mentions_table) {
            let what = "nself cannot represent `*` as the row of a table in a body without quotes; write the body between `$$`";
            return unsupported(node, what);
        }
        let text = self.text_without_stars(node)?;
        Body::new(text.trim_end_matches(';').trim_end()).map_err(|reason| format!("its body: {reason}")).at(node)
    }

    /// Reads ALTER FUNCTION, ALTER PROCEDURE or ALTER ROUTINE.
    pub(super) fn alter_function(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let signature = parts.take_any()?;
        let renames = [FUNCTION_RENAME_TO, PROCEDURE_RENAME_TO, ROUTINE_RENAME_TO];
        if let Some(action) = renames.into_iter().find_map(|kind| parts.take_node(kind)) {
            self.object_in_messages = summary(node);
            self.rename_function(&signature, &action)?;
            return parts.refuse_rest_except("ALTER FUNCTION PROCEDURE ROUTINE ;");
        }
        if let Some(action) = parts.take_node(SET_SCHEMA) {
            self.object_in_messages = summary(node);
            self.move_function(&signature, &action)?;
            return parts.refuse_rest_except("ALTER FUNCTION PROCEDURE ROUTINE ;");
        }
        let Some(list) = parts.take_node(FUNC_OPTION_LIST) else { return self.alter_owner(node) };
        self.object_in_messages = summary(node);
        let mut options = Parts::of(&list);
        take_options(self.function_of_signature(&signature)?, &mut options)?;
        options.refuse_rest_except("")?;
        parts.refuse_rest_except("ALTER FUNCTION PROCEDURE ROUTINE RESTRICT ;")
    }
}

/// Returns whether the result type follows from the arguments that return values, such as OUT arguments: it is the type
/// of the only such argument, or `record` for several.
fn is_implied(returns: &Returns, arguments: &[Argument]) -> bool {
    let output_arguments: Vec<&Argument> = arguments.iter().filter(|argument| argument.is_returned()).collect();
    match output_arguments.as_slice() {
        [] => false,
        [argument] => TypeName::new(returns.as_str()).is_ok_and(|kind| kind == argument.kind),
        _ => returns.as_str().eq_ignore_ascii_case("record"),
    }
}

/// Reads the arguments of a function.
fn read_arguments(node: &SyntaxNode) -> Parsed<Vec<Argument>> {
    use SyntaxKind::*;
    let mut list = Parts::of(node);
    let mut arguments = Vec::new();
    for param in list.take_all(PARAM) {
        let mut parts = Parts::of(&param);
        let mode = take_mode(&mut parts);
        let name = parts.take_node(PARAM_NAME).map(|name| ident(&name)).transpose()?;
        let Some(kind) = parts.take_type() else {
            return unsupported(&param, format!("nself cannot represent `{}`", leading_keywords(&param)));
        };
        let kind = type_name(&kind)?;
        let default = match parts.take_node(PARAM_DEFAULT) {
            Some(clause) => Some(expression(&Parts::of(&clause).take_any()?)?),
            None => None,
        };
        parts.refuse_rest_except("")?;
        arguments.push(Argument { name, kind, mode, default });
    }
    list.refuse_rest_except("( ) ,")?;
    Ok(arguments)
}

/// Reads the number of COST or ROWS; `None` for the server's default.
fn read_estimate(option: &SyntaxNode, default: u32) -> Parsed<Option<u32>> {
    let value = number(&Parts::of(option).take_any()?)?;
    let value = u32::try_from(value).map_err(|_| "a whole number of at most 32 bits is expected".to_owned());
    Ok(Some(value.at(option)?).filter(|value| *value != default))
}

/// Takes LANGUAGE from the options of a function. A function without the option is in SQL.
fn take_language(options: &mut Parts) -> Result<FunctionLanguage, String> {
    let name = match options.take_node(SyntaxKind::LANGUAGE_FUNC_OPTION) {
        None => "sql".to_owned(),
        Some(option) => {
            let word = tokens(&option).last().map(|token| tree::folded_name(&token)).unwrap_or_default();
            word.trim_matches('\'').to_ascii_lowercase()
        }
    };
    match name.as_str() {
        "sql" => Ok(FunctionLanguage::Sql),
        "plpgsql" => Ok(FunctionLanguage::Plpgsql),
        _ => Err(format!("nself cannot represent the language {name}")),
    }
}

/// Takes the options of a function, apart from its language and body.
fn take_options(function: &mut Function, options: &mut Parts) -> Parsed<()> {
    use SyntaxKind::*;
    for (kind, volatility) in
        [(STABLE, Volatility::Stable), (IMMUTABLE, Volatility::Immutable), (VOLATILE, Volatility::Volatile)]
    {
        if options.take_node(kind).is_some() {
            function.volatility = volatility;
        }
    }
    for (kind, strict) in [
        (STRICT_FUNC_OPTION, true),
        (RETURNS_NULL_ON_NULL_INPUT_FUNC_OPTION, true),
        (CALLED_ON_NULL_INPUT_FUNC_OPTION, false),
    ] {
        if options.take_node(kind).is_some() {
            function.strict = strict;
        }
    }
    for (kind, security_definer) in [(SECURITY_DEFINER_FUNC_OPTION, true), (SECURITY_INVOKER_FUNC_OPTION, false)] {
        if options.take_node(kind).is_some() {
            function.security_definer = security_definer;
        }
    }
    // NOT LEAKPROOF is the default, so it is ignored.
    options.take_node(NOT_LEAKPROOF_FUNC_OPTION);
    for option in options.take_all(PARALLEL_FUNC_OPTION) {
        let word = tokens(&option).last().map(|token| token.text().to_ascii_uppercase()).unwrap_or_default();
        let values = [Parallel::Unsafe, Parallel::Restricted, Parallel::Safe];
        match values.into_iter().find(|parallel| parallel.sql() == word) {
            Some(parallel) => function.parallel = parallel,
            None => return unsupported(&option, "nself cannot represent this value of `PARALLEL`"),
        }
    }
    if let Some(option) = options.take_node(COST_FUNC_OPTION) {
        function.cost = read_estimate(&option, 100)?;
    }
    if let Some(option) = options.take_node(ROWS_FUNC_OPTION) {
        function.rows = read_estimate(&option, 1000)?;
    }
    for option in options.take_all(RESET_FUNC_OPTION) {
        match Parts::of(&option).take_node(CONFIG_PARAMETER_REF) {
            Some(reference) => {
                function.settings.remove(&setting_name(&reference)?);
            }
            None => function.settings.clear(),
        }
    }
    for option in options.take_all(SET_FUNC_OPTION) {
        let (setting, value) = read_setting(&option)?;
        function.settings.insert(setting, value);
    }
    Ok(())
}

/// Takes the body of a function, a string after AS, from its options.
fn take_body(options: &mut Parts, node: &SyntaxNode) -> Parsed<Body> {
    let Some(option) = options.take_node(SyntaxKind::AS_FUNC_OPTION) else {
        return unsupported(node, "the function has no body");
    };
    let mut definition = Parts::of(&Parts::of(&option).require(SyntaxKind::AS_DEFINITION)?);
    let text = string_content(&definition.require(SyntaxKind::LITERAL)?)?;
    definition.refuse_rest_except("")?;
    Body::new(&text).map_err(|reason| format!("its body: {reason}")).at(&option)
}

/// Reads the type after RETURNS, such as `SETOF orders`, with single blanks between its words.
fn return_type(node: &SyntaxNode) -> Parsed<Returns> {
    let text = without_comments(&node.text().to_string());
    let text = text.get("returns".len()..).unwrap_or_default().trim();
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let mut text = words.join(" ");
    if ["trigger", "pg_catalog.trigger"].contains(&text.to_ascii_lowercase().as_str()) {
        text = "trigger".into();
    }
    Returns::new(&text).map_err(|reason| format!("its return type: {reason}")).at(node)
}

/// Reads the name of a setting. Names of settings are case-insensitive, and the server prints some of them with upper case,
/// such as `DateStyle`, and those with a dot in one pair of quotes.
fn setting_name(reference: &SyntaxNode) -> Parsed<FunctionSetting> {
    let text = without_comments(&reference.text().to_string());
    let tokens = lexer::tokens(&text).unwrap_or_default();
    let names = tokens.iter().map(|token| match token.text.starts_with('"') {
        true => lexer::unquoted_name(token.text),
        false => token.text.into(),
    });
    FunctionSetting::new(&names.collect::<String>().to_ascii_lowercase()).at(reference)
}

/// Reads `SET name = value` of a function. Several values are joined by `, `.
fn read_setting(node: &SyntaxNode) -> Parsed<(FunctionSetting, Text)> {
    let mut clause_parts = Parts::of(node);
    let mut parts = Parts::of(&clause_parts.require(SyntaxKind::SET_CONFIG_PARAM)?);
    clause_parts.refuse_rest_except("")?;
    let reference = parts.require(SyntaxKind::CONFIG_PARAMETER_REF)?;
    let name = setting_name(&reference)?;
    let mut values = Vec::new();
    for value in Parts::of(&parts.require(SyntaxKind::TO_CONFIG_VALUE)?).take_rest() {
        values.push(if value.kind() == SyntaxKind::LITERAL && value.text().to_string().starts_with('\'') {
            string_content(&value)?
        } else {
            match without_comments(&value.text().to_string()) {
                name if name.starts_with('"') => lexer::unquoted_name(&name).into_owned(),
                word => word,
            }
        });
    }
    parts.refuse_rest_except("SET")?;
    if name.as_str() == "search_path" && values.iter().any(|value| value.contains(',')) {
        return unsupported(node, "nself cannot represent a search path with a comma in the name of a schema");
    }
    let text = Text::new(&values.join(", ")).at(node)?;
    Ok((name, text))
}
