//! Plans the dashboards of a service: from typed panels, or from files in Grafana's format, whose data sources and queries
//! are checked.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::plan::inputs::{Inputs, SourceFile};
use crate::plan::model::{Dashboard, Monitoring, Program};
use crate::plan::roster::{PlannedService, Roster};
use crate::plan::wiring::Planned;
use crate::stack;
use crate::values::{Checked, PanelQuery, ProjectPath, ServiceName, credential_formats, panel_refusal};

/// Maximum size of a file in bytes, so that it fits into one ConfigMap (see `MAX_BYTES` in `backend/kubernetes/config.rs`).
const MAX_FILE_SIZE: usize = 768 << 10;
/// Maximum length of Grafana's identifiers.
const MAX_UID: usize = 40;

/// Plans the dashboards of one service.
pub fn plan(inputs: Inputs, member: &PlannedService) -> Planned<BTreeMap<ServiceName, Dashboard>> {
    let mut planned = Planned::<BTreeMap<ServiceName, Dashboard>>::default();
    for (name, declared) in &member.service.dashboards {
        let path = member.path.key("dashboards").key(name.as_str());
        match dashboard(inputs, declared, &path) {
            Ok(dashboard) => drop(planned.value.insert(name.clone(), dashboard)),
            Err(findings) => planned.findings.extend(findings),
        }
    }
    planned
}

/// Returns a dashboard with its panels, or with the content of its file.
fn dashboard(inputs: Inputs, declared: &stack::Dashboard, path: &FieldPath) -> Result<Dashboard, Vec<Diagnostic>> {
    match (&declared.title, &declared.file) {
        (Some(title), None) if !declared.panels.is_empty() => {
            let findings: Vec<Diagnostic> = refused_queries(&declared.panels, path).collect();
            if findings.is_empty() {
                Ok(Dashboard::Panels { title: title.clone(), panels: declared.panels.clone() })
            } else {
                Err(findings)
            }
        }
        (None, Some(file)) if declared.panels.is_empty() => {
            let path = path.key("file");
            let text = file_text(inputs, file, &path).map_err(|finding| vec![finding])?;
            dashboard_of_file(text, file, &path).map(Dashboard::File)
        }
        _ => Err(vec![
            refused(path, "a dashboard must have either a `title` with `panels` or a `file`".to_owned())
                .expected("a `title` with `panels`, or a `file`"),
        ]),
    }
}

/// Returns a finding for each panel with a query that Prometheus would refuse. Queries of logs are in LogQL.
fn refused_queries(panels: &[stack::Panel], path: &FieldPath) -> impl Iterator<Item = Diagnostic> {
    let panels = panels.iter().enumerate().filter(|(_, panel)| panel.kind != stack::PanelKind::Logs);
    panels.filter_map(|(index, panel)| {
        let reason = panel_refusal(panel.expr.as_str())?;
        let path = path.key("panels").index(index).key("expr");
        let finding = Diagnostic::error(Code::BadValue, path).message(reason).expected("an expression of PromQL");
        Some(if panel.expr.as_str().contains('|') {
            finding.hint("a query of logs in LogQL needs `kind = 'logs`")
        } else {
            finding
        })
    })
}

/// Returns a finding about a dashboard.
fn refused(path: &FieldPath, message: String) -> Diagnostic {
    Diagnostic::error(Code::DashboardFile, path.clone()).message(message)
}

/// Returns the text of a file of the project.
fn file_text<'a>(inputs: Inputs<'a>, file: &ProjectPath, path: &FieldPath) -> Result<&'a str, Diagnostic> {
    let text = match inputs.files.service_files.get(file.as_str()) {
        Some(SourceFile::Text(text)) => text,
        Some(SourceFile::Unusable(reason)) => {
            return Err(refused(path, format!("`{file}` cannot be used: {reason}")).expected("a text file in UTF-8"));
        }
        Some(SourceFile::Missing) | None => {
            return Err(refused(path, format!("`{file}` does not exist in the folder of the stack"))
                .expected("a file of the project"));
        }
    };
    if text.len() > MAX_FILE_SIZE {
        return Err(refused(path, format!("`{file}` has {} bytes", text.len()))
            .expected(format!("at most {MAX_FILE_SIZE} bytes")));
    }
    match credential_formats::find(text) {
        Some(credential) => Err(Diagnostic::error(Code::PlainSecret, path.clone())
            .message(format!("`{file}` contains {credential}"))
            .expected("a dashboard without secrets, since generated files are committed")
            .hint("remove the credential; Grafana keeps credentials in data sources, not in dashboards")),
        None => Ok(text),
    }
}

/// Returns the dashboard of a file without its `id`, the number that the exporting Grafana gave it.
fn dashboard_of_file(text: &str, file: &ProjectPath, path: &FieldPath) -> Result<Value, Vec<Diagnostic>> {
    let export = "the JSON of a dashboard, as Grafana exports it";
    let mut value: Value = serde_json::from_str(text).map_err(|error| {
        vec![refused(path, format!("line {} of `{file}` is not JSON", error.line())).expected(export)]
    })?;
    let Some(fields) = value.as_object_mut().filter(|fields| fields.get("title").is_some_and(Value::is_string)) else {
        return Err(vec![refused(path, format!("`{file}` is not a dashboard: it has no `title`")).expected(export)]);
    };
    fields.remove("id");
    let mut findings = Vec::new();
    if fields.contains_key("__inputs") {
        findings.push(
            refused(path, format!("`{file}` was exported for sharing: its `__inputs` would have no values"))
                .hint("export it again without \"Export for sharing externally\""),
        );
    }
    let is_uid = |uid: &str| {
        (1..=MAX_UID).contains(&uid.len())
            && uid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if !fields.get("uid").and_then(Value::as_str).is_some_and(is_uid) {
        findings.push(
            refused(
                path,
                match fields.get("uid") {
                    None | Some(Value::Null) => format!("`{file}` has no `uid`"),
                    Some(uid) => format!("`{file}` has the `uid` {uid}, which Grafana does not accept"),
                },
            )
            .expected(format!("a text of at most {MAX_UID} letters, digits, `-` and `_`"))
            .hint("add a field such as `\"uid\": \"orders-sales\"`; it is a part of the dashboard's address"),
        );
    }
    check_annotations_and_variables(&value, file, path, &mut findings);
    check_panels(&value, file, path, &mut findings);
    if findings.is_empty() { Ok(value) } else { Err(findings) }
}

/// Checks the data sources of annotations and of the variables of a dashboard.
fn check_annotations_and_variables(
    value: &Value,
    file: &ProjectPath,
    path: &FieldPath,
    findings: &mut Vec<Diagnostic>,
) {
    for (field, kind) in [("annotations", "annotation"), ("templating", "variable")] {
        for item in items_of(&value[field], "list") {
            let name = item["name"].as_str().unwrap_or("without a name");
            findings.extend(unknown_source(item, &format!("the {kind} {name:?}"), file, path));
        }
    }
}

/// Checks the data sources and queries of panels, including panels in collapsed rows.
fn check_panels(value: &Value, file: &ProjectPath, path: &FieldPath, findings: &mut Vec<Diagnostic>) {
    for panel in items_of(value, "panels") {
        let title = panel["title"].as_str().unwrap_or("without a title");
        let targets = items_of(panel, "targets");
        for part in std::iter::once(panel).chain(targets.clone()) {
            findings.extend(unknown_source(part, &format!("the panel {title:?}"), file, path));
        }
        for target in targets {
            let is_prometheus =
                source_kind(target).or_else(|| source_kind(panel)).is_none_or(|kind| kind == "prometheus");
            let query = target["expr"].as_str().filter(|_| is_prometheus);
            let refusal = query.and_then(|query| PanelQuery::refusal(query).or_else(|| panel_refusal(query)));
            findings.extend(refusal.map(|reason| {
                refused(path, format!("a query of the panel {title:?} of `{file}` is refused: {reason}"))
                    .expected("an expression of PromQL")
            }));
        }
        check_panels(panel, file, path, findings);
    }
}

/// Returns the finding for a part of a dashboard whose data source does not exist. `user` names the part in the message.
fn unknown_source(part: &Value, user: &str, file: &ProjectPath, path: &FieldPath) -> Option<Diagnostic> {
    let uid = part.get("datasource").and_then(source_uid).filter(|uid| !is_known_source(uid))?;
    Some(
        refused(path, format!("{user} of `{file}` uses the data source `{uid}`, which does not exist"))
            .expected("`prometheus`, `loki`, `tempo` or `alertmanager` as the uid of a data source")
            .hint("correct `datasource.uid`, or choose the data source in Grafana and export the dashboard again"),
    )
}

/// Returns the items of a list in a field; none if the field is missing or not a list.
fn items_of<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + Clone + use<'a> {
    value[field].as_array().into_iter().flatten()
}

/// Returns the kind of data source that a panel or query names.
fn source_kind(part: &Value) -> Option<&str> {
    part["datasource"]["type"].as_str()
}

/// Returns the uid of a data source; files of old versions of Grafana contain only its name.
fn source_uid(source: &Value) -> Option<&str> {
    match source {
        Value::String(name) => Some(name),
        source => source["uid"].as_str(),
    }
}

/// Returns whether a data source exists: a generated one, one that is built into Grafana (`grafana`, `-- Mixed --`), or
/// one that a variable names (`$source`).
fn is_known_source(uid: &str) -> bool {
    let is_generated = SOURCES.iter().any(|program| program.name() == uid);
    is_generated || uid == "grafana" || uid.starts_with("-- ") || uid.starts_with('$')
}

/// Programs that are data sources.
const SOURCES: [Program; 4] = [Program::Alertmanager, Program::Loki, Program::Prometheus, Program::Tempo];

/// Refuses dashboards with the same uid, because Grafana would show only one of them.
pub fn check_uids(monitoring: &Monitoring, roster: &Roster) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let mut paths_by_uid: BTreeMap<String, FieldPath> = BTreeMap::new();
    for (service, dashboards) in &monitoring.dashboards {
        for (name, dashboard) in dashboards {
            let path = roster[service].path.key("dashboards").key(name.as_str());
            let uid = dashboard.uid(service, name);
            if let Some(first_path) = paths_by_uid.insert(uid.clone(), path.clone()) {
                findings.push(
                    refused(&path, format!("two dashboards have the uid `{uid}`"))
                        .hint("change the `uid` in the file of one of them")
                        .counterpart(first_path, "the other dashboard"),
                );
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path;
    use serde_json::json;

    /// Returns the messages about a dashboard with these fields.
    fn messages(fields: Value) -> Vec<String> {
        let mut dashboard = json!({ "title": "Sales", "uid": "sales" });
        for (name, value) in fields.as_object().unwrap() {
            dashboard[name] = value.clone();
        }
        let file = ProjectPath::new("sales.json").unwrap();
        let findings = dashboard_of_file(&dashboard.to_string(), &file, &path!("file")).err().unwrap_or_default();
        findings.into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn each_data_source_of_a_dashboard_exists() {
        let unknown = json!({ "uid": "nope" });
        let message = |user: &str| format!("{user} of `sales.json` uses the data source `nope`, which does not exist");
        let panel = json!({ "title": "Orders", "targets": [{ "datasource": unknown, "expr": "up" }] });
        assert_eq!(messages(json!({ "panels": [panel] })), [message("the panel \"Orders\"")]);
        let annotations = json!({ "list": [{ "name": "Releases", "datasource": unknown }] });
        assert_eq!(messages(json!({ "annotations": annotations })), [message("the annotation \"Releases\"")]);
        let templating = json!({ "list": [{ "name": "branch", "datasource": unknown }] });
        assert_eq!(messages(json!({ "templating": templating })), [message("the variable \"branch\"")]);
        let built_in = json!({ "uid": "-- Grafana --" });
        let list = json!([{ "datasource": built_in }, { "datasource": { "uid": "loki" } }, { "datasource": null }]);
        let known = json!({ "annotations": { "list": list }, "templating": { "list": list } });
        assert_eq!(messages(known), [""; 0]);
    }
}
