//! A set of fields that answers for what lies above and below them, without looking at each.

use std::collections::BTreeSet;

use crate::diagnostic::FieldPath;

/// PathSet by path. A path sorts right before everything below it.
#[derive(Debug, Clone, Default)]
pub struct PathSet(BTreeSet<FieldPath>);

impl PathSet {
    /// Whether the field was not in the set.
    pub fn insert(&mut self, path: FieldPath) -> bool {
        self.0.insert(path)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn contains(&self, path: &FieldPath) -> bool {
        self.0.contains(path)
    }

    /// Whether the field or one above it is in the set.
    pub fn cover(&self, path: &FieldPath) -> bool {
        !self.0.is_empty() && (0..=path.0.len()).any(|steps| self.0.contains(&FieldPath(path.0[..steps].to_vec())))
    }

    /// Whether a field directly below is in the set.
    pub fn hold_child_of(&self, path: &FieldPath) -> bool {
        let below = self.0.range(path.clone()..).take_while(|field| field.starts_with(path));
        below.into_iter().any(|field| field.0.len() == path.0.len() + 1)
    }

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
    fn a_field_covers_what_is_below_it_and_nothing_else() {
        let fields: PathSet = [path!("services", "orders"), path!("a", "b", "c")].into_iter().collect();
        assert!(fields.cover(&path!("services", "orders")));
        assert!(fields.cover(&path!("services", "orders", "port")));
        assert!(!fields.cover(&path!("services", "orders-2")));
        assert!(!fields.cover(&path!("services")));
        assert!(fields.hold_child_of(&path!("services")));
        assert!(fields.hold_child_of(&path!("a", "b")));
        assert!(!fields.hold_child_of(&path!("a")));
        assert!(!fields.hold_child_of(&path!("services", "orders")));
    }
}
