//! Certification paths.

use super::draft::Draft;
use super::world::{NOW, SEED, World};
use crate::domain::encoding::base64;
use crate::domain::reason::Reason;
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::simulator::SimulatorError;
use crate::simulator::authority::{IssuerName, TestAuthority};
use crate::simulator::bad_chains::BadChain;
use crate::simulator::revocation::{LIST_DAYS, Revoked};
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

fn chain(certificates: &[Vec<u8>]) -> Value {
    json!({"chain": certificates.iter().map(|der| base64::encode_standard(der)).collect::<Vec<_>>()})
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "x509-path-validate",
        "Certification paths of issuers",
        "The certificates of x5c, the leaf first, against the anchors of the relying party. At most five certificates; \
         the anchor is not among them.",
        &["RFC 5280 section 6.1", "OpenID4VC HAIP 1.0 section 6.1.1"],
    );
    draft.group(
        "x5c",
        "one anchor",
        json!({"now": NOW, "purpose": "sd-jwt-vc-issuer", "trust": {"x509_roots": [world.root()]}}),
        json!({}),
    );
    let good = world.certified().chain;
    let leaf = read(good.first())?;
    accepted(&mut draft, world, &good, &leaf)?;
    bad(&mut draft, world)?;
    times(&mut draft, &good, &leaf);
    bytes(&mut draft, &good);
    pinned(&mut draft, world, &good);
    revoked(&mut draft, world, &good)?;
    draft.finish()
}

fn read(der: Option<&Vec<u8>>) -> Result<Certificate, VectorError> {
    let unreadable = |_: Reason| VectorError::Simulator(SimulatorError::Form("a certificate that cannot be read"));
    Certificate::read(der.map(Vec::as_slice).unwrap_or_default()).map_err(unreadable)
}

fn accepted(draft: &mut Draft, world: &World, good: &[Vec<u8>], leaf: &Certificate) -> Result<(), VectorError> {
    draft
        .accept("x5c-ok", "a leaf and an intermediate", chain(good))
        .flags(&["Valid"])
        .output(json!({"subject": leaf.subject_text, "anchor_index": 0}))
        .spec(&["X5C-01", "X5C-03"]);
    let other = base64::encode_standard(world.authority.issuer_root(IssuerName::PidForeign));
    draft
        .accept("x5c-second-anchor", "the second of two anchors", chain(good))
        .config(json!({"trust": {"x509_roots": [other, world.root()]}}))
        .flags(&["Valid"])
        .output(json!({"anchor_index": 1}))
        .spec(&["X5C-01"]);
    let p384 = world.authority.bad_chain(BadChain::P384Leaf)?.chain;
    draft.accept("x5c-p384-leaf", "a leaf with a key on P-384", chain(&p384)).flags(&["Legal"]).spec(&["X5C-21"]);
    let later = TestAuthority::for_host(SEED, UnixSeconds(NOW + 10 * 86_400), "verifier.example")?;
    let renewed = base64::encode_standard(later.issuer_root(IssuerName::PidGermany));
    draft
        .accept(
            "x5c-renewed-anchor",
            "another certificate with the name and key of the anchor: trust is by name and key",
            chain(good),
        )
        .config(json!({"trust": {"x509_roots": [renewed]}}))
        .flags(&["Legal"])
        .spec(&["case X5C-029"]);
    let included = world.authority.bad_chain(BadChain::AnchorIncluded)?.chain;
    draft
        .accept("x5c-anchor-ignored", "the anchor in the chain, where the profile ignores it", chain(&included))
        .config(json!({"x-anchor_in_chain": "ignore"}))
        .flags(&["Policy"])
        .spec(&["VC-22", "case X5C-004"]);
    let six = world.authority.bad_chain(BadChain::SixCertificates)?.chain;
    let (top, five) = six.split_last().ok_or(VectorError::Made("a chain of six"))?;
    draft
        .accept("x5c-five", "five certificates", chain(five))
        .config(json!({"trust": {"x509_roots": [base64::encode_standard(top)]}}))
        .flags(&["Boundary"])
        .spec(&["X5C-19", "case X5C-022"]);
    draft
        .refuse("x5c-six", "six certificates", "x5c_too_long", chain(&six))
        .broken("x5c-five", "append", "/chain")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["X5C-19", "case X5C-022"]);
    let many = vec![good.first().cloned().unwrap_or_default(); 64];
    draft
        .refuse("x5c-sixty-four", "sixty-four certificates", "x5c_too_long", chain(&many))
        .broken("x5c-five", "append", "/chain")
        .flags(&["Exhaustion"])
        .spec(&["X5C-19", "case X5C-022"]);
    Ok(())
}

fn bad(draft: &mut Draft, world: &World) -> Result<(), VectorError> {
    use BadChain as Bad;
    for (id, comment, code, bad, spec) in [
        ("x5c-expired-leaf", "the leaf has expired", "x5c_expired", Bad::ExpiredLeaf, "case X5C-015"),
        ("x5c-not-yet-valid-leaf", "the leaf is not valid yet", "x5c_expired", Bad::NotYetValidLeaf, "case X5C-015"),
        (
            "x5c-expired-intermediate",
            "the intermediate has expired",
            "x5c_expired",
            Bad::ExpiredIntermediate,
            "case X5C-015",
        ),
        ("x5c-leaf-is-authority", "the leaf is a CA", "x5c_profile_violation", Bad::LeafIsAuthority, "case X5C-009"),
        (
            "x5c-leaf-for-encipherment",
            "the leaf's key may not sign",
            "x5c_profile_violation",
            Bad::LeafForEncipherment,
            "X5C-07",
        ),
        (
            "x5c-leaf-for-servers",
            "the leaf is for TLS servers only",
            "x5c_profile_violation",
            Bad::LeafForServers,
            "case X5C-013",
        ),
        (
            "x5c-critical-extension",
            "a critical extension that nobody knows",
            "x5c_chain_invalid",
            Bad::UnknownCriticalExtension,
            "X5C-06",
        ),
        (
            "x5c-intermediate-no-authority",
            "the intermediate is no CA",
            "x5c_chain_invalid",
            Bad::IntermediateIsNoAuthority,
            "case X5C-008",
        ),
        (
            "x5c-intermediate-may-not-sign",
            "the intermediate may not sign certificates",
            "x5c_chain_invalid",
            Bad::IntermediateMayNotSign,
            "case X5C-008",
        ),
        (
            "x5c-name-constraint",
            "the intermediate may issue for another domain only",
            "x5c_chain_invalid",
            Bad::NameConstraintViolated,
            "case X5C-011",
        ),
        (
            "x5c-path-too-long",
            "another CA below one that allows none",
            "x5c_chain_invalid",
            Bad::PathTooLong,
            "case X5C-010",
        ),
        (
            "x5c-shuffled",
            "the right certificates in the wrong order",
            "x5c_chain_invalid",
            Bad::Shuffled,
            "case X5C-006",
        ),
        (
            "x5c-unrelated",
            "a certificate of another chain between them",
            "x5c_chain_invalid",
            Bad::UnrelatedInserted,
            "case X5C-006",
        ),
        ("x5c-duplicate", "the intermediate twice", "x5c_chain_invalid", Bad::Duplicate, "case X5C-006"),
        ("x5c-self-signed", "a leaf that signed itself", "x5c_untrusted", Bad::SelfSignedLeaf, "X5C-01"),
        ("x5c-unknown-root", "a root that nobody trusts", "x5c_untrusted", Bad::UnknownRoot, "case SVC-023"),
        (
            "x5c-own-root",
            "a root of its own, which it brings along",
            "x5c_untrusted",
            Bad::OwnRootIncluded,
            "case X5C-005",
        ),
        (
            "x5c-same-names",
            "all names are right, all keys are others",
            "x5c_untrusted",
            Bad::SameNamesOtherKeys,
            "case X5C-029",
        ),
        (
            "x5c-intermediate-missing",
            "the intermediate is missing",
            "x5c_untrusted",
            Bad::IntermediateMissing,
            "X5C-12",
        ),
        ("x5c-other-use", "a certificate for access of verifiers", "x5c_untrusted", Bad::AccessCertificate, "X5C-02"),
        (
            "x5c-anchor-included",
            "the anchor in the chain",
            "x5c_profile_violation",
            Bad::AnchorIncluded,
            "case X5C-004",
        ),
    ] {
        draft
            .refuse(id, comment, code, chain(&world.authority.bad_chain(bad)?.chain))
            .broken("x5c-ok", "replace", "/chain")
            .flags(&["Chain"])
            .spec(&[spec]);
    }
    let good = world.certified().chain;
    let foreign = base64::encode_standard(world.authority.issuer_root(IssuerName::PidForeign));
    for (id, comment, code, config, spec) in [
        (
            "x5c-other-anchor",
            "an anchor for something else, such as that of a list from which the CA was removed",
            "x5c_untrusted",
            json!({"trust": {"x509_roots": [foreign]}}),
            "case X5C-028",
        ),
        ("x5c-no-anchor", "no anchor at all", "x5c_untrusted", json!({"trust": {"x509_roots": []}}), "X5C-09"),
        (
            "x5c-key-usage-demanded",
            "the profile names an extended key usage that the leaf lacks",
            "x5c_profile_violation",
            json!({"x-extended_key_usage": "1.0.18013.5.1.2"}),
            "case X5C-013",
        ),
        (
            "x5c-leaf-as-anchor",
            "an anchor that is no CA",
            "config_refused",
            json!({"trust": {"x509_roots": [base64::encode_standard(good.first().map(Vec::as_slice).unwrap_or_default())]}}),
            "X5C-09",
        ),
    ] {
        draft
            .refuse(id, comment, code, chain(&good))
            .config(config)
            .broken("x5c-ok", "set-config", "trust")
            .flags(&["Anchor"])
            .spec(&[spec]);
    }
    draft
        .refuse("x5c-empty", "no certificate", "x5c_missing", json!({"chain": []}))
        .broken("x5c-ok", "remove", "/chain")
        .flags(&["Structure"])
        .spec(&["VC-29"]);
    Ok(())
}

fn times(draft: &mut Draft, good: &[Vec<u8>], leaf: &Certificate) {
    let (first, last) = (leaf.not_before.0, leaf.not_after.0);
    for (id, comment, now) in [
        ("x5c-first-second", "the first second of the leaf", first),
        ("x5c-last-second", "the last second of the leaf", last),
    ] {
        draft
            .accept(id, comment, chain(good))
            .config(json!({"now": now}))
            .flags(&["Boundary"])
            .spec(&["X5C-04", "case X5C-015"]);
    }
    for (id, comment, base, now) in [
        ("x5c-before-first-second", "one second too early", "x5c-first-second", first - 1),
        ("x5c-after-last-second", "one second too late", "x5c-last-second", last + 1),
        ("x5c-anchor-expired", "the anchor has expired, too", "x5c-ok", NOW + 20 * 365 * 86_400),
        ("x5c-before-1970", "a time before the epoch", "x5c-ok", -1),
    ] {
        draft
            .refuse(id, comment, "x5c_expired", chain(good))
            .config(json!({"now": now}))
            .broken(base, "set-clock", "now")
            .to(json!(now))
            .flags(&["Dates"])
            .spec(&["X5C-04", "case X5C-015"]);
    }
}

/// Replaces every occurrence.
fn patch(bytes: &[u8], from: &[u8], to: &[u8], most: usize) -> Vec<u8> {
    let mut patched = bytes.to_vec();
    let mut place = 0;
    let mut left = most;
    while left > 0 && patched.len() >= place + from.len() {
        if patched.get(place..place + from.len()) == Some(from) {
            if let Some(slot) = patched.get_mut(place..place + to.len()) {
                slot.copy_from_slice(to);
            }
            left -= 1;
        }
        place += 1;
    }
    patched
}

fn bytes(draft: &mut Draft, good: &[Vec<u8>]) {
    const SHA256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
    const SHA224: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1];
    const SHA384: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3];
    const P256: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    const P192: [u8; 8] = [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 1];
    let leaf = good.first().cloned().unwrap_or_default();
    let with = |der: Vec<u8>| {
        let mut chained = good.to_vec();
        if let Some(first) = chained.first_mut() {
            *first = der;
        }
        chain(&chained)
    };
    // The serial number stands right after the version: [0] 03 02 01 02, 02 10.
    let serial = patch(&leaf, &[0xa0, 3, 2, 1, 2, 2, 16], &[0xa0, 3, 2, 1, 2, 2, 16], 1);
    let negative = {
        let place = serial.windows(7).position(|window| window == [0xa0, 3, 2, 1, 2, 2, 16]);
        let mut der = leaf.clone();
        if let Some(byte) = place.and_then(|place| der.get_mut(place + 7)) {
            *byte |= 0x80;
        }
        der
    };
    let indefinite = patch(&leaf, leaf.get(..2).unwrap_or_default(), &[0x30, 0x80], 1);
    let version_one = patch(&leaf, &[0xa0, 3, 2, 1, 2], &[0xa0, 3, 2, 1, 0], 1);
    let mut signature = leaf.clone();
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    let large = {
        let mut der = leaf.clone();
        der.resize(16 * 1024 + 1, 0);
        der
    };
    for (id, comment, code, der, flag, spec) in [
        (
            "x5c-algorithms-differ",
            "the inner and the outer signature algorithm differ",
            "x5c_chain_invalid",
            patch(&leaf, &SHA256, &SHA384, 1),
            "Chain",
            "case X5C-018",
        ),
        (
            "x5c-sha224",
            "signed with a hash function that is not accepted",
            "x5c_profile_violation",
            patch(&leaf, &SHA256, &SHA224, 2),
            "Algorithm",
            "case X5C-017",
        ),
        (
            "x5c-p192",
            "a key on a curve that is too small",
            "x5c_profile_violation",
            patch(&leaf, &P256, &P192, 1),
            "Algorithm",
            "case X5C-017",
        ),
        ("x5c-negative-serial", "a negative serial number", "x5c_malformed", negative, "Encoding", "case X5C-019"),
        ("x5c-indefinite-length", "an indefinite length", "x5c_malformed", indefinite, "Encoding", "case X5C-019"),
        ("x5c-version-one", "a certificate of version 1", "x5c_malformed", version_one, "Encoding", "X5C-19"),
        (
            "x5c-cut",
            "a certificate without its last byte",
            "x5c_malformed",
            leaf.get(..leaf.len().saturating_sub(1)).unwrap_or_default().to_vec(),
            "Encoding",
            "X5C-19",
        ),
        (
            "x5c-tail",
            "a byte after the certificate",
            "x5c_malformed",
            [leaf.as_slice(), &[0]].concat(),
            "Encoding",
            "X5C-19",
        ),
        ("x5c-no-der", "bytes that are no certificate", "x5c_malformed", vec![0x30, 0], "Encoding", "X5C-19"),
        ("x5c-too-large", "a certificate above 16 KiB", "x5c_too_long", large, "Exhaustion", "case X5C-022"),
        (
            "x5c-signature-flipped",
            "one bit of the signature of the leaf",
            "x5c_chain_invalid",
            signature,
            "Signature",
            "X5C-01",
        ),
    ] {
        draft.refuse(id, comment, code, with(der)).broken("x5c-ok", "replace", "/chain/0").flags(&[flag]).spec(&[spec]);
    }
    let texts: Vec<String> = good.iter().map(|der| base64::encode_standard(der)).collect();
    let first = texts.first().cloned().unwrap_or_default();
    let second = texts.get(1).cloned().unwrap_or_default();
    for (id, comment, entry) in [
        (
            "x5c-base64url",
            "base64url in the place of base64",
            json!(first.replace('+', "-").replace('/', "_").trim_end_matches('=')),
        ),
        (
            "x5c-line-breaks",
            "line breaks, as in PEM",
            json!(format!("{}\n{}", first.get(..64).unwrap_or_default(), first.get(64..).unwrap_or_default())),
        ),
        ("x5c-number", "an entry that is a number", json!(1)),
        ("x5c-entry-empty", "an empty entry", json!("")),
    ] {
        draft
            .refuse(id, comment, "x5c_malformed", json!({"chain": [entry, second]}))
            .broken("x5c-ok", "re-encode", "/chain/0")
            .flags(&["Encoding"])
            .spec(&["X5C-19"]);
    }
}

fn pinned(draft: &mut Draft, world: &World, good: &[Vec<u8>]) {
    let leaf = base64::encode_standard(good.first().map(Vec::as_slice).unwrap_or_default());
    let config = json!({"trust": {"pinned_certs": [leaf]}});
    let alone = good.get(..1).unwrap_or_default();
    draft
        .accept("x5c-pinned", "a leaf that is trusted as it is, without a path", chain(alone))
        .config(config.clone())
        .flags(&["Valid"])
        .spec(&["X5C-10"]);
    let other = world.authority.issuer(IssuerName::PidForeign).chain;
    draft
        .refuse("x5c-pinned-other", "another leaf than the one that is trusted", "x5c_untrusted", chain(&other))
        .config(config.clone())
        .broken("x5c-pinned", "replace", "/chain")
        .flags(&["Anchor"])
        .spec(&["X5C-10"]);
    let mut late = config;
    late["now"] = json!(NOW + 400 * 86_400);
    draft
        .refuse("x5c-pinned-expired", "a leaf that is trusted as it is, but has expired", "x5c_expired", chain(alone))
        .config(late)
        .broken("x5c-pinned", "set-clock", "now")
        .flags(&["Dates"])
        .spec(&["X5C-04", "X5C-10"]);
}

/// Revocation lists of the two CAs above the leaf, from the configuration of the verifier.
fn revoked(draft: &mut Draft, world: &World, good: &[Vec<u8>]) -> Result<(), VectorError> {
    let authority = &world.authority;
    let lists = |name, revoked| -> Result<[String; 2], VectorError> {
        Ok(authority.revocation_lists(name, revoked)?.map(|der| base64::encode_standard(&der)))
    };
    let [leaf_clean, intermediate_clean] = lists(IssuerName::PidGermany, Revoked::Nothing)?;
    let [leaf_revoked, _] = lists(IssuerName::PidGermany, Revoked::Leaf)?;
    let [_, intermediate_revoked] = lists(IssuerName::PidGermany, Revoked::Intermediate)?;
    let [foreign, _] = lists(IssuerName::PidForeign, Revoked::Nothing)?;
    let both = json!({"x-revocation_lists": [leaf_clean, intermediate_clean]});
    let leaf_only = |list: &str| json!({"x-revocation_lists": [list], "x-revocation_depth": "leaf"});
    let last = authority.day().0 + LIST_DAYS.1 * 86_400 - 1;
    let at = |now: i64| {
        let mut config = both.clone();
        config["now"] = json!(now);
        config
    };
    for (id, comment, config) in [
        ("x5c-revocation-clean", "on neither of the lists", both.clone()),
        ("x5c-revocation-leaf", "only the leaf must be shown not to be revoked", leaf_only(&leaf_clean)),
        ("x5c-revocation-last-second", "the last second of the lists", at(last)),
    ] {
        draft.accept(id, comment, chain(good)).config(config).flags(&["Valid"]).spec(&["X5C-11"]);
    }
    for (id, comment, base, config, spec) in [
        ("x5c-revoked-leaf", "the leaf is revoked", "x5c-revocation-leaf", leaf_only(&leaf_revoked), "X5C-11"),
        (
            "x5c-revoked-intermediate",
            "the intermediate is revoked",
            "x5c-revocation-clean",
            json!({"x-revocation_lists": [leaf_clean, intermediate_revoked]}),
            "X5C-11",
        ),
        (
            "x5c-revocation-unknown",
            "no list for the intermediate: not known is not good",
            "x5c-revocation-clean",
            json!({"x-revocation_lists": [leaf_clean]}),
            "case X5C-025",
        ),
        (
            "x5c-revocation-other-issuer",
            "a list of another CA",
            "x5c-revocation-leaf",
            leaf_only(&foreign),
            "case X5C-025",
        ),
        (
            "x5c-revocation-no-lists",
            "no list at all",
            "x5c-revocation-clean",
            json!({"x-revocation_lists": []}),
            "X5C-11",
        ),
        ("x5c-revocation-stale", "the next lists are due", "x5c-revocation-last-second", at(last + 1), "X5C-11"),
    ] {
        draft
            .refuse(id, comment, "x5c_revoked", chain(good))
            .config(config)
            .broken(base, "set-config", "x-revocation_lists")
            .flags(&["Chain"])
            .spec(&[spec]);
    }
    draft
        .refuse("x5c-revocation-no-list", "bytes that are no list", "x5c_malformed", chain(good))
        .config(json!({"x-revocation_lists": ["MAA="]}))
        .broken("x5c-revocation-clean", "set-config", "x-revocation_lists")
        .flags(&["Encoding"])
        .spec(&["X5C-11"]);
    Ok(())
}
