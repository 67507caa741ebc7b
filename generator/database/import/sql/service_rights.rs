//! Rights that the setup job, which creates the databases and roles on the server, grants to the role of a service, as
//! default privileges of the owner: on the rows of all tables, on sequences and schemas. These rights follow from the
//! service's access in the stack, so they are not part of a definition.

use std::collections::{BTreeMap, BTreeSet};

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::database::model::{
    Grants, Namespace, ObjectName, PUBLIC_SCHEMA, Privilege, Schema, SchemaPrivilege, SequencePrivilege, TablePrivilege,
};
use crate::values::{Checked, SqlIdent};

/// A kind of object on which the setup job grants rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServiceRightTarget {
    Tables,
    Sequences,
    Schemas,
}

impl ServiceRightTarget {
    /// Returns the kind of object for a node after ON, such as TABLES; `None` for other kinds.
    fn from_kind(kind: SyntaxKind) -> Option<ServiceRightTarget> {
        match kind {
            SyntaxKind::PRIVILEGE_TARGET_TABLES => Some(ServiceRightTarget::Tables),
            SyntaxKind::PRIVILEGE_TARGET_SEQUENCES => Some(ServiceRightTarget::Sequences),
            SyntaxKind::PRIVILEGE_TARGET_SCHEMAS => Some(ServiceRightTarget::Schemas),
            _ => None,
        }
    }

    /// Returns the word for such objects in messages.
    pub fn plural(self) -> &'static str {
        match self {
            ServiceRightTarget::Tables => "tables",
            ServiceRightTarget::Sequences => "sequences",
            ServiceRightTarget::Schemas => "schemas",
        }
    }

    /// Returns the names of the privileges that the setup job grants, in alphabetical order.
    fn privileges(self) -> &'static [&'static str] {
        match self {
            ServiceRightTarget::Tables => &["delete", "insert", "select", "update"],
            ServiceRightTarget::Sequences => &["select", "usage"],
            ServiceRightTarget::Schemas => &["usage"],
        }
    }
}

/// The rights that the setup job grants to roles of services.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceRights {
    /// The roles with rights in all schemas, by kind of object.
    in_all_schemas: BTreeMap<ServiceRightTarget, BTreeSet<SqlIdent>>,
    in_one_schema: BTreeSet<SchemaRight>,
    /// Whether a setup job recorded rights on the server.
    has_record: bool,
}

/// What a role may do in a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    /// Create objects.
    Own,
    Use,
    Read,
    Write,
}

/// The right of a role in one schema.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct SchemaRight {
    role: SqlIdent,
    schema: String,
    level: Level,
}

impl SchemaRight {
    /// Reads a line of a server's record: role, level, schema and owner. `None` for rights that are not in one schema, and
    /// for those in schemas of services.
    fn read(line: &str) -> Option<SchemaRight> {
        let mut words = line.split(' ');
        let role = SqlIdent::new(words.next()?).ok()?;
        let level = match words.next()? {
            "owner" => Level::Own,
            "use" => Level::Use,
            "read" => Level::Read,
            "write" => Level::Write,
            _ => return None,
        };
        Some(SchemaRight { role, schema: words.next()?.to_owned(), level })
    }

    fn on_schema(&self) -> &'static [SchemaPrivilege] {
        match self.level {
            Level::Own => &[SchemaPrivilege::Usage, SchemaPrivilege::Create],
            Level::Use | Level::Read | Level::Write => &[SchemaPrivilege::Usage],
        }
    }

    fn on_tables(&self) -> &'static [TablePrivilege] {
        use TablePrivilege::{Delete, Insert, Select, Update};
        match self.level {
            Level::Own | Level::Use => &[],
            Level::Read => &[Select],
            Level::Write => &[Select, Insert, Update, Delete],
        }
    }

    fn on_sequences(&self) -> &'static [SequencePrivilege] {
        match self.level {
            Level::Own | Level::Use | Level::Read => &[],
            Level::Write => &[SequencePrivilege::Usage, SequencePrivilege::Select],
        }
    }

    /// Removes privileges from grants, unless the role may grant some of them to others.
    fn remove<P: Privilege>(&self, privileges: &[P], grants: &mut Grants<P>, options: &Grants<P>) {
        if options.contains_key(&self.role) {
            return;
        }
        if let Some(held) = grants.get_mut(&self.role) {
            held.retain(|privilege| !privileges.contains(privilege));
            if held.is_empty() {
                grants.remove(&self.role);
            }
        }
    }

    /// Removes the right from the grants and default privileges of a schema of the database.
    fn remove_from(&self, definition: &mut Schema) {
        let is_in_schema = |name: &ObjectName| name.schema() == self.schema;
        if let Some(namespace) = definition.schemas.get_mut(self.schema.as_str()) {
            self.remove(self.on_schema(), &mut namespace.grants, &namespace.grant_options);
            self.remove(self.on_tables(), &mut namespace.default_privileges.tables, &Grants::new());
            self.remove(self.on_sequences(), &mut namespace.default_privileges.sequences, &Grants::new());
        }
        if definition.schemas.get(PUBLIC_SCHEMA) == Some(&Namespace::default()) {
            definition.schemas.remove(PUBLIC_SCHEMA);
        }
        for (_, table) in definition.tables.iter_mut().filter(|(name, _)| is_in_schema(name)) {
            self.remove(self.on_tables(), &mut table.grants, &table.grant_options);
            for column in table.columns.values_mut() {
                self.remove(self.on_sequences(), &mut column.identity_grants, &column.identity_grant_options);
            }
        }
        for (_, view) in definition.views.iter_mut().filter(|(name, _)| is_in_schema(name)) {
            self.remove(self.on_tables(), &mut view.grants, &view.grant_options);
        }
        for (_, sequence) in definition.sequences.iter_mut().filter(|(name, _)| is_in_schema(name)) {
            self.remove(self.on_sequences(), &mut sequence.grants, &sequence.grant_options);
        }
    }
}

impl ServiceRights {
    /// Returns the kind of object in a clause `GRANT … ON …` if the privileges are exactly those that the setup job
    /// grants.
    pub fn exact_target(clause: &SyntaxNode, privileges: Option<&BTreeSet<String>>) -> Option<ServiceRightTarget> {
        let target = clause.children().find_map(|child| ServiceRightTarget::from_kind(child.kind()))?;
        let privileges = privileges?.iter().map(String::as_str);
        privileges.eq(target.privileges().iter().copied()).then_some(target)
    }

    /// Reads the rights in the record of a server's setup job. Each line has four words: role, level, schema and owner.
    pub fn of_record(lines: &str) -> ServiceRights {
        let mut rights = ServiceRights { has_record: !lines.trim().is_empty(), ..ServiceRights::default() };
        rights.in_one_schema.extend(lines.lines().filter_map(SchemaRight::read));
        let role = |line: &str| SqlIdent::new(line.split_once(" everything ")?.0).ok();
        for role in lines.lines().filter_map(role) {
            use ServiceRightTarget::{Schemas, Sequences, Tables};
            for target in [Tables, Sequences, Schemas] {
                rights.insert(target, role.clone());
            }
        }
        rights
    }

    /// Adds the rights of a role on a kind of object. Returns whether they are new.
    pub fn insert(&mut self, target: ServiceRightTarget, role: SqlIdent) -> bool {
        self.in_all_schemas.entry(target).or_default().insert(role)
    }

    /// Returns whether a setup job recorded rights on the server.
    pub fn has_record(&self) -> bool {
        self.has_record
    }

    /// Returns the roles that may use rows.
    pub fn roles_with_rows(&self) -> BTreeSet<&SqlIdent> {
        let in_one_schema = self.in_one_schema.iter().filter(|right| matches!(right.level, Level::Read | Level::Write));
        self.in_all_schemas.values().flatten().chain(in_one_schema.map(|right| &right.role)).collect()
    }

    /// Returns whether the setup job grants a privilege to a role.
    pub fn contains(&self, target: ServiceRightTarget, role: &SqlIdent, privilege: &str) -> bool {
        let has_rights = self.in_all_schemas.get(&target).is_some_and(|roles| roles.contains(role));
        has_rights && target.privileges().iter().any(|name| name.eq_ignore_ascii_case(privilege))
    }

    /// Removes the rights from the grants of a schema.
    pub fn remove_from(&self, schema: &mut Schema) {
        self.in_one_schema.iter().for_each(|right| right.remove_from(schema));
        let defaults = &mut schema.default_privileges;
        self.remove_from_grants(ServiceRightTarget::Tables, &mut defaults.tables, &Grants::new());
        self.remove_from_grants(ServiceRightTarget::Sequences, &mut defaults.sequences, &Grants::new());
        self.remove_from_grants(ServiceRightTarget::Schemas, &mut defaults.schemas, &Grants::new());
        for namespace in schema.schemas.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Schemas, &mut namespace.grants, &namespace.grant_options);
        }
        for table in schema.tables.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Tables, &mut table.grants, &table.grant_options);
            self.event_roles().for_each(|role| {
                let right = SchemaRight { role: role.clone(), schema: String::new(), level: Level::Use };
                right.remove(&[TablePrivilege::Trigger], &mut table.grants, &table.grant_options);
            });
            for column in table.columns.values_mut() {
                let options = &column.identity_grant_options;
                self.remove_from_grants(ServiceRightTarget::Sequences, &mut column.identity_grants, options);
            }
        }
        for view in schema.views.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Tables, &mut view.grants, &view.grant_options);
        }
        for sequence in schema.sequences.values_mut() {
            self.remove_from_grants(ServiceRightTarget::Sequences, &mut sequence.grants, &sequence.grant_options);
        }
    }

    /// Returns the roles that use the rows of all schemas and own a schema, as that of Hasura does. The runner of migrations
    /// lets it create triggers on the tables of its events.
    fn event_roles(&self) -> impl Iterator<Item = &SqlIdent> {
        let users =
            self.in_one_schema.iter().filter(|right| matches!(right.level, Level::Use)).map(|right| &right.role);
        let with_rows = self.in_all_schemas.get(&ServiceRightTarget::Tables);
        users.filter(move |role| with_rows.is_some_and(|roles| roles.contains(*role)))
    }

    /// Removes the rights from grants, except for privileges that the role may grant to others.
    fn remove_from_grants<P: Privilege>(
        &self,
        target: ServiceRightTarget,
        grants: &mut Grants<P>,
        options: &Grants<P>,
    ) {
        for (role, privileges) in grants.iter_mut() {
            let may_grant = |privilege: &P| options.get(role).is_some_and(|options| options.contains(privilege));
            privileges.retain(|privilege| may_grant(privilege) || !self.contains(target, role, privilege.sql()));
        }
        grants.retain(|_, privileges| !privileges.is_empty());
    }
}

#[cfg(test)]
mod tests;
