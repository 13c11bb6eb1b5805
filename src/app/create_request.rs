//! A caller starts a presentation.

use super::dc_api::DcApiRules;
use super::ports::{Idempotency, Inserted};
use super::sent_query::{SentQueries, SentQuery};
use super::{App, Failure, Tenant, can_verify, registered};
use crate::domain::dc_api::Offer;
use crate::domain::dcql::{DcqlQuery, Fault, Severity, lint};
use crate::domain::ids::{Nonce, PageHandle, RequestHandle, State, TenantId, TransactionId};
use crate::domain::jose::hash::sha256;
use crate::domain::limits;
use crate::domain::preset::Preset;
use crate::domain::reason::{Code, Reason};
use crate::domain::request::client_id::ClientId;
use crate::domain::request::link::{authorization_request_by_value, authorization_request_uri};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction::{
    Flow, NewTransaction, Purpose, RegistrationUse, RequestData, ResponseMode, ResultPolicy, SecretScalar, SessionHash,
    Transaction,
};
use crate::domain::transaction_data::requested;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// What a caller asks for; absent members take the values of preset and tenant.
#[derive(Clone, Default)]
pub struct NewPresentation {
    /// The id of a preset; exactly one of this and `dcql_query`.
    pub preset: Option<String>,
    /// A query of the caller's own.
    pub dcql_query: Option<Value>,
    /// The name of the registration under which is asked; absent: that of the preset, or the only one.
    pub registration: Option<String>,
    /// `same_device`, `cross_device` or `dc_api`.
    pub flow: Option<String>,
    /// Where the person goes back to, on the same device.
    pub return_url: Option<String>,
    /// The page that asks through the browser, in the flow `dc_api`.
    pub origin: Option<String>,
    /// `direct_post.jwt`, or `direct_post` where the tenant allows that; `dc_api.jwt` and `dc_api` in the flow `dc_api`.
    pub response_mode: Option<String>,
    /// Entries of transaction data: JSON objects, or their base64url texts.
    pub transaction_data: Vec<Value>,
    /// The purpose in German.
    pub purpose_de: Option<String>,
    /// The purpose in English.
    pub purpose_en: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// Life of the transaction in seconds.
    pub expires_in: Option<u32>,
    /// Time for which the result can be read, in seconds.
    pub result_ttl_seconds: Option<u32>,
    /// Whether the result is erased once it was read.
    pub delete_after_read: Option<bool>,
    /// What the caller names the person's session by; reading the result must name the same.
    pub session: Option<String>,
}

/// The digest under which a caller's session is known.
pub(super) fn session_hash(session: &str) -> SessionHash {
    SessionHash::new(sha256(session.as_bytes()))
}

/// An `Idempotency-Key` with the bytes of its call.
#[derive(Clone, Copy)]
pub struct IdempotentCall<'a> {
    /// The key, as sent.
    pub key: &'a str,
    /// The body, as sent.
    pub body: &'a [u8],
}

impl IdempotentCall<'_> {
    /// Checks the form of the key.
    ///
    /// # Errors
    /// [`Code::BadRequest`] unless it has 1 to 255 printable characters.
    pub fn check_key(&self) -> Result<(), Reason> {
        let printable = self.key.bytes().all(|byte| byte.is_ascii_graphic());
        if (1..=255).contains(&self.key.len()) && printable {
            return Ok(());
        }
        Err(Reason::new(Code::BadRequest, "Idempotency-Key has not 1 to 255 printable characters"))
    }
}

/// A started presentation with its links. `Debug` leaves out the links: whoever has one can use it.
#[derive(Clone)]
pub struct Created {
    /// The transaction.
    pub transaction: Transaction,
    /// What starts the wallet. `None` once a request that travels in its link has ended.
    pub authorization_request_uri: Option<String>,
    /// Where the wallet collects the request, unless that travels in the link.
    pub request_uri: Option<String>,
    /// The page for the person.
    pub page_url: String,
    /// What the page hands to the browser, in the flow `dc_api`, which has no links and no page of ours.
    pub dc_api_request: Option<Value>,
}

impl fmt::Debug for Created {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Created").field("transaction", &self.transaction).finish_non_exhaustive()
    }
}

/// Seconds for which an idempotency key is remembered.
pub(super) const IDEMPOTENCY_SECONDS: i64 = 86_400;

impl App {
    /// Starts a presentation, or finds the one that the same call started before.
    ///
    /// # Errors
    /// - [`Code::InvalidQuery`] with every fault at once; [`Code::InvalidRedirectUri`],
    ///   [`Code::CrossDeviceNotAllowed`], [`Code::QueryNotPermitted`], [`Code::TrustAnchorSetEmpty`].
    /// - [`Code::IdempotencyConflict`] for a known key with other content.
    /// - [`Code::NotReady`] without randomness, and failures of the store.
    pub async fn create_request(
        &self,
        tenant: &TenantId,
        wish: NewPresentation,
        call: Option<IdempotentCall<'_>>,
    ) -> Result<Created, Failure> {
        let tenant = Arc::clone(self.tenant(tenant)?);
        let plan = Plan::read(&tenant, self.queries(&tenant.id)?, &wish, self.now())?;
        let idempotency = call.map(|call| self.idempotency(&tenant, call)).transpose()?;
        let transaction = self.begin(&tenant, plan)?;
        let transaction = match self.ports.store.insert(transaction.clone(), idempotency).await? {
            Inserted::New => transaction,
            Inserted::Replayed(first) => *first,
            Inserted::Conflict => {
                return Err(Reason::new(Code::IdempotencyConflict, "the key was used with another body").into());
            }
        };
        let dc_api_request = self.dc_api_request(&tenant, &transaction).await?;
        Ok(Created { dc_api_request, ..self.created(&tenant, transaction) })
    }

    /// The links of a transaction, for the answer and for its QR code.
    pub fn created(&self, tenant: &Tenant, transaction: Transaction) -> Created {
        let page_url = format!("{}/p/{}", self.public_url, transaction.page().as_str());
        if transaction.offer().is_some() {
            let (authorization_request_uri, request_uri) = (None, None);
            return Created { authorization_request_uri, request_uri, page_url, transaction, dc_api_request: None };
        }
        if transaction.request().is_in_link() {
            #[expect(
                clippy::redundant_closure_for_method_calls,
                reason = "the method is for one lifetime, not for all"
            )]
            let parameters =
                self.with_request_object(tenant, &transaction, None, |object| object.link_parameters()).ok();
            let link = parameters.map(|parameters| authorization_request_by_value(&tenant.scheme, &parameters));
            return Created {
                authorization_request_uri: link,
                request_uri: None,
                page_url,
                transaction,
                dc_api_request: None,
            };
        }
        let request_uri = format!("{}/wallet/requests/{}", self.public_url, transaction.handle().as_str());
        let link = authorization_request_uri(&tenant.scheme, &transaction.request().client_id, &request_uri);
        Created {
            authorization_request_uri: Some(link),
            request_uri: Some(request_uri),
            page_url,
            transaction,
            dc_api_request: None,
        }
    }

    fn idempotency(&self, tenant: &Tenant, call: IdempotentCall<'_>) -> Result<Idempotency, Failure> {
        call.check_key()?;
        Ok(Idempotency {
            key_hash: sha256(format!("{}\0{}", tenant.id, call.key).as_bytes()),
            content_hash: sha256(call.body),
            until: self.now().plus(IDEMPOTENCY_SECONDS),
        })
    }

    fn begin(&self, tenant: &Tenant, plan: Plan) -> Result<Transaction, Failure> {
        let entropy = self.ports.entropy.as_ref();
        let now = self.now();
        let handle = entropy.draw(RequestHandle::from_random)?;
        let key = entropy.encryption_key()?;
        let broken = || Failure::from(Reason::new(Code::InternalError, "the key cannot be prepared"));
        let (_, encryption_kid) = key.announced_jwk().map_err(|_| broken())?;
        let encrypted = plan.response_mode.is_encrypted();
        let response_uri = format!("{}/wallet/responses/{}", self.public_url, handle.as_str());
        // A browser carries neither a state nor an answer to an address (DCA-10, NON-06).
        let by_wallet = !plan.response_mode.is_by_browser();
        let state = if by_wallet { Some(entropy.draw(State::from_random)?) } else { None };
        Ok(Transaction::begin(NewTransaction {
            tenant: tenant.id.clone(),
            id: entropy.draw(TransactionId::from_random)?,
            page: entropy.draw(PageHandle::from_random)?,
            created_at: now,
            expires_at: now.plus(i64::from(plan.expires_in)),
            flow: plan.flow,
            request: RequestData {
                preset: plan.preset,
                client_id: tenant.client_id.text(&response_uri),
                nonce: entropy.draw(Nonce::from_random)?,
                state,
                response_mode: plan.response_mode,
                response_uri: by_wallet.then_some(response_uri),
                dcql_query: plan.dcql_query,
                transaction_data: plan.transaction_data,
                purpose: plan.purpose,
                encryption_key: encrypted.then(|| SecretScalar::of(key)),
                encryption_kid,
                registration: plan.registration,
            },
            handle,
            reference: plan.reference,
            result_policy: plan.result_policy,
            session: plan.session,
        }))
    }
}

/// A wish that passed every check.
struct Plan {
    preset: Option<String>,
    dcql_query: String,
    transaction_data: Vec<String>,
    registration: RegistrationUse,
    flow: Flow,
    response_mode: ResponseMode,
    purpose: Purpose,
    reference: Option<String>,
    expires_in: u32,
    result_policy: ResultPolicy,
    session: Option<SessionHash>,
}

/// Collects faults with their places.
#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, pointer: &str, detail: impl Into<std::borrow::Cow<'static, str>>, rule: &'static str) {
        self.0.push(Fault { pointer: pointer.to_owned(), detail: detail.into(), rule });
    }
}

impl Plan {
    fn read(tenant: &Tenant, queries: &SentQueries, wish: &NewPresentation, now: UnixSeconds) -> Result<Self, Failure> {
        let mut faults = Faults::default();
        let asked = what(tenant, queries, wish, &mut faults);
        let flow = flow(tenant, wish, &mut faults);
        if tenant.client_id == ClientId::OfResponseUri && flow == Some(Flow::CrossDevice) {
            faults.add("/flow", "a request that travels in its link is too large for a QR code", "OVP-REQ-10");
        }
        let response_mode = response_mode(tenant, wish, &mut faults);
        let query = asked.as_ref().map(|asked| &asked.sent.query);
        let transaction_data = transaction_data(tenant, wish, query, &mut faults);
        let most_life = match flow {
            Some(Flow::CrossDevice) => tenant.lifetimes.transaction_most.min(tenant.lifetimes.cross_device_most),
            _ => tenant.lifetimes.transaction_most,
        };
        let expires_in =
            bounded(wish.expires_in, tenant.lifetimes.transaction, 30, most_life, "/expires_in", &mut faults);
        let preset = asked.as_ref().and_then(|asked| asked.preset);
        let ttl = preset
            .map_or(tenant.lifetimes.result, |preset| preset.result.ttl_seconds.min(tenant.lifetimes.result_most));
        let most_ttl = tenant.lifetimes.result_most;
        let ttl_seconds = bounded(wish.result_ttl_seconds, ttl, 1, most_ttl, "/result/ttl_seconds", &mut faults);
        let delete_after_read =
            wish.delete_after_read.unwrap_or_else(|| preset.is_some_and(|preset| preset.result.delete_after_delivery));
        let purpose = Purpose {
            de: text(wish.purpose_de.as_deref(), "/purpose/de", &mut faults)
                .or_else(|| preset.map(|preset| preset.purpose.de.clone())),
            en: text(wish.purpose_en.as_deref(), "/purpose/en", &mut faults)
                .or_else(|| preset.map(|preset| preset.purpose.en.clone())),
        };
        if tenant.profile.purpose_demanded && purpose.de.is_none() && purpose.en.is_none() {
            let detail = format!("the profile {} wants a purpose that people can read", tenant.profile.name);
            faults.add("/purpose", detail, "OVP-REQ-12");
        }
        let session = session(wish, &mut faults);
        let reference = reference(wish.reference.as_deref(), &mut faults);
        let (Some(asked), Some(flow), Some(response_mode)) = (asked, flow, response_mode) else {
            return Err(Failure::invalid(faults.0));
        };
        if !faults.0.is_empty() {
            return Err(Failure::invalid(faults.0));
        }
        check_permitted(tenant, wish, &flow)?;
        check_trust(tenant, &asked.sent.query, now)?;
        let id = asked.preset.map(|preset| preset.id.as_str());
        let registration = registered::registered(tenant, &asked.sent.query, id, wish.registration.as_deref(), now)?;
        Ok(Self {
            preset: asked.preset.map(|preset| preset.id.clone()),
            dcql_query: asked.sent.text.clone(),
            transaction_data,
            registration,
            flow,
            response_mode,
            purpose,
            reference,
            expires_in,
            result_policy: ResultPolicy { ttl_seconds, delete_after_read, return_seconds: tenant.lifetimes.to_return },
            session,
        })
    }
}

struct Asked<'t> {
    preset: Option<&'t Preset>,
    sent: Arc<SentQuery>,
}

fn what<'t>(
    tenant: &'t Tenant,
    queries: &SentQueries,
    wish: &NewPresentation,
    faults: &mut Faults,
) -> Option<Asked<'t>> {
    match (&wish.preset, &wish.dcql_query) {
        (Some(id), None) => {
            let Some(preset) = tenant.presets.get(id) else {
                faults.add("/preset", "this tenant has no such preset; GET /v1/presets names them", "preset");
                return None;
            };
            match queries.get(id)? {
                Ok(sent) => Some(Asked { preset: Some(preset), sent: Arc::clone(sent) }),
                Err(reason) => {
                    faults.add("/preset", reason.detail.clone(), "preset");
                    None
                }
            }
        }
        (None, Some(value)) => {
            own_query(value, faults).map(|query| Asked { preset: None, sent: Arc::new(SentQuery::new(query)) })
        }
        (Some(_), Some(_)) => {
            faults.add("/dcql_query", "preset and dcql_query exclude each other", "OVP-REQ-02");
            None
        }
        (None, None) => {
            faults.add("/preset", "one of preset and dcql_query is needed", "OVP-REQ-02");
            None
        }
    }
}

fn own_query(value: &Value, faults: &mut Faults) -> Option<DcqlQuery> {
    if value.to_string().len() > limits::DCQL_BYTES {
        faults.add("/dcql_query", "the query is larger than the limit", "limits");
        return None;
    }
    match DcqlQuery::parse(value) {
        Err(found) => {
            faults.0.extend(found.into_iter().map(|fault| fault.under("/dcql_query")));
            None
        }
        Ok(query) => {
            let errors = lint(&query, can_verify).into_iter().filter(|finding| finding.severity == Severity::Error);
            let before = faults.0.len();
            faults.0.extend(errors.map(|finding| Fault {
                pointer: format!("/dcql_query{}", finding.pointer),
                detail: format!("{}; {}", finding.detail, finding.hint).into(),
                rule: finding.rule,
            }));
            (faults.0.len() == before).then_some(query)
        }
    }
}

/// The entries of transaction data as they will be sent and kept.
fn transaction_data(
    tenant: &Tenant,
    wish: &NewPresentation,
    query: Option<&DcqlQuery>,
    faults: &mut Faults,
) -> Vec<String> {
    let rules =
        requested::Rules { types: &tenant.transaction_data, algorithms: &tenant.policy.transaction_data_hashes };
    match requested::read(&wish.transaction_data, query, rules) {
        Ok(entries) => entries.iter().map(|entry| entry.text().to_owned()).collect(),
        Err(found) => {
            faults.0.extend(found);
            Vec::new()
        }
    }
}

fn flow(tenant: &Tenant, wish: &NewPresentation, faults: &mut Faults) -> Option<Flow> {
    let name = wish.flow.as_deref();
    if wish.origin.is_some() && name != Some("dc_api") {
        faults.add("/origin", "only in the flow dc_api a page asks", "DCA-12");
    }
    match (name, &wish.return_url) {
        (Some("same_device"), Some(url)) => Some(Flow::SameDevice { return_url: url.clone() }),
        (Some("same_device"), None) => {
            faults.add("/return_url", "the same-device flow needs the address to come back to", "FIX-07");
            None
        }
        (Some("cross_device"), None) => Some(Flow::CrossDevice),
        (Some("cross_device" | "dc_api"), Some(_)) => {
            faults.add("/return_url", "nobody comes back in this flow", "FIX-07");
            None
        }
        (Some("dc_api"), None) => offer(tenant, wish, faults).map(Flow::DcApi),
        (Some(_), _) => {
            faults.add("/flow", "not same_device, cross_device or dc_api", "OVP-REQ-15");
            None
        }
        (None, _) => {
            let mut flows = vec!["same_device"];
            flows.extend(tenant.cross_device.then_some("cross_device"));
            flows.extend((!tenant.dc_api.origins.is_empty()).then_some("dc_api"));
            faults.add("/flow", format!("{} is needed", flows.join(" or ")), "OVP-REQ-15");
            None
        }
    }
}

/// The page that asks: exactly one of the tenant's list, which has no other spelling of it (DCA-07, DCA-12).
fn offer(tenant: &Tenant, wish: &NewPresentation, faults: &mut Faults) -> Option<Offer> {
    let DcApiRules { origins, protocols, .. } = &tenant.dc_api;
    if origins.is_empty() || protocols.is_empty() {
        faults.add("/flow", "this tenant has no origins for the Digital Credentials API", "DCA-07");
        return None;
    }
    let Some(text) = &wish.origin else {
        faults.add("/origin", "the origin of the page that asks is needed", "DCA-12");
        return None;
    };
    let Some(origin) = origins.iter().find(|origin| origin.as_str() == text) else {
        faults.add("/origin", "not exactly one of the origins of this tenant", "DCA-12");
        return None;
    };
    Some(Offer { origin: origin.clone(), protocols: protocols.clone() })
}

fn response_mode(tenant: &Tenant, wish: &NewPresentation, faults: &mut Faults) -> Option<ResponseMode> {
    let by_browser = wish.flow.as_deref() == Some("dc_api");
    let (usual, rule) =
        if by_browser { (ResponseMode::DcApiJwt, "DCA-04") } else { (ResponseMode::DirectPostJwt, "OVP-REQ-03") };
    let Some(name) = wish.response_mode.as_deref() else { return Some(usual) };
    match ResponseMode::from_name(name).filter(|mode| mode.is_by_browser() == by_browser) {
        Some(mode) if mode.is_encrypted() || (tenant.plain_direct_post && tenant.profile.plain_answers) => Some(mode),
        Some(_) => {
            let detail = "plain answers deviate from HAIP, and this tenant does not allow that";
            faults.add("/response_mode", detail, "OVP-REQ-04");
            None
        }
        None => {
            faults.add("/response_mode", format!("not {}", usual.as_str()), rule);
            None
        }
    }
}

/// What the policy of the tenant decides, once the wish is well formed.
fn check_permitted(tenant: &Tenant, wish: &NewPresentation, flow: &Flow) -> Result<(), Failure> {
    match flow {
        Flow::CrossDevice if !tenant.cross_device => {
            return Err(
                Reason::new(Code::CrossDeviceNotAllowed, "this tenant has switched the cross-device flow off").into()
            );
        }
        // Exact text against the list, never a prefix or a pattern (SES-008, SES-009, FIX-07).
        Flow::SameDevice { return_url } if !tenant.return_urls.contains(return_url) => {
            return Err(Reason::new(Code::InvalidRedirectUri, "return_url is not on the list of this tenant").into());
        }
        _ => {}
    }
    if wish.dcql_query.is_some() && !tenant.own_queries {
        return Err(Reason::new(Code::QueryNotPermitted, "this tenant allows presets only").into());
    }
    Ok(())
}

/// A request whose answer could not be trusted is not made: some alternative must have a trust source.
fn check_trust(tenant: &Tenant, query: &DcqlQuery, now: UnixSeconds) -> Result<(), Failure> {
    let mut types: Vec<String> = Vec::new();
    for credential in query.credentials() {
        if let crate::domain::dcql::Meta::VctValues(values) = credential.meta() {
            types.extend(values.iter().cloned());
        }
    }
    Ok(tenant.trust.current().check_covered(&types, now)?)
}

fn bounded(wish: Option<u32>, otherwise: u32, least: u32, most: u32, pointer: &str, faults: &mut Faults) -> u32 {
    match wish {
        Some(seconds) if (least..=most).contains(&seconds) => seconds,
        Some(_) => {
            faults.add(pointer, format!("not between {least} and {most} seconds"), "limits");
            otherwise
        }
        None => otherwise.min(most),
    }
}

/// A text for people: at most 300 characters, none that steers a terminal or the direction of reading (API-022). Pages
/// escape it.
fn text(wish: Option<&str>, pointer: &str, faults: &mut Faults) -> Option<String> {
    let text = wish?;
    if text.is_empty() || text.chars().count() > 300 || text.chars().any(steers) {
        faults.add(pointer, "not 1 to 300 characters without control characters", "API-022");
        return None;
    }
    Some(text.to_owned())
}

/// Control characters, line and paragraph separators, marks of direction, and the byte order mark.
fn steers(character: char) -> bool {
    let marks = ['\u{61c}', '\u{200e}', '\u{200f}', '\u{2028}', '\u{2029}', '\u{feff}'];
    character.is_control()
        || marks.contains(&character)
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The caller's session: long enough not to be guessed, and only where somebody comes back to it (SES-016).
fn session(wish: &NewPresentation, faults: &mut Faults) -> Option<SessionHash> {
    let text = wish.session.as_deref()?;
    if !(16..=256).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        faults.add("/session", "not 16 to 256 printable ASCII characters", "FIX-02");
        return None;
    }
    if wish.flow.as_deref() != Some("same_device") {
        faults.add("/session", "nobody comes back to a session but in the same-device flow", "FIX-02");
        return None;
    }
    Some(session_hash(text))
}

/// The caller's reference: printable and short, as it comes back in answers (API-023).
fn reference(wish: Option<&str>, faults: &mut Faults) -> Option<String> {
    let text = wish?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte);
    if (1..=128).contains(&text.len()) && text.bytes().all(plain) && !text.contains("..") {
        return Some(text.to_owned());
    }
    faults.add("/reference", "not 1 to 128 of A-Z a-z 0-9 - _ . : / without two dots in a row", "API-023");
    None
}
