//! Tests of the wallet as a whole, against a verifier of a few lines that does what the test says.

mod browser;
mod faults;
mod prefixes;
mod requests;

use super::authority::{SignerKey, SigningIdentity, TestAuthority};
use super::encode::jws::{self, Jws};
use super::transport::{Answer, HttpRequest, HttpResponse, Method, Transport};
use super::wallet::{Options, Wallet, WalletError, WalletReport};
use crate::domain::encoding::base64;
use crate::domain::jose::encrypt::encrypt;
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock, Mutex};

pub(super) const NOW: UnixSeconds = UnixSeconds(1_790_000_000);
pub(super) const STATUS_BASE: &str = "https://status.pruefstein.example";
pub(super) const NONCE: &str = "b0Xc1mJQ2q8m8m0yZ3r6yA";
pub(super) const STATE: &str = "7Qh2rJ8k0m1zV5c2dE9s3A";

/// The query of the preset `bewohnerparken`, without its mdoc.
pub(super) fn resident_parking() -> Value {
    let german = json!({
        "id": "pid-de-sdjwt", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [
            {"id": "family_name", "path": ["family_name"]},
            {"id": "given_name", "path": ["given_name"]},
            {"id": "birthdate", "path": ["birthdate"]},
            {"id": "street", "path": ["address", "street_address"]},
            {"id": "plz", "path": ["address", "postal_code"]},
            {"id": "city", "path": ["address", "locality"]}
        ],
        "claim_sets": [
            ["family_name", "given_name", "birthdate", "street", "plz", "city"],
            ["family_name", "given_name", "birthdate"]
        ]
    });
    let european = json!({
        "id": "pid-eu-sdjwt", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:1"]},
        "claims": [{"path": ["family_name"]}, {"path": ["given_name"]}, {"path": ["birthdate"]}]
    });
    let sets = json!([{"options": [["pid-de-sdjwt"], ["pid-eu-sdjwt"]], "required": true}]);
    json!({"credentials": [german, european], "credential_sets": sets})
}

type Change<T> = Box<dyn Fn(&mut T) + Send + Sync>;

/// A verifier of a few lines. Each part of what it says can be changed.
pub(super) struct FakeVerifier {
    pub(super) authority: Arc<TestAuthority>,
    pub(super) key: EphemeralKey,
    pub(super) query: Value,
    pub(super) transaction_data: Vec<Value>,
    pub(super) signer: SigningIdentity,
    pub(super) link: Change<String>,
    pub(super) header: Change<Map<String, Value>>,
    pub(super) claims: Change<Map<String, Value>>,
    pub(super) token: Change<String>,
    pub(super) served: Change<HttpResponse>,
    pub(super) answered: Change<HttpResponse>,
    pub(super) received: Mutex<Vec<HttpRequest>>,
}

fn nothing<T>() -> Change<T> {
    Box::new(|_| {})
}

impl FakeVerifier {
    pub(super) fn new(query: Value) -> Self {
        static AUTHORITY: LazyLock<Arc<TestAuthority>> =
            LazyLock::new(|| Arc::new(TestAuthority::for_host([7; 32], NOW, "verifier.example").unwrap()));
        let authority = AUTHORITY.clone();
        Self {
            key: EphemeralKey::from_scalar([5; 32]).unwrap(),
            query,
            transaction_data: Vec::new(),
            signer: authority.access(),
            authority,
            link: nothing(),
            header: nothing(),
            claims: nothing(),
            token: nothing(),
            served: nothing(),
            answered: nothing(),
            received: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn client_id(&self) -> String {
        self.authority.access().x509_hash_client_id()
    }

    pub(super) fn link(&self) -> String {
        let mut link = url::Url::parse("openid4vp://").unwrap();
        link.query_pairs_mut()
            .append_pair("client_id", &self.client_id())
            .append_pair("request_uri", "https://verifier.example/wallet/requests/abc")
            .append_pair("request_uri_method", "post");
        let mut text = link.to_string();
        (self.link)(&mut text);
        text
    }

    fn request_object(&self, wallet_nonce: Option<String>) -> String {
        let mut header = jws::header("oauth-authz-req+jwt");
        header.insert("x5c".to_owned(), json!(self.signer.x5c()));
        (self.header)(&mut header);
        let algorithms = json!({
            "dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}
        });
        let mut claims = json!({
            "response_type": "vp_token", "response_mode": "direct_post.jwt", "client_id": self.client_id(),
            "response_uri": "https://verifier.example/wallet/responses/abc", "aud": "https://self-issued.me/v2",
            "nonce": NONCE, "state": STATE, "iat": NOW.0, "exp": NOW.plus(300).0, "dcql_query": self.query,
            "client_metadata": {
                "jwks": {"keys": [self.key.announced_jwk().unwrap().0]},
                "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
                "vp_formats_supported": algorithms
            }
        })
        .as_object()
        .unwrap()
        .clone();
        if !self.transaction_data.is_empty() {
            let text = |entry: &Value| base64::encode_url(entry.to_string().as_bytes());
            let entries: Vec<String> = self.transaction_data.iter().map(text).collect();
            claims.insert("transaction_data".to_owned(), json!(entries));
        }
        if let Some(nonce) = wallet_nonce {
            claims.insert("wallet_nonce".to_owned(), json!(nonce));
        }
        (self.claims)(&mut claims);
        let SignerKey::P256(key) = &self.signer.key else { unreachable!() };
        let mut token = Jws::unsigned(&header, jws::json(&claims)).sign(&SignerKey::P256(key.clone())).unwrap().text();
        (self.token)(&mut token);
        token
    }

    fn serve(&self, request: &HttpRequest) -> HttpResponse {
        let fields: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let mut token = self.request_object(field("wallet_nonce"));
        let metadata: Value = serde_json::from_str(&field("wallet_metadata").unwrap_or_default()).unwrap_or_default();
        if let Some(jwk) = metadata.pointer("/jwks/keys/0").and_then(Value::as_object)
            && let Ok(sealed) = encrypt(jwk, "A256GCM", &kid_of(jwk), token.as_bytes())
        {
            token = sealed;
        }
        let mut response = HttpResponse {
            status: 200,
            content_type: Some("application/oauth-authz-req+jwt".to_owned()),
            cache_control: Some("no-store".to_owned()),
            body: token.into_bytes(),
        };
        (self.served)(&mut response);
        response
    }

    pub(super) async fn ask(&self, options: Options) -> Result<WalletReport, WalletError> {
        Wallet::new(self.authority.clone(), STATUS_BASE).answer(&self.link(), self, options).await
    }
}

fn kid_of(jwk: &Map<String, Value>) -> Map<String, Value> {
    jwk.iter().filter(|(name, _)| *name == "kid").map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Transport for FakeVerifier {
    fn send(&self, request: HttpRequest) -> Answer<'_> {
        let response = if request.url.contains("/wallet/requests/") {
            self.serve(&request)
        } else {
            let mut response = HttpResponse {
                status: 200,
                content_type: Some("application/json".to_owned()),
                cache_control: Some("no-store".to_owned()),
                body: br#"{"redirect_uri":"https://town.example/back?response_code=abc"}"#.to_vec(),
            };
            (self.answered)(&mut response);
            assert!(request.method == Method::Get || !request.headers.is_empty());
            self.received.lock().unwrap().push(request);
            response
        };
        Box::pin(async move { Ok(response) })
    }
}
