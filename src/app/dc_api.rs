//! The browser's Digital Credentials API: the request that a page hands to the browser, and the answer that comes back.
//!
//! The request leaves with the answer to the creating call, so nobody collects it; the caller's backend hands in what the
//! browser gave its page, so nobody posts it. In between everything is as in the other flows.

use super::fetch_request::announced_key;
use super::receive_response::{AnswerOutcome, Channel, Refused};
use super::registered;
use super::tries::RefusedTry;
use super::{App, Failure, Tenant};
use crate::domain::dc_api::{Offer, Origin, Protocol};
use crate::domain::ids::{TenantId, TransactionId};
use crate::domain::reason::{Code, Reason};
use crate::domain::request::dc_api::{DcApiRequest, ToSign};
use crate::domain::transaction::Transaction;
use crate::domain::verify::dc_api;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Which pages may ask, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DcApiRules {
    /// The exact origins of the tenant's pages; without any the flow is not offered.
    pub origins: Vec<Origin>,
    /// The origin of this service, if its hosted pages ask, too.
    pub hosted: Option<Origin>,
    /// The protocols in which they ask, in the order of preference.
    pub protocols: Vec<Protocol>,
}

/// What a browser handed to the page: `protocol` and `data` of a `DigitalCredential`. No `Debug`: it may hold claims.
pub struct BrowserAnswer<'a> {
    /// The protocol in which the wallet answered.
    pub protocol: &'a str,
    /// An object, or its JSON as a text.
    pub data: &'a Value,
}

impl App {
    /// The argument of `navigator.credentials.get(…)` for a transaction that a browser carries; `None` for others, and
    /// after the end. Signed anew each time.
    ///
    /// # Errors
    /// [`Code::StorageCorrupt`], and failures of the key.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections A.1 to A.3; W3C Digital Credentials API.
    pub(super) async fn dc_api_request(
        &self,
        tenant: &Tenant,
        transaction: &Transaction,
    ) -> Result<Option<Value>, Failure> {
        match transaction.offer() {
            Some(offer) if !transaction.status().is_end() => {
                self.requests_of(tenant, transaction, offer).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The requests of an offer. The way of the answer is that of a browser, whatever else the transaction may be answered by.
    pub(super) async fn requests_of(
        &self,
        tenant: &Tenant,
        transaction: &Transaction,
        offer: &Offer,
    ) -> Result<Value, Failure> {
        let request = transaction.request();
        let jwk = announced_key(request)?;
        let query: &RawValue = serde_json::from_str(&request.dcql_query)
            .map_err(|_| Failure::from(Reason::new(Code::StorageCorrupt, "the stored query cannot be read")))?;
        let signer = tenant.signer.as_ref();
        let registration = registered::certificate_data(tenant, request.registration)?;
        let asked = DcApiRequest {
            client_id: &request.client_id,
            origin: &offer.origin,
            response_mode: request.response_mode.through_browser().as_str(),
            nonce: request.nonce.as_str(),
            dcql_query: query,
            transaction_data: &request.transaction_data,
            encryption_jwk: jwk.as_ref(),
            algorithms: &tenant.policy.algorithms,
            issued_at: self.now(),
            expires: transaction.expires_at(),
            certificates: tenant.profile.sent(signer.certificate_chain()),
            issued_at_in_header: tenant.profile.issued_at_in_header,
            registration: registration.as_deref(),
        };
        let unwritable = |_| Failure::from(Reason::new(Code::InternalError, "the request cannot be written"));
        let signed = async |parts: &ToSign| signer.sign(parts.signing_input().as_bytes()).await.map_err(Failure::from);
        let mut requests = Vec::with_capacity(offer.protocols.len());
        for protocol in &offer.protocols {
            let data = match protocol {
                Protocol::Signed => {
                    let parts = asked.signed().map_err(unwritable)?;
                    parts.compact(&signed(&parts).await?)
                }
                Protocol::MultiSigned => {
                    let parts = asked.multi_signed().map_err(unwritable)?;
                    parts.general(&signed(&parts).await?)
                }
                Protocol::Unsigned => asked.unsigned().map_err(unwritable)?,
            };
            requests.push(json!({"protocol": protocol.as_str(), "data": data}));
        }
        Ok(json!({"digital": {"requests": requests}}))
    }

    /// Deals with what a browser handed to a page of this tenant. Tenant, transaction and origin are one: neither the
    /// origin nor anything else that is compared comes from the caller (DCA-12, case DCA-008).
    ///
    /// # Errors
    /// [`Refused`]: [`Code::UnknownTransaction`] for those of others and of other flows,
    /// [`Code::DcapiResponseMalformed`], and as [`App::receive_response`].
    ///
    /// # Source
    /// OpenID4VP 1.0 sections A.4 and A.5.
    pub async fn receive_browser_answer(
        &self,
        tenant: &TenantId,
        id: &str,
        answer: BrowserAnswer<'_>,
    ) -> Result<AnswerOutcome, Refused> {
        let unknown = || Reason::new(Code::UnknownTransaction, "no transaction for browsers has this id");
        let id = TransactionId::parse(id).ok_or_else(unknown)?;
        let shown = self.ports.store.by_id(tenant, &id).await?.ok_or_else(unknown)?;
        let offer = shown.offer().ok_or_else(unknown)?.clone();
        shown.check_answerable(self.now())?;
        let form = match offer.offered(answer.protocol).and_then(|_| dc_api::read(answer.data)) {
            Ok(form) => form,
            Err(reason) => {
                self.note_refused(&id, &reason);
                return Err(reason.into());
            }
        };
        Ok(self.settle(shown, Channel::Browser(&offer.origin), &form).await?.outcome)
    }

    /// Takes note of an answer that did not reach the checks.
    pub(super) fn note_refused(&self, id: &TransactionId, reason: &Reason) {
        self.tries.note(id, RefusedTry { at: self.now(), reason: reason.clone(), report: None });
    }
}
