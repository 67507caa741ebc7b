//! Checks objects that a definition declares by the SQL that creates them. The text must be exactly one CREATE statement
//! of an allowed kind, and a role that is not a superuser must be able to run it.

use squawk_syntax::ast::AstNode;
use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode};

use super::{
    OBJECT_CLASSES, ObjectClass, ObjectIdentity, ObjectName, leading_name, option_of_statement,
    stands_for_several_types,
};
use crate::codes::Code;
use crate::database::completeness::{self, TextForm};
use crate::database::{grammar, lexer, parse};

/// The end of messages about statements that only a superuser can run.
const NEEDS_SUPERUSER: &str = "can be created only by a superuser, but migrations run as the owner of the database";

/// Returns the reason why a text is not one statement that creates an object, with the code of the finding.
pub fn refusal(text: &str) -> Option<(Code, String)> {
    // A rule may have several actions in brackets.
    let is_rule = ObjectClass::of_statement(text).is_some_and(|class| class.create == SyntaxKind::CREATE_RULE);
    let form = if is_rule { TextForm::NestedStatements } else { TextForm::ExpressionOrQuery };
    if let Some(fault) = completeness::fault(text, form) {
        return Some((fault.code, fault.message(text)));
    }
    parse::with_enough_stack(text, || tree_refusal(text))
}

/// Does the part of [`refusal`] that needs the syntax tree of the text.
fn tree_refusal(text: &str) -> Option<(Code, String)> {
    let parsed = SourceFile::parse(&format!("{text};"));
    let errors = parsed.errors();
    let tree = parsed.syntax_node();
    let error = errors.first().map(|error| (usize::from(error.range().start()), error.message().to_owned()));
    let error = error.or_else(|| grammar::first_error(&tree).map(|(at, reason)| (at, reason.to_owned())));
    if let Some((at, reason)) = error {
        let place = lexer::place_in_words(text, at.min(text.len()));
        return Some((Code::SqlSyntax, format!("at {place}: {reason}")));
    }
    let statements: Vec<SyntaxNode> =
        parsed.tree().syntax().children().filter(|node| node.kind() != SyntaxKind::EMPTY_STMT).collect();
    let [statement] = statements.as_slice() else {
        return Some((Code::NotOneExpression, "the text is not exactly one statement".to_owned()));
    };
    // The tree and the first words must give the same kind, so that a fault of the parser cannot hide a statement.
    let class = ObjectClass::of_statement(text).filter(|class| class.create == statement.kind());
    let Some(class) = class.filter(|_| parse::same_words(&tree, text, 0)) else {
        let kinds: Vec<&str> = OBJECT_CLASSES.iter().map(|class| class.words).collect();
        return Some((Code::BadValue, format!("write `CREATE` followed by one of: {}", kinds.join(", "))));
    };
    class_refusal(class, statement, text).map(|reason| (Code::BadValue, reason))
}

/// Returns the reason why a statement of an allowed kind is refused.
fn class_refusal(class: &ObjectClass, statement: &SyntaxNode, text: &str) -> Option<String> {
    let has = |kind: SyntaxKind| statement.descendants().any(|node| node.kind() == kind);
    if has(SyntaxKind::OR_REPLACE) || has(SyntaxKind::IF_NOT_EXISTS) {
        return Some("`OR REPLACE` and `IF NOT EXISTS` have no effect here; leave them out".to_owned());
    }
    let superuser_object = match class.create {
        SyntaxKind::CREATE_PUBLICATION => {
            publishes_more_than_tables(statement).then_some("a publication of all tables or of a schema")
        }
        SyntaxKind::CREATE_CAST if has(SyntaxKind::WITHOUT_FUNCTION) => Some("a cast without a function"),
        SyntaxKind::CREATE_CAST => ObjectIdentity::of_statement(text)
            .is_some_and(|identity| identity.types.iter().all(|kind| kind.object().is_none()))
            .then_some("a cast between two types of the server"),
        SyntaxKind::CREATE_AGGREGATE => ["STYPE", "MSTYPE"]
            .iter()
            .any(|option| option_of_statement(text, option).is_some_and(|kind| bare_name(kind) == "internal"))
            .then_some("an aggregate whose state is `internal`"),
        _ => None,
    };
    if let Some(object) = superuser_object {
        return Some(format!("{object} {NEEDS_SUPERUSER}"));
    }
    let has_polymorphic_operand = class.create == SyntaxKind::CREATE_OPERATOR
        && ["LEFTARG", "RIGHTARG"].iter().any(|side| option_of_statement(text, side).is_some_and(is_polymorphic));
    if has_polymorphic_operand {
        return Some(
            "nself cannot represent functions over types that stand for several types, or operators of them".to_owned(),
        );
    }
    let is_view_rule =
        class.create == SyntaxKind::CREATE_RULE && adjacent_words(text).any(|pair| pair == ["on", "select"]);
    if is_view_rule {
        return Some("a rule for SELECT makes a view; declare the view in `views`".to_owned());
    }
    // The older form of CREATE AGGREGATE has its argument among the options.
    let lacks_arguments = class.create == SyntaxKind::CREATE_AGGREGATE
        && !statement.children().any(|node| node.kind() == SyntaxKind::PARAM_LIST);
    (lacks_arguments || ObjectIdentity::of_statement(text).is_none()).then(|| match class.create {
        SyntaxKind::CREATE_AGGREGATE => "write the types of the arguments in brackets after the name".to_owned(),
        _ => "the name of the object is missing, or its types are unknown".to_owned(),
    })
}

/// Returns whether a type, such as `anyelement`, means several types.
fn is_polymorphic(kind: &str) -> bool {
    stands_for_several_types(&bare_name(kind))
}

/// Returns the name of a type as the server stores it, without its schema: `internal` for `pg_catalog."internal"`.
fn bare_name(kind: &str) -> String {
    let name = kind.rsplit('.').next().unwrap_or(kind).trim();
    if name.starts_with('"') { lexer::unquoted_name(name).into_owned() } else { name.to_ascii_lowercase() }
}

/// Options and clauses that name a function.
const FUNCTION_OPTIONS: [&str; 10] = [
    "function",
    "procedure",
    "sfunc",
    "finalfunc",
    "combinefunc",
    "serialfunc",
    "deserialfunc",
    "msfunc",
    "minvfunc",
    "mfinalfunc",
];

/// Returns the functions that the statement of an aggregate, an operator or a cast names with their schemas. Other
/// functions may be those of the server.
pub fn functions_with_schemas(text: &str) -> Vec<ObjectName> {
    let tokens = lexer::tokens(text).unwrap_or_default();
    let is_word = |i: usize, word: &str| tokens.get(i).is_some_and(|token| token.text.eq_ignore_ascii_case(word));
    let options = (1..tokens.len()).filter(|i| FUNCTION_OPTIONS.iter().any(|option| is_word(*i, option)));
    let name_starts = options.filter_map(|i| {
        // An option has `=` before the name of the function; a cast has WITH FUNCTION.
        let has_equals_sign = is_word(i + 1, "=");
        let name_index = if has_equals_sign { i + 2 } else { i + 1 };
        let names_function = has_equals_sign || is_word(i - 1, "with");
        (names_function && is_word(name_index + 1, ".")).then(|| tokens[name_index].at)
    });
    name_starts.filter_map(|start| leading_name(&text[start..])).collect()
}

/// Returns the tables and views to which the object of a statement belongs: those of statistics, a publication or a
/// rule.
pub fn relations(text: &str) -> Vec<ObjectName> {
    parse::with_enough_stack(text, || {
        let tree = SourceFile::parse(&format!("{text};")).syntax_node();
        // The text of such a node begins with the word.
        let name_after = |node: SyntaxNode, word: &str| {
            let text = node.text().to_string();
            leading_name(text.get(word.len()..).unwrap_or_default())
        };
        let nodes = tree.descendants();
        let names = nodes.filter_map(|node| match node.kind() {
            SyntaxKind::FROM_TABLE => name_after(node, "FROM"),
            SyntaxKind::PUBLICATION_OBJECT_TABLE => name_after(node, "TABLE"),
            _ => None,
        });
        names.chain(ObjectIdentity::of_statement(text).and_then(|identity| identity.relation)).collect()
    })
}

/// Returns all pairs of adjacent tokens, in lower case.
fn adjacent_words(text: &str) -> impl Iterator<Item = [String; 2]> {
    let words: Vec<String> =
        lexer::tokens(text).unwrap_or_default().iter().map(|token| token.text.to_ascii_lowercase()).collect();
    (1..words.len()).map(move |i| [words[i - 1].clone(), words[i].clone()])
}

/// Returns whether a publication includes tables that it does not name.
fn publishes_more_than_tables(statement: &SyntaxNode) -> bool {
    let clauses = statement.children().filter(|node| {
        [SyntaxKind::FOR_ALL_PUBLICATION_OBJECTS, SyntaxKind::FOR_PUBLICATION_OBJECTS].contains(&node.kind())
    });
    clauses.into_iter().any(|clause| {
        clause.kind() == SyntaxKind::FOR_ALL_PUBLICATION_OBJECTS
            || clause.children().any(|object| object.kind() != SyntaxKind::PUBLICATION_OBJECT_TABLE)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_of_an_allowed_kind_is_accepted() {
        for text in [
            "CREATE STATISTICS s (ndistinct, mcv) ON a, (lower(b)) FROM t",
            "CREATE COLLATION german (provider = icu, locale = 'de-u-co-phonebk', deterministic = false)",
            "CREATE COLLATION c FROM \"C\"",
            "CREATE AGGREGATE m(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0')",
            "CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = integer, RIGHTARG = integer, COMMUTATOR = OPERATOR(public.<~>))",
            "CREATE CAST (text AS mood) WITH INOUT AS ASSIGNMENT",
            "CREATE CAST (text AS anyway) WITH FUNCTION public.conv(text)",
            "CREATE CAST (text AS public.anyway) WITH FUNCTION public.conv(text)",
            "CREATE OPERATOR <~> (FUNCTION = f, LEFTARG = public.anyway, RIGHTARG = \"AnyElement\")",
            "CREATE RULE r AS ON DELETE TO t WHERE old.id > 1 DO ALSO INSERT INTO log (id) VALUES (old.id)",
            "CREATE PUBLICATION p FOR TABLE ONLY t (id, v) WHERE (id > 1), TABLE u WITH (publish = 'insert')",
            "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, STOPWORDS = english)",
            "CREATE TEXT SEARCH CONFIGURATION c (COPY = english)",
            "CREATE RULE r AS ON DELETE TO t DO ALSO (DELETE FROM a; DELETE FROM b;)",
            "CREATE AGGREGATE m(integer ORDER BY integer) (SFUNC = f, STYPE = integer, HYPOTHETICAL)",
            "CREATE AGGREGATE m(ORDER BY x integer, text) (SFUNC = f, STYPE = integer)",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
    }

    #[test]
    fn other_statements_are_refused() {
        for text in [
            "",
            "DROP TABLE t",
            "CREATE TABLE t (id integer)",
            "CREATE STATISTICS s ON a, b FROM t; DROP TABLE t",
            "CREATE STATISTICS s ON a, b FROM t -- ",
            "CREATE STATISTICS ON a, b FROM t",
            "CREATE STATISTICS IF NOT EXISTS s ON a, b FROM t",
            "CREATE RULE r AS ON DELETE TO t DO ALSO (DELETE FROM a; DELETE FROM b); DROP TABLE t",
            "CREATE RULE r AS ON DELETE TO t DO ALSO (DELETE FROM a; DROP TABLE t)",
            "CREATE RULE r AS ON SELECT TO t DO INSTEAD SELECT 1",
            "CREATE OR REPLACE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
            "CREATE PUBLICATION p FOR ALL TABLES",
            "CREATE PUBLICATION p FOR TABLES IN SCHEMA public",
            "CREATE CAST (text AS mood) WITHOUT FUNCTION",
            "CREATE AGGREGATE m(integer) (SFUNC = f, STYPE = internal)",
            "CREATE AGGREGATE m(integer) (SFUNC = f, STYPE = pg_catalog.internal)",
            "CREATE AGGREGATE m(integer) (SFUNC = f, \"stype\" = pg_catalog.\"internal\")",
            "CREATE CAST (integer AS text) WITH INOUT",
            "CREATE CAST (integer[] AS pg_catalog.varchar(10)) WITH FUNCTION f(integer[])",
            "CREATE OPERATOR ~~ (FUNCTION = f, LEFTARG = anynonarray, RIGHTARG = text)",
            "CREATE OPERATOR ~~ (FUNCTION = f, LEFTARG = text, RIGHTARG = pg_catalog.\"any\")",
            "CREATE AGGREGATE m (BASETYPE = integer, SFUNC = f, STYPE = integer)",
            "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f()",
            "CREATE OPERATOR CLASS c FOR TYPE integer USING btree AS OPERATOR 1 <",
            "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p",
            "CREATE STATISTICS s ON a, b FROM t\\! id",
        ] {
            assert!(refusal(text).is_some(), "{text}");
        }
    }

    #[test]
    fn functions_with_their_schemas_are_found() {
        let names = |text: &str| functions_with_schemas(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names("CREATE OPERATOR <~> (FUNCTION = x.f, LEFTARG = public.y)"), ["x.f"]);
        assert_eq!(names("CREATE AGGREGATE a(sfunc x.y) (SFUNC = public.f, STYPE = x.y, FINALFUNC = g)"), ["f"]);
        assert_eq!(names("CREATE CAST (text AS mood) WITH FUNCTION public.f(text)"), ["f"]);
    }
}
