//! A set of field paths that can find ancestors and children of a path without a search through all paths.

use std::collections::BTreeSet;

use crate::diagnostic::FieldPath;

/// A sorted set of field paths, in which each path directly precedes all paths below it.
#[derive(Debug, Clone, Default)]
pub struct PathSet(BTreeSet<FieldPath>);

impl PathSet {
    /// Adds a path. Returns whether it was not in the set.
    pub fn insert(&mut self, path: FieldPath) -> bool {
        self.0.insert(path)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, path: &FieldPath) -> bool {
        self.0.contains(path)
    }

    /// Returns whether the set contains the path or an ancestor of it.
    pub fn covers(&self, path: &FieldPath) -> bool {
        !self.0.is_empty() && (0..=path.0.len()).any(|length| self.0.contains(&FieldPath(path.0[..length].to_vec())))
    }

    /// Returns whether the set contains a direct child of the path.
    pub fn contains_child_of(&self, path: &FieldPath) -> bool {
        let descendants = self.0.range(path.clone()..).take_while(|field| field.starts_with(path));
        descendants.into_iter().any(|field| field.0.len() == path.0.len() + 1)
    }

    /// Returns the paths in sorted order.
    pub fn into_vec(self) -> Vec<FieldPath> {
        self.0.into_iter().collect()
    }
}

impl FromIterator<FieldPath> for PathSet {
    fn from_iter<I: IntoIterator<Item = FieldPath>>(fields: I) -> Self {
        PathSet(fields.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;

    #[test]
    fn a_path_covers_only_itself_and_paths_below_it() {
        let fields: PathSet = [path!("services", "orders"), path!("a", "b", "c")].into_iter().collect();
        assert!(fields.covers(&path!("services", "orders")));
        assert!(fields.covers(&path!("services", "orders", "port")));
        assert!(!fields.covers(&path!("services", "orders-2")));
        assert!(!fields.covers(&path!("services")));
        assert!(fields.contains_child_of(&path!("services")));
        assert!(fields.contains_child_of(&path!("a", "b")));
        assert!(!fields.contains_child_of(&path!("a")));
        assert!(!fields.contains_child_of(&path!("services", "orders")));
    }
}
