//! Each fault shows, and nothing else is wrong: seen with the readers of the jose room and a few lines by hand.

use super::*;
use crate::domain::jose::alg::AllowedAlgorithms;
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::jwe;
use crate::domain::jose::jwk::PublicKey;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::simulator::authority::IssuerName;
use crate::simulator::faults::{End, Fault, Needs};
use std::collections::BTreeSet;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Query and transaction data.
fn query(fault: Fault) -> (Value, Vec<Value>) {
    let mut asked = fault.needs().asked();
    let query = match fault.needs() {
        Needs::Preset(name) => {
            assert_eq!(name, "bewohnerparken");
            resident_parking()
        }
        Needs::Query(_) | Needs::TransactionData { .. } => asked.shift_remove("dcql_query").unwrap(),
    };
    let entries = asked.get("transaction_data").and_then(Value::as_array).cloned().unwrap_or_default();
    (query, entries)
}

async fn sent(
    (query, transaction_data): (Value, Vec<Value>),
    fault: Option<Fault>,
) -> (FakeVerifier, Vec<HttpRequest>) {
    let verifier = FakeVerifier { transaction_data, ..FakeVerifier::new(query) };
    verifier.ask(Options { fault, ..Options::at(NOW) }).await.unwrap();
    let received = std::mem::take(&mut *verifier.received.lock().unwrap());
    (verifier, received)
}

fn fields(request: &HttpRequest) -> Vec<(String, String)> {
    form_urlencoded::parse(&request.body).into_owned().collect()
}

/// The decrypted answer, or the code of the decrypter.
fn opened(verifier: &FakeVerifier, request: &HttpRequest) -> Result<String, Code> {
    let fields = fields(request);
    let Some((_, token)) = fields.iter().find(|(name, _)| name == "response") else {
        return Ok(format!("{fields:?}"));
    };
    let (_, kid) = verifier.key.announced_jwk().unwrap();
    let plain = jwe::decrypt(token, &verifier.key, &kid).map_err(|reason| reason.code)?;
    Ok(String::from_utf8(plain.to_vec()).unwrap())
}

/// Everything that a verifier can see, but for what is random.
fn seen(verifier: &FakeVerifier, requests: &[HttpRequest]) -> String {
    let one = |request: &HttpRequest| {
        let names: Vec<String> = fields(request).into_iter().map(|(name, _)| name).collect();
        let token = fields(request).into_iter().find(|(name, _)| name == "response").unwrap_or_default().1;
        let header = base64::decode_url(token.split('.').next().unwrap_or_default()).unwrap_or_default();
        let mut header: Value = serde_json::from_slice(&header).unwrap_or_default();
        if let Some(epk) = header.get_mut("epk") {
            epk["x"] = json!("");
            epk["y"] = json!("");
        }
        let (method, url, headers) = (request.method, &request.url, &request.headers);
        format!("{method:?} {url} {headers:?} {names:?} {header} {:?}", opened(verifier, request))
    };
    requests.iter().map(one).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn every_fault_changes_what_is_sent() {
    for fault in Fault::ALL.iter().copied().filter(|fault| !fault.spoils_the_fetch()) {
        if matches!(fault, Fault::WalletMetadataUrls) {
            continue;
        }
        let (good_verifier, good) = sent(query(fault), None).await;
        let (verifier, bad) = sent(query(fault), Some(fault)).await;
        assert!(!bad.is_empty(), "{}", fault.name());
        assert_ne!(seen(&good_verifier, &good), seen(&verifier, &bad), "{} does nothing", fault.name());
    }
}

#[tokio::test]
async fn without_a_fault_everything_holds_by_hand() {
    let (verifier, requests) = sent((resident_parking(), Vec::new()), None).await;
    let plain: Value = serde_json::from_str(&opened(&verifier, &requests[0]).unwrap()).unwrap();
    assert_eq!(plain["state"], STATE);
    let text = plain["vp_token"]["pid-de-sdjwt"][0].as_str().unwrap();
    assert_eq!(defects(&verifier, text), BTreeSet::new());
    // JWT, three claims, address, three parts of the address, proof.
    assert_eq!(text.split('~').count(), 9);
}

#[tokio::test]
async fn faults_of_encryption_have_their_code_in_the_decrypter() {
    let mut count = 0;
    for fault in Fault::ALL.iter().copied().filter(|fault| fault.name().starts_with("jwe-")) {
        let (verifier, requests) = sent(query(fault), Some(fault)).await;
        let code = opened(&verifier, &requests[0]).err();
        // JWE-003 and JWE-020 decrypt; what is inside decides.
        let expected = fault.expected().code.filter(|code| *code != Code::ResponseMalformed);
        assert_eq!(code, expected, "{}", fault.name());
        count += 1;
    }
    assert!(count > 20);
}

/// The first code that the jose room gives for a JWT, in the order of the verifier.
fn code_of(token: &str) -> Result<(), Reason> {
    let jws = CompactJws::parse(token)?;
    jws.header()?.algorithm(&AllowedAlgorithms::default())?;
    jws.signature()?;
    jws.claims()?;
    Ok(())
}

fn presentations(plain: &str) -> Vec<String> {
    let plain: Value = serde_json::from_str(plain).unwrap_or_default();
    let entries = plain["vp_token"].as_object().cloned().unwrap_or_default();
    let texts = entries.values().flat_map(|list| list.as_array().cloned().unwrap_or_default());
    texts.filter_map(|text| text.as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn faults_of_form_have_their_code_in_the_jose_room() {
    const BY_JOSE: [Code; 7] = [
        Code::JwsMalformed,
        Code::JwsAlgNotAllowed,
        Code::JwsHeaderNotAllowed,
        Code::JwsCritUnsupported,
        Code::Base64urlInvalid,
        Code::JsonInvalid,
        Code::LimitExceeded,
    ];
    let mut count = 0;
    for fault in Fault::ALL.iter().copied() {
        let name = fault.name();
        let place = if name.starts_with("issuer-") || name.starts_with("payload-") {
            0
        } else if name.starts_with("kb-") {
            1
        } else {
            continue;
        };
        let Some(code) = fault.expected().code.filter(|code| BY_JOSE.contains(code)) else { continue };
        let (verifier, requests) = sent(query(fault), Some(fault)).await;
        let text = presentations(&opened(&verifier, &requests[0]).unwrap()).remove(0);
        let issuer = text.split('~').next().unwrap();
        let proof = text.rsplit('~').next().unwrap();
        let (spoilt, sound) = if place == 0 { (issuer, proof) } else { (proof, issuer) };
        assert_eq!(code_of(spoilt).unwrap_err().code, code, "{name}");
        assert!(code_of(sound).is_ok(), "{name}: the other token is sound");
        count += 1;
    }
    assert!(count > 25);
}

fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap_or_default();
    serde_json::from_slice(&base64::decode_url(part).unwrap_or_default()).unwrap_or_default()
}

fn is_signed(token: &str, key: &PublicKey) -> bool {
    let (input, signature) = token.rsplit_once('.').unwrap_or_default();
    key.verify(input.as_bytes(), &base64::decode_url(signature).unwrap_or_default())
}

/// What is wrong with a presentation, looked at by hand and with goodwill.
fn defects(verifier: &FakeVerifier, text: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut check = |good: bool, what: &'static str| {
        if !good {
            found.insert(what);
        }
    };
    let jwt = text.split('~').next().unwrap();
    let (bare, proof) = text.rsplit_once('~').unwrap_or((text, ""));
    let (header, payload) = (part(jwt, 0), part(jwt, 1));
    let leaf = header["x5c"][0].as_str().and_then(|text| base64::decode_standard(text).ok());
    let usual = verifier.authority.issuer(IssuerName::PidGermany).chain.remove(0);
    let key = |der: &[u8]| {
        X509Certificate::from_der(der).ok().and_then(|(_, read)| PublicKey::from_spki(read.public_key().raw).ok())
    };
    let issuer = leaf.as_deref().and_then(key).or_else(|| key(&usual)).unwrap();
    check(is_signed(jwt, &issuer), "issuer-signature");
    let holder = payload["cnf"]["jwk"].as_object().and_then(|jwk| PublicKey::from_jwk(jwk).ok());
    let sd_hash = |hash: HashAlgorithm| hash.digest_url(format!("{bare}~").as_bytes());
    let claims = part(proof, 1);
    if let Some(holder) = holder {
        check(is_signed(proof, &holder), "kb-signature");
    }
    let hash = if payload["_sd_alg"] == "sha-512" { HashAlgorithm::Sha512 } else { HashAlgorithm::Sha256 };
    check(claims["sd_hash"] == sd_hash(hash), "sd-hash");
    check(claims["nonce"] == NONCE, "nonce");
    check(claims["aud"] == verifier.client_id(), "aud");
    let within = |iat: i64| (NOW.0 - 60..=NOW.0 + 60).contains(&iat);
    check(claims["iat"].as_i64().is_some_and(within), "kb-iat");
    check(part(proof, 0)["typ"] == "kb+jwt", "kb-typ");
    let expired = payload["exp"].as_f64().is_none_or(|exp| exp < 1_790_000_000.0);
    check(!expired, "exp");
    check(payload["nbf"].as_i64().is_some_and(|nbf| nbf <= NOW.0), "nbf");
    check(payload["status"]["status_list"]["uri"].is_string(), "status");
    let disclosures: Vec<&str> = bare.split('~').skip(1).collect();
    let texts = disclosures.iter().map(|text| base64::decode_url(text).unwrap_or_default());
    let texts: Vec<String> = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    let referenced = |text: &&str| {
        let digest = HashAlgorithm::Sha256.digest_url(text.as_bytes());
        payload.to_string().contains(&digest) || texts.iter().any(|other| other.contains(&digest))
    };
    check(disclosures.iter().all(referenced), "disclosure");
    found
}

/// What may be wrong, besides what only a full verifier sees.
fn permitted(fault: Fault) -> &'static [&'static str] {
    match fault.expected().code {
        Some(Code::JwsAlgNotAllowed | Code::JwsSignatureInvalid | Code::JwsKeyMismatch) => &["issuer-signature"],
        Some(Code::KbSignatureInvalid | Code::KbAlgNotAllowed) => &["kb-signature"],
        Some(Code::KbSdHashMismatch) => &["sd-hash"],
        Some(Code::KbNonceMismatch) => &["nonce"],
        Some(Code::KbAudMismatch) => &["aud"],
        Some(Code::KbTypInvalid) => &["kb-typ"],
        Some(Code::KbMalformed | Code::KbIatOutOfWindow) => &["kb-iat"],
        Some(Code::SdjwtDisclosureUnreferenced) => &["disclosure"],
        Some(Code::CredentialExpired) => &["exp"],
        Some(Code::CredentialNotYetValid) => &["nbf"],
        Some(Code::StatusInvalidReference) => &["status"],
        Some(Code::CredentialClaimInvalid) => &["exp", "nbf"],
        Some(Code::SdjwtNotDisclosable) => &["exp", "status"],
        _ => match fault {
            Fault::KbHeaderJwk => &["kb-signature"],
            Fault::ExpiredWithinSkew => &["exp"],
            _ => &[],
        },
    }
}

#[tokio::test]
async fn one_thing_only_is_wrong() {
    // What is about the outer form of the presentation or of the response cannot be looked at by parts.
    let outer = |fault: Fault| {
        matches!(
            fault.expected().code,
            Some(
                Code::Base64urlInvalid
                    | Code::JsonInvalid
                    | Code::JwsMalformed
                    | Code::SdjwtMalformed
                    | Code::KbMissing
                    | Code::CredentialFormatMismatch
                    | Code::VpTokenMalformed
                    | Code::X5cMalformed
            )
        ) || fault == Fault::ExpOutOfRange
    };
    let mut count = 0;
    for fault in Fault::ALL.iter().copied().filter(|fault| !outer(*fault) && !fault.spoils_the_fetch()) {
        let (verifier, requests) = sent(query(fault), Some(fault)).await;
        let Ok(plain) = opened(&verifier, requests.last().unwrap()) else { continue };
        for text in presentations(&plain) {
            let found = defects(&verifier, &text);
            let permitted: BTreeSet<&str> = permitted(fault).iter().copied().collect();
            assert!(found.is_subset(&permitted), "{}: {found:?}", fault.name());
            count += 1;
        }
    }
    assert!(count > 120, "{count}");
}

#[tokio::test]
async fn the_second_of_two_is_the_spoilt_one() {
    // KBJ-035
    let (verifier, requests) = sent(query(Fault::KbNonceSecond), Some(Fault::KbNonceSecond)).await;
    let texts = presentations(&opened(&verifier, &requests[0]).unwrap());
    let found: Vec<_> = texts.iter().map(|text| defects(&verifier, text)).collect();
    assert_eq!(found, [BTreeSet::new(), BTreeSet::from(["nonce"])]);
}

#[tokio::test]
async fn faults_of_the_fetch_stop_there() {
    for fault in Fault::ALL.iter().copied().filter(|fault| fault.spoils_the_fetch()) {
        let mut verifier = FakeVerifier::new(resident_parking());
        verifier.served = Box::new(|response| response.status = 400);
        let report = verifier.ask(Options { fault: Some(fault), ..Options::at(NOW) }).await.unwrap();
        assert!(report.is_as_expected(), "{}", fault.name());
        assert!(verifier.received.lock().unwrap().is_empty());
        assert_eq!(fault.expected().end, End::Open);
    }
}

#[tokio::test]
async fn a_verifier_that_accepts_a_fault_is_noticed() {
    let verifier = FakeVerifier::new(resident_parking());
    let report = verifier.ask(Options { fault: Some(Fault::KbMissing), ..Options::at(NOW) }).await.unwrap();
    assert!(!report.is_as_expected());
}
