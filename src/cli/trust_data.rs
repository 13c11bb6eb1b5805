//! The trust data of a configuration as it lies on this machine: without asking anybody.

use crate::adapters::kept::{KeptFolder, read_up_to};
use crate::app::pivots;
use crate::app::ports::{KeepFailed, Kept, Validators};
use crate::app::refresh_trust::TrustLists;
use crate::app::{refresh_issuers, refresh_revocation};
use crate::config::TrustSettings;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::TrustAnchors;
use crate::domain::trust::issuer_metadata::HeldIssuer;
use crate::domain::trust::listed::{Held, HeldRevocations, compose};
use crate::domain::trust_list::plan::{ListPlan, Place};
use crate::domain::x509::revocation::RevocationList;
use std::path::Path;
use std::sync::Arc;

/// The trust data, and what is wrong with lists.
pub(super) struct OnDisk {
    /// What is in force.
    pub trust: TrustAnchors,
    /// How the lists stand.
    pub lists: TrustLists,
    /// What is wrong, by the name of the list.
    pub faults: Vec<(String, Reason)>,
}

/// Reads every list that is kept, or that lies in a file, verifies it anew and puts the sources together.
pub(super) fn read(settings: &TrustSettings, now: UnixSeconds) -> OnDisk {
    let folder = settings.folder.clone().map(KeptFolder::new);
    let lists = match &folder {
        Some(folder) => TrustLists::new(settings.lists.clone(), Arc::new(folder.clone())),
        None => TrustLists::default(),
    };
    let mut faults = Vec::new();
    for plan in &settings.lists {
        adopt(&lists, plan, folder.as_ref(), now, &mut faults);
        for child in lists.children(plan, now) {
            adopt(&lists, &child, folder.as_ref(), now, &mut faults);
        }
    }
    let revocations = revocations(settings, folder.as_ref(), &mut faults);
    let issuers = issuers(settings, folder.as_ref(), now, &mut faults);
    let held = Held { lists: &lists.held(), revocations: &revocations, issuers: &issuers };
    OnDisk { trust: compose(&settings.plans, held, now), lists, faults }
}

fn adopt(
    lists: &TrustLists,
    plan: &ListPlan,
    folder: Option<&KeptFolder>,
    now: UnixSeconds,
    faults: &mut Vec<(String, Reason)>,
) {
    let unavailable = |detail: String| Reason::new(Code::TrustUnavailable, detail);
    let kept = folder.map_or(Ok(None), |folder| folder.load_now(&plan.name));
    let kept = kept.map_err(|error| unavailable(format!("the kept list cannot be read: {error}")));
    let filed = match &plan.place {
        Place::File(path) => file(path, now).map(Some),
        Place::Url(_) | Place::Imported => Ok(None),
    };
    let mut found = false;
    for candidate in [kept, filed] {
        match candidate {
            Ok(None) => {}
            Ok(Some(kept)) => {
                found = true;
                let pivots = kept_pivots(plan, &kept.document, folder);
                if let Err(reason) = lists.adopt(plan, kept, &pivots, now) {
                    faults.push((plan.name.clone(), reason));
                }
            }
            Err(reason) => {
                found = true;
                faults.push((plan.name.clone(), reason));
            }
        }
    }
    if !found {
        faults.push((plan.name.clone(), unavailable("the list has not been fetched or imported yet".to_owned())));
    }
}

/// The pivots of a list of lists that were kept beside it.
pub(super) fn kept_pivots(plan: &ListPlan, document: &[u8], folder: Option<&KeptFolder>) -> Vec<(String, Vec<u8>)> {
    let announced = pivots::announced(plan, document).unwrap_or_default();
    let load = |location: String| {
        let kept = folder?.load_now(&pivots::kept_name(plan, &location)).ok()??;
        Some((location, kept.document))
    };
    announced.into_iter().filter_map(load).collect()
}

/// The lists of revoked certificates that lie in files, or were kept.
fn revocations(
    settings: &TrustSettings,
    folder: Option<&KeptFolder>,
    faults: &mut Vec<(String, Reason)>,
) -> Vec<HeldRevocations> {
    let mut held = Vec::new();
    for place in refresh_revocation::places(settings.plans.iter()) {
        let (name, bytes) = match &place {
            Place::File(path) => (path.clone(), file(path, UnixSeconds(0)).map(|kept| Some(kept.document))),
            Place::Url(url) => {
                let kept = folder.map_or(Ok(None), |folder| folder.load_now(&refresh_revocation::kept_name(url)));
                let unreadable = |error: KeepFailed| Reason::new(Code::X5cRevoked, error.0);
                (url.clone(), kept.map(|kept| kept.map(|kept| kept.document)).map_err(unreadable))
            }
            Place::Imported => continue,
        };
        let missing = || Reason::new(Code::X5cRevoked, "the list of revoked certificates was not fetched yet");
        match bytes.and_then(|bytes| bytes.ok_or_else(missing)).and_then(|bytes| RevocationList::from_file(&bytes)) {
            Ok(list) => held.push(HeldRevocations { place, list: Arc::new(list) }),
            Err(reason) => faults.push((name, reason)),
        }
    }
    held
}

/// The keys of issuers that were kept.
pub(super) fn issuers(
    settings: &TrustSettings,
    folder: Option<&KeptFolder>,
    now: UnixSeconds,
    faults: &mut Vec<(String, Reason)>,
) -> Vec<HeldIssuer> {
    let unavailable = |detail: String| Reason::new(Code::TrustUnavailable, detail);
    let mut held = Vec::new();
    for plan in refresh_issuers::plans(settings.plans.iter()) {
        let kept = folder.map_or(Ok(None), |folder| folder.load_now(&plan.kept_name()));
        let read = match kept {
            Ok(Some(kept)) => refresh_issuers::read_kept(&plan, &kept, now),
            Ok(None) => Err(unavailable("the keys of the issuer have not been fetched yet".to_owned())),
            Err(error) => Err(unavailable(format!("the kept keys cannot be read: {error}"))),
        };
        match read {
            Ok(confirmed) => held.push(HeldIssuer { plan, confirmed }),
            Err(reason) => faults.push((plan.issuer, reason)),
        }
    }
    held
}

fn file(path: &str, now: UnixSeconds) -> Result<Kept, Reason> {
    let unreadable =
        |error: std::io::Error| Reason::new(Code::TrustUnavailable, format!("the file cannot be read: {error}"));
    let document = read_up_to(Path::new(path), limits::TRUST_LIST_BYTES).map_err(unreadable)?;
    Ok(Kept { document, confirmed_at: now, validators: Validators::default() })
}
