//! Who may sign a list: the certificates that were configured for it, or that a verified list pointed to.

use super::ListRules;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};

/// The certificate whose key must have made the signature of a list.
///
/// `received` are the certificates that came with the list, DER, the signer's first. The first one must be a configured
/// signer byte for byte, or lead to a configured signer that is a CA. Nothing received gives trust by itself (TL-04).
///
/// # Errors
/// [`Code::TrustListSignatureInvalid`] for an unknown signer, one outside its validity, one that may not sign, and weak
/// keys.
///
/// # Source
/// ETSI TS 119 602 section 6.8; ETSI TS 119 612 section 5.7; TL-04, TL-05.
pub(super) fn trusted_signer(received: &[Vec<u8>], rules: &ListRules<'_>) -> Result<Certificate, Reason> {
    trusted_signer_from(received, rules, 3072)
}

/// As [`trusted_signer`], where a configured signer may have an RSA key from `smallest_rsa` bits on. A chain to a CA is
/// held to the rules for chains.
///
/// # Errors
/// As [`trusted_signer`].
pub(super) fn trusted_signer_from(
    received: &[Vec<u8>],
    rules: &ListRules<'_>,
    smallest_rsa: usize,
) -> Result<Certificate, Reason> {
    let invalid = |detail: &'static str| Reason::new(Code::TrustListSignatureInvalid, detail);
    let recode = |reason: Reason| reason.recode(Code::TrustListSignatureInvalid);
    let first = received.first().ok_or_else(|| invalid("the list does not say who signed it"))?;
    if let Some(signer) = rules.signers.iter().find(|signer| signer.der.as_ref() == first.as_slice()) {
        signer.check_strength_from(smallest_rsa).map_err(recode)?;
        if signer.key_usage.is_some_and(|usage| !usage.signs_data) {
            return Err(invalid("the signer's certificate may not sign data"));
        }
        if rules.now < signer.not_before || rules.now > signer.not_after {
            return Err(invalid("the signer's certificate is outside its validity"));
        }
        return Ok(signer.clone());
    }
    let authorities: Vec<Anchor> =
        rules.signers.iter().filter_map(|certificate| Anchor::new(certificate.clone()).ok()).collect();
    if authorities.is_empty() {
        return Err(invalid("the list is signed by another certificate than those configured"));
    }
    let anchors: Vec<&Anchor> = authorities.iter().collect();
    let chain_rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    Ok(chain::validate(received, &anchors, chain_rules, rules.now).map_err(recode)?.leaf)
}
