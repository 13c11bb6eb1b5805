//! `[policy]`: what is accepted. No setting switches a check off.

use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::reader::Section;
use crate::domain::jose::alg::{AllowedAlgorithms, SignatureAlgorithm};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::time::ClockSkew;
use crate::domain::verify::Policy;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "policy",
    occurs: Occurs::Once,
    about: "What is accepted. No setting switches a check off.",
    fields: &[
        field(
            "algorithms",
            Kind::Texts("`ES256`, `ES384`, `ES512`, `Ed25519` or `PS256`"),
            Default::Is("[\"ES256\"]"),
            "Accepted signature algorithms of issuers, status lists and holders. ES256 is always among them.",
        ),
        field(
            "clock_skew_seconds",
            Kind::Integer { min: 0, max: 300, unit: "seconds" },
            Default::Is("60"),
            "How far the clocks of issuers and wallets may differ from ours.",
        ),
        field(
            "proof_max_age_seconds",
            Kind::Integer { min: 30, max: 3600, unit: "seconds" },
            Default::Is("600"),
            "Greatest age of a proof of possession. It is never accepted from before its request.",
        ),
        field(
            "accept_aka_vcts",
            Kind::Flag,
            Default::Is("true"),
            "Whether a credential may answer under a type that it names in `aka_vcts`. Its issuer must be allowed both.",
        ),
        field(
            "transaction_data_hashes",
            Kind::Texts("`sha-256`, `sha-384` or `sha-512`"),
            Default::Is("[\"sha-256\"]"),
            "The hash functions that transaction data may offer for its confirmation. `sha-256` is always among them.",
        ),
    ],
};

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>) -> Option<Policy> {
    let mut sound = true;
    let mut algorithms = Vec::new();
    for entry in section.texts("algorithms") {
        if let Some(algorithm) = SignatureAlgorithm::from_name(&entry.text) {
            algorithms.push(algorithm);
            continue;
        }
        sound = false;
        let known = SignatureAlgorithm::ALL.map(SignatureAlgorithm::name).join(", ");
        section.faults().add(
            entry.key,
            format!("\"{}\" is not an algorithm of this program", entry.text.escape_debug()),
            format!("Choose among {known}. HMAC and none do not exist here."),
        );
    }
    if sound && section.has("algorithms") && !algorithms.contains(&SignatureAlgorithm::Es256) {
        sound = false;
        section.fault(
            "algorithms",
            "does not name ES256, which every wallet and this program must accept",
            "Add ES256.",
        );
    }
    let mut hashes = vec![HashAlgorithm::Sha256];
    for entry in section.texts("transaction_data_hashes") {
        match HashAlgorithm::from_name(&entry.text) {
            Some(algorithm) if hashes.contains(&algorithm) => {}
            Some(algorithm) => hashes.push(algorithm),
            None => {
                sound = false;
                let problem = format!("\"{}\" is not a hash function of this program", entry.text.escape_debug());
                section.faults().add(entry.key, problem, "Choose among sha-256, sha-384 and sha-512.");
            }
        }
    }
    let skew = section.integer("clock_skew_seconds").and_then(ClockSkew::new);
    let proof_max_age = section.integer("proof_max_age_seconds");
    let accept_aka_vcts = section.flag("accept_aka_vcts");
    let policy = Policy {
        algorithms: AllowedAlgorithms::es256_and(&algorithms),
        skew: skew?,
        proof_max_age: proof_max_age?,
        accept_aka_vcts: accept_aka_vcts?,
        transaction_data_hashes: hashes,
        ..Policy::default()
    };
    sound.then_some(policy)
}
