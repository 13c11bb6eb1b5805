//! The key with which requests are signed, and its certificates. Everything a wallet would refuse is refused here first.
//!
//! Rules kept here: OVP-JAR-13, OVP-JAR-20, RPC-07.

use super::files::Files;
use super::reader::{Complaint, Section};
use crate::domain::jose::keys::SigningKey;
use crate::domain::limits;
use crate::domain::reason::Code;
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};

/// From this many seconds before the end of a certificate on, there is a note about it (REQ-017).
pub const EXPIRY_NOTICE_SECONDS: i64 = 30 * 24 * 3600;

/// The key and the certificates of a relying party. `Debug` shows no key.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The private key.
    pub key: SigningKey,
    /// The certificates, leaf first, without the anchor. Never empty.
    pub chain: Vec<Certificate>,
}

impl AccessKey {
    /// The leaf.
    pub fn leaf(&self) -> Option<&Certificate> {
        self.chain.first()
    }

    /// First second in which the whole chain is valid.
    pub fn valid_from(&self) -> UnixSeconds {
        self.chain.iter().map(|certificate| certificate.not_before).max().unwrap_or(UnixSeconds(i64::MAX))
    }

    /// Last second in which the whole chain is valid.
    pub fn valid_until(&self) -> UnixSeconds {
        self.chain.iter().map(|certificate| certificate.not_after).min().unwrap_or(UnixSeconds(i64::MIN))
    }
}

/// Reads `access_key` and `access_chain`. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>, files: Files<'_>, now: UnixSeconds) -> Option<AccessKey> {
    let key = section
        .text("access_key")
        .and_then(|text| read_key(files, &text).map_err(|complaint| section.complain("access_key", complaint)).ok());
    let chain = section.text("access_chain").and_then(|text| {
        let path = files.resolve(&text);
        Files::certificates(&path).map_err(|complaint| section.complain("access_chain", complaint)).ok()
    });
    let mut sound = true;
    if let Some(chain) = &chain {
        for complaint in complaints(chain, now) {
            sound = false;
            section.complain("access_chain", complaint);
        }
    }
    let (key, chain) = (key?, chain?);
    let certified = chain.first().and_then(|leaf| leaf.public_key().ok());
    let fits = match (&certified, key.public_key()) {
        (Some(certified), Ok(own)) => certified.same_key(&own),
        _ => false,
    };
    if !fits {
        section.complain(
            "access_chain",
            Complaint::new(
                "the first certificate is not for the key in access_key",
                "Put the certificate that was issued for this key first, or give the other key.",
            ),
        );
    }
    (sound && fits).then_some(AccessKey { key, chain })
}

pub(super) fn read_key(files: Files<'_>, text: &str) -> Result<SigningKey, Complaint> {
    let path = files.resolve(text);
    let pem = Files::read_secret(&path)?;
    SigningKey::from_pem(&pem).map_err(|fault| {
        Complaint::new(
            format!("the file {}: {fault}", path.display()),
            "Give a P-256 key: openssl ecparam -name prime256v1 -genkey -noout -out access.key",
        )
    })
}

/// What a wallet would refuse about a chain.
fn complaints(chain: &[Certificate], now: UnixSeconds) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut complain = |problem: String, remedy: &str| found.push(Complaint::new(problem, remedy));
    let named = |place: usize, certificate: &Certificate| {
        format!("certificate {} ({})", place.saturating_add(1), certificate.subject_text.escape_debug())
    };
    if chain.len() > limits::CERTIFICATES {
        complain(format!("{} certificates are too many", chain.len()), "Give the leaf and its intermediates only.");
    }
    for (place, certificate) in chain.iter().enumerate() {
        let name = named(place, certificate);
        if certificate.is_self_issued() {
            complain(
                format!("{name} is self-signed: a root, or a certificate made by oneself"),
                "Leave the root out; wallets refuse chains that carry their anchor (HAIP 1.0 section 5).",
            );
        }
        if certificate.check_strength().is_err() {
            complain(format!("{name} has a weak key or signature"), "Get one with P-256 and SHA-256.");
        }
        if now > certificate.not_after {
            complain(format!("{name} has expired"), "Renew it, then put the new chain here.");
        }
        if now < certificate.not_before {
            complain(format!("{name} is not valid yet"), "Wait, or look at the clock of this machine.");
        }
        if place == 0 && certificate.is_ca {
            complain(format!("{name} is a CA certificate, but the leaf comes first"), "Turn the order round.");
        }
        if place > 0 && !certificate.is_ca {
            complain(format!("{name} is no CA certificate, but stands above the leaf"), "Leave it out.");
        }
    }
    for (place, pair) in chain.windows(2).enumerate() {
        if let [lower, upper] = pair
            && lower.issuer != upper.subject
        {
            complain(
                format!("{} was not issued by the one after it", named(place, lower)),
                "Order them leaf first, each followed by its issuer.",
            );
        }
    }
    if found.is_empty()
        && let Some(complaint) = broken_link(chain, now)
    {
        found.push(complaint);
    }
    found
}

/// Whether a signature within the chain is not good. The topmost certificate stands in for its anchor.
fn broken_link(chain: &[Certificate], now: UnixSeconds) -> Option<Complaint> {
    let (top, below) = chain.split_last()?;
    if below.is_empty() {
        return None;
    }
    let anchor = Anchor::prepare(top.clone()).ok()?;
    let ders: Vec<Vec<u8>> = chain.iter().map(|certificate| certificate.der.to_vec()).collect();
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Ignore, extended_key_usage: None };
    match chain::validate(&ders, &[&anchor], rules, now) {
        Err(reason) if matches!(reason.code, Code::X5cChainInvalid | Code::X5cUntrusted) => Some(Complaint::new(
            format!("the certificates do not form a chain: {}", reason.detail),
            "Give the intermediates that issued the leaf, in this order.",
        )),
        _ => None,
    }
}
