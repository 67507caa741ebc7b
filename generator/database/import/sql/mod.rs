//! Imports the SQL of a schema, written by hand or printed by pg_dump. The parser Squawk turns the SQL into a syntax
//! tree. Each statement becomes part of the model, is left out with a note, or is reported as unsupported with its
//! place.

mod access;
mod alter;
mod alter_type;
mod alter_view;
mod at_end;
mod collation;
mod column;
mod comments;
mod constraint;
mod defaults;
mod derived_name;
mod detach;
mod do_block;
mod do_statement;
mod drop;
mod drop_column;
mod extension;
mod grant;
mod grant_resolution;
mod index;
mod left_out;
mod like;
mod move_object;
mod object;
mod overload;
mod partition;
mod plain_names;
mod policy;
mod publication;
mod query;
mod reader;
mod refusals;
mod refused;
mod relation;
mod rename;
mod rename_function;
mod rename_label;
mod rename_object;
mod rename_schema;
mod rename_table;
mod retype;
mod roles;
mod routine;
mod rows;
mod search_path;
mod sequence;
mod service_rights;
mod session;
mod star;
mod storage;
mod stored_mentions;
mod stored_text;
mod table;
mod table_of_query;
mod temporary;
#[cfg(test)]
mod tests;
mod tree;
mod trigger;
mod types;
mod unmet_defaults;
mod view;

use std::collections::BTreeMap;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::ImportFinding;
use crate::database::lexer::LineStarts;
use crate::database::model::*;
use crate::database::{completeness, parse};
use plain_names::PlainNames;
use reader::{GrantObject, Reader};
use session::WithoutCommands;
use tree::{Parsed, Parts, Unsupported, start_offset, summary, unsupported};

pub use service_rights::ServiceRights;

/// An imported definition, and notes about what is left out on purpose.
#[derive(Debug)]
pub struct Imported {
    pub schema: Schema,
    pub notes: Vec<ImportFinding>,
    /// Rights that follow from the access of services and are not part of the definition.
    pub service_rights: ServiceRights,
    /// Maps each object, such as `tables.orders`, to line and column of its statement.
    pub places: BTreeMap<String, (usize, usize)>,
}

/// Reads the SQL of a schema.
///
/// # Errors
/// One finding, with its place, for each part that does not parse or that nself cannot represent.
pub fn read(text: &str) -> Result<Imported, Vec<ImportFinding>> {
    read_of_server(text, &ServiceRights::default())
}

/// Reads the SQL that pg_dump printed about a server, without the rights that its setup job recorded.
///
/// # Errors
/// The errors of [`read`].
pub fn read_of_server(text: &str, service_rights: &ServiceRights) -> Result<Imported, Vec<ImportFinding>> {
    let text = text.replace("\r\n", "\n");
    let text_to_read = session::without_psql_commands(&text);
    let sql = &text_to_read.sql;
    let line_starts = LineStarts::of(sql);
    let to_finding = |unsupported: Unsupported| {
        let (line, column) = line_starts.position(unsupported.at);
        ImportFinding { line, column, what: unsupported.what }
    };
    if let Some(fault) = completeness::nested_too_deep(sql) {
        return Err(vec![to_finding(Unsupported { at: fault.at, what: fault.what })]);
    }
    let (reader, names) = parse::with_enough_stack(sql, || {
        let names = PlainNames::of(sql);
        (Reader::read(&text_to_read.with_plain_names(&names), service_rights.clone()), names)
    });
    let in_original = |item: Unsupported| Unsupported { at: names.original(item.at), what: item.what };
    let sorted_findings = |items: Vec<Unsupported>| {
        let mut findings: Vec<ImportFinding> = items.into_iter().map(in_original).map(to_finding).collect();
        findings.sort();
        findings
    };
    if !reader.problems.is_empty() {
        return Err(sorted_findings(reader.problems));
    }
    let places = reader.declared_at.into_iter().map(|(path, at)| (path, line_starts.position(names.original(at))));
    Ok(Imported {
        schema: reader.schema,
        places: places.collect(),
        service_rights: reader.service_rights,
        notes: sorted_findings(reader.notes),
    })
}

impl Reader {
    /// Reads all statements, unless the text has unsupported commands of psql or the SQL has syntax errors.
    fn read(text: &WithoutCommands, service_rights: ServiceRights) -> Reader {
        let parsed = SourceFile::parse(&text.sql);
        let copy = |problem: &Unsupported| Unsupported { at: problem.at, what: problem.what.clone() };
        let mut problems: Vec<Unsupported> = text.unsupported_commands.iter().map(copy).collect();
        problems.extend(parsed.errors().iter().map(|error| Unsupported {
            at: usize::from(error.range().start()),
            what: format!("PostgreSQL does not accept this SQL: {}", error.message()),
        }));
        let mut reader = Reader { problems, service_rights, ..Reader::default() };
        // A tree with syntax errors could be misread.
        if reader.problems.is_empty() {
            for statement in parsed.tree().syntax().children() {
                reader.read_statement(&statement);
                reader.require_one_database(&statement, text.connected_at);
            }
            reader.resolve_at_end();
        }
        reader
    }

    /// Reads a statement. A problem does not stop the reading of later statements.
    fn read_statement(&mut self, node: &SyntaxNode) {
        self.object_in_messages.clear();
        let first_problem = self.problems.len();
        let result = self.dispatch(node);
        self.record_error(result);
        self.record_refusal(node, first_problem);
        self.record_places_of_roles(node);
    }

    /// Reads a statement that neither creates nor changes an object; `None` for other statements.
    fn read_statement_without_object(&mut self, node: &SyntaxNode) -> Option<Parsed<()>> {
        use SyntaxKind::*;
        match node.kind() {
            SELECT if rows::sets_sequence(node) || rows::changes_rows(node) => self.note_rows(node),
            SELECT | SET | RESET | BEGIN | COMMIT_TRANSACTION | EMPTY_STMT => {
                self.creation_schema.follow(node);
                return Some(session::check_statement(node));
            }
            DISCARD => self.creation_schema.follow(node),
            INSERT | UPDATE | DELETE | MERGE | TRUNCATE | COPY => self.note_rows(node),
            // Without an effect on the schema.
            LOCK | ANALYZE | VACUUM | REINDEX | CLUSTER | CHECKPOINT | NOTIFY | LISTEN | UNLISTEN | REFRESH
            | SAVEPOINT_CREATE | RELEASE_SAVEPOINT | SHOW | SET_CONSTRAINTS | SET_TRANSACTION | VALUES | TABLE
            | PREPARE | DEALLOCATE => {}
            ROLLBACK_TRANSACTION | ROLLBACK_TO_SAVEPOINT => {
                let what = "nself cannot represent `ROLLBACK`, which undoes statements before it; remove it together with them";
                return Some(unsupported(node, what));
            }
            SET_ROLE | RESET_ROLE | SET_SESSION_AUTH | RESET_SESSION_AUTH | CREATE_ROLE | CREATE_USER
            | CREATE_GROUP | ALTER_ROLE | ALTER_USER | ALTER_GROUP | DROP_ROLE | DROP_USER | DROP_GROUP
            | CREATE_DATABASE | ALTER_DATABASE | DROP_DATABASE | ALTER_SYSTEM | REASSIGN => {
                self.note_server_statement(node)
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    /// Calls the method that reads statements of the node's kind.
    fn dispatch(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        if let Some(result) = self.read_statement_without_object(node) {
            return result;
        }
        if self.read_temporary(node)? || self.leaves_out_dependency_on_extension(node) {
            return Ok(());
        }
        self.require_creation_in_public(node)?;
        match node.kind() {
            DO => {
                for (statement, guard) in Reader::statements_of_do_block(node)? {
                    if self.runs_in_block(&statement, guard) {
                        self.read_statement(&statement);
                    }
                }
                Ok(())
            }
            CREATE_SCHEMA => self.create_schema(node),
            CREATE_EXTENSION => self.create_extension(node),
            ALTER_EXTENSION => self.alter_extension(node),
            CREATE_TYPE => self.create_type(node),
            CREATE_DOMAIN => self.create_domain(node),
            CREATE_SEQUENCE => self.create_sequence(node),
            CREATE_TABLE => self.create_table(node),
            CREATE_INDEX => self.create_index(node),
            CREATE_VIEW | CREATE_MATERIALIZED_VIEW => self.create_view(node),
            CREATE_FUNCTION | CREATE_PROCEDURE => self.create_function(node),
            CREATE_TRIGGER => self.create_trigger(node),
            CREATE_POLICY => self.create_policy(node),
            COMMENT_ON => self.comment_on(node),
            GRANT | REVOKE => self.grant(node),
            ALTER_DEFAULT_PRIVILEGES => self.default_privileges(node),
            ALTER_TABLE => self.alter_table(node),
            ALTER_SEQUENCE => self.alter_sequence(node),
            ALTER_INDEX => self.alter_index(node),
            ALTER_TYPE | ALTER_DOMAIN => self.alter_type(node),
            ALTER_VIEW | ALTER_MATERIALIZED_VIEW => self.alter_view(node),
            ALTER_FUNCTION | ALTER_PROCEDURE | ALTER_ROUTINE => self.alter_function(node),
            ALTER_SCHEMA => self.alter_schema(node),
            ALTER_TRIGGER | ALTER_POLICY => self.rename_part_of_table(node),
            DROP_TABLE
            | DROP_TYPE
            | DROP_VIEW
            | DROP_MATERIALIZED_VIEW
            | DROP_FUNCTION
            | DROP_SEQUENCE
            | DROP_SCHEMA
            | DROP_DOMAIN
            | DROP_EXTENSION
            | DROP_INDEX
            | DROP_PROCEDURE
            | DROP_ROUTINE => self.drop_objects(node),
            DROP_TRIGGER | DROP_POLICY => self.drop_part_of_table(node),
            CREATE_TABLE_AS | SELECT_INTO => self.create_table_of_query(node),
            _ => self.change_other_object(node),
        }
    }

    /// Reads a statement about an object that a definition keeps as its SQL, and refuses every other statement.
    fn change_other_object(&mut self, node: &SyntaxNode) -> Parsed<()> {
        if let Some(class) = ObjectClass::of_node(node.kind()) {
            return self.change_object(class, node);
        }
        if left_out::is_language_of_every_database(node) || left_out::changes_nothing(node) {
            return Ok(());
        }
        let advice = match left_out::needs_superuser(node.kind()) {
            true => {
                ", which needs a superuser; remove it from the source, and create it with psql as the superuser of the server"
            }
            false => "",
        };
        unsupported(node, format!("nself cannot represent `{}`{advice}", summary(node)))
    }

    /// Refuses a statement before the command of psql that connects to the database, unless it is about the server.
    fn require_one_database(&mut self, node: &SyntaxNode, connected_at: Option<usize>) {
        let Some(connected_at) = connected_at.filter(|at| start_offset(node) < *at) else { return };
        let has_object = ![SyntaxKind::COMMENT_ON, SyntaxKind::GRANT, SyntaxKind::REVOKE].contains(&node.kind())
            && self.read_statement_without_object(node).is_none();
        if has_object && self.problems.iter().all(|problem| problem.at != connected_at) {
            let what = "`\\connect` after statements about another database; keep the statements of one database";
            self.problems.push(Unsupported { at: connected_at, what: what.into() });
        }
    }

    /// Refuses an object without a schema if the server would not create it in `public`.
    fn require_creation_in_public(&self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let schema = self.creation_schema.current();
        let is_of_schema = matches!(
            node.kind(),
            CREATE_TABLE
                | CREATE_TABLE_AS
                | SELECT_INTO
                | CREATE_VIEW
                | CREATE_MATERIALIZED_VIEW
                | CREATE_TYPE
                | CREATE_DOMAIN
                | CREATE_SEQUENCE
                | CREATE_FUNCTION
                | CREATE_PROCEDURE
                | CREATE_AGGREGATE
                | CREATE_COLLATION
                | CREATE_STATISTICS
                | CREATE_TEXT_SEARCH_CONFIGURATION
                | CREATE_TEXT_SEARCH_DICTIONARY
        );
        let target = node.children().find(|part| part.kind() == INTO_CLAUSE).unwrap_or_else(|| node.clone());
        let name = target.descendants().find(|part| matches!(part.kind(), PATH | PATH_REF)).filter(|_| is_of_schema);
        if name.is_none_or(|name| tree::path(&name).len() > 1) || schema == Some(PUBLIC_SCHEMA) {
            return Ok(());
        }
        let path_state = schema.map_or("is empty".to_owned(), |schema| format!("begins with `{schema}`"));
        let what = format!(
            "the search path {path_state}, so the server would not create this in public: write the schema before the name"
        );
        unsupported(node, what)
    }

    /// Reads CREATE SCHEMA.
    fn create_schema(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::IF_NOT_EXISTS);
        if let Some(named_schema) = parts.take_node(SyntaxKind::NAMED_SCHEMA) {
            let mut schema_parts = Parts::of(&named_schema);
            let name = tree::ident(&schema_parts.require(SyntaxKind::SCHEMA)?)?;
            self.object_in_messages = format!("the schema {name}");
            self.record_schema_owner(&mut schema_parts)?;
            schema_parts.refuse_rest_except("AUTHORIZATION")?;
            self.add_schema(name, node);
        }
        // `CREATE SCHEMA AUTHORIZATION role` names the schema after its owner.
        if let Some(clause) = parts.take_node(SyntaxKind::AUTHORIZATION_SCHEMA) {
            let mut clause = Parts::of(&clause);
            if let Some(role) = self.record_schema_owner(&mut clause)? {
                self.add_schema((&role).into(), node);
            }
            clause.refuse_rest_except("AUTHORIZATION")?;
        }
        parts.refuse_rest_except("CREATE SCHEMA ;")
    }

    /// Adds a schema with its default privileges. `public` always exists.
    fn add_schema(&mut self, name: SqlName, node: &SyntaxNode) {
        if name.as_str() != PUBLIC_SCHEMA && !self.schema.schemas.contains_key(&name) {
            self.schema.schemas.insert(name.clone(), Namespace::default());
            // Only default privileges of the whole database apply to a schema.
            self.grant_defaults(&GrantObject::Schema(name), "", node);
        }
    }

    /// Takes the role after AUTHORIZATION, records it as an owner, and returns it; `None` if no role follows.
    fn record_schema_owner(&mut self, parts: &mut Parts) -> Parsed<Option<crate::values::SqlIdent>> {
        let reference = parts.take_node(SyntaxKind::ROLE_REF).or_else(|| parts.take_node(SyntaxKind::ROLE));
        let Some(reference) = reference else { return Ok(None) };
        let role = tree::role(&reference)?;
        self.owners.entry(role.to_string()).or_insert_with(|| start_offset(&reference));
        Ok(Some(role))
    }
}
