//! SQL to a definition: the statements that make a schema, as people write them and as pg_dump prints them. Squawk
//! parses them; here each statement becomes part of the model, or a loss with its place.

mod access;
mod alter;
mod at_end;
mod comments;
mod constraint;
mod defaults;
mod index;
mod policy;
mod routine;
mod service_rights;
mod session;
mod table;
mod tree;
mod types;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SourceFile, SyntaxKind, SyntaxNode, ast::AstNode};

use super::ImportFinding;
use crate::database::model::*;
use crate::database::{closed, ddl, lexer, parse};
use crate::values::SqlIdent;
pub use service_rights::ServiceRights;
use tree::{Parts, Take, Unsupported, clause, loss, start, tokens};

/// A definition, and what is no part of it for a reason that is said.
#[derive(Debug)]
pub struct Imported {
    pub schema: Schema,
    pub notes: Vec<ImportFinding>,
    /// Rights that follow from the access of services, and are no part of the definition.
    pub service_rights: ServiceRights,
    /// Where each object was made: `tables.orders`.
    pub places: BTreeMap<String, (usize, usize)>,
}

/// Reads the SQL of a schema.
///
/// # Errors
/// Everything that does not parse or that the model cannot hold, with its place.
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
    if !reader.losses.is_empty() {
        return Err(sorted(reader.losses));
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

#[derive(Default)]
struct Reader {
    schema: Schema,
    losses: Vec<Unsupported>,
    notes: Vec<Unsupported>,
    places: BTreeMap<String, usize>,
    /// What the current statement is about, for messages.
    subject: String,
    /// Foreign keys that name no columns: those of the other's primary key are meant.
    keys: Vec<(usize, ObjectName, SqlIdent)>,
    /// Role to the first object that it owns.
    owners: BTreeMap<String, usize>,
    /// Functions that not everyone may call.
    closed: BTreeSet<ObjectName>,
    /// Where everyone lost the right to use `public`.
    hidden: Option<usize>,
    /// Grants, in their order; they are weighed at the end.
    grants: Vec<access::Grant>,
    given: Vec<defaults::Given>,
    service_rights: ServiceRights,
    /// Tables that became partitions, and indexes of theirs that belong to one of the whole table.
    attached: Vec<alter::Attached>,
    parts_of: Vec<(usize, String, String)>,
    /// Partitions that were made as such: where, of what, and whether row security holds for them.
    parts: BTreeMap<ObjectName, (usize, ObjectName, RowSecurity)>,
    /// Tables whose row security binds their owner, once it is on.
    forced: Vec<(usize, ObjectName)>,
}

impl Reader {
    /// Reads all statements, unless there are losses already.
    fn read(sql: &str, mut losses: Vec<Unsupported>) -> Reader {
        let parsed = SourceFile::parse(sql);
        losses.extend(parsed.errors().iter().map(|error| Unsupported {
            at: usize::from(error.range().start()),
            what: format!("this is not SQL as PostgreSQL reads it: {}", error.message()),
        }));
        let mut reader = Reader { losses, ..Reader::default() };
        // A tree with errors would be read as something else than what was meant.
        if reader.losses.is_empty() {
            for statement in parsed.tree().syntax().children() {
                reader.statement(&statement);
            }
            reader.finish();
        }
        reader
    }

    fn lose(&mut self, found: Unsupported) {
        let what = if self.subject.is_empty() { found.what } else { format!("{}: {}", self.subject, found.what) };
        self.losses.push(Unsupported { at: found.at, what });
    }

    /// Goes on after a loss.
    fn or_lose<T>(&mut self, taken: Take<T>) -> Option<T> {
        taken.map_err(|found| self.lose(found)).ok()
    }

    fn statement(&mut self, node: &SyntaxNode) {
        self.subject.clear();
        let taken = self.dispatch(node);
        self.or_lose(taken);
    }

    fn dispatch(&mut self, node: &SyntaxNode) -> Take<()> {
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
            _ => loss(node, format!("`{}` has no place in the model", about(node))),
        }
    }

    /// Where an object was made; refuses a second one.
    fn place(&mut self, kind: &str, name: &str, node: &SyntaxNode) -> Take<()> {
        if self.places.insert(format!("{kind}.{name}"), start(node)).is_some() {
            return loss(node, format!("there are two {kind} called `{name}`"));
        }
        Ok(())
    }

    /// Tables, views, sequences and indexes share their names.
    fn relation_taken(&self, name: &ObjectName) -> bool {
        let inside = |owner: &ObjectName, inner: &SqlIdent| owner.beside(inner) == *name;
        self.schema.views.iter().any(|(owner, view)| owner == name || view.indexes.keys().any(|it| inside(owner, it)))
            || self.schema.sequences.contains_key(name)
            || self.schema.tables.iter().any(|(owner, table)| {
                let inner = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
                let key = || owner.beside(&ddl::primary_key_name(owner, table));
                owner == name
                    || (!table.primary_key.is_empty() && key() == *name)
                    || inner.chain(table.partitions.keys()).any(|it| inside(owner, it))
            })
    }

    fn table(&mut self, name: &ObjectName, node: &SyntaxNode) -> Take<&mut Table> {
        match self.schema.tables.get_mut(name) {
            Some(table) => Ok(table),
            None => loss(node, format!("there is no table `{name}`")),
        }
    }

    fn create_schema(&mut self, node: &SyntaxNode) -> Take<()> {
        let mut parts = Parts::of(node);
        parts.node(SyntaxKind::IF_NOT_EXISTS);
        if let Some(named) = parts.node(SyntaxKind::NAMED_SCHEMA) {
            let mut named = Parts::of(&named);
            let name = tree::ident(&named.must(SyntaxKind::SCHEMA)?)?;
            self.subject = format!("the schema {name}");
            named.end("")?;
            if name.as_str() != PUBLIC {
                self.schema.schemas.entry(name).or_default();
            }
        }
        parts.end("CREATE SCHEMA ;")
    }

    fn create_extension(&mut self, node: &SyntaxNode) -> Take<()> {
        use crate::values::Checked;
        let mut parts = Parts::of(node);
        parts.node(SyntaxKind::IF_NOT_EXISTS);
        let name = tree::path(&parts.must(SyntaxKind::EXTENSION)?).join(".");
        self.subject = format!("the extension {name}");
        if let Some(schema) = parts.node(SyntaxKind::EXTENSION_SCHEMA) {
            let mut schema = Parts::of(&schema);
            let found = schema.must(SyntaxKind::SCHEMA_REF)?;
            let own = name == "plpgsql" && tree::path(&found).concat() == "pg_catalog";
            if tree::path(&found).concat() != PUBLIC && !own {
                return loss(&found, "the model has extensions in the schema public");
            }
            schema.end("WITH SCHEMA")?;
        }
        // Every database has it.
        if name != "plpgsql" {
            let name = crate::values::ExtensionName::new(&name);
            let name = name.map_err(|reason| Unsupported { at: start(node), what: reason })?;
            self.schema.extensions.insert(name);
        }
        parts.end("CREATE EXTENSION WITH ;")
    }

    /// A dump may begin by removing what it makes; what is not there cannot go away.
    fn drop_nothing(&mut self, node: &SyntaxNode) -> Take<()> {
        let mut parts = Parts::of(node);
        if parts.node(SyntaxKind::IF_EXISTS).is_none() || !self.places.is_empty() {
            return loss(node, format!("`{}`: only a schema's statements that add something are read", about(node)));
        }
        Ok(())
    }
}

/// A statement's first words and the name that it is about.
fn about(node: &SyntaxNode) -> String {
    use SyntaxKind::{PATH, PATH_REF};
    let name = node.descendants().find(|part| matches!(part.kind(), PATH | PATH_REF));
    let own = |name: &SyntaxNode| {
        tokens(name).next().map(|token| token.text_range()) != tokens(node).next().map(|token| token.text_range())
    };
    let words = clause(node);
    match name.filter(own) {
        Some(name) => format!("{words} {}", tree::path(&name).join(".")),
        None => words,
    }
}
