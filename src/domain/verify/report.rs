//! The report: every check by name, in a fixed order, with its outcome. Claims leave the core only with a report in
//! which every check passed.
//!
//! Rules kept here: OVP-RESP-14, KB-16.

use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::trust::{ListEvidence, Purpose, TrustAnchors, TrustSource};
use std::borrow::Cow;
use std::sync::Arc;

macro_rules! checks {
    ($( $variant:ident = $name:literal, $source:literal, $title:literal; )+) => {
        /// A check with its stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Check { $( #[doc = $title] $variant, )+ }

        impl Check {
            /// All checks in the order of the report.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The stable name.
            pub const fn name(self) -> &'static str { match self { $( Self::$variant => $name, )+ } }

            /// Where the rule is written.
            pub const fn source(self) -> &'static str { match self { $( Self::$variant => $source, )+ } }

            /// What is checked, in words.
            pub const fn title(self) -> &'static str { match self { $( Self::$variant => $title, )+ } }
        }
    };
}

checks! {
    ResponseEncryption = "response_encryption", "OpenID4VP 1.0 8.3", "The answer is encrypted to the key of this request.";
    ResponseState = "response_state", "OpenID4VP 1.0 5.3", "The answer carries the state of this request.";
    VpToken = "vp_token", "OpenID4VP 1.0 8.1", "The presentations fit the query in number and shape.";
    CredentialForm = "credential_form", "RFC 9901 4", "The credential is a well-formed SD-JWT.";
    IssuerHeader = "issuer_header", "SD-JWT VC 2.2.1", "Algorithm and kind of the issuer's token are accepted.";
    IssuerTrusted = "issuer_trusted", "RFC 5280 6.1, HAIP 1.0 6.1.1", "The issuer's certificates lead to a trust anchor.";
    IssuerAuthorized = "issuer_authorized", "SD-JWT VC 7.7", "The issuer may issue this type.";
    IssuerSignature = "issuer_signature", "RFC 9901 7.1", "The issuer's signature is good.";
    Disclosures = "disclosures", "RFC 9901 7.1", "Every disclosure is one the issuer signed, and none is a control claim.";
    HolderKey = "holder_key", "HAIP 1.0 6.1", "The credential is bound to a usable key.";
    KeyBindingForm = "key_binding_form", "RFC 9901 4.3", "A proof of possession is there and well formed.";
    KeyBindingAudience = "key_binding_audience", "OpenID4VP 1.0 B.3.6", "The proof was made for this verifier.";
    KeyBindingNonce = "key_binding_nonce", "OpenID4VP 1.0 14.1.2", "The proof was made for this request.";
    KeyBindingTime = "key_binding_time", "RFC 9901 7.3", "The proof was made in time.";
    KeyBindingHash = "key_binding_hash", "RFC 9901 4.3.1", "The proof covers this credential and these disclosures.";
    KeyBindingSignature = "key_binding_signature", "RFC 9901 7.3", "The proof was made with the bound key.";
    ValidityPeriod = "validity_period", "RFC 7519 4.1.4", "The credential is valid now.";
    CredentialType = "credential_type", "OpenID4VP 1.0 B.3.5", "The type is one that was asked for.";
    TypeMetadata = "type_metadata", "SD-JWT VC 4.6, 5", "The type metadata is the one the issuer means, and the credential obeys it.";
    ClaimContent = "claim_content", "SD-JWT VC 7.9", "No claim holds more than may be handed on.";
    StatusReference = "status_reference", "Token Status List 6.2", "The credential says where its status is.";
    StatusList = "status_list", "Token Status List 8.3", "The status list is authentic and fresh.";
    Status = "status", "Token Status List 7.1", "The status is valid.";
    Query = "query", "OpenID4VP 1.0 8.6", "The credential satisfies its query.";
    TransactionData = "transaction_data", "OpenID4VP 1.0 B.3.3.1", "The proof confirms no transaction data but what was sent to be confirmed with this credential.";
    QuerySets = "query_sets", "OpenID4VP 1.0 6.4.2", "The credentials together satisfy the query.";
    TransactionDataConfirmed = "transaction_data_confirmed", "OpenID4VP 1.0 5.1, 8.4", "Each entry of transaction data is confirmed, and by one credential only.";
}

/// The checks of a response before its credentials.
pub const RESPONSE_CHECKS: &[Check] = &[Check::ResponseEncryption, Check::ResponseState, Check::VpToken];

/// The checks of one credential, without its query.
pub const CREDENTIAL_CHECKS: &[Check] = &[
    Check::CredentialForm,
    Check::IssuerHeader,
    Check::IssuerTrusted,
    Check::IssuerAuthorized,
    Check::IssuerSignature,
    Check::Disclosures,
    Check::HolderKey,
    Check::KeyBindingForm,
    Check::KeyBindingAudience,
    Check::KeyBindingNonce,
    Check::KeyBindingTime,
    Check::KeyBindingHash,
    Check::KeyBindingSignature,
    Check::ValidityPeriod,
    Check::CredentialType,
    Check::TypeMetadata,
    Check::ClaimContent,
    Check::StatusReference,
    Check::StatusList,
    Check::Status,
];

/// What became of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made and passed.
    Passed,
    /// It was made and failed.
    Failed,
    /// It was not made. That refuses, too.
    NotRun,
}

impl Outcome {
    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not_run",
        }
    }
}

/// One line of the report.
#[derive(Debug, Clone)]
pub struct Line {
    /// The check.
    pub check: Check,
    /// The id of the credential query it is about, if it is about one.
    pub credential: Option<Arc<str>>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// Something worth knowing although it passed, such as the use of clock tolerance.
    pub note: Option<Cow<'static, str>>,
}

/// All checks that belong to a verdict. It begins with every line not run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    lines: Vec<Line>,
    made: Option<Box<Made>>,
    evidence: Vec<Evidence>,
}

/// When a verdict was made, and with which trust data: whoever has both, and what was presented, can make it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The time that counted.
    pub at: UnixSeconds,
    /// [`crate::domain::trust::TrustAnchors::digest`].
    pub trust: [u8; 32],
}

/// What the trust in one credential rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The id of the credential query, if there is one.
    pub credential: Option<Arc<str>>,
    /// The trust source.
    pub trusted_by: String,
    /// Its purpose.
    pub purpose: Purpose,
    /// The edition of the trust list that its certificates come from.
    pub trust_list: Option<ListEvidence>,
    /// The status list that said valid.
    pub status_list: Option<StatusEvidence>,
}

/// Which edition of a status list a verdict rests on. Not which entry: that would tell credentials apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvidence {
    /// SHA-256 of the token.
    pub digest: [u8; 32],
    /// Its `iat`.
    pub issued_at: UnixSeconds,
    /// Its `exp`.
    pub expires: Option<UnixSeconds>,
}

/// The lines of one credential, or of a response.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    start: usize,
    end: usize,
}

impl Report {
    /// An empty report of a verdict that is made at `now` with this trust data.
    pub fn begin(now: UnixSeconds, trust: &TrustAnchors) -> Self {
        Self { made: Some(Box::new(Made { at: now, trust: *trust.digest() })), ..Self::default() }
    }

    /// When and with what the verdict was made.
    pub fn made(&self) -> Option<Made> {
        self.made.as_deref().copied()
    }

    /// What the trust in its credentials rests on.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// Says what the trust in a credential rests on. Returns the place for [`Report::rest_on_status`].
    pub fn rest_on(&mut self, credential: Option<&Arc<str>>, source: &TrustSource) -> usize {
        self.evidence.push(Evidence {
            credential: credential.cloned(),
            trusted_by: source.name.clone(),
            purpose: source.purpose,
            trust_list: source.basis.list().cloned(),
            status_list: None,
        });
        self.evidence.len().saturating_sub(1)
    }

    /// Says which status list was used for the credential at this place.
    pub fn rest_on_status(&mut self, place: usize, list: StatusEvidence) {
        if let Some(evidence) = self.evidence.get_mut(place) {
            evidence.status_list = Some(list);
        }
    }

    /// Adds the lines of a section, none of them run yet.
    pub fn section(&mut self, checks: &[Check], credential: Option<&Arc<str>>) -> Section {
        let start = self.lines.len();
        self.lines.extend(checks.iter().map(|check| Line {
            check: *check,
            credential: credential.cloned(),
            outcome: Outcome::NotRun,
            reason: None,
            note: None,
        }));
        Section { start, end: self.lines.len() }
    }

    /// Makes a check and writes its line. The value is there only if it passed.
    pub fn step<T>(&mut self, section: Section, check: Check, run: impl FnOnce() -> Result<T, Reason>) -> Option<T> {
        let result = run();
        let line = self.line(section, check)?;
        match result {
            Ok(value) => {
                line.outcome = Outcome::Passed;
                Some(value)
            }
            Err(reason) => {
                line.outcome = Outcome::Failed;
                line.reason = Some(reason);
                None
            }
        }
    }

    /// Adds a note to a line.
    pub fn note(&mut self, section: Section, check: Check, note: impl Into<Cow<'static, str>>) {
        if let Some(line) = self.line(section, check) {
            line.note = Some(note.into());
        }
    }

    /// Adds a note to every line of a check, whatever became of it: for what concerns the request and not the answer.
    pub fn remark(&mut self, check: Check, note: &'static str) {
        for line in self.lines.iter_mut().filter(|line| line.check == check) {
            line.note = Some(note.into());
        }
    }

    fn line(&mut self, section: Section, check: Check) -> Option<&mut Line> {
        self.lines.get_mut(section.start..section.end)?.iter_mut().find(|line| line.check == check)
    }

    /// The lines in their order.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether every check was made and passed. A report without checks accepts nothing.
    pub fn is_accepted(&self) -> bool {
        !self.lines.is_empty() && self.lines.iter().all(|line| line.outcome == Outcome::Passed)
    }

    /// Whether a check of this section has failed.
    pub fn has_failed(&self, section: Section) -> bool {
        self.failure_in(section).is_some()
    }

    /// The first reason in the order of the report.
    pub fn failure(&self) -> Option<&Reason> {
        self.lines.iter().find_map(|line| line.reason.as_ref())
    }

    /// The first reason in a section.
    pub fn failure_in(&self, section: Section) -> Option<&Reason> {
        self.lines.get(section.start..section.end)?.iter().find_map(|line| line.reason.as_ref())
    }

    /// Lets a value leave the core, if every check passed; otherwise the value is dropped.
    ///
    /// # Errors
    /// The report itself, with the first reason. If no line failed, some check was not made:
    /// [`Code::InternalError`], a defect of this program that refuses.
    pub fn seal<T>(self, value: T) -> Result<(Verified<T>, Self), (Reason, Self)> {
        if self.is_accepted() {
            return Ok((Verified(value), self));
        }
        let reason =
            self.failure().cloned().unwrap_or_else(|| Reason::new(Code::InternalError, "a check was not made"));
        Err((reason, self))
    }
}

/// Something that every check of a report stands for. Only [`Report::seal`] makes it.
#[derive(Clone)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// The value.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// Something made of the value, and of nothing else.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Verified<U> {
        Verified(make(self.0))
    }

    /// The value, to hand over.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> std::fmt::Debug for Verified<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verified(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_did_not_run_refuses() {
        let mut report = Report::default();
        let section = report.section(&[Check::IssuerSignature, Check::Status], None);
        report.step(section, Check::IssuerSignature, || Ok(()));
        let (reason, _) = report.seal(()).unwrap_err();
        assert_eq!(reason.code, Code::InternalError);
    }

    #[test]
    fn an_empty_report_accepts_nothing() {
        assert!(Report::default().seal(()).is_err());
    }

    #[test]
    fn a_check_outside_its_section_changes_nothing() {
        let mut report = Report::default();
        let section = report.section(&[Check::Status], None);
        assert_eq!(report.step(section, Check::Query, || Ok(7)), None);
        assert!(!report.is_accepted());
    }

    #[test]
    fn the_first_failure_in_the_order_of_the_report_counts() {
        let mut report = Report::default();
        let section = report.section(CREDENTIAL_CHECKS, None);
        report.step(section, Check::Status, || Err::<(), _>(Reason::new(Code::CredentialRevoked, "")));
        report.step(section, Check::IssuerSignature, || Err::<(), _>(Reason::new(Code::JwsSignatureInvalid, "")));
        assert_eq!(report.failure().map(|reason| reason.code), Some(Code::JwsSignatureInvalid));
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::HashSet<_> = Check::ALL.iter().map(|check| check.name()).collect();
        assert_eq!(names.len(), Check::ALL.len());
    }
}
