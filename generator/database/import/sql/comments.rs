//! `COMMENT ON`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::tree::{
    AtNode, Parsed, Parts, Unsupported, clause, ident, object, object_of, path, start, string, unsupported,
};
use super::{Reader, about, tree};
use crate::database::model::*;
use crate::values::Checked;
use crate::values::Text;

/// Comment that the server itself gives to the schema `public`.
const STANDARD: &str = "standard public schema";

impl Reader {
    pub(super) fn comment(&mut self, node: &SyntaxNode) -> Parsed<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let null = parts.take_token("NULL");
        let target = parts.take_any()?;
        self.subject = format!("the comment on {}", about(&target).to_lowercase());
        let said = match parts.take_node(LITERAL) {
            Some(found) if found.text().to_string().eq_ignore_ascii_case("null") => None,
            Some(found) => Some(Text::new(&string(&found)?).at(&found)?),
            None => None,
        };
        parts.expect_end("COMMENT ON IS ;")?;
        let mut of = Parts::of(&target);
        let Some(text) = said.filter(|_| !null) else { return Ok(()) };
        let found = of.take_any()?;
        match target.kind() {
            OBJECT_SCHEMA => {
                let name = ident(&found)?;
                if name.as_str() != PUBLIC || text.as_str() != STANDARD {
                    self.schema.schemas.entry(name).or_default().comment = Some(text);
                }
            }
            OBJECT_EXTENSION => {
                let name = path(&found).concat();
                let what = format!("the comment on the extension `{name}` is left out: the extension brings its own");
                self.notes.push(Unsupported { at: start(node), what });
            }
            OBJECT_TABLE => self.table(&object(&found)?, &found)?.comment = Some(text),
            OBJECT_COLUMN => {
                let names = path(&found);
                let Some((column, table)) = names.split_last() else {
                    return unsupported(&found, "its column is missing");
                };
                let table = object_of(table, &found)?;
                let name = tree::named(column, &found)?;
                let Some(known) = self.schema.tables.get_mut(&table).and_then(|table| table.columns.get_mut(&name))
                else {
                    return unsupported(&found, "nself cannot represent comments on columns of anything but tables");
                };
                known.comment = Some(text);
            }
            OBJECT_VIEW | OBJECT_MATERIALIZED_VIEW => {
                let name = object(&found)?;
                match self.schema.views.get_mut(&name) {
                    Some(view) => view.comment = Some(text),
                    None => return unsupported(&found, format!("there is no view `{name}`")),
                }
            }
            OBJECT_SEQUENCE => {
                let name = object(&found)?;
                match self.schema.sequences.get_mut(&name) {
                    Some(sequence) => sequence.comment = Some(text),
                    None => return unsupported(&found, format!("there is no sequence `{name}`")),
                }
            }
            OBJECT_INDEX => {
                let name = object(&found)?;
                let tables = self.schema.tables.iter_mut().map(|(owner, table)| (owner, &mut table.indexes));
                let views = self.schema.views.iter_mut().map(|(owner, view)| (owner, &mut view.indexes));
                let mut all = tables.chain(views).flat_map(|(owner, all)| all.iter_mut().map(move |it| (owner, it)));
                match all.find(|(owner, (index, _))| owner.beside(index) == name) {
                    Some((_, (_, index))) => index.comment = Some(text),
                    None => {
                        return unsupported(
                            &found,
                            format!("there is no index `{name}`; indexes of constraints do not count"),
                        );
                    }
                }
            }
            OBJECT_TYPE | OBJECT_DOMAIN => {
                let name = object(&found)?;
                match self.schema.types.get_mut(&name) {
                    Some(UserType::Enum(kind)) => kind.comment = Some(text),
                    Some(UserType::Domain(kind)) => kind.comment = Some(text),
                    Some(UserType::Composite(kind)) => kind.comment = Some(text),
                    None => return unsupported(&found, format!("there is no type `{name}`")),
                }
            }
            OBJECT_FUNCTION | OBJECT_PROCEDURE | OBJECT_ROUTINE => self.function(&found)?.comment = Some(text),
            _ => {
                return unsupported(
                    &target,
                    format!("nself cannot represent comments on a {}", clause(&target).to_lowercase()),
                );
            }
        }
        Ok(())
    }
}
