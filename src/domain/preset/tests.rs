use super::*;
use crate::domain::dcql::{Candidate, Rules, Types, check_sets, evaluate, lint};
use serde_json::json;

fn preset(id: &str) -> Preset {
    shipped().unwrap().into_iter().find(|preset| preset.id == id).unwrap()
}

fn sd_jwt_only(format: &Format) -> bool {
    *format == Format::SdJwtVc
}

#[test]
fn thirteen_presets_ship_and_each_is_in_order() {
    let presets = shipped().unwrap();
    let ids: Vec<_> = presets.iter().map(|preset| preset.id.as_str()).collect();
    assert!(ids.is_sorted() && ids.len() == 13, "{ids:?}");
    for preset in &presets {
        // DEU-05: nobody is told apart by a number that German PIDs lack.
        assert!(!preset.query.as_json().to_string().contains("personal_administrative_number"), "{}", preset.id);
        // Nothing to find, neither in the whole nor in what is sent today.
        assert_eq!(lint(&preset.query, |format| !matches!(format, Format::Other(_))), [], "{}", preset.id);
        let sent = preset.sendable(sd_jwt_only).unwrap();
        assert_eq!(lint(&sent, sd_jwt_only), [], "{}", preset.id);
        assert!(sent.credentials().iter().all(|credential| sd_jwt_only(credential.format())), "{}", preset.id);
        assert!(sent.is_within(&preset.query) && preset.is_within(preset), "{}", preset.id);
        assert_eq!(&preset.sendable(|_| true).unwrap(), &preset.query, "{}", preset.id);
    }
}

#[test]
fn placeholders_are_for_tests_only() {
    let marked: Vec<_> = shipped().unwrap().into_iter().filter(Preset::test_only).map(|preset| preset.id).collect();
    assert_eq!(marked, ["sozialpass", "sozialpass-mit-person"]);
}

#[test]
fn members_are_read() {
    let preset = preset("alter-ab-18-eu");
    assert_eq!((preset.version, preset.acr_min), (1, AssuranceLevel::Low));
    assert_eq!(preset.title.de, "Altersnachweis ab 18 (andere EU-Staaten)");
    assert!(preset.purpose.en.ends_with("not stored."));
    let derive = vec![Derivation { age_over: 18, from: "birthdate".into(), drop_source: true }];
    assert_eq!(preset.result, ResultRules { delete_after_delivery: true, ttl_seconds: 120, derive });
}

#[test]
fn all_faults_come_out_at_once() {
    let faults = Preset::parse(&json!({
        "id": "Ä", "version": 0, "title": {"de": "x", "fr": "y"}, "purpose": "x", "acr_min": "high",
        "result": {"delete_after_delivery": "true", "ttl_seconds": 86_401,
                   "derive": [{"age_over": 18.5, "from": "", "drop_source": null}]},
        "dcql_query": {"credentials": []}, "extra": 1
    }))
    .unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        [
            "/id",
            "/version",
            "/title/en",
            "/purpose",
            "/acr_min",
            "/result/delete_after_delivery",
            "/result/ttl_seconds",
            "/result/derive/0/age_over",
            "/result/derive/0/from",
            "/result/derive/0/drop_source",
            "/dcql_query/credentials",
            "/extra",
            "/title/fr",
        ]
    );
    let missing: Vec<_> = Preset::parse(&json!({})).unwrap_err().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(missing, ["/id", "/version", "/title", "/purpose", "/acr_min", "/result", "/dcql_query"]);
    for wrong in ["", "[]", "{\"id\":1,\"id\":1}"] {
        assert_eq!(Preset::parse_text(wrong).unwrap_err()[0].pointer, "", "{wrong}");
    }
}

#[test]
fn what_is_derived_is_asked_for() {
    let mut json: Value = serde_json::from_str(SHIPPED[1]).unwrap();
    json["result"]["derive"][0]["from"] = json!("birth_date");
    let faults = Preset::parse(&json).unwrap_err();
    assert_eq!((faults.len(), faults[0].pointer.as_str()), (1, "/result/derive/0/from"));
}

#[test]
fn what_is_sent_leaves_out_what_cannot_be_verified() {
    let sent = preset("bewohnerparken").sendable(sd_jwt_only).unwrap();
    let ids: Vec<_> = sent.credentials().iter().map(CredentialQuery::id).collect();
    assert_eq!(ids, ["pid-de-sdjwt", "pid-eu-sdjwt"]);
    assert_eq!(
        sent.as_json()["credential_sets"],
        json!([{"options": [["pid-de-sdjwt"], ["pid-eu-sdjwt"]], "required": true}])
    );
    // One alternative is left, and it keeps its set.
    let sent = preset("sozialpass-mit-person").sendable(sd_jwt_only).unwrap();
    assert_eq!(sent.as_json()["credential_sets"][0]["options"], json!([["sozialpass", "pid-de-sdjwt"]]));
    assert_eq!(sent.credentials().len(), 2);
    // The other way round only the mdoc is left.
    let mdoc = |format: &Format| *format == Format::Mdoc;
    assert_eq!(preset("schalter").sendable(mdoc).unwrap().credentials().len(), 1);
    for id in ["sozialpass", "sozialpass-mit-person"] {
        assert_eq!(preset(id).sendable(mdoc).unwrap_err().code, Code::InvalidQuery, "{id}");
    }
    assert_eq!(preset("schalter").sendable(|_| false).unwrap_err().code, Code::InvalidQuery);
}

#[test]
fn what_only_a_removed_option_named_is_removed_too() {
    let credential = |id: &str, format: &str| {
        let meta = if format == "mso_mdoc" { json!({"doctype_value": "x"}) } else { json!({"vct_values": ["x"]}) };
        json!({"id": id, "format": format, "meta": meta})
    };
    let with = |sets: Value| {
        let mut preset = preset("schalter");
        preset.query = DcqlQuery::parse(&json!({
            "credentials": [credential("a", "dc+sd-jwt"), credential("b", "dc+sd-jwt"), credential("m", "mso_mdoc"),
                            credential("unnamed", "dc+sd-jwt")],
            "credential_sets": sets
        }))
        .unwrap();
        let sent = preset.sendable(sd_jwt_only).map_err(|reason| reason.code)?;
        let ids = sent.credentials().iter().map(|credential| credential.id().to_owned()).collect::<Vec<_>>();
        Ok((ids, sent.as_json()["credential_sets"].clone()))
    };
    let sent = with(json!([{"options": [["a"]]}, {"options": [["b", "m"]], "required": false}]));
    assert_eq!(sent, Ok((vec!["a".into(), "unnamed".into()], json!([{"options": [["a"]]}]))));
    assert_eq!(with(json!([{"options": [["a"]]}, {"options": [["b", "m"]]}])), Err(Code::InvalidQuery));
    // Without any set left the meaning would turn round: every credential would be demanded.
    assert_eq!(with(json!([{"options": [["m"]], "required": false}])), Err(Code::InvalidQuery));
}

#[test]
fn a_copy_may_only_be_smaller() {
    let whole = preset("alter-ab-18-eu");
    let changed = |change: fn(&mut Preset)| {
        let mut copy = whole.clone();
        change(&mut copy);
        copy.is_within(&whole)
    };
    assert!(changed(|copy| copy.title.de = "Anders".into()));
    assert!(changed(|copy| copy.result.ttl_seconds = 60));
    assert!(changed(|copy| copy.acr_min = AssuranceLevel::High));
    assert!(changed(|copy| copy.query = copy.sendable(sd_jwt_only).unwrap()));
    assert!(!changed(|copy| copy.purpose.de = "Anders".into()));
    assert!(!changed(|copy| copy.result.ttl_seconds = 900));
    assert!(!changed(|copy| copy.result.delete_after_delivery = false));
    assert!(!changed(|copy| copy.result.derive.clear()));
    assert!(!changed(|copy| copy.query = preset("bewohnerparken").query));
    let mut copy = preset("bewohnerparken");
    copy.acr_min = AssuranceLevel::Low;
    assert!(!copy.is_within(&preset("bewohnerparken")));
}

/// A test wallet: format, type, further types, claims.
type Wallet = Vec<(&'static str, &'static str, Vec<String>, Value)>;

fn german(address: bool, birthplace: bool) -> (&'static str, &'static str, Vec<String>, Value) {
    let mut claims = json!({
        "family_name": "MUSTERMANN", "given_name": "ERIKA", "birth_name": "", "title": "", "birthdate": "1983-08-00",
        "nationalities": ["DE"], "place_of_birth": {"no_place_info": true},
        "age_equal_or_over": {"12": true, "14": true, "16": true, "18": true, "21": true, "65": false},
        "issuing_country": "DE", "issuing_authority": "DE", "source_document_type": "ID"
    });
    if address {
        claims["address"] = json!({"street_address": "HEIDESTRAẞE 17", "postal_code": "51147", "locality": "KÖLN",
                                   "region": "NW", "country": "DE"});
    }
    if birthplace {
        claims["place_of_birth"] = json!({"locality": "BERLIN"});
    }
    ("dc+sd-jwt", "urn:eudi:pid:de:1", vec!["urn:eudi:pid:1".into()], claims)
}

fn german_mdoc() -> (&'static str, &'static str, Vec<String>, Value) {
    let claims = json!({
        "eu.europa.ec.eudi.pid.1": {
            "family_name": "MUSTERMANN", "given_name": "ERIKA", "birth_date": "1983-08-00", "nationality": ["DE"],
            "place_of_birth": {"locality": "BERLIN"}, "resident_street": "HEIDESTRAẞE 17",
            "resident_postal_code": "51147", "resident_city": "KÖLN", "resident_country": "DE"
        },
        "eu.europa.ec.eudi.pid.de.1": {"birth_name": "", "academic_title": "", "age_over_18": true}
    });
    ("mso_mdoc", "eu.europa.ec.eudi.pid.1", vec![], claims)
}

fn foreign() -> (&'static str, &'static str, Vec<String>, Value) {
    let claims = json!({"family_name": "Dupont", "given_name": "Jean", "birthdate": "1990-04-30", "nationalities": ["FR"],
                        "place_of_birth": {"country": "FR"}});
    ("dc+sd-jwt", "urn:eudi:pid:1", vec![], claims)
}

fn foreign_mdoc() -> (&'static str, &'static str, Vec<String>, Value) {
    let claims = json!({"eu.europa.ec.eudi.pid.1": {
        "family_name": "Dupont", "given_name": "Jean", "birth_date": "1990-04-30", "nationality": ["FR"],
        "place_of_birth": {"country": "FR"}
    }});
    ("mso_mdoc", "eu.europa.ec.eudi.pid.1", vec![], claims)
}

fn pass() -> (&'static str, &'static str, Vec<String>, Value) {
    let claims =
        json!({"family_name": "Mustermann", "given_name": "Erika", "berechtigt": true, "gueltig_bis": "2026-12-31"});
    ("dc+sd-jwt", "urn:example:kommune:sozialpass:1", vec![], claims)
}

/// What a wallet can answer: the first credential set option it can fill, and whether with the first claim sets.
fn played(query: &DcqlQuery, wallet: &Wallet) -> &'static str {
    let best: Vec<Option<usize>> = query
        .credentials()
        .iter()
        .map(|credential| {
            let sets = wallet.iter().filter_map(|(format, kind, aka_vcts, claims)| {
                let types =
                    if *format == "mso_mdoc" { Types::Doctype(kind) } else { Types::Vct { vct: kind, aka_vcts } };
                let claims = claims.as_object().unwrap();
                let candidate = Candidate { format, types, claims, authorities: &[], holder_bound: true };
                evaluate(credential, &candidate, Rules::default()).ok()
            });
            sets.map(|found| found.claim_set.unwrap_or(0)).min()
        })
        .collect();
    let satisfied: Vec<bool> = best.iter().map(Option::is_some).collect();
    let Ok(outcome) = check_sets(query, &satisfied) else { return "no match" };
    let used: Vec<usize> = if query.credential_sets().is_empty() {
        (0..best.len()).collect()
    } else {
        let chosen = query.credential_sets().iter().zip(outcome.options);
        chosen.filter_map(|(set, option)| Some(set.options()[option?].clone())).flatten().collect()
    };
    if used.iter().all(|&at| best[at] == Some(0)) { "full" } else { "reduced set" }
}

#[test]
fn six_test_wallets_answer_as_promised() {
    // PIDC-05, DEU-03: partial answers are answers, in capitals and with empty texts.
    const F: &str = "full";
    const R: &str = "reduced set";
    const N: &str = "no match";
    // German, German mdoc, German without address, birthplace unknown, other member state, the same as mdoc.
    let table = [
        ("bewohnerparken", [F, F, R, F, F, R]),
        ("wohnsitz-vorbereitung", [F, F, R, R, F, R]),
        ("bibliothek", [F, F, R, F, F, R]),
        ("alter-ab-18", [F, F, F, F, N, N]),
        ("hundesteuer", [F, F, R, F, F, R]),
        ("kita-bedarf", [F, F, R, F, F, R]),
        ("gewerbeanmeldung", [F, F, R, R, F, R]),
        ("meldebescheinigung", [F, F, F, F, F, R]),
        ("schalter", [F, F, F, F, F, F]),
        ("sozialpass", [F, F, F, F, F, F]),
        ("sozialpass-mit-person", [F, F, F, F, N, F]),
        ("servicekonto-voll", [F, F, R, R, F, R]),
    ];
    let wallets: [Wallet; 6] = [
        vec![german(true, true), pass()],
        vec![german_mdoc(), pass()],
        vec![german(false, true), pass()],
        vec![german(true, false), pass()],
        vec![foreign(), pass()],
        vec![foreign_mdoc(), pass()],
    ];
    for (id, expected) in table {
        let preset = preset(id);
        let sent = preset.sendable(sd_jwt_only).unwrap();
        for (column, (wallet, expected)) in wallets.iter().zip(expected).enumerate() {
            assert_eq!(played(&preset.query, wallet), expected, "{id}, column {column}");
            // What is sent today answers the same, but for the mdoc, which nobody is asked for.
            let today = if wallet[0].0 == "mso_mdoc" && id != "sozialpass" { N } else { expected };
            assert_eq!(played(&sent, wallet), today, "{id} as sent, column {column}");
        }
    }
    let companion = preset("alter-ab-18-eu");
    let answers: Vec<_> = wallets.iter().map(|wallet| played(&companion.query, wallet)).collect();
    assert_eq!(answers, [F; 6]);
    // Without further types a German PID is not a PID of another member state.
    let (format, kind, _, claims) = german(true, true);
    assert_eq!(played(&companion.query, &vec![(format, kind, vec![], claims)]), N);
}
