//! The lists on which the CAs of the test authority put revoked certificates.

use super::SimulatorError;
use super::authority::{IssuerName, TestAuthority};
use super::certificates::Entity;

/// Days from the day of the authority on which lists begin and end to count.
pub const LIST_DAYS: (i64, i64) = (-1, 7);

/// Which certificate of an issuer is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// None.
    Nothing,
    /// That of the issuer.
    Leaf,
    /// That of the CA above it.
    Intermediate,
}

/// One of the CAs of the test authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaOf {
    /// The issuer that it is for.
    pub name: IssuerName,
    /// Whether it is for the signer of the issuer's status lists.
    pub statuses: bool,
    /// Whether it is the root, and not the CA above the leaf.
    pub root: bool,
}

impl TestAuthority {
    /// The list (DER) of one CA, which counts from the first to the last of `days`, counted from the authority's. With
    /// `revoked` the certificate below is on it.
    ///
    /// # Errors
    /// [`SimulatorError::Certificate`] if the list cannot be written.
    pub fn revocation_list_of(&self, ca: CaOf, days: (i64, i64), revoked: bool) -> Result<Vec<u8>, SimulatorError> {
        let branch = if ca.statuses { self.status_branch(ca.name) } else { self.branch(ca.name) };
        let (issuer, below) =
            if ca.root { (&branch.root, &branch.intermediate) } else { (&branch.intermediate, &branch.leaf) };
        issuer.revocation_list(self.day, days, if revoked { std::slice::from_ref(below) } else { &[] })
    }

    /// The lists (DER) for the chain of this issuer: first that of the CA above the leaf, then that of the root. They count
    /// from the day before the authority's until seven days after it.
    ///
    /// # Errors
    /// [`SimulatorError::Certificate`] if a list cannot be written.
    pub fn revocation_lists(&self, name: IssuerName, revoked: Revoked) -> Result<[Vec<u8>; 2], SimulatorError> {
        let branch = self.branch(name);
        let of = |issuer: &Entity, below: &Entity, on_it: bool| {
            issuer.revocation_list(self.day, LIST_DAYS, if on_it { std::slice::from_ref(below) } else { &[] })
        };
        Ok([
            of(&branch.intermediate, &branch.leaf, revoked == Revoked::Leaf)?,
            of(&branch.root, &branch.intermediate, revoked == Revoked::Intermediate)?,
        ])
    }
}
