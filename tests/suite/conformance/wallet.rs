//! A wallet with a credential, a proof and an encryption of its own: `p256` signs, `josekit` encrypts, `x509-parser`
//! reads certificates. Of the program it has the keys of the test authority and nothing else.

use super::Stand;
use super::wire::{self, Answer};
use crate::service::{NOW, STATUS_BASE};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use josekit::jwe::{ECDH_ES, JweHeader};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use pruefstein::simulator::authority::{IssuerName, SignerKey};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use url::Url;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// The type that the suite presents: the PID that all member states share.
pub(super) const TYPE: &str = "urn:eudi:pid:1";
pub(super) const FAMILY_NAME: &str = "SUITENPROBE";
const YEAR: i64 = 365 * 86_400;

/// How a wallet strays from what is right; one way at a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stray {
    /// Not at all. The bound key has names and uses, as many wallets write them.
    Nowhere,
    /// The bound key is written with `kty`, `crv`, `x` and `y` alone, which is right, too.
    MinimalCnf,
    /// The proof is signed by another key.
    ProofSignature,
    /// The credential is signed by another key.
    CredentialSignature,
    /// The proof is over another credential.
    SdHash,
    /// The proof has another nonce.
    ProofNonce,
    /// The proof is made for somebody else.
    ProofAudience,
    /// The proof was made a year ago.
    ProofPast,
    /// The proof will be made in a year.
    ProofFuture,
    /// The credential is revoked.
    Revoked,
    /// The credential has no status.
    WithoutStatus,
}

/// A request as the wallet received it.
#[derive(Clone)]
pub(super) struct Request {
    /// The parameters of the link.
    pub(super) link: BTreeMap<String, String>,
    /// The protected header of the request object; `None` for a request in the link.
    pub(super) header: Option<Map<String, Value>>,
    /// What the request says.
    pub(super) claims: Map<String, Value>,
}

impl Request {
    pub(super) fn word(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The parameters of the link that starts the wallet, each of which comes once.
pub(super) fn link(created: &Value) -> BTreeMap<String, String> {
    let link = Url::parse(created["authorization_request_uri"].as_str().unwrap()).unwrap();
    let mut parameters = BTreeMap::new();
    for (name, value) in link.query_pairs() {
        assert!(parameters.insert(name.to_string(), value.into_owned()).is_none(), "{name} comes twice");
    }
    parameters
}

/// Collects the request by GET.
pub(super) async fn collect(stand: &Stand, created: &Value) -> Request {
    let link = link(created);
    let answer =
        wire::ask(stand.address, "GET", &link["request_uri"], &[("accept", "application/oauth-authz-req+jwt")], b"");
    read(stand, link.clone(), &answer.await)
}

/// Collects the request by POST, with these fields of a form.
pub(super) async fn collect_by_post(stand: &Stand, created: &Value, fields: &[(&str, &str)]) -> Request {
    let link = link(created);
    let answer = post(stand, &link["request_uri"], fields).await;
    read(stand, link.clone(), &answer)
}

pub(super) async fn post(stand: &Stand, url: &str, fields: &[(&str, &str)]) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    wire::ask(stand.address, "POST", url, &form, body.as_bytes()).await
}

/// Reads a request object: how it is served, its certificates up to the anchor, its signature.
fn read(stand: &Stand, link: BTreeMap<String, String>, answer: &Answer) -> Request {
    assert_eq!(answer.status, 200, "{}", answer.text());
    // OVP-RURI-01; and no gateway keeps what is for one person.
    assert_eq!(answer.media_type(), "application/oauth-authz-req+jwt");
    assert!(answer.is_not_kept());
    let token = answer.text();
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("no compact JWS") };
    let object = |part: &str| -> Map<String, Value> { serde_json::from_slice(&decode(part)).unwrap() };
    let (header, claims) = (object(header), object(claims));
    let chain: Vec<Vec<u8>> = header["x5c"].as_array().unwrap().iter().map(certificate).collect();
    let key = leaf_key(&chain, stand.service.world.authority.access_root());
    let signed = token.rsplit_once('.').unwrap().0;
    let signature = Signature::from_slice(&decode(signature)).unwrap();
    key.verify(signed.as_bytes(), &signature).expect("the signature of the access certificate");
    Request { link, header: Some(header), claims }
}

/// A certificate of `x5c`: standard base64 of DER, padding included.
pub(super) fn certificate(entry: &Value) -> Vec<u8> {
    STANDARD.decode(entry.as_str().unwrap()).unwrap()
}

/// The key of the first certificate, after each was found to be signed by the next one, and the last by the anchor.
fn leaf_key(chain: &[Vec<u8>], anchor: &[u8]) -> VerifyingKey {
    assert!(!chain.iter().any(|der| der == anchor), "OVP-JAR-12: the anchor is not sent");
    let read = |der: &'_ [u8]| -> VerifyingKey {
        let (_, read) = X509Certificate::from_der(der).unwrap();
        VerifyingKey::from_public_key_der(read.public_key().raw).unwrap()
    };
    let issuers = chain.iter().skip(1).map(Vec::as_slice).chain([anchor]);
    for (der, issuer) in chain.iter().zip(issuers) {
        let (_, certificate) = X509Certificate::from_der(der).unwrap();
        let signature = Signature::from_der(&certificate.signature_value.data).unwrap();
        read(issuer).verify(certificate.tbs_certificate.as_ref(), &signature).expect("a chain up to the anchor");
    }
    read(&chain[0])
}

/// Makes an answer to the request, sends it, and gives what comes back.
pub(super) async fn answer(stand: &Stand, request: &Request, stray: Stray) -> Answer {
    let vp_token = json!({"pid": [presentation(stand, request, stray)]});
    let state = request.word("state");
    let url = request.word("response_uri");
    let Some(encryption) = stand.variant.encryption else {
        return post(stand, url, &[("vp_token", &vp_token.to_string()), ("state", state)]).await;
    };
    let key = &request.claims["client_metadata"]["jwks"]["keys"][0];
    let content = json!({"vp_token": vp_token, "state": state});
    let response = sealed(key, encryption.name(), &content);
    post(stand, url, &[("response", &response)]).await
}

/// Encrypts with `ECDH-ES` to the key of the request, and says which key that was (OVP-JWE-02).
fn sealed(key: &Value, encryption: &str, content: &Value) -> String {
    let recipient = josekit::jwk::Jwk::from_map(key.as_object().unwrap().clone()).unwrap();
    let encrypter = ECDH_ES.encrypter_from_jwk(&recipient).unwrap();
    let mut header = JweHeader::new();
    header.set_content_encryption(encryption);
    header.set_key_id(key["kid"].as_str().unwrap());
    josekit::jwe::serialize_compact(content.to_string().as_bytes(), &header, &encrypter).unwrap()
}

/// The credential with everything that was asked for, and its proof.
fn presentation(stand: &Stand, request: &Request, stray: Stray) -> String {
    let holder = SigningKey::from_slice(&[0x21; 32]).unwrap();
    let stranger = SigningKey::from_slice(&[0x42; 32]).unwrap();
    let mut bare = format!("{}~", credential(stand, &holder, &stranger, stray));
    for disclosure in disclosures() {
        bare.push_str(&disclosure);
        bare.push('~');
    }
    let over = if stray == Stray::SdHash { "another credential~" } else { bare.as_str() };
    let (mut audience, mut nonce, mut made_at) = (request.word("client_id"), request.word("nonce"), NOW.0 - 1);
    match stray {
        Stray::ProofAudience => audience = "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Stray::ProofNonce => nonce = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        Stray::ProofPast => made_at -= YEAR,
        Stray::ProofFuture => made_at += YEAR,
        _ => {}
    }
    let proof = json!({"iat": made_at, "aud": audience, "nonce": nonce, "sd_hash": hash(over)});
    let signer = if stray == Stray::ProofSignature { &stranger } else { &holder };
    format!("{bare}{}", signed(&json!({"alg": "ES256", "typ": "kb+jwt"}), &proof, signer))
}

fn credential(stand: &Stand, holder: &SigningKey, stranger: &SigningKey, stray: Stray) -> String {
    let issuer = stand.service.world.authority.issuer(IssuerName::PidForeign);
    let SignerKey::P256(key) = &issuer.key else { panic!("another curve") };
    let key = SigningKey::from_pkcs8_pem(&key.to_pem().unwrap()).unwrap();
    let mut bound = jwk(holder);
    if stray != Stray::MinimalCnf {
        for (name, value) in [("kid", "holder-1"), ("use", "sig"), ("alg", "ES256")] {
            bound[name] = json!(value);
        }
    }
    // In the lists of the test authority the first thousand indexes are for mishaps; the second one is revoked.
    let index = if stray == Stray::Revoked { 1 } else { 4_711 };
    let mut digests: Vec<String> = disclosures().map(|disclosure| hash(&disclosure)).to_vec();
    digests.sort();
    let mut payload = json!({
        "iss": IssuerName::PidForeign.uri(), "vct": TYPE, "iat": NOW.0 - 3_600, "nbf": NOW.0 - 3_600,
        "exp": NOW.0 + 86_400, "cnf": {"jwk": bound}, "_sd_alg": "sha-256", "_sd": digests,
        "status": {"status_list": {"idx": index, "uri": format!("{STATUS_BASE}/lists/pid-foreign")}}
    });
    if stray == Stray::WithoutStatus {
        payload.as_object_mut().unwrap().remove("status");
    }
    let chain: Vec<String> = issuer.chain.iter().map(|der| STANDARD.encode(der)).collect();
    let header = json!({"alg": "ES256", "typ": "dc+sd-jwt", "x5c": chain});
    signed(&header, &payload, if stray == Stray::CredentialSignature { stranger } else { &key })
}

/// What is disclosed: all of it, with salts that are good enough for a credential that nobody hides.
fn disclosures() -> [String; 3] {
    [("family_name", FAMILY_NAME), ("given_name", "Ada"), ("birthdate", "1990-12-10")]
        .map(|(name, value)| encode(json!([format!("salt-of-{name}-16-bytes"), name, value]).to_string().as_bytes()))
}

fn signed(header: &Value, payload: &Value, key: &SigningKey) -> String {
    let input = format!("{}.{}", encode(header.to_string().as_bytes()), encode(payload.to_string().as_bytes()));
    let signature: Signature = key.sign(input.as_bytes());
    format!("{input}.{}", encode(&signature.to_bytes()))
}

/// The least that names a key on P-256.
fn jwk(key: &SigningKey) -> Value {
    let point = key.verifying_key().to_sec1_point(false);
    let coordinates = &point.as_bytes()[1..];
    json!({"kty": "EC", "crv": "P-256", "x": encode(&coordinates[..32]), "y": encode(&coordinates[32..])})
}

pub(super) fn hash(text: &str) -> String {
    encode(digest(&SHA256, text.as_bytes()).as_ref())
}

pub(super) fn fingerprint(der: &[u8]) -> String {
    encode(digest(&SHA256, der).as_ref())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
