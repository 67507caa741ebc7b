//! `CREATE VIEW` and `CREATE MATERIALIZED VIEW`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::Reader;
use super::tree::{AtNode, Parsed, Parts, object_name, tokens, unsupported, without_comments};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE VIEW or CREATE MATERIALIZED VIEW.
    pub(super) fn create_view(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let materialized = node.kind() == CREATE_MATERIALIZED_VIEW;
        let replaces = parts.take_node(OR_REPLACE).is_some();
        parts.take_node(IF_NOT_EXISTS);
        let name = object_name(&parts.require(VIEW)?)?;
        self.object_in_messages = format!("the view {name}");
        let mut view = View {
            // A placeholder until the query has been read.
            query: Query::wrap("SELECT".into()),
            materialized,
            // Without `security_invoker`, a plain view uses the rights of its owner: `false`. A materialised view cannot
            // have the option and gets the model's default: `true`.
            security_invoker: materialized,
            indexes: Default::default(),
            triggers: Default::default(),
            depends_on: Default::default(),
            grants: Default::default(),
            grant_options: Default::default(),
            comment: None,
            column_comments: Default::default(),
        };
        if let Some(options) = parts.take_node(WITH_PARAMS) {
            view.security_invoker = read_security_invoker(&options)?;
        }
        // `View` does not record whether a materialised view is filled.
        parts.take_node(WITH_NO_DATA);
        parts.take_node(WITH_DATA);
        if let Some(columns) = parts.take_node(COLUMN_LIST) {
            return unsupported(
                &columns,
                "nself cannot represent names of columns before the query; write `AS name` in the query",
            );
        }
        let query = parts.take_any()?;
        if selects_all(&query) {
            let reason = "nself cannot represent `*` in the columns of a view, since the server replaces it when the view \
                          is created; write the names of the columns";
            return unsupported(&query, reason);
        }
        let text = without_comments(&query.text().to_string());
        view.query = Query::new(&text).map_err(|reason| format!("its query: {reason}")).at(&query)?;
        parts.refuse_rest_except("CREATE VIEW MATERIALIZED AS ;")?;
        if let Some(earlier) = self.schema.views.get(&name)
            && replaces
        {
            // CREATE OR REPLACE keeps comments and triggers; grants are resolved after the whole file. The earlier place would
            // count as a second view of this name.
            view.comment.clone_from(&earlier.comment);
            view.column_comments.clone_from(&earlier.column_comments);
            view.triggers.clone_from(&earlier.triggers);
            self.declared_at.remove(&format!("views.{name}"));
        }
        self.record_declaration("views", name.as_str(), node)?;
        self.schema.views.insert(name, view);
        Ok(())
    }
}

/// Returns whether a query selects all columns of a table with `*`, except in EXISTS, where the columns do not matter.
pub fn selects_all(query: &SyntaxNode) -> bool {
    use SyntaxKind::{EXISTS_FN, TARGET};
    let inside_exists = |node: &SyntaxNode| node.ancestors().any(|outer| outer.kind() == EXISTS_FN);
    query.descendants().any(|node| {
        node.kind() == TARGET
            && tokens(&node).last().is_some_and(|token| token.kind() == SyntaxKind::STAR)
            && !inside_exists(&node)
    })
}

/// Reads the options of a view, of which only `security_invoker` is supported.
fn read_security_invoker(node: &SyntaxNode) -> Parsed<bool> {
    let mut parts = Parts::of(node);
    let mut list = Parts::of(&parts.require(SyntaxKind::ATTRIBUTE_LIST)?);
    let mut security_invoker = false;
    for option in list.take_all(SyntaxKind::ATTRIBUTE_OPTION) {
        let words: Vec<String> = tokens(&option).map(|token| token.text().trim_matches('\'').to_lowercase()).collect();
        security_invoker = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["security_invoker"] | ["security_invoker", "=", "true" | "on" | "1"] => true,
            ["security_invoker", "=", "false" | "off" | "0"] => false,
            _ => return unsupported(&option, format!("nself cannot represent the option `{}`", words[0])),
        };
    }
    Ok(security_invoker)
}
