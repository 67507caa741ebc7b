//! Plans changes of schemas and extensions.

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::FieldPath;

/// Position of schemas in their phase: they are created before all other objects.
const SCHEMA_POSITION: usize = 0;

/// Plans changes of schemas and extensions.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    let no_schema = Namespace::default();
    for (name, new) in &diff.new.schemas {
        let path = planner.path(&["schemas", name.as_str()]);
        let old = diff.old.schemas.get(name);
        // Every database has the schema `public`.
        if old.is_none() && name.as_str() != PUBLIC_SCHEMA {
            let step =
                MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the schema {name} is new"));
            planner.push(step.up(ddl::create_schema(name)).down(format!("DROP SCHEMA {};", quoted(name))));
        }
        let object = quoted(name);
        plan_schema(planner, &annotated_schema(Phase::Create, name, &object, &path), old.unwrap_or(&no_schema), new);
    }
    for (name, old) in diff.old.schemas.iter().filter(|(name, _)| !diff.new.schemas.contains_key(*name)) {
        let path = planner.path(&["schemas"]);
        let object = quoted(name);
        if name.as_str() == PUBLIC_SCHEMA {
            plan_schema(planner, &annotated_schema(Phase::DropData, name, &object, &path), old, &no_schema);
            continue;
        }
        let step = MigrationStep::new(Phase::DropData, name.as_str(), path, format!("the schema {name} is gone"));
        let mut down = vec![ddl::create_schema(name)];
        down.extend(ddl::grants("SCHEMA", &object, old.rights()));
        down.extend(ddl::change_default_privileges(
            Some(&object),
            &no_schema.default_privileges,
            &old.default_privileges,
        ));
        if old.comment.is_some() {
            down.push(ddl::comment("SCHEMA", &object, old.comment.as_ref()));
        }
        // This step has the last position, since the schema is empty only after all its objects have been dropped.
        planner.push(step.order_in_phase(usize::MAX).up(format!("DROP SCHEMA {object};")).down(down.join("\n")));
    }
    let (old, new) = (&diff.old.default_privileges, &diff.new.default_privileges);
    if old != new {
        let change = |from, to| ddl::change_default_privileges(None, from, to).join("\n");
        let path = planner.path(&["default_privileges"]);
        let step = MigrationStep::new(Phase::Create, "default_privileges", path, "default privileges of the database");
        planner.push(step.up(change(old, new)).down(change(new, old)).hazard(Hazard::AuthzUpdate));
    }
    plan_extensions(planner, diff);
}

/// Returns a schema as an object with a comment and grants. `object` is its name in SQL.
fn annotated_schema<'a>(phase: Phase, name: &'a SqlName, object: &'a str, path: &'a FieldPath) -> AnnotatedObject<'a> {
    AnnotatedObject { phase, order_in_phase: SCHEMA_POSITION, kind: "SCHEMA", object, name: name.as_str(), path }
}

/// Plans changes of the comment, the grants and the default privileges of a schema.
fn plan_schema(planner: &mut Planner, annotated_object: &AnnotatedObject, old: &Namespace, new: &Namespace) {
    annotated_object.plan_comment(planner, old.comment.as_ref(), new.comment.as_ref());
    let name = annotated_object.name;
    let (old_grants, new_grants) = (old.effective_grants(name), new.effective_grants(name));
    let old_rights = Rights::new(&old_grants, &old.grant_options);
    annotated_object.plan_grants(planner, old_rights, Rights::new(&new_grants, &new.grant_options));
    let (old, new) = (&old.default_privileges, &new.default_privileges);
    if old != new {
        let change = |from, to| ddl::change_default_privileges(Some(annotated_object.object), from, to).join("\n");
        let path = annotated_object.path.key("default_privileges");
        let step = MigrationStep::new(annotated_object.phase, name, path, format!("{name}: default privileges"));
        planner.push(step.up(change(old, new)).down(change(new, old)).hazard(Hazard::AuthzUpdate));
    }
}

/// Plans changes of extensions. They are removed in a separate phase, since only the role that created an extension, or a
/// superuser, can remove it.
fn plan_extensions(planner: &mut Planner, diff: &Diff) {
    let path = planner.path(&["extensions"]);
    for name in diff.new.extensions.difference(&diff.old.extensions) {
        let step =
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the extension {name} is new"));
        planner.push(step.up(ddl::create_extension(name)).down(format!("DROP EXTENSION {};", quoted(name))));
    }
    for name in diff.old.extensions.difference(&diff.new.extensions) {
        let step =
            MigrationStep::new(Phase::Extensions, name.as_str(), path.clone(), format!("the extension {name} is gone"));
        let step = step.up(format!("DROP EXTENSION {};", quoted(name))).down(ddl::create_extension(name));
        planner.push(step.hazard(Hazard::DeletesData));
    }
}
