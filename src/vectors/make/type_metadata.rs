//! Type metadata: documents, what they extend, and what of it is refused.

use super::draft::Draft;
use crate::domain::jose::hash::integrity as hash_of;
use crate::domain::limits::TYPE_METADATA_CHAIN;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Value, json};

const CHILD: &str = "https://types.example/residence/2";
const PARENT: &str = "https://types.example/residence/1";
const ROOT: &str = "https://types.example/identity";

/// The address and the text of each document.
fn resources(documents: &[(&str, String)]) -> Value {
    let answer = |body: &String| json!({"status": 200, "content_type": "application/json", "body": body});
    documents.iter().map(|(vct, body)| ((*vct).to_owned(), answer(body))).collect::<serde_json::Map<_, _>>().into()
}

fn input(documents: &[(&str, String)]) -> Value {
    json!({"vct": CHILD, "resources": resources(documents)})
}

fn hash(label: &str, text: &str) -> String {
    format!("{label}-{}", hash_of(label, text.as_bytes()).unwrap_or_default())
}

/// A document of the type itself, with further members.
fn child(more: Value) -> String {
    let mut document = json!({"vct": CHILD});
    super::world::merge(&mut document, super::draft::members(more));
    document.to_string()
}

/// The type itself and what it extends, each with one statement about the same claim.
fn pair(special: &Value, general: &Value) -> Value {
    let claim = |more: &Value| {
        let mut claim = json!({"path": ["address", "locality"]});
        super::world::merge(&mut claim, super::draft::members(more.clone()));
        json!([claim])
    };
    let parent = json!({"vct": PARENT, "claims": claim(general)}).to_string();
    input(&[(CHILD, child(json!({"extends": PARENT, "claims": claim(special)}))), (PARENT, parent)])
}

/// A chain of this many types.
fn chain(length: usize) -> Value {
    let name =
        |level: usize| if level == 0 { CHILD.to_owned() } else { format!("https://types.example/level/{level}") };
    let documents: Vec<(String, String)> = (0..length)
        .map(|level| {
            let mut document = json!({"vct": name(level)});
            if level + 1 < length {
                document["extends"] = json!(name(level + 1));
            }
            (name(level), document.to_string())
        })
        .collect();
    input(&documents.iter().map(|(vct, text)| (vct.as_str(), text.clone())).collect::<Vec<_>>())
}

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "vct-resolve",
        "Type metadata: a type, what it extends, and the rules that follow",
        "Logos and templates are not fetched. Chains may have eight types.",
        &["draft-ietf-oauth-sd-jwt-vc-18 sections 4, 5 and 6.3", "W3C Subresource Integrity section 3"],
    );
    accepted(&mut draft);
    references(&mut draft);
    chains(&mut draft);
    loosened(&mut draft);
    forms(&mut draft);
    draft.finish()
}

fn accepted(draft: &mut Draft) {
    let whole = child(json!({
        "name": "for developers",
        "unknown": {"to": "be ignored"},
        "display": [
            {"locale": "de-DE", "name": "Meldebestätigung", "rendering": {"simple": {"logo": {"uri": "https://types.example/logo.png"}}}},
            {"locale": "en", "name": "Certificate of residence", "description": "Where somebody lives"},
        ],
        "claims": [
            {"path": ["address"], "sd": "always", "mandatory": true, "display": [{"locale": "de", "label": "Anschrift"}]},
            {"path": ["address", "locality"], "sd": "never", "svg_id": "address_locality", "more": 1},
            {"path": ["nationalities", null]},
            {"path": ["nationalities", 0]},
        ],
    }));
    let rule = |path: Value, display: Value, mandatory: bool, sd: &str| json!({"path": path, "display": display, "mandatory": mandatory, "sd": sd});
    draft
        .accept("tm-whole", "one document with everything", input(&[(CHILD, whole)]))
        .flags(&["Valid"])
        .output(json!({
            "vctValues": [CHILD],
            "mergedTypeMetadata": {
                "vct": CHILD,
                "display": [
                    {"locale": "de-DE", "name": "Meldebestätigung"},
                    {"locale": "en", "name": "Certificate of residence", "description": "Where somebody lives"},
                ],
                "claims": [
                    rule(json!(["address"]), json!([{"locale": "de", "label": "Anschrift"}]), true, "always"),
                    rule(json!(["address", "locality"]), json!([]), false, "never"),
                    rule(json!(["nationalities", null]), json!([]), false, "allowed"),
                    rule(json!(["nationalities", 0]), json!([]), false, "allowed"),
                ],
            },
        }))
        .spec(&["VC-41", "VC-42", "SD-JWT VC 4.2"]);
    draft
        .accept("tm-least", "a document that says nothing", input(&[(CHILD, child(Value::Null))]))
        .flags(&["Legal"])
        .spec(&["SD-JWT VC 4.2"]);
    let label = |path: Value, text: &str| json!({"path": path, "display": [{"locale": "en", "label": text}]});
    let parent = json!({"vct": PARENT, "extends": ROOT, "display": [{"locale": "en", "name": "Residence"}],
        "claims": [label(json!(["name"]), "Full name"), label(json!(["address", "city"]), "City")]})
    .to_string();
    let root = json!({"vct": ROOT, "display": [{"locale": "en", "name": "Identity"}],
        "claims": [{"path": ["name"], "mandatory": true}]})
    .to_string();
    let claims = json!([label(json!(["address", "city"]), "Town"), label(json!(["nationalities"]), "Nationalities")]);
    let special = child(json!({"extends": PARENT, "extends#integrity": hash("sha256", &parent), "claims": claims}));
    let documents = [(CHILD, special), (PARENT, parent), (ROOT, root)];
    draft
        .accept("tm-three-levels", "claims are inherited, overridden and added; names are inherited", input(&documents))
        .flags(&["Valid"])
        .output(json!({
            "vctValues": [CHILD, PARENT, ROOT],
            "mergedTypeMetadata": {
                "vct": CHILD,
                "display": [{"locale": "en", "name": "Residence"}],
                "claims": [
                    rule(json!(["name"]), json!([{"locale": "en", "label": "Full name"}]), true, "allowed"),
                    rule(json!(["address", "city"]), json!([{"locale": "en", "label": "Town"}]), false, "allowed"),
                    rule(json!(["nationalities"]), json!([{"locale": "en", "label": "Nationalities"}]), false, "allowed"),
                ],
            },
        }))
        .spec(&["VC-41", "VC-43", "SD-JWT VC 4.6.5"]);
    for (id, comment, special, general) in [
        ("tm-tightened-sd", "what may be disclosable must be", json!({"sd": "always"}), json!({"sd": "allowed"})),
        ("tm-tightened-never", "what may be disclosable must not be", json!({"sd": "never"}), json!({})),
        ("tm-same-sd", "the same word again", json!({"sd": "never"}), json!({"sd": "never"})),
        (
            "tm-tightened-mandatory",
            "what is optional is mandatory",
            json!({"mandatory": true}),
            json!({"mandatory": false}),
        ),
        ("tm-silent", "nothing is said of what is inherited", json!({}), json!({"sd": "always", "mandatory": true})),
    ] {
        draft.accept(id, comment, pair(&special, &general)).flags(&["Legal"]).spec(&["VC-47"]);
    }
    draft
        .accept("tm-longest-chain", "eight types in a row", chain(TYPE_METADATA_CHAIN))
        .flags(&["Boundary"])
        .spec(&["VC-45"]);
}

/// `vct_integrity`, `extends#integrity` and `vct`.
fn references(draft: &mut Draft) {
    let text = child(json!({"name": "A"}));
    let with = |integrity: &str| {
        let mut input = input(&[(CHILD, text.clone())]);
        input["vct_integrity"] = json!(integrity);
        input
    };
    for (id, comment, integrity) in [
        ("tm-integrity", "the document that the issuer means", hash("sha256", &text)),
        (
            "tm-integrity-strongest",
            "a weaker hash of something else does not matter",
            format!("{} {}", hash("sha256", "x"), hash("sha384", &text)),
        ),
    ] {
        draft.accept(id, comment, with(&integrity)).flags(&["Valid"]).spec(&["VC-43"]);
    }
    for (id, comment, base, integrity, spec) in [
        (
            "tm-integrity-other",
            "the issuer means another document",
            "tm-integrity",
            hash("sha256", "x"),
            "case SVC-008",
        ),
        (
            "tm-integrity-stronger-other",
            "the stronger hash is of another document",
            "tm-integrity-strongest",
            format!("{} {}", hash("sha256", &text), hash("sha512", "x")),
            "case SVC-008",
        ),
        (
            "tm-integrity-unknown",
            "a hash that is broken, and no other",
            "tm-integrity",
            "sha1-AAAA".to_owned(),
            "case SVC-009",
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", with(&integrity))
            .broken(base, "replace", "/vct_integrity")
            .to(json!(integrity))
            .flags(&["Metadata"])
            .spec(&["VC-43", spec]);
    }
    let other = json!({"vct": PARENT}).to_string();
    draft
        .refuse("tm-other-type", "the document of another type", "type_metadata_invalid", input(&[(CHILD, other)]))
        .broken("tm-least", "replace", "/resources")
        .flags(&["Metadata"])
        .spec(&["VC-42"]);
    let parent = json!({"vct": PARENT}).to_string();
    let extending = |integrity: Value, parent: &str| {
        input(&[
            (CHILD, child(json!({"extends": PARENT, "extends#integrity": integrity}))),
            (PARENT, parent.to_owned()),
        ])
    };
    draft
        .accept(
            "tm-extends-integrity",
            "the extended document that is meant",
            extending(json!(hash("sha512", &parent)), &parent),
        )
        .flags(&["Valid"])
        .spec(&["VC-43"]);
    for (id, comment, integrity, general, spec) in [
        (
            "tm-extends-integrity-other",
            "another document is extended",
            json!(hash("sha512", "x")),
            parent.clone(),
            "VC-43",
        ),
        ("tm-extends-integrity-weak", "no known hash", json!("md5-AAAA"), parent.clone(), "VC-43"),
        ("tm-extends-integrity-number", "a hash that is a number", json!(1), parent.clone(), "VC-43"),
        (
            "tm-extends-other-type",
            "the extended document is of another type",
            json!(hash("sha512", &child(Value::Null))),
            child(Value::Null),
            "VC-42",
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", extending(integrity, &general))
            .broken("tm-extends-integrity", "replace", "/resources")
            .flags(&["Metadata"])
            .spec(&[spec]);
    }
}

fn chains(draft: &mut Draft) {
    let child_of = |vct: &str| child(json!({"extends": vct}));
    let missing = |answer: Value| {
        let mut input = input(&[(CHILD, child_of(PARENT))]);
        input["resources"][PARENT] = answer;
        input
    };
    let body = json!({"vct": PARENT}).to_string();
    for (id, comment, input, spec) in [
        ("tm-missing", "there is no document", json!({"vct": CHILD, "resources": {}}), "VC-40"),
        ("tm-parent-missing", "what is extended is not there", input(&[(CHILD, child_of(PARENT))]), "VC-41"),
        (
            "tm-parent-404",
            "what is extended is not found",
            missing(json!({"status": 404, "content_type": "application/json", "body": body})),
            "VC-41",
        ),
        (
            "tm-parent-html",
            "what is extended is a page",
            missing(json!({"status": 200, "content_type": "text/html", "body": body})),
            "VC-41",
        ),
        ("tm-circle-itself", "a type that extends itself", input(&[(CHILD, child_of(CHILD))]), "VC-45"),
        (
            "tm-circle",
            "two types that extend each other",
            input(&[(CHILD, child_of(PARENT)), (PARENT, json!({"vct": PARENT, "extends": CHILD}).to_string())]),
            "VC-45",
        ),
        (
            "tm-circle-behind",
            "a circle that the type itself is not in",
            input(&[
                (CHILD, child_of(PARENT)),
                (PARENT, json!({"vct": PARENT, "extends": ROOT}).to_string()),
                (ROOT, json!({"vct": ROOT, "extends": PARENT}).to_string()),
            ]),
            "VC-45",
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", input)
            .broken("tm-three-levels", "replace", "/resources")
            .flags(&["Metadata"])
            .spec(&[spec]);
    }
    draft
        .refuse("tm-chain-too-long", "nine types in a row", "type_metadata_invalid", chain(TYPE_METADATA_CHAIN + 1))
        .broken("tm-longest-chain", "insert", "/resources")
        .flags(&["Boundary", "Exhaustion"])
        .spec(&["VC-45"]);
}

fn loosened(draft: &mut Draft) {
    for (id, comment, special, general) in [
        ("tm-loosened-always", "what must be disclosable may be", json!({"sd": "allowed"}), json!({"sd": "always"})),
        ("tm-turned-always", "what must be disclosable must not be", json!({"sd": "never"}), json!({"sd": "always"})),
        ("tm-loosened-never", "what must not be disclosable may be", json!({"sd": "allowed"}), json!({"sd": "never"})),
        ("tm-turned-never", "what must not be disclosable must be", json!({"sd": "always"}), json!({"sd": "never"})),
        (
            "tm-loosened-mandatory",
            "what is mandatory is optional",
            json!({"mandatory": false}),
            json!({"mandatory": true}),
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", pair(&special, &general))
            .broken("tm-silent", "replace", "/resources")
            .flags(&["Metadata"])
            .spec(&["VC-47"]);
    }
}

fn forms(draft: &mut Draft) {
    let claim = |claim: Value| child(json!({"claims": [claim]}));
    let display = |entry: Value| child(json!({"display": [entry]}));
    for (id, comment, text, spec) in [
        ("tm-no-json", "no JSON", "{".to_owned(), "4.2"),
        ("tm-array", "an array", "[]".to_owned(), "4.2"),
        ("tm-vct-twice", "a name that occurs twice", format!("{{\"vct\":\"{CHILD}\",\"vct\":\"{CHILD}\"}}"), "4.2"),
        ("tm-no-vct", "no vct", "{}".to_owned(), "4.2"),
        ("tm-name-number", "a name that is a number", child(json!({"name": 1})), "4.2"),
        ("tm-extends-array", "extends that is an array", child(json!({"extends": [PARENT]})), "4.2"),
        ("tm-display-object", "display that is an object", child(json!({"display": {}})), "4.5"),
        ("tm-display-no-locale", "a name without a language", display(json!({"name": "A"})), "4.5"),
        ("tm-display-no-name", "a language without a name", display(json!({"locale": "de"})), "4.5"),
        ("tm-display-locale", "a language that is none", display(json!({"locale": "de_DE", "name": "A"})), "4.5"),
        ("tm-claims-object", "claims that is an object", child(json!({"claims": {}})), "4.6"),
        ("tm-claim-text", "a claim that is a text", claim(json!("name")), "4.6"),
        ("tm-path-missing", "a claim without a path", claim(json!({})), "4.6.1"),
        ("tm-path-empty", "an empty path", claim(json!({"path": []})), "4.6.1"),
        ("tm-path-text", "a path that is a text", claim(json!({"path": "name"})), "4.6.1"),
        ("tm-path-negative", "a negative index", claim(json!({"path": ["a", -1]})), "4.6.1"),
        ("tm-path-fraction", "an index with a fraction", claim(json!({"path": ["a", 0.5]})), "4.6.1"),
        ("tm-path-true", "a path with true", claim(json!({"path": ["a", true]})), "4.6.1"),
        ("tm-path-null-first", "a path that begins at no claim", claim(json!({"path": [null]})), "4.6.1"),
        ("tm-sd-word", "another word for sd", claim(json!({"path": ["a"], "sd": "sometimes"})), "4.6.4"),
        ("tm-sd-null", "sd that is null", claim(json!({"path": ["a"], "sd": null})), "4.6.4"),
        ("tm-mandatory-text", "mandatory that is a text", claim(json!({"path": ["a"], "mandatory": "true"})), "4.6.3"),
        (
            "tm-label-missing",
            "a language without a label",
            claim(json!({"path": ["a"], "display": [{"locale": "de"}]})),
            "4.6.2",
        ),
        (
            "tm-svg-id-digit",
            "an identifier that begins with a digit",
            claim(json!({"path": ["a"], "svg_id": "1a"})),
            "4.6",
        ),
        (
            "tm-svg-id-twice",
            "an identifier that occurs twice",
            child(json!({"claims": [{"path": ["a"], "svg_id": "x"}, {"path": ["b"], "svg_id": "x"}]})),
            "4.6",
        ),
    ] {
        draft
            .refuse(id, comment, "type_metadata_invalid", input(&[(CHILD, text)]))
            .broken("tm-least", "replace", &format!("/resources/{}/body", CHILD.replace('/', "~1")))
            .flags(&["Structure"])
            .spec(&[&format!("SD-JWT VC {spec}")]);
    }
}
