//! Paths that only callers inside of the stack use: metrics, and the requests of Hasura to actions, events and cron triggers.
//! They reach the service without the edge, so the routes of the service do not offer these paths to everyone.

use std::collections::BTreeSet;

use crate::plan::model::Location;
use crate::plan::ports::port;
use crate::plan::roster::{PlannedService, Roster};
use crate::stack::Call;
use crate::values::folders::is_in_folder;
use crate::values::{PortName, UrlPath};

/// Makes those paths of a location's services internal that only callers inside of the stack use. A location for exactly
/// such a path, or for a path below it, makes it public on purpose.
pub fn make_internal(location: &mut Location, roster: &Roster) {
    if location.internal {
        return;
    }
    let paths: BTreeSet<UrlPath> = location
        .service_ports()
        .filter_map(|(service, number)| Some((roster.get(service)?, number)))
        .flat_map(|(member, number)| paths_of_port(member, number))
        // Without the prefix, the service gets a path that does not begin with that of the location.
        .filter(|path| location.strip_prefix || !covers(path, &location.path))
        .collect();
    location.internal_paths.extend(paths);
}

/// Returns the paths at a port of a service. The path `/` is not among them, since all others are below it.
fn paths_of_port(member: &PlannedService, number: u16) -> Vec<UrlPath> {
    let service = &member.service;
    let metrics = service.metrics.iter().map(|metrics| (&metrics.port, metrics.path()));
    let handlers = service.hasura.iter().flat_map(|handlers| {
        let actions = handlers.actions.iter().map(|(name, action)| ("actions", name, &action.call));
        let events = handlers.events.iter().map(|(name, event)| ("events", name, &event.call));
        let crons = handlers.crons.iter().map(|(name, cron)| ("crons", name, &cron.call));
        let calls = actions.chain(events).chain(crons);
        calls.map(|(kind, name, call): (_, _, &Call)| (&call.port, call.path_of(kind, name)))
    });
    let is_at_port = |name: &Option<PortName>| port(service, name, &member.path).is_ok_and(|port| port == number);
    let paths = metrics.chain(handlers).filter(|(name, _)| is_at_port(name)).map(|(_, path)| path);
    paths.filter(|path| path.as_str() != "/").collect()
}

/// Returns whether a path is the other one, or contains it as a folder.
fn covers(path: &UrlPath, other: &UrlPath) -> bool {
    is_in_folder(other.as_str(), path.as_str())
}
