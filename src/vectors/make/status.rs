//! Status lists: the bits, the references, the tokens.

use super::draft::{Draft, members};
use super::world::{ListToken, NOW, STATUS_URI, World, key_of, merge, remove, sign};
use crate::domain::encoding::base64;
use crate::domain::limits;
use crate::simulator::authority::{IssuerName, SignerKey};
use crate::simulator::bad_chains::BadChain;
use crate::simulator::encode::status_list::{raw_deflate, zlib};
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

pub(super) fn lists() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "status-list-decode",
        "Status lists: from text to values",
        "A zlib stream of statuses of 1, 2, 4 or 8 bits, the lowest bits of a byte first. Inflation stops at 16 MiB.",
        &["draft-ietf-oauth-status-list-20 section 4", "RFC 1950"],
    );
    let list =
        |bits: u64, bytes: &[u8]| json!({"status_list": {"bits": bits, "lst": base64::encode_url(&zlib(bytes))}});
    let patterns: [(u64, &[u8], Value); 4] = [
        (1, &[0xb9, 0xa3], json!([1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1])),
        (2, &[0xc9, 0x44, 0xf9], json!([1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3])),
        (4, &[0x21, 0xf0], json!([1, 2, 0, 15])),
        (8, &[7, 0, 255], json!([7, 0, 255])),
    ];
    for (bits, bytes, values) in patterns {
        draft
            .accept(&format!("status-list-{bits}-bits"), "every position within a byte", list(bits, bytes))
            .flags(&["Valid"])
            .output(json!({"size": values.as_array().map(Vec::len), "values": values, "raw_hex": to_hex(bytes)}))
            .spec(&["TSL-42", "case TSL-016"]);
    }
    draft
        .accept("status-list-empty", "a list without entries", list(1, b""))
        .flags(&["Legal"])
        .output(json!({"size": 0, "values": []}));
    draft
        .accept("status-list-aggregation", "further members are ignored", {
            let mut input = list(1, &[1]);
            input["status_list"]["aggregation_uri"] = json!("https://status.example/all");
            input
        })
        .flags(&["Legal"])
        .output(json!({"size": 8, "nonzero": {"0": 1}, "other_indexes": 0}));
    draft
        .accept(
            "status-list-stored",
            "a stream that does not compress",
            json!({"status_list": {"bits": 8, "lst": base64::encode_url(&stored(b"\x00\x01\x02"))}}),
        )
        .flags(&["Legal"])
        .output(json!({"size": 3, "values": [0, 1, 2]}));
    draft
        .accept("status-list-large", "a hundred thousand entries, one of them revoked", list(1, &one_of(12_500, 100)))
        .flags(&["Legal"])
        .output(json!({"size": 100_000, "nonzero": {"800": 1}, "other_indexes": 0}));
    draft
        .accept("status-list-16-mib", "as large as allowed", list(8, &vec![0; limits::STATUS_LIST_BYTES]))
        .flags(&["Boundary"])
        .output(json!({"size": limits::STATUS_LIST_BYTES, "nonzero": {}, "other_indexes": 0}))
        .spec(&["TSL-41", "case TSL-011"]);
    for (id, comment, size) in [
        ("status-list-above-16-mib", "one byte larger than allowed", limits::STATUS_LIST_BYTES.saturating_add(1)),
        ("status-list-32-mib", "a small text that inflates to 32 MiB", 32 << 20),
    ] {
        draft
            .refuse(id, comment, "status_list_too_large", list(8, &vec![0; size]))
            .broken("status-list-16-mib", "replace", "/status_list/lst")
            .flags(&["Boundary", "Exhaustion"])
            .spec(&["TSL-41", "case TSL-011"]);
    }
    widths(&mut draft);
    streams(&mut draft);
    draft.finish()
}

fn one_of(length: usize, place: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if let Some(byte) = bytes.get_mut(place) {
        *byte = 1;
    }
    bytes
}

/// A zlib stream with one stored block, written by hand.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = low.wrapping_add(u32::from(*byte)) % 65_521;
        high = high.wrapping_add(low) % 65_521;
    }
    let sum = high << 16 | low;
    let parts: [&[u8]; 5] =
        [&[0x78, 0x01, 0x01], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes, &sum.to_be_bytes()];
    parts.concat()
}

fn widths(draft: &mut Draft) {
    let lst = base64::encode_url(&zlib(&[1, 2]));
    for (id, comment, bits) in [
        ("status-list-bits-0", "no bits", json!(0)),
        ("status-list-bits-3", "three bits", json!(3)),
        ("status-list-bits-16", "sixteen bits", json!(16)),
        ("status-list-bits-negative", "a negative number of bits", json!(-1)),
        ("status-list-bits-text", "bits that are a text", json!("1")),
        ("status-list-bits-fraction", "bits that are no integer", json!(1.5)),
        ("status-list-bits-null", "bits that are null", json!(null)),
    ] {
        draft
            .refuse(id, comment, "status_list_malformed", json!({"status_list": {"bits": bits, "lst": lst}}))
            .broken("status-list-1-bits", "replace", "/status_list/bits")
            .to(bits)
            .flags(&["ClaimType"])
            .spec(&["TSL-25", "case TSL-014"]);
    }
    draft
        .refuse("status-list-bits-missing", "no bits", "status_list_malformed", json!({"status_list": {"lst": lst}}))
        .broken("status-list-1-bits", "remove", "/status_list/bits")
        .flags(&["Structure"])
        .spec(&["TSL-25", "case TSL-014"]);
    draft
        .refuse("status-list-lst-missing", "no lst", "status_list_malformed", json!({"status_list": {"bits": 1}}))
        .broken("status-list-1-bits", "remove", "/status_list/lst")
        .flags(&["Structure"])
        .spec(&["TSL-25"]);
    draft
        .refuse(
            "status-list-no-object",
            "a list that is no object",
            "status_list_malformed",
            json!({"status_list": "eNo"}),
        )
        .broken("status-list-1-bits", "replace", "/status_list")
        .flags(&["Structure"])
        .spec(&["TSL-25"]);
}

fn streams(draft: &mut Draft) {
    let good = zlib(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let gzip = gzip.write_all(&[1; 40]).and_then(|()| gzip.finish()).unwrap_or_default();
    let mut checksum = good.clone();
    if let Some(last) = checksum.last_mut() {
        *last ^= 1;
    }
    let start = |length: usize| good.get(..length).unwrap_or_default().to_vec();
    for (id, comment, bytes, spec) in [
        ("status-list-raw-deflate", "DEFLATE without its zlib header", raw_deflate(&[1; 40]), "case TSL-012"),
        ("status-list-gzip", "gzip", gzip, "case TSL-012"),
        ("status-list-no-bytes", "no stream at all", Vec::new(), "case TSL-012"),
        ("status-list-header-only", "the two bytes of the header", start(2), "case TSL-012"),
        ("status-list-cut", "a stream without its last byte", start(good.len().saturating_sub(1)), "case TSL-012"),
        ("status-list-cut-in-the-middle", "half of a stream", start(good.len() / 2), "case TSL-012"),
        ("status-list-checksum", "a wrong checksum", checksum, "case TSL-012"),
        ("status-list-tail", "a byte after the stream", [good.as_slice(), &[0]].concat(), "case TSL-012"),
        (
            "status-list-two-streams",
            "a second stream after the first",
            [good.as_slice(), good.as_slice()].concat(),
            "case TSL-013",
        ),
        (
            "status-list-dictionary",
            "a stream with a preset dictionary",
            vec![0x78, 0xbb, 0, 0, 0, 1, 3, 0],
            "case TSL-013",
        ),
        ("status-list-plain", "bytes that are not compressed", vec![1, 2, 3, 4], "case TSL-012"),
    ] {
        draft
            .refuse(
                id,
                comment,
                "status_list_malformed",
                json!({"status_list": {"bits": 8, "lst": base64::encode_url(&bytes)}}),
            )
            .broken("status-list-8-bits", "replace", "/status_list/lst")
            .flags(&["Structure"])
            .spec(&["TSL-40", spec]);
    }
    for (id, comment, lst) in [
        ("status-list-lst-padded", "lst with padding", json!(format!("{}=", base64::encode_url(&good)))),
        ("status-list-lst-number", "lst that is a number", json!(1)),
        ("status-list-lst-standard", "lst in standard base64", json!("eNoD+/8=")),
    ] {
        draft
            .refuse(id, comment, "status_list_malformed", json!({"status_list": {"bits": 8, "lst": lst}}))
            .broken("status-list-8-bits", "re-encode", "/status_list/lst")
            .flags(&["Encoding"])
            .spec(&["TSL-40"]);
    }
}

pub(super) fn references() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "status-claims-check",
        "References to status lists",
        "`status_reference` is the value of the claim `status`.",
        &["draft-ietf-oauth-status-list-20 section 6.2"],
    );
    let case = |claim: Value| json!({"status_reference": claim});
    let at = |index: Value| json!({"status_list": {"idx": index, "uri": STATUS_URI}});
    draft
        .accept("status-reference-ok", "an index and an address", case(at(json!(7))))
        .flags(&["Valid"])
        .output(json!({"idx": 7, "uri": STATUS_URI}))
        .spec(&["TSL-02"]);
    draft.accept("status-reference-zero", "the first index", case(at(json!(0)))).flags(&["Boundary"]).spec(&["TSL-02"]);
    draft
        .accept(
            "status-reference-large",
            "an index beyond 32 bits: whether the list has it is decided later",
            case(at(json!(4_294_967_296_u64))),
        )
        .flags(&["Legal"])
        .spec(&["TSL-43"]);
    let mut more = at(json!(7));
    more["identifier_list"] = json!({"id": "x"});
    draft.accept("status-reference-more", "another mechanism beside", case(more)).flags(&["Legal"]).spec(&["TSL-04"]);
    for (id, comment, code, claim, spec) in [
        ("status-reference-idx-text", "an index that is a text", "status_index_out_of_range", at(json!("7")), "TSL-02"),
        ("status-reference-idx-negative", "a negative index", "status_index_out_of_range", at(json!(-1)), "TSL-02"),
        (
            "status-reference-idx-fraction",
            "an index with a fraction",
            "status_index_out_of_range",
            at(json!(7.5)),
            "TSL-02",
        ),
        ("status-reference-idx-null", "an index that is null", "status_index_out_of_range", at(json!(null)), "TSL-02"),
        ("status-reference-idx-list", "an index that is a list", "status_index_out_of_range", at(json!([7])), "TSL-02"),
        (
            "status-reference-idx-missing",
            "no index",
            "status_invalid_reference",
            json!({"status_list": {"uri": STATUS_URI}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-missing",
            "no address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-empty",
            "an empty address",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7, "uri": ""}}),
            "TSL-02",
        ),
        (
            "status-reference-uri-number",
            "an address that is a number",
            "status_invalid_reference",
            json!({"status_list": {"idx": 7, "uri": 1}}),
            "TSL-02",
        ),
        (
            "status-reference-list-array",
            "a list that is an array",
            "status_invalid_reference",
            json!({"status_list": []}),
            "TSL-02",
        ),
        (
            "status-reference-other-only",
            "another mechanism only",
            "status_invalid_reference",
            json!({"identifier_list": {"id": "x"}}),
            "VC-12",
        ),
        ("status-reference-empty", "an empty status", "status_invalid_reference", json!({}), "VC-12"),
        ("status-reference-text", "a status that is a text", "status_invalid_reference", json!("valid"), "TSL-02"),
    ] {
        draft
            .refuse(id, comment, code, case(claim.clone()))
            .broken("status-reference-ok", "replace", "/status_reference")
            .to(claim)
            .flags(&["ClaimType"])
            .spec(&[spec]);
    }
    draft.finish()
}

pub(super) fn tokens(world: &World) -> Result<File, VectorError> {
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

fn claims(draft: &mut Draft, input: Input<'_>) -> Result<(), VectorError> {
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

fn signers(draft: &mut Draft, world: &World, good: &ListToken, input: Input<'_>) -> Result<(), VectorError> {
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
