//! This machine: the store, folders, room on disks, and whether the service runs or could.

use super::{Surroundings, database};
use crate::app::examine::ask_at;
use crate::app::ports::{AddressState, StoreState};
use crate::config::store::StoreSettings;
use crate::config::survey::Survey;
use crate::domain::diagnosis::{Finding, FindingCode, Severity};
use crate::domain::trust::StatusOrigin;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// Below this many bytes of room there is a warning.
const LITTLE: u64 = 256 * 1024 * 1024;
/// Below this many there is an error.
const NOTHING: u64 = 16 * 1024 * 1024;

/// Looks at the machine. Whether our service is known to run.
pub(super) async fn examine(survey: &Survey, around: Surroundings<'_>, findings: &mut Vec<Finding>) -> bool {
    let mut folders: Vec<(&str, PathBuf)> = Vec::new();
    if let Some(StoreSettings::Postgresql(settings)) = &survey.store {
        findings.extend(database::examine(settings).await);
    }
    if let Some(StoreSettings::Sqlite { path }) = &survey.store {
        findings.push(store(path, around));
        folders.push(("store.path", parent(path)));
    }
    if let Some(folder) = survey.trust.as_ref().and_then(|trust| trust.folder.clone()) {
        folders.push(("trust_data.folder", folder));
    }
    for (setting, folder) in folders {
        findings.extend(writable(setting, &folder, around));
        findings.extend(room(setting, &folder, around));
    }
    match survey.listeners {
        Some((public, operations)) => listeners(public, operations, around, findings).await,
        None => false,
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn store(path: &Path, around: Surroundings<'_>) -> Finding {
    let (code, severity, detail) = match around.machine.store(path) {
        StoreState::Absent => {
            (FindingCode::StoreSound, Severity::Ok, "there is none yet; the first start makes it".to_owned())
        }
        StoreState::Sound => (FindingCode::StoreSound, Severity::Ok, "all of it could be read".to_owned()),
        StoreState::Locked => (FindingCode::StoreLocked, Severity::Note, "a process has it open".to_owned()),
        StoreState::OfAnotherUser => {
            (FindingCode::StoreOfAnotherUser, Severity::Note, "it is another user's file".to_owned())
        }
        StoreState::Unusable(why) => (FindingCode::StoreUnusable, Severity::Error, why),
    };
    Finding::new(code, severity, format!("store.path ({})", path.display()), detail)
}

fn writable(setting: &str, folder: &Path, around: Surroundings<'_>) -> Option<Finding> {
    let why = around.machine.can_write(folder).err()?;
    let about = format!("{setting} ({})", folder.display());
    Some(Finding::new(FindingCode::FolderNotWritable, Severity::Error, about, why))
}

fn room(setting: &str, folder: &Path, around: Surroundings<'_>) -> Option<Finding> {
    let free = around.machine.free_bytes(folder)?;
    let severity = match free {
        0..NOTHING => Severity::Error,
        NOTHING..LITTLE => Severity::Warning,
        _ => return None,
    };
    let about = format!("{setting} ({})", folder.display());
    let detail = format!("{} MiB are free", free.div_euclid(1024 * 1024));
    Some(Finding::new(FindingCode::SpaceLow, severity, about, detail))
}

/// Whether both addresses are free, or our own service has them.
async fn listeners(
    public: SocketAddr,
    operations: SocketAddr,
    around: Surroundings<'_>,
    findings: &mut Vec<Finding>,
) -> bool {
    let mut state = |setting: &str, address: SocketAddr| {
        let state = around.machine.address(address);
        if let AddressState::Unusable(why) = &state {
            let about = format!("{setting} ({address})");
            findings.push(Finding::new(FindingCode::AddressUnusable, Severity::Error, about, why));
        }
        state
    };
    let public_state = state("service.listen", public);
    let operations_state = state("service.operations_listen", operations);
    let taken = |setting: &str, address: SocketAddr| {
        let about = format!("{setting} ({address})");
        let detail = "somebody listens there who is not this service";
        Finding::new(FindingCode::AddressTaken, Severity::Error, about, detail)
    };
    let runs = match operations_state {
        AddressState::Taken => match readiness(operations, around).await {
            Who::Ours(finding) => {
                findings.push(finding);
                true
            }
            Who::Another => {
                findings.push(taken("service.operations_listen", operations));
                false
            }
            Who::Unknown => {
                let about = format!("service.operations_listen ({operations})");
                let detail = "somebody listens there who cannot be asked from here";
                findings.push(Finding::new(FindingCode::ServiceUnclear, Severity::Note, about, detail));
                return false;
            }
        },
        AddressState::Free | AddressState::Unusable(_) => false,
    };
    if public_state == AddressState::Taken && !runs {
        findings.push(taken("service.listen", public));
    }
    if public_state == AddressState::Free && operations_state == AddressState::Free {
        let detail = "its addresses are free";
        findings.push(Finding::new(FindingCode::ServiceNotRunning, Severity::Ok, "service", detail));
    }
    runs
}

enum Who {
    Ours(Finding),
    Another,
    Unknown,
}

/// Asks whoever listens where our service would say how it is.
async fn readiness(operations: SocketAddr, around: Surroundings<'_>) -> Who {
    let address = SocketAddr::new(
        match operations.ip() {
            IpAddr::V4(any) if any.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(any) if any.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            other => other,
        },
        operations.port(),
    );
    // Beyond loopback it would have to be https, which this listener never is.
    let Some(origin) = StatusOrigin::of_url(&format!("http://{address}")) else { return Who::Unknown };
    let url = format!("{}/health/ready", origin.text());
    let asked = ask_at(around.fetch, around.clock, &origin.text(), &url).await;
    let Ok(response) = asked.answer else { return Who::Another };
    let Ok(said) = serde_json::from_slice::<Said>(&response.body) else { return Who::Another };
    if said.ready {
        let detail = format!("all its {} checks have passed", said.checks.len());
        return Who::Ours(Finding::new(FindingCode::ServiceReady, Severity::Ok, "service", detail));
    }
    let failed = said.checks.iter().filter(|check| check.outcome == "failed");
    let failed: Vec<String> =
        failed.map(|check| format!("{}: {} ({})", check.check, check.code, check.detail)).collect();
    Who::Ours(Finding::new(FindingCode::ServiceNotReady, Severity::Error, "service", failed.join("; ")))
}

/// What `/health/ready` says, as far as it is shown here.
#[derive(Deserialize)]
struct Said {
    ready: bool,
    checks: Vec<SaidCheck>,
}

#[derive(Deserialize)]
struct SaidCheck {
    check: String,
    outcome: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    detail: String,
}
