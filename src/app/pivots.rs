//! The pivots of the list of lists: how its signers change between two publications in the Official Journal.

use super::App;
use super::in_turn::apart;
use super::ports::{FetchRequest, Validators};
use super::refresh_trust::list_request;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::StatusOrigin;
use crate::domain::trust_list::Notation;
use crate::domain::trust_list::plan::ListPlan;
use crate::domain::trust_list::trusted_list::pivot::{LIST_OF_LISTS, Pivot, announced_pivots, follow_pivots};

/// Largest pivot, in bytes: ten times what they are.
const PIVOT_BYTES: usize = 4 * 1024 * 1024;

/// The pivots that a document announces, oldest first: nothing if it is no list of lists. Nothing is verified by this.
///
/// # Errors
/// As [`announced_pivots`].
pub fn announced(plan: &ListPlan, document: &[u8]) -> Result<Vec<String>, Reason> {
    if plan.notation == Notation::TrustedList && plan.list_type == LIST_OF_LISTS {
        announced_pivots(document)
    } else {
        Ok(Vec::new())
    }
}

/// The name under which a pivot is kept between runs.
pub fn kept_name(plan: &ListPlan, location: &str) -> String {
    format!("{}-pivot-{}", plan.name, base64::encode_url(&sha256(location.as_bytes())))
}

/// The plan with the signers that follow from the pinned ones by these pivots, which are all that the document announces.
///
/// # Errors
/// As [`follow_pivots`].
pub fn with_signers(plan: &ListPlan, pivots: &[(String, Vec<u8>)], now: UnixSeconds) -> Result<ListPlan, Reason> {
    if pivots.is_empty() {
        return Ok(plan.clone());
    }
    let pivots: Vec<Pivot<'_>> = pivots.iter().map(|(location, document)| Pivot { location, document }).collect();
    Ok(ListPlan { signers: follow_pivots(&plan.signers, &pivots, now)?, ..plan.clone() })
}

/// What is asked of the host of a pivot.
pub(super) fn pivot_request(plan: &ListPlan, location: &str) -> FetchRequest {
    FetchRequest {
        max_bytes: PIVOT_BYTES,
        allowed_hosts: plan.followed_origins.iter().cloned().chain(plan.own_origin()).collect(),
        ..list_request(plan, location, Validators::default())
    }
}

impl App {
    /// The plan by which a document is to be verified, after every pivot that it announces. What was kept is not fetched
    /// again: a pivot does not change.
    ///
    /// Each is followed before the next one is fetched, and kept only then: a host that answers with something else leaves
    /// nothing behind.
    pub(super) async fn after_pivots(&self, plan: &ListPlan, announced: &[String]) -> Result<ListPlan, Reason> {
        let (mut pivots, mut signed_by) = (Vec::new(), plan.clone());
        for location in announced {
            let name = kept_name(plan, location);
            let kept = self.lists.load(&name).await.ok().flatten();
            let is_new = kept.is_none();
            let document = match kept {
                Some(kept) => kept.document,
                None => self.fetch_pivot(plan, location).await?,
            };
            pivots.push((location.clone(), document));
            let size = pivots.iter().map(|(_, document)| document.len()).fold(0, usize::saturating_add);
            let (owned, now) = (plan.clone(), self.now());
            let (back, followed) = apart(size, move || {
                let followed = with_signers(&owned, &pivots, now);
                (pivots, followed)
            })
            .await?;
            (pivots, signed_by) = (back, followed?);
            if let (true, Some((_, document))) = (is_new, pivots.last()) {
                let cannot = |error| Reason::new(Code::TrustUnavailable, format!("a pivot cannot be kept: {error}"));
                self.lists.save(&name, self.now(), document.clone()).await.map_err(cannot)?;
            }
        }
        Ok(signed_by)
    }

    async fn fetch_pivot(&self, plan: &ListPlan, location: &str) -> Result<Vec<u8>, Reason> {
        let unavailable = |detail: String| Reason::new(Code::TrustUnavailable, detail);
        let origin = StatusOrigin::of_url(location).map(|origin| origin.text());
        let own = plan.own_origin();
        if origin.is_none() || (origin != own && !origin.iter().all(|origin| plan.followed_origins.contains(origin))) {
            return Err(unavailable("a pivot lies at a host that is not among followed_hosts".to_owned()));
        }
        match self.fetch_in_turn(pivot_request(plan, location)).await {
            Ok(response) if response.status == 200 => Ok(response.body),
            Ok(response) => Err(unavailable(format!("the host of a pivot answers with status {}", response.status))),
            Err(error) => Err(unavailable(format!("a pivot cannot be fetched: {error}"))),
        }
    }
}
