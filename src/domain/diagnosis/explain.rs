//! Which trust source would believe somebody, and why the others would not.

use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{TrustAnchors, TrustSource, trust_status_signer};
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};

/// Who asks to be believed.
#[derive(Debug, Clone, Copy)]
pub enum Claimant<'a> {
    /// The issuer of a credential of this type.
    IssuerOf(&'a str),
    /// The signer of the status list that lies at this address.
    StatusListAt(Option<&'a str>),
    /// Whoever has these certificates, for whatever they may be for.
    Holder,
}

/// What one source says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It would believe the claimant, for this.
    Trusts(String),
    /// It would not, for this reason.
    Refuses(String),
}

/// What each source says about somebody with these certificates (DER, leaf first), in the order of the sources. No
/// signature over anything but certificates is looked at.
pub fn explain(
    trust: &TrustAnchors,
    certificates: &[Vec<u8>],
    claimant: Claimant<'_>,
    now: UnixSeconds,
) -> Vec<(String, Answer)> {
    let answer = |source: &TrustSource| (source.name.clone(), answer(source, certificates, claimant, now));
    trust.sources().iter().map(answer).collect()
}

fn answer(source: &TrustSource, certificates: &[Vec<u8>], claimant: Claimant<'_>, now: UnixSeconds) -> Answer {
    if let Some(own) = own_certificate(source, certificates) {
        return Answer::Trusts(own);
    }
    match claimant {
        Claimant::IssuerOf(vct) => issuer(source, certificates, Some(vct), now),
        Claimant::StatusListAt(uri) => status_signer(source, certificates, uri, now),
        Claimant::Holder if source.purpose.issues_credentials() => match issuer(source, certificates, None, now) {
            Answer::Refuses(why) => match status_signer(source, certificates, None, now) {
                Answer::Refuses(_) => Answer::Refuses(why),
                trusts @ Answer::Trusts(_) => trusts,
            },
            trusts @ Answer::Trusts(_) => trusts,
        },
        Claimant::Holder => other_purpose(source, certificates, now),
    }
}

/// A single certificate that belongs to the source itself.
fn own_certificate(source: &TrustSource, certificates: &[Vec<u8>]) -> Option<String> {
    let [single] = certificates else { return None };
    let is_among =
        |anchors: &[Anchor]| anchors.iter().any(|anchor| anchor.certificate.der.as_ref() == single.as_slice());
    if is_among(&source.anchors) {
        return Some(format!("it is an anchor of this source ({})", source.purpose.as_str()));
    }
    is_among(&source.status_anchors).then(|| "it is an anchor of those who sign its status lists".to_owned())
}

fn issuer(source: &TrustSource, certificates: &[Vec<u8>], vct: Option<&str>, now: UnixSeconds) -> Answer {
    if !source.purpose.issues_credentials() {
        return Answer::Refuses(format!("another purpose: {}", source.purpose.as_str()));
    }
    // The rules of acceptance themselves, for this source alone.
    let alone = TrustAnchors::new(vec![source.clone()]);
    let issuer = match alone.trust_issuer(certificates, AnchorInChain::Ignore, now) {
        Ok(issuer) => issuer,
        Err(reason) => return Answer::Refuses(in_words(source, &reason, now)),
    };
    let Some(vct) = vct else {
        let country = issuer.country();
        if !source.admits_country(country) {
            return Answer::Refuses(country_words(source, country));
        }
        return Answer::Trusts(format!("as issuer of {}", source.types.join(", ")));
    };
    match alone.authorize(&issuer, &[vct], now) {
        Ok(_) => Answer::Trusts(format!("as issuer of {vct}")),
        Err(_) if !source.types.iter().any(|known| known == vct) => {
            Answer::Refuses(format!("another type: it vouches for {}, not for {vct}", source.types.join(", ")))
        }
        Err(_) => Answer::Refuses(country_words(source, issuer.country())),
    }
}

fn status_signer(source: &TrustSource, certificates: &[Vec<u8>], uri: Option<&str>, now: UnixSeconds) -> Answer {
    if !source.purpose.issues_credentials() {
        return Answer::Refuses(format!("another purpose: {}", source.purpose.as_str()));
    }
    if let Err(reason) = trust_status_signer(source, certificates, AnchorInChain::Ignore, now) {
        return Answer::Refuses(in_words(source, &reason, now));
    }
    match uri.map(|uri| source.check_status_uri(uri)) {
        Some(Err(reason)) => Answer::Refuses(format!("the signer is right, but {}", reason.detail)),
        _ => Answer::Trusts("as signer of its status lists".to_owned()),
    }
}

/// Sources that issue no credentials: authorities for access certificates, registrars, signers of status lists.
fn other_purpose(source: &TrustSource, certificates: &[Vec<u8>], now: UnixSeconds) -> Answer {
    if let Err(reason) = source.check_usable(now) {
        return Answer::Refuses(reason.detail.into_owned());
    }
    let trusts = || Answer::Trusts(format!("for its purpose {}", source.purpose.as_str()));
    if chain::validate_pinned(certificates, &source.pinned, now).is_ok() {
        return trusts();
    }
    let anchors: Vec<&Anchor> = source.anchors.iter().collect();
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    match chain::validate(certificates, &anchors, rules, now) {
        Ok(_) => trusts(),
        Err(reason) => Answer::Refuses(in_words(source, &reason, now)),
    }
}

fn country_words(source: &TrustSource, country: Option<&str>) -> String {
    let stated = country.unwrap_or("none");
    format!("another country: it vouches for {}, the certificate states {stated}", source.countries.join(", "))
}

fn in_words(source: &TrustSource, reason: &Reason, now: UnixSeconds) -> String {
    if let Err(unusable) = source.check_usable(now) {
        return unusable.detail.into_owned();
    }
    match reason.code {
        Code::X5cUntrusted if !source.has_certificates() => "it has no certificates".to_owned(),
        Code::X5cUntrusted => "the certificates do not lead to it".to_owned(),
        Code::X5cExpired => format!("expired or not valid yet: {}", reason.detail),
        _ => format!("{}: {}", reason.code, reason.detail),
    }
}
