//! The registrations of a tenant, and which one goes with a request: exactly one for each service and intended use.

use super::certificate::RegistrationCertificate;
use super::content::Remark;
use super::coverage::{Coverage, compare};
use super::identity::{self, Compared};
use crate::domain::dcql::{DcqlQuery, Fault};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::{ClockSkew, UnixSeconds};
use crate::domain::trust::TrustAnchors;
use crate::domain::x509::relying_party::PartyFacts;

/// A registration certificate with its place in the configuration.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Its name in the configuration and in calls.
    pub name: String,
    /// The presets that it belongs to; empty: all that belong to no other one, and queries of callers.
    pub presets: Vec<String>,
    certificate: RegistrationCertificate,
    compared: Compared,
    remarks: Vec<Remark>,
    registrar: Registrar,
}

/// How it is known that a registrar has issued it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Registrar {
    /// Its chain reaches configured anchors, until this second.
    Checked { source: String, until: UnixSeconds },
    /// The anchors come from a trust list that is not here yet; it is looked at before each use.
    AtUse,
}

/// What to do with a query that exceeds the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnregisteredQueries {
    /// Refuse it.
    #[default]
    Refused,
    /// Send it, for tests only; the report of each verification says so.
    AllowedForTesting,
}

/// All registrations of a tenant.
#[derive(Debug, Clone, Default)]
pub struct Registrations {
    /// The registrations; with none, nothing is compared.
    pub list: Vec<Registration>,
    /// What to do with queries that exceed them.
    pub unregistered: UnregisteredQueries,
}

/// Why a request may not be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotPermitted {
    /// The caller named no registration that could go with it.
    NoChoice(Fault),
    /// It asks for more than is registered: every place, as in [`Coverage::faults`].
    Exceeds(Vec<Fault>),
    /// The registration itself does not count now.
    NotInForce(Reason),
}

/// A request that may be sent.
#[derive(Debug, Clone, Copy)]
pub struct Permitted<'r> {
    /// The registration that goes with it.
    pub registration: Option<&'r Registration>,
    /// Whether it asks for more than is registered, which only [`UnregisteredQueries::AllowedForTesting`] lets happen.
    pub exceeds: bool,
}

impl Registration {
    /// Puts a certificate in its place: it must be for the holder of the access certificate, and from a registrar.
    ///
    /// # Errors
    /// As [`identity::compare`] and [`RegistrationCertificate::check_registrar`]; that a trust list has not come yet is no
    /// error.
    pub fn new(
        name: String,
        presets: Vec<String>,
        certificate: RegistrationCertificate,
        party: &PartyFacts,
        trust: &TrustAnchors,
        now: UnixSeconds,
    ) -> Result<Self, Reason> {
        let compared = identity::compare(certificate.content(), party)?;
        let registrar = match certificate.check_registrar(trust, now) {
            Ok((source, _)) if source.basis.list().is_some() => Registrar::AtUse,
            Ok((source, chain)) => Registrar::Checked { source: source.name.clone(), until: chain.valid_until },
            Err(reason) if reason.code == Code::TrustUnavailable => Registrar::AtUse,
            Err(reason) => return Err(reason),
        };
        let mut remarks = certificate.remarks().to_vec();
        remarks.extend(identity::remarks(certificate.content(), party, compared));
        Ok(Self { name, presets, certificate, compared, remarks, registrar })
    }

    /// The certificate.
    pub const fn certificate(&self) -> &RegistrationCertificate {
        &self.certificate
    }

    /// The same with one more thing that wallets may warn of.
    #[must_use]
    pub fn with_remark(mut self, rule: &'static str, text: &str) -> Self {
        self.remarks.push(Remark::new(rule, text));
        self
    }

    /// What was compared with the access certificate.
    pub const fn compared(&self) -> Compared {
        self.compared
    }

    /// What wallets may warn of.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// The trust source that vouches for it; `None` if that is seen at each use.
    pub fn registrar(&self) -> Option<&str> {
        match &self.registrar {
            Registrar::Checked { source, .. } => Some(source),
            Registrar::AtUse => None,
        }
    }

    /// The last second in which it counts.
    pub fn valid_until(&self) -> UnixSeconds {
        let own = self.certificate.content().expires.minus(1);
        match &self.registrar {
            Registrar::Checked { until, .. } => own.min(*until),
            Registrar::AtUse => own,
        }
    }

    /// What a query asks beside what is registered here.
    pub fn compare(&self, query: &DcqlQuery) -> Coverage {
        compare(query, &self.certificate.content().credentials)
    }

    /// Whether it counts at `now`.
    ///
    /// # Errors
    /// As [`RegistrationCertificate::check_period`] and [`RegistrationCertificate::check_registrar`].
    pub fn check_in_force(&self, trust: &TrustAnchors, skew: ClockSkew, now: UnixSeconds) -> Result<(), Reason> {
        self.certificate.check_period(skew, now)?;
        match &self.registrar {
            Registrar::Checked { until, .. } if now <= *until => Ok(()),
            Registrar::Checked { .. } => Err(Reason::new(Code::X5cExpired, "the registrar's certificate has ended")),
            Registrar::AtUse => self.certificate.check_registrar(trust, now).map(|_| ()),
        }
    }
}

impl Registrations {
    /// The registration of this name.
    pub fn named(&self, name: &str) -> Option<&Registration> {
        self.list.iter().find(|registration| registration.name == name)
    }

    /// The registration with this digest.
    pub fn with_digest(&self, digest: &[u8; 32]) -> Option<&Registration> {
        self.list.iter().find(|registration| registration.certificate.digest() == digest)
    }

    /// The one that goes with a request: the one that the caller names, else the one of the preset, else the only one that
    /// is for no preset in particular. `None` if there are no registrations at all.
    ///
    /// # Errors
    /// A [`Fault`] at `/registration` if none or several could be meant, if the named one is for other presets, and if an
    /// intermediary is not told for whom it asks.
    ///
    /// # Source
    /// ARF RPRC_09, RPRC_10, RPRC_19 and RPI_05; VINFO-04, RPC-09, RPC-17.
    pub fn choose(&self, preset: Option<&str>, named: Option<&str>) -> Result<Option<&Registration>, Fault> {
        let fault = |detail: &'static str, rule: &'static str| {
            Err(Fault { pointer: "/registration".to_owned(), detail: detail.into(), rule })
        };
        if let Some(name) = named {
            let Some(registration) = self.named(name) else {
                return fault("this tenant has no such registration", "RPC-09");
            };
            let for_others = |preset: &str| !registration.presets.iter().any(|known| known == preset);
            return match preset {
                Some(preset) if !registration.presets.is_empty() && for_others(preset) => {
                    fault("this registration is for other presets", "RPC-09")
                }
                _ => Ok(Some(registration)),
            };
        }
        if self.list.is_empty() {
            return Ok(None);
        }
        let of_preset = |preset: &str| self.list.iter().find(|known| known.presets.iter().any(|other| other == preset));
        if let Some(registration) = preset.and_then(of_preset) {
            return Ok(Some(registration));
        }
        let mut general = self.list.iter().filter(|registration| registration.presets.is_empty());
        match (general.next(), general.next()) {
            (Some(only), None) if only.certificate.content().intermediary.is_some() => {
                fault("an intermediary must be told which registration goes with the request", "RPC-17")
            }
            (Some(only), None) => Ok(Some(only)),
            (Some(_), Some(_)) => fault("there are several registrations; name the one for this use", "RPC-09"),
            (None, _) => fault("no registration is for this use", "RPC-09"),
        }
    }

    /// Decides whether a query may be sent at `now`, and with which registration.
    ///
    /// # Errors
    /// [`NotPermitted`], with every excess at once. [`UnregisteredQueries::AllowedForTesting`] lets everything pass but a
    /// name that does not exist.
    ///
    /// # Source
    /// ARF RPRC_21; RPC-08, RPC-09, RPC-11, RPC-19, case DCQ-023.
    pub fn permit(
        &self,
        query: &DcqlQuery,
        preset: Option<&str>,
        named: Option<&str>,
        trust: &TrustAnchors,
        (skew, now): (ClockSkew, UnixSeconds),
    ) -> Result<Permitted<'_>, NotPermitted> {
        let tested = self.unregistered == UnregisteredQueries::AllowedForTesting;
        let registration = match self.choose(preset, named) {
            Ok(None) => return Ok(Permitted { registration: None, exceeds: false }),
            Ok(Some(registration)) => registration,
            Err(_) if tested && named.is_none() => return Ok(Permitted { registration: None, exceeds: true }),
            Err(fault) => return Err(NotPermitted::NoChoice(fault)),
        };
        if let Err(reason) = registration.check_in_force(trust, skew, now) {
            // What does not count is not sent, either.
            return if tested {
                Ok(Permitted { registration: None, exceeds: true })
            } else {
                Err(NotPermitted::NotInForce(reason))
            };
        }
        let faults = registration.compare(query).faults();
        if faults.is_empty() || tested {
            return Ok(Permitted { registration: Some(registration), exceeds: !faults.is_empty() });
        }
        Err(NotPermitted::Exceeds(faults))
    }
}
