//! Whether an answer satisfies a query: the shape of `vp_token`, one credential against its query, and the sets
//! (OpenID4VP 1.0 sections 6.4 and 8.6). A query is never a security check of the wallet's; everything is looked at
//! again here (OVP-DCQL-18).

use super::path::ClaimsPath;
use super::query::{AuthorityKind, ClaimQuery, CredentialQuery, DcqlQuery, Meta};
use crate::domain::encoding::base64;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// One presented credential, after its own checks. Holds claims, so it has no `Debug`.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// The format identifier of what was verified.
    pub format: &'a str,
    /// The types it states.
    pub types: Types<'a>,
    /// The processed claims; for mdoc an object of namespaces with an object of elements each.
    pub claims: &'a Map<String, Value>,
    /// The key identifiers in the AuthorityKeyIdentifier extensions of the issuer's chain.
    pub authorities: &'a [Vec<u8>],
    /// Whether the holder proved possession of the bound key.
    pub holder_bound: bool,
}

/// The types a credential states.
#[derive(Debug, Clone, Copy)]
pub enum Types<'a> {
    /// Of an SD-JWT VC.
    Vct {
        /// Its type.
        vct: &'a str,
        /// Further types that its issuer declares it to be.
        aka_vcts: &'a [String],
    },
    /// Of an mdoc: the one that document and MSO agree on (OVP-DCQL-43).
    Doctype(&'a str),
    /// Of a W3C credential.
    TypeList(&'a [String]),
}

/// What a deployment may decide.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// Whether a type in `aka_vcts` counts. It is newer than the draft that HAIP pins (OVP-DCQL-41).
    pub accept_aka_vcts: bool,
}

impl Default for Rules {
    fn default() -> Self {
        Self { accept_aka_vcts: true }
    }
}

/// How a credential satisfies its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The position of the claim set that was met; `None` if the query has none.
    pub claim_set: Option<usize>,
    /// The positions of the claims that count: all of the query, or those of the claim set.
    pub claims: Vec<usize>,
}

impl Match {
    /// The paths that may leave; see [`super::Projection`].
    pub fn paths<'q>(&'q self, query: &'q CredentialQuery) -> impl Iterator<Item = &'q ClaimsPath> {
        self.claims.iter().filter_map(|&position| query.claims().get(position)).map(ClaimQuery::path)
    }
}

/// Checks one credential against one credential query. Types are compared byte by byte, never by prefix.
///
/// With claim sets the first one that is met counts, also if it is not the first of the query.
///
/// # Errors
/// In this order:
/// - [`Code::CredentialFormatMismatch`], [`Code::CredentialTypeMismatch`].
/// - [`Code::KbMissing`]: holder binding is asked for, and there is none.
/// - [`Code::IssuerNotAuthorized`]: `trusted_authorities` is there, and no value of type `aki` is in the chain.
/// - [`Code::ClaimMissing`]: without claim sets, a claim is absent, or its path fails.
/// - [`Code::ClaimValueMismatch`]: all claims, or all of one claim set, are there, but not with an expected value.
/// - [`Code::QueryNotSatisfied`]: every claim set lacks something.
///
/// # Source
/// OpenID4VP 1.0 sections 6.1, 6.3, 6.4.1 and 8.6; OVP-DCQL-40 to 45; DCQ-002, DCQ-004, DCQ-010 to 012.
pub fn evaluate(query: &CredentialQuery, candidate: &Candidate<'_>, rules: Rules) -> Result<Match, Reason> {
    if query.format().as_str() != candidate.format {
        return refuse(Code::CredentialFormatMismatch, "the credential has another format than its query");
    }
    if !type_matches(query.meta(), candidate.types, rules) {
        return refuse(Code::CredentialTypeMismatch, "the credential has another type than its query");
    }
    if query.requires_holder_binding() && !candidate.holder_bound {
        return refuse(Code::KbMissing, "the query asks for holder binding");
    }
    if !authority_matches(query, candidate.authorities) {
        return refuse(Code::IssuerNotAuthorized, "no authority of the query is in the chain of the issuer");
    }
    claims_match(query, candidate.claims)
}

fn refuse<T>(code: Code, detail: &'static str) -> Result<T, Reason> {
    Err(Reason::new(code, detail))
}

fn type_matches(meta: &Meta, types: Types<'_>, rules: Rules) -> bool {
    match (meta, types) {
        (Meta::VctValues(values), Types::Vct { vct, aka_vcts }) => {
            let asked = |name: &str| values.iter().any(|value| value == name);
            asked(vct) || (rules.accept_aka_vcts && aka_vcts.iter().any(|name| asked(name)))
        }
        (Meta::Doctype(value), Types::Doctype(doctype)) => value == doctype,
        (Meta::TypeValues(lists), Types::TypeList(types)) => {
            lists.iter().any(|list| list.iter().all(|name| types.contains(name)))
        }
        _ => false,
    }
}

fn authority_matches(query: &CredentialQuery, authorities: &[Vec<u8>]) -> bool {
    let known = |value: &String| base64::decode_url(value).is_ok_and(|key_id| authorities.contains(&key_id));
    query.trusted_authorities().is_empty()
        || query
            .trusted_authorities()
            .iter()
            .any(|entry| entry.kind == AuthorityKind::KeyIdentifier && entry.values.iter().any(known))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Met,
    Missing,
    OtherValue,
}

fn state(claim: &ClaimQuery, claims: &Map<String, Value>) -> State {
    match claim.path().select_claims(claims) {
        Err(_) => State::Missing,
        Ok(selected) => {
            let expected = |found: &&Value| claim.values().iter().any(|value| value.equals(found));
            // One of several selected elements is enough: a person with two nationalities has each of them.
            let met = claim.values().is_empty() || selected.iter().any(expected);
            if met { State::Met } else { State::OtherValue }
        }
    }
}

fn claims_match(query: &CredentialQuery, claims: &Map<String, Value>) -> Result<Match, Reason> {
    let states: Vec<State> = query.claims().iter().map(|claim| state(claim, claims)).collect();
    let first = |wanted: State| query.claims().iter().zip(&states).find(|(_, state)| **state == wanted);

    if query.claim_sets().is_empty() {
        if let Some((claim, _)) = first(State::Missing) {
            return Err(Reason::new(Code::ClaimMissing, format!("{} is not there", claim.path())));
        }
        if let Some((claim, _)) = first(State::OtherValue) {
            return Err(Reason::new(Code::ClaimValueMismatch, format!("{} has another value", claim.path())));
        }
        return Ok(Match { claim_set: None, claims: (0..states.len()).collect() });
    }

    let all = |set: &[usize], good: fn(State) -> bool| {
        set.iter().all(|&position| states.get(position).copied().is_some_and(good))
    };
    for (position, set) in query.claim_sets().iter().enumerate() {
        if all(set, |state| state == State::Met) {
            return Ok(Match { claim_set: Some(position), claims: set.clone() });
        }
    }
    if query.claim_sets().iter().any(|set| all(set, |state| state != State::Missing)) {
        return refuse(Code::ClaimValueMismatch, "a claim set is complete, but for a value");
    }
    refuse(Code::QueryNotSatisfied, "no claim set is complete")
}

/// The presentations for one credential query. Holds credentials, so it has no `Debug`.
#[derive(Clone)]
pub struct Presented<'q, 'v> {
    /// The position of the query.
    pub position: usize,
    /// The query.
    pub query: &'q CredentialQuery,
    /// The presentations as they were sent; at least one, and one only unless the query says `multiple`.
    pub presentations: Vec<&'v str>,
}

/// Checks the shape of `vp_token`; presentations are not opened. The entries come in the order of the query.
///
/// # Errors
/// In this order:
/// - [`Code::LimitExceeded`]: too many presentations, in one entry or altogether.
/// - [`Code::VpTokenMalformed`]: not an object of arrays of strings.
/// - [`Code::VpTokenUnknownQuery`]: an entry that was not asked for.
/// - [`Code::QueryNotSatisfied`]: an empty array.
/// - [`Code::VpTokenTooMany`]: more than one where `multiple` is false.
/// - [`Code::VpTokenDuplicate`]: the same presentation twice, also under different queries.
///
/// # Source
/// OpenID4VP 1.0 sections 8.1 and 8.6; OVP-VPT-01 to 05, OVP-DCQL-50; RSP-021, RSP-023, SDJ-040, DCQ-005 to 007, 019.
pub fn check_structure<'q, 'v>(query: &'q DcqlQuery, vp_token: &'v Value) -> Result<Vec<Presented<'q, 'v>>, Reason> {
    let Value::Object(entries) = vp_token else {
        return refuse(Code::VpTokenMalformed, "vp_token is not an object");
    };
    let counts = || entries.values().filter_map(Value::as_array).map(Vec::len);
    if counts().any(|count| count > limits::PRESENTATIONS_PER_QUERY) {
        return refuse(Code::LimitExceeded, "too many presentations for one query");
    }
    if counts().fold(0, usize::saturating_add) > limits::PRESENTATIONS {
        return refuse(Code::LimitExceeded, "too many presentations");
    }

    let mut read = Vec::with_capacity(entries.len());
    for (id, value) in entries {
        let Value::Array(items) = value else {
            return refuse(Code::VpTokenMalformed, "an entry of vp_token is not an array");
        };
        let Some(presentations) = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>() else {
            return refuse(Code::VpTokenMalformed, "a presentation is not a string");
        };
        read.push((id, presentations));
    }

    let mut presented = Vec::with_capacity(read.len());
    for (id, presentations) in read {
        let Some((position, query)) = query.credentials().iter().enumerate().find(|(_, query)| query.id() == id) else {
            return refuse(Code::VpTokenUnknownQuery, "an entry of vp_token answers no query");
        };
        presented.push(Presented { position, query, presentations });
    }
    presented.sort_by_key(|entry| entry.position);

    if presented.iter().any(|entry| entry.presentations.is_empty()) {
        return refuse(Code::QueryNotSatisfied, "an entry of vp_token is empty");
    }
    if presented.iter().any(|entry| entry.presentations.len() > 1 && !entry.query.multiple()) {
        return refuse(Code::VpTokenTooMany, "several presentations where one was asked for");
    }
    let mut seen = HashSet::new();
    if !presented.iter().flat_map(|entry| &entry.presentations).all(|presentation| seen.insert(*presentation)) {
        return refuse(Code::VpTokenDuplicate, "a presentation occurs twice");
    }
    Ok(presented)
}

/// Which options were met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetsOutcome {
    /// For each credential set the position of the first option that was met; `None`: an optional set was not met.
    /// Empty if the query has no sets.
    pub options: Vec<Option<usize>>,
}

/// Checks that what was presented is enough. `satisfied` says of which credential queries, by position, a presentation
/// passed every other check (OVP-DCQL-48); positions past its end count as not satisfied.
///
/// Without credential sets every credential is needed. With them only they decide: a credential in no set is not
/// asked for, and one that came all the same does no harm.
///
/// # Errors
/// [`Code::QueryNotSatisfied`].
///
/// # Source
/// OpenID4VP 1.0 section 6.4.2; OVP-DCQL-46, OVP-DCQL-47; DCQ-001, DCQ-014.
pub fn check_sets(query: &DcqlQuery, satisfied: &[bool]) -> Result<SetsOutcome, Reason> {
    let met = |&position: &usize| satisfied.get(position).copied().unwrap_or(false);
    if query.credential_sets().is_empty() && !(0..query.credentials().len()).all(|position| met(&position)) {
        return refuse(Code::QueryNotSatisfied, "not every credential was presented");
    }
    let mut options = Vec::with_capacity(query.credential_sets().len());
    for set in query.credential_sets() {
        let option = set.options().iter().position(|option| option.iter().all(met));
        if option.is_none() && set.required() {
            return refuse(Code::QueryNotSatisfied, "a required credential set has no complete option");
        }
        options.push(option);
    }
    Ok(SetsOutcome { options })
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "a json! value reads best without a borrow")]
mod tests {
    use super::*;
    use serde_json::json;

    const PID: &str = "urn:eudi:pid:de:1";

    fn query(credential: Value) -> DcqlQuery {
        let mut members = json!({"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": [PID]}});
        members.as_object_mut().unwrap().extend(credential.as_object().unwrap().clone());
        DcqlQuery::parse(&json!({"credentials": [members]})).unwrap()
    }

    fn candidate(claims: &Value) -> Candidate<'_> {
        Candidate {
            format: "dc+sd-jwt",
            types: Types::Vct { vct: PID, aka_vcts: &[] },
            claims: claims.as_object().unwrap(),
            authorities: &[],
            holder_bound: true,
        }
    }

    #[track_caller]
    fn code(query: &DcqlQuery, candidate: &Candidate<'_>) -> Code {
        evaluate(&query.credentials()[0], candidate, Rules::default()).unwrap_err().code
    }

    fn found(query: &DcqlQuery, claims: &Value) -> Result<Match, Code> {
        evaluate(&query.credentials()[0], &candidate(claims), Rules::default()).map_err(|reason| reason.code)
    }

    #[test]
    fn each_criterion_alone_refuses() {
        // OVP-DCQL-40, DCQ-004.
        let claims = json!({"family_name": "X"});
        let asked = query(json!({"claims": [{"path": ["family_name"]}]}));
        let good = candidate(&claims);
        assert!(evaluate(&asked.credentials()[0], &good, Rules::default()).is_ok());
        assert_eq!(code(&asked, &Candidate { format: "vc+sd-jwt", ..good }), Code::CredentialFormatMismatch);
        let other = Types::Vct { vct: "urn:example:library-card", aka_vcts: &[] };
        assert_eq!(code(&asked, &Candidate { types: other, ..good }), Code::CredentialTypeMismatch);
        assert_eq!(code(&asked, &Candidate { types: Types::Doctype(PID), ..good }), Code::CredentialTypeMismatch);
        assert_eq!(code(&asked, &Candidate { holder_bound: false, ..good }), Code::KbMissing);
        assert_eq!(code(&asked, &candidate(&json!({}))), Code::ClaimMissing);
    }

    #[test]
    fn types_are_compared_byte_by_byte() {
        // OVP-DCQL-42.
        let asked = query(json!({}));
        let claims = json!({});
        for vct in ["urn:eudi:pid:de:1:evil", "urn:eudi:pid:de", "URN:eudi:pid:de:1", "urn:eudi:pid:de:1 ", ""] {
            let other = Candidate { types: Types::Vct { vct, aka_vcts: &[] }, ..candidate(&claims) };
            assert_eq!(code(&asked, &other), Code::CredentialTypeMismatch, "{vct}");
        }
    }

    #[test]
    fn aka_vcts_count_if_the_switch_is_on() {
        // OVP-DCQL-41.
        let asked = query(json!({"meta": {"vct_values": ["urn:eudi:pid:1"]}}));
        let claims = json!({});
        let aka = ["urn:eudi:pid:1".to_owned()];
        let german = Candidate { types: Types::Vct { vct: PID, aka_vcts: &aka }, ..candidate(&claims) };
        assert!(evaluate(&asked.credentials()[0], &german, Rules { accept_aka_vcts: true }).is_ok());
        let refused = evaluate(&asked.credentials()[0], &german, Rules { accept_aka_vcts: false });
        assert_eq!(refused.unwrap_err().code, Code::CredentialTypeMismatch);
        assert_eq!(code(&asked, &candidate(&claims)), Code::CredentialTypeMismatch);
    }

    #[test]
    fn holder_binding_may_be_waived_by_the_query_only() {
        // OVP-DCQL-09, OVP-VPT-10.
        let claims = json!({});
        let unbound = Candidate { holder_bound: false, ..candidate(&claims) };
        assert_eq!(code(&query(json!({})), &unbound), Code::KbMissing);
        let waived = query(json!({"require_cryptographic_holder_binding": false}));
        assert!(evaluate(&waived.credentials()[0], &unbound, Rules::default()).is_ok());
    }

    #[test]
    fn one_key_identifier_must_be_in_the_chain() {
        // OVP-DCQL-20 to 22.
        let claims = json!({});
        let asked = |authorities: Value| query(json!({"trusted_authorities": authorities}));
        let chain = [vec![1, 2, 3], vec![0xfb, 0xff]];
        let known = Candidate { authorities: &chain, ..candidate(&claims) };
        let good = asked(json!([{"type": "aki", "values": ["AAAA", "-_8"]}]));
        assert!(evaluate(&good.credentials()[0], &known, Rules::default()).is_ok());
        assert_eq!(code(&good, &candidate(&claims)), Code::IssuerNotAuthorized);
        for other in [
            json!([{"type": "aki", "values": ["AAAA"]}]),
            json!([{"type": "aki", "values": ["fbff", "+/8="]}]),
            json!([{"type": "etsi_tl", "values": ["-_8"]}]),
            json!([{"type": "openid_federation", "values": ["-_8"]}, {"type": "x", "values": ["-_8"]}]),
        ] {
            assert_eq!(code(&asked(other), &known), Code::IssuerNotAuthorized);
        }
    }

    #[test]
    fn without_claim_sets_every_claim_must_be_there() {
        // OVP-DCQL-44, DCQ-002, JSN-013.
        let asked = query(json!({"claims": [{"path": ["family_name"]}, {"path": ["address", "locality"]}]}));
        let whole = json!({"family_name": "", "address": {"locality": "KÖLN"}, "extra": 1});
        assert_eq!(found(&asked, &whole), Ok(Match { claim_set: None, claims: vec![0, 1] }));
        for lacking in [
            json!({"address": {"locality": "KÖLN"}}),
            json!({"family_name": "X", "address": {}}),
            json!({"family_name": "X", "address": "KÖLN"}),
            json!({"f\u{430}mily_name": "X", "address": {"locality": "KÖLN"}}),
        ] {
            assert_eq!(found(&asked, &lacking), Err(Code::ClaimMissing), "{lacking}");
        }
    }

    #[test]
    fn values_are_checked_again() {
        // OVP-DCQL-18, DCQ-010, JSN-015.
        let asked = query(json!({"claims": [{"path": ["age"], "values": [18, 21]}, {"path": ["ok"], "values": [true]},
                                            {"path": ["name"], "values": ["Müller"]}]}));
        let with = |name: &str, value: Value| {
            let mut claims = json!({"age": 21, "ok": true, "name": "Müller"});
            claims[name] = value;
            found(&asked, &claims).map(|_| ())
        };
        assert_eq!(with("age", json!(18)), Ok(()));
        for (name, value) in [
            ("age", json!("18")),
            ("age", json!(19)),
            ("ok", json!("true")),
            ("ok", json!(false)),
            ("name", json!("Mu\u{308}ller")),
            ("name", json!(null)),
        ] {
            assert_eq!(with(name, value), Err(Code::ClaimValueMismatch), "{name}");
        }
        // What is missing is named before what differs.
        assert_eq!(found(&asked, &json!({"age": 19, "ok": true})), Err(Code::ClaimMissing));
    }

    #[test]
    fn one_of_several_selected_elements_may_have_the_value() {
        let asked = query(json!({"claims": [{"path": ["nationalities", null], "values": ["DE"]}]}));
        assert!(found(&asked, &json!({"nationalities": ["FR", "DE"]})).is_ok());
        assert_eq!(found(&asked, &json!({"nationalities": ["FR"]})), Err(Code::ClaimValueMismatch));
        assert_eq!(found(&asked, &json!({"nationalities": []})), Err(Code::ClaimMissing));
    }

    fn sets() -> DcqlQuery {
        query(json!({
            "claims": [{"id": "a", "path": ["a"]}, {"id": "b", "path": ["b"]}, {"id": "c", "path": ["c"], "values": [1]}],
            "claim_sets": [["a", "b"], ["b", "c"], ["c"]]
        }))
    }

    #[test]
    fn the_first_complete_claim_set_counts() {
        // OVP-DCQL-45, DCQ-012.
        let set = |claims: Value| found(&sets(), &claims).map(|found| (found.claim_set, found.claims));
        assert_eq!(set(json!({"a": 1, "b": 1, "c": 1})), Ok((Some(0), vec![0, 1])));
        assert_eq!(set(json!({"b": 1, "c": 1})), Ok((Some(1), vec![1, 2])));
        assert_eq!(set(json!({"a": 1, "c": 1})), Ok((Some(2), vec![2])));
        let query = sets();
        let found = found(&query, &json!({"b": 1, "c": 1})).unwrap();
        let paths: Vec<_> = found.paths(&query.credentials()[0]).map(ToString::to_string).collect();
        assert_eq!(paths, [r#"["b"]"#, r#"["c"]"#]);
    }

    #[test]
    fn half_of_each_claim_set_is_not_enough() {
        // OVP-DCQL-45, DCQ-011.
        assert_eq!(found(&sets(), &json!({"a": 1})), Err(Code::QueryNotSatisfied));
        assert_eq!(found(&sets(), &json!({})), Err(Code::QueryNotSatisfied));
        assert_eq!(found(&sets(), &json!({"b": 1, "c": 2})), Err(Code::ClaimValueMismatch));
        let union = query(json!({
            "claims": [{"id": "a", "path": ["a"]}, {"id": "b", "path": ["b"]}, {"id": "c", "path": ["c"]}, {"id": "d", "path": ["d"]}],
            "claim_sets": [["a", "b"], ["c", "d"]]
        }));
        assert_eq!(found(&union, &json!({"a": 1, "d": 1})), Err(Code::QueryNotSatisfied));
    }

    #[test]
    fn mdoc_claims_lie_in_namespaces() {
        // OVP-DCQL-34, OVP-DCQL-43.
        let doctype = "eu.europa.ec.eudi.pid.1";
        let asked = query(json!({"format": "mso_mdoc", "meta": {"doctype_value": doctype},
                                 "claims": [{"path": ["eu.europa.ec.eudi.pid.1", "family_name"]}]}));
        let with = |doctype, claims: &Value| {
            let types = Types::Doctype(doctype);
            let candidate = Candidate { format: "mso_mdoc", types, ..candidate(claims) };
            evaluate(&asked.credentials()[0], &candidate, Rules::default()).map(|_| ()).map_err(|reason| reason.code)
        };
        let good = json!({"eu.europa.ec.eudi.pid.1": {"family_name": "X"}});
        assert_eq!(with(doctype, &good), Ok(()));
        assert_eq!(with("eu.europa.ec.eudi.pid.1.evil", &good), Err(Code::CredentialTypeMismatch));
        assert_eq!(with(doctype, &json!({"other": {"family_name": "X"}})), Err(Code::ClaimMissing));
        assert_eq!(with(doctype, &json!({"eu.europa.ec.eudi.pid.1": {}})), Err(Code::ClaimMissing));
    }

    #[test]
    fn reasons_name_places_but_no_values() {
        let asked = query(json!({"claims": [{"path": ["family_name"], "values": ["Mustermann"]}]}));
        let claims = json!({"family_name": "Meier"});
        let reason = evaluate(&asked.credentials()[0], &candidate(&claims), Rules::default()).unwrap_err();
        assert_eq!(reason.detail, r#"["family_name"] has another value"#);
    }

    fn two() -> DcqlQuery {
        DcqlQuery::parse(&json!({"credentials": [
            {"id": "one", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}},
            {"id": "more", "format": "dc+sd-jwt", "meta": {"vct_values": ["y"]}, "multiple": true}
        ]}))
        .unwrap()
    }

    fn structure(vp_token: &Value) -> Result<Vec<(usize, usize)>, Code> {
        check_structure(&two(), vp_token)
            .map(|entries| entries.iter().map(|entry| (entry.position, entry.presentations.len())).collect())
            .map_err(|reason| reason.code)
    }

    #[test]
    fn vp_token_is_an_object_of_arrays_of_strings() {
        // OVP-VPT-01, OVP-VPT-02, OVP-VPT-05, RSP-021, SDJ-040.
        assert_eq!(structure(&json!({"more": ["p1", "p2"], "one": ["p3"]})), Ok(vec![(0, 1), (1, 2)]));
        for wrong in [
            json!("p1"),
            json!(["p1"]),
            json!(null),
            json!(5),
            json!({"one": "p1"}),
            json!({"one": {"0": "p1"}}),
            json!({"one": null}),
            json!({"one": [{"payload": "x"}]}),
            json!({"more": ["p1", ["p2"]]}),
            json!({"one": [null]}),
            json!({"unknown": 5}),
        ] {
            assert_eq!(structure(&wrong), Err(Code::VpTokenMalformed), "{wrong}");
        }
    }

    #[test]
    fn entries_answer_queries() {
        // OVP-DCQL-50, DCQ-019, OVP-VPT-04, RSP-023.
        assert_eq!(structure(&json!({"one": ["p1"], "other": ["p2"]})), Err(Code::VpTokenUnknownQuery));
        assert_eq!(structure(&json!({"One": ["p1"]})), Err(Code::VpTokenUnknownQuery));
        assert_eq!(structure(&json!({"one": []})), Err(Code::QueryNotSatisfied));
        assert_eq!(structure(&json!({"one": ["p1"], "more": []})), Err(Code::QueryNotSatisfied));
        assert_eq!(structure(&json!({})), Ok(vec![]));
    }

    #[test]
    fn counts_are_exact() {
        // OVP-VPT-03, DCQ-005, DCQ-006.
        let many = |from: usize, count: usize| (from..from + count).map(|n| format!("p{n}")).collect::<Vec<_>>();
        assert_eq!(structure(&json!({"one": many(0, 2)})), Err(Code::VpTokenTooMany));
        assert_eq!(structure(&json!({"more": many(0, limits::PRESENTATIONS_PER_QUERY)})), Ok(vec![(1, 8)]));
        assert_eq!(structure(&json!({"more": many(0, limits::PRESENTATIONS_PER_QUERY + 1)})), Err(Code::LimitExceeded));
        assert_eq!(structure(&json!({"more": many(0, 500)})), Err(Code::LimitExceeded));
        let whole = json!({"a": many(0, 8), "b": many(8, 8)});
        assert_eq!(structure(&whole), Err(Code::VpTokenUnknownQuery));
        let over = json!({"a": many(0, 8), "b": many(8, 8), "one": ["p16"]});
        assert_eq!(structure(&over), Err(Code::LimitExceeded));
    }

    #[test]
    fn no_presentation_comes_twice() {
        // DCQ-007.
        assert_eq!(structure(&json!({"more": ["p", "p", "p", "p", "p"]})), Err(Code::VpTokenDuplicate));
        assert_eq!(structure(&json!({"one": ["p"], "more": ["p"]})), Err(Code::VpTokenDuplicate));
    }

    #[test]
    fn without_sets_every_credential_is_needed() {
        // OVP-DCQL-46, DCQ-001.
        assert_eq!(check_sets(&two(), &[true, true]), Ok(SetsOutcome { options: vec![] }));
        for lacking in [&[true, false][..], &[false, true], &[true], &[]] {
            assert_eq!(check_sets(&two(), lacking).unwrap_err().code, Code::QueryNotSatisfied, "{lacking:?}");
        }
    }

    #[test]
    fn required_sets_need_one_whole_option() {
        // OVP-DCQL-47, OVP-DCQL-48, DCQ-014.
        let credential = |id: &str| json!({"id": id, "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}});
        let query = DcqlQuery::parse(&json!({
            "credentials": [credential("a"), credential("b"), credential("c"), credential("d"), credential("unused")],
            "credential_sets": [{"options": [["a", "b"], ["c", "d"]]}, {"options": [["d"]], "required": false}]
        }))
        .unwrap();
        let sets = |satisfied: [bool; 5]| check_sets(&query, &satisfied).map(|outcome| outcome.options);
        assert_eq!(sets([true, true, false, false, false]), Ok(vec![Some(0), None]));
        assert_eq!(sets([false, false, true, true, false]), Ok(vec![Some(1), Some(0)]));
        assert_eq!(sets([true, true, true, true, true]), Ok(vec![Some(0), Some(0)]));
        for lacking in [
            [true, false, true, false, false],
            [true, false, false, true, true],
            [false, false, false, true, true],
            [false; 5],
        ] {
            assert_eq!(sets(lacking).unwrap_err().code, Code::QueryNotSatisfied, "{lacking:?}");
        }
    }
}
