//! `CREATE VIEW` and `CREATE MATERIALIZED VIEW`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{AtNode, Parsed, Parts, idents, object_name, tokens, unsupported};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE VIEW or CREATE MATERIALIZED VIEW.
    pub(super) fn create_view(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let materialized = node.kind() == CREATE_MATERIALIZED_VIEW;
        let or_replace = parts.take_node(OR_REPLACE).is_some();
        let if_not_exists = parts.take_node(IF_NOT_EXISTS).is_some();
        let name = object_name(&parts.require(VIEW)?)?;
        self.object_in_messages = format!("the view {name}");
        if if_not_exists && self.leaves_out_second_relation("CREATE MATERIALIZED VIEW", &name, node) {
            return Ok(());
        }
        let mut view = new_view(materialized);
        if let Some(options) = parts.take_node(WITH_PARAMS) {
            read_options(&mut view, &options)?;
        }
        // `View` does not record whether a materialised view is filled.
        parts.take_node(WITH_NO_DATA);
        parts.take_node(WITH_DATA);
        Self::take_default_access_method(&mut parts)?;
        self.leave_out_tablespace(&mut parts);
        if let Some(columns) = parts.take_node(COLUMN_LIST) {
            view.columns = idents(&columns, COLUMN_NAME)?;
        }
        if let Some(clause) = parts.take_node(WITH_CHECK_OPTION) {
            let is_local = clause.children().any(|part| part.kind() == LOCAL_CHECK_OPTION);
            view.check_option = if is_local { CheckOption::Local } else { CheckOption::Cascaded };
        }
        let query = parts.take_any()?;
        let mut text = self.text_without_stars(&query)?;
        let is_recursive = parts.take_token("RECURSIVE");
        if is_recursive {
            // As on the server, the query reads its own rows under the name of the view.
            let (view_name, columns) = (quoted_if_needed(name.name()), names_in_sql(&view.columns));
            text = format!("WITH RECURSIVE {view_name} ({columns}) AS ({text}) SELECT {columns} FROM {view_name}");
        }
        view.query = Query::new(&text).map_err(|reason| format!("its query: {reason}")).at(&query)?;
        parts.refuse_rest_except("CREATE VIEW MATERIALIZED AS ;")?;
        let mut column_order = self.output_columns(&query).unwrap_or_default();
        // The names in brackets after the name of the view replace those of the first columns.
        for (column, name) in column_order.iter_mut().zip(&view.columns) {
            column.clone_from(name);
        }
        // The query of a recursive view already has the names.
        if is_recursive {
            column_order = std::mem::take(&mut view.columns);
        }
        self.column_order.insert(name.clone(), column_order);
        if let Some(earlier) = self.schema.views.get(&name)
            && or_replace
        {
            keep_parts(earlier, &mut view);
            // The earlier place would count as a second view of this name.
            self.declared_at.remove(&format!("views.{name}"));
        } else {
            self.grant_defaults(&GrantObject::Relation(name.clone()), name.schema(), node);
        }
        self.record_declaration("views", name.as_str(), node)?;
        self.schema.views.insert(name, view);
        Ok(())
    }
}

/// Copies the parts of a view that CREATE OR REPLACE keeps: comments, defaults and triggers. Grants are resolved after
/// the whole file.
fn keep_parts(earlier: &View, view: &mut View) {
    view.comment.clone_from(&earlier.comment);
    view.column_comments.clone_from(&earlier.column_comments);
    view.column_defaults.clone_from(&earlier.column_defaults);
    view.triggers.clone_from(&earlier.triggers);
}

/// Returns names as a list in SQL, such as `id, "order"`.
fn names_in_sql(names: &[SqlName]) -> String {
    names.iter().map(|name| quoted_if_needed(name.as_str())).collect::<Vec<_>>().join(", ")
}

/// Returns a view without a query and options.
fn new_view(materialized: bool) -> View {
    View {
        // A placeholder until the query has been read.
        query: Query::wrap("SELECT".into()),
        materialized,
        // Without `security_invoker`, a plain view uses the rights of its owner: `false`. A materialised view cannot
        // have the option and gets the model's default: `true`.
        security_invoker: materialized,
        security_barrier: false,
        check_option: CheckOption::default(),
        columns: Vec::new(),
        indexes: Default::default(),
        triggers: Default::default(),
        depends_on: Default::default(),
        grants: Default::default(),
        grant_options: Default::default(),
        comment: None,
        column_grants: Default::default(),
        column_grant_options: Default::default(),
        column_comments: Default::default(),
        column_defaults: Default::default(),
    }
}

/// Returns whether a list in a query has `*` or `t.*`.
pub fn selects_all(query: &SyntaxNode) -> bool {
    query.descendants().any(|node| {
        node.kind() == SyntaxKind::TARGET && tokens(&node).last().is_some_and(|token| token.kind() == SyntaxKind::STAR)
    })
}

/// Reads the options of a view in brackets, such as `(security_invoker = true)`.
pub fn read_options(view: &mut View, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let mut list = Parts::of(&parts.require(SyntaxKind::ATTRIBUTE_LIST)?);
    for option in list.take_all(SyntaxKind::ATTRIBUTE_OPTION) {
        let words: Vec<String> = tokens(&option).map(|token| token.text().trim_matches('\'').to_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let is_on = match words.as_slice() {
            [_] | [_, "=", "true" | "on" | "1" | "yes"] => Some(true),
            [_, "=", "false" | "off" | "0" | "no"] => Some(false),
            _ => None,
        };
        match (words[0], is_on, words.get(2).copied()) {
            ("security_invoker", Some(is_on), _) => view.security_invoker = is_on,
            ("security_barrier", Some(is_on), _) if !view.materialized => view.security_barrier = is_on,
            ("check_option", _, Some("local")) => view.check_option = CheckOption::Local,
            ("check_option", _, Some("cascaded")) => view.check_option = CheckOption::Cascaded,
            _ => return unsupported(&option, format!("nself cannot represent the option `{}`", words[0])),
        }
    }
    Ok(())
}

/// Reads RESET of options of a view, which then have the values of a view that is created without them.
pub fn reset_options(view: &mut View, node: &SyntaxNode) -> Parsed<()> {
    let mut parts = Parts::of(node);
    let mut list = Parts::of(&parts.require(SyntaxKind::ATTRIBUTE_LIST)?);
    for option in list.take_all(SyntaxKind::ATTRIBUTE_OPTION) {
        let name: String = tokens(&option).map(|token| token.text().to_lowercase()).collect();
        match name.as_str() {
            "security_invoker" if !view.materialized => view.security_invoker = false,
            "security_barrier" if !view.materialized => view.security_barrier = false,
            "check_option" => view.check_option = CheckOption::default(),
            _ => return unsupported(&option, format!("nself cannot represent the option `{name}`")),
        }
    }
    Ok(())
}
