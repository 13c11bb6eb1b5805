//! Results and reports as JSON: one shape for the API, the store and the command line.
//!
//! Rules kept here: OVP-VPT-12, KB-21, PIDC-16.

use super::time_text::rfc3339;
use crate::domain::encoding::base64;
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::Confirmation;
use crate::domain::verify::presentation::Credential;
use crate::domain::verify::report::{Evidence, Line, Made, Outcome};
use crate::domain::verify::response::Presented;
use crate::domain::verify::{Report, Verified};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// The JSON text of a body of this room.
///
/// # Errors
/// [`Code::InternalError`] if it cannot be written, which no value of this room brings about.
pub fn text(body: &impl Serialize) -> Result<String, Reason> {
    serde_json::to_string(body).map_err(|_| Reason::new(Code::InternalError, "a result cannot be written as JSON"))
}

/// `result`: the credentials by query id. Only what every check has passed can be rendered.
pub fn result_body(presented: &Verified<Presented>) -> impl Serialize {
    let by_query = presented.get().credentials.iter();
    ResultBody {
        credentials: ById(by_query.map(|(id, list)| (id.as_str(), list.iter().map(body_of).collect())).collect()),
    }
}

/// The result for one credential that was verified outside of a transaction, under the id of its query.
pub fn single_result_body<'a>(id: &'a str, credential: &'a Verified<Credential>) -> impl Serialize + use<'a> {
    ResultBody { credentials: ById(vec![(id, vec![body_of(credential.get())])]) }
}

/// `report`: every check in its order. `accepted` is the verdict; it can only be true if every check passed, whatever
/// was said.
pub fn report_body(report: &Report, accepted: bool) -> impl Serialize {
    let outcome = if accepted && report.is_accepted() { "accepted" } else { "refused" };
    ReportBody {
        outcome,
        checks: Lines(report.lines()),
        evidence: report.made().map(|made| EvidenceBody { made, of: report.evidence() }),
    }
}

/// `error`: a refusal as callers see it.
pub fn error_body(reason: &Reason) -> impl Serialize {
    ErrorBody { code: reason.code, title: reason.code.meaning(), detail: &reason.detail, hint: reason.code.hint() }
}

#[derive(Serialize)]
struct ResultBody<'a> {
    credentials: ById<'a>,
}

/// Credentials by the id of their query, in the order of the answer.
struct ById<'a>(Vec<(&'a str, Vec<CredentialBody<'a>>)>);

impl Serialize for ById<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (id, credentials) in &self.0 {
            map.serialize_entry(id, credentials)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct CredentialBody<'a> {
    format: &'static str,
    r#type: &'a str,
    issuer: IssuerBody<'a>,
    valid_from: Option<String>,
    valid_until: Option<String>,
    status: &'static str,
    claims: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_set: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    transaction_data: Vec<ConfirmationBody<'a>>,
}

/// One confirmed entry of transaction data: what it was is known to whoever sent it.
#[derive(Serialize)]
struct ConfirmationBody<'a> {
    index: usize,
    r#type: &'a str,
    algorithm: &'static str,
    hash: &'a str,
}

#[derive(Serialize)]
struct IssuerBody<'a> {
    name: &'a str,
    country: Option<&'a str>,
    trusted_by: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stated: Option<&'a str>,
}

fn body_of(credential: &Credential) -> CredentialBody<'_> {
    let time = |time: Option<UnixSeconds>| time.map(rfc3339);
    CredentialBody {
        format: credential.format,
        r#type: &credential.vct,
        issuer: IssuerBody {
            name: &credential.issuer.name,
            country: credential.issuer.country.as_deref(),
            trusted_by: &credential.issuer.trusted_by,
            stated: credential.issuer.stated.as_deref(),
        },
        valid_from: time(credential.valid_from),
        valid_until: time(credential.valid_until),
        status: credential.status.as_str(),
        claims: &credential.claims,
        claim_set: credential.claim_set,
        transaction_data: credential.transaction_data.iter().map(confirmation_of).collect(),
    }
}

fn confirmation_of(confirmation: &Confirmation) -> ConfirmationBody<'_> {
    ConfirmationBody {
        index: confirmation.entry,
        r#type: &confirmation.kind,
        algorithm: confirmation.algorithm.name(),
        hash: &confirmation.hash,
    }
}

#[derive(Serialize)]
struct ReportBody<'a> {
    outcome: &'static str,
    checks: Lines<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceBody<'a>>,
}

/// What a verdict rests on: with the trust data of that digest, and at that time, it comes out the same again.
struct EvidenceBody<'a> {
    made: Made,
    of: &'a [Evidence],
}

impl Serialize for EvidenceBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let credentials: Vec<RestsOnBody<'_>> = self.of.iter().map(RestsOnBody::of).collect();
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("at", &rfc3339(self.made.at))?;
        map.serialize_entry("trust_data", &base64::encode_url(&self.made.trust))?;
        map.serialize_entry("credentials", &credentials)?;
        map.end()
    }
}

#[derive(Serialize)]
struct RestsOnBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    trusted_by: &'a str,
    purpose: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_list: Option<TrustListBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_list: Option<StatusListBody>,
}

#[derive(Serialize)]
struct TrustListBody<'a> {
    name: &'a str,
    number: u64,
    sha256: String,
    issued_at: String,
    next_update: String,
}

#[derive(Serialize)]
struct StatusListBody {
    sha256: String,
    issued_at: String,
    expires_at: Option<String>,
}

impl<'a> RestsOnBody<'a> {
    fn of(evidence: &'a Evidence) -> Self {
        Self {
            credential: evidence.credential.as_deref(),
            trusted_by: &evidence.trusted_by,
            purpose: evidence.purpose.as_str(),
            trust_list: evidence.trust_list.as_ref().map(|list| TrustListBody {
                name: &list.name,
                number: list.sequence,
                sha256: base64::encode_url(&list.digest),
                issued_at: rfc3339(list.issued_at),
                next_update: rfc3339(list.next_update),
            }),
            status_list: evidence.status_list.as_ref().map(|list| StatusListBody {
                sha256: base64::encode_url(&list.digest),
                issued_at: rfc3339(list.issued_at),
                expires_at: list.expires.map(rfc3339),
            }),
        }
    }
}

struct Lines<'a>(&'a [Line]);

impl Serialize for Lines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines = serializer.serialize_seq(Some(self.0.len()))?;
        for line in self.0 {
            lines.serialize_element(&LineBody::of(line))?;
        }
        lines.end()
    }
}

#[derive(Serialize)]
struct LineBody<'a> {
    check: &'static str,
    outcome: &'static str,
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a Cow<'static, str>>,
}

impl<'a> LineBody<'a> {
    fn of(line: &'a Line) -> Self {
        let reason = line.reason.as_ref().filter(|_| line.outcome == Outcome::Failed);
        Self {
            check: line.check.name(),
            outcome: line.outcome.as_str(),
            source: line.check.source(),
            credential: line.credential.as_deref(),
            code: reason.map(|reason| reason.code),
            detail: reason.map(|reason| &*reason.detail),
            hint: reason.map(|reason| reason.code.hint()),
            note: line.note.as_ref(),
        }
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: Code,
    title: &'static str,
    detail: &'a str,
    hint: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::verify::Check;
    use crate::domain::verify::presentation::{Issuer, StatusStatement};
    use serde_json::json;
    use std::sync::Arc;

    fn value(body: &impl Serialize) -> Value {
        serde_json::from_str(&text(body).unwrap()).unwrap()
    }

    fn credential() -> Credential {
        Credential {
            format: "dc+sd-jwt",
            vct: "urn:eudi:pid:de:1".to_owned(),
            issuer: Issuer {
                name: "Test".to_owned(),
                country: Some("DE".to_owned()),
                trusted_by: "pid-providers".to_owned(),
                stated: None,
            },
            valid_from: Some(UnixSeconds(0)),
            valid_until: None,
            status: StatusStatement::Valid,
            claims: Map::from_iter([("family_name".to_owned(), json!("MUSTERMANN"))]),
            claim_set: None,
            transaction_data: Vec::new(),
        }
    }

    #[test]
    fn a_result_has_the_shape_of_the_contract() {
        let mut report = Report::default();
        let section = report.section(&[Check::Status], None);
        report.step(section, Check::Status, || Ok(()));
        let (verified, report) =
            report.seal(Presented { credentials: vec![("pid".to_owned(), vec![credential()])] }).unwrap();
        assert_eq!(
            value(&result_body(&verified)),
            json!({ "credentials": { "pid": [{
                "format": "dc+sd-jwt",
                "type": "urn:eudi:pid:de:1",
                "issuer": { "name": "Test", "country": "DE", "trusted_by": "pid-providers" },
                "valid_from": "1970-01-01T00:00:00Z",
                "valid_until": null,
                "status": "valid",
                "claims": { "family_name": "MUSTERMANN" }
            }] } })
        );
        assert_eq!(
            value(&report_body(&report, true)),
            json!({ "outcome": "accepted", "checks": [
                { "check": "status", "outcome": "passed", "source": Check::Status.source() }
            ] })
        );
        assert_eq!(value(&report_body(&report, false))["outcome"], "refused");
    }

    #[test]
    fn a_failed_check_says_what_to_do_and_is_never_accepted() {
        let mut report = Report::default();
        let name: Arc<str> = "pid".into();
        let section = report.section(&[Check::Status, Check::Query], Some(&name));
        report.step(section, Check::Status, || Err::<(), _>(Reason::new(Code::CredentialRevoked, "value 1")));
        report.note(section, Check::Query, "a note");
        let rendered = value(&report_body(&report, true));
        assert_eq!(
            rendered,
            json!({ "outcome": "refused", "checks": [
                {
                    "check": "status", "outcome": "failed", "source": Check::Status.source(), "credential": "pid",
                    "code": "credential_revoked", "detail": "value 1", "hint": Code::CredentialRevoked.hint()
                },
                {
                    "check": "query", "outcome": "not_run", "source": Check::Query.source(), "credential": "pid",
                    "note": "a note"
                }
            ] })
        );
    }
}
