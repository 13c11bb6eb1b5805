//! Lists that others made: those of the Commission and of member states, and broken ones.

use crate::known_differences::XML_LISTS;
use crate::shared;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Reason;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust_list::trusted_list::{pivot, read};
use pruefstein::domain::trust_list::{ListRules, TrustList};
use pruefstein::domain::x509::Certificate;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const FILES: [&str; 2] = ["trust-lists/dss_tsl612.json", "trust-lists/forkbomb/tsl612.json"];

/// What the reader says to a case.
fn judge(document: &[u8], config: &Value) -> Result<TrustList, Reason> {
    let signers: Vec<Certificate> = config["trust"]["signer_certs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|text| Certificate::read(&base64::decode_standard(text.as_str().unwrap()).unwrap()).unwrap())
        .collect();
    let now = UnixSeconds(config["now"].as_i64().unwrap());
    read(
        document,
        ListRules {
            signers: &signers,
            list_type: None,
            signer_names: false,
            accept_closed: false,
            newest_sequence: None,
            skew: 60,
            now,
        },
    )
}

/// How the verdict differs from what is expected.
fn difference(expected: &Value, got: &Result<TrustList, Reason>) -> Option<String> {
    match (expected["result"].as_str().unwrap(), got) {
        ("either", _) => None,
        ("accept", Ok(list)) => {
            let output = &expected["output"];
            let next = output["next_update"].as_str().map(|text| UnixSeconds::from_utc_text(text).unwrap());
            let territory = output["territory"].as_str();
            let fits = territory.is_none_or(|wanted| list.territory.as_deref() == Some(wanted))
                && next.is_none_or(|wanted| list.next_update == wanted);
            let entities: BTreeSet<&str> = list.services.iter().map(|service| service.entity.as_str()).collect();
            let left_out: BTreeSet<usize> = list.skipped.iter().map(|skipped| skipped.entity).collect();
            let none = output["providers"] == 0;
            let counted = !none || (entities.is_empty() && left_out.is_empty());
            (!fits || !counted).then(|| format!("{:?} {:?}", list.territory, list.next_update))
        }
        ("reject", Err(reason)) => {
            let code = reason.code.as_str();
            let any = expected["error_any_of"].as_array();
            let fits = any.map_or_else(|| expected["error"] == code, |codes| codes.iter().any(|one| one == code));
            (!fits).then(|| reason.to_string())
        }
        (wanted, Ok(_)) => Some(format!("accepted instead of {wanted}")),
        (wanted, Err(reason)) => Some(format!("{reason} instead of {wanted}")),
    }
}

#[test]
fn lists_of_others() {
    let Some(folder) = shared::folder() else { return };
    let known: BTreeMap<&str, &str> = XML_LISTS.iter().copied().collect();
    let (mut run, mut skipped, mut accepted, mut problems, mut met) = (0, 0, 0, Vec::new(), BTreeSet::new());
    for name in FILES {
        let Some(file) = shared::json(name) else {
            skipped += 1;
            continue;
        };
        let groups = file["groups"].as_array().unwrap();
        let cases: Vec<&Value> = groups.iter().flat_map(|group| group["cases"].as_array().unwrap()).collect();
        assert_eq!(Some(cases.len() as u64), file["case_count"].as_u64(), "{name} is not whole");
        for case in cases {
            let document = match (&case["input"]["xml"], &case["input"]["file"]) {
                (Value::String(xml), _) => xml.clone().into_bytes(),
                (_, Value::String(path)) => std::fs::read(folder.join("trust-lists").join(path)).unwrap(),
                other => panic!("{other:?}"),
            };
            run += 1;
            let id = case["id"].as_str().unwrap();
            let got = judge(&document, &case["config"]);
            accepted += usize::from(got.is_ok());
            let verdict = got.as_ref().map_or_else(ToString::to_string, |list| {
                format!(
                    "{} services, {} left out, {} pointers",
                    list.services.len(),
                    list.skipped.len(),
                    list.pointers.len()
                )
            });
            eprintln!("  {id}: {verdict}");
            match (difference(&case["expected"], &got), known.contains_key(id)) {
                (Some(_), true) => drop(met.insert(id.to_owned())),
                (Some(text), false) => problems.push(format!("{id} ({}): {text}", case["comment"])),
                (None, true) => problems.push(format!("{id} ends as expected after all, take it off the list")),
                (None, false) => {}
            }
        }
    }
    eprintln!("external vectors: {run} run, {skipped} skipped, {} known differences, {accepted} accepted", met.len());
    for id in &met {
        eprintln!("  {id}: {}", known[id.as_str()]);
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    if skipped == 0 {
        assert!(run >= 17 && accepted >= 4, "{run} run, {accepted} accepted");
        assert_eq!(met.len(), known.len(), "listed, but there is no such difference");
    }
}

#[test]
fn services_of_member_states_are_read_with_what_limits_them() {
    // TL-14, TL-20: real lists, whose services say as critical for what they count.
    let Some(file) = shared::json(FILES[0]) else { return };
    let cases = file["groups"][0]["cases"].as_array().unwrap();
    let kind = |word: &str| vec![format!("http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/{word}")];
    let (signatures, sites) = (kind("ForeSignatures"), kind("ForWebSiteAuthentication"));
    for (name, read, unlimited, for_signatures, for_sites) in
        [("fi-v6.xml", 19, 8, 11, 8), ("dk_tl-sn21.xml", 1, 0, 1, 0)]
    {
        let id = format!("dss-{name}");
        let case = cases.iter().find(|case| case["id"] == id.as_str()).unwrap();
        let Ok(document) = std::fs::read(shared::folder().unwrap().join("trust-lists/dss").join(name)) else {
            continue;
        };
        let list = judge(&document, &case["config"]).unwrap();
        let count = |wanted: &[String]| list.services.iter().filter(|service| service.scope.admits(wanted)).count();
        assert_eq!((list.services.len(), list.skipped.len()), (read, 0), "{name}: {:?}", list.skipped);
        assert_eq!((count(&[]), count(&signatures), count(&sites)), (unlimited, for_signatures, for_sites), "{name}");
    }
}

#[test]
fn the_list_of_lists_points_to_all_member_states() {
    // TL-20: the real list, with the certificate that signed it pinned by hand.
    let Some(file) = shared::json(FILES[0]) else { return };
    let cases = file["groups"][0]["cases"].as_array().unwrap();
    let case = cases.iter().find(|case| case["id"] == "dss-eu-lotl.xml").unwrap();
    let Ok(document) = std::fs::read(shared::folder().unwrap().join("trust-lists/dss/eu-lotl.xml")) else { return };
    let list = judge(&document, &case["config"]).unwrap();
    assert_eq!(pivot::announced_pivots(&document).unwrap(), Vec::<String>::new());
    assert_eq!(pivot::pointers(&list, pivot::LIST_OF_LISTS).count(), 1);
    let national: BTreeSet<&str> =
        pivot::pointers(&list, pivot::NATIONAL_LIST).filter_map(|pointer| pointer.territory.as_deref()).collect();
    assert!(national.len() >= 27 && national.contains("DE") && national.contains("EL"), "{national:?}");
    assert!(pivot::pointers(&list, pivot::NATIONAL_LIST).all(|pointer| !pointer.signers.is_empty()));
    // Pinned to anybody else it is nothing.
    let mut other = case["config"].clone();
    other["trust"]["signer_certs"] =
        cases.iter().find(|case| case["id"] == "dss-fi-v6.xml").unwrap()["config"]["trust"]["signer_certs"].clone();
    assert!(judge(&document, &other).is_err());
}
