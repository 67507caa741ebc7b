//! Views.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::Reader;
use super::tree::{Parts, Placed, Take, loss, object, plain, tokens};
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    pub(super) fn create_view(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let materialized = node.kind() == CREATE_MATERIALIZED_VIEW;
        let replaces = parts.node(OR_REPLACE).is_some();
        parts.node(IF_NOT_EXISTS);
        let name = object(&parts.must(VIEW)?)?;
        self.subject = format!("the view {name}");
        let mut view = View {
            query: Query::wrap("SELECT".into()),
            materialized,
            // Without the option a view has its owner's rights; a materialised one has no such option.
            security_invoker: materialized,
            indexes: Default::default(),
            depends_on: Default::default(),
            grants: Default::default(),
            comment: None,
        };
        if let Some(found) = parts.node(WITH_PARAMS) {
            view.security_invoker = invoker(&found)?;
        }
        // Whether it is filled is no part of a schema.
        parts.node(WITH_NO_DATA);
        parts.node(WITH_DATA);
        if let Some(columns) = parts.node(COLUMN_LIST) {
            return loss(
                &columns,
                "names of columns before the query have no place in the model; write `AS name` in it",
            );
        }
        let query = parts.any()?;
        let text = plain(&query.text().to_string());
        view.query = Query::new(&text).map_err(|reason| format!("its query: {reason}")).at(&query)?;
        parts.end("CREATE VIEW MATERIALIZED AS ;")?;
        if let Some(known) = self.schema.views.get(&name).filter(|_| replaces) {
            view.comment.clone_from(&known.comment);
            self.places.remove(&format!("views.{name}"));
        }
        self.place("views", name.as_str(), node)?;
        self.schema.views.insert(name, view);
        Ok(())
    }
}

/// `security_invoker`, the only option of a view that has a place.
fn invoker(node: &SyntaxNode) -> Take<bool> {
    let mut parts = Parts::of(node);
    let mut list = Parts::of(&parts.must(SyntaxKind::ATTRIBUTE_LIST)?);
    let mut invoker = false;
    for option in list.nodes(SyntaxKind::ATTRIBUTE_OPTION) {
        let words: Vec<String> = tokens(&option).map(|token| token.text().trim_matches('\'').to_lowercase()).collect();
        invoker = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["security_invoker"] | ["security_invoker", "=", "true" | "on" | "1"] => true,
            ["security_invoker", "=", "false" | "off" | "0"] => false,
            _ => return loss(&option, format!("the option `{}` has no place in the model", words[0])),
        };
    }
    Ok(invoker)
}
