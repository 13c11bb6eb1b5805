//! A wallet collects the request object, by GET or by POST.
//!
//! Rules kept here: OVP-RURI-03, RPC-03.

use super::{App, Failure, Tenant, registered};
use crate::domain::encoding::base64;
use crate::domain::ids::RequestHandle;
use crate::domain::jose::encrypt::encrypt;
use crate::domain::reason::{Code, Reason};
use crate::domain::request::ClientIdPrefix;
use crate::domain::request::object::RequestObject;
use crate::domain::request::wallet_metadata::{WalletMetadata, check_wallet_nonce};
use crate::domain::transaction::{RequestData, SecretScalar, Transaction};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// What a wallet sends along when it collects by POST. Holds a nonce: no `Debug`.
#[derive(Clone, Default)]
pub struct WalletParameters {
    /// `wallet_nonce`
    pub wallet_nonce: Option<String>,
    /// `wallet_metadata`, JSON text
    pub wallet_metadata: Option<String>,
}

impl App {
    /// The request object for a handle: a compact JWS, or a JWE around it if the wallet wants that. It may be collected
    /// again until it is answered or expired (OVP-RURI-04), and is signed anew each time (OVP-RURI-12).
    ///
    /// # Errors
    /// [`Code::UnknownRequest`], [`Code::RequestExpired`], [`Code::WalletNonceInvalid`],
    /// [`Code::WalletMetadataInvalid`], [`Code::WalletIncompatible`], and failures of store and key.
    ///
    /// # Source
    /// OpenID4VP 1.0 section 5.10.
    pub async fn fetch_request(&self, handle: &str, parameters: WalletParameters) -> Result<String, Failure> {
        let unknown = || Failure::from(Reason::new(Code::UnknownRequest, "no request has this handle"));
        let handle = RequestHandle::parse(handle).ok_or_else(unknown)?;
        let shown = self.ports.store.by_handle(&handle).await?.ok_or_else(unknown)?;
        // What a browser carries is not served to wallets. What travels in the link is not to be had here, and never unsigned
        // (OVP-JAR-01, OVP-JAR-03).
        if !shown.request().is_collected() {
            return Err(unknown());
        }
        let tenant = Arc::clone(self.tenant(shown.tenant())?);
        if let Some(nonce) = &parameters.wallet_nonce {
            check_wallet_nonce(nonce)?;
        }
        let metadata = match &parameters.wallet_metadata {
            None => WalletMetadata::default(),
            Some(text) => {
                let prefix = ClientIdPrefix::of(&shown.request().client_id);
                WalletMetadata::parse(text, prefix, &tenant.policy.algorithms)?
            }
        };
        let transaction = self.mark_fetched(shown).await?;
        let signed = self.sign_request(&tenant, &transaction, parameters.wallet_nonce.as_deref()).await?;
        match metadata.encryption {
            None => Ok(signed),
            Some(wanted) => {
                let mut header = Map::new();
                header.insert("cty".to_owned(), json!("oauth-authz-req+jwt"));
                header.insert("typ".to_owned(), json!("oauth-authz-req+jwt"));
                if let Some(kid) = wanted.jwk.get("kid") {
                    header.insert("kid".to_owned(), kid.clone());
                }
                encrypt(&wanted.jwk, wanted.enc.name(), &header, signed.as_bytes()).map_err(|fault| {
                    Reason::new(Code::WalletMetadataInvalid, format!("the wallet's key: {fault}")).into()
                })
            }
        }
    }

    /// Marks the transaction as collected. Whoever comes second finds that done.
    pub(super) async fn mark_fetched(&self, shown: Transaction) -> Result<Transaction, Failure> {
        let fetched = self.change(shown, |it| Ok((it.fetch(self.now())?, ()))).await?;
        let ended = || Failure::from(Reason::new(Code::RequestExpired, "the request has ended"));
        fetched.map(|(next, ())| next).ok_or_else(ended)
    }

    async fn sign_request(
        &self,
        tenant: &Tenant,
        transaction: &Transaction,
        wallet_nonce: Option<&str>,
    ) -> Result<String, Failure> {
        #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is for one lifetime, not for all")]
        let input = self.with_request_object(tenant, transaction, wallet_nonce, |object| object.signing_input())?;
        let signature = tenant.signer.sign(input.as_bytes()).await?;
        Ok(format!("{input}.{}", base64::encode_url(&signature)))
    }

    /// Puts the request object of a transaction together and hands it to `write`.
    ///
    /// # Errors
    /// [`Code::StorageCorrupt`] if the stored request cannot be used, as after its end.
    pub(super) fn with_request_object<T>(
        &self,
        tenant: &Tenant,
        transaction: &Transaction,
        wallet_nonce: Option<&str>,
        write: impl FnOnce(&RequestObject<'_>) -> Result<T, serde_json::Error>,
    ) -> Result<T, Failure> {
        let request = transaction.request();
        let broken = |detail: &'static str| Failure::from(Reason::new(Code::StorageCorrupt, detail));
        let jwk = announced_key(request)?;
        let (Some(state), Some(response_uri)) = (&request.state, &request.response_uri) else {
            return Err(broken("the request has no state or no address for the answer"));
        };
        let query: &RawValue =
            serde_json::from_str(&request.dcql_query).map_err(|_| broken("the stored query cannot be read"))?;
        // A request in a link is unsigned, and carries no registration.
        let registration =
            if request.is_in_link() { None } else { registered::certificate_data(tenant, request.registration)? };
        let object = RequestObject {
            client_id: &request.client_id,
            response_mode: request.response_mode.as_str(),
            response_uri,
            nonce: request.nonce.as_str(),
            state: state.as_str(),
            dcql_query: query,
            transaction_data: &request.transaction_data,
            encryption_jwk: jwk.as_ref(),
            algorithms: &tenant.policy.algorithms,
            wallet_nonce,
            issued_at: self.now(),
            expires: transaction.expires_at(),
            certificates: tenant.profile.sent(tenant.signer.certificate_chain()),
            issued_at_in_header: tenant.profile.issued_at_in_header,
            registration: registration.as_deref(),
        };
        write(&object).map_err(|_| Reason::new(Code::InternalError, "the request cannot be written").into())
    }
}

/// The key for the answer as it is announced; `None` if the answer comes plain.
pub(super) fn announced_key(request: &RequestData) -> Result<Option<Map<String, Value>>, Failure> {
    if !request.response_mode.is_encrypted() {
        return Ok(None);
    }
    let broken = |detail: &'static str| Failure::from(Reason::new(Code::StorageCorrupt, detail));
    let key = request.encryption_key.as_ref().and_then(SecretScalar::key);
    let key = key.ok_or_else(|| broken("the key of the request is missing"))?;
    Ok(Some(key.announced_jwk().map_err(|_| broken("the stored key cannot be used"))?.0))
}
