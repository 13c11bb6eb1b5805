//! Proofs of possession, alone.

use super::draft::{Draft, Entry};
use super::world::{NOW, Token, World, sign};
use crate::simulator::authority::SignerKey;
use crate::simulator::encode::jws::Jws;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

struct Maker<'w> {
    world: &'w World,
    token: Token,
    bare: String,
}

impl Maker<'_> {
    fn input(&self, proof: &str) -> Value {
        json!({"kb_jwt": proof, "holder_jwk": self.world.holder.public_jwk(), "sd_jwt": self.bare})
    }

    fn with(&self, change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
        Ok(self.input(&self.token.clone().change(change).proof_over(&self.bare)?))
    }

    fn claim(&self, name: &str, value: &Value) -> Result<Value, VectorError> {
        self.with(|token| token.proof[name] = value.clone())
    }

    fn header(&self, name: &str, value: &Value) -> Result<Value, VectorError> {
        self.with(|token| token.proof_header[name] = value.clone())
    }
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "kb-jwt-verify",
        "Proofs of possession",
        "The key binding JWT alone: for this verifier, for this request, over these disclosures, with the bound key, now.",
        &["RFC 9901 sections 4.3 and 7.3", "OpenID4VP 1.0 sections 14.1.2 and B.3.6"],
    );
    draft.group(
        "kb",
        "a proof for a request that was made five minutes ago",
        json!({
            "now": NOW, "clock_skew": 60, "kb_max_age": 600, "alg_allowed": ["ES256"],
            "verifier": {"aud": world.client_id(), "nonce": world.nonce()},
            "x-requested_at": NOW - 300,
        }),
        json!({"holder": world.holder.test_jwk(), "issuer": world.issuer.test_jwk(), "stranger": world.stranger.test_jwk()}),
    );
    let token = world.token();
    let maker = Maker { world, bare: token.bare()?, token };
    accepted(&mut draft, &maker)?;
    bindings(&mut draft, &maker)?;
    times(&mut draft, &maker)?;
    headers(&mut draft, &maker)?;
    hashes(&mut draft, &maker)?;
    keys(&mut draft, &maker)?;
    origins(&mut draft, &maker)?;
    draft.finish()
}

/// Proofs for requests that a browser carried: their audience is the origin, and never the client.
fn origins(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let right = "origin:https://antrag.stadt.example";
    draft.group(
        "kb-origin",
        "a proof for a request that a browser carried for a page",
        json!({
            "now": NOW, "clock_skew": 60, "kb_max_age": 600, "alg_allowed": ["ES256"],
            "verifier": {"aud": right, "nonce": maker.world.nonce()},
            "x-requested_at": NOW - 300,
        }),
        json!({"holder": maker.world.holder.test_jwk(), "issuer": maker.world.issuer.test_jwk()}),
    );
    draft
        .accept("kb-origin-ok", "a good proof for this page", maker.claim("aud", &json!(right))?)
        .flags(&["Valid"])
        .spec(&["KB-10"]);
    for (name, comment, value, spec) in [
        ("kb-origin-client", "the client_id of the signed request", json!(maker.world.client_id()), "case DCA-001"),
        ("kb-origin-bare", "the origin without its prefix", json!("https://antrag.stadt.example"), "KB-10"),
        (
            "kb-origin-old-prefix",
            "the prefix of earlier drafts",
            json!("web-origin:https://antrag.stadt.example"),
            "KB-10",
        ),
        ("kb-origin-slash", "a slash at the end", json!(format!("{right}/")), "case DCA-002"),
        ("kb-origin-port", "another port", json!(format!("{right}:8443")), "case DCA-002"),
        ("kb-origin-usual-port", "the usual port, written out", json!(format!("{right}:443")), "case DCA-002"),
        ("kb-origin-http", "http instead of https", json!("origin:http://antrag.stadt.example"), "case DCA-002"),
        ("kb-origin-below", "a host below", json!("origin:https://www.antrag.stadt.example"), "case DCA-002"),
        ("kb-origin-above", "the host above", json!("origin:https://stadt.example"), "case DCA-002"),
        (
            "kb-origin-look-alike",
            "a host that looks alike",
            json!("origin:https://antrag-stadt.example"),
            "case DCA-002",
        ),
        (
            "kb-origin-upper-case",
            "the host in upper case",
            json!("origin:https://ANTRAG.stadt.example"),
            "case DCA-002",
        ),
        ("kb-origin-array", "an array with the right origin in it", json!([right]), "KB-08"),
    ] {
        let entry = draft.refuse(name, comment, "origin_mismatch", maker.claim("aud", &value)?);
        let entry = entry.broken("kb-origin-ok", "replace", "kb_jwt.payload.aud").to(value).signed("holder");
        entry.flags(&["Replay"]).spec(&["KB-10", spec]);
    }
    Ok(())
}

fn changed<'d>(entry: Entry<'d>, place: &str, to: Value) -> Entry<'d> {
    entry.broken("kb-ok", "replace", place).to(to).signed("holder")
}

fn accepted(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    draft.accept("kb-ok", "a good proof", maker.with(|_| {})?).flags(&["Valid"]).spec(&["KB-17"]);
    draft
        .accept("kb-more-claims", "further claims are ignored", maker.claim("family_name", &json!("X"))?)
        .flags(&["Legal"])
        .spec(&["KB-15"]);
    draft
        .accept("kb-iat-fraction", "iat with a fraction", maker.claim("iat", &json!(NOW as f64 + 0.5))?)
        .flags(&["Legal"])
        .spec(&["SDJ-44"]);
    draft
        .accept("kb-exp-future", "an exp that has not passed", maker.claim("exp", &json!(NOW + 1))?)
        .flags(&["Legal"])
        .spec(&["KB-13"]);
    draft
        .accept(
            "kb-exp-within-skew",
            "an exp that has passed, within the tolerance",
            maker.claim("exp", &json!(NOW - 59))?,
        )
        .flags(&["Boundary"])
        .spec(&["KB-13"]);
    Ok(())
}

fn bindings(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let id = maker.world.client_id();
    let hash = id.trim_start_matches("x509_hash:").to_owned();
    for (name, comment, value, spec) in [
        ("kb-aud-hash-only", "the audience without its prefix", json!(hash), "case KBJ-009"),
        (
            "kb-aud-other-prefix",
            "the host name in place of the hash",
            json!("x509_san_dns:verifier.example"),
            "case KBJ-009",
        ),
        ("kb-aud-other-case", "the audience in upper case", json!(id.to_ascii_uppercase()), "case KBJ-009"),
        ("kb-aud-space", "the audience and a space", json!(format!("{id} ")), "case KBJ-009"),
        ("kb-aud-array", "an array with the right audience in it", json!([id]), "case KBJ-010"),
        (
            "kb-aud-response-uri",
            "the address of the answer",
            json!("https://verifier.example/wallet/responses/1"),
            "case KBJ-011",
        ),
        (
            "kb-aud-origin",
            "an origin, as with the Digital Credentials API",
            json!("origin:https://verifier.example"),
            "case KBJ-011",
        ),
        ("kb-aud-empty", "an empty audience", json!(""), "KB-08"),
        ("kb-aud-null", "an audience that is null", json!(null), "KB-08"),
    ] {
        let entry = draft.refuse(name, comment, "kb_aud_mismatch", maker.claim("aud", &value)?);
        changed(entry, "kb_jwt.payload.aud", value).flags(&["Replay"]).spec(&["KB-09", spec]);
    }
    let entry = draft.refuse(
        "kb-aud-missing",
        "no audience",
        "kb_aud_mismatch",
        maker.with(|token| super::world::remove(&mut token.proof, "aud"))?,
    );
    entry.broken("kb-ok", "remove", "kb_jwt.payload.aud").signed("holder").flags(&["Replay"]).spec(&["KB-08"]);
    let nonce = maker.world.nonce();
    for (name, comment, value, spec) in [
        (
            "kb-nonce-other",
            "the nonce of another request of the same verifier",
            json!(maker.world.random("another nonce")),
            "case KBJ-013",
        ),
        ("kb-nonce-encoded", "the nonce, percent-encoded", json!(percent(&nonce)), "case KBJ-014"),
        ("kb-nonce-prefix", "the beginning of the nonce", json!(nonce.get(..21).unwrap_or_default()), "case KBJ-014"),
        ("kb-nonce-array", "an array with the nonce in it", json!([nonce]), "case KBJ-014"),
        ("kb-nonce-number", "a number", json!(7), "case KBJ-014"),
        ("kb-nonce-empty", "an empty nonce", json!(""), "case KBJ-014"),
    ] {
        let entry = draft.refuse(name, comment, "kb_nonce_mismatch", maker.claim("nonce", &value)?);
        changed(entry, "kb_jwt.payload.nonce", value).flags(&["Replay"]).spec(&["KB-11", spec]);
    }
    let entry = draft.refuse(
        "kb-nonce-missing",
        "no nonce",
        "kb_nonce_mismatch",
        maker.with(|token| super::world::remove(&mut token.proof, "nonce"))?,
    );
    entry
        .broken("kb-ok", "remove", "kb_jwt.payload.nonce")
        .signed("holder")
        .flags(&["Replay"])
        .spec(&["KB-11", "case KBJ-014"]);
    Ok(())
}

fn times(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    const YEAR: i64 = 365 * 86_400;
    for (id, comment, iat) in [
        ("kb-iat-oldest", "as old as the request less the tolerance", NOW - 360),
        ("kb-iat-newest", "as far ahead as the tolerance", NOW + 60),
    ] {
        draft
            .accept(id, comment, maker.claim("iat", &json!(iat))?)
            .flags(&["Boundary"])
            .spec(&["KB-07", "case KBJ-018"]);
    }
    for (id, comment, base, iat, spec) in [
        (
            "kb-iat-too-old",
            "one second older than the request less the tolerance",
            "kb-iat-oldest",
            NOW - 361,
            "case KBJ-018",
        ),
        ("kb-iat-too-new", "one second further ahead than the tolerance", "kb-iat-newest", NOW + 61, "GEN-10"),
        ("kb-iat-last-year", "one year ago", "kb-ok", NOW - YEAR, "case KBJ-016"),
        ("kb-iat-next-year", "in one year", "kb-ok", NOW + YEAR, "case KBJ-017"),
        ("kb-iat-zero", "at the beginning of the epoch", "kb-ok", 0, "KB-07"),
    ] {
        draft
            .refuse(id, comment, "kb_iat_out_of_window", maker.claim("iat", &json!(iat))?)
            .broken(base, "replace", "kb_jwt.payload.iat")
            .to(json!(iat))
            .signed("holder")
            .flags(&["Dates"])
            .spec(&["KB-07", spec]);
    }
    // Without the time of a request the greatest age alone decides.
    let without = json!({"x-requested_at": NOW - 100_000});
    draft
        .accept("kb-age-greatest", "as old as allowed, and the tolerance", maker.claim("iat", &json!(NOW - 660))?)
        .config(without.clone())
        .flags(&["Boundary"])
        .spec(&["KB-07"]);
    draft
        .refuse("kb-age-above", "one second older", "kb_iat_out_of_window", maker.claim("iat", &json!(NOW - 661))?)
        .config(without)
        .broken("kb-age-greatest", "replace", "kb_jwt.payload.iat")
        .to(json!(NOW - 661))
        .signed("holder")
        .flags(&["Boundary"])
        .spec(&["KB-07"]);
    for (id, comment, value) in [
        ("kb-iat-text", "iat that is a text", json!(NOW.to_string())),
        ("kb-iat-negative", "a negative iat", json!(-1)),
        ("kb-iat-null", "iat that is null", json!(null)),
        ("kb-iat-boolean", "iat that is true", json!(true)),
        ("kb-iat-array", "iat that is an array", json!([NOW])),
    ] {
        let entry = draft.refuse(id, comment, "kb_malformed", maker.claim("iat", &value)?);
        changed(entry, "kb_jwt.payload.iat", value).flags(&["ClaimType"]).spec(&["KB-07", "case KBJ-019"]);
    }
    let raw = |text: &str| {
        let (audience, nonce) = (maker.world.client_id(), maker.world.nonce());
        maker.with(|token| token.raw_proof = Some(format!(r#"{{"iat":{text},"aud":"{audience}","nonce":"{nonce}"}}"#)))
    };
    for (id, comment, text) in [
        ("kb-iat-exponent", "iat written with an exponent", "1e30"),
        ("kb-iat-beyond", "iat beyond the doubles", "1e400"),
        ("kb-iat-minus-zero", "iat that is minus zero", "-0"),
    ] {
        let entry = draft.refuse(id, comment, "kb_malformed", raw(text)?);
        changed(entry, "kb_jwt.payload.iat", json!(text)).flags(&["ClaimType"]).spec(&["KB-07", "case KBJ-019"]);
    }
    let entry = draft.refuse(
        "kb-iat-missing",
        "no iat",
        "kb_malformed",
        maker.with(|token| super::world::remove(&mut token.proof, "iat"))?,
    );
    entry
        .broken("kb-ok", "remove", "kb_jwt.payload.iat")
        .signed("holder")
        .flags(&["Structure"])
        .spec(&["KB-07", "case KBJ-019"]);
    for (id, comment, code, name, value, base) in [
        (
            "kb-exp-past",
            "an exp that has passed, just beyond the tolerance",
            "kb_iat_out_of_window",
            "exp",
            json!(NOW - 60),
            "kb-exp-within-skew",
        ),
        (
            "kb-nbf-future",
            "an nbf in the future, just beyond the tolerance",
            "kb_iat_out_of_window",
            "nbf",
            json!(NOW + 61),
            "kb-ok",
        ),
        ("kb-exp-text", "an exp that is a text", "kb_malformed", "exp", json!("x"), "kb-exp-future"),
        ("kb-nbf-null", "an nbf that is null", "kb_malformed", "nbf", json!(null), "kb-ok"),
    ] {
        draft
            .refuse(id, comment, code, maker.claim(name, &value)?)
            .broken(base, "replace", &format!("kb_jwt.payload.{name}"))
            .to(value)
            .signed("holder")
            .flags(&["Dates"])
            .spec(&["KB-13"])
            .spec(if code == "kb_malformed" { &[] } else { &["case KBJ-020"] });
    }
    Ok(())
}

fn headers(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    for (id, comment, typ) in [
        ("kb-typ-jwt", "typ JWT", "JWT"),
        ("kb-typ-case", "typ in another case", "KB+JWT"),
        ("kb-typ-media-type", "typ in its long form", "application/kb+jwt"),
        ("kb-typ-issuance", "a proof that is for an issuer", "openid4vci-proof+jwt"),
        ("kb-typ-credential", "a credential in the place of a proof", "dc+sd-jwt"),
    ] {
        let entry = draft.refuse(id, comment, "kb_typ_invalid", maker.header("typ", &json!(typ))?);
        changed(entry, "kb_jwt.header.typ", json!(typ)).flags(&["TokenType"]).spec(&["KB-04", "case KBJ-006"]);
    }
    let entry = draft.refuse(
        "kb-typ-missing",
        "no typ",
        "kb_typ_invalid",
        maker.with(|token| super::world::remove(&mut token.proof_header, "typ"))?,
    );
    entry
        .broken("kb-ok", "remove", "kb_jwt.header.typ")
        .signed("holder")
        .flags(&["TokenType"])
        .spec(&["KB-04", "case KBJ-006"]);
    for (id, comment, code, name, value, flag, spec) in [
        (
            "kb-header-jwk",
            "a key of its own, and signed with it",
            "jws_header_not_allowed",
            "jwk",
            json!({"kty": "EC"}),
            "KeyInjection",
            "case KBJ-033",
        ),
        (
            "kb-header-jku",
            "an address of keys",
            "jws_header_not_allowed",
            "jku",
            json!("https://attacker.example"),
            "KeyInjection",
            "KB-06",
        ),
        ("kb-header-x5c", "certificates", "jws_header_not_allowed", "x5c", json!(["MII="]), "KeyInjection", "KB-06"),
        ("kb-header-crit", "a critical extension", "jws_crit_unsupported", "crit", json!(["x"]), "Structure", "KB-13"),
    ] {
        let entry = draft.refuse(id, comment, code, maker.header(name, &value)?);
        changed(entry, &format!("kb_jwt.header.{name}"), value).flags(&[flag]).spec(&[spec]);
    }
    let payload = maker.token.proof.to_string();
    let unsigned = {
        let text = sign(
            &json!({"alg": "none", "typ": "kb+jwt"}).to_string(),
            payload.as_bytes(),
            &SignerKey::P256(maker.world.holder.clone()),
        )?;
        format!("{}.", text.rsplit_once('.').map(|(input, _)| input).unwrap_or_default())
    };
    let mac = Jws::unsigned(&super::draft::members(json!({"alg": "HS256", "typ": "kb+jwt"})), payload.into_bytes())
        .sign_hs256(&maker.world.holder.public_point())
        .text();
    for (id, comment, proof) in [
        ("kb-alg-none", "no algorithm, no signature", unsigned),
        ("kb-alg-hs256", "a MAC with the bound public key as its secret", mac),
    ] {
        let entry = draft.refuse(id, comment, "kb_alg_not_allowed", maker.input(&proof));
        entry
            .broken("kb-ok", "replace", "kb_jwt.header.alg")
            .flags(&["AlgorithmConfusion"])
            .spec(&["KB-05", "case KBJ-004"]);
    }
    let entry = draft.refuse(
        "kb-alg-other",
        "an algorithm that is not that of the key",
        "kb_alg_not_allowed",
        maker.header("alg", &json!("Ed25519"))?,
    );
    changed(entry, "kb_jwt.header.alg", json!("Ed25519"))
        .config(json!({"alg_allowed": ["ES256", "Ed25519"]}))
        .flags(&["Algorithm"])
        .spec(&["KB-05"]);
    Ok(())
}

fn hashes(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    use crate::domain::jose::hash::HashAlgorithm;
    let right = HashAlgorithm::Sha256.digest_url(maker.bare.as_bytes());
    let other = maker.token.clone().change(|token| token.payload["n"] = json!(1)).bare()?;
    let fewer = maker.token.clone().change(|token| drop(token.disclosures.pop())).bare()?;
    let open = maker.bare.trim_end_matches('~');
    let hex = crate::vectors::config::to_hex(&crate::domain::jose::hash::sha256(maker.bare.as_bytes()));
    for (id, comment, value, spec) in [
        (
            "kb-hash-other-credential",
            "over another credential of the same holder",
            HashAlgorithm::Sha256.digest_url(other.as_bytes()),
            "case KBJ-023",
        ),
        (
            "kb-hash-fewer-disclosures",
            "over one disclosure less",
            HashAlgorithm::Sha256.digest_url(fewer.as_bytes()),
            "KB-12",
        ),
        (
            "kb-hash-without-tilde",
            "over the text without its last tilde",
            HashAlgorithm::Sha256.digest_url(open.as_bytes()),
            "KB-12",
        ),
        (
            "kb-hash-sha-512",
            "with another hash function than _sd_alg",
            HashAlgorithm::Sha512.digest_url(maker.bare.as_bytes()),
            "case KBJ-024",
        ),
        ("kb-hash-hexadecimal", "in hexadecimal", hex, "case KBJ-021"),
        ("kb-hash-padded", "with padding", format!("{right}="), "case KBJ-021"),
        ("kb-hash-empty", "empty", String::new(), "case KBJ-021"),
    ] {
        let entry = draft.refuse(id, comment, "kb_sd_hash_mismatch", maker.claim("sd_hash", &json!(value))?);
        changed(entry, "kb_jwt.payload.sd_hash", json!(value)).flags(&["Replay"]).spec(&["KB-12", spec]);
    }
    let payload = maker.token.proof.to_string();
    let proof =
        sign(&maker.token.proof_header.to_string(), payload.as_bytes(), &SignerKey::P256(maker.world.holder.clone()))?;
    let entry = draft.refuse("kb-hash-missing", "no sd_hash", "kb_sd_hash_mismatch", maker.input(&proof));
    entry
        .broken("kb-ok", "remove", "kb_jwt.payload.sd_hash")
        .signed("holder")
        .flags(&["Replay"])
        .spec(&["KB-12", "case KBJ-021"]);
    Ok(())
}

fn keys(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let entry = draft.refuse(
        "kb-signature-stranger",
        "signed with another key",
        "kb_signature_invalid",
        maker.with(|token| token.holder = maker.world.stranger.clone())?,
    );
    entry.broken("kb-ok", "replace", "kb_jwt.signature").signed("stranger").flags(&["Signature"]).spec(&["KB-06"]);
    let entry = draft.refuse(
        "kb-signature-issuer",
        "signed with the key of the issuer",
        "kb_signature_invalid",
        maker.with(|token| token.holder = maker.world.issuer.clone())?,
    );
    entry.broken("kb-ok", "replace", "kb_jwt.signature").signed("issuer").flags(&["Signature"]).spec(&["KB-06"]);
    let good = maker.token.proof_over(&maker.bare)?;
    let (input, signature) = good.rsplit_once('.').unwrap_or_default();
    let mut bytes = crate::domain::encoding::base64::decode_url(signature).unwrap_or_default();
    if let Some(first) = bytes.first_mut() {
        *first ^= 1;
    }
    let flipped = format!("{input}.{}", crate::domain::encoding::base64::encode_url(&bytes));
    let entry =
        draft.refuse("kb-signature-flipped", "one bit of the signature", "kb_signature_invalid", maker.input(&flipped));
    entry.broken("kb-ok", "flip-bit", "kb_jwt.signature").flags(&["Signature"]).spec(&["KB-06", "case KBJ-002"]);
    let entry = draft.refuse("kb-form-two-parts", "a proof of two parts", "kb_malformed", maker.input(input));
    entry.broken("kb-ok", "truncate", "/kb_jwt").flags(&["Structure"]).spec(&["SDJ-02"]);
    let holder = maker.world.holder.public_jwk();
    for (id, comment, jwk, spec) in [
        (
            "kb-key-private",
            "a bound key with its private part",
            Value::Object(maker.world.holder.test_jwk()),
            "case KBJ-028",
        ),
        ("kb-key-symmetric", "a bound key that is symmetric", json!({"kty": "oct", "k": "AAAA"}), "case KBJ-029"),
        (
            "kb-key-other-curve",
            "a bound key on an unknown curve",
            json!({"kty": "EC", "crv": "secp256k1", "x": holder.get("x"), "y": holder.get("y")}),
            "VC-13",
        ),
    ] {
        let mut input = maker.input(&good);
        input["holder_jwk"] = jwk;
        let entry = draft.refuse(id, comment, "holder_key_unsupported", input);
        entry.broken("kb-ok", "replace", "/holder_jwk").flags(&["HolderKey"]).spec(&[spec]);
    }
    Ok(())
}

/// Every character of a text, percent-encoded.
fn percent(text: &str) -> String {
    let hex = crate::vectors::config::to_hex(text.as_bytes()).to_ascii_uppercase();
    let (pairs, _) = hex.as_bytes().as_chunks::<2>();
    pairs.iter().flat_map(|[high, low]| ['%', char::from(*high), char::from(*low)]).collect()
}
