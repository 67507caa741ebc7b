//! Views and functions.

use super::Check;
use crate::database::lexer;
use crate::database::model::*;
use crate::diagnostic::{Code, Diagnostic};

impl Check<'_> {
    pub(super) fn view(&mut self, name: &ObjectName, view: &View) {
        let path = self.path("views", name);
        self.depends(&view.depends_on, &path);
        if lexer::open(view.query.as_str(), false).is_none() {
            self.parse(&path.key("query"), view.query.as_str(), "", ";");
        }
        if all_columns(view.query.as_str()) {
            self.report(
                path.key("query"),
                "`*` stands for the columns in the order in which they were added, which is not the same everywhere",
                "name the columns",
            );
        }
        if !view.materialized && !view.indexes.is_empty() {
            self.report(path.key("indexes"), "only a materialised view has indexes", "");
        }
    }

    pub(super) fn function(&mut self, name: &ObjectName, function: &Function) {
        let path = self.path("functions", name);
        self.depends(&function.depends_on, &path);
        for (i, argument) in function.arguments.iter().enumerate() {
            self.kind(&argument.kind, &path.key("arguments").index(i).key("type"));
        }
        if function.procedure == function.returns.is_some() {
            self.report(path.key("returns"), "a function says what it returns, a procedure does not", "");
        }
        if function.security_definer && !function.settings.contains_key("search_path") {
            self.report(
                path.key("security_definer"),
                "without a search path of its own, whoever calls it decides which tables it reads",
                "add `settings.search_path = \"public\"`",
            );
        }
        let body = path.key("body");
        match function.language {
            FunctionLanguage::Sql => self.parse(&body, function.body.as_str(), "", ""),
            FunctionLanguage::Plpgsql => {
                if let Some(reason) = lexer::open(function.body.as_str(), true) {
                    self.findings.push(Diagnostic::error(Code::SqlSyntax, body).message(reason));
                }
            }
        }
    }
}

/// Whether a `*` stands for columns, as opposed to a product or `count(*)`.
fn all_columns(query: &str) -> bool {
    let tokens = lexer::tokens(query).unwrap_or_default();
    let before = |text: &str| {
        [",", "."].contains(&text) || ["select", "distinct", "all"].contains(&text.to_ascii_lowercase().as_str())
    };
    tokens.windows(2).any(|pair| pair[1].text == "*" && before(pair[0].text))
}
