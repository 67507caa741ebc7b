//! Checked values: names, hosts, ports, paths, sizes and times. Each is a type that is checked when it is decoded. This
//! is the lowest layer: it does not depend on the stack.

pub mod address_range;
pub mod alert_template;
pub mod assignments;
pub mod checked;
mod container;
pub mod credential_formats;
pub mod credential_names;
pub mod folders;
pub mod host_name;
mod names;
mod object_store;
pub mod plugin_names;
mod postgres_boolean;
pub mod postgres_setting;
pub mod promql;
mod promql_words;
pub mod ranged;
pub mod size;
pub mod text;
pub mod url_host;
mod web;

pub use address_range::AddressRange;
pub use checked::Checked;
pub use container::*;
pub use host_name::{host_as_label, is_private_host, labels_below};
pub use names::*;
pub use object_store::*;
pub use postgres_boolean::is_postgres_boolean;
pub use promql::{AlertName, PanelQuery, PanelUnit, PromqlExpression, Series, SeriesValues, panel_refusal};
pub use size::{Cpus, Duration, DurationOrZero, Memory};
pub use text::{Reason, Text};
pub use web::*;

/// Returns `true`: the default of fields that are on unless a definition turns them off.
pub(crate) fn yes() -> bool {
    true
}
