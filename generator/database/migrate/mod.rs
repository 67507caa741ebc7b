//! Plans the migration from one schema to the next: typed changes in an order that a server accepts, each with its
//! reverse, its reason, its place in the user's file and its hazards. Pure: no server, no clock, no guess.
//!
//! ```text
//! old ──rename──▶ old under its new names ──diff with new──▶ steps ──order──▶ migrations
//! ```

mod column;
mod comments_and_grants;
mod dropped;
mod enumeration;
mod graph;
mod indexes;
mod keys;
mod rename;
mod routines;
mod schemas;
mod security;
mod sequences;
mod step;
mod table;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use super::hazard::Hazard;
use super::identifiers::words;
use super::model::*;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::values::SqlIdent;
use graph::{Graph, ObjectKind, ObjectNode};

pub use step::{Down, MigrationStep, Phase, StepMode};

/// The steps of a plan, one group per migration.
pub type StepGroups = Vec<Vec<MigrationStep>>;

/// Plans the migration from `old` to `new`. `root` is the path of `new` in the stack.
///
/// # Errors
/// All changes that are impossible, ambiguous or not allowed.
pub fn plan(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    plan_with(Planner { root, new, steps: Vec::new(), findings: Vec::new(), allow: Some(&new.allow) }, old)
}

/// Like [`plan`], but allows every hazard. For `db diff`, which only displays the plan.
///
/// # Errors
/// All changes that are impossible or ambiguous.
pub fn plan_unreviewed(old: &Schema, new: &Schema, root: &FieldPath) -> Result<StepGroups, Vec<Diagnostic>> {
    plan_with(Planner { root, new, steps: Vec::new(), findings: Vec::new(), allow: None }, old)
}

fn plan_with(mut planner: Planner, old: &Schema) -> Result<StepGroups, Vec<Diagnostic>> {
    let (root, new) = (planner.root, planner.new);
    let renamed = rename::apply(&mut planner, old);
    let (old_graph, new_graph) = match (Graph::new(&renamed.schema), Graph::new(new)) {
        (Ok(old), Ok(new)) => (old, new),
        (_, Err(cycle)) | (Err(cycle), _) => {
            planner.findings.push(planner.error(Code::ObjectCycle, root.clone()).message(format!(
                "these objects depend on each other: {}",
                cycle.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            )));
            return Err(planner.findings);
        }
    };
    let affected = Affected::new(&renamed, new, &old_graph);
    let diff = Diff {
        before: old,
        names: &renamed.names,
        old: &renamed.schema,
        new,
        old_graph,
        new_graph,
        affected: &affected,
        recreated: affected.recreated(&renamed.schema, new),
        new_by_columns: new_by_columns(&renamed.schema, new),
        relations: relations(new),
    };
    schemas::plan(&mut planner, &diff);
    types::plan(&mut planner, &diff);
    sequences::plan(&mut planner, &diff);
    routines::plan(&mut planner, &diff);
    table::plan(&mut planner, &diff);
    let Planner { mut steps, findings, .. } = planner;
    if !findings.is_empty() {
        return Err(findings);
    }
    // A stable sort: equal steps stay in the order of names, in which they were found.
    steps.sort_by_key(|step| (step.phase, step.rank));
    Ok(group(steps))
}

/// Groups steps into migrations. Steps outside of a transaction are alone, new labels are committed before their use,
/// and constraints that are added without a check of existing rows are validated in a later migration.
fn group(steps: Vec<MigrationStep>) -> StepGroups {
    let mut groups: StepGroups = Vec::new();
    for step in steps {
        let joins = groups.last().and_then(|group| group.last()).is_some_and(|last| {
            let apart = |phase| matches!(phase, Phase::Labels | Phase::Concurrent | Phase::Extensions);
            let later = matches!(step.phase, Phase::Validate | Phase::ValidateKeys) && last.phase < step.phase;
            !later
                && (apart(last.phase) == apart(step.phase) && step.phase != Phase::Concurrent)
                && (last.phase == Phase::Extensions) == (step.phase == Phase::Extensions)
        });
        match groups.last_mut() {
            Some(group) if joins => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    groups
}

/// Both sides of a plan, under the new names.
struct Diff<'a> {
    /// The old schema before renames.
    before: &'a Schema,
    /// Maps new names of renamed tables to old names.
    names: &'a BTreeMap<ObjectName, ObjectName>,
    old: &'a Schema,
    new: &'a Schema,
    old_graph: Graph<'a>,
    new_graph: Graph<'a>,
    affected: &'a Affected,
    /// Objects that are dropped or recreated, by name.
    recreated: BTreeMap<&'a str, Vec<ObjectNode<'a>>>,
    /// The first new table for each set of columns.
    new_by_columns: BTreeMap<Vec<&'a SqlIdent>, &'a ObjectName>,
    /// Names of relations in the new schema; they share one namespace per schema of the server.
    relations: BTreeSet<ObjectName>,
}

fn new_by_columns<'a>(old: &Schema, new: &'a Schema) -> BTreeMap<Vec<&'a SqlIdent>, &'a ObjectName> {
    let mut tables = BTreeMap::new();
    for (name, table) in new.tables.iter().filter(|(name, _)| !old.tables.contains_key(*name)) {
        tables.entry(table.columns.keys().collect()).or_insert(name);
    }
    tables
}

fn relations(schema: &Schema) -> BTreeSet<ObjectName> {
    let tables = schema.tables.iter().flat_map(|(name, table)| {
        let inner = table.indexes.keys().chain(table.uniques.keys()).chain(table.excludes.keys());
        let inner = inner.chain(table.partitions.keys()).map(|index| name.beside(index));
        std::iter::once(name.clone()).chain(inner)
    });
    tables.chain(schema.views.keys().cloned()).chain(schema.sequences.keys().cloned()).collect()
}

/// Objects that a change affects although their own definitions may be unchanged.
#[derive(Default)]
struct Affected {
    /// Columns whose type changes, by table.
    types: BTreeMap<ObjectName, BTreeSet<SqlIdent>>,
    /// Generated columns that are dropped and added, by table.
    regenerated: BTreeMap<ObjectName, BTreeSet<SqlIdent>>,
    /// Enumerations that are recreated.
    rebuilt: BTreeSet<ObjectName>,
    /// Views and functions that are dropped and created.
    routines: BTreeSet<ObjectName>,
    /// Tables whose columns change.
    tables: BTreeSet<ObjectName>,
}

impl Affected {
    fn new(renamed: &rename::Renamed, new: &Schema, graph: &Graph) -> Self {
        let old = &renamed.schema;
        let mut affected = Affected { tables: renamed.tables.clone(), ..Affected::default() };
        for (name, kind) in &old.types {
            if let (UserType::Enum(old), Some(UserType::Enum(new))) = (kind, new.types.get(name))
                && enumeration::added_labels(&old.values, &new.values).is_none()
            {
                affected.rebuilt.insert(name.clone());
            }
        }
        for (name, table) in &old.tables {
            let Some(next) = new.tables.get(name) else { continue };
            if table.columns.keys().ne(next.columns.keys()) {
                affected.tables.insert(name.clone());
            }
            let types: BTreeSet<SqlIdent> = table
                .columns
                .iter()
                .filter(|(column, was)| {
                    let is = next.columns.get(*column);
                    is.is_some_and(|is| is.kind != was.kind || is.collation != was.collation)
                        || affected.rebuilds(&was.kind)
                })
                .map(|(column, _)| column.clone())
                .collect();
            let regenerated: BTreeSet<SqlIdent> = table
                .columns
                .iter()
                .filter(|(column, was)| {
                    let Some(expression) = &was.generated else { return false };
                    let Some(is) = next.columns.get(*column).filter(|is| is.generated.is_some()) else { return false };
                    is.generated != was.generated || is.kind != was.kind || mentions(expression.as_str(), &types)
                })
                .map(|(column, _)| column.clone())
                .collect();
            if !types.is_empty() || !regenerated.is_empty() {
                affected.tables.insert(name.clone());
                affected.types.insert(name.clone(), types);
                affected.regenerated.insert(name.clone(), regenerated);
            }
        }
        routines::mark_affected(&mut affected, old, new, graph);
        affected
    }

    /// Whether a type is a recreated enumeration.
    fn rebuilds(&self, kind: &TypeName) -> bool {
        !self.rebuilt.is_empty() && kind.object().is_some_and(|kind| self.rebuilt.contains(&kind))
    }

    fn recreated<'a>(&'a self, old: &'a Schema, new: &Schema) -> BTreeMap<&'a str, Vec<ObjectNode<'a>>> {
        let gone = old.functions.keys().filter(|name| !new.functions.contains_key(*name));
        let routines = self.routines.iter().chain(gone).map(|name| ObjectNode(ObjectKind::Function, name));
        let mut recreated: BTreeMap<&str, Vec<ObjectNode>> = BTreeMap::new();
        for node in routines.chain(self.tables.iter().map(|name| ObjectNode(ObjectKind::Table, name))) {
            recreated.entry(node.1.name()).or_default().push(node);
        }
        recreated
    }

    fn types_of(&self, table: &ObjectName) -> &BTreeSet<SqlIdent> {
        static NONE: BTreeSet<SqlIdent> = BTreeSet::new();
        self.types.get(table).unwrap_or(&NONE)
    }

    fn regenerated_of(&self, table: &ObjectName) -> &BTreeSet<SqlIdent> {
        static NONE: BTreeSet<SqlIdent> = BTreeSet::new();
        self.regenerated.get(table).unwrap_or(&NONE)
    }
}

/// Whether a text mentions one of the columns.
fn mentions(text: &str, columns: &BTreeSet<SqlIdent>) -> bool {
    !columns.is_empty() && words(text).any(|word| columns.contains(word.as_ref()))
}

/// Collects the steps and findings of a plan.
struct Planner<'a> {
    root: &'a FieldPath,
    new: &'a Schema,
    steps: Vec<MigrationStep>,
    findings: Vec<Diagnostic>,
    /// Hazards that the definition allows; `None` allows all.
    allow: Option<&'a BTreeMap<String, BTreeMap<Hazard, crate::values::Text>>>,
}

impl Planner<'_> {
    fn error(&self, code: Code, path: FieldPath) -> Diagnostic {
        Diagnostic::error(code, path)
    }

    /// Returns a path below the database.
    fn path(&self, steps: &[&str]) -> FieldPath {
        steps.iter().fold(self.root.clone(), |path, step| path.key(*step))
    }

    /// Whether a hazard of an object is allowed.
    fn allows(&self, object: &str, hazard: Hazard) -> bool {
        self.allow.is_none_or(|allow| allow.get(object).is_some_and(|hazards| hazards.contains_key(&hazard)))
    }

    /// Adds a step, and a finding for each of its hazards that the definition must allow.
    fn push(&mut self, step: MigrationStep) {
        for hazard in step.hazards.iter().filter(|hazard| hazard.needs_review()) {
            if self.allows(&step.object, *hazard) {
                continue;
            }
            let finding = self
                .error(Code::HazardNotAllowed, step.source.clone())
                .message(format!("{}: {}", step.why, hazard.what()))
                .hint(format!("if this is intended: `allow.\"{}\".{} = \"why\"`", step.object, hazard.id()));
            // One finding per object and hazard.
            if !self.findings.iter().any(|known| known.hint == finding.hint) {
                self.findings.push(finding);
            }
        }
        self.steps.push(step);
    }

    fn refuse(&mut self, code: Code, path: FieldPath, message: impl Into<String>, hint: &str) {
        let finding = self.error(code, path).message(message).hint(hint);
        self.findings.push(finding);
    }
}
