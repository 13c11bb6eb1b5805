//! DCQL against vectors that others made, and as properties.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may stop")]

use proptest::prelude::*;
use pruefstein::domain::dcql::path::{ClaimsPath, Component, PathError};
use pruefstein::domain::dcql::query::ClaimValue;
use pruefstein::domain::dcql::{
    Candidate, DcqlQuery, Projection, Rules, Types, check_sendable, check_sets, check_structure, evaluate, lint,
};
use pruefstein::domain::encoding::base64;
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

// ---- vectors -----------------------------------------------------------------------------------------------------

const FILES: [&str; 9] = [
    "dcql/dcql-ts/match.json",
    "dcql/dcql-ts/parse.json",
    "dcql/dcql-ts/response.json",
    "dcql/nombrekeff_parse.json",
    "dcql/oidf_parse.json",
    "dcql/sd-jwt-dotnet_parse.json",
    "dcql/spec-1.0/claims_path.json",
    "dcql/spec-1.0/parse.json",
    "openid4vp/oidf_vp_token_structure.json",
];

const DRAFT_PATH: &str = "names mdoc elements by namespace and claim_name as a draft did; 1.0 has path only";
const NO_META: &str = "the query has no meta, which 1.0 requires";
const NO_ID: &str = "the query has no id: it is refused itself, before any answer to it";
const NO_KEY_IDENTIFIER: &str = "the value of type aki is not base64url, so no chain can have it";

/// Cases that end differently here, and why. One that passes after all fails the test.
const DIFFERENCES: [(&str, &str); 22] = [
    ("dcql-ts-match-dcql-query-complex-fails-with-no-credentials", DRAFT_PATH),
    ("dcql-ts-match-dcql-query-complex-fails-with-credentials-that-do-not-satisfy-a-required-claim-set", DRAFT_PATH),
    ("dcql-ts-match-dcql-query-complex-succeeds-if-all-credentials-are-present", DRAFT_PATH),
    ("dcql-ts-match-dcql-query-mdocmvrc-example-using-namespaces-succeeds", DRAFT_PATH),
    ("dcql-ts-match-dcql-query-with-json-transform-mdocmvrc-example-succeeds", DRAFT_PATH),
    ("dcql-ts-parse-dcql-query-complex-fails-with-no-credentials", DRAFT_PATH),
    ("dcql-ts-parse-dcql-query-complex-fails-with-credentials-that-do-not-satisfy-a-required-claim-set", DRAFT_PATH),
    ("dcql-ts-parse-dcql-query-complex-succeeds-if-all-credentials-are-present", DRAFT_PATH),
    ("dcql-ts-parse-dcql-query-mdocmvrc-example-using-namespaces-succeeds", DRAFT_PATH),
    ("dcql-ts-parse-dcql-query-with-json-transform-mdocmvrc-example-succeeds", DRAFT_PATH),
    ("dcql-ts-response-dcql-query-complex-succeeds-if-all-credentials-are-present", DRAFT_PATH),
    ("dcql-ts-response-dcql-query-with-json-transform-mdocmvrc-example-succeeds", DRAFT_PATH),
    ("dcql-ts-match-dcql-query-mdoc-mvrc-example-with-multiple-credentials-succeeds", NO_KEY_IDENTIFIER),
    ("dcql-ts-response-dcql-query-mdoc-mvrc-example-with-multiple-credentials-succeeds", NO_KEY_IDENTIFIER),
    ("dcql-ts-match-dcql-query-trusted-authorities-mdocmvrc-example-with-trusted-authorities-succeeds", NO_META),
    ("dcql-ts-match-dcql-query-trusted-authorities-sdjwtvc-example-with-trusted-authorities-succeeds", NO_META),
    ("dcql-ts-response-dcql-presentation-correctly-handles-an-sd-jwt-vc-presentation-where-a-specific-ar", NO_META),
    ("dcql-ts-response-dcql-query-trusted-authorities-mdocmvrc-example-with-trusted-authorities-succeeds", NO_META),
    ("dcql-ts-response-dcql-query-trusted-authorities-sdjwtvc-example-with-trusted-authorities-succeeds", NO_META),
    ("oidf-vptoken-count-multipleOmittedOnePresentation", NO_META),
    ("oidf-vptoken-count-multipleTrueThreePresentations", NO_META),
    ("oidf-vptoken-id-credentialWithoutIdFieldFails", NO_ID),
];

/// What this implementation says to a case.
struct Verdict {
    accepted: bool,
    code: Option<&'static str>,
    output: Value,
}

impl Verdict {
    fn refused(code: &'static str, output: Value) -> Self {
        Self { accepted: false, code: Some(code), output }
    }

    fn accepted(output: Value) -> Self {
        Self { accepted: true, code: None, output }
    }
}

#[test]
fn external_vectors() {
    #[expect(clippy::disallowed_methods, reason = "where the vectors of others lie is a matter of the machine")]
    let folder = std::env::var("PRUEFSTEIN_VECTORS")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/vectors").to_owned());
    let folder = PathBuf::from(folder);
    if !folder.is_dir() {
        eprintln!("external vectors: {} is no folder, all files skipped; set PRUEFSTEIN_VECTORS", folder.display());
        return;
    }
    let known: HashMap<&str, &str> = DIFFERENCES.into_iter().collect();
    let (mut run, mut skipped, mut problems, mut met) = (0_usize, 0_usize, Vec::new(), BTreeSet::new());
    for name in FILES {
        let Ok(text) = std::fs::read_to_string(folder.join(name)) else {
            eprintln!("external vectors: {name} is not there, skipped");
            skipped += 1;
            continue;
        };
        let file: Value = serde_json::from_str(&text).unwrap();
        let cases: Vec<&Value> =
            file["groups"].as_array().unwrap().iter().flat_map(|group| group["cases"].as_array().unwrap()).collect();
        assert_eq!(Some(cases.len() as u64), file["case_count"].as_u64(), "{name} is not whole");
        for case in cases {
            run += 1;
            let id = case["id"].as_str().unwrap();
            let verdict = judge(file["type"].as_str().unwrap(), &case["input"]);
            let difference = compare(&case["expected"], &verdict);
            match (known.get(id), difference) {
                (None, Some(text)) => problems.push(format!("{name} {id} ({}): {text}", case["comment"])),
                (Some(_), None) => problems.push(format!("{name} {id} passes after all, take it off the list")),
                (Some(_), Some(_)) => drop(met.insert(id.to_owned())),
                (None, None) => {}
            }
        }
    }
    eprintln!("external vectors: {run} run, {skipped} skipped, {} known differences", met.len());
    for id in &met {
        eprintln!("  {id}: {}", known[id.as_str()]);
    }
    if skipped == 0 {
        let stale: Vec<_> = known.keys().filter(|id| !met.contains(**id)).collect();
        assert!(stale.is_empty(), "no such cases: {stale:?}");
    }
    assert!(run > 0, "no vectors were found in {}", folder.display());
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
}

/// What differs from the expectation; `None`: nothing.
fn compare(expected: &Value, verdict: &Verdict) -> Option<String> {
    let codes: Vec<&str> = match (&expected["error"], &expected["error_any_of"]) {
        (Value::String(code), _) => vec![code],
        (_, Value::Array(codes)) => codes.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    };
    let result = expected["result"].as_str().unwrap();
    if result != "either" && verdict.accepted != (result == "accept") {
        return Some(format!("expected {result} {codes:?}, got {:?} {}", verdict.code, verdict.output));
    }
    if let Some(code) = verdict.code
        && !codes.is_empty()
        && !codes.contains(&code)
    {
        return Some(format!("expected {codes:?}, got {code} {}", verdict.output));
    }
    // What the source says of single credentials counts for refusals, too, unless the query itself was refused.
    let compared = verdict.accepted || verdict.code != Some("invalid_query");
    let wanted = expected.get("output").filter(|_| compared)?;
    (*wanted != verdict.output).then(|| format!("expected {wanted}, got {}", verdict.output))
}

fn judge(kind: &str, input: &Value) -> Verdict {
    if kind == "claims-path-select" {
        return select(input);
    }
    let query = match DcqlQuery::parse(&input["dcql_query"]) {
        Ok(query) => query,
        Err(faults) => return Verdict::refused("invalid_query", json!(faults)),
    };
    match kind {
        "dcql-parse" => Verdict::accepted(Value::Null),
        "dcql-match" => offered(&query, input["credentials"].as_array().unwrap()),
        "dcql-response" => presented(&query, input["presented"].as_object().unwrap()),
        "vp-token-structure" => match check_structure(&query, &input["vp_token"]) {
            Ok(_) => Verdict::accepted(Value::Null),
            Err(reason) => Verdict::refused(reason.code.as_str(), Value::Null),
        },
        other => panic!("unknown type {other}"),
    }
}

fn select(input: &Value) -> Verdict {
    let Ok(path) = ClaimsPath::parse(&input["path"]) else { return Verdict::refused("invalid_query", Value::Null) };
    let Ok(selected) = path.select(&input["json"]) else { return Verdict::refused("claim_missing", Value::Null) };
    if let Some(values) = input.get("values") {
        let values: Vec<_> = values.as_array().unwrap().iter().map(|value| ClaimValue::parse(value).unwrap()).collect();
        if !selected.iter().any(|found| values.iter().any(|value| value.equals(found))) {
            return Verdict::refused("claim_value_mismatch", Value::Null);
        }
    }
    Verdict::accepted(json!({"selected": selected}))
}

/// Whether one credential of the model in section 4.2 of the format satisfies one query.
fn satisfies(query: &DcqlQuery, position: usize, credential: &Value) -> Result<(), &'static str> {
    let empty = Map::new();
    let text = |name: &str| credential[name].as_str().unwrap_or_default();
    let list = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.map(|item| item.as_str().unwrap().to_owned()).collect()
    };
    let type_list = list(&credential["type"]);
    let types = if credential.get("doctype").is_some() {
        Types::Doctype(text("doctype"))
    } else if credential.get("vct").is_some() {
        Types::Vct { vct: text("vct"), aka_vcts: &[] }
    } else {
        Types::TypeList(&type_list)
    };
    let authorities: Vec<Vec<u8>> = match credential["authority"]["type"].as_str() {
        Some("aki") => {
            list(&credential["authority"]["values"]).iter().filter_map(|value| base64::decode_url(value).ok()).collect()
        }
        _ => vec![],
    };
    let candidate = Candidate {
        format: text("credential_format"),
        types,
        claims: credential["claims"].as_object().or(credential["namespaces"].as_object()).unwrap_or(&empty),
        authorities: &authorities,
        holder_bound: credential["cryptographic_holder_binding"].as_bool().unwrap(),
    };
    let found = evaluate(&query.credentials()[position], &candidate, Rules::default());
    found.map(drop).map_err(|reason| reason.code.as_str())
}

fn offered(query: &DcqlQuery, credentials: &[Value]) -> Verdict {
    let mut matches = Map::new();
    let mut satisfied = Vec::new();
    for (position, asked) in query.credentials().iter().enumerate() {
        let indexes: Vec<usize> =
            (0..credentials.len()).filter(|&index| satisfies(query, position, &credentials[index]).is_ok()).collect();
        satisfied.push(!indexes.is_empty());
        let entry = json!({"success": !indexes.is_empty(), "matching_credential_indexes": indexes});
        matches.insert(asked.id().to_owned(), entry);
    }
    let outcome = check_sets(query, &satisfied);
    let mut output = json!({"can_be_satisfied": outcome.is_ok(), "credential_matches": matches});
    if !query.credential_sets().is_empty() {
        let ids =
            |option: &Vec<usize>| -> Vec<&str> { option.iter().map(|&at| query.credentials()[at].id()).collect() };
        let sets = query.credential_sets().iter().map(|set| {
            let met = set.options().iter().filter(|option| option.iter().all(|&at| satisfied[at]));
            let met: Vec<_> = met.map(ids).collect();
            json!({
                "required": set.required(),
                "options": set.options().iter().map(ids).collect::<Vec<_>>(),
                "matching_options": if met.is_empty() { Value::Null } else { json!(met) },
            })
        });
        output["credential_sets"] = sets.collect();
    }
    match outcome {
        Ok(_) => Verdict::accepted(output),
        Err(reason) => Verdict::refused(reason.code.as_str(), output),
    }
}

/// Every presentation has to pass, and they have to be enough.
fn presented(query: &DcqlQuery, presented: &Map<String, Value>) -> Verdict {
    let mut matches = Map::new();
    let mut satisfied = vec![false; query.credentials().len()];
    let mut first_code = None;
    for (id, value) in presented {
        let position = query.position(id).unwrap();
        let items: Vec<&Value> = value.as_array().map_or_else(|| vec![value], |items| items.iter().collect());
        let (mut valid, mut failed) = (vec![], vec![]);
        for (index, item) in items.into_iter().enumerate() {
            match satisfies(query, position, item) {
                Ok(()) => valid.push(index),
                Err(code) => {
                    first_code.get_or_insert(code);
                    failed.push(index);
                }
            }
        }
        satisfied[position] = !valid.is_empty();
        matches.insert(id.clone(), json!({"success": !valid.is_empty(), "valid": valid, "failed": failed}));
    }
    let code = first_code.or_else(|| check_sets(query, &satisfied).err().map(|reason| reason.code.as_str()));
    let output = json!({"satisfied": code.is_none(), "credential_matches": matches});
    code.map_or_else(|| Verdict::accepted(output.clone()), |code| Verdict::refused(code, output.clone()))
}

// ---- properties --------------------------------------------------------------------------------------------------

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..20).prop_map(Value::from),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "[a-d]{0,2}|dc\\+sd-jwt|mso_mdoc|aki|\\PC{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::hash_map("[a-d]|id|path|values|format|meta|options", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Documents and paths over so few names that they meet.
fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), (0_i64..3).prop_map(Value::from)];
    leaf.prop_recursive(4, 60, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::hash_map("[ab]", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn claims() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::hash_map("[ab]", document(), 0..3).prop_map(|members| members.into_iter().collect())
}

fn path() -> impl Strategy<Value = ClaimsPath> {
    let component = prop_oneof!["[ab]".prop_map(Value::from), Just(Value::Null), (0_u64..3).prop_map(Value::from)];
    prop::collection::vec(component, 1..5).prop_map(|items| ClaimsPath::parse(&Value::Array(items)).unwrap())
}

/// A place in a document, written out.
type Place = Vec<Result<String, usize>>;

fn places<'v>(value: &'v Value, at: &Place, found: &mut Vec<(Place, &'v Value)>) {
    found.push((at.clone(), value));
    let mut below = |step, inner| {
        let mut at = at.clone();
        at.push(step);
        places(inner, &at, found);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, inner)| below(Ok(name.clone()), inner)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, inner)| below(Err(index), inner)),
        _ => {}
    }
}

fn lies_on(place: &Place, path: &[Component]) -> bool {
    place.len() == path.len()
        && place.iter().zip(path).all(|(step, component)| match (step, component) {
            (Ok(name), Component::Key(key)) => name == key,
            (Err(_), Component::All) => true,
            (Err(index), Component::Index(wanted)) => *index as u64 == *wanted,
            _ => false,
        })
}

/// Section 7.1.1 the other way round: list every place of the document, then look which ones lie on the path.
fn select_by_listing<'v>(value: &'v Value, path: &[Component]) -> Result<Vec<&'v Value>, PathError> {
    let mut all = Vec::new();
    places(value, &vec![], &mut all);
    for (length, component) in path.iter().enumerate() {
        let mut reached = all.iter().filter(|(place, _)| lies_on(place, &path[..length]));
        match component {
            Component::Key(_) if !reached.all(|(_, value)| value.is_object()) => return Err(PathError::NotAnObject),
            Component::All | Component::Index(_) if !reached.all(|(_, value)| value.is_array()) => {
                return Err(PathError::NotAnArray);
            }
            _ => {}
        }
    }
    let found: Vec<_> = all.into_iter().filter(|(place, _)| lies_on(place, path)).map(|(_, value)| value).collect();
    if found.is_empty() { Err(PathError::Empty) } else { Ok(found) }
}

/// Gives every scalar its own number, so that it can be told where it came from.
fn number(value: &mut Value, next: &mut u64) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|inner| number(inner, next)),
        Value::Array(items) => items.iter_mut().for_each(|inner| number(inner, next)),
        scalar => {
            *scalar = json!(*next);
            *next = next.saturating_add(1);
        }
    }
}

fn scalars(value: &Value, found: &mut BTreeSet<u64>) {
    match value {
        Value::Object(members) => members.values().for_each(|inner| scalars(inner, found)),
        Value::Array(items) => items.iter().for_each(|inner| scalars(inner, found)),
        scalar => drop(found.insert(scalar.as_u64().unwrap())),
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// A valid query in which every member occurs.
fn full_query() -> Value {
    json!({
        "credentials": [
            {
                "id": "a", "format": "dc+sd-jwt", "multiple": false, "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
                "trusted_authorities": [{"type": "aki", "values": ["s9tIpPmhxdiuNkHMEWNpYim8S8Y"]}],
                "require_cryptographic_holder_binding": true,
                "claims": [{"id": "x", "path": ["a", null, 0], "values": ["DE", 18, true], "intent_to_retain": true},
                           {"id": "y", "path": ["b"]}],
                "claim_sets": [["x", "y"], ["x"]]
            },
            {"id": "b", "format": "mso_mdoc", "meta": {"doctype_value": "x"}, "claims": [{"path": ["n", "e"]}]},
            {"id": "c", "format": "ldp_vc", "meta": {"type_values": [["x"]]}}
        ],
        "credential_sets": [{"options": [["a"], ["b", "c"]], "required": true}]
    })
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, inner)| pointers(inner, &format!("{at}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn selection_agrees_with_listing(value in document(), path in path()) {
        prop_assert_eq!(path.select(&value), select_by_listing(&value, path.components()));
        if let Value::Object(members) = &value {
            prop_assert_eq!(path.select_claims(members), path.select(&value));
        }
        let again = serde_json::from_str(&path.to_string()).unwrap();
        prop_assert_eq!(ClaimsPath::parse(&again), Ok(path));
    }

    #[test]
    fn projection_keeps_exactly_the_selected(claims in claims(), paths in prop::collection::vec(path(), 0..4)) {
        let mut value = Value::Object(claims);
        number(&mut value, &mut 0);
        let claims = value.as_object().unwrap();
        let mut expected = BTreeSet::new();
        for path in &paths {
            path.select(&value).into_iter().flatten().for_each(|selected| scalars(selected, &mut expected));
        }
        let projection = Projection::new(claims, &paths);
        let kept = Value::Object(projection.kept(claims));
        let mut actual = BTreeSet::new();
        scalars(&kept, &mut actual);
        prop_assert_eq!(actual, expected);
        prop_assert_eq!(projection.dropped(claims, &[]).is_empty(), kept == value);
        // The order of the paths does not matter, and asking twice changes nothing.
        let other = Projection::new(claims, paths.iter().rev().chain(&paths));
        prop_assert_eq!(other, projection);
    }

    #[test]
    fn a_wrong_type_anywhere_is_a_fault_there(choice in any::<prop::sample::Index>(), replacement in any_json()) {
        let mut query = full_query();
        let mut all = Vec::new();
        pointers(&query, "", &mut all);
        let pointer = choice.get(&all);
        let place = query.pointer_mut(pointer).unwrap();
        let wrong = kind(place) != kind(&replacement);
        *place = replacement;
        let parsed = DcqlQuery::parse(&query);
        if let Ok(parsed) = &parsed {
            prop_assert_eq!(parsed.as_json(), &query);
            prop_assert_eq!(check_sendable(parsed, |_| true).is_err(), lint(parsed, |_| true).iter().any(|finding| {
                finding.severity == pruefstein::domain::dcql::Severity::Error
            }));
        }
        // Components of a path and expected values may be of several types.
        let (parent, _) = pointer.rsplit_once('/').unwrap_or_default();
        let several = parent.ends_with("/path") || (parent.ends_with("/values") && parent.contains("/claims/"));
        if wrong && !several {
            let faults = parsed.unwrap_err();
            prop_assert!(faults.iter().any(|fault| fault.pointer == *pointer), "{pointer}: {faults:?}");
        }
    }

    #[test]
    fn no_json_makes_anything_stop(value in any_json(), vp_token in any_json()) {
        let parsed = DcqlQuery::parse(&value);
        prop_assert!(parsed.is_ok() || !parsed.unwrap_err().is_empty());
        let query = DcqlQuery::parse(&full_query()).unwrap();
        if let Ok(entries) = check_structure(&query, &vp_token) {
            prop_assert!(entries.iter().all(|entry| !entry.presentations.is_empty()));
        }
    }

    #[test]
    fn the_order_of_claims_does_not_matter(
        claims in claims(),
        paths in prop::collection::hash_set(path(), 1..4),
        more in document(),
    ) {
        let asked: Vec<Value> = paths
            .iter()
            .enumerate()
            .map(|(index, path)| {
                let path: Value = serde_json::from_str(&path.to_string()).unwrap();
                if index == 0 { json!({"path": path, "values": [1]}) } else { json!({"path": path}) }
            })
            .collect();
        let verdict = |asked: Vec<Value>, claims: &Map<String, Value>| {
            let query = json!({"credentials": [{"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}, "claims": asked}]});
            let query = DcqlQuery::parse(&query).unwrap();
            let types = Types::Vct { vct: "x", aka_vcts: &[] };
            let candidate = Candidate { format: "dc+sd-jwt", types, claims, authorities: &[], holder_bound: true };
            evaluate(&query.credentials()[0], &candidate, Rules::default()).map(drop).map_err(|reason| reason.code)
        };
        let forward = verdict(asked.clone(), &claims);
        prop_assert_eq!(forward, verdict(asked.iter().rev().cloned().collect(), &claims));
        // A claim nobody asked for changes nothing (OVP-DCQL-27).
        let mut larger = claims.clone();
        larger.insert("z".to_owned(), more);
        prop_assert_eq!(forward, verdict(asked, &larger));
    }

    #[test]
    fn sets_agree_with_their_definition(
        sets in prop::collection::vec((prop::collection::vec(prop::collection::vec(0_usize..4, 1..4), 1..4), any::<bool>()), 0..4),
        satisfied in prop::array::uniform4(any::<bool>()),
        more in 0_usize..4,
    ) {
        let credentials: Vec<Value> = (0..4)
            .map(|at| json!({"id": format!("c{at}"), "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}}))
            .collect();
        let mut query = json!({"credentials": credentials});
        if !sets.is_empty() {
            let name = |option: &Vec<usize>| option.iter().map(|at| format!("c{at}")).collect::<Vec<_>>();
            query["credential_sets"] = sets
                .iter()
                .map(|(options, required)| json!({"options": options.iter().map(name).collect::<Vec<_>>(), "required": required}))
                .collect();
        }
        let query = DcqlQuery::parse(&query).unwrap();
        let missing: BTreeSet<usize> = (0..4).filter(|at| !satisfied[*at]).collect();
        let expected = if sets.is_empty() {
            missing.is_empty()
        } else {
            sets.iter().all(|(options, required)| {
                !required || options.iter().any(|option| option.iter().all(|at| !missing.contains(at)))
            })
        };
        prop_assert_eq!(check_sets(&query, &satisfied).is_ok(), expected);
        // One more presentation never spoils an answer.
        let mut larger = satisfied;
        larger[more] = true;
        prop_assert!(!expected || check_sets(&query, &larger).is_ok());
    }
}
