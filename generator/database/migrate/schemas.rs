//! Plans changes of schemas and extensions.

use super::comments_and_grants::AnnotatedObject;
use super::diff::Diff;
use super::planner::Planner;
use super::step::{MigrationStep, Phase};
use crate::database::ddl;
use crate::database::extension_catalogue::{in_order_of_creation, in_order_of_removal};
use crate::database::hazard::Hazard;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};
use crate::values::{Checked, ExtensionName, Text};

/// Position of schemas in their phase: they are created before all other objects.
const SCHEMA_POSITION: usize = 0;

/// Position of the last steps before schemas are dropped.
const POSITION_BEFORE_SCHEMA_DROPS: usize = usize::MAX - 1;

/// Plans changes of schemas and extensions.
pub fn plan(planner: &mut Planner, diff: &Diff) {
    let empty_schema = Namespace::default();
    for (name, new) in &diff.new.schemas {
        let path = planner.path(&["schemas", name.as_str()]);
        let old = diff.old.schemas.get(name);
        // Every database has the schema `public`.
        if old.is_none() && name.as_str() != PUBLIC_SCHEMA {
            let step =
                MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the schema {name} is new"));
            let has_extension = diff.new.extensions_in(name.as_str()).next().is_some();
            let create = if has_extension { ddl::create_schema_of_extension(name) } else { ddl::create_schema(name) };
            planner.push(step.up(create).down(format!("DROP SCHEMA {};", quoted(name))));
        }
        let object = quoted(name);
        plan_schema(planner, &annotated_schema(Phase::Create, name, &object, &path), old.unwrap_or(&empty_schema), new);
    }
    for (name, old) in diff.old.schemas.iter().filter(|(name, _)| !diff.new.schemas.contains_key(*name)) {
        let path = planner.path(&["schemas"]);
        let object = quoted(name);
        if name.as_str() == PUBLIC_SCHEMA {
            plan_schema(planner, &annotated_schema(Phase::DropData, name, &object, &path), old, &empty_schema);
            continue;
        }
        // Extensions are removed last, in a separate migration.
        let is_removed = |extension: &&ExtensionName| !diff.new.extensions.contains_key(*extension);
        if let Some(extension) = diff.old.extensions_in(name.as_str()).find(is_removed) {
            planner.refuse(
                Code::ChangeRefused,
                path,
                format!("the schema {name} cannot be dropped together with its extension {extension}"),
                &format!("keep `schemas.{name}`, run `nself db new`, and remove the schema in a second migration"),
            );
            continue;
        }
        let step = MigrationStep::new(Phase::DropData, name.as_str(), path, format!("the schema {name} is gone"));
        let has_extension = diff.old.extensions_in(name.as_str()).next().is_some();
        let create = if has_extension { ddl::create_schema_of_extension(name) } else { ddl::create_schema(name) };
        let mut down = vec![create];
        down.extend(ddl::grants("SCHEMA", &object, old.rights()));
        down.extend(ddl::change_default_privileges(
            Some(&object),
            &empty_schema.default_privileges,
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
    let name = annotated_object.name;
    // A schema `public` without a comment in its definition has the one of every new database.
    let default_comment = (name == PUBLIC_SCHEMA).then(|| Text::wrap(PUBLIC_SCHEMA_COMMENT.into()));
    let comment = |schema: &Namespace| schema.comment.clone().or_else(|| default_comment.clone());
    annotated_object.plan_comment(planner, comment(old).as_ref(), comment(new).as_ref());
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
/// superuser, can remove it. The superuser's session creates, moves and updates extensions before the migration, so the
/// statements for this in the migration then have no effect.
fn plan_extensions(planner: &mut Planner, diff: &Diff) {
    let path = planner.path(&["extensions"]);
    let (old_extensions, new_extensions) = (&diff.old.extensions, &diff.new.extensions);
    for name in in_order_of_creation(&new_extensions.keys().cloned().collect()) {
        let Some(new) = new_extensions.get(&name) else { continue };
        if let Some(old) = old_extensions.get(&name) {
            plan_changed_extension(planner, diff, &name, (old, new), &path);
            continue;
        }
        let step =
            MigrationStep::new(Phase::Create, name.as_str(), path.clone(), format!("the extension {name} is new"));
        let step = step.up(ddl::create_extension(&name, new));
        planner.push(step.down(format!("DROP EXTENSION {};", quoted(&name))));
    }
    let removed = old_extensions.keys().filter(|name| !new_extensions.contains_key(*name)).cloned();
    for name in in_order_of_removal(&removed.collect()) {
        let Some(old) = old_extensions.get(&name) else { continue };
        let step =
            MigrationStep::new(Phase::Extensions, name.as_str(), path.clone(), format!("the extension {name} is gone"));
        let step = step.up(format!("DROP EXTENSION {};", quoted(&name))).down(ddl::create_extension(&name, old));
        planner.push(step.hazard(Hazard::DeletesData));
    }
}

/// Plans the change of the schema and of the version of an extension.
fn plan_changed_extension(
    planner: &mut Planner,
    diff: &Diff,
    name: &ExtensionName,
    (old, new): (&Extension, &Extension),
    path: &FieldPath,
) {
    let step = |why: String| MigrationStep::new(Phase::Create, name.as_str(), path.clone(), why);
    let (old_schema, new_schema) = (old.schema_of(name), new.schema_of(name));
    if old_schema != new_schema {
        // The move is the first statement of `up` and of `down`, because the other statements use its result. `down`
        // runs the steps in reverse, so the move back is in the last step.
        let new_schemas = diff.new.schemas.keys().filter(|schema| schema.as_str() == new_schema);
        let missing = new_schemas.filter(|schema| !diff.before_renames.schemas.contains_key(*schema));
        let missing = missing.filter(|schema| schema.as_str() != PUBLIC_SCHEMA);
        let mut up: Vec<String> = missing.map(ddl::create_schema_of_extension).collect();
        up.push(ddl::move_extension(name, new_schema));
        let why = format!("the extension {name} moves to the schema {new_schema}");
        planner.push(MigrationStep { phase: Phase::DropDependents, ..step(why).up(up.join("\n")) });
        let move_back =
            step(format!("`down` first moves the extension {name} back")).order_in_phase(POSITION_BEFORE_SCHEMA_DROPS);
        let move_back = move_back.down(ddl::move_extension(name, old_schema));
        planner.push(MigrationStep { phase: Phase::DropData, ..move_back });
    }
    match (&old.version, &new.version) {
        (old_version, Some(version)) if old_version.as_ref() != Some(version) => {
            let step = step(format!("the extension {name} has the version {version}"));
            let step = step.up(ddl::update_extension(name, version));
            planner.push(match old_version {
                Some(old_version) => step.down(ddl::update_extension(name, old_version)),
                None => step,
            });
        }
        // The extension keeps its version.
        (Some(_), None) => planner.push(step(format!("the version of the extension {name} is not fixed any more"))),
        _ => {}
    }
}
