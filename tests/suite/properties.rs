//! Properties that hold for every input: changed presentations, disclosures against an independent model, values of
//! any type in the place of control claims.

use crate::stage::{Scene, world};
use proptest::prelude::*;
use pruefstein::adapters::entropy::OsEntropy;
use pruefstein::app::ports::Entropy as _;
use pruefstein::domain::dcql::DcqlQuery;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::hash::HashAlgorithm;
use pruefstein::domain::reason::Code;
use pruefstein::domain::sd_jwt::disclose::disclose;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::verify::response::ResponseForm;
use pruefstein::vectors::make::world::{digest, encode};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

// ---- changed presentations ---------------------------------------------------------------------------------------

/// Every way to change one byte that is tried at this position. In the header, which is long because of its certificates,
/// three of the eight bits are flipped at each place; everywhere else all of them.
fn mutants(text: &[u8], place: usize) -> Vec<Vec<u8>> {
    let in_header = !text[..place].contains(&b'.');
    let mut changed = Vec::new();
    let mut with = |byte: u8| {
        if byte != text[place] {
            let mut mutant = text.to_vec();
            mutant[place] = byte;
            changed.push(mutant);
        }
    };
    // Single bits, and a character that means something to some parser.
    let bits = (0..8).filter(|bit| !in_header || (bit + place) % 8 < 3);
    bits.for_each(|bit| with(text[place] ^ (1 << bit)));
    with(b"~.=\"{} \0"[place % 8]);
    let mut without = text.to_vec();
    without.remove(place);
    changed.push(without);
    let mut doubled = text.to_vec();
    doubled.insert(place, text[place]);
    changed.push(doubled);
    changed
}

fn presentations() -> Vec<(&'static str, String)> {
    let with = |change: &dyn Fn(&mut Scene)| {
        let mut scene = Scene::good();
        change(&mut scene);
        scene.presentation()
    };
    vec![("recursive disclosures", with(&|_| ())), ("no disclosures", with(&|scene| scene.token.disclosures.clear()))]
}

#[test]
fn one_changed_byte_refuses_a_presentation() {
    // GEN-12.
    let scene = Scene::good();
    let (trust, policy) = (scene.trust(), scene.policy());
    let mut count = 0;
    for (name, text) in presentations() {
        // One cache for all, as in the service: it must not let a mutant pass.
        let chains = ChainCache::default();
        assert_eq!(scene.judge_text_with(&text, &trust, &policy, &chains), Ok(()), "{name}");
        for place in 0..text.len() {
            for mutant in mutants(text.as_bytes(), place) {
                // What is no text is refused where the form is read.
                let Ok(mutant) = String::from_utf8(mutant) else { continue };
                if mutant == text {
                    continue;
                }
                count += 1;
                let verdict = scene.judge_text_with(&mutant, &trust, &policy, &chains);
                assert!(verdict.is_err(), "{name}: accepted with a change at {place}:\n{mutant}");
            }
        }
    }
    eprintln!("{count} changed presentations, all refused");
    assert!(count > 20_000, "{count}");
}

#[test]
fn one_changed_byte_refuses_an_encrypted_answer() {
    // GEN-12.
    let scene = Scene::good();
    let chains = ChainCache::default();
    let form = scene.form();
    let jwe = form.response.clone().unwrap();
    assert!(scene.judge_form(&form, &chains).is_ok());
    // The ciphertext is one long text under one tag: its ends and a sample of its middle stand for all of it.
    let places = (0..jwe.len()).filter(|place| *place < 450 || place % 29 == 0 || *place + 60 > jwe.len());
    let mut count = 0;
    for place in places {
        for mutant in mutants(jwe.as_bytes(), place) {
            let Ok(mutant) = String::from_utf8(mutant) else { continue };
            count += 1;
            let form = ResponseForm { response: Some(mutant), ..ResponseForm::default() };
            assert!(scene.judge_form(&form, &chains).is_err(), "accepted with a change at {place}");
        }
    }
    eprintln!("{count} changed answers, all refused");
    assert!(count > 2_000, "{count}");
}

#[test]
fn one_changed_byte_in_either_of_two_credentials_refuses_the_answer() {
    let mut scene = Scene::good();
    scene.query["credentials"][0]["multiple"] = json!(true);
    let first = scene.presentation();
    scene.token.proof["jti"] = json!("second");
    let second = scene.presentation();
    let chains = ChainCache::default();
    let judge = |first: &str, second: &str| {
        let mut scene = Scene::good();
        scene.query["credentials"][0]["multiple"] = json!(true);
        scene.entries = json!({"identity": [first, second]});
        scene.judge_form(&scene.form(), &chains).is_ok()
    };
    assert!(judge(&first, &second));
    let mut count = 0;
    for place in (0..first.len().min(second.len())).step_by(53) {
        for (text, is_first) in [(&first, true), (&second, false)] {
            for mutant in mutants(text.as_bytes(), place) {
                let Ok(mutant) = String::from_utf8(mutant) else { continue };
                if mutant == *text {
                    continue;
                }
                count += 1;
                let accepted = if is_first { judge(&mutant, &second) } else { judge(&first, &mutant) };
                assert!(!accepted, "accepted with a change at {place}");
            }
        }
    }
    assert!(count > 300, "{count}");
}

// ---- disclosures against an independent model --------------------------------------------------------------------

/// Claims in which each member and element is in the clear or in a disclosure of its own. The model knows nothing of
/// digests: what remains follows from the tree and from which disclosures are sent.
#[derive(Debug, Clone)]
enum Node {
    Leaf(Value),
    Object(Vec<(String, bool, Node)>),
    Array(Vec<(bool, Node)>),
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-zäß\u{1f600}]{0,4}".prop_map(Value::from),
    ];
    let leaf = leaf.prop_map(Node::Leaf);
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::btree_map("[a-e]{1,2}", (any::<bool>(), inner.clone()), 0..4).prop_map(|members| {
                Node::Object(members.into_iter().map(|(name, (hidden, node))| (name, hidden, node)).collect())
            }),
            prop::collection::vec((any::<bool>(), inner), 0..4).prop_map(Node::Array),
        ]
    })
}

fn object() -> impl Strategy<Value = Node> {
    prop::collection::btree_map("[a-e]{1,2}", (any::<bool>(), node()), 0..5).prop_map(|members| {
        Node::Object(members.into_iter().map(|(name, (hidden, node))| (name, hidden, node)).collect())
    })
}

/// Writes the tree as an issuer would: the concealed value, and the disclosures with the one that each stands in.
fn issue(node: &Node, parent: Option<usize>, disclosures: &mut Vec<(String, Option<usize>)>) -> Value {
    // A place is taken before what is below is written, so that children can point to it.
    let conceal = |name: Option<&str>, inner: &Node, disclosures: &mut Vec<(String, Option<usize>)>| {
        let place = disclosures.len();
        disclosures.push((String::new(), parent));
        let value = issue(inner, Some(place), disclosures);
        let text = match name {
            Some(name) => encode(&json!([format!("salt {place}"), name, value])),
            None => encode(&json!([format!("salt {place}"), value])),
        };
        let hash = digest(&text);
        disclosures[place].0 = text;
        hash
    };
    match node {
        Node::Leaf(value) => value.clone(),
        Node::Object(members) => {
            let (mut written, mut digests) = (Map::new(), Vec::new());
            for (name, hidden, inner) in members {
                if *hidden {
                    digests.push(Value::from(conceal(Some(name), inner, disclosures)));
                } else {
                    written.insert(name.clone(), issue(inner, parent, disclosures));
                }
            }
            if !digests.is_empty() {
                digests.push(Value::from(digest(&format!("decoy beside {digests:?}"))));
                written.insert("_sd".to_owned(), Value::Array(digests));
            }
            Value::Object(written)
        }
        Node::Array(items) => {
            let items = items.iter().map(|(hidden, inner)| {
                if *hidden {
                    json!({"...": conceal(None, inner, disclosures)})
                } else {
                    issue(inner, parent, disclosures)
                }
            });
            items.collect()
        }
    }
}

/// What a verifier must see of the tree. `count` numbers the disclosures in the order in which they were issued.
fn seen(node: &Node, sent: &[bool], count: &mut usize) -> Value {
    let shown = |hidden: bool, count: &mut usize| {
        if !hidden {
            return true;
        }
        *count += 1;
        sent[*count - 1]
    };
    match node {
        Node::Leaf(value) => value.clone(),
        Node::Object(members) => {
            let mut visible = Map::new();
            for (name, hidden, inner) in members {
                let shown = shown(*hidden, count);
                let value = seen(inner, sent, count);
                if shown {
                    visible.insert(name.clone(), value);
                }
            }
            Value::Object(visible)
        }
        Node::Array(items) => {
            let mut visible = Vec::new();
            for (hidden, inner) in items {
                let shown = shown(*hidden, count);
                let value = seen(inner, sent, count);
                if shown {
                    visible.push(value);
                }
            }
            Value::Array(visible)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// SDJ-27, SDJ-29, SDJ-31, SDJ-32, case JSN-016: a set of disclosures that is closed under "parent sent" gives what
    /// the model gives; any other set is refused.
    #[test]
    fn disclosures_are_processed_as_the_model_does(
        tree in object(),
        choice in prop::collection::vec(any::<bool>(), 64),
        close in any::<bool>(),
        turn in 0..64_usize,
    ) {
        let mut disclosures = Vec::new();
        let payload = issue(&tree, None, &mut disclosures);
        prop_assume!(disclosures.len() <= choice.len());
        let mut sent: Vec<bool> = choice[..disclosures.len()].to_vec();
        if close {
            // Parents come before their children.
            for place in 0..sent.len() {
                sent[place] &= disclosures[place].1.is_none_or(|parent| sent[parent]);
            }
        }
        let is_closed = (0..sent.len()).all(|place| !sent[place] || disclosures[place].1.is_none_or(|parent| sent[parent]));
        let mut texts: Vec<&str> =
            disclosures.iter().zip(&sent).filter(|(_, sent)| **sent).map(|((text, _), _)| text.as_str()).collect();
        if !texts.is_empty() {
            let places = texts.len();
            texts.rotate_left(turn % places);
        }
        let result = disclose(payload.as_object().unwrap().clone(), &texts, HashAlgorithm::Sha256, &[]);
        if is_closed {
            let expected = seen(&tree, &sent, &mut 0);
            prop_assert_eq!(result.map(Value::Object), Ok(expected));
        } else {
            prop_assert_eq!(result.unwrap_err().code, Code::SdjwtDisclosureUnreferenced);
        }
    }
}

// ---- values of any type in control claims ------------------------------------------------------------------------

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (1_772_000_000_i64..1_780_000_000).prop_map(Value::from),
        any::<f64>().prop_map(|number| serde_json::Number::from_f64(number).map_or(Value::Null, Value::Number)),
        "[ -~]{0,12}".prop_map(Value::from),
        "[0-9]{1,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::hash_map("jwk|status_list|idx|uri|x", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// SVC-014, JSN-007, KBJ-019: a control claim of another type is never taken for an absent one.
    #[test]
    fn control_claims_have_their_type_or_are_refused(
        name in prop::sample::select(vec!["exp", "nbf", "iat", "cnf", "vct", "status", "aka_vcts", "vct#integrity"]),
        value in any_value(),
        in_proof in any::<bool>(),
    ) {
        let mut scene = Scene::good();
        let chains = ChainCache::default();
        if in_proof {
            for (claim, wanted) in [("iat", Value::is_number as fn(&Value) -> bool), ("nonce", Value::is_string), ("aud", Value::is_string)] {
                let mut scene = Scene::good();
                scene.token.proof[claim] = value.clone();
                let accepted = scene.judge_text(&scene.presentation(), &chains).is_ok();
                prop_assert!(!accepted || wanted(&value), "{} {}", claim, value);
            }
        }
        scene.token.payload[name] = value.clone();
        let accepted = scene.judge_text(&scene.presentation(), &chains).is_ok();
        let fits = match name {
            "exp" | "nbf" | "iat" => value.is_number(),
            "cnf" | "status" => value.is_object(),
            "aka_vcts" => value.is_array(),
            _ => value.is_string(),
        };
        prop_assert!(!accepted || fits, "{} {}", name, value);
    }
}

// ---- the rest of the catalogue -----------------------------------------------------------------------------------

#[test]
fn no_encryption_key_is_offered_twice() {
    // JWE-026: a sample; what makes the keys is the operating system's source through the crypto library.
    let mut seen = HashSet::new();
    for _ in 0..2_000 {
        let (_, kid) = OsEntropy.encryption_key().unwrap().announced_jwk().unwrap();
        assert!(seen.insert(kid), "a key twice");
    }
}

#[test]
fn a_query_that_asks_for_more_is_not_within_another() {
    // DCQ-023: what a caller may ask is decided by this comparison.
    let query = |claims: Value| {
        let mut credential = json!({"id": "i", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:example:t"]}});
        if claims.is_array() {
            credential["claims"] = claims;
        }
        DcqlQuery::parse(&json!({"credentials": [credential]})).unwrap()
    };
    let registered = query(json!([{"path": ["family_name"]}, {"path": ["address"]}]));
    assert!(query(json!([{"path": ["family_name"]}])).is_within(&registered));
    assert!(query(json!([{"path": ["address", "locality"]}])).is_within(&registered));
    assert!(!query(json!([{"path": ["birthdate"]}])).is_within(&registered));
    assert!(!query(json!([{"path": ["family_name"]}, {"path": ["birthdate"]}])).is_within(&registered));
}

#[test]
fn the_scene_is_sound() {
    let scene = Scene::good();
    let parts: Vec<&str> = scene.token.disclosures.iter().map(String::as_str).collect();
    assert!(parts.iter().all(|text| base64::decode_url(text).is_ok()));
    assert_eq!(scene.judge_text(&scene.presentation(), &ChainCache::default()), Ok(()));
    assert_eq!(world().nonce().len(), 22);
}
