//! Lists of trusted entities, as the Commission, the member states and registrars publish them.
//!
//! Two notations are read, each in a file of its own: JSON in a signed JWT (ETSI TS 119 602) and XML (ETSI TS 119 612).
//! Both become a [`TrustList`], which exists only after its signature was checked against a configured signer. Which
//! services of a list give trust, and for what, is decided in [`crate::domain::trust`].

pub mod lote;
pub mod plan;
pub mod profile;
mod signer;
pub mod trusted_list;

use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;

/// The notation of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Notation {
    /// ETSI TS 119 602, JSON in a compact JWS.
    Lote,
    /// ETSI TS 119 612, XML with an enveloped XAdES signature.
    TrustedList,
}

/// A list whose signature was verified and whose dates, number and type fit.
#[derive(Debug, Clone)]
pub struct TrustList {
    /// Its notation.
    pub notation: Notation,
    /// Its type, a URI (`LoTEType`, `TSLType`).
    pub list_type: String,
    /// Names of the scheme operator, in all languages.
    pub operator: Vec<String>,
    /// Territory of the scheme, two letters, if stated.
    pub territory: Option<String>,
    /// Sequence number; it never decreases.
    pub sequence: u64,
    /// When it was issued.
    pub issued_at: UnixSeconds,
    /// First second at which it may no longer be used.
    pub next_update: UnixSeconds,
    /// Its services, in the order of the list.
    pub services: Vec<Service>,
    /// Other lists that it points to, with the certificates that may sign them.
    pub pointers: Vec<Pointer>,
    /// Entries that could not be read: they give no trust, and the rest of the list stands.
    pub skipped: Vec<Skipped>,
    /// SHA-256 of the document as received.
    pub digest: [u8; 32],
    /// SHA-256 of the certificate that signed it.
    pub signer: [u8; 32],
}

/// One service of a trusted entity.
#[derive(Debug, Clone)]
pub struct Service {
    /// Name of the entity, in English if there is one.
    pub entity: String,
    /// Name of the service, in English if there is one.
    pub name: String,
    /// `ServiceTypeIdentifier`, a URI, exactly as stated; empty if the list states none.
    pub service_type: String,
    /// Its status now.
    pub status: ServiceStatus,
    /// Country of the entity's postal address, else the territory of the list.
    pub country: Option<String>,
    /// The certificates that identify it.
    pub certificates: Vec<Certificate>,
    /// Its earlier statuses, in the order of the list; empty if the list keeps none.
    pub history: Vec<ServiceStatus>,
    /// For what it counts beyond its type, in the lists that say so.
    pub scope: ServiceScope,
}

impl Service {
    /// The status at `time`: the one that began last before it. `None` before the first one that the list knows.
    ///
    /// # Source
    /// ETSI TS 119 612 sections 5.5.10 and 5.6; TL-13, TL-20.
    pub fn status_at(&self, time: UnixSeconds) -> Option<&ServiceStatus> {
        let since = |status: &ServiceStatus| match status {
            ServiceStatus::Listed => UnixSeconds(i64::MIN),
            ServiceStatus::Stated { since, .. } => *since,
        };
        // Of two that begin together the earlier in the list counts: the current status first, then the newer ones.
        let statuses = std::iter::once(&self.status).chain(&self.history);
        statuses.filter(|status| since(status) <= time).fold(None, |best, status| match best {
            Some(best) if since(best) >= since(status) => Some(best),
            _ => Some(status),
        })
    }
}

/// For what a service counts, beyond its type: URIs as stated, such as that it is for seals.
///
/// # Source
/// ETSI TS 119 612 sections 5.5.9.2 and 5.5.9.4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceScope {
    /// What it says of itself, critical or not.
    pub stated: Vec<String>,
    /// Kinds of certificates of which whoever trusts it must want at least one; any if empty.
    pub one_of: Vec<String>,
    /// What whoever trusts it must want, all of it.
    pub all_of: Vec<String>,
}

impl ServiceScope {
    /// Whether the service counts for who wants these. Who wants nothing of the kind gets what is not limited; who wants
    /// something gets services that state some of it.
    pub fn admits(&self, wanted: &[String]) -> bool {
        let states = wanted.is_empty() || wanted.iter().any(|uri| self.stated.contains(uri));
        states && self.is_within(wanted)
    }

    /// Whether nothing that limits the service speaks against who wants these.
    pub fn is_within(&self, wanted: &[String]) -> bool {
        let some = |uris: &[String]| uris.is_empty() || uris.iter().any(|uri| wanted.contains(uri));
        some(&self.one_of) && self.all_of.iter().all(|uri| wanted.contains(uri))
    }
}

/// What a list says about the status of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceStatus {
    /// The list has no statuses: to be listed is to be valid (TL-13).
    Listed,
    /// A status URI, exactly as stated, and the time since when it applies.
    Stated {
        /// The URI.
        uri: String,
        /// Its first second.
        since: UnixSeconds,
    },
}

/// A pointer to another list.
#[derive(Debug, Clone)]
pub struct Pointer {
    /// Where it lies.
    pub location: String,
    /// Its type, if stated.
    pub list_type: Option<String>,
    /// Its territory, if stated.
    pub territory: Option<String>,
    /// Its media type, if stated.
    pub media_type: Option<String>,
    /// The certificates of which one must have signed it.
    pub signers: Vec<Certificate>,
}

/// An entry that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Which entity, by its place in the list, from 0.
    pub entity: usize,
    /// Which of its services, from 0, if not the whole entity.
    pub service: Option<usize>,
    /// Why.
    pub reason: Reason,
}

/// Reads and verifies a document in this notation.
///
/// # Errors
/// As [`lote::read`] and [`trusted_list::read`].
pub fn read(notation: Notation, document: &[u8], rules: ListRules<'_>) -> Result<TrustList, Reason> {
    match notation {
        Notation::Lote => lote::read(document, rules),
        Notation::TrustedList => trusted_list::read(document, rules),
    }
}

/// What a list is checked against. It comes from configuration, or from a pointer of a list that was verified.
#[derive(Debug, Clone, Copy)]
pub struct ListRules<'a> {
    /// The certificates of which one must have signed it, byte for byte, or one that leads to a CA among them (TL-04).
    pub signers: &'a [Certificate],
    /// The type that it must have, if one is demanded.
    pub list_type: Option<&'a str>,
    /// Whether the signer's subject must name the territory of the list as its country and one of its operators as its
    /// organisation (TL-06). Lists of test systems often are signed under other names.
    pub signer_names: bool,
    /// Whether a closed list is read as one that ends now, instead of being refused: whoever holds an older edition has to
    /// give it up then (TL-08).
    pub accept_closed: bool,
    /// The number of the newest list seen, if any: there is no way back (TL-10).
    pub newest_sequence: Option<u64>,
    /// Tolerance for clocks, in seconds, where a list was issued in the future.
    pub skew: i64,
    /// The time of the check.
    pub now: UnixSeconds,
}

impl ListRules<'_> {
    /// Checks that the signer is who the list says that it is published by, if these rules want it.
    ///
    /// # Errors
    /// [`Code::TrustListSignatureInvalid`] when the country of its subject is not the territory of the list, or none of its
    /// organisations is an operator.
    ///
    /// # Source
    /// ETSI TS 119 602 section 6.8; TL-06.
    pub fn check_signer_names(
        &self,
        signer: &Certificate,
        territory: Option<&str>,
        operators: &[String],
    ) -> Result<(), Reason> {
        let invalid = |detail: &'static str| Err(Reason::new(Code::TrustListSignatureInvalid, detail));
        if !self.signer_names {
            return Ok(());
        }
        if territory.is_none() || signer.country.as_deref() != territory {
            return invalid("the country of the signer is not the territory of the list");
        }
        if !signer.organizations.iter().any(|organization| operators.contains(organization)) {
            return invalid("the organisation of the signer is not an operator of the list");
        }
        Ok(())
    }

    /// Checks number, type and dates, which all lists have.
    ///
    /// `next_update` is `None` where a list is closed: all its services have expired (TL-08).
    ///
    /// # Errors
    /// - [`Code::TrustListMalformed`] for another type, or one issued in the future.
    /// - [`Code::TrustListRollback`] for a number below the newest seen.
    /// - [`Code::TrustUnavailable`] for a closed list or one whose time for the next update has come (TL-07).
    ///
    /// # Source
    /// ETSI TS 119 602 sections 6.3.2, 6.3.3 and 6.3.15; TL-07, TL-08, TL-10, TL-11, TL-18.
    pub fn check_scheme(
        &self,
        list_type: &str,
        sequence: u64,
        issued_at: UnixSeconds,
        next_update: Option<UnixSeconds>,
    ) -> Result<UnixSeconds, Reason> {
        if self.list_type.is_some_and(|wanted| wanted != list_type) {
            return Err(Reason::new(Code::TrustListMalformed, "the list is of another type than the one configured"));
        }
        if self.newest_sequence.is_some_and(|newest| sequence < newest) {
            return Err(Reason::new(
                Code::TrustListRollback,
                "the sequence number is below that of a list seen before",
            ));
        }
        if issued_at > self.now.plus(self.skew) {
            return Err(Reason::new(Code::TrustListMalformed, "the list is issued in the future"));
        }
        self.check_end(next_update)
    }

    /// Checks that the list may be used now, as far as its own end is concerned (TL-07, TL-08).
    ///
    /// # Errors
    /// [`Code::TrustUnavailable`] for a closed list or one whose time for the next update has come.
    pub fn check_end(&self, next_update: Option<UnixSeconds>) -> Result<UnixSeconds, Reason> {
        match next_update {
            // No time is before its end: no clock that is set back brings it into force again.
            None if self.accept_closed => Ok(UnixSeconds(i64::MIN)),
            None => Err(Reason::new(Code::TrustUnavailable, "the list is closed, so all its services have expired")),
            Some(end) if self.now >= end => {
                Err(Reason::new(Code::TrustUnavailable, "the time of the list's next update has passed"))
            }
            Some(end) => Ok(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(newest: Option<u64>) -> ListRules<'static> {
        ListRules {
            signers: &[],
            list_type: Some("urn:test:list"),
            signer_names: true,
            accept_closed: false,
            newest_sequence: newest,
            skew: 60,
            now: UnixSeconds(1000),
        }
    }

    fn check(list_type: &str, sequence: u64, issued: i64, next: Option<i64>) -> Result<UnixSeconds, Code> {
        rules(Some(7))
            .check_scheme(list_type, sequence, UnixSeconds(issued), next.map(UnixSeconds))
            .map_err(|reason| reason.code)
    }

    #[test]
    fn number_type_and_dates_must_fit() {
        // TL-07, TL-08, TL-10, TL-11.
        let list = "urn:test:list";
        assert_eq!(check(list, 7, 900, Some(1001)), Ok(UnixSeconds(1001)));
        assert_eq!(check(list, 8, 1060, Some(1001)), Ok(UnixSeconds(1001)));
        assert_eq!(check("urn:test:List", 7, 900, Some(1001)), Err(Code::TrustListMalformed));
        assert_eq!(check(list, 6, 900, Some(1001)), Err(Code::TrustListRollback));
        assert_eq!(check(list, 7, 1061, Some(2000)), Err(Code::TrustListMalformed));
        assert_eq!(check(list, 7, 900, Some(1000)), Err(Code::TrustUnavailable));
        assert_eq!(check(list, 7, 900, None), Err(Code::TrustUnavailable));
    }

    #[test]
    fn the_first_list_may_have_any_number() {
        // TL-10.
        assert!(rules(None).check_scheme("urn:test:list", 1, UnixSeconds(1), Some(UnixSeconds(2000))).is_ok());
    }
}
