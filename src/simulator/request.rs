//! What a strict wallet demands of a request. Each broken rule has a name, so that a test sees which one the verifier
//! breaks.

use super::chain;
use super::matcher::Query;
use super::prefix::{self, Named, Prefixes};
use super::registration::{self, Against};
use super::transaction_data;
use super::transport::is_permitted;
use crate::domain::encoding::base64;
use crate::domain::jose::hash::sha256;
use crate::domain::jose::jwe;
use crate::domain::jose::jws::CompactJws;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;
use url::Url;

macro_rules! rules {
    ($( $variant:ident = $name:literal, $meaning:literal; )+) => {
        /// A rule that a verifier can break towards the wallet.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rule { $( #[doc = $meaning] $variant, )+ }

        impl Rule {
            /// All rules.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The stable name.
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// What the rule demands, in one sentence.
            pub const fn meaning(self) -> &'static str { match self { $( Self::$variant => $meaning, )+ } }
        }
    };
}

rules! {
    LinkScheme = "link-scheme", "The link has a scheme that wallets register.";
    LinkParameter = "link-parameter", "The link has client_id, request_uri and request_uri_method once each, and nothing else.";
    LinkRequestUri = "link-request-uri", "request_uri is https (or http on loopback), without fragment, at most 512 characters.";
    LinkMethod = "link-method", "request_uri_method is get or post in lower case.";
    ClientIdPrefix = "client-id-prefix", "client_id has the prefix x509_hash, or another one where the wallet takes any.";
    FetchStatus = "fetch-status", "The request object is served with status 200.";
    FetchMediaType = "fetch-media-type", "The request object is served as application/oauth-authz-req+jwt.";
    FetchCacheable = "fetch-cacheable", "The request object is served with Cache-Control: no-store.";
    ObjectForm = "object-form", "The request object is a compact JWS with a JSON payload.";
    ObjectEncryption = "object-encryption", "The request object is encrypted exactly if the wallet asked for it, to the wallet's key.";
    ObjectTyp = "object-typ", "typ is oauth-authz-req+jwt.";
    ObjectAlg = "object-alg", "alg is ES256.";
    ObjectChain = "object-chain", "x5c leads to the test authority, without the anchor.";
    ObjectSignature = "object-signature", "The signature is that of the access certificate.";
    ClientIdEqual = "client-id-equal", "client_id is the same in the link and in the request object.";
    ClientIdHash = "client-id-hash", "client_id is the hash of the access certificate.";
    ClientIdSan = "client-id-san", "client_id with x509_san_dns is a DNS name of the access certificate and the host of response_uri.";
    ClientIdResponseUri = "client-id-response-uri", "client_id with redirect_uri is response_uri.";
    Audience = "audience", "aud is `https://self-issued.me/v2`.";
    Times = "times", "iat and exp are whole seconds; iat is not in the future and exp is.";
    ResponseType = "response-type", "response_type is vp_token.";
    ResponseMode = "response-mode", "response_mode is direct_post.jwt or direct_post; dc_api.jwt or dc_api where a browser carries the request.";
    ResponseUri = "response-uri", "response_uri is https (or http on loopback), without fragment.";
    ForbiddenClaim = "forbidden-claim", "redirect_uri, scope, request, request_uri, request_uri_method and expected_origins are absent, and sub is not the client; where a browser carries the request, response_uri, state and wallet_nonce are absent, too.";
    BrowserCall = "browser-call", "The call has digital.requests, a non-empty list of protocol and data, and nothing else.";
    BrowserProtocol = "browser-protocol", "A protocol is openid4vp-v1-signed, -multisigned or -unsigned, none twice.";
    BrowserData = "browser-data", "data has the one form of its protocol.";
    ExpectedOrigins = "expected-origins", "A signed request names the calling origin in expected_origins, to the letter; an unsigned one has no such member.";
    ClientIdPlace = "client-id-place", "client_id stands in the payload, or in each protected header of the JSON form and there only, or nowhere if the request is unsigned.";
    Nonce = "nonce", "nonce has at least 22 characters of the URL-safe alphabet.";
    State = "state", "state has at least 22 characters of the URL-safe alphabet and is not the nonce.";
    WalletNonce = "wallet-nonce", "wallet_nonce is exactly what the wallet sent, or absent if it sent none.";
    QueryForm = "query-form", "dcql_query has the shape of section 6.";
    MetadataMembers = "metadata-members", "client_metadata has jwks, encrypted_response_enc_values_supported and vp_formats_supported, and nothing else.";
    MetadataKey = "metadata-key", "Each key has a kid of its own, alg ECDH-ES, use enc and a point on P-256, and no private part.";
    MetadataKeyReuse = "metadata-key-reuse", "The encryption key is not the key of the access certificate.";
    MetadataEncryption = "metadata-encryption", "Both A128GCM and A256GCM are offered.";
    MetadataFormats = "metadata-formats", "vp_formats_supported names the algorithms of every format that is asked for.";
    TransactionData = "transaction-data", "transaction_data is a non-empty array of base64url texts of JSON objects, each with type and credential_ids that name credentials of the query.";
    VerifierInfo = "verifier-info", "verifier_info is a non-empty array of objects with format and data; one at most is a registration, for the whole request.";
    RegistrationCertificate = "registration-certificate", "The registration certificate is signed by the registrar and in force.";
    RegistrationSubject = "registration-subject", "The registration certificate is for the holder of the access certificate.";
    RegistrationCoverage = "registration-coverage", "Every claim that is asked for is registered.";
    AnswerMediaType = "answer-media-type", "The answer to the wallet is JSON: an object.";
    AnswerCacheable = "answer-cacheable", "The answer to the wallet has Cache-Control: no-store.";
    AnswerRedirect = "answer-redirect", "The answer is never a 3xx.";
    AnswerMembers = "answer-members", "The answer has redirect_uri at most, or error and what belongs to it.";
    AnswerReturnUri = "answer-return-uri", "redirect_uri is https, or http on loopback.";
    AnswerLeak = "answer-leak", "The answer holds nothing of what was disclosed.";
}

/// A rule that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The rule.
    pub rule: Rule,
    /// What was found; names places, not values.
    pub found: String,
}

impl Refusal {
    pub(super) fn new(rule: Rule, found: impl Into<String>) -> Self {
        Self { rule, found: found.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.rule.name(), self.rule.meaning(), self.found)
    }
}

impl std::error::Error for Refusal {}

pub(super) fn demand(holds: bool, rule: Rule, found: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::new(rule, found)) }
}

/// The link that a browser opens or a camera reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The whole client identifier.
    pub client_id: String,
    /// Where the request object is.
    pub request_uri: String,
    /// Whether the verifier permits POST.
    pub post_permitted: bool,
}

impl Link {
    /// Reads the link to a request of a verifier that is named by one of `prefixes`.
    ///
    /// # Errors
    /// [`Refusal`] with one of the rules `Link…` and [`Rule::ClientIdPrefix`].
    pub fn parse(text: &str, prefixes: Prefixes) -> Result<Self, Refusal> {
        let url = Url::parse(text).map_err(|_| Refusal::new(Rule::LinkScheme, "not a URI"))?;
        let known = matches!(url.scheme(), "openid4vp" | "haip-vp" | "eu-eaap" | "https");
        demand(known, Rule::LinkScheme, url.scheme())?;
        let (mut client_id, mut request_uri, mut method) = (None, None, None);
        for (name, value) in url.query_pairs() {
            let place = match name.as_ref() {
                "client_id" => &mut client_id,
                "request_uri" => &mut request_uri,
                "request_uri_method" => &mut method,
                other => return Err(Refusal::new(Rule::LinkParameter, other)),
            };
            demand(place.replace(value.into_owned()).is_none(), Rule::LinkParameter, "a parameter occurs twice")?;
        }
        let missing = |name: &str| Refusal::new(Rule::LinkParameter, format!("{name} is missing"));
        let client_id = client_id.ok_or_else(|| missing("client_id"))?;
        let request_uri = request_uri.ok_or_else(|| missing("request_uri"))?;
        let post_permitted = match method.as_deref() {
            None | Some("get") => false,
            Some("post") => true,
            Some(_) => return Err(Refusal::new(Rule::LinkMethod, "another word")),
        };
        let address = Url::parse(&request_uri).map_err(|_| Refusal::new(Rule::LinkRequestUri, "not a URI"))?;
        demand(is_permitted(&address), Rule::LinkRequestUri, "not https and not loopback")?;
        demand(address.fragment().is_none(), Rule::LinkRequestUri, "a fragment")?;
        demand(request_uri.len() <= 512, Rule::LinkRequestUri, "too long")?;
        demand(prefixes.admit(&client_id), Rule::ClientIdPrefix, "another prefix or length")?;
        Ok(Self { client_id, request_uri, post_permitted })
    }
}

/// What the wallet knows when it reads a request object.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    /// The client identifier of the link.
    pub client_id: &'e str,
    /// The only anchor for access certificates.
    pub anchor: &'e [u8],
    /// The only anchor for registrars; `None` for a wallet that does not look at `verifier_info`.
    pub registrar: Option<&'e [u8]>,
    /// The nonce that the wallet sent, if it did.
    pub wallet_nonce: Option<&'e str>,
    /// What time it is.
    pub now: UnixSeconds,
}

/// The key to which the answer is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionKey {
    /// The key.
    pub jwk: Map<String, Value>,
    /// Its name.
    pub kid: String,
}

/// A request that the wallet accepts.
#[derive(Debug, Clone)]
pub struct RequestObject {
    /// The client identifier; empty if the request is unsigned.
    pub client_id: String,
    /// The audience of every proof: the client identifier, or the origin where a browser carried the request.
    pub audience: String,
    /// Where the answer goes; empty where the browser takes it.
    pub response_uri: String,
    /// The key for the answer; `None` for the mode `direct_post`.
    pub encryption: Option<EncryptionKey>,
    /// The nonce for every proof.
    pub nonce: String,
    /// The state, to be sent back; none where a browser carried the request.
    pub state: Option<String>,
    /// What is asked for.
    pub query: Query,
    /// What is to be authorised.
    pub transaction_data: Vec<transaction_data::Entry>,
}

impl RequestObject {
    /// Reads a signed request object.
    ///
    /// # Errors
    /// [`Refusal`] with the first rule that is broken.
    ///
    /// # Source
    /// OpenID4VP 1.0 sections 5 and 8.2, RFC 9101, HAIP 1.0 section 5; OVP-REQ, OVP-JAR, OVP-CID, OVP-META, NON.
    pub fn read(token: &str, expected: &Expected<'_>) -> Result<Self, Refusal> {
        let signed = Signed::read(token, expected.anchor, expected.now)?;
        signed.check_named(expected.client_id)?;
        let Signed { claims, leaf, .. } = signed;
        let word = |name: &str| claims.get(name).and_then(Value::as_str);
        demand(word("client_id") == Some(expected.client_id), Rule::ClientIdEqual, "differs")?;
        demand(word("aud") == Some("https://self-issued.me/v2"), Rule::Audience, "another or none")?;
        check_times(&claims, expected.now)?;
        let request = Self::of_claims(&claims, expected.client_id, expected.wallet_nonce)?;
        if let Some(key) = &request.encryption {
            demand(!is_access_key(&leaf, key), Rule::MetadataKeyReuse, "the same key")?;
        }
        if let Some(Named::SanDns(host)) = Named::of(expected.client_id) {
            demand(prefix::is_at(&request.response_uri, host), Rule::ClientIdSan, "response_uri is elsewhere")?;
        }
        if let Some(anchor) = expected.registrar {
            let against = Against { leaf: &leaf, anchor, query: &request.query, now: expected.now };
            registration::check(claims.get("verifier_info"), against)?;
        }
        Ok(request)
    }

    /// Reads what a request says, however it came.
    pub(super) fn of_claims(
        claims: &Map<String, Value>,
        client_id: &str,
        wallet_nonce: Option<&str>,
    ) -> Result<Self, Refusal> {
        let word = |name: &str| claims.get(name).and_then(Value::as_str);
        demand(word("response_type") == Some("vp_token"), Rule::ResponseType, "another or none")?;
        for name in ["redirect_uri", "scope", "request", "request_uri", "request_uri_method", "expected_origins"] {
            demand(!claims.contains_key(name), Rule::ForbiddenClaim, name)?;
        }
        demand(word("sub") != Some(client_id), Rule::ForbiddenClaim, "sub")?;
        let response_uri = word("response_uri").unwrap_or_default();
        let address = Url::parse(response_uri).map_err(|_| Refusal::new(Rule::ResponseUri, "not a URI"))?;
        demand(is_permitted(&address) && address.fragment().is_none(), Rule::ResponseUri, "not https or a fragment")?;
        let nonce = word("nonce").unwrap_or_default();
        demand(is_random_text(nonce), Rule::Nonce, "too short, or other characters")?;
        let state = word("state").unwrap_or_default();
        demand(is_random_text(state) && state != nonce, Rule::State, "too short, other characters, or the nonce")?;
        let echoed = match (wallet_nonce, claims.get("wallet_nonce")) {
            (None, None) => true,
            (Some(sent), Some(Value::String(received))) => sent == received,
            _ => false,
        };
        demand(echoed, Rule::WalletNonce, "missing, changed or not asked for")?;
        let (query, transaction_data) = what_is_asked(claims)?;
        let encrypted = match word("response_mode") {
            Some("direct_post.jwt") => true,
            Some("direct_post") => false,
            _ => return Err(Refusal::new(Rule::ResponseMode, "another or none")),
        };
        let encryption = check_metadata(claims.get("client_metadata"), encrypted, &query)?;
        Ok(Self {
            client_id: client_id.to_owned(),
            audience: client_id.to_owned(),
            response_uri: response_uri.to_owned(),
            encryption,
            nonce: nonce.to_owned(),
            state: Some(state.to_owned()),
            query,
            transaction_data,
        })
    }
}

/// What a signature of an access certificate covers.
pub(super) struct Signed {
    /// The protected header.
    pub(super) header: Map<String, Value>,
    /// The payload.
    pub(super) claims: Map<String, Value>,
    /// The client identifier that belongs to the certificate.
    pub(super) client_id: String,
    /// The certificate, DER.
    pub(super) leaf: Vec<u8>,
}

impl Signed {
    /// Reads a compact token and verifies its signature under the anchor.
    pub(super) fn read(token: &str, anchor: &[u8], now: UnixSeconds) -> Result<Self, Refusal> {
        let form = |reason: crate::domain::reason::Reason| Refusal::new(Rule::ObjectForm, reason.to_string());
        let jws = CompactJws::parse(token).map_err(form)?;
        let header = jws.header().map_err(form)?;
        demand(header.typ() == Some("oauth-authz-req+jwt"), Rule::ObjectTyp, "another or none")?;
        let alg = header.members().get("alg").and_then(Value::as_str);
        demand(alg == Some("ES256"), Rule::ObjectAlg, "another")?;
        let chain = header.x5c().map_err(|reason| Refusal::new(Rule::ObjectChain, reason.to_string()))?;
        let key =
            chain::leaf_key(&chain, anchor, now).map_err(|fault| Refusal::new(Rule::ObjectChain, fault.to_string()))?;
        jws.verify(crate::domain::jose::alg::SignatureAlgorithm::Es256, &key)
            .map_err(|reason| Refusal::new(Rule::ObjectSignature, reason.to_string()))?;
        let leaf = chain.into_iter().next().unwrap_or_default();
        let hash = base64::encode_url(&sha256(&leaf));
        let header = header.members().clone();
        Ok(Self { header, claims: jws.claims().map_err(form)?, client_id: format!("x509_hash:{hash}"), leaf })
    }

    /// Whether the certificate stands for this client identifier.
    fn check_named(&self, client_id: &str) -> Result<(), Refusal> {
        match Named::of(client_id) {
            Some(Named::Hash(_)) => {
                demand(self.client_id == client_id, Rule::ClientIdHash, "the hash of another certificate")
            }
            Some(Named::SanDns(host)) => {
                let named = prefix::names_host(&self.leaf, host);
                demand(named, Rule::ClientIdSan, "no DNS name of the certificate")
            }
            Some(Named::Agreed) => Ok(()),
            Some(Named::ResponseUri(_)) | None => {
                Err(Refusal::new(Rule::ClientIdPrefix, "a prefix of which no request is signed"))
            }
        }
    }
}

/// The query, and the transaction data for its credentials.
pub(super) fn what_is_asked(claims: &Map<String, Value>) -> Result<(Query, Vec<transaction_data::Entry>), Refusal> {
    let query = claims.get("dcql_query").and_then(Query::parse);
    let query = query.ok_or_else(|| Refusal::new(Rule::QueryForm, "cannot be read"))?;
    let entries = match claims.get("transaction_data") {
        None => Vec::new(),
        Some(value) => transaction_data::read(value, &query)
            .ok_or_else(|| Refusal::new(Rule::TransactionData, "another shape, or an unknown credential"))?,
    };
    Ok((query, entries))
}

pub(super) fn check_times(claims: &Map<String, Value>, now: UnixSeconds) -> Result<(), Refusal> {
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let (Some(issued), Some(expires)) = (time("iat"), time("exp")) else {
        return Err(Refusal::new(Rule::Times, "iat or exp is missing or no integer"));
    };
    demand(issued <= now.plus(60).0, Rule::Times, "iat is in the future")?;
    demand(expires > now.0, Rule::Times, "exp has passed")?;
    demand(expires < 100_000_000_000, Rule::Times, "exp is in milliseconds")
}

pub(super) fn is_random_text(text: &str) -> bool {
    let url_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    (22..=512).contains(&text.len()) && text.bytes().all(url_safe)
}

pub(super) fn check_metadata(
    metadata: Option<&Value>,
    encrypted: bool,
    query: &Query,
) -> Result<Option<EncryptionKey>, Refusal> {
    let members = metadata.and_then(Value::as_object);
    let members = members.ok_or_else(|| Refusal::new(Rule::MetadataMembers, "client_metadata is missing"))?;
    let known = ["jwks", "encrypted_response_enc_values_supported", "vp_formats_supported"];
    if let Some(other) = members.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(Refusal::new(Rule::MetadataMembers, other));
    }
    for credential in &query.credentials {
        check_format(members.get("vp_formats_supported"), &credential.format)?;
    }
    if !encrypted {
        return Ok(None);
    }
    let encryptions = members.get("encrypted_response_enc_values_supported").and_then(Value::as_array);
    let offers = |name: &str| encryptions.is_some_and(|names| names.iter().any(|offered| offered == name));
    demand(offers("A128GCM") && offers("A256GCM"), Rule::MetadataEncryption, "one is missing")?;
    let keys = members.get("jwks").and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
    let keys = keys.filter(|keys| !keys.is_empty()).ok_or_else(|| Refusal::new(Rule::MetadataKey, "no key"))?;
    let mut names = BTreeSet::new();
    let mut first = None;
    for key in keys {
        let jwk = key.as_object().ok_or_else(|| Refusal::new(Rule::MetadataKey, "no object"))?;
        let word = |name: &str| jwk.get(name).and_then(Value::as_str);
        let kid = word("kid").unwrap_or_default();
        demand(!kid.is_empty() && names.insert(kid.to_owned()), Rule::MetadataKey, "kid is missing or not unique")?;
        demand(word("alg") == Some("ECDH-ES") && word("use") == Some("enc"), Rule::MetadataKey, "alg or use")?;
        jwe::check_recipient(jwk).map_err(|fault| Refusal::new(Rule::MetadataKey, fault.to_string()))?;
        first.get_or_insert(EncryptionKey { jwk: jwk.clone(), kid: kid.to_owned() });
    }
    Ok(first)
}

fn check_format(formats: Option<&Value>, format: &str) -> Result<(), Refusal> {
    let names: &[&str] = match format {
        "dc+sd-jwt" => &["sd-jwt_alg_values", "kb-jwt_alg_values"],
        "mso_mdoc" => &["issuerauth_alg_values", "deviceauth_alg_values"],
        _ => return Err(Refusal::new(Rule::MetadataFormats, "a format that does not exist")),
    };
    let entry = formats.and_then(|formats| formats.get(format));
    for name in names {
        let values = entry.and_then(|entry| entry.get(*name)).and_then(Value::as_array);
        let usable = values.is_some_and(|values| {
            let right_type = |value: &Value| if format == "mso_mdoc" { value.is_i64() } else { value.is_string() };
            !values.is_empty() && values.iter().all(right_type)
        });
        demand(usable, Rule::MetadataFormats, name)?;
    }
    let es256 = |name: &str| entry.and_then(|entry| entry.get(name)).is_some_and(|values| has(values, "ES256"));
    demand(format == "mso_mdoc" || names.iter().all(|name| es256(name)), Rule::MetadataFormats, "ES256 is missing")
}

fn has(values: &Value, wanted: &str) -> bool {
    values.as_array().is_some_and(|values| values.iter().any(|value| value == wanted))
}

/// Whether a key for answers is the key of the access certificate, DER.
pub(super) fn is_access_key(leaf: &[u8], key: &EncryptionKey) -> bool {
    let coordinate = |name: &str| {
        key.jwk.get(name).and_then(Value::as_str).and_then(|text| base64::decode_url(text).ok()).unwrap_or_default()
    };
    let point = [coordinate("x"), coordinate("y")].concat();
    !point.is_empty() && leaf.windows(point.len()).any(|window| window == point)
}
