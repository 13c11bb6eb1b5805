//! Certification paths: x509-limbo through `x509::chain::validate`. Its subject are TLS servers; ours are issuers.

use crate::known_differences::LIMBO;
use crate::shared;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::certificate::SERVER_AUTH;
use pruefstein::domain::x509::chain::{self, Anchor, AnchorInChain, ChainRules};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn der(pem: &Value) -> Vec<u8> {
    let body: String = pem.as_str().unwrap().lines().filter(|line| !line.starts_with("-----")).collect();
    base64::decode_standard(&body).unwrap()
}

/// Seconds of `2023-07-10T00:00:00+00:00`; 1 January 2024 if there is none.
fn moment(text: Option<&str>) -> UnixSeconds {
    let Some(text) = text else { return UnixSeconds(1_704_067_200) };
    let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Days since the epoch by the formula for the proleptic Gregorian calendar, years beginning in March.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1 - 719_468;
    UnixSeconds(days * 86_400)
}

/// Intermediates are a set there, but a sequence in `x5c`: each certifies the one before it. Others come last.
fn in_order(leaf: &Certificate, mut given: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>, Code> {
    let mut ordered: Vec<Vec<u8>> = Vec::new();
    let mut issuer = leaf.issuer.clone();
    loop {
        let next = given.iter().position(|der| Certificate::read(der).is_ok_and(|found| found.subject == issuer));
        let Some(next) = next else { break };
        let der = given.remove(next);
        issuer = Certificate::read(&der).map_err(|reason| reason.code)?.issuer;
        ordered.push(der);
    }
    ordered.extend(given);
    Ok(ordered)
}

fn judge(case: &Value) -> Result<(), Code> {
    let peer = der(&case["peer_certificate"]);
    let leaf = Certificate::read(&peer).map_err(|reason| reason.code)?;
    let given: Vec<Vec<u8>> = case["untrusted_intermediates"].as_array().unwrap().iter().map(der).collect();
    let mut received = vec![peer];
    received.extend(in_order(&leaf, given)?);
    let roots = case["trusted_certs"].as_array().unwrap().iter().map(|pem| {
        let certificate = Certificate::read(&der(pem)).map_err(|reason| reason.code)?;
        Anchor::new(certificate).map_err(|reason| reason.code)
    });
    let roots = roots.collect::<Result<Vec<_>, _>>()?;
    let anchors: Vec<&Anchor> = roots.iter().collect();
    // The profile of these cases is that of servers: their leaves say so, and an issuer's leaf must not.
    let extended_key_usage = (!leaf.extended_key_usage.is_empty()).then_some(SERVER_AUTH);
    let rules = ChainRules { anchor_in_chain: AnchorInChain::Refuse, extended_key_usage };
    let now = moment(case["validation_time"].as_str());
    chain::validate(&received, &anchors, rules, now).map(|_| ()).map_err(|reason| reason.code)
}

#[test]
fn limbo() {
    let Some(file) = shared::json("x509/x509-limbo/limbo-2023-subset.json") else { return };
    let known: BTreeMap<&str, &str> = LIMBO.iter().copied().collect();
    let (mut run, mut accepted, mut problems, mut met) = (0, 0, Vec::new(), BTreeSet::new());
    for case in file["testcases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let got = judge(case);
        run += 1;
        accepted += usize::from(got.is_ok());
        let differs = got.is_ok() != (case["expected_result"] == "SUCCESS");
        match (differs, known.contains_key(id)) {
            (true, true) => drop(met.insert(id)),
            (true, false) => problems.push(format!("{id}: expected {}, got {got:?}", case["expected_result"])),
            (false, true) => problems.push(format!("{id} ends as expected after all")),
            (false, false) => {}
        }
    }
    eprintln!("x509-limbo: {run} run, {accepted} accepted, {} known differences", met.len());
    for id in &met {
        eprintln!("  {id}: {}", known[id]);
    }
    assert!(run > 70, "{run}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(met.len(), known.len());
}
