//! Checks bodies in PL/pgSQL as the server does when it creates the function: declarations, variables that statements assign,
//! RETURN, EXIT and RAISE. The SQL inside is left to the server.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::ast::{AstNode, Literal, Type};
use squawk_syntax::{SyntaxElement, SyntaxKind, SyntaxNode};

use super::Check;
use super::function_result::FunctionResult;
use super::query_output::outputs;
use super::query_scope::{child, last_name};
use crate::database::identifiers::name_of_token;
use crate::database::lexer::{self, TokenKind};
use crate::database::model::*;
use crate::database::plpgsql_body::read_body;
use crate::diagnostic::{Code, FieldPath};
use crate::values::Checked;
use crate::words;

/// Variables of functions of triggers.
const OF_TRIGGERS: [&str; 12] = [
    "new",
    "old",
    "tg_argv",
    "tg_level",
    "tg_name",
    "tg_nargs",
    "tg_op",
    "tg_relid",
    "tg_relname",
    "tg_table_name",
    "tg_table_schema",
    "tg_when",
];
/// Variables of functions of event triggers.
const OF_EVENT_TRIGGERS: [&str; 2] = ["tg_event", "tg_tag"];

/// A block, loop or function: its label, and its variables, each with whether it is constant.
struct Block {
    label: Option<String>,
    is_loop: bool,
    variables: BTreeMap<String, bool>,
}

/// A message, a hint, and the byte offset in the body.
type Fault = (usize, String, String);

/// The blocks around a statement, outermost first, what the function returns, and the faults so far.
struct Reader {
    blocks: Vec<Block>,
    returns: Returned,
    /// The declared types of variables, with their offsets.
    types: Vec<(usize, TypeName)>,
    /// Whether RETURN QUERY lists several columns.
    lists_columns: bool,
    faults: Vec<Fault>,
}

/// What RETURN may have in a function.
struct Returned {
    is_procedure: bool,
    is_set: bool,
    is_void: bool,
    /// Whether arguments or columns of TABLE are the result.
    has_outputs: bool,
}

impl Reader {
    fn add_fault(&mut self, node: &SyntaxNode, message: impl Into<String>, hint: impl Into<String>) {
        self.faults.push((node.text_range().start().into(), message.into(), hint.into()));
    }

    fn read_block(&mut self, node: &SyntaxNode) {
        use SyntaxKind::*;
        let label = child(node, PLPGSQL_LABEL).and_then(|label| last_name(&label));
        self.blocks.push(Block { label, is_loop: false, variables: BTreeMap::new() });
        for section in node.children().filter(|part| part.kind() == PLPGSQL_DECLARE_SECTION) {
            section.children().for_each(|declaration| self.read_declaration(&declaration));
        }
        for part in node.children() {
            match part.kind() {
                PLPGSQL_BODY => self.read_body(&part),
                PLPGSQL_EXCEPTION_SECTION => {
                    let errors = ["sqlerrm", "sqlstate"].map(|name| (name.to_owned(), true));
                    self.blocks.push(Block { label: None, is_loop: false, variables: errors.into() });
                    for handler in part.children().filter_map(|handler| child(&handler, PLPGSQL_BODY)) {
                        self.read_body(&handler);
                    }
                    self.blocks.pop();
                }
                _ => {}
            }
        }
        self.blocks.pop();
    }

    fn read_declaration(&mut self, node: &SyntaxNode) {
        use SyntaxKind::*;
        let Some(name) = child(node, PLPGSQL_VAR_NAME).and_then(|name| variable_name(&name)) else { return };
        let has_token = |kind: SyntaxKind| {
            node.children_with_tokens().filter_map(SyntaxElement::into_token).any(|token| token.kind() == kind)
        };
        if let Some(target) = child(node, PLPGSQL_ALIAS_TARGET)
            && let Some(names) = path_of(&target)
        {
            self.check_assigned(&target, &names);
        }
        if child(node, PLPGSQL_NOT_NULL).is_some() && child(node, PLPGSQL_VAR_INIT).is_none() {
            let message = format!("the variable `{name}` is NOT NULL, but has no value");
            self.add_fault(node, message, "give it a value with `:=`, or remove NOT NULL");
        }
        let kind = node.children().find(|part| Type::can_cast(part.kind()));
        if let Some(kind) = kind.filter(|kind| !kind.text().to_string().contains('%'))
            && let Ok(name) = TypeName::new(&kind.text().to_string())
        {
            self.types.push((kind.text_range().start().into(), name));
        }
        let is_constant = has_token(CONSTANT_KW);
        let block = self.blocks.last_mut();
        if block.is_some_and(|block| block.variables.insert(name.clone(), is_constant).is_some()) {
            self.add_fault(node, format!("the block declares `{name}` twice"), "rename one of the two");
        }
    }

    fn read_body(&mut self, body: &SyntaxNode) {
        body.children().for_each(|statement| self.read_statement(&statement));
    }

    fn read_statement(&mut self, node: &SyntaxNode) {
        use SyntaxKind::*;
        match node.kind() {
            PLPGSQL_BLOCK => self.read_block(node),
            PLPGSQL_LOOP_STMT
            | PLPGSQL_WHILE_STMT
            | PLPGSQL_FOR_I_STMT
            | PLPGSQL_FOR_CURSOR_STMT
            | PLPGSQL_FOR_DYN_STMT
            | PLPGSQL_FOR_QUERY_STMT
            | PLPGSQL_FOR_EACH_STMT => self.read_loop(node),
            PLPGSQL_EXIT_STMT | PLPGSQL_CONTINUE_STMT => self.check_exit(node),
            PLPGSQL_RAISE_STMT => self.check_raise(node),
            PLPGSQL_RETURN_STMT => self.check_return(node),
            PLPGSQL_RETURN_NEXT_STMT => self.check_return_next(node),
            PLPGSQL_RETURN_QUERY_STMT | PLPGSQL_RETURN_QUERY_EXECUTE_STMT => {
                self.require_set(node, "RETURN QUERY");
                let outputs = node.children().find_map(|query| outputs(&query));
                self.lists_columns |= outputs.is_some_and(|outputs| outputs.len() > 1);
            }
            ERROR => self.check_into(node),
            kind => {
                for part in node.children() {
                    match part.kind() {
                        PLPGSQL_BODY => self.read_body(&part),
                        PLPGSQL_ASSIGN_TARGET if kind == PLPGSQL_ASSIGN_STMT => self.check_target(&part),
                        PLPGSQL_DIAG_TARGET | PLPGSQL_INTO_TARGET => self.check_target(&part),
                        PLPGSQL_CURSOR_VARIABLE_REF => self.check_cursor(&part),
                        PLPGSQL_INTO_CLAUSE
                        | PLPGSQL_INTO_TARGET_LIST
                        | PLPGSQL_DIAG_ITEM_LIST
                        | PLPGSQL_DIAG_ITEM
                        | PLPGSQL_ELSIF_CLAUSE
                        | PLPGSQL_ELSE_CLAUSE
                        | PLPGSQL_CASE_WHEN => self.read_statement(&part),
                        _ => {}
                    }
                }
            }
        }
    }

    fn read_loop(&mut self, node: &SyntaxNode) {
        use SyntaxKind::*;
        let label = child(node, PLPGSQL_LABEL).and_then(|label| last_name(&label));
        let targets: Vec<SyntaxNode> = node.children().filter(|part| part.kind() == PLPGSQL_FOR_VARIABLE).collect();
        // A loop over numbers or over a cursor declares its variable.
        let declares = matches!(node.kind(), PLPGSQL_FOR_I_STMT | PLPGSQL_FOR_CURSOR_STMT);
        let names = targets.iter().filter(|_| declares).filter_map(|target| path_of(target)?.into_iter().next());
        let variables = names.map(|name| (name, false)).collect();
        if !declares {
            targets.iter().for_each(|target| self.check_target(target));
        }
        self.blocks.push(Block { label, is_loop: true, variables });
        node.children().filter(|part| part.kind() == PLPGSQL_BODY).for_each(|body| self.read_body(&body));
        self.blocks.pop();
    }

    /// Reports a variable that a statement assigns and that is not declared.
    fn check_target(&mut self, target: &SyntaxNode) {
        if let Some(names) = path_of(target) {
            self.check_assigned(target, &names);
        }
    }

    fn check_cursor(&mut self, cursor: &SyntaxNode) {
        if let Some(name) = variable_name(cursor) {
            self.check_assigned(cursor, &[name]);
        }
    }

    /// Reports a name that no variable around a statement has. After the label of a block, a variable of it follows.
    fn check_assigned(&mut self, node: &SyntaxNode, names: &[String]) {
        let [first, rest @ ..] = names else { return };
        let variable = self.blocks.iter().rev().find_map(|block| block.variables.get(first)).copied();
        let labelled = self.blocks.iter().rev().find(|block| block.label.as_ref() == Some(first));
        match (variable, labelled, rest) {
            (Some(true), _, []) => {
                let message = format!("the variable `{first}` is constant");
                self.add_fault(node, message, "remove CONSTANT, or assign a different variable");
            }
            (Some(_), ..) => {}
            (None, Some(block), [second, ..]) if block.variables.contains_key(second) => {}
            _ => {
                let declared = self.blocks.iter().flat_map(|block| block.variables.keys()).map(String::as_str);
                let hint = words::suggestion_or(first, declared, "declare it between DECLARE and BEGIN");
                self.add_fault(node, format!("there is no variable `{}`", names.join(".")), hint);
            }
        }
    }

    /// Reports variables after INTO in a statement of SQL, which the parser leaves as text.
    fn check_into(&mut self, statement: &SyntaxNode) {
        let text = statement.text().to_string();
        let mut tokens = lexer::tokens(&text).unwrap_or_default();
        tokens.retain(|token| token.kind != TokenKind::Comment);
        let is_word = |at: usize, words: &[&str]| {
            tokens.get(at).is_some_and(|token| words.iter().any(|word| token.text.eq_ignore_ascii_case(word)))
        };
        if is_word(0, &["import"]) {
            return;
        }
        let into = (1..tokens.len()).find(|at| is_word(*at, &["into"]) && !is_word(at - 1, &["insert", "merge"]));
        let Some(into) = into else { return };
        let mut at = into + 1 + usize::from(is_word(into + 1, &["strict"]));
        loop {
            let name_at = |at: usize| tokens.get(at).and_then(name_of_token).map(Cow::into_owned);
            let mut names: Vec<String> = name_at(at).into_iter().collect();
            while is_word(at + 1, &["."]) {
                at += 2;
                names.extend(name_at(at));
            }
            self.check_assigned(statement, &names);
            if !is_word(at + 1, &[","]) {
                return;
            }
            at += 2;
        }
    }

    /// Reports EXIT and CONTINUE outside of loops, and labels of no block around them.
    fn check_exit(&mut self, node: &SyntaxNode) {
        let is_exit = node.kind() == SyntaxKind::PLPGSQL_EXIT_STMT;
        let word = if is_exit { "EXIT" } else { "CONTINUE" };
        let mut loops = self.blocks.iter().filter(|block| block.is_loop);
        match child(node, SyntaxKind::PLPGSQL_LABEL_NAME_REF).and_then(|label| last_name(&label)) {
            None if loops.next().is_none() => {
                self.add_fault(node, format!("{word} is outside of a loop"), "remove it, or use RETURN");
            }
            Some(label) => {
                let has_label = |block: &Block| block.label.as_ref() == Some(&label) && (is_exit || block.is_loop);
                // The label of the function is not the label of a block.
                if !self.blocks.iter().skip(1).any(has_label) {
                    let message = format!("{word} names `{label}`, and no loop around it has this label");
                    self.add_fault(node, message, format!("write `<<{label}>>` before the loop"));
                }
            }
            None => {}
        }
    }

    /// Reports a RAISE whose message has more or fewer places than values follow.
    fn check_raise(&mut self, node: &SyntaxNode) {
        let message = child(node, SyntaxKind::PLPGSQL_RAISE_MESSAGE);
        let literal = message.and_then(|message| child(&message, SyntaxKind::LITERAL)).and_then(Literal::cast);
        // An escape such as `\x25` in `E'…'` is a `%`, too.
        let Some(text) = literal.and_then(|literal| literal.string_value()) else { return };
        let places = text.replace("%%", "").matches('%').count();
        let values = node.children().filter(|part| part.kind() == SyntaxKind::PLPGSQL_EXPR).count();
        if places != values {
            let message = format!("the message of RAISE has {places} `%`, but {values} values follow it");
            self.add_fault(node, message, "write one value for each `%`; `%%` is a percent sign");
        }
    }

    fn check_return(&mut self, node: &SyntaxNode) {
        let has_value = child(node, SyntaxKind::PLPGSQL_EXPR).is_some();
        let Returned { is_procedure, is_set, is_void, has_outputs } = self.returns;
        let (message, hint) = match has_value {
            true if is_set => {
                ("RETURN with a value is for functions that return one", "use RETURN NEXT or RETURN QUERY")
            }
            true if has_outputs => {
                ("RETURN has a value, but arguments are the result", "assign the arguments, and write `RETURN;`")
            }
            true if is_procedure => ("RETURN has a value, but a procedure returns none", "write `RETURN;`"),
            true if is_void => {
                ("RETURN has a value, but the function returns none", "write `RETURN;`, or correct `returns`")
            }
            false if !(is_set || has_outputs || is_procedure || is_void) => {
                ("RETURN has no value, but the function returns one", "write the value after RETURN")
            }
            _ => return,
        };
        self.add_fault(node, message, hint);
    }

    fn check_return_next(&mut self, node: &SyntaxNode) {
        let has_value = child(node, SyntaxKind::PLPGSQL_EXPR).is_some();
        if !self.returns.is_set {
            self.require_set(node, "RETURN NEXT");
        } else if has_value && self.returns.has_outputs {
            let message = "RETURN NEXT has a value, but arguments or columns of TABLE are the result";
            self.add_fault(node, message, "assign them, and write `RETURN NEXT;`");
        } else if !has_value && !self.returns.has_outputs {
            self.add_fault(node, "RETURN NEXT has no value", "write the value after RETURN NEXT");
        }
    }

    fn require_set(&mut self, node: &SyntaxNode, words: &str) {
        if !self.returns.is_set {
            let message = format!("{words} is for functions that return rows");
            self.add_fault(node, message, "use `SETOF` or `TABLE (…)` in `returns`, or RETURN with one value");
        }
    }
}

/// Returns the name of a variable as the server stores it, or a parameter such as `$1`.
fn variable_name(node: &SyntaxNode) -> Option<String> {
    let text = node.text().to_string();
    if text.trim().starts_with('$') { Some(text.trim().to_owned()) } else { last_name(node) }
}

/// Returns the names of an assigned variable with its dots; `None` if they cannot be read.
fn path_of(target: &SyntaxNode) -> Option<Vec<String>> {
    use SyntaxKind::{FIELD_ACCESSOR, INDEX_ACCESSOR, PATH_REF, SLICE_ACCESSOR};
    if let Some(path) = child(target, PATH_REF) {
        return Some(vec![variable_name(&path)?]).filter(|_| !path.text().to_string().contains('.'));
    }
    let is_index = |part: &SyntaxNode| matches!(part.kind(), INDEX_ACCESSOR | SLICE_ACCESSOR);
    let parts = target.children().filter(|part| !is_index(part));
    parts.map(|part| if part.kind() == FIELD_ACCESSOR { last_name(&part) } else { variable_name(&part) }).collect()
}

/// Returns the block around the body: the function with its arguments and the variables that the server declares.
fn outermost_block(name: &ObjectName, function: &Function, result: &FunctionResult) -> Block {
    let mut variables: BTreeSet<String> = BTreeSet::from(["found".to_owned()]);
    // A polymorphic result is the variable `$0`.
    let first_number = usize::from(!result.kind.as_ref().is_some_and(TypeName::is_polymorphic));
    variables.extend((first_number..=function.arguments.len()).map(|number| format!("${number}")));
    variables.extend(function.arguments.iter().filter_map(|argument| Some(argument.name.as_ref()?.to_string())));
    variables.extend(result.table_columns.iter().map(|(name, _)| name.clone()));
    let kind = result.kind.as_ref().map_or("", TypeName::as_str);
    let of_server: &[&str] = match kind {
        "trigger" => &OF_TRIGGERS,
        "event_trigger" => &OF_EVENT_TRIGGERS,
        _ => &[],
    };
    variables.extend(of_server.iter().map(|name| (*name).to_owned()));
    let label = Some(function.name_in_sql(name).name().to_owned());
    Block { label, is_loop: false, variables: variables.into_iter().map(|name| (name, false)).collect() }
}

/// Returns the reader of a body after it has read it; `None` for a body that cannot be read.
///
/// # Errors
/// The byte offset and the reason of a certain syntax error.
fn read(name: &ObjectName, function: &Function) -> Result<Option<Reader>, (usize, String)> {
    let result = FunctionResult::of(function);
    let kind = result.kind.as_ref().map_or("", TypeName::as_str);
    let returns = Returned {
        is_procedure: function.procedure,
        // A trigger reads one row.
        is_set: result.is_set && !kind.ends_with("trigger"),
        is_void: result.is_void() || kind == "event_trigger",
        has_outputs: function.returns_arguments() || !result.table_columns.is_empty(),
    };
    let blocks = vec![outermost_block(name, function, &result)];
    read_body(function.body.as_str(), |tree, errors| {
        let mut reader = Reader { blocks, returns, types: Vec::new(), lists_columns: false, faults: Vec::new() };
        if !errors.is_subset(&statements_with_into(tree)) {
            return None;
        }
        let block = child(tree, SyntaxKind::PLPGSQL_BLOCK)?;
        reader.read_block(&block);
        Some(reader)
    })
}

/// Returns the offsets of the statements of SQL that the parser leaves as text: those with INTO and variables.
fn statements_with_into(tree: &SyntaxNode) -> BTreeSet<usize> {
    const WORDS: [&str; 7] = ["delete", "insert", "merge", "select", "update", "values", "with"];
    let is_statement = |node: &SyntaxNode| {
        let text = node.text().to_string();
        let tokens = lexer::tokens(&text).unwrap_or_default();
        let starts = tokens.first().is_some_and(|token| WORDS.contains(&token.text.to_ascii_lowercase().as_str()));
        // A part of a loop or block would have several statements.
        starts && tokens.iter().filter(|token| token.text == ";").count() <= 1
    };
    let nodes = tree.descendants().filter(|node| node.kind() == SyntaxKind::ERROR);
    nodes.filter(is_statement).map(|node| node.text_range().start().into()).collect()
}

impl Check<'_> {
    /// Reports a certain syntax error of a body in PL/pgSQL or, without one, what the server refuses in it.
    pub(super) fn check_plpgsql(&mut self, name: &ObjectName, function: &Function, path: &FieldPath) {
        let body = function.body.as_str();
        let reader = match read(name, function) {
            Ok(Some(reader)) => reader,
            Ok(None) => return,
            Err((at, message)) => {
                let message = format!("at {}: {message}", lexer::place_in_words(body, at));
                return self.report_body(path, Code::SqlSyntax, message);
            }
        };
        let mut reported = BTreeSet::new();
        for (at, message, hint) in reader.faults {
            if reported.insert(message.clone()) {
                self.report(path.clone(), format!("at {}: {message}", lexer::place_in_words(body, at)), hint);
            }
        }
        let table = self.table_of_result(function, &FunctionResult::of(function)).filter(|_| reader.lists_columns);
        if let Some(table) = table {
            self.warn_of_column_order(table, function, path);
        }
        // With another search path, the names of types mean other types.
        if !function.settings.contains_key("search_path") {
            for (_, kind) in reader.types.into_iter().filter(|(_, kind)| !is_of_server(kind)) {
                self.check_type(&kind, path);
            }
        }
    }
}

/// Returns whether a type is built in or of the server's catalogs.
fn is_of_server(kind: &TypeName) -> bool {
    // Types of the server that columns have only in its catalogs.
    const OF_CATALOGS: [&str; 6] = ["aclitem", "cid", "gtsvector", "int2vector", "oidvector", "unknown"];
    let object = kind.object();
    object.is_none_or(|object| {
        // The type of an array has the name of its element after an underscore.
        object.name().starts_with("pg_")
            || object.name().starts_with('_')
            || OF_CATALOGS.contains(&object.name())
            || ["pg_catalog", "information_schema"].contains(&object.schema())
    })
}
