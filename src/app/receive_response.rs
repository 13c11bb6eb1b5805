//! A wallet answers. One answer ends a transaction, and the store decides which.
//!
//! Rules kept here: OVP-CID-04, OVP-RESP-06, OVP-RESP-08, OVP-RESP-12, OVP-RESP-15, KB-14, FIX-11, NON-09, DEU-11.

use super::tries::RefusedTry;
use super::{App, Failure, Tenant, render};
use crate::domain::dc_api::Origin;
use crate::domain::ids::{RequestHandle, ResponseCode};
use crate::domain::jose::hash::sha256;
use crate::domain::preset::derivation::{Date, Derivation, apply};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{
    Accepted, ErrorRecord, Flow, Refusal as RejectedAs, RequestData, ResponseCodeHash, SecretScalar, Transaction,
};
use crate::domain::transaction_data::Entry;
use crate::domain::verify::response::{Answer, Asked, Encryption, Presented, ResponseForm, WalletError, open};
use crate::domain::verify::{Binding, Check, Refusal, Report, Standing, Verified};
use std::borrow::Cow;
use std::sync::Arc;
use url::Url;

/// What the wallet is told after an answer that was dealt with.
#[derive(Clone, PartialEq, Eq)]
pub struct NextStep {
    /// Where the wallet sends the person, with the response code; only in the same-device flow.
    pub redirect_uri: Option<String>,
    /// How the transaction stands now, for metrics.
    pub outcome: AnswerOutcome,
}

/// What became of an answer, as a closed list for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerOutcome {
    /// All checks passed.
    Verified,
    /// The wallet sent an error.
    Declined {
        /// Its name, if the wallet finds fault with the request.
        about_the_request: Option<&'static str>,
    },
}

/// What the wallet is told after an answer that was refused.
#[derive(Debug)]
pub struct Refused {
    /// The exact reason: for the caller, metrics and the HTTP status, never for the wallet's eyes.
    pub failure: Failure,
    /// Where the person may go back to, if this ended a same-device transaction.
    pub redirect_uri: Option<String>,
    /// Whether this answer ended the transaction.
    pub ended: bool,
}

impl<T: Into<Failure>> From<T> for Refused {
    fn from(failure: T) -> Self {
        Self { failure: failure.into(), redirect_uri: None, ended: false }
    }
}

/// The way by which an answer comes. What it must be bound to follows from it.
#[derive(Clone, Copy)]
pub(super) enum Channel<'a> {
    /// The wallet posts it: `client_id` and `state` bind it.
    Wallet,
    /// A browser carried it to the page at this origin: the origin binds it, and there is no `state`.
    Browser(&'a Origin),
}

impl Channel<'_> {
    /// The audience of proofs (KB-09, KB-10).
    fn audience(self, request: &RequestData) -> Cow<'_, str> {
        match self {
            Self::Wallet => Cow::Borrowed(&request.client_id),
            Self::Browser(origin) => Cow::Owned(origin.audience()),
        }
    }
}

impl App {
    /// Deals with an answer to the request with this handle.
    ///
    /// # Errors
    /// [`Refused`] with the exact reason. The transaction stays open unless issuer and holder were established
    /// (catalogue rule 6).
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 8.2, 8.3 and 8.6.
    pub async fn receive_response(&self, handle: &str, form: &ResponseForm) -> Result<NextStep, Refused> {
        let unknown = || Reason::new(Code::UnknownTransaction, "no transaction has this handle");
        let handle = RequestHandle::parse(handle).ok_or_else(unknown)?;
        let shown = self.ports.store.by_handle(&handle).await?.ok_or_else(unknown)?;
        // What a browser carries has no address for wallets.
        if shown.request().response_mode.is_by_browser() {
            return Err(unknown().into());
        }
        self.settle(shown, Channel::Wallet, form).await
    }

    /// Judges an answer to `shown`, and ends the transaction with it if it can.
    pub(super) async fn settle(
        &self,
        mut shown: Transaction,
        channel: Channel<'_>,
        form: &ResponseForm,
    ) -> Result<NextStep, Refused> {
        let tenant = Arc::clone(self.tenant(shown.tenant())?);
        shown.check_answerable(self.now())?;
        let turn = self.tries.turn(shown.id(), self.now()).await;
        if turn.waited {
            let unknown = || Reason::new(Code::UnknownTransaction, "the transaction has gone");
            shown = self.ports.store.by_handle(shown.handle()).await?.ok_or_else(unknown)?;
            shown.check_answerable(self.now())?;
        }
        self.tries.count(shown.id(), self.now())?;
        let settled = noted(self.judge(&tenant, &shown, channel, form).await, &shown);
        match settled {
            Ok(Judged::Accepted { presented, report }) => self.end_verified(&tenant, shown, presented, &report).await,
            Ok(Judged::Declined(error)) => self.end_declined(shown, &error).await,
            Err(refusal) if refusal.standing == Standing::Established => self.end_rejected(shown, *refusal).await,
            Err(refusal) => {
                let report = render::text(&render::report_body(&refusal.report, false))?;
                let refused = RefusedTry { at: self.now(), reason: refusal.reason.clone(), report: Some(report) };
                self.tries.note(shown.id(), refused);
                Err(refusal.reason.into())
            }
        }
    }

    async fn judge(
        &self,
        tenant: &Tenant,
        shown: &Transaction,
        channel: Channel<'_>,
        form: &ResponseForm,
    ) -> Result<Judged, Box<Refusal>> {
        let request = shown.request();
        let broken = |detail: &'static str| {
            let reason = Reason::new(Code::StorageCorrupt, detail);
            Box::new(Refusal { reason, standing: Standing::Undecided, report: Report::default() })
        };
        let query = self
            .queries(shown.tenant())
            .ok()
            .and_then(|queries| queries.read(request.preset.as_deref(), &request.dcql_query))
            .ok_or_else(|| broken("the stored query cannot be read"))?;
        let sent = request.transaction_data.iter().map(|text| Entry::parse(text)).collect::<Result<Vec<_>, _>>();
        let sent = sent.map_err(|_| broken("the stored transaction data cannot be read"))?;
        let trust = tenant.trust.current();
        let key = if request.response_mode.is_encrypted() {
            let key = request.encryption_key.as_ref().and_then(SecretScalar::key);
            Some(key.ok_or_else(|| broken("the key of the request is missing"))?)
        } else {
            None
        };
        let state = match (channel, &request.state) {
            (Channel::Browser(_), _) => None,
            (Channel::Wallet, Some(state)) => Some(state.as_str()),
            // Without this line a missing state would not be missed.
            (Channel::Wallet, None) => return Err(broken("the state of the request is missing")),
        };
        let audience = channel.audience(request);
        let asked = Asked {
            query: &query.query,
            binding: Binding {
                nonce: request.nonce.as_str(),
                audience: &audience,
                requested_at: Some(shown.created_at()),
                transaction_data: &sent,
            },
            state,
            encryption: key.as_ref().map_or(Encryption::PlainAsConfigured, |key| Encryption::Required {
                key,
                kid: &request.encryption_kid,
            }),
        };
        let mut pending = match open(form, asked, self.context(tenant, &trust, self.now()))? {
            Answer::Error(error) => return Ok(Judged::Declined(error)),
            Answer::Presented(pending) => pending,
        };
        let types = self.bring_types(&tenant.policy.type_metadata, pending.type_needs()).await;
        pending.supply_types(&types);
        let lists = self.bring_lists(tenant, &trust, pending.status_needs()).await;
        let (presented, report) = pending.conclude(&lists, self.context(tenant, &trust, self.now()))?;
        Ok(Judged::Accepted { presented, report })
    }

    async fn end_verified(
        &self,
        tenant: &Tenant,
        shown: Transaction,
        presented: Verified<Presented>,
        report: &Report,
    ) -> Result<NextStep, Refused> {
        let derive = shown
            .request()
            .preset
            .as_ref()
            .and_then(|id| tenant.presets.get(id))
            .map(|preset| preset.result.derive.as_slice())
            .unwrap_or_default();
        let presented = derived(presented, derive, self.now())?;
        let accepted = Accepted {
            result: render::text(&render::result_body(&presented))?,
            report: render::text(&render::report_body(report, true))?,
        };
        let redirect_uri = self.end(shown, |shown, now, code| shown.verify(now, accepted.clone(), code)).await?;
        Ok(NextStep { redirect_uri, outcome: AnswerOutcome::Verified })
    }

    async fn end_declined(&self, shown: Transaction, error: &WalletError) -> Result<NextStep, Refused> {
        let how = if error.encrypted { "encrypted" } else { "plain, so not authenticated" };
        let about_the_request = error.is_about_the_request().then_some(error.error);
        let verdict = if about_the_request.is_some() { ": it finds fault with the request" } else { "" };
        let record = ErrorRecord {
            code: Code::WalletErrorRecorded,
            detail: format!("the wallet answered {} ({how}){verdict}", error.error),
        };
        let redirect_uri = self.end(shown, |shown, now, _| shown.decline(now, record.clone())).await?;
        Ok(NextStep { redirect_uri, outcome: AnswerOutcome::Declined { about_the_request } })
    }

    async fn end_rejected(&self, shown: Transaction, refusal: Refusal) -> Result<NextStep, Refused> {
        let rejected = RejectedAs {
            report: render::text(&render::report_body(&refusal.report, false))?,
            error: ErrorRecord { code: refusal.reason.code, detail: refusal.reason.detail.to_string() },
        };
        let redirect_uri = self.end(shown, |shown, now, _| shown.reject(now, rejected.clone())).await?;
        Err(Refused { failure: refusal.reason.into(), redirect_uri, ended: true })
    }

    /// Takes the step by one conditional write. Only the state that was shown may be ended, so of many answers at
    /// the same moment exactly one wins (catalogue rule 7, RSP-007). If the transaction has merely changed meanwhile, as when
    /// a browser has opened its page, the step is taken again from there: what was judged depends on the request alone,
    /// which never changes.
    async fn end(
        &self,
        shown: Transaction,
        step: impl Fn(Transaction, UnixSeconds, ResponseCodeHash) -> Result<Transaction, Reason>,
    ) -> Result<Option<String>, Failure> {
        let code = self.ports.entropy.draw(ResponseCode::from_random)?;
        let hash = ResponseCodeHash::new(sha256(code.as_str().as_bytes()));
        let ended = self.change(shown, |it| Ok((step(it, self.now(), hash)?, ()))).await?;
        let gone = || Failure::from(Reason::new(Code::TransactionExpired, "the transaction has ended"));
        let (next, ()) = ended.ok_or_else(gone)?;
        self.way_back(&next, &code)
    }

    /// Where the wallet sends the person. Where a browser has opened the page, the page looks first whether the person comes
    /// back in it.
    fn way_back(&self, answered: &Transaction, code: &ResponseCode) -> Result<Option<String>, Failure> {
        match answered.flow() {
            Flow::CrossDevice | Flow::DcApi(_) => Ok(None),
            Flow::SameDevice { .. } if answered.browser().is_some() => {
                let page = format!("{}/p/{}/return", self.public_url, answered.page().as_str());
                with_code(&page, code.as_str()).map(Some)
            }
            Flow::SameDevice { return_url } => with_code(return_url, code.as_str()).map(Some),
        }
    }
}

/// The report of a request that asks for more than is registered says so, accepted or not.
fn noted(settled: Result<Judged, Box<Refusal>>, shown: &Transaction) -> Result<Judged, Box<Refusal>> {
    const NOTE: &str =
        "the query asks for more than is registered, as unregistered_queries = allowed_for_testing lets it";
    if !shown.request().registration.exceeds {
        return settled;
    }
    match settled {
        Ok(Judged::Accepted { presented, mut report }) => {
            report.remark(Check::VpToken, NOTE);
            Ok(Judged::Accepted { presented, report })
        }
        Ok(declined @ Judged::Declined(_)) => Ok(declined),
        Err(mut refusal) => {
            refusal.report.remark(Check::VpToken, NOTE);
            Err(refusal)
        }
    }
}

enum Judged {
    Accepted { presented: Verified<Presented>, report: Report },
    Declined(WalletError),
}

/// Replaces claims by the answers that the preset derives from them, so that the source never leaves.
fn derived(
    presented: Verified<Presented>,
    derive: &[Derivation],
    now: UnixSeconds,
) -> Result<Verified<Presented>, Failure> {
    if derive.is_empty() {
        return Ok(presented);
    }
    let today = Date::utc(now)
        .ok_or_else(|| Failure::from(Reason::new(Code::InternalError, "the clock is outside the calendar")))?;
    Ok(presented.map(|mut presented| {
        for credential in presented.credentials.iter_mut().flat_map(|(_, credentials)| credentials) {
            let (claims, _) = apply(derive, std::mem::take(&mut credential.claims), today);
            credential.claims = claims;
        }
        presented
    }))
}

/// The return address with the response code as a query parameter (OVP-RESP-07, FIX-01).
pub(super) fn with_code(return_url: &str, code: &str) -> Result<String, Failure> {
    let mut url = Url::parse(return_url)
        .map_err(|_| Failure::from(Reason::new(Code::StorageCorrupt, "the return address cannot be read")))?;
    url.query_pairs_mut().append_pair("response_code", code);
    Ok(url.into())
}
