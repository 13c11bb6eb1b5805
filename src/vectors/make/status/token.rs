//! Status list tokens.

use super::super::draft::{Draft, members};
use super::super::world::{ListToken, NOW, STATUS_URI, World, key_of, merge, remove, sign};
use crate::simulator::authority::{IssuerName, SignerKey};
use crate::simulator::bad_chains::BadChain;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

pub(in crate::vectors::make) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "status-token-verify",
        "Status list tokens",
        "The token is authentic, for this address, fresh, and has the index. The value does not matter here. Signers are \
         certified by x5c under an anchor of the credential's own trust source.",
        &["draft-ietf-oauth-status-list-20 sections 5.1, 8.3 and 11.3", "OpenID4VC HAIP 1.0 section 6.1"],
    );
    let good = ListToken::good(world);
    draft.group(
        "status-token",
        "the anchor of the issuer is that of its lists, too",
        json!({"now": NOW, "clock_skew": 60, "uri": STATUS_URI, "alg_allowed": ["ES256"], "trust": {"x509_roots": [world.root()]}}),
        json!({"issuer": key_of(&good.signer), "stranger": world.stranger.test_jwk()}),
    );
    let input = |change: &dyn Fn(&mut ListToken)| -> Result<Value, VectorError> {
        let mut token = good.clone();
        change(&mut token);
        Ok(json!({"status_list_token": token.text()?, "idx": 0}))
    };
    for (index, value) in [(0, 0), (1, 1), (2, 2), (3, 3), (ListToken::LAST, 0)] {
        draft
            .accept(
                &format!("status-token-idx-{index}"),
                "a good token",
                json!({"status_list_token": good.text()?, "idx": index}),
            )
            .flags(&["Valid"])
            .output(json!({"status": value}))
            .spec(&["TSL-42", "TSL-43"]);
    }
    for (id, comment, change) in [
        ("status-token-exp-within-skew", "exp has passed, within the tolerance", json!({"exp": NOW - 59})),
        ("status-token-iat-within-skew", "iat lies ahead, within the tolerance", json!({"iat": NOW + 60})),
        ("status-token-large-ttl", "a ttl of a year is bounded, not refused", json!({"ttl": 31_536_000})),
        ("status-token-iss", "further claims", json!({"iss": "https://issuer.example"})),
    ] {
        draft
            .accept(id, comment, input(&|token| merge(&mut token.payload, members(change.clone())))?)
            .flags(&["Boundary"])
            .spec(&["TSL-24"]);
    }
    for (id, comment, name) in [("status-token-no-exp", "no exp", "exp"), ("status-token-no-ttl", "no ttl", "ttl")] {
        draft
            .accept(id, comment, input(&|token| remove(&mut token.payload, name))?)
            .flags(&["Legal"])
            .spec(&["TSL-24", "TSL-26"]);
    }
    draft
        .accept("status-token-same-as-newest", "as new as the newest list seen", input(&|_| {})?)
        .config(json!({"x-newest_iat": NOW - 600}))
        .flags(&["Boundary"])
        .spec(&["case TSL-024"]);
    draft
        .refuse(
            "status-token-older-than-newest",
            "older than a list seen before: a revocation would be hidden",
            "status_token_invalid",
            input(&|_| {})?,
        )
        .config(json!({"x-newest_iat": NOW - 599}))
        .broken("status-token-same-as-newest", "set-config", "x-newest_iat")
        .flags(&["Replay"])
        .spec(&["case TSL-024"]);
    draft
        .refuse(
            "status-token-idx-16",
            "the first index that is not in the list",
            "status_index_out_of_range",
            json!({"status_list_token": good.text()?, "idx": ListToken::LAST + 1}),
        )
        .broken("status-token-idx-15", "replace", "/idx")
        .to(json!(ListToken::LAST + 1))
        .flags(&["Boundary"])
        .spec(&["TSL-43"]);
    draft
        .refuse(
            "status-token-idx-2-32",
            "an index beyond 32 bits",
            "status_index_out_of_range",
            json!({"status_list_token": good.text()?, "idx": 4_294_967_296_u64}),
        )
        .broken("status-token-idx-15", "replace", "/idx")
        .flags(&["Boundary"])
        .spec(&["TSL-43"]);
    claims(&mut draft, &input)?;
    signers(&mut draft, world, &good, &input)?;
    draft.finish()
}

type Input<'i> = &'i dyn Fn(&dyn Fn(&mut ListToken)) -> Result<Value, VectorError>;

pub(super) fn claims(draft: &mut Draft, input: Input<'_>) -> Result<(), VectorError> {
    for (id, comment, code, base, name, value, spec) in [
        (
            "status-token-expired",
            "exp has passed, just beyond the tolerance",
            "status_token_expired",
            "status-token-exp-within-skew",
            "exp",
            json!(NOW - 60),
            "TSL-24",
        ),
        (
            "status-token-from-the-future",
            "iat lies ahead, just beyond the tolerance",
            "status_token_invalid",
            "status-token-iat-within-skew",
            "iat",
            json!(NOW + 61),
            "TSL-24",
        ),
        (
            "status-token-not-yet-valid",
            "nbf lies ahead",
            "status_token_invalid",
            "status-token-idx-0",
            "nbf",
            json!(NOW + 61),
            "TSL-30",
        ),
        (
            "status-token-iat-text",
            "iat that is a text",
            "status_token_invalid",
            "status-token-idx-0",
            "iat",
            json!("x"),
            "TSL-24",
        ),
        (
            "status-token-exp-null",
            "exp that is null",
            "status_token_invalid",
            "status-token-idx-0",
            "exp",
            json!(null),
            "TSL-24",
        ),
        (
            "status-token-sub-case",
            "sub in another case",
            "status_token_invalid",
            "status-token-idx-0",
            "sub",
            json!(STATUS_URI.to_uppercase()),
            "case TSL-022",
        ),
        (
            "status-token-sub-slash",
            "sub and a slash",
            "status_token_invalid",
            "status-token-idx-0",
            "sub",
            json!(format!("{STATUS_URI}/")),
            "case TSL-022",
        ),
        (
            "status-token-sub-port",
            "sub with the port that is the default",
            "status_token_invalid",
            "status-token-idx-0",
            "sub",
            json!("https://status.example:443/lists/1"),
            "case TSL-022",
        ),
        (
            "status-token-sub-query",
            "sub with a query",
            "status_token_invalid",
            "status-token-idx-0",
            "sub",
            json!(format!("{STATUS_URI}?x")),
            "case TSL-022",
        ),
        (
            "status-token-sub-array",
            "sub that is an array",
            "status_token_invalid",
            "status-token-idx-0",
            "sub",
            json!([STATUS_URI]),
            "TSL-23",
        ),
        (
            "status-token-ttl-zero",
            "a ttl of zero",
            "status_token_invalid",
            "status-token-idx-0",
            "ttl",
            json!(0),
            "TSL-26",
        ),
        (
            "status-token-ttl-negative",
            "a negative ttl",
            "status_token_invalid",
            "status-token-idx-0",
            "ttl",
            json!(-1),
            "TSL-26",
        ),
        (
            "status-token-ttl-text",
            "a ttl that is a text",
            "status_token_invalid",
            "status-token-idx-0",
            "ttl",
            json!("600"),
            "TSL-26",
        ),
        (
            "status-token-list-text",
            "a list that is a text",
            "status_list_malformed",
            "status-token-idx-0",
            "status_list",
            json!("eNo"),
            "TSL-25",
        ),
        (
            "status-token-list-bits",
            "a list of three bits",
            "status_list_malformed",
            "status-token-idx-0",
            "status_list",
            json!({"bits": 3, "lst": "eNpjAAAAAQAB"}),
            "case TSL-014",
        ),
    ] {
        draft
            .refuse(id, comment, code, input(&|token| token.payload[name] = value.clone())?)
            .broken(base, "replace", &format!("payload.{name}"))
            .to(value)
            .signed("issuer")
            .flags(&["Dates"])
            .spec(&[spec]);
    }
    for (id, comment, code, name) in [
        ("status-token-no-sub", "no sub", "status_token_invalid", "sub"),
        ("status-token-no-iat", "no iat", "status_token_invalid", "iat"),
        ("status-token-no-list", "no list", "status_list_malformed", "status_list"),
    ] {
        draft
            .refuse(id, comment, code, input(&|token| remove(&mut token.payload, name))?)
            .broken("status-token-idx-0", "remove", &format!("payload.{name}"))
            .signed("issuer")
            .flags(&["Structure"])
            .spec(&["TSL-23", "TSL-24", "TSL-25"]);
    }
    Ok(())
}

pub(super) fn signers(draft: &mut Draft, world: &World, good: &ListToken, input: Input<'_>) -> Result<(), VectorError> {
    let identity = |bad: BadChain| world.authority.bad_chain(bad);
    let own = identity(BadChain::UnknownRoot)?;
    let included = identity(BadChain::OwnRootIncluded)?;
    let expired = identity(BadChain::ExpiredLeaf)?;
    let anchor = identity(BadChain::AnchorIncluded)?;
    let other = world.authority.issuer(IssuerName::Municipality);
    for (id, comment, signer, spec) in [
        ("status-token-self-made", "signed under a root of its own", &own, "case TSL-017"),
        (
            "status-token-own-root-included",
            "signed under a root of its own, which it brings along",
            &included,
            "case TSL-017",
        ),
        ("status-token-other-issuer", "signed by another trusted issuer", &other, "case TSL-018"),
        ("status-token-expired-signer", "signed with a certificate that has expired", &expired, "TSL-27"),
        ("status-token-anchor-included", "the anchor in the chain", &anchor, "TSL-27"),
    ] {
        draft
            .refuse(id, comment, "status_token_invalid", input(&|token| token.sign_with(signer))?)
            .broken("status-token-idx-0", "replace", "header.x5c")
            .flags(&["Unauthorized"])
            .spec(&[spec]);
    }
    for (id, comment, name, value, spec) in [
        ("status-token-typ-jwt", "typ JWT", "typ", json!("JWT"), "TSL-20"),
        ("status-token-typ-credential", "a credential in the place of a list", "typ", json!("dc+sd-jwt"), "TSL-20"),
        ("status-token-typ-case", "typ in another case", "typ", json!("STATUSLIST+JWT"), "TSL-20"),
        ("status-token-alg-none", "no algorithm", "alg", json!("none"), "case TSL-020"),
        ("status-token-alg-hs256", "a MAC", "alg", json!("HS256"), "case TSL-020"),
        ("status-token-crit", "a critical extension", "crit", json!(["x"]), "TSL-30"),
        ("status-token-jwk", "a key of its own", "jwk", json!({"kty": "EC"}), "GEN-05"),
    ] {
        draft
            .refuse(id, comment, "status_token_invalid", input(&|token| token.header[name] = value.clone())?)
            .broken("status-token-idx-0", "replace", &format!("header.{name}"))
            .to(value)
            .signed("issuer")
            .flags(&["TokenType"])
            .spec(&[spec]);
    }
    draft
        .refuse(
            "status-token-no-chain",
            "no certificates",
            "status_token_invalid",
            input(&|token| remove(&mut token.header, "x5c"))?,
        )
        .broken("status-token-idx-0", "remove", "header.x5c")
        .signed("issuer")
        .flags(&["KeyInjection"])
        .spec(&["TSL-27"]);
    draft
        .refuse(
            "status-token-stranger",
            "the right certificates, but signed with another key",
            "status_token_invalid",
            input(&|token| token.signer = SignerKey::P256(world.stranger.clone()))?,
        )
        .broken("status-token-idx-0", "replace", "signature")
        .signed("stranger")
        .flags(&["Signature"])
        .spec(&["TSL-22"]);
    let text = good.text()?;
    let text_of = |text: String| json!({"status_list_token": text, "idx": 0});
    for (id, comment, token) in [
        (
            "status-token-two-parts",
            "two parts",
            text.rsplit_once('.').map(|(input, _)| input.to_owned()).unwrap_or_default(),
        ),
        ("status-token-garbage", "no token at all", "<html>not found</html>".to_owned()),
        ("status-token-line-break", "a line break after the token", format!("{text}\n")),
        ("status-token-nothing", "no text", String::new()),
    ] {
        draft
            .refuse(id, comment, "status_token_invalid", text_of(token))
            .broken("status-token-idx-0", "replace", "/status_list_token")
            .flags(&["Structure"])
            .spec(&["TSL-22"]);
    }
    let twice = good.payload.to_string().replacen('{', &format!("{{\"sub\":\"{STATUS_URI}\","), 1);
    draft
        .refuse(
            "status-token-sub-twice",
            "sub twice",
            "status_token_invalid",
            text_of(sign(&good.header.to_string(), twice.as_bytes(), &good.signer)?),
        )
        .broken("status-token-idx-0", "insert", "payload.sub")
        .signed("issuer")
        .flags(&["Ambiguous"])
        .spec(&["TSL-30"]);
    Ok(())
}
