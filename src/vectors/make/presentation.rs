//! Whole answers of wallets: what arrives, as it arrives.

use super::draft::{Draft, Entry, members};
use super::world::{NOW, TYPE, Token, World, key_of, merge, remove};
use crate::domain::encoding::base64;
use crate::domain::jose::repeatable::encrypt_with;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

/// The type of the second credential.
pub(super) const SECOND: &str = "urn:example:vectors:permit:1";

pub(super) struct Maker<'w> {
    pub(super) world: &'w World,
    state: String,
}

impl<'w> Maker<'w> {
    pub(super) fn new(world: &'w World) -> Self {
        Self { world, state: world.random("state") }
    }

    pub(super) fn query(&self) -> Value {
        let claims = json!([{"path": ["given_name"]}, {"path": ["address", "locality"]}]);
        json!({"credentials": [{"id": "identity", "format": "dc+sd-jwt", "meta": {"vct_values": [TYPE]}, "claims": claims}]})
    }

    pub(super) fn two(&self) -> Value {
        let mut query = self.query();
        if let Some(credentials) = query["credentials"].as_array_mut() {
            credentials.push(json!({"id": "permit", "format": "dc+sd-jwt", "meta": {"vct_values": [SECOND]}}));
        }
        query
    }

    fn request(&self, mode: &str, query: Value) -> Value {
        json!({
            "client_id": self.world.client_id(), "nonce": self.world.nonce(), "state": self.state, "response_mode": mode,
            "response_uri": "https://verifier.example/wallet/responses/1", "dcql_query": query,
        })
    }

    /// A form body with the encrypted payload.
    fn sealed(&self, payload: &[u8]) -> Result<String, VectorError> {
        let (recipient, kid) = self.world.recipient.announced_jwk()?;
        let header = members(json!({"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid}));
        Ok(encrypt_with(&self.world.sender, [7; 12], &recipient, header, payload)?)
    }

    fn encrypted(&self, payload: &Value) -> Result<Value, VectorError> {
        self.encrypted_for(self.query(), payload)
    }

    pub(super) fn encrypted_for(&self, query: Value, payload: &Value) -> Result<Value, VectorError> {
        let form = format!("response={}", self.sealed(payload.to_string().as_bytes())?);
        Ok(json!({"request": self.request("direct_post.jwt", query), "response": {"form": form}}))
    }

    fn raw(&self, payload: &str) -> Result<Value, VectorError> {
        let form = format!("response={}", self.sealed(payload.as_bytes())?);
        Ok(json!({"request": self.request("direct_post.jwt", self.query()), "response": {"form": form}}))
    }

    fn form(&self, mode: &str, form: &str) -> Value {
        json!({"request": self.request(mode, self.query()), "response": {"form": form}})
    }

    pub(super) fn identity(&self) -> Token {
        self.world.credential()
    }

    pub(super) fn permit(&self) -> Token {
        self.world.credential().change(|token| {
            token.payload["vct"] = json!(SECOND);
            token.disclosures.clear();
            for name in ["_sd", "_sd_alg", "nationalities"] {
                remove(&mut token.payload, name);
            }
            token.payload["cnf"] = json!({"jwk": self.world.stranger.public_jwk()});
            token.holder = self.world.stranger.clone();
        })
    }

    pub(super) fn answer(&self, entries: &Value) -> Value {
        json!({"vp_token": entries, "state": self.state})
    }

    fn one(&self, change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
        Ok(self.answer(&json!({"identity": [self.identity().change(change).text()?]})))
    }
}

fn percent(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "presentation-verify",
        "Whole answers, from the body of the form to the claims",
        "What was stored of the request, what arrived, and what is handed on: the claims that were asked for, and no \
         others. A failing presentation refuses the whole answer.",
        &["OpenID4VP 1.0 sections 8.1 to 8.3 and 8.6", "OpenID4VC HAIP 1.0 section 5.1"],
    );
    let (config, keys) = config(world)?;
    draft.group("presentation", "an encrypted answer, unless response_mode says otherwise", config, keys);
    let maker = Maker::new(world);
    accepted(&mut draft, &maker)?;
    transport(&mut draft, &maker)?;
    payloads(&mut draft, &maker)?;
    credentials(&mut draft, &maker)?;
    several(&mut draft, &maker)?;
    draft.finish()
}

/// What the verifier of whole answers brings along, and the keys of the test.
pub(super) fn config(world: &World) -> Result<(Value, Value), VectorError> {
    let mut config = world.credential_config();
    for name in ["expected_vct", "verifier"] {
        remove(&mut config, name);
    }
    let (mut private, _) = world.recipient.announced_jwk()?;
    private.insert("d".to_owned(), json!(base64::encode_url(world.recipient.scalar())));
    merge(&mut config, members(json!({"private_jwks": [private], "enc_allowed": ["A128GCM", "A256GCM"]})));
    let keys = json!({
        "issuer": key_of(&world.certified().key), "holder": world.holder.test_jwk(),
        "other-holder": world.stranger.test_jwk(), "recipient": private,
    });
    Ok((config, keys))
}

fn shown() -> Value {
    json!([{"format": "dc+sd-jwt", "type": TYPE, "claims": {"given_name": "LINA", "address": {"locality": "TESTSTADT"}}}])
}

fn accepted(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = maker.one(|_| {})?;
    draft
        .accept(
            "presentation-encrypted",
            "a good answer; claims that nobody asked for are left out",
            maker.encrypted(&good)?,
        )
        .flags(&["Valid"])
        .output(json!({"credentials": {"identity": shown()}}))
        .spec(&["OVP-RESP-02", "OVP-DCQL-49"]);
    let mut more = good.clone();
    merge(&mut more, members(json!({"iss": "https://wallet.example", "exp": 1, "nonce": "x", "code": "y"})));
    draft
        .accept(
            "presentation-more-parameters",
            "parameters that mean nothing here are ignored",
            maker.encrypted(&more)?,
        )
        .flags(&["Legal"])
        .output(json!({"credentials": {"identity": shown()}}))
        .spec(&["OVP-RESP-11", "OVP-JWE-11"]);
    let form = format!("state={}&vp_token={}", percent(&maker.state), percent(&good["vp_token"].to_string()));
    draft
        .accept("presentation-plain", "a plain answer where that was asked for", maker.form("direct_post", &form))
        .flags(&["Policy"])
        .output(json!({"credentials": {"identity": shown()}}))
        .spec(&["OVP-RESP-03"]);
    draft
        .accept(
            "presentation-plain-more",
            "further parameters in the form",
            maker.form("direct_post", &format!("{form}&iss=x&code=y")),
        )
        .flags(&["Legal"])
        .output(json!({"credentials": {"identity": shown()}}))
        .spec(&["OVP-RESP-11"]);
    let only = maker.one(|token| {
        token.disclosures.truncate(4);
        token.disclosures.remove(1);
    })?;
    draft
        .accept("presentation-minimal", "only the disclosures that are needed", maker.encrypted(&only)?)
        .flags(&["Valid"])
        .output(json!({"credentials": {"identity": shown()}}))
        .spec(&["OVP-DCQL-44"]);
    let both = maker.answer(&json!({"permit": [maker.permit().text()?], "identity": [maker.identity().text()?]}));
    draft
        .accept("presentation-two", "two credentials, bound to two keys", maker.encrypted_for(maker.two(), &both)?)
        .flags(&["Valid"])
        .output(json!({"credentials": {"identity": shown(), "permit": [{"format": "dc+sd-jwt", "type": SECOND, "claims": {}}]}}))
        .spec(&["OVP-DCQL-46"]);
    Ok(())
}

fn broken<'d>(entry: Entry<'d>, base: &str, place: &str, flag: &str, spec: &str) -> Entry<'d> {
    entry.broken(base, "replace", place).flags(&[flag]).spec(&[spec])
}

fn transport(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = maker.one(|_| {})?;
    let jwe = maker.sealed(good.to_string().as_bytes())?;
    let vp_token = percent(&good["vp_token"].to_string());
    let state = percent(&maker.state);
    let plain = format!("vp_token={vp_token}&state={state}");
    for (id, comment, code, base, mode, form, spec) in [
        (
            "presentation-form-plain-instead",
            "a plain answer where an encrypted one was demanded",
            "encryption_required",
            "presentation-encrypted",
            "direct_post.jwt",
            plain.clone(),
            "OVP-RESP-04",
        ),
        (
            "presentation-form-both",
            "an encrypted and a plain answer",
            "response_malformed",
            "presentation-encrypted",
            "direct_post.jwt",
            format!("response={jwe}&vp_token={vp_token}"),
            "OVP-RESP-04",
        ),
        (
            "presentation-form-encrypted-instead",
            "an encrypted answer where a plain one was asked for",
            "response_malformed",
            "presentation-plain",
            "direct_post",
            format!("response={jwe}&state={state}"),
            "OVP-RESP-03",
        ),
        (
            "presentation-form-nothing",
            "no parameter",
            "response_malformed",
            "presentation-encrypted",
            "direct_post.jwt",
            String::new(),
            "OVP-RESP-02",
        ),
        (
            "presentation-form-state-only",
            "a state and nothing else",
            "response_malformed",
            "presentation-plain",
            "direct_post",
            format!("state={state}"),
            "OVP-RESP-03",
        ),
        (
            "presentation-form-answer-and-error",
            "an answer and an error",
            "response_malformed",
            "presentation-plain",
            "direct_post",
            format!("{plain}&error=access_denied"),
            "OVP-RESP-03",
        ),
        (
            "presentation-form-response-twice",
            "an answer twice",
            "duplicate_parameter",
            "presentation-encrypted",
            "direct_post.jwt",
            format!("response={jwe}&response={jwe}"),
            "OVP-RESP-02",
        ),
        (
            "presentation-form-state-twice",
            "a state twice",
            "duplicate_parameter",
            "presentation-plain",
            "direct_post",
            format!("{plain}&state=x"),
            "OVP-RESP-03",
        ),
        (
            "presentation-form-state-missing",
            "no state",
            "state_mismatch",
            "presentation-plain",
            "direct_post",
            format!("vp_token={vp_token}"),
            "OVP-JWE-12",
        ),
        (
            "presentation-form-state-other",
            "the state of another request",
            "state_mismatch",
            "presentation-plain",
            "direct_post",
            format!("vp_token={vp_token}&state={}", maker.world.random("another state")),
            "OVP-JWE-12",
        ),
        (
            "presentation-form-state-empty",
            "an empty state",
            "state_mismatch",
            "presentation-plain",
            "direct_post",
            format!("vp_token={vp_token}&state="),
            "OVP-JWE-12",
        ),
        (
            "presentation-form-vp-token-no-json",
            "a vp_token that is no JSON",
            "json_invalid",
            "presentation-plain",
            "direct_post",
            format!("vp_token=eyJ&state={state}"),
            "OVP-RESP-03",
        ),
        (
            "presentation-form-vp-token-twice",
            "an entry twice in vp_token",
            "json_invalid",
            "presentation-plain",
            "direct_post",
            format!("vp_token={}&state={state}", percent(r#"{"identity":[],"identity":["a~"]}"#)),
            "OVP-JWE-13",
        ),
        (
            "presentation-form-response-jws",
            "a signed token in the place of the encrypted one",
            "jwe_malformed",
            "presentation-encrypted",
            "direct_post.jwt",
            "response=eyJhbGciOiJFUzI1NiJ9.e30.AAAA".to_owned(),
            "case JWE-002",
        ),
        (
            "presentation-form-response-empty",
            "an empty answer",
            "jwe_malformed",
            "presentation-encrypted",
            "direct_post.jwt",
            "response=".to_owned(),
            "OVP-JWE-02",
        ),
        (
            "presentation-form-response-cut",
            "an encrypted answer that is cut",
            "decryption_failed",
            "presentation-encrypted",
            "direct_post.jwt",
            format!("response={}", cut(&jwe)),
            "OVP-JWE-07",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, maker.form(mode, &form));
        broken(entry, base, "/response/form", "Structure", spec);
    }
    Ok(())
}

/// Without the last four characters of the ciphertext.
fn cut(jwe: &str) -> String {
    let (start, tag) = jwe.rsplit_once('.').unwrap_or_default();
    format!("{}.{tag}", start.get(..start.len().saturating_sub(4)).unwrap_or_default())
}

fn payloads(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = maker.one(|_| {})?;
    let text = good.to_string();
    for (id, comment, code, payload, flag, spec) in [
        (
            "presentation-payload-unsigned-token",
            "an unsigned token with ready-made claims: decryption proves nothing",
            "response_malformed",
            "eyJhbGciOiJub25lIn0.eyJnaXZlbl9uYW1lIjoiRVZBIn0.".to_owned(),
            "Encryption",
            "case JWE-003",
        ),
        (
            "presentation-payload-array",
            "an array",
            "response_malformed",
            format!("[{text}]"),
            "Structure",
            "OVP-JWE-01",
        ),
        ("presentation-payload-text", "a text", "response_malformed", "\"x\"".to_owned(), "Structure", "OVP-JWE-01"),
        ("presentation-payload-empty", "nothing", "response_malformed", String::new(), "Structure", "OVP-JWE-01"),
        (
            "presentation-payload-no-token",
            "no vp_token",
            "response_malformed",
            json!({"state": maker.state}).to_string(),
            "Structure",
            "OVP-JWE-01",
        ),
        (
            "presentation-payload-wrapped",
            "the parameters within another member",
            "response_malformed",
            json!({"response": good}).to_string(),
            "Structure",
            "OVP-JWE-01",
        ),
        (
            "presentation-payload-token-and-error",
            "a vp_token and an error",
            "response_malformed",
            text.replacen('{', "{\"error\":\"access_denied\",", 1),
            "Structure",
            "OVP-JWE-01",
        ),
        (
            "presentation-payload-token-twice",
            "vp_token twice",
            "json_invalid",
            text.replacen('{', "{\"vp_token\":{},", 1),
            "Ambiguous",
            "OVP-JWE-13",
        ),
        (
            "presentation-payload-open",
            "an object without an end",
            "json_invalid",
            text.trim_end_matches('}').to_owned(),
            "SyntaxError",
            "OVP-JWE-01",
        ),
        (
            "presentation-payload-state-missing",
            "no state",
            "state_mismatch",
            json!({"vp_token": good["vp_token"]}).to_string(),
            "Replay",
            "OVP-JWE-12",
        ),
        (
            "presentation-payload-state-other",
            "the state of another request",
            "state_mismatch",
            json!({"vp_token": good["vp_token"], "state": maker.world.random("another state")}).to_string(),
            "Replay",
            "OVP-JWE-12",
        ),
        (
            "presentation-payload-state-number",
            "a state that is a number",
            "state_mismatch",
            json!({"vp_token": good["vp_token"], "state": 1}).to_string(),
            "ClaimType",
            "OVP-JWE-12",
        ),
        (
            "presentation-payload-vp-token-text",
            "a vp_token that is a text",
            "vp_token_malformed",
            json!({"vp_token": good["vp_token"].to_string(), "state": maker.state}).to_string(),
            "Structure",
            "OVP-VPT-01",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, maker.raw(&payload)?);
        broken(entry, "presentation-encrypted", "/response/form", flag, spec);
    }
    Ok(())
}

fn credentials(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let identity = maker.identity();
    let second = identity.clone().change(|token| token.proof["iat"] = json!(NOW - 1));
    let of = |entries: Value| maker.encrypted(&maker.answer(&entries));
    let with = |change: &dyn Fn(&mut Token)| -> Result<Value, VectorError> { maker.encrypted(&maker.one(change)?) };
    let other = |query: Value| maker.encrypted_for(query, &maker.one(|_| {})?);
    let mut valued = maker.query();
    valued["credentials"][0]["claims"][0]["values"] = json!(["EVA"]);
    for (id, comment, code, input, flag, spec) in [
        (
            "presentation-replayed",
            "an answer to another request, encrypted to the key of this one",
            "kb_nonce_mismatch",
            with(&|token| token.proof["nonce"] = json!(maker.world.random("another nonce")))?,
            "Replay",
            "case JWE-004",
        ),
        (
            "presentation-other-verifier",
            "a proof for another verifier",
            "kb_aud_mismatch",
            with(&|token| token.proof["aud"] = json!("x509_hash:AAAA"))?,
            "Replay",
            "KB-09",
        ),
        (
            "presentation-no-proof",
            "no proof",
            "kb_missing",
            of(json!({"identity": [identity.bare()?]}))?,
            "Replay",
            "case KBJ-001",
        ),
        (
            "presentation-claim-withheld",
            "a claim that was asked for is withheld",
            "claim_missing",
            with(&|token| drop(token.disclosures.remove(0)))?,
            "Query",
            "case DCQ-002",
        ),
        (
            "presentation-value-other",
            "a claim that has another value",
            "claim_value_mismatch",
            other(valued)?,
            "Query",
            "OVP-DCQL-18",
        ),
        ("presentation-nothing", "no credential", "query_not_satisfied", of(json!({}))?, "Query", "case DCQ-001"),
        (
            "presentation-empty-entry",
            "an empty entry",
            "query_not_satisfied",
            of(json!({"identity": []}))?,
            "Query",
            "OVP-VPT-02",
        ),
        (
            "presentation-two-for-one",
            "two presentations where one was asked for",
            "vp_token_too_many",
            of(json!({"identity": [identity.text()?, second.text()?]}))?,
            "Query",
            "case DCQ-005",
        ),
        (
            "presentation-unknown-query",
            "an entry that nobody asked for",
            "vp_token_unknown_query",
            of(json!({"identity": [identity.text()?], "other": [identity.text()?]}))?,
            "Query",
            "case DCQ-019",
        ),
        (
            "presentation-object",
            "a presentation that is an object",
            "vp_token_malformed",
            of(json!({"identity": [{"payload": "e30"}]}))?,
            "Structure",
            "case SDJ-040",
        ),
        (
            "presentation-entry-text",
            "an entry that is no array",
            "vp_token_malformed",
            of(json!({"identity": identity.text()?}))?,
            "Structure",
            "OVP-VPT-02",
        ),
        (
            "presentation-other-type",
            "a credential of another type",
            "credential_type_mismatch",
            of(json!({"identity": [maker.permit().text()?]}))?,
            "Query",
            "case SVC-003",
        ),
        (
            "presentation-expired",
            "a credential that has expired",
            "credential_expired",
            with(&|token| token.payload["exp"] = json!(NOW - 60))?,
            "Dates",
            "SDJ-40",
        ),
        (
            "presentation-other-format",
            "a credential of another format",
            "credential_format_mismatch",
            of(json!({"identity": [base64::encode_url(&[&[0xa3, 0x67][..], &b"version".repeat(16)].concat())]}))?,
            "Query",
            "case SVC-024",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, input);
        broken(entry, "presentation-encrypted", "/response/form", flag, spec);
    }
    Ok(())
}

fn several(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let (identity, permit) = (maker.identity(), maker.permit());
    let of = |entries: Value| maker.encrypted_for(maker.two(), &maker.answer(&entries));
    let stale =
        permit.clone().change(|token| token.proof["nonce"] = json!(maker.world.random("another nonce"))).text()?;
    let swapped = permit.clone().change(|token| token.holder = maker.world.holder.clone()).text()?;
    for (id, comment, code, entries, spec) in [
        (
            "presentation-two-one-missing",
            "one of two credentials",
            "query_not_satisfied",
            json!({"identity": [identity.text()?]}),
            "case DCQ-001",
        ),
        (
            "presentation-two-swapped",
            "each under the id of the other",
            "credential_type_mismatch",
            json!({"identity": [permit.text()?], "permit": [identity.text()?]}),
            "case DCQ-004",
        ),
        (
            "presentation-two-second-nonce",
            "the second proof is for another request",
            "kb_nonce_mismatch",
            json!({"identity": [identity.text()?], "permit": [stale]}),
            "case KBJ-035",
        ),
        (
            "presentation-two-second-key",
            "the second proof is made with the key of the first credential",
            "kb_signature_invalid",
            json!({"identity": [identity.text()?], "permit": [swapped]}),
            "KB-06",
        ),
        (
            "presentation-two-same",
            "one credential for both",
            "vp_token_duplicate",
            json!({"identity": [identity.text()?], "permit": [identity.text()?]}),
            "case DCQ-007",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, of(entries)?);
        broken(entry, "presentation-two", "/response/form", "Query", spec);
    }
    Ok(())
}
