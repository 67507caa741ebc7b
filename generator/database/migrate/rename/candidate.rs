//! Decides whether an object of the new schema is a renamed object of the old schema.

use std::collections::BTreeMap;

use crate::database::migrate::planner::Planner;
use crate::database::model::*;
use crate::diagnostic::{Code, FieldPath};

/// An object of the new schema that may be a renamed object of the old schema.
pub(super) struct RenameCandidate<'a> {
    pub name: &'a ObjectName,
    /// The old name in the definition, if it declares a rename.
    pub renamed_from: Option<&'a SqlName>,
    pub path: &'a FieldPath,
}

/// What `renamed_from` of an object means.
pub(super) enum PendingRename {
    /// The object of this old name must be renamed.
    Of(ObjectName),
    /// Nothing is to be renamed: it was done before, or was refused.
    None,
    /// Objects exchange their names, which was refused.
    Exchanged,
}

impl RenameCandidate<'_> {
    /// Returns the old name of the object if it must be renamed: the old schema has an object with the old name and
    /// none with the new name. `renamed_from` may stay in the definition after the rename. If objects exchange their
    /// names, which is refused, the old ones become equal to the new ones, so that they have no further findings.
    pub fn old_name<T: Clone>(
        &self,
        planner: &mut Planner,
        (old, new): (&mut BTreeMap<ObjectName, T>, &BTreeMap<ObjectName, T>),
        renamed_from: impl Fn(&T) -> Option<&SqlName>,
    ) -> Option<ObjectName> {
        let old_name = self.name.in_same_schema(self.renamed_from?);
        let declared_name = |name: &ObjectName| Some(name.in_same_schema(renamed_from(new.get(name)?)?));
        match self.pending_rename(planner, old_name, (&*old, new), declared_name) {
            PendingRename::Of(name) => Some(name),
            PendingRename::None => None,
            PendingRename::Exchanged => {
                old.extend(new.get_key_value(self.name).map(|(name, object)| (name.clone(), object.clone())));
                None
            }
        }
    }

    /// Returns whether the rename is still to be planned. `declared_name` returns the old name that the definition
    /// declares for an object.
    pub fn pending_rename<T>(
        &self,
        planner: &mut Planner,
        old_name: ObjectName,
        (old, new): (&BTreeMap<ObjectName, T>, &BTreeMap<ObjectName, T>),
        declared_name: impl Fn(&ObjectName) -> Option<ObjectName>,
    ) -> PendingRename {
        let name = self.name;
        let path = self.path.key("renamed_from");
        let exchanged = exchanged_names(name, |name| {
            declared_name(name).filter(|declared| old.contains_key(declared) && new.contains_key(declared))
        });
        if let Some(names) = exchanged {
            // One finding for all objects that exchange their names.
            if names.iter().all(|other| name <= other) {
                let (message, hint) = words_about_exchange(&names);
                planner.refuse(Code::RenameClash, path, message, &hint);
            }
            return PendingRename::Exchanged;
        }
        if !old.contains_key(&old_name) || old_name == *name {
            return PendingRename::None;
        }
        let (is_name_old, is_old_name_new) = (old.contains_key(name), new.contains_key(&old_name));
        if is_name_old || is_old_name_new {
            let message = format!("`{old_name}` cannot be renamed to `{name}`: both exist");
            let hint = match (is_name_old, is_old_name_new) {
                (true, true) => "remove `renamed_from`, or one of the two objects".to_owned(),
                (true, false) => format!(
                    "remove `renamed_from`, or first remove or rename the old `{name}` and keep `{old_name}` (`nself db new`)"
                ),
                (false, _) => format!(
                    "remove `renamed_from`, or rename first (`nself db new`) and add the new `{old_name}` in the next migration"
                ),
            };
            planner.refuse(Code::RenameClash, path, message, &hint);
            return PendingRename::None;
        }
        PendingRename::Of(old_name)
    }
}

/// Returns the cycle of names that objects exchange, beginning with `name`: after each name comes the old name of its
/// object, and the old name of the last object is `name`. `None` without a cycle. `old_name` returns an object's old name.
pub(super) fn exchanged_names<T: Clone + PartialEq>(name: &T, old_name: impl Fn(&T) -> Option<T>) -> Option<Vec<T>> {
    let mut names = vec![name.clone()];
    loop {
        let next = old_name(names.last()?)?;
        if next == *name {
            return (names.len() > 1).then_some(names);
        }
        if names.contains(&next) {
            return None;
        }
        names.push(next);
    }
}

/// Returns the message and the hint about objects or columns that exchange their names.
pub(super) fn words_about_exchange<T: std::fmt::Display>(names: &[T]) -> (String, String) {
    let all = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!("{all} exchange their names, which `renamed_from` cannot express");
    let hint =
        "remove `renamed_from` if they did so already; otherwise give one of them a free name in a first migration \
                (`nself db new`), the others their new names in a second one, and the first its new name in a third one"
            .to_owned();
    (message, hint)
}
