//! Vectors that others made: the files in the format of `docs/vectors.md`, JSON documents, and the examples of RFC 7520.

use crate::known_differences::{COOKBOOK, FORMAT_FILES};
use crate::shared;
use pruefstein::domain::encoding::json;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::vectors::File;
use pruefstein::vectors::runner::{Summary, Verdict, run_file, verdict};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Files in the format whose types belong to this verifier. Those of DCQL have a test of their own.
const FILES: [&str; 17] = [
    "format/example.json",
    "openid4vp/spec-1.0/response_encryption.json",
    "sd-jwt/authlete.json",
    "sd-jwt/go-sd-jwt.json",
    "sd-jwt/oauth-sd-jwt-examples/compact.json",
    "sd-jwt/oauth-sd-jwt-examples/jws_json.json",
    "sd-jwt/rfc9901/compact.json",
    "sd-jwt/rfc9901/jws_json.json",
    "sd-jwt/sd-jwt-kotlin.json",
    "sd-jwt/sd-jwt-python/compact.json",
    "sd-jwt/sd-jwt-python/jws_json.json",
    "sd-jwt-vc/credo-ts.json",
    "sd-jwt-vc/draft-18/compact.json",
    "sd-jwt-vc/multipaz-bdr-pid.json",
    "status-list/spec/decode.json",
    "status-list/spec/referenced_token.json",
    "status-list/spec/token.json",
];

#[test]
fn files_in_the_format() {
    let Some(folder) = shared::folder() else { return };
    let known: BTreeMap<&str, &str> = FORMAT_FILES.iter().copied().collect();
    let mut summary = Summary::default();
    let mut skipped = 0;
    for name in FILES {
        let path = folder.join(name);
        if !path.is_file() {
            eprintln!("vectors of others: {name} is not there, skipped");
            skipped += 1;
            continue;
        }
        let file = File::read(&path).unwrap();
        summary.files.push(run_file(name, &file, &known));
    }
    eprintln!("{summary}");
    let met: BTreeSet<&str> = summary.files.iter().flat_map(|file| &file.known).map(String::as_str).collect();
    for id in &met {
        eprintln!("  {id}: {}", known[id]);
    }
    eprintln!("vectors of others: {} files, {skipped} skipped", summary.files.len());
    assert!(summary.is_good(), "{summary}");
    let stale: Vec<_> = known.keys().filter(|id| !met.contains(**id)).collect();
    assert!(skipped > 0 || stale.is_empty(), "listed, but there is no such difference: {stale:?}");
}

#[test]
fn json_documents() {
    // The names of the files say what must happen: y_ is JSON, n_ is none, i_ is left open.
    let Some(folder) = shared::folder() else { return };
    let folder = folder.join("json/JSONTestSuite");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("vectors of others: {} is not there, skipped", folder.display());
        return;
    };
    let (mut run, mut refused, mut problems) = (0, 0, Vec::new());
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let result = json::parse(&std::fs::read(&path).unwrap());
        run += 1;
        refused += usize::from(result.is_err());
        let wrong = match name.as_bytes()[0] {
            // Members that occur twice are JSON, but not the strict kind.
            b'y' if name.starts_with("y_object_duplicated_key") => result.is_ok(),
            b'y' => result.is_err(),
            b'n' => result.is_ok(),
            _ => false,
        };
        if wrong {
            problems.push(format!("{name}: {result:?}"));
        }
    }
    eprintln!("JSON documents: {run} run, {refused} refused");
    assert!(run > 200, "{run}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The signature algorithms of this verifier.
const SIGNATURES: [&str; 5] = ["ES256", "ES384", "ES512", "Ed25519", "PS256"];

#[test]
fn cookbook_of_rfc_7520() {
    let Some(folder) = shared::folder() else { return };
    let folder = folder.join("jose/rfc7520-cookbook");
    let known: BTreeMap<&str, &str> = COOKBOOK.iter().copied().collect();
    let (mut run, mut accepted, mut problems, mut met) = (0, 0, Vec::new(), BTreeSet::new());
    for part in ["jws", "jwe", "curve25519", "rfc7797"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else {
            eprintln!("vectors of others: RFC 7520, {part}: not there, skipped");
            return;
        };
        for path in entries.map(|entry| entry.unwrap().path()) {
            let example: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let Some(token) = example["output"]["compact"].as_str() else { continue };
            let input = &example["input"];
            let alg = input["alg"].as_str().unwrap_or_default();
            let mut key = input["key"].as_object().cloned().unwrap_or_default();
            let (kind, config, input, ours) = if token.split('.').count() == 5 {
                let ours = alg == "ECDH-ES"
                    && key["crv"] == "P-256"
                    && ["A128GCM", "A256GCM"].contains(&input["enc"].as_str().unwrap());
                ("jwe-decrypt", json!({"private_jwks": [key]}), json!({"jwe": token}), ours)
            } else {
                for private in ["d", "p", "q", "dp", "dq", "qi"] {
                    key.shift_remove(private);
                }
                ("jws-verify", json!({"issuer_jwks": [key]}), json!({"jws": token}), SIGNATURES.contains(&alg))
            };
            let object = |value: Value| -> Map<String, Value> { value.as_object().unwrap().clone() };
            let got = verdict(kind, &object(config), &object(input), &ChainCache::default());
            run += 1;
            accepted += usize::from(matches!(got, Verdict::Accepted(_)));
            let differs = matches!(got, Verdict::Accepted(_)) != ours;
            match (differs, known.contains_key(name.as_str())) {
                (true, true) => drop(met.insert(name)),
                (true, false) => problems.push(format!("{name} ({alg}): {got:?}")),
                (false, true) => problems.push(format!("{name} ends as expected after all")),
                (false, false) => {}
            }
        }
    }
    eprintln!("RFC 7520: {run} run, {accepted} accepted (all others use algorithms that do not exist here)");
    assert!(run > 15, "{run}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(met.len(), known.len());
}
