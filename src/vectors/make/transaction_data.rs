//! Answers to requests with transaction data: what the holder's proof confirms.

use super::draft::{Draft, Entry};
use super::presentation::{Maker, SECOND, config};
use super::world::{TYPE, Token, World, encode, merge, remove};
use crate::domain::encoding::base64;
use crate::domain::jose::hash::HashAlgorithm;
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Map, Value, json};

/// The type of what is authorised.
const APPROVAL: &str = "urn:example:vectors:approval:1";

const CODE: &str = "transaction_data_mismatch";

/// The text of an entry for these credentials.
fn entry(ids: &[&str], form: &str, offer: Option<&[&str]>) -> String {
    let mut object = json!({"type": APPROVAL, "credential_ids": ids, "form": form});
    if let Some(names) = offer {
        object["transaction_data_hashes_alg"] = json!(names);
    }
    encode(&object)
}

fn hash(algorithm: HashAlgorithm, text: &str) -> Value {
    json!(algorithm.digest_url(text.as_bytes()))
}

fn two56(text: &str) -> Value {
    hash(HashAlgorithm::Sha256, text)
}

/// Adds hashes, and an algorithm unless it is null, to a proof.
fn confirm(token: &mut Token, hashes: Value, algorithm: Value) {
    let mut claims = Map::new();
    claims.insert("transaction_data_hashes".to_owned(), hashes);
    if !algorithm.is_null() {
        claims.insert("transaction_data_hashes_alg".to_owned(), algorithm);
    }
    merge(&mut token.proof, claims);
}

struct Case<'w> {
    maker: Maker<'w>,
}

impl Case<'_> {
    /// The identity alone, asked for with these entries, whose proof is changed.
    fn one(&self, entries: &[&str], change: impl FnOnce(&mut Token)) -> Result<Value, VectorError> {
        let text = self.maker.identity().change(change).text()?;
        self.sent(self.maker.query(), entries, &json!({"identity": [text]}))
    }

    /// Identity and permit, whose proofs have these hashes.
    fn two(&self, entries: &[&str], identity: &[&str], permit: &[&str]) -> Result<Value, VectorError> {
        let with = |token: Token, texts: &[&str]| {
            token.change(|token| {
                if !texts.is_empty() {
                    confirm(token, texts.iter().map(|text| two56(text)).collect(), Value::Null);
                }
            })
        };
        let identity = with(self.maker.identity(), identity).text()?;
        let permit = with(self.maker.permit(), permit).text()?;
        self.sent(self.maker.two(), entries, &json!({"identity": [identity], "permit": [permit]}))
    }

    fn sent(&self, query: Value, entries: &[&str], presented: &Value) -> Result<Value, VectorError> {
        let mut input = self.maker.encrypted_for(query, &self.maker.answer(presented))?;
        if !entries.is_empty() {
            input["request"]["transaction_data"] = json!(entries);
        }
        Ok(input)
    }
}

fn shown(confirmed: &Value) -> Value {
    let claims = json!({"given_name": "LINA", "address": {"locality": "TESTSTADT"}});
    let mut shown = json!({"format": "dc+sd-jwt", "type": TYPE, "claims": claims});
    if confirmed.is_array() {
        shown["transaction_data"] = confirmed.clone();
    }
    json!([shown])
}

fn confirmed(index: usize, algorithm: HashAlgorithm, text: &str) -> Value {
    json!({"index": index, "algorithm": algorithm.name(), "hash": hash(algorithm, text)})
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "presentation-verify",
        "Transaction data",
        "Answers to requests that carry transaction data. Each entry is confirmed by a hash of its text in the proof of one \
         of the credentials that it names, and by nothing else. The order of the hashes is free.",
        &["OpenID4VP 1.0 sections 5.1 and 8.4, appendix B.3.3.1"],
    );
    let (config, keys) = config(world)?;
    draft.group("transaction-data", "an encrypted answer to a request with transaction data", config, keys);
    let case = Case { maker: Maker::new(world) };
    accepted(&mut draft, &case)?;
    hashes(&mut draft, &case)?;
    algorithms(&mut draft, &case)?;
    credentials(&mut draft, &case)?;
    draft.finish()
}

fn accepted(draft: &mut Draft, case: &Case<'_>) -> Result<(), VectorError> {
    use HashAlgorithm::{Sha256, Sha384, Sha512};
    let (one, two) = (entry(&["identity"], "A-17", None), entry(&["identity"], "B-2", None));
    let spaced = base64::encode_url(
        format!("{{ \"form\": \"A-17\",\n  \"credential_ids\": [\"identity\"], \"type\": \"{APPROVAL}\" }}").as_bytes(),
    );
    let offering = entry(&["identity"], "A-17", Some(&["sha-256"]));
    let choice = entry(&["identity"], "A-17", Some(&["sha-384", "sha-512"]));
    for (id, comment, entries, algorithm, named, flag, spec) in [
        ("txd-ok", "one entry, and its hash", vec![&*one], Sha256, Value::Null, "Valid", "TXD-05"),
        (
            "txd-white-space",
            "an entry that is written with white space",
            vec![&*spaced],
            Sha256,
            Value::Null,
            "Legal",
            "TXD-08",
        ),
        ("txd-two", "two entries, and their hashes", vec![&*one, &*two], Sha256, Value::Null, "Valid", "TXD-05"),
        (
            "txd-alg-named",
            "the default algorithm is named unasked",
            vec![&*one],
            Sha256,
            json!("sha-256"),
            "Legal",
            "TXD-06",
        ),
        (
            "txd-alg-offered",
            "an algorithm is offered, used and named",
            vec![&*offering],
            Sha256,
            json!("sha-256"),
            "Valid",
            "TXD-06",
        ),
        (
            "txd-alg-first",
            "the first of two that are offered",
            vec![&*choice],
            Sha384,
            json!("sha-384"),
            "Valid",
            "TXD-06",
        ),
        (
            "txd-alg-second",
            "the second of two that are offered",
            vec![&*choice],
            Sha512,
            json!("sha-512"),
            "Valid",
            "TXD-06",
        ),
    ] {
        let input = case.one(&entries, |token| {
            confirm(token, entries.iter().map(|text| hash(algorithm, text)).collect(), named);
        })?;
        let all: Value = entries.iter().enumerate().map(|(place, text)| confirmed(place, algorithm, text)).collect();
        draft
            .accept(id, comment, input)
            .flags(&[flag])
            .spec(&[spec])
            .output(json!({"credentials": {"identity": shown(&all)}}));
    }
    let reordered = case.one(&[&one, &two], |token| confirm(token, json!([two56(&two), two56(&one)]), Value::Null))?;
    let all = json!([confirmed(1, Sha256, &two), confirmed(0, Sha256, &one)]);
    draft
        .accept("txd-two-reordered", "two hashes in the other order: each says by itself what it is of", reordered)
        .flags(&["Legal"])
        .spec(&["TXD-05"])
        .output(json!({"credentials": {"identity": shown(&all)}}));
    let permit = |confirmed: Value| {
        let mut permit = json!({"format": "dc+sd-jwt", "type": SECOND, "claims": {}});
        if confirmed.is_array() {
            permit["transaction_data"] = confirmed;
        }
        json!([permit])
    };
    let either = entry(&["identity", "permit"], "A-17", None);
    let second = entry(&["permit"], "B-2", None);
    draft
        .accept("txd-either", "the second of two credentials that may confirm", case.two(&[&either], &[], &[&either])?)
        .flags(&["Valid"])
        .spec(&["TXD-07"])
        .output(json!({"credentials": {
            "identity": shown(&Value::Null), "permit": permit(json!([confirmed(0, Sha256, &either)]))
        }}));
    draft
        .accept(
            "txd-each-its-own",
            "two credentials, each confirms one of two entries",
            case.two(&[&either, &second], &[&either], &[&second])?,
        )
        .flags(&["Valid"])
        .spec(&["TXD-07"])
        .output(json!({"credentials": {
            "identity": shown(&json!([confirmed(0, Sha256, &either)])),
            "permit": permit(json!([confirmed(1, Sha256, &second)]))
        }}));
    Ok(())
}

fn changed<'d>(entry: Entry<'d>, base: &str, place: &str, to: Value, spec: &str) -> Entry<'d> {
    let entry =
        if to.is_null() { entry.broken(base, "remove", place) } else { entry.broken(base, "replace", place).to(to) };
    entry.signed("holder").flags(&["TransactionData"]).spec(&[spec])
}

const HASHES: &str = "kb_jwt.payload.transaction_data_hashes";
const ALGORITHM: &str = "kb_jwt.payload.transaction_data_hashes_alg";

fn hashes(draft: &mut Draft, case: &Case<'_>) -> Result<(), VectorError> {
    let (one, two) = (entry(&["identity"], "A-17", None), entry(&["identity"], "B-2", None));
    let entries = [&*one, &*two];
    let right = [two56(&one), two56(&two)];
    let decoded = |text: &str| json!(HashAlgorithm::Sha256.digest_url(&base64::decode_url(text).unwrap_or_default()));
    let spaced = base64::encode_url(
        format!("{{\"type\": \"{APPROVAL}\", \"credential_ids\": [\"identity\"], \"form\": \"A-17\"}}").as_bytes(),
    );
    let padded = json!(format!("{}=", right[0].as_str().unwrap_or_default()));
    for (id, comment, hashes, spec) in [
        ("txd-missing", "no hashes", Value::Null, "case TXD-001"),
        ("txd-part", "the hash of one of two entries", json!([right[0]]), "case TXD-001"),
        (
            "txd-extra",
            "a hash of something else beside the right ones",
            json!([right[0], right[1], two56("x")]),
            "case TXD-005",
        ),
        ("txd-other", "a hash of something else in place of one", json!([right[0], two56("x")]), "case TXD-005"),
        ("txd-twice", "one of two hashes twice", json!([right[0], right[0]]), "TXD-05"),
        ("txd-thrice", "both hashes, one of them twice", json!([right[0], right[1], right[0]]), "TXD-05"),
        ("txd-decoded", "hashes of the decoded objects", json!([decoded(&one), decoded(&two)]), "TXD-05"),
        (
            "txd-rewritten",
            "the hash of the same object, written otherwise",
            json!([two56(&spaced), right[1]]),
            "TXD-08",
        ),
        ("txd-padded", "a hash with padding", json!([padded, right[1]]), "TXD-05"),
        ("txd-empty", "an empty list of hashes", json!([]), "case TXD-001"),
        ("txd-text", "one text instead of a list", right[0].clone(), "TXD-05"),
        ("txd-numbers", "numbers instead of texts", json!([1, 2]), "TXD-05"),
        ("txd-object", "an object instead of a list", json!({"0": right[0], "1": right[1]}), "TXD-05"),
    ] {
        let input = case.one(&entries, |token| {
            if !hashes.is_null() {
                confirm(token, hashes.clone(), Value::Null);
            }
        })?;
        changed(draft.refuse(id, comment, CODE, input), "txd-two", HASHES, hashes, spec);
    }
    let null = case.one(&entries, |token| confirm(token, Value::Null, Value::Null))?;
    let entry = draft.refuse("txd-null", "hashes that are null", CODE, null);
    entry.broken("txd-two", "replace", HASHES).signed("holder").flags(&["TransactionData"]).spec(&["TXD-05"]);
    let unasked = case.one(&[], |token| confirm(token, json!([two56(&one)]), Value::Null))?;
    let entry = draft.refuse("txd-unasked", "a hash, although no transaction data was sent", CODE, unasked);
    entry.broken("txd-ok", "remove", "/request/transaction_data").flags(&["TransactionData"]).spec(&["case TXD-005"]);
    let alone = case.one(&[], |token| token.proof["transaction_data_hashes_alg"] = json!("sha-256"))?;
    let entry = draft.refuse("txd-unasked-alg", "an algorithm, although no transaction data was sent", CODE, alone);
    entry
        .broken("txd-alg-named", "remove", "/request/transaction_data")
        .flags(&["TransactionData"])
        .spec(&["case TXD-005"]);
    Ok(())
}

fn algorithms(draft: &mut Draft, case: &Case<'_>) -> Result<(), VectorError> {
    use HashAlgorithm::{Sha256, Sha512};
    let silent = entry(&["identity"], "A-17", None);
    let offering = entry(&["identity"], "A-17", Some(&["sha-256"]));
    let choice = entry(&["identity"], "A-17", Some(&["sha-384", "sha-512"]));
    for (id, comment, base, text, algorithm, named, spec) in [
        (
            "txd-alg-missing",
            "an algorithm is offered, and none is named",
            "txd-alg-offered",
            &offering,
            Sha256,
            Value::Null,
            "case TXD-006",
        ),
        (
            "txd-alg-array",
            "the algorithm as an array",
            "txd-alg-offered",
            &offering,
            Sha256,
            json!(["sha-256"]),
            "case TXD-006",
        ),
        (
            "txd-alg-sha-1",
            "the algorithm is called sha-1",
            "txd-alg-offered",
            &offering,
            Sha256,
            json!("sha-1"),
            "case TXD-006",
        ),
        (
            "txd-alg-case",
            "the algorithm in upper case",
            "txd-alg-offered",
            &offering,
            Sha256,
            json!("SHA-256"),
            "case TXD-006",
        ),
        (
            "txd-alg-number",
            "the algorithm is a number",
            "txd-alg-offered",
            &offering,
            Sha256,
            json!(256),
            "case TXD-006",
        ),
        (
            "txd-alg-unoffered",
            "another algorithm than the one that is offered",
            "txd-alg-offered",
            &offering,
            Sha512,
            json!("sha-512"),
            "case TXD-006",
        ),
        (
            "txd-alg-unasked",
            "another algorithm than the default, and none is offered",
            "txd-alg-named",
            &silent,
            Sha512,
            json!("sha-512"),
            "case TXD-006",
        ),
        (
            "txd-alg-mislabelled",
            "named otherwise than it is",
            "txd-alg-named",
            &silent,
            Sha512,
            json!("sha-256"),
            "TXD-06",
        ),
        (
            "txd-alg-default",
            "the default algorithm, although others are offered",
            "txd-alg-first",
            &choice,
            Sha256,
            json!("sha-256"),
            "case TXD-006",
        ),
        (
            "txd-alg-default-unnamed",
            "the default algorithm without its name, although others are offered",
            "txd-alg-first",
            &choice,
            Sha256,
            Value::Null,
            "case TXD-006",
        ),
    ] {
        let input = case.one(&[text], |token| confirm(token, json!([hash(algorithm, text)]), named.clone()))?;
        changed(draft.refuse(id, comment, CODE, input), base, ALGORITHM, named, spec);
    }
    let alone = case.one(&[&silent], |token| token.proof["transaction_data_hashes_alg"] = json!("sha-256"))?;
    let entry = draft.refuse("txd-alg-alone", "an algorithm without hashes", CODE, alone);
    changed(entry, "txd-alg-named", HASHES, Value::Null, "case TXD-001");
    Ok(())
}

fn credentials(draft: &mut Draft, case: &Case<'_>) -> Result<(), VectorError> {
    let either = entry(&["identity", "permit"], "A-17", None);
    let second = entry(&["permit"], "B-2", None);
    for (id, comment, base, entries, identity, permit, spec) in [
        (
            "txd-by-other",
            "the credential that is not named confirms",
            "txd-each-its-own",
            vec![&*second],
            vec![&*second],
            vec![],
            "case TXD-007",
        ),
        (
            "txd-by-other-too",
            "the credential that is not named confirms, too",
            "txd-each-its-own",
            vec![&*second],
            vec![&*second],
            vec![&*second],
            "case TXD-007",
        ),
        (
            "txd-by-both",
            "both credentials that may confirm do",
            "txd-either",
            vec![&*either],
            vec![&*either],
            vec![&*either],
            "TXD-07",
        ),
        (
            "txd-by-nobody",
            "neither of two credentials confirms",
            "txd-either",
            vec![&*either],
            vec![],
            vec![],
            "case TXD-001",
        ),
        (
            "txd-swapped",
            "each credential confirms the entry of the other",
            "txd-each-its-own",
            vec![&*either, &*second],
            vec![&*second],
            vec![&*either],
            "case TXD-007",
        ),
        (
            "txd-one-for-both",
            "one of two entries is confirmed by both, the other by nobody",
            "txd-each-its-own",
            vec![&*either, &*second],
            vec![&*either],
            vec![&*either],
            "TXD-07",
        ),
    ] {
        let input = case.two(&entries, &identity, &permit)?;
        let entry = draft.refuse(id, comment, CODE, input);
        entry.broken(base, "replace", HASHES).signed("holder").flags(&["TransactionData"]).spec(&[spec]);
    }
    // Two presentations for one query, whose proofs both confirm.
    let mut query = case.maker.query();
    query["credentials"][0]["multiple"] = json!(true);
    let text = entry(&["identity"], "A-17", None);
    let copy = |number: u8| {
        let token = case.maker.identity().change(|token| {
            confirm(token, json!([two56(&text)]), Value::Null);
            token.proof["jti"] = json!(number);
        });
        token.text()
    };
    let input = case.sent(query, &[&text], &json!({"identity": [copy(1)?, copy(2)?]}))?;
    let entry =
        draft.refuse("txd-by-two-copies", "two presentations for one query confirm the same entry", CODE, input);
    entry.broken("txd-ok", "append", "/response/form").signed("holder").flags(&["TransactionData"]).spec(&["TXD-07"]);
    // A valid confirmation mends nothing else.
    let stale = case.one(&[&text], |token| {
        confirm(token, json!([two56(&text)]), Value::Null);
        remove(&mut token.proof, "nonce");
    })?;
    let entry = draft.refuse("txd-nonce-missing", "a right hash in a proof for no request", "kb_nonce_mismatch", stale);
    entry
        .broken("txd-ok", "remove", "kb_jwt.payload.nonce")
        .signed("holder")
        .flags(&["TransactionData"])
        .spec(&["KB-11"]);
    Ok(())
}
