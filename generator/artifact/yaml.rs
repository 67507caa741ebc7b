use serde::Serialize;
use crate::diagnostic::*;
pub fn to_yaml(v:&impl Serialize)->Result<String,Diagnostic>{ serde_json::to_string(v).map_err(|_|Diagnostic::error(Code::Internal,FieldPath::root())) }
