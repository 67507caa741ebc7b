//! Functions and triggers.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::access::signature;
use super::tree::{Parts, Placed, Take, clause, expression, ident, loss, object, plain, string, tokens, type_name};
use super::{Reader, tree};
use crate::database::model::*;
use crate::values::{Checked, SqlIdent, Text};

impl Reader {
    pub(super) fn create_function(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        let procedure = node.kind() == CREATE_PROCEDURE;
        let replaces = parts.node(OR_REPLACE).is_some();
        let name = object(&parts.must(if procedure { PROCEDURE_NAME } else { FUNCTION_NAME })?)?;
        self.subject = format!("the function {name}");
        let arguments = arguments(&parts.must(PARAM_LIST)?)?;
        let returns = match parts.node(RET_TYPE) {
            None => None,
            Some(found) => Some(returned(&found)?),
        };
        let mut options = Parts::of(&parts.must(FUNC_OPTION_LIST)?);
        let mut function = Function {
            procedure,
            arguments,
            returns,
            language: FunctionLanguage::Sql,
            body: Body::wrap(String::new()),
            volatility: Volatility::Volatile,
            parallel: Parallel::default(),
            strict: false,
            security_definer: false,
            settings: Default::default(),
            depends_on: Default::default(),
            grants: Default::default(),
            comment: None,
        };
        let language = match options.node(LANGUAGE_FUNC_OPTION) {
            None => "sql".to_owned(),
            Some(found) => {
                let last = tokens(&found).last().map(|token| tree::spelled(&token)).unwrap_or_default();
                last.trim_matches('\'').to_ascii_lowercase()
            }
        };
        function.language = match language.as_str() {
            "sql" => FunctionLanguage::Sql,
            "plpgsql" => FunctionLanguage::Plpgsql,
            other => return loss(node, format!("the language {other} has no place in the model")),
        };
        for (kind, volatility) in
            [(STABLE, Volatility::Stable), (IMMUTABLE, Volatility::Immutable), (VOLATILE, Volatility::Volatile)]
        {
            if options.node(kind).is_some() {
                function.volatility = volatility;
            }
        }
        function.strict =
            options.node(STRICT_FUNC_OPTION).is_some() | options.node(RETURNS_NULL_ON_NULL_INPUT_FUNC_OPTION).is_some();
        function.security_definer = options.node(SECURITY_DEFINER_FUNC_OPTION).is_some();
        for plain in [CALLED_ON_NULL_INPUT_FUNC_OPTION, SECURITY_INVOKER_FUNC_OPTION, NOT_LEAKPROOF_FUNC_OPTION] {
            options.node(plain);
        }
        for found in options.nodes(PARALLEL_FUNC_OPTION) {
            let said = tokens(&found).last().map(|token| token.text().to_ascii_uppercase()).unwrap_or_default();
            let known = [Parallel::Unsafe, Parallel::Restricted, Parallel::Safe];
            match known.into_iter().find(|parallel| parallel.sql() == said) {
                Some(parallel) => function.parallel = parallel,
                None => return loss(&found, "`PARALLEL` has no place in the model"),
            }
        }
        for found in options.nodes(SET_FUNC_OPTION) {
            let (setting, value) = setting(&found)?;
            function.settings.insert(setting, value);
        }
        let Some(body) = options.node(AS_FUNC_OPTION) else {
            return loss(node, "only a body in quotes has a place in the model");
        };
        let mut definition = Parts::of(&Parts::of(&body).must(AS_DEFINITION)?);
        let text = string(&definition.must(LITERAL)?)?;
        definition.end("")?;
        function.body = Body::new(&text).map_err(|reason| format!("its body: {reason}")).at(&body)?;
        options.end("")?;
        parts.end("CREATE FUNCTION PROCEDURE ;")?;
        if let Some(known) = self.schema.functions.get(&name) {
            let kinds = |function: &Function| function.arguments.iter().map(|it| it.kind.clone()).collect::<Vec<_>>();
            if !replaces || kinds(known) != kinds(&function) {
                return loss(node, "functions of one name and other arguments have no place in the model");
            }
            function.comment.clone_from(&known.comment);
            self.places.remove(&format!("functions.{name}"));
        }
        self.place("functions", name.as_str(), node)?;
        self.schema.functions.insert(name, function);
        Ok(())
    }

    pub(super) fn create_trigger(&mut self, node: &SyntaxNode) -> Take<()> {
        use SyntaxKind::*;
        let mut parts = Parts::of(node);
        parts.node(OR_REPLACE);
        let name = ident(&parts.must(TRIGGER)?)?;
        let on = parts.must(ON_RELATION)?;
        let table = object(&Parts::of(&on).must(RELATION_NAME_REF)?)?;
        self.subject = format!("the trigger {name} of {table}");
        let timing = match (parts.node(TIMING_BEFORE), parts.node(TIMING_AFTER)) {
            (Some(_), _) => Timing::Before,
            (None, Some(_)) => Timing::After,
            (None, None) => return loss(node, "`INSTEAD OF` has no place in the model"),
        };
        let mut trigger = Trigger {
            timing,
            events: Default::default(),
            update_of: Vec::new(),
            statement: parts.node(FOR_EACH_ROW).is_none(),
            condition: None,
            function: table.clone(),
        };
        parts.node(FOR_EACH_STATEMENT);
        let mut events = Parts::of(&parts.must(TRIGGER_EVENT_LIST)?);
        for event in events.rest() {
            trigger.events.insert(match event.kind() {
                TRIGGER_EVENT_INSERT => Event::Insert,
                TRIGGER_EVENT_DELETE => Event::Delete,
                TRIGGER_EVENT_TRUNCATE => Event::Truncate,
                _ => {
                    let mut update = Parts::of(&event);
                    trigger.update_of = update.nodes(COLUMN_NAME_REF).iter().map(ident).collect::<Take<_>>()?;
                    update.end("UPDATE OF ,")?;
                    Event::Update
                }
            });
        }
        events.end("OR")?;
        if let Some(found) = parts.node(WHEN_CONDITION) {
            trigger.condition = Some(expression(&Parts::of(&found).any()?)?);
        }
        let mut call = Parts::of(&parts.must(CALL_EXPR)?);
        let mut given = Parts::of(&call.must(ARG_LIST)?);
        if !given.rest().is_empty() {
            return loss(node, "arguments of a trigger have no place in the model");
        }
        trigger.function = object(&call.any()?)?;
        parts.end("CREATE TRIGGER EXECUTE FUNCTION PROCEDURE ;")?;
        if self.schema.views.contains_key(&table) {
            return loss(&on, "a trigger of a view has no place in the model");
        }
        self.table(&table, &on)?.triggers.insert(name, trigger);
        Ok(())
    }

    /// The function that a signature names.
    pub(super) fn function(&mut self, node: &SyntaxNode) -> Take<&mut Function> {
        let (name, kinds) = signature(node)?;
        match self.schema.functions.get_mut(&name) {
            Some(known)
                if kinds.as_ref().is_none_or(|kinds| known.arguments.iter().map(|it| &it.kind).eq(kinds.iter())) =>
            {
                Ok(known)
            }
            _ => loss(node, format!("there is no function `{name}` with these arguments")),
        }
    }
}

fn arguments(node: &SyntaxNode) -> Take<Vec<Argument>> {
    use SyntaxKind::*;
    let mut list = Parts::of(node);
    let mut all = Vec::new();
    for param in list.nodes(PARAM) {
        let mut parts = Parts::of(&param);
        parts.node(PARAM_IN);
        let Some(name) = parts.node(PARAM_NAME) else {
            return loss(&param, "an argument without a name, or that gives back a value, has no place in the model");
        };
        let name = ident(&name)?;
        let Some(kind) = parts.kind() else {
            return loss(&param, format!("`{}` has no place in the model", clause(&param)));
        };
        let kind = type_name(&kind)?;
        let default = match parts.node(PARAM_DEFAULT) {
            Some(found) => Some(expression(&Parts::of(&found).any()?)?),
            None => None,
        };
        parts.end("")?;
        all.push(Argument { name, kind, default });
    }
    list.end("( ) ,")?;
    Ok(all)
}

/// What stands after RETURNS.
fn returned(node: &SyntaxNode) -> Take<Returns> {
    let text = plain(&node.text().to_string());
    let text = text.get("returns".len()..).unwrap_or_default().trim();
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let mut text = words.join(" ");
    if ["trigger", "pg_catalog.trigger"].contains(&text.to_ascii_lowercase().as_str()) {
        text = "trigger".into();
    }
    Returns::new(&text).map_err(|reason| format!("what it returns: {reason}")).at(node)
}

/// `SET name = value` of a function.
fn setting(node: &SyntaxNode) -> Take<(SqlIdent, Text)> {
    let mut outer = Parts::of(node);
    let mut parts = Parts::of(&outer.must(SyntaxKind::SET_CONFIG_PARAM)?);
    outer.end("")?;
    let name = ident(&parts.must(SyntaxKind::CONFIG_PARAMETER_REF)?)?;
    let mut values = Vec::new();
    for value in Parts::of(&parts.must(SyntaxKind::TO_CONFIG_VALUE)?).rest() {
        values.push(if value.kind() == SyntaxKind::LITERAL && value.text().to_string().starts_with('\'') {
            string(&value)?
        } else {
            plain(&value.text().to_string()).trim_matches('"').to_owned()
        });
    }
    parts.end("SET")?;
    let text = Text::new(&values.join(", ")).at(node)?;
    Ok((name, text))
}
