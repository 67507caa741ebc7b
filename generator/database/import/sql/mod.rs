//! Imports the SQL of a schema, as people write it and as pg_dump prints it. Squawk parses the text; each statement
//! becomes part of the model or is reported as unsupported, with its place.

mod access;
mod alter;
mod at_end;
mod collation;
mod column;
mod comments;
mod constraint;
mod defaults;
mod index;
mod partition;
mod policy;
mod reader;
mod routine;
mod service_rights;
mod session;
mod storage;
mod table;
mod tree;
mod types;
mod view;

use std::collections::BTreeMap;

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::ImportFinding;
use crate::database::model::*;
use crate::database::{closed, lexer, parse};
use reader::Reader;
use tree::{Parsed, Parts, Unsupported, start, summary, unsupported};

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
/// Everything that does not parse or that nself cannot represent, with its place.
pub fn read(text: &str) -> Result<Imported, Vec<ImportFinding>> {
    let text = text.replace("\r\n", "\n");
    let placed = |loss: Unsupported| {
        let (line, column) = lexer::position(&text, loss.at);
        ImportFinding { line, column, what: loss.what }
    };
    let (sql, losses) = session::without_commands(&text);
    if let Some(fault) = closed::too_deep(&sql) {
        return Err(vec![placed(Unsupported { at: fault.at, what: fault.what })]);
    }
    let reader = parse::on_own_stack(&sql, || Reader::read(&sql, losses));
    let sorted = |losses: Vec<Unsupported>| {
        let mut all: Vec<ImportFinding> = losses.into_iter().map(placed).collect();
        all.sort();
        all
    };
    if !reader.problems.is_empty() {
        return Err(sorted(reader.problems));
    }
    let places = reader.places.into_iter().map(|(path, at)| {
        let place = placed(Unsupported { at, what: String::new() });
        (path, (place.line, place.column))
    });
    Ok(Imported {
        schema: reader.schema,
        places: places.collect(),
        service_rights: reader.service_rights,
        notes: sorted(reader.notes),
    })
}

impl Reader {
    /// Reads all statements, unless there are problems already.
    fn read(sql: &str, mut losses: Vec<Unsupported>) -> Reader {
        let parsed = SourceFile::parse(sql);
        losses.extend(parsed.errors().iter().map(|error| Unsupported {
            at: usize::from(error.range().start()),
            what: format!("PostgreSQL does not accept this SQL: {}", error.message()),
        }));
        let mut reader = Reader { problems: losses, ..Reader::default() };
        // A tree with syntax errors could be misread.
        if reader.problems.is_empty() {
            for statement in parsed.tree().syntax().children() {
                reader.statement(&statement);
            }
            reader.check_at_end();
        }
        reader
    }

    fn statement(&mut self, node: &SyntaxNode) {
        self.subject.clear();
        let result = self.dispatch(node);
        self.record_error(result);
    }

    fn dispatch(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        match node.kind() {
            SELECT | SET | RESET | BEGIN | COMMIT_TRANSACTION | EMPTY_STMT => session::statement(node),
            CREATE_SCHEMA => self.create_schema(node),
            CREATE_EXTENSION => self.create_extension(node),
            CREATE_TYPE => self.create_type(node),
            CREATE_DOMAIN => self.create_domain(node),
            CREATE_SEQUENCE => self.create_sequence(node),
            CREATE_TABLE => self.create_table(node),
            CREATE_INDEX => self.create_index(node),
            CREATE_VIEW | CREATE_MATERIALIZED_VIEW => self.create_view(node),
            CREATE_FUNCTION | CREATE_PROCEDURE => self.create_function(node),
            CREATE_TRIGGER => self.create_trigger(node),
            CREATE_POLICY => self.create_policy(node),
            COMMENT_ON => self.comment(node),
            GRANT | REVOKE => self.grant(node),
            ALTER_DEFAULT_PRIVILEGES => self.default_privileges(node),
            ALTER_TABLE => self.alter_table(node),
            ALTER_SEQUENCE => self.alter_sequence(node),
            ALTER_INDEX => self.alter_index(node),
            ALTER_TYPE
            | ALTER_DOMAIN
            | ALTER_VIEW
            | ALTER_MATERIALIZED_VIEW
            | ALTER_FUNCTION
            | ALTER_PROCEDURE
            | ALTER_SCHEMA => self.alter_owner(node),
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
            | DROP_TRIGGER => self.drop_nothing(node),
            _ => unsupported(node, format!("nself cannot represent `{}`", summary(node))),
        }
    }

    fn create_schema(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::IF_NOT_EXISTS);
        if let Some(named) = parts.take_node(SyntaxKind::NAMED_SCHEMA) {
            let mut named = Parts::of(&named);
            let name = tree::ident(&named.require(SyntaxKind::SCHEMA)?)?;
            self.subject = format!("the schema {name}");
            named.expect_end("")?;
            if name.as_str() != PUBLIC {
                self.schema.schemas.entry(name).or_default();
            }
        }
        parts.expect_end("CREATE SCHEMA ;")
    }

    fn create_extension(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use crate::values::Checked;
        let mut parts = Parts::of(node);
        parts.take_node(SyntaxKind::IF_NOT_EXISTS);
        let name = tree::path(&parts.require(SyntaxKind::EXTENSION)?).join(".");
        self.subject = format!("the extension {name}");
        if let Some(schema) = parts.take_node(SyntaxKind::EXTENSION_SCHEMA) {
            let mut schema = Parts::of(&schema);
            let reference = schema.require(SyntaxKind::SCHEMA_REF)?;
            let is_plpgsql = name == "plpgsql" && tree::path(&reference).concat() == "pg_catalog";
            if tree::path(&reference).concat() != PUBLIC && !is_plpgsql {
                return unsupported(&reference, "nself supports extensions in the schema public only");
            }
            schema.expect_end("WITH SCHEMA")?;
        }
        // Every database has plpgsql.
        if name != "plpgsql" {
            let name = crate::values::ExtensionName::new(&name);
            let name = name.map_err(|reason| Unsupported { at: start(node), what: reason })?;
            self.schema.extensions.insert(name);
        }
        parts.expect_end("CREATE EXTENSION WITH ;")
    }

    /// Accepts DROP … IF EXISTS at the start of a dump, where no object exists yet.
    fn drop_nothing(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        if parts.take_node(SyntaxKind::IF_EXISTS).is_none() || !self.places.is_empty() {
            return unsupported(
                node,
                format!("`{}`: only statements that create something are supported", summary(node)),
            );
        }
        Ok(())
    }
}
