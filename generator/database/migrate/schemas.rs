//! Plans changes of schemas and extensions.

use super::comments_and_grants::{Described, minus};
use super::{Diff, MigrationStep, Phase, Planner};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;
use crate::values::SqlIdent;

/// Rank of schemas, which are created first.
const SCHEMAS: usize = 0;

/// Plans changes of schemas and extensions.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    let none = Namespace::default();
    for (name, new) in &diff.new.schemas {
        let path = planner.path(&["schemas", name.as_str()]);
        let old = diff.old.schemas.get(name);
        if old.is_none() && name.as_str() != PUBLIC {
            let step =
                MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the schema {name} is new"));
            planner.push(step.up(ddl::create_schema(name)).down(format!("DROP SCHEMA {};", quoted(name))));
        }
        let old = old.unwrap_or(&none);
        namespace(planner, name, old, new, &path, Phase::Create);
    }
    for (name, old) in diff.old.schemas.iter().filter(|(name, _)| !diff.new.schemas.contains_key(*name)) {
        let path = planner.path(&["schemas"]);
        if name.as_str() == PUBLIC {
            namespace(planner, name, old, &none, &path, Phase::Contract);
            continue;
        }
        let step = MigrationStep::new(Phase::Contract, name.as_str(), path, format!("the schema {name} is gone"));
        let mut down = vec![ddl::create_schema(name)];
        down.extend(ddl::grants("SCHEMA", &quoted(name), &old.grants));
        down.extend(default_privileges(name, &old.default_privileges, "GRANT"));
        if old.comment.is_some() {
            down.push(ddl::comment("SCHEMA", &quoted(name), old.comment.as_ref()));
        }
        planner.push(step.rank(usize::MAX).up(format!("DROP SCHEMA {};", quoted(name))).down(down.join("\n")));
    }
    extensions(planner, diff);
}

fn namespace(planner: &mut Planner, name: &SqlIdent, old: &Namespace, new: &Namespace, path: &FieldPath, phase: Phase) {
    let object = quoted(name);
    let described = Described { phase, rank: SCHEMAS, kind: "SCHEMA", object: &object, name: name.as_str(), path };
    described.comment(planner, old.comment.as_ref(), new.comment.as_ref());
    described.grants(planner, &old.grants, &new.grants);
    let (before, after) = (&old.default_privileges, &new.default_privileges);
    if before != after {
        let change = |from: &Grants<TablePrivilege>, to: &Grants<TablePrivilege>| {
            let mut sql = default_privileges(name, &minus(from, to), "REVOKE");
            sql.extend(default_privileges(name, &minus(to, from), "GRANT"));
            sql.join("\n")
        };
        let step = MigrationStep::new(
            phase,
            name.as_str(),
            path.key("default_privileges"),
            format!("{name}: default privileges"),
        );
        planner.push(step.up(change(before, after)).down(change(after, before)).hazard(Hazard::AuthzUpdate));
    }
}

fn default_privileges(schema: &SqlIdent, grants: &Grants<TablePrivilege>, word: &str) -> Vec<String> {
    let direction = if word == "GRANT" { "TO" } else { "FROM" };
    let given = grants.iter().filter(|(_, all)| !all.is_empty());
    given
        .map(|(role, all)| {
            format!(
                "ALTER DEFAULT PRIVILEGES IN SCHEMA {} {word} {} ON TABLES {direction} {};",
                quoted(schema),
                ddl::privileges(all.iter().copied()),
                ddl::role(role)
            )
        })
        .collect()
}

fn extensions(planner: &mut Planner, diff: &Diff) {
    let path = planner.path(&["extensions"]);
    for name in diff.new.extensions.difference(&diff.old.extensions) {
        let step =
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the extension {name} is new"));
        planner.push(step.up(ddl::create_extension(name)).down(format!("DROP EXTENSION \"{name}\";")));
    }
    for name in diff.old.extensions.difference(&diff.new.extensions) {
        let step =
            MigrationStep::new(Phase::Extensions, name.as_str(), path.clone(), format!("the extension {name} is gone"));
        let step = step.up(format!("DROP EXTENSION \"{name}\";")).down(ddl::create_extension(name));
        planner.push(step.hazard(Hazard::DeletesData));
    }
}
