//! The hosted page asks through the browser's Digital Credentials API, beside the link to the wallet.
//!
//! It is one transaction with two ways: the same nonce and key, but a proof for the link is made for the `client_id`, and one
//! for the page for the origin of this service. Only the browser to which the page is bound is served (DCA-16), and the
//! person goes on from here as after a return from the wallet.

use super::dc_api::BrowserAnswer;
use super::receive_response::{Channel, NextStep, Refused};
use super::{App, Failure, Tenant};
use crate::domain::dc_api::Offer;
use crate::domain::ids::BrowserCookie;
use crate::domain::reason::{Code, Reason};
use crate::domain::transaction::{Flow, Transaction};
use crate::domain::verify::dc_api;
use serde_json::Value;
use std::sync::Arc;

impl App {
    /// What the hosted page of a tenant offers to the browser, for a transaction that can be answered on this device.
    pub fn hosted_offer(&self, tenant: &Tenant, transaction: &Transaction) -> Option<Offer> {
        let by_link = matches!(transaction.flow(), Flow::SameDevice { .. }) && transaction.request().is_collected();
        let origin = tenant.dc_api.hosted.clone().filter(|_| by_link && !tenant.dc_api.protocols.is_empty())?;
        Some(Offer { origin, protocols: tenant.dc_api.protocols.clone() })
    }

    /// The argument of `navigator.credentials.get(…)` for the page with this handle, in the browser with this cookie. It
    /// counts as collecting the request, and may be repeated.
    ///
    /// # Errors
    /// [`Code::UnknownTransaction`] where nothing is offered, [`Code::SessionMismatch`] in another browser,
    /// [`Code::RequestExpired`], and failures of store and key.
    pub async fn page_request(&self, handle: &str, cookie: Option<&BrowserCookie>) -> Result<Value, Failure> {
        let (tenant, transaction, offer) = self.bound_offer(handle, cookie).await?;
        let transaction = self.mark_fetched(transaction).await?;
        self.requests_of(&tenant, &transaction, &offer).await
    }

    /// Deals with what the browser gave the page.
    ///
    /// # Errors
    /// [`Refused`]: as [`App::page_request`], and as [`App::receive_response`].
    pub async fn page_answer(
        &self,
        handle: &str,
        cookie: Option<&BrowserCookie>,
        answer: BrowserAnswer<'_>,
    ) -> Result<NextStep, Refused> {
        let (_, transaction, offer) = self.bound_offer(handle, cookie).await?;
        transaction.check_answerable(self.now())?;
        let form = offer.offered(answer.protocol).and_then(|_| dc_api::read(answer.data));
        let form = form.inspect_err(|reason| self.note_refused(transaction.id(), reason))?;
        self.settle(transaction, Channel::Browser(&offer.origin), &form).await
    }

    async fn bound_offer(
        &self,
        handle: &str,
        cookie: Option<&BrowserCookie>,
    ) -> Result<(Arc<Tenant>, Transaction, Offer), Failure> {
        let transaction = self.bound_page(handle, cookie).await?.transaction;
        let tenant = Arc::clone(self.tenant(transaction.tenant())?);
        let offer = self.hosted_offer(&tenant, &transaction);
        let offer = offer.ok_or_else(|| Reason::new(Code::UnknownTransaction, "nothing is offered to browsers"))?;
        // A page that nobody has opened belongs to nobody yet.
        if transaction.browser().is_none() {
            return Err(Reason::new(Code::SessionMismatch, "no browser has opened the page").into());
        }
        Ok((tenant, transaction, offer))
    }
}
