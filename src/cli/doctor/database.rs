//! The database of a service on several machines.

use crate::adapters::store::postgres::{Probe, probe};
use crate::config::postgresql::{DatabaseHost, DatabaseSettings};
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::serve::database_options;

/// Asks the database, and changes nothing there.
pub(super) async fn examine(settings: &DatabaseSettings) -> Vec<Finding> {
    let hosts: Vec<String> = settings.hosts.iter().map(host_text).collect();
    findings(&probe(&database_options(settings)).await, &hosts.join(", "))
}

fn host_text(host: &DatabaseHost) -> String {
    match host {
        DatabaseHost::Tcp(name, port) => format!("{name}:{port}"),
        DatabaseHost::Socket(folder, port) => format!("{}:{port}", folder.display()),
    }
}

/// What a look at the database says.
pub fn findings(probe: &Probe, hosts: &str) -> Vec<Finding> {
    let about = format!("postgresql.host ({hosts})");
    let finding = |code, severity, detail: String| Finding::new(code, severity, about.clone(), detail);
    match probe {
        Probe::Options(why) | Probe::Unreachable(why) => {
            vec![finding(FindingCode::DatabaseUnusable, Severity::Error, why.clone())]
        }
        Probe::NewerSchema { found, known } => {
            let detail = format!("its tables have schema {found}, this program knows schemas up to {known}");
            vec![finding(FindingCode::DatabaseNewer, Severity::Error, detail)]
        }
        Probe::Usable { version, schema, doubts } => {
            let tables = schema.map_or_else(
                || "the next start makes or extends its tables".to_owned(),
                |schema| format!("its tables have schema {schema}"),
            );
            let detail = format!("PostgreSQL {version}; {tables}");
            let usable = finding(FindingCode::DatabaseUsable, Severity::Ok, detail);
            let doubtful = (!doubts.is_empty())
                .then(|| finding(FindingCode::DatabaseDoubtful, Severity::Warning, doubts.join("; ")));
            std::iter::once(usable).chain(doubtful).collect()
        }
    }
}
