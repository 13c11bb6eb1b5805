//! Lists that other projects wrote and signed.

use crate::shared;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust_list::{ListRules, TrustList, lote};
use pruefstein::domain::x509::Certificate;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const FILES: [&str; 2] = ["trust-lists/forkbomb/lote_json.json", "trust-lists/ba-itsys_unsigned.json"];

/// Where we end differently, and why. A line that is not true any more fails the test.
const DIFFERENCES: [(&str, &str); 1] = [(
    "forkbomb-lote-broken-pem_service_certificate",
    "one service has a certificate in PEM: it is left out and named, and the rest of the list stands",
)];

#[test]
fn lists_of_others() {
    let known: BTreeMap<&str, &str> = DIFFERENCES.into_iter().collect();
    let (mut run, mut skipped, mut problems, mut met) = (0, 0, Vec::new(), BTreeSet::new());
    for name in FILES {
        let Some(file) = shared::json(name) else {
            skipped += 1;
            continue;
        };
        for group in file["groups"].as_array().unwrap() {
            for case in group["cases"].as_array().unwrap() {
                run += 1;
                let id = case["id"].as_str().unwrap();
                match (known.get(id), difference(group, case)) {
                    (None, Some(text)) => problems.push(format!("{name} {id} ({}): {text}", case["comment"])),
                    (Some(_), None) => problems.push(format!("{name} {id} ends as expected after all")),
                    (Some(_), Some(_)) => drop(met.insert(id.to_owned())),
                    (None, None) => {}
                }
            }
        }
    }
    eprintln!("external vectors: trust lists: {run} run, {skipped} skipped, {} known differences", met.len());
    for id in &met {
        eprintln!("  {id}: {}", known[id.as_str()]);
    }
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
    if skipped == 0 {
        assert!(run >= 15, "{run}");
        assert_eq!(met.len(), known.len(), "listed, but there is no such difference");
    }
}

/// What differs from the expectation; `None`: nothing.
fn difference(group: &Value, case: &Value) -> Option<String> {
    let setting = |name: &str| [&case["config"], &group["config"]].into_iter().find_map(|config| config.get(name));
    let signers: Vec<Certificate> = setting("trust")
        .and_then(|trust| trust["signer_certs"].as_array())
        .into_iter()
        .flatten()
        .map(|text| Certificate::read(&base64::decode_standard(text.as_str().unwrap()).unwrap()).unwrap())
        .collect();
    let rules = ListRules {
        signers: &signers,
        list_type: None,
        signer_names: true,
        accept_closed: false,
        newest_sequence: None,
        skew: 60,
        now: UnixSeconds(setting("now").and_then(Value::as_i64).unwrap()),
    };
    let expected = &case["expected"];
    let result = expected["result"].as_str().unwrap();
    match lote::read(case["input"]["lote_jws"].as_str().unwrap().as_bytes(), rules) {
        Ok(list) if result == "reject" => Some(format!("accepted with {} services", list.services.len())),
        Ok(list) => missing(&expected["output"], &list),
        Err(reason) if result == "accept" => Some(reason.to_string()),
        Err(reason) => match expected["error"].as_str() {
            Some(code) if code != reason.code.as_str() => Some(format!("expected {code}, got {reason}")),
            _ => None,
        },
    }
}

/// What the list should have and does not.
fn missing(output: &Value, list: &TrustList) -> Option<String> {
    let services: Vec<Value> = list
        .services
        .iter()
        .map(|service| {
            let certificates: Vec<String> =
                service.certificates.iter().map(|certificate| base64::encode_standard(&certificate.der)).collect();
            json!({"type": service.service_type, "x509_certs": certificates})
        })
        .collect();
    let got = json!({"lote_type": list.list_type, "sequence_number": list.sequence, "services": services});
    let wanted = output.as_object()?.iter().filter(|(name, _)| *name != "entities");
    let differs: Vec<String> =
        wanted.filter(|(name, value)| got[*name] != **value).map(|(name, value)| format!("{name}: {value}")).collect();
    let without_entities = output["entities"] == 0 && !list.services.is_empty();
    (!differs.is_empty() || without_entities).then(|| format!("{differs:?} in {got}"))
}
