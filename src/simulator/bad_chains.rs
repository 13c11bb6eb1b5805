//! Certificate chains that are perfect but for one thing.

use super::SimulatorError;
use super::authority::{IssuerName, SignerKey, SigningIdentity, TestAuthority};
use super::certificates::{Entity, Role, Template};
use rcgen::KeyUsagePurpose;

/// An address on this machine at which nobody listens.
const INSIDE: &str = "http://127.0.0.1:9/";

/// What is wrong with the chain of an issuer of German PIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadChain {
    /// The leaf has expired.
    ExpiredLeaf,
    /// The leaf is not valid yet.
    NotYetValidLeaf,
    /// The intermediate has expired.
    ExpiredIntermediate,
    /// The leaf has the CA bit.
    LeafIsAuthority,
    /// The intermediate has no CA bit.
    IntermediateIsNoAuthority,
    /// The intermediate may not sign certificates.
    IntermediateMayNotSign,
    /// The leaf is for key encipherment only.
    LeafForEncipherment,
    /// The leaf is for TLS servers only, by its extended key usage.
    LeafForServers,
    /// The leaf has a critical extension that nobody knows.
    UnknownCriticalExtension,
    /// The leaf signed itself and is all there is.
    SelfSignedLeaf,
    /// The chain ends in a root of its own, which it brings along.
    OwnRootIncluded,
    /// The chain ends in a root that nobody trusts.
    UnknownRoot,
    /// All names are right, all keys are others.
    SameNamesOtherKeys,
    /// The key of the leaf is on P-384.
    P384Leaf,
    /// Another CA stands below an intermediate that allows none.
    PathTooLong,
    /// The intermediate may issue for another domain only.
    NameConstraintViolated,
    /// The chain is good and has the anchor at its end.
    AnchorIncluded,
    /// Good certificates in the wrong order.
    Shuffled,
    /// A certificate of another chain stands between the good ones.
    UnrelatedInserted,
    /// The intermediate comes twice.
    Duplicate,
    /// The intermediate is missing.
    IntermediateMissing,
    /// Six certificates, each one good.
    SixCertificates,
    /// An access certificate signs a PID.
    AccessCertificate,
    /// All is well, but leaf and intermediate name addresses on this machine for revocation lists and issuers.
    PointersInside,
}

impl TestAuthority {
    /// A signer of German PIDs whose chain is wrong in this one way.
    ///
    /// # Errors
    /// As [`TestAuthority::from_seed`].
    pub fn bad_chain(&self, bad: BadChain) -> Result<SigningIdentity, SimulatorError> {
        let good = self.branch(IssuerName::PidGermany);
        let chain = |certificates: &[&Entity]| certificates.iter().map(|entity| entity.der.clone()).collect::<Vec<_>>();
        let below_good = |change: &dyn Fn(&mut Template)| -> Result<SigningIdentity, SimulatorError> {
            let leaf = self.leaf_below(&good.intermediate, change)?;
            Ok(identity(&leaf, chain(&[&leaf, &good.intermediate])))
        };
        let below_bad = |change: &dyn Fn(&mut Template)| -> Result<SigningIdentity, SimulatorError> {
            let intermediate = self.authority_below("Zwischenstelle 2", &good.root, change)?;
            let leaf = self.leaf_below(&intermediate, &|_| {})?;
            Ok(identity(&leaf, chain(&[&leaf, &intermediate])))
        };
        match bad {
            BadChain::ExpiredLeaf => below_good(&|leaf| leaf.days = (-60, -1)),
            BadChain::NotYetValidLeaf => below_good(&|leaf| leaf.days = (2, 60)),
            BadChain::LeafIsAuthority => below_good(&|leaf| leaf.claims_to_be_authority = Some(true)),
            BadChain::LeafForEncipherment => {
                below_good(&|leaf| leaf.key_usage = Some(vec![KeyUsagePurpose::KeyEncipherment]))
            }
            BadChain::LeafForServers => below_good(&|leaf| leaf.server_authentication_only = true),
            BadChain::UnknownCriticalExtension => below_good(&|leaf| leaf.unknown_critical_extension = true),
            BadChain::PointersInside => {
                let intermediate = self
                    .authority_below("Zwischenstelle 3", &good.root, &|authority| authority.pointers = Some(INSIDE))?;
                let leaf = self.leaf_below(&intermediate, &|leaf| leaf.pointers = Some(INSIDE))?;
                Ok(identity(&leaf, chain(&[&leaf, &intermediate])))
            }
            BadChain::ExpiredIntermediate => below_bad(&|authority| authority.days = (-60, -1)),
            BadChain::IntermediateIsNoAuthority => {
                below_bad(&|authority| authority.claims_to_be_authority = Some(false))
            }
            BadChain::IntermediateMayNotSign => {
                below_bad(&|authority| authority.key_usage = Some(vec![KeyUsagePurpose::CrlSign]))
            }
            BadChain::NameConstraintViolated => {
                below_bad(&|authority| authority.permitted_subtree = Some("elsewhere.example"))
            }
            BadChain::SelfSignedLeaf => {
                let template = leaf_template();
                let leaf = template.self_signed(&self.seed, self.day, &self.seed.key("self-signed leaf")?)?;
                Ok(identity(&leaf, chain(&[&leaf])))
            }
            BadChain::OwnRootIncluded | BadChain::UnknownRoot => {
                let (root, intermediate, leaf) = self.foreign_branch("Test Fremd Prüfstein")?;
                let mut certificates = vec![&leaf, &intermediate];
                if bad == BadChain::OwnRootIncluded {
                    certificates.push(&root);
                }
                Ok(identity(&leaf, chain(&certificates)))
            }
            BadChain::SameNamesOtherKeys => {
                let (_, intermediate, leaf) = self.foreign_branch("Test PID DE Prüfstein")?;
                Ok(identity(&leaf, chain(&[&leaf, &intermediate])))
            }
            BadChain::P384Leaf => {
                let key = self.seed.p384_key("leaf")?;
                let der = leaf_template().signed_by_for_p384(&self.seed, self.day, &key, &good.intermediate)?;
                Ok(SigningIdentity { key: SignerKey::P384(key), chain: vec![der, good.intermediate.der.clone()] })
            }
            BadChain::PathTooLong => {
                let below = self.authority_below("Unterstelle", &good.intermediate, &|_| {})?;
                let leaf = self.leaf_below(&below, &|_| {})?;
                Ok(identity(&leaf, chain(&[&leaf, &below, &good.intermediate])))
            }
            BadChain::Shuffled => {
                let wide = self.authority_below("Zwischenstelle 1", &good.root, &|_| {})?;
                let below = self.authority_below("Unterstelle", &wide, &|_| {})?;
                let leaf = self.leaf_below(&below, &|_| {})?;
                Ok(identity(&leaf, chain(&[&leaf, &wide, &below])))
            }
            BadChain::UnrelatedInserted => {
                let other = &self.branch(IssuerName::Municipality).intermediate;
                Ok(identity(&good.leaf, chain(&[&good.leaf, other, &good.intermediate])))
            }
            BadChain::Duplicate => {
                Ok(identity(&good.leaf, chain(&[&good.leaf, &good.intermediate, &good.intermediate])))
            }
            BadChain::AnchorIncluded => Ok(identity(&good.leaf, chain(&[&good.leaf, &good.intermediate, &good.root]))),
            BadChain::IntermediateMissing => Ok(identity(&good.leaf, chain(&[&good.leaf]))),
            BadChain::SixCertificates => {
                let mut authorities = vec![good.root.clone()];
                for step in 1..=5 {
                    let above = authorities.last().unwrap_or(&good.root);
                    authorities.push(self.authority_below(&format!("Stufe {step}"), above, &|_| {})?);
                }
                let leaf = self.leaf_below(authorities.last().unwrap_or(&good.root), &|_| {})?;
                let mut certificates = vec![&leaf];
                certificates.extend(authorities.iter().skip(1).rev());
                Ok(identity(&leaf, chain(&certificates)))
            }
            BadChain::AccessCertificate => Ok(self.access()),
        }
    }

    fn leaf_below(&self, issuer: &Entity, change: &dyn Fn(&mut Template)) -> Result<Entity, SimulatorError> {
        let mut template = leaf_template();
        change(&mut template);
        template.signed_by(&self.seed, self.day, &self.seed.key("bad-chain leaf")?, issuer)
    }

    fn authority_below(
        &self,
        word: &str,
        issuer: &Entity,
        change: &dyn Fn(&mut Template),
    ) -> Result<Entity, SimulatorError> {
        let name = format!("Test PID DE Prüfstein {word}");
        let mut template = Template::new(&name, "DE", Role::Authority { path_length: None });
        change(&mut template);
        template.signed_by(&self.seed, self.day, &self.seed.key(&name)?, issuer)
    }

    /// Root, intermediate and leaf that nobody trusts, with names that begin with `word`.
    fn foreign_branch(&self, word: &str) -> Result<(Entity, Entity, Entity), SimulatorError> {
        let key = |name: &str| self.seed.key(&format!("foreign/{word}/{name}"));
        let root = Template::new(&format!("{word} Wurzel"), "DE", Role::Authority { path_length: None });
        let root = root.self_signed(&self.seed, self.day, &key("root")?)?;
        let middle = Template::new(&format!("{word} Zwischenstelle"), "DE", Role::Authority { path_length: Some(0) });
        let middle = middle.signed_by(&self.seed, self.day, &key("intermediate")?, &root)?;
        let leaf = leaf_template().signed_by(&self.seed, self.day, &key("leaf")?, &middle)?;
        Ok((root, middle, leaf))
    }
}

fn leaf_template() -> Template {
    let name = IssuerName::PidGermany;
    let mut template = Template::new("Test PID DE Prüfstein Aussteller", name.country(), Role::Signer);
    template.hosts = vec![name.host()];
    template.uri = Some(name.uri().to_owned());
    template
}

fn identity(leaf: &Entity, chain: Vec<Vec<u8>>) -> SigningIdentity {
    SigningIdentity { key: SignerKey::P256(leaf.key.clone()), chain }
}
