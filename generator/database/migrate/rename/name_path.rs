//! The way of a name from one schema to another: a name is changed before or after the move, or through a free name, so that
//! no other object has one of the names.

use crate::database::model::*;

/// Returns the names that an object has one after the other, beginning with `from` and ending with `to`, which is free:
/// each differs from the one before either in the schema or in the name. `is_taken` tells whether another object has a
/// name.
pub(super) fn name_path(from: &ObjectName, to: &ObjectName, is_taken: impl Fn(&ObjectName) -> bool) -> Vec<ObjectName> {
    if from.schema() == to.schema() || from.name() == to.name() {
        return vec![from.clone(), to.clone()];
    }
    let moved_first = ObjectName::new_in(to.schema(), from.name());
    let renamed_first = ObjectName::new_in(from.schema(), to.name());
    if let Some(between) = [moved_first, renamed_first].into_iter().find(|name| !is_taken(name)) {
        return vec![from.clone(), between, to.clone()];
    }
    let free = free_name_in_both(from, to.schema(), is_taken);
    vec![from.clone(), from.in_same_schema(&free), to.in_same_schema(&free), to.clone()]
}

/// Returns a name that is free in the schema of an object and in a second schema.
pub(super) fn free_name_in_both(object: &ObjectName, schema: &str, is_taken: impl Fn(&ObjectName) -> bool) -> SqlName {
    let is_free = |name: &SqlName| {
        !is_taken(&object.in_same_schema(name)) && !is_taken(&ObjectName::new_in(schema, name.as_str()))
    };
    free_names(object.name()).find(is_free).unwrap_or_else(|| SqlName::truncated(object.name()))
}

/// Returns candidates for a free name: for `orders`, these are `orders_before`, `orders_before2`, …
pub(super) fn free_names(name: &str) -> impl Iterator<Item = SqlName> {
    let endings = std::iter::once(String::new()).chain((2..).map(|number: usize| number.to_string()));
    endings.map(move |ending| {
        let ending = format!("_before{ending}");
        SqlName::truncated(&format!("{}{ending}", prefix(name, LONGEST_NAME - ending.len())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Checked;

    #[test]
    fn a_name_moves_past_the_names_of_other_objects() {
        let way = |to: &str, taken: &[&str]| {
            let name = |text: &str| ObjectName::new(text).unwrap();
            let names = name_path(&name("x.t"), &name(to), |other| taken.contains(&other.as_str()));
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(way("y.t", &["y.u"]), "x.t y.t");
        assert_eq!(way("y.u", &[]), "x.t y.t y.u");
        assert_eq!(way("y.u", &["y.t"]), "x.t x.u y.u");
        assert_eq!(way("y.u", &["y.t", "x.u"]), "x.t x.t_before y.t_before y.u");
        assert_eq!(way("y.u", &["y.t", "x.u", "y.t_before"]), "x.t x.t_before2 y.t_before2 y.u");
    }
}
