//! The kinds of objects that a definition keeps as their SQL, and the names that identify such objects.

use squawk_syntax::SyntaxKind;

use super::object_cursor::Cursor;
use super::*;

/// When an object of a kind is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectStage {
    /// Before the tables, which may use it.
    BeforeTables,
    /// Among functions and views, by its dependencies.
    WithRoutines,
    /// After the tables and views to which it belongs.
    AfterTables,
}

/// What identifies an object of a kind, besides its schema and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SignatureForm {
    Nothing,
    /// The name has no schema.
    NoSchema,
    /// The types of its arguments.
    Arguments,
    /// The types before and after the operator.
    Operands,
    /// Two types, without a name.
    Types,
    /// A table or view.
    Relation,
}

/// A kind of object that a definition keeps as its SQL.
#[derive(Debug, PartialEq, Eq)]
pub struct ObjectClass {
    /// The words after CREATE, DROP and COMMENT ON.
    pub words: &'static str,
    pub stage: ObjectStage,
    /// Kinds of the syntax nodes of CREATE, DROP and COMMENT ON, and of ALTER unless the object has none.
    pub create: SyntaxKind,
    pub drop: SyntaxKind,
    pub comment: SyntaxKind,
    pub alter: Option<SyntaxKind>,
    form: SignatureForm,
}

macro_rules! classes {
    ($($words:literal $stage:ident $form:ident $create:ident $drop:ident $comment:ident $alter:expr;)*) => {
        /// Every kind of object that a definition keeps as its SQL.
        pub static OBJECT_CLASSES: &[ObjectClass] = {
            use SyntaxKind::*;
            &[$(ObjectClass {
                words: $words, stage: ObjectStage::$stage, form: SignatureForm::$form,
                create: $create, drop: $drop, comment: $comment, alter: $alter,
            }),*]
        };
    };
}

classes! {
    "COLLATION" BeforeTables Nothing CREATE_COLLATION DROP_COLLATION OBJECT_COLLATION Some(ALTER_COLLATION);
    "TEXT SEARCH DICTIONARY" BeforeTables Nothing CREATE_TEXT_SEARCH_DICTIONARY DROP_TEXT_SEARCH_DICT
        OBJECT_TEXT_SEARCH_DICT Some(ALTER_TEXT_SEARCH_DICTIONARY);
    "TEXT SEARCH CONFIGURATION" BeforeTables Nothing CREATE_TEXT_SEARCH_CONFIGURATION DROP_TEXT_SEARCH_CONFIG
        OBJECT_TEXT_SEARCH_CONFIG Some(ALTER_TEXT_SEARCH_CONFIGURATION);
    "AGGREGATE" WithRoutines Arguments CREATE_AGGREGATE DROP_AGGREGATE OBJECT_AGGREGATE Some(ALTER_AGGREGATE);
    "OPERATOR" WithRoutines Operands CREATE_OPERATOR DROP_OPERATOR OBJECT_OPERATOR Some(ALTER_OPERATOR);
    "CAST" WithRoutines Types CREATE_CAST DROP_CAST OBJECT_CAST None;
    "STATISTICS" AfterTables Nothing CREATE_STATISTICS DROP_STATISTICS OBJECT_STATISTICS Some(ALTER_STATISTICS);
    "RULE" AfterTables Relation CREATE_RULE DROP_RULE OBJECT_RULE Some(ALTER_RULE);
    "PUBLICATION" AfterTables NoSchema CREATE_PUBLICATION DROP_PUBLICATION OBJECT_PUBLICATION Some(ALTER_PUBLICATION);
}

impl ObjectClass {
    /// Returns the kind of object that a statement creates, by its first words.
    pub fn of_statement(text: &str) -> Option<&'static ObjectClass> {
        let cursor = Cursor::new(text);
        OBJECT_CLASSES.iter().find(|class| cursor.has_words(&format!("CREATE {}", class.words)))
    }

    /// Returns the kind of object that has a statement, CREATE, DROP, COMMENT ON or ALTER, whose syntax node has the
    /// kind `kind`.
    pub fn of_node(kind: SyntaxKind) -> Option<&'static ObjectClass> {
        OBJECT_CLASSES
            .iter()
            .find(|class| [class.create, class.drop, class.comment].contains(&kind) || class.alter == Some(kind))
    }

    pub fn is_cast(&self) -> bool {
        self.form == SignatureForm::Types
    }

    /// Returns the words in lower case, for messages and for keys of objects.
    pub fn title(&self) -> String {
        self.words.to_ascii_lowercase()
    }
}

/// The names that identify an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectIdentity {
    pub class: &'static ObjectClass,
    /// Its schema and name; `None` for an object without a name in a schema.
    pub name: Option<ObjectName>,
    /// The table or view to which it belongs.
    pub relation: Option<ObjectName>,
    /// The types that identify it, without pseudo-types such as `anyelement`.
    pub types: Vec<TypeName>,
    /// The text after DROP, in lower case where it is not a name, such as `operator ===(mood, integer)`: the key of the
    /// object in a definition.
    pub key: String,
    /// The text after DROP as statements have it: `OPERATOR "public".===("public"."mood", integer)`.
    pub sql: String,
}

impl ObjectIdentity {
    /// Reads the names of the object that a statement creates; `None` for a statement of another form.
    pub fn of_statement(text: &str) -> Option<ObjectIdentity> {
        let class = ObjectClass::of_statement(text)?;
        let mut cursor = Cursor::new(text);
        cursor.skip_words("CREATE");
        cursor.skip_words(class.words);
        Self::read(class, &mut cursor, true)
    }

    /// Reads the names of an object from the text that follows its kind in DROP and COMMENT ON, such as
    /// `===(mood, integer)`.
    pub fn of_reference(class: &'static ObjectClass, text: &str) -> Option<ObjectIdentity> {
        Self::read(class, &mut Cursor::new(text), false)
    }

    /// Returns the text after the kind in DROP and COMMENT ON.
    pub fn reference(&self) -> &str {
        self.sql[self.class.words.len()..].trim_start()
    }

    /// Returns the name by which SQL mentions the object; `None` if expressions and queries cannot mention it. The name
    /// of an operator consists of signs.
    pub fn mention(&self) -> Option<&str> {
        let can_be_mentioned = self.class.stage != ObjectStage::AfterTables;
        self.name.as_ref().filter(|_| can_be_mentioned).map(ObjectName::name)
    }

    /// Returns whether the object is an operator.
    pub fn is_operator(&self) -> bool {
        self.class.form == SignatureForm::Operands
    }

    /// Reads the names that follow the words of the kind. In CREATE, the operands of an operator are options, and a
    /// rule has AS ON and an event before its table.
    fn read(class: &'static ObjectClass, cursor: &mut Cursor, is_create: bool) -> Option<ObjectIdentity> {
        let new_identity = |name: Option<ObjectName>, relation, key: String, sql: String| ObjectIdentity {
            class,
            name,
            relation,
            types: Vec::new(),
            key: format!("{} {key}", class.title()),
            sql: format!("{} {sql}", class.words),
        };
        let identity = match class.form {
            SignatureForm::Nothing => {
                let name = cursor.path()?;
                new_identity(Some(name.clone()), None, name.spelled(), name.sql())
            }
            SignatureForm::NoSchema => {
                let name = cursor.name()?;
                new_identity(None, None, quoted_if_needed(&name), quoted(&name))
            }
            SignatureForm::Arguments => {
                let name = cursor.path()?;
                let (key, sql) = cursor.arguments()?;
                new_identity(Some(name.clone()), None, name.spelled() + &key, name.sql() + &sql)
            }
            SignatureForm::Operands => {
                let name = cursor.operator()?;
                let (key, sql) = if is_create { cursor.operands()? } else { cursor.arguments()? };
                let schema = match name.schema() {
                    PUBLIC_SCHEMA => String::new(),
                    schema => format!("{}.", quoted_if_needed(schema)),
                };
                let signs = name.name();
                let (key, sql) = (format!("{schema}{signs}{key}"), format!("{}.{signs}{sql}", quoted(name.schema())));
                new_identity(Some(name), None, key, sql)
            }
            SignatureForm::Types => {
                let ((from_key, from_sql), (to_key, to_sql)) = cursor.cast()?;
                new_identity(None, None, format!("({from_key} as {to_key})"), format!("({from_sql} AS {to_sql})"))
            }
            SignatureForm::Relation => {
                let name = cursor.name()?;
                if is_create && !(cursor.skip_words("AS ON") && cursor.word().is_some() && cursor.skip_words("TO")) {
                    return None;
                }
                if !is_create && !cursor.skip_words("ON") {
                    return None;
                }
                let relation = cursor.path()?;
                let key = format!("{} on {}", quoted_if_needed(&name), relation.spelled());
                let sql = format!("{} ON {}", quoted(&name), relation.sql());
                new_identity(None, Some(relation), key, sql)
            }
        };
        Some(ObjectIdentity { types: std::mem::take(&mut cursor.types), ..identity })
    }
}

/// Returns the value of an option in the brackets at the end of a statement, such as `STYPE = integer`.
pub fn option_of_statement<'a>(text: &'a str, option: &str) -> Option<&'a str> {
    let mut cursor = Cursor::new(text);
    let mut option_value = None;
    // An aggregate has two lists: its arguments and its options.
    while cursor.skip_to("(") {
        let options = cursor.options().unwrap_or_default();
        let same_name = options.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(option));
        option_value = same_name.map(|(_, value)| value).or(option_value);
    }
    option_value
}

/// Returns the name of a table at the beginning of a text, without ONLY and a bracket before it: `orders` for
/// `ONLY (orders)`.
pub fn leading_name(text: &str) -> Option<ObjectName> {
    let mut cursor = Cursor::new(text);
    cursor.skip_words("ONLY");
    cursor.skip_words("(");
    cursor.path()
}

#[cfg(test)]
mod tests;
