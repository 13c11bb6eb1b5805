//! Certificates, anchors, and who may issue what.

use super::super::draft::Draft;
use super::super::world::TYPE;
use super::{Maker, changed};
use crate::domain::encoding::base64;
use crate::simulator::authority::{IssuerName, SignerKey};
use crate::simulator::bad_chains::BadChain;
use crate::vectors::VectorError;
use serde_json::{Value, json};

pub(super) fn trust(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let authority = &maker.world.authority;
    let signed_by = |bad: BadChain| -> Result<Value, VectorError> {
        let identity = authority.bad_chain(bad)?;
        maker.input(|token| {
            token.header["x5c"] = json!(identity.x5c());
            token.signer = identity.key;
        })
    };
    for (id, comment, code, input, spec) in [
        (
            "vc-unknown-root",
            "an issuer whose root nobody trusts, such as one of a test environment",
            "x5c_untrusted",
            signed_by(BadChain::UnknownRoot)?,
            "case SVC-023",
        ),
        (
            "vc-self-signed",
            "an issuer that certified itself",
            "x5c_untrusted",
            signed_by(BadChain::SelfSignedLeaf)?,
            "X5C-01",
        ),
        (
            "vc-expired-certificate",
            "an issuer whose certificate has expired",
            "x5c_expired",
            signed_by(BadChain::ExpiredLeaf)?,
            "case X5C-016",
        ),
        (
            "vc-anchor-included",
            "the anchor in the chain",
            "x5c_profile_violation",
            signed_by(BadChain::AnchorIncluded)?,
            "case X5C-004",
        ),
        (
            "vc-six-certificates",
            "six certificates",
            "x5c_too_long",
            signed_by(BadChain::SixCertificates)?,
            "case X5C-022",
        ),
        (
            "vc-duplicate-certificate",
            "a certificate twice",
            "x5c_chain_invalid",
            signed_by(BadChain::Duplicate)?,
            "case X5C-006",
        ),
        (
            "vc-chain-text",
            "x5c that is a text",
            "x5c_malformed",
            maker.input(|token| token.header["x5c"] = json!("MII="))?,
            "X5C-19",
        ),
        (
            "vc-chain-empty",
            "an empty x5c",
            "x5c_malformed",
            maker.input(|token| token.header["x5c"] = json!([]))?,
            "X5C-19",
        ),
        (
            "vc-thumbprint",
            "an x5t#S256 that is not that of the leaf",
            "x5c_profile_violation",
            maker.input(|token| token.header["x5t#S256"] = json!("AAAA"))?,
            "X5C-16",
        ),
    ] {
        let entry = draft.refuse(id, comment, code, input);
        changed(entry, "vc-ok", "replace", "header.x5c").flags(&["Chain"]).spec(&[spec]);
    }
    let good = maker.input(|_| {})?;
    draft
        .refuse(
            "vc-no-anchors",
            "no anchors at all never mean trust in everybody",
            "trust_anchor_set_empty",
            good.clone(),
        )
        .config(json!({"trust": {"x509_roots": []}}))
        .broken("vc-ok", "set-config", "trust.x509_roots")
        .to(json!([]))
        .flags(&["Anchor"])
        .spec(&["X5C-02"]);
    let foreign = base64::encode_standard(authority.issuer_root(IssuerName::PidForeign));
    draft
        .refuse("vc-other-anchor", "another anchor is trusted", "x5c_untrusted", good.clone())
        .config(json!({"trust": {"x509_roots": [foreign]}}))
        .broken("vc-ok", "set-config", "trust.x509_roots")
        .flags(&["Anchor"])
        .spec(&["X5C-01", "case SVC-023"]);
    let sources = |mine: &str| {
        json!({"x-trust_sources": [
            {"name": "mine", "types": [mine], "x509_roots": [maker.world.root()]},
            {"name": "other", "types": [TYPE], "x509_roots": [foreign]},
        ]})
    };
    draft
        .accept("vc-two-sources", "two trust sources, of which one vouches for this issuer and this type", good.clone())
        .config(sources(TYPE))
        .flags(&["Valid"])
        .spec(&["X5C-02", "case SVC-021"]);
    draft
        .refuse("vc-not-authorized", "an issuer that is trusted, but for another type", "issuer_not_authorized", good)
        .config(sources("urn:example:vectors:library-card:1"))
        .broken("vc-two-sources", "set-config", "x-trust_sources")
        .flags(&["Unauthorized"])
        .spec(&["VC-08", "X5C-02", "case SVC-005"]);
    let exchanged = {
        let text = maker.world.credential().text()?;
        let (jwt, rest) = text.split_once('~').unwrap_or_default();
        let other =
            maker.world.credential().change(|token| token.payload["vct"] = json!("urn:example:x")).issuer_jwt()?;
        let signature = other.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
        let input = jwt.rsplit_once('.').map(|(input, _)| input).unwrap_or_default();
        format!("{input}.{signature}~{rest}")
    };
    draft
        .refuse(
            "vc-signature-exchanged",
            "the signature of another credential of the issuer",
            "jws_signature_invalid",
            json!({"sd_jwt": exchanged}),
        )
        .broken("vc-ok", "swap", "signature")
        .flags(&["Signature"])
        // The proof covers the whole text, so it fails, too; that is told later.
        .spec(&["SDJ-13", "case JOS-042"]);
    let entry = draft.refuse(
        "vc-signature-stranger",
        "the right certificates, but signed with another key",
        "jws_signature_invalid",
        maker.input(|token| token.signer = SignerKey::P256(maker.world.stranger.clone()))?,
    );
    entry.broken("vc-ok", "replace", "signature").signed("stranger").flags(&["Signature"]).spec(&["SDJ-14"]);
    let p384 = maker.input(|token| token.header["alg"] = json!("ES384"))?;
    let entry = draft
        .refuse(
            "vc-key-mismatch",
            "an algorithm on the list that is not that of the certified key",
            "jws_key_mismatch",
            p384,
        )
        .config(json!({"alg_allowed": ["ES256", "ES384"]}));
    changed(entry, "vc-ok", "replace", "header.alg")
        .to(json!("ES384"))
        .flags(&["Algorithm"])
        .spec(&["SDJ-11", "case JOS-010"]);
    Ok(())
}
