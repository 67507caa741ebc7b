//! Grafana's provisioning: data sources with fixed identifiers, and a dashboard for each entry of `dashboards`, from
//! typed panels or from a file.

use serde::Serialize;
use serde_json::{Value, json};

use super::files::Files;
use crate::artifact::json as json_writer;
use crate::diagnostic::Diagnostic;
use crate::plan::{Dashboard, Monitoring, Program};
use crate::stack::{Panel, PanelKind};
use crate::values::Text;

/// Columns of Grafana's grid, and the size of a panel in it.
const COLUMNS: usize = 24;
const WIDTH: usize = 12;
const HEIGHT: usize = 8;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataSources {
    api_version: u8,
    /// Grafana removes these sources before it reads the list, because it does not change the identifier of an existing
    /// source.
    delete_datasources: Vec<Value>,
    datasources: Vec<DataSource>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataSource {
    name: &'static str,
    uid: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    access: &'static str,
    url: String,
    is_default: bool,
    editable: bool,
    json_data: Value,
}

/// Writes the data sources, the provider of dashboards, and the dashboards.
pub fn emit(monitoring: &Monitoring, files: &mut Files) -> Result<(), Diagnostic> {
    let sources = data_sources(monitoring);
    let delete_datasources = sources.iter().map(|source| json!({ "name": source.name, "orgId": 1 })).collect();
    let sources = DataSources { api_version: 1, delete_datasources, datasources: sources };
    files.add_yaml(Program::Grafana, "datasources/nself.yaml", &sources)?;
    let provider = json!({
        "apiVersion": 1,
        "providers": [{
            "name": "nself",
            "type": "file",
            "disableDeletion": true,
            "allowUiUpdates": false,
            "options": { "path": format!("{}/dashboards", Program::Grafana.folder()) },
        }],
    });
    files.add_yaml(Program::Grafana, "dashboards/nself.yaml", &provider)?;
    for (service, dashboards) in &monitoring.dashboards {
        for (name, dashboard) in dashboards {
            let uid = dashboard.uid(service, name);
            let text = match dashboard {
                Dashboard::Panels { title, panels } => {
                    json_writer::pretty(&self::dashboard(&uid, service.as_str(), title, panels))
                }
                Dashboard::File(file) => json_writer::pretty(file),
            };
            files.add_text(Program::Grafana, &format!("dashboards/{service}.{name}.json"), text)?;
        }
    }
    Ok(())
}

/// Returns the data sources of the programs that run. A line of a log links to the trace whose identifier it contains; a
/// trace links to the logs of its service.
fn data_sources(monitoring: &Monitoring) -> Vec<DataSource> {
    let runs = |program| monitoring.programs.contains_key(&program);
    // `None` for a program that does not run.
    let source = |program: Program, kind, json_data| {
        let name = program.name();
        monitoring.url(program).map(|url| DataSource {
            name,
            uid: name,
            kind,
            access: "proxy",
            url,
            is_default: program == Program::Prometheus,
            editable: false,
            json_data,
        })
    };
    let trace_links = json!([{
        "name": "trace",
        "matcherRegex": "\"?trace_?[iI][dD]\"?[:=]\\s*\"?([0-9a-f]{32})",
        "datasourceUid": "tempo",
        // Grafana replaces variables in this file, and reads `$$` as one `$`.
        "url": "$${__value.raw}",
    }]);
    let tags = json!([{ "key": "service.name", "value": "service" }]);
    let log_links =
        json!({ "datasourceUid": "loki", "tags": tags, "spanStartTimeShift": "-5m", "spanEndTimeShift": "5m" });
    let mut traces = json!({ "nodeGraph": { "enabled": true } });
    if runs(Program::Loki) {
        traces["tracesToLogsV2"] = log_links;
    }
    let logs = if runs(Program::Tempo) { json!({ "derivedFields": trace_links }) } else { json!({}) };
    let sources = [
        source(Program::Prometheus, "prometheus", json!({ "timeInterval": "30s", "httpMethod": "POST" })),
        source(Program::Loki, "loki", logs),
        source(Program::Tempo, "tempo", traces),
        source(Program::Alertmanager, "alertmanager", json!({ "implementation": "prometheus" })),
    ];
    sources.into_iter().flatten().collect()
}

/// Returns a dashboard of typed panels.
fn dashboard(uid: &str, service: &str, title: &Text, panels: &[Panel]) -> Value {
    let panels: Vec<Value> = panels.iter().enumerate().map(|(i, panel)| self::panel(i, panel)).collect();
    json!({
        "uid": uid,
        "title": title,
        "tags": ["nself", service],
        "editable": false,
        "schemaVersion": 39,
        "refresh": "1m",
        "time": { "from": "now-6h", "to": "now" },
        "panels": panels,
    })
}

/// Returns the panel with this index, at its place in the grid.
fn panel(index: usize, panel: &Panel) -> Value {
    let (kind, source) = match panel.kind {
        PanelKind::Timeseries => ("timeseries", "prometheus"),
        PanelKind::Stat => ("stat", "prometheus"),
        PanelKind::Gauge => ("gauge", "prometheus"),
        PanelKind::Table => ("table", "prometheus"),
        PanelKind::Logs => ("logs", "loki"),
    };
    let source = json!({ "type": source, "uid": source });
    // A table shows only the last value of each series.
    let is_instant = panel.kind == PanelKind::Table;
    let mut target =
        json!({ "refId": "A", "datasource": source, "expr": panel.expr, "instant": is_instant, "range": !is_instant });
    if let Some(legend) = &panel.legend {
        target["legendFormat"] = json!(legend);
    }
    if is_instant {
        target["format"] = json!("table");
    }
    let per_row = COLUMNS / WIDTH;
    json!({
        "id": index + 1,
        "type": kind,
        "title": panel.title,
        "datasource": source,
        "gridPos": { "x": index % per_row * WIDTH, "y": index / per_row * HEIGHT, "w": WIDTH, "h": HEIGHT },
        "targets": [target],
        "fieldConfig": { "defaults": { "unit": panel.unit.as_ref().map_or("short", |unit| unit.as_str()) }, "overrides": [] },
    })
}
