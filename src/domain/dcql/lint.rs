//! What a valid query should still not ask: high-assurance profile, PID rules, data minimisation.
//!
//! An error stops a query from being sent; a warning is for its author.

use super::path::{ClaimsPath, Component};
use super::query::{At, AuthorityKind, ClaimQuery, CredentialQuery, DcqlQuery, Format, Meta, TrustedAuthority};
use crate::domain::encoding::base64;
use serde::Serialize;
use std::borrow::Cow;

/// Whether a finding stops the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth a thought.
    Warning,
    /// Not to be sent.
    Error,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// JSON pointer (RFC 6901) to the member.
    pub pointer: String,
    /// How grave it is.
    pub severity: Severity,
    /// The rule that says so.
    pub rule: &'static str,
    /// What was found.
    pub detail: Cow<'static, str>,
    /// What to do instead.
    pub hint: Cow<'static, str>,
}

/// The PID type of all member states; national types extend it.
const PID_EU: &str = "urn:eudi:pid:1";
/// The type of the German PID.
const PID_DE: &str = "urn:eudi:pid:de:1";
/// The document type of every PID as mdoc, and its namespace (PIDC-02).
const PID_MDOC: &str = "eu.europa.ec.eudi.pid.1";

/// Types that earlier drafts and sandboxes used for a PID.
const OBSOLETE_PIDS: [&str; 5] = [
    "https://example.bmi.bund.de/credential/pid/1.0",
    "https://demo.pid-issuer.bundesdruckerei.de/credentials/pid/1.0",
    "https://metadata-8c062a.usercontent.opencode.de/pid.json",
    "urn:eu.europa.ec.eudi:pid:1",
    PID_MDOC,
];

/// Claims of an SD-JWT VC that are never disclosed selectively (SD-JWT VC section 2.2.2.3).
const NEVER_DISCLOSED: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// PID attributes whose name differs: SD-JWT VC, mdoc (PIDC-04).
const PID_NAMES: [(&str, &str); 15] = [
    ("birthdate", "birth_date"),
    ("nationalities", "nationality"),
    ("picture", "portrait"),
    ("date_of_expiry", "expiry_date"),
    ("date_of_issuance", "issuance_date"),
    ("birth_family_name", "family_name_birth"),
    ("birth_given_name", "given_name_birth"),
    ("email", "email_address"),
    ("phone_number", "mobile_phone_number"),
    ("address.formatted", "resident_address"),
    ("address.street_address", "resident_street"),
    ("address.postal_code", "resident_postal_code"),
    ("address.locality", "resident_city"),
    ("address.region", "resident_state"),
    ("address.country", "resident_country"),
];

/// The age thresholds of the German PID (DEU-06).
const GERMAN_AGES: [&str; 6] = ["12", "14", "16", "18", "21", "65"];

/// Whether a credential query asks for a PID, also under a misspelt or obsolete type.
pub fn asks_for_pid(credential: &CredentialQuery) -> bool {
    match credential.meta() {
        Meta::VctValues(values) => {
            values.iter().any(|vct| vct.starts_with("urn:eudi:pid:") || OBSOLETE_PIDS.contains(&vct.as_str()))
        }
        Meta::Doctype(doctype) => doctype.starts_with("eu.europa.ec.eudi.pid."),
        Meta::TypeValues(_) => false,
    }
}

/// All findings on a query, in its order. `can_verify` says which formats this service can verify.
pub fn lint(query: &DcqlQuery, can_verify: impl Fn(&Format) -> bool) -> Vec<Finding> {
    let mut linter = Linter { findings: Vec::new() };
    for (index, credential) in query.credentials().iter().enumerate() {
        let at = At::root().key("credentials").item(index);
        linter.format(credential, &at, &can_verify);
        linter.types(credential, &at);
        linter.holder_binding(credential, &at);
        for (index, entry) in credential.trusted_authorities().iter().enumerate() {
            linter.authority(entry, &at.key("trusted_authorities").item(index));
        }
        linter.claims(credential, &at);
    }
    linter.sets(query);
    for pointer in query.ignored_members() {
        linter.findings.push(Finding {
            pointer: pointer.clone(),
            severity: Severity::Warning,
            rule: "OVP-DCQL-02",
            detail: "OpenID4VP 1.0 does not know this member, and wallets ignore it".into(),
            hint: "Look for a misspelt name, or leave it out.".into(),
        });
    }
    linter.findings
}

/// The errors of [`lint`]: the gate that every query passes before it is sent.
///
/// # Errors
/// At least one finding, all of severity [`Severity::Error`].
pub fn check_sendable(query: &DcqlQuery, can_verify: impl Fn(&Format) -> bool) -> Result<(), Vec<Finding>> {
    let mut findings = lint(query, can_verify);
    findings.retain(|finding| finding.severity == Severity::Error);
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// Findings on `credential_ids` of one transaction data object, which lies at `pointer`.
///
/// # Source
/// OpenID4VP 1.0 section 5.1 and appendix B.3.3; TXD-01, TXD-02, TXD-03.
pub fn lint_transaction_data(query: &DcqlQuery, pointer: &str, credential_ids: &[&str]) -> Vec<Finding> {
    let mut linter = Linter { findings: Vec::new() };
    for (index, id) in credential_ids.iter().enumerate() {
        let at = At::under(pointer).key("credential_ids").item(index);
        match query.position(id).and_then(|position| query.credentials().get(position)) {
            None => {
                linter.error(&at, "TXD-01", "the query has no credential with this id", "Name an id of credentials.");
            }
            Some(credential) => {
                if !credential.requires_holder_binding() {
                    linter.error(
                        &at,
                        "TXD-02",
                        "transaction data needs holder binding, which this credential query waives",
                        "Leave out require_cryptographic_holder_binding.",
                    );
                }
                if *credential.format() != Format::SdJwtVc {
                    linter.error(
                        &at,
                        "TXD-09",
                        "this service takes confirmations of transaction data from SD-JWT VCs only",
                        "Address a credential of the format dc+sd-jwt.",
                    );
                }
                if asks_for_pid(credential) {
                    linter.error(
                        &at,
                        "TXD-03",
                        "the keys of a PID may not sign transaction data",
                        "Address another credential.",
                    );
                }
            }
        }
    }
    linter.findings
}

struct Linter {
    findings: Vec<Finding>,
}

type Text = Cow<'static, str>;

impl Linter {
    fn error(&mut self, at: &At, rule: &'static str, detail: impl Into<Text>, hint: impl Into<Text>) {
        self.push(Severity::Error, at, rule, detail.into(), hint.into());
    }

    fn warning(&mut self, at: &At, rule: &'static str, detail: impl Into<Text>, hint: impl Into<Text>) {
        self.push(Severity::Warning, at, rule, detail.into(), hint.into());
    }

    fn push(&mut self, severity: Severity, at: &At, rule: &'static str, detail: Text, hint: Text) {
        self.findings.push(Finding { pointer: at.as_str().to_owned(), severity, rule, detail, hint });
    }

    fn format(&mut self, credential: &CredentialQuery, at: &At, can_verify: impl Fn(&Format) -> bool) {
        let at = at.key("format");
        match credential.format() {
            Format::Other(name) => self.error(
                &at,
                "OVP-DCQL-04",
                format!("{name} is not a format of the high assurance profile"),
                "Ask for dc+sd-jwt or mso_mdoc.",
            ),
            format if !can_verify(format) => self.error(
                &at,
                "OVP-DCQL-04",
                format!("this service cannot verify {}", format.as_str()),
                "Ask for a format that it can verify; a preset leaves the others out by itself.",
            ),
            Format::SdJwtVc | Format::Mdoc => {}
        }
    }

    fn types(&mut self, credential: &CredentialQuery, at: &At) {
        let at = at.key("meta");
        match credential.meta() {
            Meta::VctValues(values) => {
                for (index, vct) in values.iter().enumerate() {
                    let known = vct == PID_EU || vct == PID_DE;
                    if OBSOLETE_PIDS.contains(&vct.as_str()) || (vct.starts_with("urn:eudi:pid:") && !known) {
                        self.error(
                            &at.key("vct_values").item(index),
                            "DEU-01",
                            "no PID has this type",
                            "Ask for urn:eudi:pid:de:1, and urn:eudi:pid:1 for the other member states.",
                        );
                    }
                }
            }
            Meta::Doctype(doctype) if asks_for_pid(credential) && doctype != PID_MDOC => self.error(
                &at.key("doctype_value"),
                "DEU-02",
                "no PID has this document type",
                "Ask for eu.europa.ec.eudi.pid.1; eu.europa.ec.eudi.pid.de.1 is a namespace in it.",
            ),
            Meta::Doctype(_) | Meta::TypeValues(_) => {}
        }
    }

    fn holder_binding(&mut self, credential: &CredentialQuery, at: &At) {
        if credential.requires_holder_binding() {
            return;
        }
        let at = at.key("require_cryptographic_holder_binding");
        if asks_for_pid(credential) {
            self.error(&at, "OVP-DCQL-09", "a PID is never taken without holder binding", "Leave it out.");
        } else {
            self.warning(
                &at,
                "OVP-DCQL-09",
                "without holder binding anyone who has a copy can present this credential",
                "Leave it out, unless the issuer binds no key.",
            );
        }
    }

    fn authority(&mut self, entry: &TrustedAuthority, at: &At) {
        match &entry.kind {
            AuthorityKind::KeyIdentifier => {
                for (index, value) in entry.values.iter().enumerate() {
                    if !is_key_identifier(value) {
                        self.error(
                            &at.key("values").item(index),
                            "OVP-DCQL-21",
                            "this is not the base64url text of a key identifier",
                            "Encode the bytes of keyIdentifier alone: no hexadecimal, no padding, no DER around it.",
                        );
                    }
                }
            }
            AuthorityKind::TrustedList | AuthorityKind::Federation => self.error(
                &at.key("type"),
                "OVP-DCQL-22",
                "this service cannot tell which credentials this authority stands for",
                "Name the issuers' key identifiers with type aki; trust is decided by the trust sources anyway.",
            ),
            AuthorityKind::Other(_) => self.error(
                &at.key("type"),
                "OVP-DCQL-20",
                "OpenID4VP 1.0 has no such type of authority",
                "Use type aki.",
            ),
        }
    }

    fn claims(&mut self, credential: &CredentialQuery, at: &At) {
        let pid = asks_for_pid(credential);
        if pid && credential.claims().is_empty() {
            self.warning(
                &at.key("claims"),
                "OVP-DCQL-26",
                "without claims nothing about the person is disclosed",
                "List the claims that are needed.",
            );
        }
        for (index, claim) in credential.claims().iter().enumerate() {
            let at = at.key("claims").item(index);
            match credential.format() {
                Format::SdJwtVc => self.sd_jwt_claim(credential, claim, &at),
                Format::Mdoc if pid => self.mdoc_pid_claim(claim, &at),
                Format::Mdoc | Format::Other(_) => {}
            }
            if pid && !claim.values().is_empty() {
                self.warning(
                    &at.key("values"),
                    "OVP-DCQL-19",
                    "whether the wallet answers at all tells if the value fits",
                    "Ask for the claim without values and compare here.",
                );
            }
            let part_of = |other: &&ClaimQuery| other.path() != claim.path() && claim.path().is_within(other.path());
            if credential.claim_sets().is_empty() && credential.claims().iter().any(|other| part_of(&other)) {
                self.warning(
                    &at.key("path"),
                    "OVP-DCQL-24",
                    "another claim of this query holds this one",
                    "Keep the narrower path of the two.",
                );
            }
        }
        self.claim_sets(credential, &at.key("claim_sets"));
    }

    fn sd_jwt_claim(&mut self, credential: &CredentialQuery, claim: &ClaimQuery, at: &At) {
        let path = claim.path();
        if path.first_key().is_some_and(|name| NEVER_DISCLOSED.contains(&name)) {
            self.warning(
                &at.key("path"),
                "OVP-DCQL-25",
                "this claim always comes along and cannot be asked for",
                "Leave it out.",
            );
        }
        if claim.intent_to_retain().is_some() {
            self.warning(
                &at.key("intent_to_retain"),
                "OVP-DCQL-28",
                "this means something for mdoc only",
                "Leave it out.",
            );
        }
        if asks_for_pid(credential) {
            self.sd_jwt_pid_claim(credential, path, &at.key("path"));
        }
        if path.components().iter().any(|component| matches!(component, Component::Index(_))) {
            self.warning(
                &at.key("path"),
                "OVP-DCQL-36",
                "positions in an array shift when earlier elements are not disclosed",
                "Use null to ask for all elements.",
            );
        }
    }

    fn sd_jwt_pid_claim(&mut self, credential: &CredentialQuery, path: &ClaimsPath, at: &At) {
        let Some(name) = path.first_key() else { return };
        if let Some((right, _)) = PID_NAMES.iter().find(|(_, mdoc)| *mdoc == name) {
            let hint = format!("In an SD-JWT VC it is {right}.");
            self.error(at, "PIDC-04", format!("{name} is the name of this attribute in an mdoc"), hint);
        }
        if matches!(path.components(), [Component::Key(name)] if name == "address") {
            self.error(
                at,
                "PRV-02",
                "this asks for the whole address with every present and future part",
                "Name the parts that are needed, such as [\"address\",\"locality\"].",
            );
        }
        if name == "age_equal_or_over" || is_age(name) {
            self.age(credential, path, at);
        }
    }

    fn age(&mut self, credential: &CredentialQuery, path: &ClaimsPath, at: &At) {
        const HINT: &str = "Write [\"age_equal_or_over\",\"18\"]; the German PID has 12, 14, 16, 18, 21 and 65.";
        if matches!(credential.meta(), Meta::VctValues(values) if values.iter().any(|vct| vct == PID_EU)) {
            self.error(
                at,
                "PIDC-14",
                "the PID of the member states has no age claims",
                "Ask the national type, or derive the age from birthdate.",
            );
            return;
        }
        match path.components() {
            [Component::Key(name), Component::Key(age)] if name == "age_equal_or_over" => {
                if !GERMAN_AGES.contains(&age.as_str()) {
                    self.error(at, "DEU-06", "the German PID does not have this age", HINT);
                }
            }
            [Component::Key(name)] if name == "age_equal_or_over" => {
                self.warning(at, "PRV-02", "this asks for every age threshold", HINT);
            }
            _ => self.error(at, "DEU-06", "ages are members of age_equal_or_over, named by strings", HINT),
        }
    }

    fn mdoc_pid_claim(&mut self, claim: &ClaimQuery, at: &At) {
        let [Component::Key(namespace), Component::Key(element)] = claim.path().components() else { return };
        let binary = element == "portrait" || element == "picture";
        if binary && !claim.values().is_empty() {
            self.error(
                &at.key("values"),
                "OVP-DCQL-35",
                "a byte string has no values to compare with",
                "Leave it out.",
            );
        }
        if namespace != PID_MDOC {
            return;
        }
        if is_age(element) || element == "age_equal_or_over" {
            self.error(
                &at.key("path"),
                "PIDC-14",
                "this namespace has no age elements any more",
                "Ask for the national namespace, such as eu.europa.ec.eudi.pid.de.1.",
            );
        }
        let other = |(sd_jwt, _): &&(&str, &str)| sd_jwt.split('.').next() == Some(element.as_str());
        if let Some((_, right)) = PID_NAMES.iter().find(other) {
            let hint = if element == "address" {
                "In an mdoc its parts are resident_street, resident_city and so on.".to_owned()
            } else {
                format!("In an mdoc it is {right}.")
            };
            self.error(
                &at.key("path"),
                "PIDC-04",
                format!("{element} is the name of this attribute in an SD-JWT VC"),
                hint,
            );
        }
    }

    /// Two orders are mistakes: a set that an earlier one is part of can never be the first complete one, and a date of
    /// birth before an age reveals more than is needed. A smaller set behind a larger one is a fallback.
    fn claim_sets(&mut self, credential: &CredentialQuery, at: &At) {
        let sets = credential.claim_sets();
        let names = |set: &Vec<usize>, wanted: fn(&str) -> bool| {
            let claims = set.iter().filter_map(|&position| credential.claims().get(position));
            claims.flat_map(|claim| claim.path().components()).filter_map(key).any(wanted)
        };
        let is_birth = |set: &Vec<usize>| names(set, |name| name == "birthdate" || name == "birth_date");
        let is_flag = |set: &Vec<usize>| names(set, |name| name == "age_equal_or_over" || is_age(name));
        for (index, set) in sets.iter().enumerate() {
            let mut earlier = sets.iter().take(index);
            if earlier.clone().any(|other| other.iter().all(|claim| set.contains(claim))) {
                self.warning(
                    &at.item(index),
                    "OVP-DCQL-14",
                    "an earlier claim set is part of this one and always wins",
                    "Put the larger set first, or leave it out.",
                );
            }
            if is_flag(set) && !is_birth(set) && earlier.any(is_birth) {
                self.warning(
                    &at.item(index),
                    "OVP-DCQL-14",
                    "a date of birth is preferred to an age here",
                    "Put the claim set that reveals least first.",
                );
            }
        }
    }

    fn sets(&mut self, query: &DcqlQuery) {
        let sets = query.credential_sets();
        if sets.is_empty() {
            self.alternatives(query);
            return;
        }
        for (index, credential) in query.credentials().iter().enumerate() {
            if !sets.iter().any(|set| set.options().iter().any(|option| option.contains(&index))) {
                self.warning(
                    &At::root().key("credentials").item(index),
                    "OVP-DCQL-47",
                    format!("no credential set names {}, so it is never asked for", credential.id()),
                    "Add it to an option, or leave it out.",
                );
            }
        }
        if !sets.iter().any(super::query::CredentialSet::required) {
            self.warning(
                &At::root().key("credential_sets"),
                "OVP-DCQL-47",
                "every set is optional, so an empty answer satisfies this query",
                "Let one set be required.",
            );
        }
    }

    fn alternatives(&mut self, query: &DcqlQuery) {
        let mut pids = query.credentials().iter().filter(|credential| asks_for_pid(credential));
        let Some(first) = pids.next() else { return };
        if pids.any(|other| other.meta() != first.meta()) {
            self.error(
                &At::root().key("credentials"),
                "OVP-DCQL-29",
                "without credential_sets every one of these PIDs is demanded at once",
                "Add one credential set with an option for each of them.",
            );
        }
    }
}

fn key(component: &Component) -> Option<&str> {
    match component {
        Component::Key(name) => Some(name),
        Component::All | Component::Index(_) => None,
    }
}

/// Age attributes of earlier rulebooks and of mdoc namespaces.
fn is_age(name: &str) -> bool {
    name.starts_with("age_over_") || name == "age_in_years" || name == "age_birth_year"
}

/// Whether a text is base64url of a bare key identifier. Hexadecimal and DER would decode too, so they are told by
/// their looks.
fn is_key_identifier(text: &str) -> bool {
    let hexadecimal = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let Ok(bytes) = base64::decode_url(text) else { return false };
    // SEQUENCE, or OCTET STRING, or [0], whose length byte spans the rest.
    let der = matches!(bytes.as_slice(), [0x30 | 0x04 | 0x80, length, rest @ ..] if usize::from(*length) == rest.len());
    !hexadecimal && !der && !bytes.is_empty()
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a json! value reads best without a borrow")]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn parse(query: &Value) -> DcqlQuery {
        DcqlQuery::parse(query).unwrap()
    }

    fn findings(query: &Value) -> Vec<(String, Severity, &'static str)> {
        lint(&parse(query), |format| *format == Format::SdJwtVc)
            .into_iter()
            .map(|finding| (finding.pointer, finding.severity, finding.rule))
            .collect()
    }

    /// A query for the German PID with these members added.
    fn pid(members: Value) -> Value {
        let mut credential = json!({"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": [PID_DE]},
                                    "claims": [{"path": ["family_name"]}]});
        credential.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"credentials": [credential]})
    }

    fn claim(path: Value) -> Value {
        pid(json!({"claims": [{"path": path}]}))
    }

    #[track_caller]
    fn error(query: &Value, pointer: &str, rule: &'static str) {
        assert_eq!(findings(query), [(pointer.to_owned(), Severity::Error, rule)]);
        let errors = check_sendable(&parse(query), |format| *format == Format::SdJwtVc).unwrap_err();
        assert_eq!(errors.len(), 1);
    }

    #[track_caller]
    fn warning(query: &Value, pointer: &str, rule: &'static str) {
        assert_eq!(findings(query), [(pointer.to_owned(), Severity::Warning, rule)]);
        assert_eq!(check_sendable(&parse(query), |format| *format == Format::SdJwtVc), Ok(()));
    }

    fn mdoc(element: &str) -> Value {
        json!({"credentials": [{"id": "m", "format": "mso_mdoc", "meta": {"doctype_value": PID_MDOC},
                                "claims": [{"path": [PID_MDOC, element]}]}]})
    }

    /// With mdoc switched on, so that only what is in the claims is found.
    fn mdoc_findings(query: &Value) -> Vec<(String, &'static str)> {
        lint(&parse(query), |_| true).into_iter().map(|finding| (finding.pointer, finding.rule)).collect()
    }

    #[test]
    fn a_good_query_has_no_findings() {
        assert_eq!(findings(&pid(json!({}))), []);
        assert_eq!(findings(&claim(json!(["nationalities", null]))), []);
        assert_eq!(mdoc_findings(&mdoc("birth_date")), []);
    }

    #[test]
    fn only_formats_that_can_be_verified_are_asked_for() {
        // OVP-DCQL-04.
        error(&pid(json!({"format": "vc+sd-jwt"})), "/credentials/0/format", "OVP-DCQL-04");
        error(
            &json!({"credentials": [{"id": "a", "format": "ldp_vc", "meta": {"type_values": [["x"]]}}]}),
            "/credentials/0/format",
            "OVP-DCQL-04",
        );
        error(&mdoc("family_name"), "/credentials/0/format", "OVP-DCQL-04");
        assert_eq!(mdoc_findings(&mdoc("family_name")), []);
        // No switch makes a foreign format sendable.
        assert!(check_sendable(&parse(&pid(json!({"format": "vc+sd-jwt"}))), |_| true).is_err());
    }

    #[test]
    fn a_pid_needs_holder_binding() {
        // KB-18, KB-20: never for a PID, and a warning for everything else.
        // OVP-DCQL-09.
        let at = "/credentials/0/require_cryptographic_holder_binding";
        error(&pid(json!({"require_cryptographic_holder_binding": false})), at, "OVP-DCQL-09");
        let pass = json!({"meta": {"vct_values": ["urn:example:pass"]}, "require_cryptographic_holder_binding": false});
        warning(&pid(pass), at, "OVP-DCQL-09");
    }

    #[test]
    fn pid_types_are_the_known_ones() {
        // DEU-01, DEU-02, PIDC-01.
        for vct in
            ["urn:eudi:pid:de:2", "urn:eudi:pid:xx:1", "https://example.bmi.bund.de/credential/pid/1.0", PID_MDOC]
        {
            error(&pid(json!({"meta": {"vct_values": [PID_DE, vct]}})), "/credentials/0/meta/vct_values/1", "DEU-01");
        }
        let mut query = mdoc("family_name");
        query["credentials"][0]["meta"]["doctype_value"] = json!("eu.europa.ec.eudi.pid.de.1");
        assert_eq!(mdoc_findings(&query), [("/credentials/0/meta/doctype_value".into(), "DEU-02")]);
    }

    #[test]
    fn authorities_are_key_identifiers() {
        // OVP-DCQL-20, OVP-DCQL-21, OVP-DCQL-22.
        let authorities =
            |kind: &str, value: &str| pid(json!({"trusted_authorities": [{"type": kind, "values": [value]}]}));
        assert_eq!(findings(&authorities("aki", "s9tIpPmhxdiuNkHMEWNpYim8S8Y")), []);
        for wrong in [
            "one",
            "s9tIpPmhxdiuNkHMEWNpYim8S8Y=",
            "b3db48a4f9a1c5d8ae3641cc1163696229bc4bc6",
            "MBaAFLPbSKT5ocXYrjZBzBFjaWIpvEvG",
            "BBSz20ik-aHF2K42QcwRY2liKbxLxg",
        ] {
            let at = "/credentials/0/trusted_authorities/0/values/0";
            error(&authorities("aki", wrong), at, "OVP-DCQL-21");
        }
        let at = "/credentials/0/trusted_authorities/0/type";
        error(&authorities("etsi_tl", "https://list.example"), at, "OVP-DCQL-22");
        error(&authorities("openid_federation", "https://a.example"), at, "OVP-DCQL-22");
        error(&authorities("x509", "x"), at, "OVP-DCQL-20");
    }

    #[test]
    fn claims_that_always_come_are_not_asked_for() {
        // OVP-DCQL-25.
        for name in NEVER_DISCLOSED {
            warning(&claim(json!([name])), "/credentials/0/claims/0/path", "OVP-DCQL-25");
        }
        warning(&claim(json!(["cnf", "jwk"])), "/credentials/0/claims/0/path", "OVP-DCQL-25");
    }

    #[test]
    fn the_whole_address_is_too_much() {
        // PRV-02.
        error(&claim(json!(["address"])), "/credentials/0/claims/0/path", "PRV-02");
        assert_eq!(findings(&claim(json!(["address", "locality"]))), []);
        warning(&claim(json!(["age_equal_or_over"])), "/credentials/0/claims/0/path", "PRV-02");
    }

    #[test]
    fn attribute_names_belong_to_their_format() {
        // PIDC-04.
        for name in ["birth_date", "nationality", "portrait", "resident_city"] {
            error(&claim(json!([name])), "/credentials/0/claims/0/path", "PIDC-04");
        }
        for name in ["birthdate", "nationalities", "address"] {
            assert_eq!(mdoc_findings(&mdoc(name)), [("/credentials/0/claims/0/path".into(), "PIDC-04")], "{name}");
        }
        // Other credentials may name their claims as they like.
        let other = pid(json!({"meta": {"vct_values": ["urn:example:pass"]}, "claims": [{"path": ["birth_date"]}]}));
        assert_eq!(findings(&other), []);
    }

    #[test]
    fn ages_come_from_the_national_type() {
        // PIDC-14.
        let mut query = claim(json!(["age_equal_or_over", "18"]));
        assert_eq!(findings(&query), []);
        query["credentials"][0]["meta"]["vct_values"] = json!([PID_EU]);
        error(&query, "/credentials/0/claims/0/path", "PIDC-14");
        query["credentials"][0]["claims"][0]["path"] = json!(["age_over_18"]);
        error(&query, "/credentials/0/claims/0/path", "PIDC-14");
        assert_eq!(mdoc_findings(&mdoc("age_over_18")), [("/credentials/0/claims/0/path".into(), "PIDC-14")]);
    }

    #[test]
    fn german_ages_are_named_by_strings() {
        // DEU-06.
        for path in [
            json!(["age_equal_or_over", 18]),
            json!(["age_equal_or_over", null]),
            json!(["age_equal_or_over", "17"]),
            json!(["age_over_18"]),
            json!(["age_in_years"]),
        ] {
            let found = findings(&claim(path.clone()));
            assert!(
                found.contains(&("/credentials/0/claims/0/path".into(), Severity::Error, "DEU-06")),
                "{path} {found:?}"
            );
        }
    }

    #[test]
    fn a_pid_without_claims_discloses_nothing() {
        // OVP-DCQL-26.
        let mut query = pid(json!({}));
        query["credentials"][0].as_object_mut().unwrap().remove("claims");
        warning(&query, "/credentials/0/claims", "OVP-DCQL-26");
    }

    #[test]
    fn values_on_a_person_are_a_question_in_themselves() {
        // PRV-18.
        // OVP-DCQL-19, OVP-DCQL-35.
        let query = pid(json!({"claims": [{"path": ["family_name"], "values": ["X"]}]}));
        warning(&query, "/credentials/0/claims/0/values", "OVP-DCQL-19");
        let mut query = mdoc("portrait");
        query["credentials"][0]["claims"][0]["values"] = json!(["x"]);
        assert!(mdoc_findings(&query).contains(&("/credentials/0/claims/0/values".into(), "OVP-DCQL-35")));
    }

    #[test]
    fn smaller_matters_are_warnings() {
        // OVP-DCQL-02, OVP-DCQL-24, OVP-DCQL-28, OVP-DCQL-36.
        warning(&claim(json!(["nationalities", 0])), "/credentials/0/claims/0/path", "OVP-DCQL-36");
        let retain = pid(json!({"claims": [{"path": ["family_name"], "intent_to_retain": false}]}));
        warning(&retain, "/credentials/0/claims/0/intent_to_retain", "OVP-DCQL-28");
        let part = pid(json!({"claims": [{"path": ["place_of_birth"]}, {"path": ["place_of_birth", "locality"]}]}));
        warning(&part, "/credentials/0/claims/1/path", "OVP-DCQL-24");
        // As alternatives both have their place.
        let either = pid(json!({
            "claims": [{"id": "part", "path": ["place_of_birth", "locality"]}, {"id": "all", "path": ["place_of_birth"]}],
            "claim_sets": [["part"], ["all"]]
        }));
        assert_eq!(findings(&either), []);
        warning(&pid(json!({"claim_set": [["a"]]})), "/credentials/0/claim_set", "OVP-DCQL-02");
    }

    #[test]
    fn claim_sets_that_cannot_win_or_reveal_more_are_found() {
        // OVP-DCQL-14.
        let query = |sets: Value| {
            pid(json!({
                "claims": [{"id": "age", "path": ["age_equal_or_over", "18"]}, {"id": "birth", "path": ["birthdate"]},
                           {"id": "name", "path": ["family_name"]}],
                "claim_sets": sets
            }))
        };
        assert_eq!(findings(&query(json!([["age", "name"], ["birth", "name"]]))), []);
        let at = "/credentials/0/claim_sets/1";
        warning(&query(json!([["birth", "name"], ["age", "name"]])), at, "OVP-DCQL-14");
        warning(&query(json!([["name"], ["name", "age", "birth"]])), at, "OVP-DCQL-14");
        // The other way round the smaller set is a fallback.
        assert_eq!(findings(&query(json!([["name", "age", "birth"], ["name"]]))), []);
    }

    #[test]
    fn alternatives_need_credential_sets() {
        // OVP-DCQL-29.
        let mut query = pid(json!({}));
        let second = json!({"id": "eu", "format": "dc+sd-jwt", "meta": {"vct_values": [PID_EU]},
                            "claims": [{"path": ["family_name"]}]});
        query["credentials"].as_array_mut().unwrap().push(second);
        error(&query, "/credentials", "OVP-DCQL-29");
        query["credential_sets"] = json!([{"options": [["pid"], ["eu"]]}]);
        assert_eq!(findings(&query), []);
        query["credential_sets"] = json!([{"options": [["pid"]]}]);
        warning(&query, "/credentials/1", "OVP-DCQL-47");
        query["credential_sets"] = json!([{"options": [["pid"], ["eu"]], "required": false}]);
        warning(&query, "/credential_sets", "OVP-DCQL-47");
        // Two different credentials may well be wanted together.
        query.as_object_mut().unwrap().remove("credential_sets");
        query["credentials"][1]["meta"]["vct_values"] = json!(["urn:example:pass"]);
        assert_eq!(findings(&query), []);
    }

    #[test]
    fn transaction_data_addresses_bound_credentials_that_are_no_pid() {
        // TXD-01, TXD-02, TXD-03.
        let pass = json!({"meta": {"vct_values": ["urn:example:pass"]}});
        let rules = |query: &Value, ids: &[&str]| {
            lint_transaction_data(&parse(query), "/transaction_data/0", ids)
                .into_iter()
                .map(|finding| (finding.pointer, finding.rule))
                .collect::<Vec<_>>()
        };
        assert_eq!(rules(&pid(pass.clone()), &["pid"]), []);
        let at = "/transaction_data/0/credential_ids/0".to_owned();
        assert_eq!(rules(&pid(pass.clone()), &["other"]), [(at.clone(), "TXD-01")]);
        assert_eq!(rules(&pid(json!({})), &["pid"]), [(at.clone(), "TXD-03")]);
        let mut unbound = pid(pass);
        unbound["credentials"][0]["require_cryptographic_holder_binding"] = json!(false);
        assert_eq!(rules(&unbound, &["pid"]), [(at, "TXD-02")]);
    }

    #[test]
    fn findings_serialise_for_the_api() {
        let finding = lint(&parse(&claim(json!(["iss"]))), |_| true).remove(0);
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["severity"], "warning");
        assert_eq!(json["pointer"], "/credentials/0/claims/0/path");
    }
}
