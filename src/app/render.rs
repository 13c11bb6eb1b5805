//! Results and reports as JSON: one shape for the API, the store and the command line.

use super::time_text::rfc3339;
use crate::domain::reason::Reason;
use crate::domain::verify::presentation::Credential;
use crate::domain::verify::report::{Line, Outcome};
use crate::domain::verify::response::Presented;
use crate::domain::verify::{Report, Verified};
use serde_json::{Map, Value, json};

/// `result`: the credentials by query id. Only what every check has passed can be rendered.
pub fn result_json(presented: &Verified<Presented>) -> Value {
    let credentials: Map<String, Value> = presented
        .get()
        .credentials
        .iter()
        .map(|(id, credentials)| (id.clone(), credentials.iter().map(credential_json).collect()))
        .collect();
    json!({ "credentials": credentials })
}

/// The result for one credential that was verified outside of a transaction, under the id of its query.
pub fn single_result_json(id: &str, credential: &Verified<Credential>) -> Value {
    json!({ "credentials": { id: [credential_json(credential.get())] } })
}

fn credential_json(credential: &Credential) -> Value {
    let mut issuer = Map::new();
    issuer.insert("name".to_owned(), json!(credential.issuer.name));
    issuer.insert("country".to_owned(), json!(credential.issuer.country));
    issuer.insert("trusted_by".to_owned(), json!(credential.issuer.trusted_by));
    if let Some(stated) = &credential.issuer.stated {
        issuer.insert("stated".to_owned(), json!(stated));
    }
    let mut object = Map::new();
    object.insert("format".to_owned(), json!(credential.format));
    object.insert("type".to_owned(), json!(credential.vct));
    object.insert("issuer".to_owned(), Value::Object(issuer));
    object.insert("valid_from".to_owned(), json!(credential.valid_from.map(rfc3339)));
    object.insert("valid_until".to_owned(), json!(credential.valid_until.map(rfc3339)));
    object.insert("status".to_owned(), json!(credential.status.as_str()));
    object.insert("claims".to_owned(), Value::Object(credential.claims.clone()));
    if let Some(claim_set) = credential.claim_set {
        object.insert("claim_set".to_owned(), json!(claim_set));
    }
    Value::Object(object)
}

/// `report`: every check in its order. `accepted` is the verdict; it can only be true if every check passed, whatever
/// was said.
pub fn report_json(report: &Report, accepted: bool) -> Value {
    let outcome = if accepted && report.is_accepted() { "accepted" } else { "refused" };
    json!({ "outcome": outcome, "checks": report.lines().iter().map(line_json).collect::<Vec<_>>() })
}

fn line_json(line: &Line) -> Value {
    let mut object = Map::new();
    object.insert("check".to_owned(), json!(line.check.name()));
    object.insert("outcome".to_owned(), json!(line.outcome.as_str()));
    object.insert("source".to_owned(), json!(line.check.source()));
    if let Some(credential) = &line.credential {
        object.insert("credential".to_owned(), json!(&**credential));
    }
    if let (Outcome::Failed, Some(reason)) = (line.outcome, &line.reason) {
        object.insert("code".to_owned(), json!(reason.code));
        object.insert("detail".to_owned(), json!(reason.detail));
        object.insert("hint".to_owned(), json!(reason.code.hint()));
    }
    if let Some(note) = &line.note {
        object.insert("note".to_owned(), json!(note));
    }
    Value::Object(object)
}

/// `error`: a refusal as callers see it.
pub fn error_json(reason: &Reason) -> Value {
    json!({
        "code": reason.code,
        "title": reason.code.meaning(),
        "detail": reason.detail,
        "hint": reason.code.hint(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::Code;
    use crate::domain::time::UnixSeconds;
    use crate::domain::verify::Check;
    use crate::domain::verify::presentation::{Issuer, StatusStatement};
    use std::sync::Arc;

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
            result_json(&verified),
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
            report_json(&report, true),
            json!({ "outcome": "accepted", "checks": [
                { "check": "status", "outcome": "passed", "source": Check::Status.source() }
            ] })
        );
        assert_eq!(report_json(&report, false)["outcome"], "refused");
    }

    #[test]
    fn a_failed_check_says_what_to_do_and_is_never_accepted() {
        let mut report = Report::default();
        let name: Arc<str> = "pid".into();
        let section = report.section(&[Check::Status, Check::Query], Some(&name));
        report.step(section, Check::Status, || Err::<(), _>(Reason::new(Code::CredentialRevoked, "value 1")));
        report.note(section, Check::Query, "a note");
        let rendered = report_json(&report, true);
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
