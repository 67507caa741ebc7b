//! The databases on which a command works: their definitions in the stack, and their written migrations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::database::history::History;
use crate::database::ledger::ServiceAccess;
use crate::database::migrate::StepGroups;
use crate::database::model::Schema;
use crate::database::{self, allow};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::path;
use crate::plan;
use crate::project::migrations;
use crate::source::{self, Environment, Origins};
use crate::values::SqlIdent;

/// The databases that a command line selects.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The stack and how to read it.
    pub request: source::EvaluationRequest,
    /// Names of databases; empty for all databases of the stack.
    pub databases: Vec<String>,
}

/// The definition of a database.
#[derive(Clone)]
pub struct Definition {
    pub name: SqlIdent,
    pub schema: Schema,
    pub(super) origins: Origins,
    /// The access of services to rows.
    pub services: BTreeSet<ServiceAccess>,
}

impl Definition {
    /// Returns the role that runs the migrations, and owns the database and everything in it.
    pub fn owner(&self) -> SqlIdent {
        plan::migrations_role(&self.name)
    }

    /// Returns the path of the definition in the stack.
    pub(super) fn root(&self) -> FieldPath {
        path!("databases", self.name)
    }

    /// Plans the change from an older schema to this definition. Also returns warnings about entries of `allow` whose
    /// object does not exist.
    ///
    /// # Errors
    /// A change that cannot be planned, or a hazard that the definition does not allow.
    pub(super) fn plan(&self, old: &Schema) -> Result<(StepGroups, Vec<Diagnostic>), Vec<Diagnostic>> {
        let warnings = self.unknown_allowances(old);
        match database::migrate::plan(old, &self.schema, &self.root()) {
            Ok(groups) => Ok((groups, warnings)),
            Err(findings) => Err(self.locate(findings).into_iter().chain(warnings).collect()),
        }
    }

    /// Returns a warning for each entry of `allow` whose object is neither in the definition nor in the older schema.
    pub(super) fn unknown_allowances(&self, old: &Schema) -> Vec<Diagnostic> {
        self.locate(allow::unknown_objects(old, &self.schema, &self.root()))
    }

    /// Adds file and line to findings about the definition.
    pub(super) fn locate(&self, mut findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
        findings.iter_mut().for_each(|finding| self.origins.locate(finding));
        findings
    }
}

impl Selection {
    /// Returns a selection of the same databases in a different stack file.
    #[must_use]
    pub fn with_stack(&self, stack: &Path) -> Self {
        let mut selection = self.clone();
        selection.request.stack = stack.to_owned();
        selection.request.cache = selection.project().join(".nself");
        selection
    }

    /// Returns the folder of the stack file.
    pub fn project(&self) -> PathBuf {
        let parent = self.request.stack.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).to_owned()
    }

    /// Reads the definitions of the selected databases, which must be the same in every environment.
    ///
    /// # Errors
    /// The errors of reading the stack; NS710 for a definition that differs between environments, NS305 for a selected
    /// name that the stack does not define.
    pub(super) fn definitions(&self) -> Result<Vec<Definition>, Vec<Diagnostic>> {
        let loaded_stack = source::load(&self.request)?;
        let mut findings = loaded_stack.findings;
        let mut definitions = BTreeMap::new();
        for environment in loaded_stack.environments {
            findings.extend(add_definitions(environment, &mut definitions));
        }
        for name in self.databases.iter().filter(|name| !definitions.keys().any(|defined| defined.as_str() == *name)) {
            findings.push(
                Diagnostic::error(Code::UnknownDatabase, path!("databases", name))
                    .message(format!("the stack defines no database `{name}`"))
                    .hint("correct --database, or define the database in `databases` of the stack"),
            );
        }
        if findings.iter().any(Diagnostic::is_error) {
            return Err(findings);
        }
        let is_selected = |name: &SqlIdent| {
            self.databases.is_empty() || self.databases.iter().any(|selected| selected == name.as_str())
        };
        Ok(definitions.into_values().filter(|definition| is_selected(&definition.name)).collect())
    }

    /// Returns the definition of the only selected database. `reason` explains in messages why there must be exactly one,
    /// for example "--from and --to compare one database".
    ///
    /// # Errors
    /// The errors of [`Selection::definitions`]; NS305 with `reason` for no database or several.
    pub(super) fn single(&self, reason: &str) -> Result<Definition, Vec<Diagnostic>> {
        match <[Definition; 1]>::try_from(self.definitions()?) {
            Ok([definition]) => Ok(definition),
            Err(definitions) => Err(vec![not_one_database(reason, definitions.len())]),
        }
    }

    /// Reads and checks the migrations of a database.
    ///
    /// # Errors
    /// NS730 and NS732 if the files are not those that nself wrote.
    pub(super) fn history(&self, database: &SqlIdent) -> Result<History, Vec<Diagnostic>> {
        History::read(database, &migrations::read(&self.project(), database)?)
    }
}

/// Returns the finding for a command that needs exactly one database, which `reason` explains. `selected` is the number
/// of selected databases; none is selected only if the stack defines none.
pub(super) fn not_one_database(reason: &str, selected: usize) -> Diagnostic {
    let finding = Diagnostic::error(Code::UnknownDatabase, FieldPath::root());
    match selected {
        0 => finding
            .message(format!("{reason}, but the stack defines no database"))
            .hint("define the database in `databases` of the stack"),
        _ => finding
            .message(format!("{reason}, but several databases are selected"))
            .hint("select one with --database NAME"),
    }
}

/// Returns whether a finding about a definition is only a consequence of a field that was refused: it is about that field,
/// about an object that lacks it, or about a column that counts as undeclared. The path of an object has four steps:
/// `databases.shop.tables.orders`.
fn follows_refused(finding: &Diagnostic, refused: &FieldPath) -> bool {
    let is_object_with_field = finding.path.0.len() >= 4 && refused.starts_with(&finding.path);
    let lacks_field =
        finding.lacks.as_ref().is_some_and(|missing| missing.0.len() >= 6 && refused.starts_with(missing));
    finding.path.starts_with(refused) || is_object_with_field || lacks_field
}

/// Adds the definitions of one environment to those of the other environments. Returns findings about the definitions,
/// including those that differ from an environment that was added before.
fn add_definitions(environment: Environment, definitions: &mut BTreeMap<SqlIdent, Definition>) -> Vec<Diagnostic> {
    let (environment_definitions, mut findings) = plan::definitions(&environment.stack);
    let refused: Vec<&FieldPath> = environment.refused.iter().chain(&environment.broken).collect();
    findings.retain(|finding| !refused.iter().any(|refused| follows_refused(finding, refused)));
    for finding in &mut findings {
        environment.locate(finding);
    }
    for (name, (mut schema, services)) in environment_definitions {
        // Rows may differ between environments; migrations do not contain them.
        schema.seeds.clear();
        let definition = definitions.entry(name.clone()).or_insert_with(|| Definition {
            name: name.clone(),
            schema: schema.clone(),
            origins: environment.origins.clone(),
            services: BTreeSet::new(),
        });
        definition.services.extend(services);
        if definition.schema != schema {
            let mut finding = Diagnostic::error(Code::SchemaInvalid, path!("databases", name))
                .message(format!("`{name}` differs between environments"))
                .hint("define the same tables in all environments; only data such as `seeds.local` may differ");
            environment.origins.locate(&mut finding);
            findings.push(finding);
        }
    }
    findings
}
