//! The simulated wallet: reads a request strictly, answers it well or with one named fault, and reads the answer.

use super::SimulatorError;
use super::authority::{IssuerName, TestAuthority};
use super::dc_api::{self, BrowserAnswer, BrowserFault, PageCall};
use super::encode::jws::Jws;
use super::faults::Fault;
use super::issuer::{Draft, Issued, credential_type, holder_key};
use super::matcher::{Choice, Held, Obedience};
use super::misdeeds::{Scene, credential, fetch, presentation, response, transaction_data};
use super::people::Person;
use super::prefix::{self, Prefixes};
use super::request::{Expected, Link, Refusal, RequestObject, Rule};
use super::transport::{HttpRequest, HttpResponse, Transport, TransportError, is_permitted};
use crate::domain::encoding::json;
use crate::domain::jose::jwe;
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};
use std::sync::Arc;
use url::Url;

/// How the wallet fetches the request object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fetch {
    /// As the link says: POST where it is permitted.
    #[default]
    AsLinked,
    /// With GET, which is always permitted.
    Get,
    /// With POST, and the request object shall be encrypted to the wallet.
    PostEncrypted,
}

/// What the wallet discloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// What was asked for.
    #[default]
    Asked,
    /// Every claim, as a careless wallet would.
    Everything,
}

/// Whether the wallet looks at what others say of the verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VerifierInfo {
    /// It does, and refuses a request that goes beyond its registration.
    #[default]
    Heeded,
    /// It knows none of the formats, as wallets may.
    Ignored,
}

/// How the wallet answers.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Whose wallet it is.
    pub person: Person,
    /// What it does wrong.
    pub fault: Option<Fault>,
    /// How it fetches the request.
    pub fetch: Fetch,
    /// What it discloses.
    pub show: Show,
    /// What it makes of `verifier_info`.
    pub info: VerifierInfo,
    /// Whom it answers.
    pub prefixes: Prefixes,
    /// What time it is.
    pub now: UnixSeconds,
}

impl Options {
    /// The ordinary person answers well at `now`.
    pub fn at(now: UnixSeconds) -> Self {
        let (fetch, show, info) = (Fetch::default(), Show::default(), VerifierInfo::default());
        let prefixes = Prefixes::default();
        Self { person: Person::default(), fault: None, fetch, show, info, prefixes, now }
    }
}

/// Why the wallet did not answer, or what is wrong with the verifier.
#[derive(Debug, thiserror::Error)]
pub enum WalletError {
    /// The verifier broke a rule.
    #[error("the verifier breaks the rule {0}")]
    Refused(#[from] Refusal),
    /// No answer came.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The wallet has nothing that fits.
    #[error("the wallet has no credentials that fit the query")]
    NothingFits,
    /// The simulator failed.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
}

/// One answer of the verifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body, if it is JSON.
    pub body: Option<Value>,
}

/// What happened.
#[derive(Debug, Clone)]
pub struct WalletReport {
    /// The verifier's client identifier.
    pub client_id: String,
    /// The fault that was asked for.
    pub fault: Option<Fault>,
    /// Which credential answers which query, with the paths that were disclosed; no values.
    pub shown: Vec<Choice>,
    /// The verifier's answers in order; with a fault of the fetch there is one, that of the request endpoint.
    pub replies: Vec<Reply>,
    /// Where the browser is sent.
    pub redirect_uri: Option<String>,
}

impl WalletReport {
    /// The status of the last answer.
    pub fn last_status(&self) -> Option<u16> {
        self.replies.last().map(|reply| reply.status)
    }

    /// Whether the last answer has the status that belongs to the fault, or 200 without one.
    pub fn is_as_expected(&self) -> bool {
        self.last_status() == Some(self.fault.map_or(200, |fault| fault.expected().http))
    }
}

/// A wallet with the credentials of everybody whom the authority invented.
#[derive(Clone)]
pub struct Wallet {
    authority: Arc<TestAuthority>,
    status_base: String,
}

impl Wallet {
    /// A wallet under this authority. Its credentials point to the status host at `status_base`.
    pub fn new(authority: Arc<TestAuthority>, status_base: &str) -> Self {
        Self { authority, status_base: status_base.trim_end_matches('/').to_owned() }
    }

    /// Answers the request behind `link`, as it is in a QR code or a link.
    ///
    /// # Errors
    /// [`WalletError`]. A refusal of the verifier's is no error: it is in the report.
    pub async fn answer(
        &self,
        link: &str,
        transport: &dyn Transport,
        options: Options,
    ) -> Result<WalletReport, WalletError> {
        let mut report = WalletReport {
            client_id: String::new(),
            fault: options.fault,
            shown: Vec::new(),
            replies: Vec::new(),
            redirect_uri: None,
        };
        let in_link = if options.prefixes == Prefixes::Any { prefix::in_link(link) } else { None };
        let request = if let Some(request) = in_link {
            request?
        } else {
            let link = Link::parse(link, options.prefixes)?;
            let fetched = self.fetch(&link, transport, options).await?;
            if options.fault.is_some_and(Fault::spoils_the_fetch) {
                report.client_id = link.client_id;
                report.replies.push(reply(&fetched.response));
                return Ok(report);
            }
            self.read(&link, &fetched, options)?
        };
        report.client_id.clone_from(&request.client_id);
        let (shown, plan) = self.compose(&request, options)?;
        report.shown = shown;
        for request in plan {
            let response = transport.send(request).await?;
            check_reply(&response, family_name(options).as_deref())?;
            report.replies.push(reply(&response));
        }
        let last = report.replies.last().and_then(|reply| reply.body.as_ref());
        report.redirect_uri = last.and_then(|body| body.get("redirect_uri")).and_then(Value::as_str).map(str::to_owned);
        Ok(report)
    }

    async fn fetch(&self, link: &Link, transport: &dyn Transport, options: Options) -> Result<Fetched, WalletError> {
        let seed = self.authority.seed();
        let nonce = seed.text(&format!("wallet-nonce/{}", link.request_uri));
        let spoils =
            options.fault.is_some_and(Fault::spoils_the_fetch) || options.fault == Some(Fault::WalletMetadataUrls);
        let by_post = spoils || (link.post_permitted && options.fetch != Fetch::Get);
        if by_post && !link.post_permitted {
            return Err(SimulatorError::Form("this fault needs a link with request_uri_method=post").into());
        }
        let key = match options.fetch {
            Fetch::PostEncrypted if by_post => {
                let key = EphemeralKey::from_scalar(seed.bytes(&format!("wallet-key/{}", link.request_uri)));
                Some(key.ok_or(SimulatorError::Form("this seed gives no key"))?)
            }
            Fetch::PostEncrypted => return Err(SimulatorError::Form("the link does not permit POST").into()),
            _ => None,
        };
        let request = if by_post {
            fetch::post(&link.request_uri, &nonce, key.as_ref(), options)?
        } else {
            HttpRequest::get(&link.request_uri, fetch::MEDIA_TYPE)
        };
        let response = transport.send(request).await?;
        Ok(Fetched { response, nonce: by_post.then_some(nonce), key })
    }

    fn read(&self, link: &Link, fetched: &Fetched, options: Options) -> Result<RequestObject, Refusal> {
        let response = &fetched.response;
        if response.status != 200 {
            return Err(Refusal::new(Rule::FetchStatus, response.status.to_string()));
        }
        if !response.is_of(fetch::MEDIA_TYPE) {
            let found = response.content_type.clone().unwrap_or_default();
            return Err(Refusal::new(Rule::FetchMediaType, found));
        }
        if !is_not_stored(response) {
            return Err(Refusal::new(Rule::FetchCacheable, "another or none"));
        }
        let text = String::from_utf8(response.body.clone());
        let mut token = text.map_err(|_| Refusal::new(Rule::ObjectForm, "not a text"))?;
        let encrypted = token.split('.').count() == 5;
        if encrypted != fetched.key.is_some() {
            return Err(Refusal::new(Rule::ObjectEncryption, "encrypted without being asked to, or the other way"));
        }
        if let Some(key) = &fetched.key {
            let fault = |found: String| Refusal::new(Rule::ObjectEncryption, found);
            let (_, kid) = key.announced_jwk().map_err(|error| fault(error.to_string()))?;
            let plain = jwe::decrypt(&token, key, &kid).map_err(|reason| fault(reason.to_string()))?;
            token = String::from_utf8(plain.to_vec()).map_err(|_| fault("not a text".to_owned()))?;
        }
        let expected = Expected {
            client_id: &link.client_id,
            anchor: self.authority.access_root(),
            registrar: (options.info == VerifierInfo::Heeded).then(|| self.authority.registrar_root()),
            wallet_nonce: fetched.nonce.as_deref(),
            now: options.now,
        };
        RequestObject::read(&token, &expected)
    }

    /// Chooses, presents and packs: everything that is sent, without sending it.
    ///
    /// # Errors
    /// [`WalletError::NothingFits`], [`WalletError::Simulator`].
    pub fn compose(
        &self,
        request: &RequestObject,
        options: Options,
    ) -> Result<(Vec<Choice>, Vec<HttpRequest>), WalletError> {
        let (choices, vp_token) = self.present(request, options)?;
        let plan = response::plan(&self.scene(request, options), &vp_token)?;
        Ok((choices, plan))
    }

    /// Answers what a page at `origin` hands to the browser: the argument of `navigator.credentials.get(…)`. What comes
    /// back is what the page gets, mostly one answer.
    ///
    /// # Errors
    /// [`WalletError`]
    pub fn answer_browser(
        &self,
        call: &Value,
        origin: &str,
        options: Options,
        fault: Option<BrowserFault>,
    ) -> Result<Vec<BrowserAnswer>, WalletError> {
        let registrar = (options.info == VerifierInfo::Heeded).then(|| self.authority.registrar_root());
        let caller = PageCall { origin, anchor: self.authority.access_root(), registrar, now: options.now };
        let (protocol, mut request) = dc_api::read(call, &caller)?;
        if let Some(audience) = fault.and_then(|fault| fault.audience(&request.client_id, origin)) {
            request.audience = audience;
        }
        let (_, vp_token) = self.present(&request, options)?;
        let plain = fault == Some(BrowserFault::Plain) || options.fault == Some(Fault::ResponsePlain);
        let data = response::browser_data(&self.scene(&request, options), &vp_token, plain)?;
        Ok(dc_api::spoil(BrowserAnswer { protocol, data }, fault))
    }

    fn scene<'s>(&'s self, request: &'s RequestObject, options: Options) -> Scene<'s> {
        Scene {
            authority: &self.authority,
            person: options.person,
            status_base: &self.status_base,
            now: options.now,
            request,
            fault: options.fault,
            confirms: &[],
        }
    }

    /// Chooses and presents: the choices, and `vp_token`.
    fn present(&self, request: &RequestObject, options: Options) -> Result<(Vec<Choice>, Value), WalletError> {
        let held = held(options);
        let scene = self.scene(request, options);
        let ignore_values = matches!(
            options.fault,
            Some(Fault::ClaimValueOther | Fault::ClaimValueTyped | Fault::ClaimValueDecomposed)
        );
        let chosen = request.query.choose(&held, Obedience { ignore_values });
        let mut choices = chosen.ok_or(WalletError::NothingFits)?;
        presentation::choices(&scene, &mut choices, &held);
        if options.show == Show::Everything {
            for choice in &mut choices {
                let claims = held.iter().find(|credential| credential.kind == choice.kind);
                let names = claims.into_iter().flat_map(|credential| credential.claims.keys());
                choice.paths = names.map(|name| vec![Value::from(name.as_str())]).collect();
            }
        }
        let shares = transaction_data::shares(&scene, &choices);
        let mut entries = Map::new();
        for ((place, choice), confirms) in choices.iter().enumerate().zip(&shares) {
            // A fault is in one credential only.
            let here = if options.fault == Some(Fault::KbNonceSecond) { place == 1 } else { place == 0 };
            let scene = Scene { fault: options.fault.filter(|_| here), confirms, ..scene };
            entries.insert(choice.query_id.clone(), self.presentations(&scene, choice)?);
        }
        Ok((choices, response::vp_token(options.fault, entries)))
    }

    fn presentations(&self, scene: &Scene<'_>, choice: &Choice) -> Result<Value, SimulatorError> {
        let holder = holder_key(&self.authority, scene.person, choice.kind)?;
        let mut draft = Draft::new(&self.authority, choice.kind, scene.person, &holder, &self.status_base, scene.now)?;
        credential::draft(scene, &mut draft, &holder)?;
        let mut sealed = draft.clone().seal(self.authority.seed());
        credential::sealed(scene, &mut sealed);
        let unsigned = Jws::unsigned(&sealed.header, credential::payload(scene, &sealed));
        let jwt = credential::token(scene, unsigned, &sealed.signer.key)?;
        let issued = Issued { jwt, disclosures: sealed.disclosures, hash: sealed.hash };
        (0..presentation::copies(scene.fault))
            .map(|copy| presentation::present(scene, &draft, &issued, choice, &holder, copy))
            .collect()
    }
}

fn held(options: Options) -> Vec<Held> {
    let credential = |kind: IssuerName| {
        let claims = options.person.claims(kind, options.now)?;
        let mut types = vec![credential_type(kind).to_owned()];
        if kind == IssuerName::PidGermany {
            types.push(credential_type(IssuerName::PidForeign).to_owned());
        }
        Some(Held { kind, types, claims })
    };
    IssuerName::ALL.into_iter().filter_map(credential).collect()
}

/// What must not come back from the verifier.
fn family_name(options: Options) -> Option<String> {
    let claims = options.person.claims(options.person.pid_issuer(), options.now)?;
    claims.get("family_name").and_then(Value::as_str).map(str::to_owned)
}

struct Fetched {
    response: HttpResponse,
    nonce: Option<String>,
    key: Option<EphemeralKey>,
}

fn reply(response: &HttpResponse) -> Reply {
    Reply { status: response.status, body: json::parse(&response.body).ok() }
}

fn is_not_stored(response: &HttpResponse) -> bool {
    let directives = response.cache_control.as_deref().unwrap_or_default();
    directives.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("no-store"))
}

/// What holds for every answer to a wallet (OVP-RESP, ERR-15, ERR-16, RSP-029).
fn check_reply(response: &HttpResponse, family_name: Option<&str>) -> Result<(), Refusal> {
    if (300..400).contains(&response.status) {
        return Err(Refusal::new(Rule::AnswerRedirect, response.status.to_string()));
    }
    if !is_not_stored(response) {
        return Err(Refusal::new(Rule::AnswerCacheable, "another or none"));
    }
    let text = String::from_utf8_lossy(&response.body);
    if family_name.is_some_and(|name| text.contains(name)) {
        return Err(Refusal::new(Rule::AnswerLeak, "the family name"));
    }
    let body = json::parse_object(&response.body);
    let body = body.map_err(|_| Refusal::new(Rule::AnswerMediaType, "no JSON object"))?;
    let is_json = response.is_of("application/json") || response.is_of("application/problem+json");
    if !is_json {
        return Err(Refusal::new(Rule::AnswerMediaType, response.content_type.clone().unwrap_or_default()));
    }
    if response.status != 200 {
        return Ok(());
    }
    if let Some(other) = body.keys().find(|name| *name != "redirect_uri") {
        return Err(Refusal::new(Rule::AnswerMembers, other));
    }
    match body.get("redirect_uri").map(|uri| uri.as_str().and_then(|uri| Url::parse(uri).ok())) {
        None => Ok(()),
        Some(Some(uri)) if is_permitted(&uri) => Ok(()),
        Some(_) => Err(Refusal::new(Rule::AnswerReturnUri, "another scheme, or no URI")),
    }
}
