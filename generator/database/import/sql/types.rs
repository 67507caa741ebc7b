//! `CREATE TYPE` and `CREATE DOMAIN`.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::reader::{GrantObject, Reader};
use super::tree::{AtNode, Parsed, Parts, expression, object_name, path, string_content, type_name, unsupported};
use super::{collation, constraint, tree};
use crate::database::default_names;
use crate::database::model::*;
use crate::values::Checked;

impl Reader {
    /// Reads CREATE TYPE.
    pub(super) fn create_type(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = object_name(&parts.require(SyntaxKind::TYPE_NAME)?)?;
        self.object_in_messages = format!("the type {name}");
        let kind = if let Some(definition) = parts.take_node(SyntaxKind::ENUM_TYPE) {
            let mut definition = Parts::of(&definition);
            let mut list = Parts::of(&definition.require(SyntaxKind::VARIANT_LIST)?);
            let mut values = Vec::new();
            for variant in list.take_all(SyntaxKind::VARIANT) {
                let text = string_content(&variant)?;
                let label = Label::new(&text).map_err(|reason| format!("the label `{text}`: {reason}"));
                values.push(label.at(&variant)?);
            }
            list.refuse_rest_except("( ) ,")?;
            definition.refuse_rest_except("AS ENUM")?;
            UserType::Enum(Enumeration { values, ..Enumeration::default() })
        } else if let Some(definition) = parts.take_node(SyntaxKind::COMPOSITE_TYPE) {
            let mut definition = Parts::of(&definition);
            let mut list = Parts::of(&definition.require(SyntaxKind::COMPOSITE_FIELD_LIST)?);
            let mut attributes = Vec::new();
            for field in list.take_all(SyntaxKind::COMPOSITE_FIELD_DEF) {
                let mut field = Parts::of(&field);
                let name = tree::ident(&field.require(SyntaxKind::COMPOSITE_FIELD)?)?;
                let kind = type_name(&field.take_any()?)?;
                let collation = collation::take_clause(&mut field)?;
                field.refuse_rest_except("")?;
                attributes.push(Attribute { name, kind, collation });
            }
            list.refuse_rest_except("( ) ,")?;
            definition.refuse_rest_except("AS")?;
            UserType::Composite(Composite { attributes, ..Composite::default() })
        } else if let Some(definition) = parts.take_node(SyntaxKind::RANGE_TYPE) {
            let mut definition = Parts::of(&definition);
            let options = definition.require(SyntaxKind::ATTRIBUTE_LIST)?;
            definition.refuse_rest_except("AS RANGE")?;
            UserType::Range(self.read_range(&name, &options)?)
        } else {
            return unsupported(node, "nself can represent enumerations, domains, composite types and ranges only");
        };
        parts.refuse_rest_except("CREATE TYPE ;")?;
        self.record_declaration("types", name.as_str(), node)?;
        self.schema.types.insert(name.clone(), kind);
        self.grant_defaults(&GrantObject::Type(name.clone()), name.schema(), node);
        Ok(())
    }

    /// Reads the options of a range.
    fn read_range(&self, name: &ObjectName, node: &SyntaxNode) -> Parsed<RangeType> {
        use SyntaxKind::*;
        let mut list = Parts::of(node);
        let (mut subtype, mut collation, mut opclass, mut subtype_diff, mut multirange) =
            (None, None, None, None, None);
        for option in list.take_all(ATTRIBUTE_OPTION) {
            let mut option = Parts::of(&option);
            let option_name = path(&option.require(ATTRIBUTE_NAME)?).concat();
            let value = option.require(ATTRIBUTE_VALUE)?;
            option.refuse_rest_except("=")?;
            match option_name.as_str() {
                "subtype" => subtype = Some(type_name(&value)?),
                "subtype_opclass" => opclass = Some(super::index::operator_class(&value)?),
                "collation" => collation = collation::read_collation(&value)?,
                "subtype_diff" => subtype_diff = Some(self.function_of_range(&value)?),
                "multirange_type_name" => {
                    // A name without a schema belongs to the schema of the range.
                    let names = path(&value);
                    multirange = Some(match names.as_slice() {
                        [multirange] => name.in_same_schema(&tree::name_at(multirange, &value)?),
                        _ => object_name(&value)?,
                    });
                }
                _ => {
                    let what = format!(
                        "nself cannot represent `{option_name}` of a range: its function would have to be written in C"
                    );
                    return unsupported(&value, what);
                }
            }
        }
        list.refuse_rest_except("( ) ,")?;
        let Some(subtype) = subtype else { return unsupported(node, "the type of the ends, `subtype`, is missing") };
        let multirange = multirange.filter(|multirange| *multirange != RangeType::default_multirange(name));
        let (grants, grant_options) = Default::default();
        Ok(RangeType {
            subtype,
            collation,
            opclass,
            subtype_diff,
            multirange,
            grants,
            grant_options,
            private: false,
            comment: None,
        })
    }

    /// Returns the function that an option of a range names. A name without a schema means a function of the file, else
    /// one of the server.
    fn function_of_range(&self, node: &SyntaxNode) -> Parsed<ObjectName> {
        let name = object_name(node)?;
        let is_created = self.schema.functions_named(&name).next().is_some();
        let has_schema = path(node).len() > 1;
        Ok(if is_created || has_schema { name } else { ObjectName::new_in("pg_catalog", name.name()) })
    }

    /// Reads CREATE DOMAIN.
    pub(super) fn create_domain(&mut self, node: &SyntaxNode) -> Parsed<()> {
        let mut parts = Parts::of(node);
        let name = object_name(&parts.require(SyntaxKind::DOMAIN)?)?;
        self.object_in_messages = format!("the domain {name}");
        let Some(kind) = parts.take_type() else { return unsupported(node, "the syntax of its type is unknown") };
        let mut domain = Domain {
            base: type_name(&kind)?,
            collation: collation::take_clause(&mut parts)?,
            not_null: false,
            default: None,
            checks: Default::default(),
            grants: Default::default(),
            grant_options: Default::default(),
            private: false,
            comment: None,
            renamed_from: None,
        };
        domain.not_null = parts.take_node(SyntaxKind::NOT_NULL_CONSTRAINT).is_some();
        parts.take_node(SyntaxKind::NULL_CONSTRAINT);
        if let Some(clause) = parts.take_node(SyntaxKind::DEFAULT_CONSTRAINT) {
            let (default, collation) = constraint::default_and_collation(&clause)?;
            domain.default = Some(default);
            if let Some(collation) = collation {
                domain.collation = collation::read_collation(&collation)?;
            }
        }
        // If the base type is a domain, the server copies its default.
        if domain.default.is_none()
            && !domain.base.is_array()
            && let Some(base) = domain.base.object()
            && let Some(UserType::Domain(base)) = self.schema.types.get(&base)
        {
            domain.default = base.default.clone();
        }
        for clause in parts.take_all(SyntaxKind::CHECK_CONSTRAINT) {
            let mut parts = Parts::of(&clause);
            let declared_name = constraint::take_name(&mut parts)?;
            let condition = expression(&parts.take_any()?)?;
            parts.refuse_rest_except("CHECK ( )")?;
            let default_name = || {
                default_names::free_default_name(name.name(), None, "check", |candidate| {
                    domain.checks.contains_key(candidate)
                })
            };
            let check_name = declared_name.map_or_else(|| tree::name_at(&default_name(), &clause), Ok)?;
            if domain.checks.insert(check_name.clone(), condition).is_some() {
                return unsupported(&clause, format!("there are two constraints `{check_name}`"));
            }
        }
        parts.refuse_rest_except("CREATE DOMAIN AS ;")?;
        self.record_declaration("types", name.as_str(), node)?;
        self.schema.types.insert(name.clone(), UserType::Domain(domain));
        self.grant_defaults(&GrantObject::Type(name.clone()), name.schema(), node);
        Ok(())
    }
}
