//! A trust list as it is configured: where it lies, who signs it, how often it is asked for, and how long it lasts.

use super::{ListRules, Notation};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;

/// Tolerance for the clock of a list's publisher, in seconds.
const SKEW: i64 = 300;

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An address that is asked again and again, `https` or loopback.
    Url(String),
    /// A file that somebody else keeps up to date.
    File(String),
    /// Nowhere: it is imported by hand, for sites without a way out.
    Imported,
}

/// One list of the configuration.
#[derive(Debug, Clone)]
pub struct ListPlan {
    /// Its name.
    pub name: String,
    /// Its notation.
    pub notation: Notation,
    /// Where it comes from.
    pub place: Place,
    /// Who may sign it.
    pub signers: Vec<Certificate>,
    /// The type that it must have, exactly.
    pub list_type: String,
    /// Whether the signer must be named as the operator of the list (TL-06).
    pub signer_names: bool,
    /// Seconds after which it is asked for again.
    pub refresh_seconds: i64,
    /// Seconds for which it stays usable when it cannot be confirmed anew, counted from the refresh that was due.
    pub grace_seconds: i64,
    /// For a list of lists: the territories whose lists are followed.
    pub territories: Vec<String>,
    /// For a list of lists: the origins where the lists may lie that it points to, as `scheme://host:port`.
    pub followed_origins: Vec<String>,
}

impl ListPlan {
    /// What a document is checked against.
    pub fn rules(&self, newest_sequence: Option<u64>, now: UnixSeconds) -> ListRules<'_> {
        ListRules {
            signers: &self.signers,
            list_type: Some(&self.list_type),
            signer_names: self.signer_names,
            newest_sequence,
            accept_closed: true,
            skew: SKEW,
            now,
        }
    }

    /// The origin of its address, as `scheme://host:port`, if it has one.
    pub fn own_origin(&self) -> Option<String> {
        let Place::Url(address) = &self.place else { return None };
        let url = url::Url::parse(address).ok()?;
        Some(format!("{}://{}:{}", url.scheme(), url.host_str()?, url.port_or_known_default()?))
    }

    /// First second at which a list that was confirmed at `confirmed_at` may no longer be used, its own end aside.
    /// Only what is asked for again and again can be overdue; what is imported lasts until its own end.
    pub fn confirmed_until(&self, confirmed_at: UnixSeconds) -> UnixSeconds {
        match self.place {
            Place::Url(_) => confirmed_at.plus(self.refresh_seconds).plus(self.grace_seconds),
            Place::File(_) | Place::Imported => UnixSeconds(i64::MAX),
        }
    }
}
