//! Resolves the content of a service's file: text or data in the stack, or a file of the project.

use serde_json::Value as Data;

use super::reference_scope::ReferenceScope;
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::inputs::SourceFile;
use crate::plan::model::{File, FileContent, Value};
use crate::plan::rules;
use crate::stack::env::{ConnectionPart, DatabasePart};
use crate::stack::file::reference;
use crate::stack::{EnvReference, EnvValue, ServiceFile};
use crate::values::{ProjectPath, credential_formats};

/// What holds a content, for findings about secrets in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    File,
    /// The payload of a cron trigger.
    Payload,
}

impl Holder {
    fn name(self) -> &'static str {
        match self {
            Holder::File => "file",
            Holder::Payload => "payload",
        }
    }

    fn expected(self) -> String {
        format!("a {} without secrets, since generated files are committed", self.name())
    }

    /// Returns how a secret reaches the program instead.
    fn hint(self) -> &'static str {
        match self {
            Holder::File => SECRET_HINT,
            Holder::Payload => "send it in a header: `call.headers.X-Key = nself.secret \"NAME\"`",
        }
    }

    /// Returns the finding for a content with a secret.
    pub fn refused_secret(self, path: &FieldPath, message: &str) -> Diagnostic {
        Diagnostic::error(Code::PlainSecret, path.clone()).message(message).expected(self.expected()).hint(self.hint())
    }
}

/// Resolves the content of the files of one service, or of a payload.
pub struct ContentResolver<'a> {
    pub scope: ReferenceScope<'a>,
    pub holder: Holder,
}

impl ContentResolver<'_> {
    /// Returns the file with its content.
    ///
    /// # Errors
    /// NS317 for a file that cannot be written, NS504 for a file with a secret, and findings about references.
    pub fn resolve(&self, declared: &ServiceFile, path: &FieldPath) -> Result<File, Vec<Diagnostic>> {
        let as_list = |finding| vec![finding];
        match (&declared.text, &declared.yaml, &declared.json, &declared.from) {
            (Some(text), None, None, None) => {
                let origin = path.key("text");
                let text = self.resolve_text(text, &origin).map_err(as_list)?;
                Ok(File { content: FileContent::Text(text), origin })
            }
            (None, Some(data), None, None) => {
                let origin = path.key("yaml");
                Ok(File { content: FileContent::Yaml(self.resolve_data(data, &origin)?), origin })
            }
            (None, None, Some(data), None) => {
                let origin = path.key("json");
                Ok(File { content: FileContent::Json(self.resolve_data(data, &origin)?), origin })
            }
            (None, None, None, Some(from)) => self.copy_of_file(from, path.key("from")).map_err(as_list),
            (None, None, None, None) => Err(vec![
                refused_file(path, "the file has no content")
                    .expected("exactly one of `text`, `yaml`, `json` and `from`"),
            ]),
            _ => Err(vec![
                refused_file(path, "the file has more than one content")
                    .expected("exactly one of `text`, `yaml`, `json` and `from`")
                    .hint("keep one and remove the others"),
            ]),
        }
    }

    /// Returns the content of a file of the project.
    fn copy_of_file(&self, from: &ProjectPath, origin: FieldPath) -> Result<File, Diagnostic> {
        match self.scope.inputs.files.service_files.get(from.as_str()) {
            Some(SourceFile::Text(text)) => match credential_formats::find(text) {
                Some(credential) => {
                    Err(self.holder.refused_secret(&origin, &format!("`{from}` contains {credential}")))
                }
                None => Ok(File { content: FileContent::Text(text.clone()), origin }),
            },
            Some(SourceFile::Unusable(reason)) => {
                Err(refused_file(&origin, format!("`{from}` cannot be used: {reason}"))
                    .expected("a text file in UTF-8"))
            }
            Some(SourceFile::Missing) | None => {
                Err(refused_file(&origin, format!("`{from}` does not exist in the folder of the stack"))
                    .expected("a text file of the project"))
            }
        }
    }

    /// Returns the data with all references replaced by their texts, or findings about credentials in it.
    ///
    /// # Errors
    /// NS504 for a secret, and findings about references.
    pub fn resolve_data(&self, data: &Data, path: &FieldPath) -> Result<Data, Vec<Diagnostic>> {
        let data = self.resolve_references(data, path).map_err(|finding| vec![finding])?;
        // The data as a whole has no key.
        let findings = rules::plain_credentials("", &data, path);
        if findings.is_empty() {
            return Ok(data);
        }
        let expected = match self.holder {
            Holder::File => "a file without secrets".to_owned(),
            Holder::Payload => self.holder.expected(),
        };
        Err(findings.into_iter().map(|finding| finding.expected(expected.as_str()).hint(self.holder.hint())).collect())
    }

    /// Returns the data with all references replaced by their texts, at any depth.
    fn resolve_references(&self, data: &Data, path: &FieldPath) -> Result<Data, Diagnostic> {
        if let Some(reference) = reference(data) {
            return self.resolve_text(&reference, path).map(Data::String);
        }
        Ok(match data {
            Data::Array(items) => {
                let items = items.iter().enumerate().map(|(i, item)| self.resolve_references(item, &path.index(i)));
                Data::Array(items.collect::<Result<_, _>>()?)
            }
            Data::Object(fields) => {
                let resolved_fields = fields
                    .iter()
                    .map(|(key, field)| Ok((key.clone(), self.resolve_references(field, &path.key(key))?)));
                Data::Object(resolved_fields.collect::<Result<_, Diagnostic>>()?)
            }
            other => other.clone(),
        })
    }

    /// Returns the text of a value, with its references resolved.
    fn resolve_text(&self, value: &EnvValue, path: &FieldPath) -> Result<String, Diagnostic> {
        let mut holds_secret = false;
        value.for_each_reference(&[self.scope.inputs.profile], &mut |reference| {
            holds_secret |= matches!(
                reference,
                EnvReference::Secret(_)
                    | EnvReference::DatabaseUrl(_)
                    | EnvReference::PooledUrl(_)
                    | EnvReference::ReplicaUrl(_)
                    | EnvReference::DatabasePart(DatabasePart { part: ConnectionPart::Password, .. })
                    | EnvReference::Mail(_)
            );
        });
        let refusal =
            || self.holder.refused_secret(path, &format!("the {} would contain a secret", self.holder.name()));
        if holds_secret {
            return Err(refusal());
        }
        match self.scope.value(value, path)? {
            Value::Text(text) => Ok(text),
            Value::Secret(_) => Err(refusal()),
        }
    }
}

/// Returns a finding about a file.
pub fn refused_file(path: &FieldPath, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(Code::ServiceFile, path.clone()).message(message)
}

/// The hint for a file that would contain a secret.
const SECRET_HINT: &str = "create the whole file as a secret, `secrets.NAME = nself.template [{ text = \"key: \" }, { secret = \"key\" }]`, \
                           and mount it: `secret_files = [\"NAME\"]`";
