//! From digests to claims: disclosures and the processing rules of RFC 9901 section 7.1.

use crate::domain::encoding::{base64, json};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::limits;
use crate::domain::reason::{Code, Reason};
use crate::domain::sd_jwt::shape::{Part, Shape};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The hash algorithm of an SD-JWT: `_sd_alg` of the signed top level, `sha-256` if absent.
///
/// # Errors
/// [`Code::SdjwtAlgUnsupported`] for other names, other spellings and other types (SDJ-15).
pub fn hash_algorithm(payload: &Map<String, Value>) -> Result<HashAlgorithm, Reason> {
    match payload.get("_sd_alg") {
        None => Some(HashAlgorithm::Sha256),
        Some(Value::String(name)) => HashAlgorithm::from_name(name),
        Some(_) => None,
    }
    .ok_or_else(|| Reason::new(Code::SdjwtAlgUnsupported, "_sd_alg is not an accepted hash algorithm"))
}

/// The disclosures of a presentation, read and hashed: what can be known of them before any signature.
pub struct Disclosures {
    /// By digest.
    disclosed: BTreeMap<String, Digest>,
}

/// What is known of a digest. They are few, so that comparing is cheaper than hashing, and nobody can choose digests that
/// collide.
enum Digest {
    /// A disclosure has it, and nothing has led to it yet.
    Disclosed(Disclosed),
    /// It was met in the payload or in a disclosure, with or without a disclosure of its own.
    Met,
}

impl Disclosures {
    /// Reads the disclosures as received.
    ///
    /// # Errors
    /// - [`Code::Base64urlInvalid`], [`Code::JsonInvalid`], [`Code::LimitExceeded`] for the text of a disclosure.
    /// - [`Code::SdjwtDisclosureMalformed`] for its shape (SDJ-21, SDJ-24), [`Code::SdjwtReservedClaim`] for its name.
    /// - [`Code::SdjwtDisclosureUnreferenced`] for one that was sent twice (SDJ-33).
    ///
    /// # Source
    /// RFC 9901 sections 4.2 and 4.2.3.
    pub fn read(texts: &[&str], hash: HashAlgorithm) -> Result<Self, Reason> {
        let mut disclosed = BTreeMap::new();
        let mut buffer = Vec::new();
        for text in texts {
            base64::decode_url_into(text, &mut buffer)?;
            let value = read_disclosure(&buffer)?;
            if disclosed.insert(hash.digest_url(text.as_bytes()), Digest::Disclosed(value)).is_some() {
                return Err(Reason::new(Code::SdjwtDisclosureUnreferenced, "a disclosure was sent twice"));
            }
        }
        Ok(Self { disclosed })
    }

    /// Replaces the digests of `payload` by the disclosed claims and removes the rest.
    ///
    /// `protected` names the top-level claims that must not come from a disclosure, nor anything below them.
    ///
    /// The result holds no `_sd`, no `...` and no `_sd_alg` (SDJ-31, case SDJ-042).
    ///
    /// # Errors
    /// - [`Code::SdjwtMalformed`] for `_sd` or a placeholder of the wrong shape (SDJ-30).
    /// - [`Code::SdjwtDisclosureMalformed`] for a disclosure in the wrong place (SDJ-22, SDJ-23).
    /// - [`Code::SdjwtAlgUnsupported`] for `_sd_alg` below the top level (SDJ-16).
    /// - [`Code::SdjwtDigestDuplicate`] for a digest that occurs twice (SDJ-26).
    /// - [`Code::SdjwtClaimConflict`] for a name that exists already (SDJ-25).
    /// - [`Code::SdjwtDisclosureUnreferenced`] for a disclosure that no digest leads to (SDJ-27).
    /// - [`Code::SdjwtNotDisclosable`] for a protected claim (SDJ-36, VC-04).
    /// - [`Code::LimitExceeded`] for claims nested too deeply.
    ///
    /// # Source
    /// RFC 9901 section 7.1, steps 3 to 5.
    pub fn apply(self, payload: Map<String, Value>, protected: &[&str]) -> Result<Map<String, Value>, Reason> {
        self.process(payload, protected, false).map(|(claims, _)| claims)
    }

    /// As [`Self::apply`], and draws the shape in which the credential was issued.
    ///
    /// # Errors
    /// As [`Self::apply`].
    ///
    /// # Source
    /// SD-JWT VC section 4.6: what validation against type metadata has to know.
    pub fn apply_drawing(
        self,
        payload: Map<String, Value>,
        protected: &[&str],
    ) -> Result<(Map<String, Value>, Shape), Reason> {
        self.process(payload, protected, true)
    }

    fn process(
        self,
        mut payload: Map<String, Value>,
        protected: &[&str],
        drawing: bool,
    ) -> Result<(Map<String, Value>, Shape), Reason> {
        let left = self.disclosed.len();
        let mut process = Process { digests: self.disclosed, left, misplaced: None, drawing };
        payload.shift_remove("_sd_alg");
        let top = Place { protected, guarded: false, top: true, depth: 0, disclosed: 0 };
        let shape = process.object(&mut payload, top)?;
        if let Some(misplaced) = process.misplaced {
            return Err(misplaced);
        }
        if process.left > 0 {
            return Err(Reason::new(Code::SdjwtDisclosureUnreferenced, "a disclosure belongs to no digest"));
        }
        Ok((payload, shape))
    }
}

/// Reads and applies the disclosures of an SD-JWT in one step.
///
/// # Errors
/// As [`Disclosures::read`] and [`Disclosures::apply`].
pub fn disclose(
    payload: Map<String, Value>,
    texts: &[&str],
    hash: HashAlgorithm,
    protected: &[&str],
) -> Result<Map<String, Value>, Reason> {
    Disclosures::read(texts, hash)?.apply(payload, protected)
}

/// What one disclosure discloses.
enum Disclosed {
    /// A member of an object.
    Member(String, Value),
    /// An element of an array.
    Element(Value),
}

struct Process {
    digests: BTreeMap<String, Digest>,
    /// How many disclosures have not been met yet.
    left: usize,
    /// The first disclosure of the wrong kind for its place. It refuses at the end only, as the digest of a disclosure
    /// that is used at two places is a duplicate first (SDJ-26, case SDJ-008).
    misplaced: Option<Reason>,
    /// Whether shapes are drawn; otherwise all of them are [`Shape::Scalar`] and cost nothing.
    drawing: bool,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place<'p> {
    protected: &'p [&'p str],
    /// Below a protected claim: nothing may be disclosed here.
    guarded: bool,
    top: bool,
    depth: usize,
    /// Disclosures within disclosures on the way here.
    disclosed: usize,
}

impl Place<'_> {
    fn below(self, name: Option<&str>) -> Result<Self, Reason> {
        let guarded = self.guarded || (self.top && name.is_some_and(|name| self.protected.contains(&name)));
        let depth = self.depth.saturating_add(1);
        if depth > limits::JSON_DEPTH {
            return Err(Reason::new(Code::LimitExceeded, "claims nested too deeply"));
        }
        Ok(Self { guarded, top: false, depth, ..self })
    }

    fn disclosing(self, name: Option<&str>) -> Result<Self, Reason> {
        let below = self.below(name)?;
        if below.guarded {
            return Err(Reason::new(Code::SdjwtNotDisclosable, "a control claim came from a disclosure"));
        }
        let disclosed = self.disclosed.saturating_add(1);
        if disclosed > limits::DISCLOSURE_RECURSION {
            return Err(Reason::new(Code::LimitExceeded, "disclosures nested too deeply"));
        }
        Ok(Self { disclosed, ..below })
    }
}

impl Process {
    fn misplace(&mut self, detail: &'static str) {
        self.misplaced.get_or_insert_with(|| Reason::new(Code::SdjwtDisclosureMalformed, detail));
    }

    /// Notes a digest and takes what it discloses, if anything.
    fn meet(&mut self, digest: String) -> Result<Option<Disclosed>, Reason> {
        match self.digests.insert(digest, Digest::Met) {
            None => Ok(None),
            Some(Digest::Disclosed(found)) => {
                self.left = self.left.saturating_sub(1);
                Ok(Some(found))
            }
            Some(Digest::Met) => Err(Reason::new(Code::SdjwtDigestDuplicate, "a digest occurs more than once")),
        }
    }

    fn value(&mut self, value: &mut Value, place: Place<'_>) -> Result<Shape, Reason> {
        match value {
            Value::Object(members) => self.object(members, place),
            Value::Array(items) => self.array(items, place),
            _ => Ok(Shape::Scalar),
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>, place: Place<'_>) -> Result<Shape, Reason> {
        if members.contains_key("_sd_alg") {
            return Err(Reason::new(Code::SdjwtAlgUnsupported, "_sd_alg below the top level"));
        }
        if members.contains_key("...") {
            return Err(Reason::new(Code::SdjwtMalformed, "a placeholder outside an array, or with other members"));
        }
        let digests = members.shift_remove("_sd");
        let mut parts = self.drawing.then(|| HashMap::with_capacity(members.len()));
        for (name, value) in members.iter_mut() {
            let shape = self.value(value, place.below(Some(name))?)?;
            if let Some(parts) = &mut parts {
                parts.insert(name.clone(), Part { disclosed: false, shape });
            }
        }
        let digests = match digests {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(Reason::new(Code::SdjwtMalformed, "_sd is no array")),
        };
        let mut withheld = false;
        for digest in digests {
            let Value::String(digest) = digest else {
                return Err(Reason::new(Code::SdjwtMalformed, "_sd holds something else than strings"));
            };
            match self.meet(digest)? {
                None => withheld = true,
                Some(Disclosed::Element(_)) => self.misplace("an object needs three elements"),
                Some(Disclosed::Member(name, mut value)) => {
                    if members.contains_key(&name) {
                        return Err(Reason::new(Code::SdjwtClaimConflict, "a claim name would be set twice"));
                    }
                    let shape = self.value(&mut value, place.disclosing(Some(&name))?)?;
                    if let Some(parts) = &mut parts {
                        parts.insert(name.clone(), Part { disclosed: true, shape });
                    }
                    members.insert(name, value);
                }
            }
        }
        Ok(parts.map_or(Shape::Scalar, |members| Shape::Object { members, withheld }))
    }

    fn array(&mut self, items: &mut Vec<Value>, place: Place<'_>) -> Result<Shape, Reason> {
        let mut kept = Vec::with_capacity(items.len());
        let mut parts = self.drawing.then(|| Vec::with_capacity(items.len()));
        for item in items.drain(..) {
            let (value, part) = match placeholder(item)? {
                Item::Plain(mut value) => {
                    let shape = self.value(&mut value, place.below(None)?)?;
                    (Some(value), Some(Part { disclosed: false, shape }))
                }
                Item::Digest(digest) => match self.meet(digest)? {
                    None => (None, None),
                    Some(Disclosed::Member(..)) => {
                        self.misplace("an array element needs two elements");
                        (None, None)
                    }
                    Some(Disclosed::Element(mut value)) => {
                        let shape = self.value(&mut value, place.disclosing(None)?)?;
                        (Some(value), Some(Part { disclosed: true, shape }))
                    }
                },
            };
            kept.extend(value);
            if let Some(parts) = &mut parts {
                parts.push(part);
            }
        }
        *items = kept;
        Ok(parts.map_or(Shape::Scalar, Shape::Array))
    }
}

enum Item {
    Plain(Value),
    Digest(String),
}

fn placeholder(item: Value) -> Result<Item, Reason> {
    match item {
        Value::Object(mut members) if members.contains_key("...") => match (members.len(), members.shift_remove("..."))
        {
            (1, Some(Value::String(digest))) => Ok(Item::Digest(digest)),
            _ => Err(Reason::new(Code::SdjwtMalformed, "a placeholder with other members or no string")),
        },
        other => Ok(Item::Plain(other)),
    }
}

fn read_disclosure(bytes: &[u8]) -> Result<Disclosed, Reason> {
    let malformed = |detail: &'static str| Reason::new(Code::SdjwtDisclosureMalformed, detail);
    let Value::Array(items) = json::parse(bytes)? else {
        return Err(malformed("a disclosure is no array"));
    };
    let mut items = items.into_iter();
    if !matches!(items.next(), Some(Value::String(_))) {
        return Err(malformed("the salt is no string"));
    }
    match (items.next(), items.next(), items.next()) {
        (Some(value), None, None) => Ok(Disclosed::Element(value)),
        (Some(Value::String(name)), Some(value), None) => {
            if matches!(name.as_str(), "_sd" | "..." | "_sd_alg") {
                return Err(Reason::new(Code::SdjwtReservedClaim, "a disclosure uses a reserved name"));
            }
            Ok(Disclosed::Member(name, value))
        }
        (Some(_), Some(_), None) => Err(malformed("the claim name is no string")),
        _ => Err(malformed("a disclosure has two or three elements")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn disclosure(value: &Value) -> String {
        base64::encode_url(value.to_string().as_bytes())
    }

    fn digest(disclosure: &str) -> String {
        HashAlgorithm::Sha256.digest_url(disclosure.as_bytes())
    }

    fn run(payload: &Value, disclosures: &[&str]) -> Result<Value, Code> {
        let payload = payload.as_object().unwrap().clone();
        disclose(payload, disclosures, HashAlgorithm::Sha256, &["cnf", "exp", "vct", "status"])
            .map(Value::Object)
            .map_err(|reason| reason.code)
    }

    #[test]
    fn members_elements_and_decoys() {
        // SDJ-28, SDJ-29, SDJ-31, SDJ-32, cases SDJ-032, SDJ-033, SDJ-042.
        let city = disclosure(&json!(["s1", "locality", "KÖLN"]));
        let address = disclosure(&json!(["s2", "address", {"_sd": [digest(&city), "decoy1"]}]));
        let second = disclosure(&json!(["s3", "FR"]));
        let payload = json!({"_sd_alg": "sha-256", "_sd": ["decoy2", digest(&address)], "iat": 1,
            "nationalities": [{"...": "decoy3"}, {"...": digest(&second)}, "DE"]});
        assert_eq!(
            run(&payload, &[&city, &address, &second]),
            Ok(json!({"iat": 1, "nationalities": ["FR", "DE"], "address": {"locality": "KÖLN"}}))
        );
        assert_eq!(run(&payload, &[&address]), Ok(json!({"iat": 1, "nationalities": ["DE"], "address": {}})));
        assert_eq!(run(&json!({"a": [{"...": "x"}]}), &[]), Ok(json!({"a": []})));
    }

    #[test]
    fn every_disclosure_is_referenced_once() {
        // SDJ-27, SDJ-33, SDJ-29, cases SDJ-005, SDJ-006.
        let city = disclosure(&json!(["s1", "locality", "KÖLN"]));
        let address = disclosure(&json!(["s2", "address", {"_sd": [digest(&city)]}]));
        let payload = json!({"_sd": [digest(&address)]});
        assert_eq!(run(&payload, &[&city]), Err(Code::SdjwtDisclosureUnreferenced));
        assert_eq!(run(&payload, &[&address, &address]), Err(Code::SdjwtDisclosureUnreferenced));
        assert_eq!(run(&json!({}), &[&city]), Err(Code::SdjwtDisclosureUnreferenced));
        // SDJ-20, cases SDJ-029, SDJ-030: the hash is over the characters received.
        let spaced = base64::encode_url(br#"["s2", "name", 1]"#);
        let tight = base64::encode_url(br#"["s2","name",1]"#);
        assert!(run(&json!({"_sd": [digest(&spaced)]}), &[&spaced]).is_ok());
        assert_eq!(run(&json!({"_sd": [digest(&spaced)]}), &[&tight]), Err(Code::SdjwtDisclosureUnreferenced));
        let decoded = HashAlgorithm::Sha256.digest_url(br#"["s2","name",1]"#);
        assert_eq!(run(&json!({"_sd": [decoded]}), &[&tight]), Err(Code::SdjwtDisclosureUnreferenced));
    }

    #[test]
    fn the_shape_is_that_of_the_issued_credential() {
        // VC-46: what was disclosed, and the places of what was not.
        let city = disclosure(&json!(["s1", "locality", "KÖLN"]));
        let address = disclosure(&json!(["s2", "address", {"_sd": [digest(&city), "decoy1"], "country": {}}]));
        let second = disclosure(&json!(["s3", "FR"]));
        let payload = json!({"_sd_alg": "sha-256", "_sd": [digest(&address)], "iat": 1,
            "nationalities": [{"...": "decoy3"}, {"...": digest(&second)}, "DE"]});
        let payload = payload.as_object().unwrap().clone();
        let part = |disclosed, shape| Part { disclosed, shape };
        let object = |members: Vec<(&str, Part)>, withheld| Shape::Object {
            members: members.into_iter().map(|(name, part)| (name.to_owned(), part)).collect(),
            withheld,
        };
        let inner = object(
            vec![("locality", part(true, Shape::Scalar)), ("country", part(false, object(Vec::new(), false)))],
            true,
        );
        let nationalities = Shape::Array(vec![None, Some(part(true, Shape::Scalar)), Some(part(false, Shape::Scalar))]);
        let expected = object(
            vec![
                ("iat", part(false, Shape::Scalar)),
                ("nationalities", part(false, nationalities)),
                ("address", part(true, inner)),
            ],
            false,
        );
        let texts = [city.as_str(), &address, &second];
        let read = || Disclosures::read(&texts, HashAlgorithm::Sha256).unwrap();
        let (claims, shape) = read().apply_drawing(payload.clone(), &[]).unwrap();
        assert!(shape == expected);
        assert_eq!(claims, read().apply(payload, &[]).unwrap());
        assert_eq!(format!("{shape:?}"), "Shape(..)");
    }

    #[test]
    fn digests_are_unique() {
        // SDJ-26, case SDJ-008: within one array, across levels, inside a disclosure, without any disclosure.
        assert_eq!(run(&json!({"_sd": ["d", "d"]}), &[]), Err(Code::SdjwtDigestDuplicate));
        assert_eq!(run(&json!({"_sd": ["d"], "a": {"_sd": ["d"]}}), &[]), Err(Code::SdjwtDigestDuplicate));
        assert_eq!(run(&json!({"_sd": ["d"], "a": [{"...": "d"}]}), &[]), Err(Code::SdjwtDigestDuplicate));
        // With its disclosure, too: at one of the two places it is of the wrong kind, but that is not the point.
        let both = disclosure(&json!(["s", "b", 1]));
        let twice = json!({"_sd": [digest(&both)], "a": [{"...": digest(&both)}]});
        assert_eq!(run(&twice, &[&both]), Err(Code::SdjwtDigestDuplicate));
        let inner = disclosure(&json!(["s", "a", {"_sd": ["d"]}]));
        assert_eq!(run(&json!({"_sd": ["d", digest(&inner)]}), &[&inner]), Err(Code::SdjwtDigestDuplicate));
    }

    #[test]
    fn shapes_of_disclosures() {
        // SDJ-21 to SDJ-24, cases SDJ-012, SDJ-013, SDJ-020, SDJ-022.
        let cases = [
            (json!({"a": 1}), Code::SdjwtDisclosureMalformed),
            (json!("text"), Code::SdjwtDisclosureMalformed),
            (json!([]), Code::SdjwtDisclosureMalformed),
            (json!(["s"]), Code::SdjwtDisclosureMalformed),
            (json!(["s", "n", 1, 2]), Code::SdjwtDisclosureMalformed),
            (json!([1, "n", 1]), Code::SdjwtDisclosureMalformed),
            (json!([null, "n", 1]), Code::SdjwtDisclosureMalformed),
            (json!(["s", 7, 1]), Code::SdjwtDisclosureMalformed),
            (json!(["s", "_sd", 1]), Code::SdjwtReservedClaim),
            (json!(["s", "...", 1]), Code::SdjwtReservedClaim),
            (json!(["s", "_sd_alg", "sha-1"]), Code::SdjwtReservedClaim),
            (json!(["s", 1]), Code::SdjwtDisclosureMalformed),
        ];
        for (value, code) in cases {
            let text = disclosure(&value);
            assert_eq!(run(&json!({"_sd": [digest(&text)]}), &[&text]), Err(code), "{value}");
        }
        let member = disclosure(&json!(["s", "n", 1]));
        assert_eq!(run(&json!({"a": [{"...": digest(&member)}]}), &[&member]), Err(Code::SdjwtDisclosureMalformed));
        let double = base64::encode_url(br#"["s","n",{"a":1,"a":2}]"#);
        assert_eq!(run(&json!({"_sd": [digest(&double)]}), &[&double]), Err(Code::JsonInvalid), "JSN-003");
        assert_eq!(run(&json!({}), &["WyJz="]), Err(Code::Base64urlInvalid));
    }

    #[test]
    fn shapes_of_digests() {
        // SDJ-30, SDJ-16, cases SDJ-023, SDJ-025, SDJ-027.
        for wrong in [
            json!({"_sd": "d"}),
            json!({"_sd": {}}),
            json!({"_sd": [1]}),
            json!({"_sd": null}),
            json!({"a": [{"...": "d", "x": 1}]}),
            json!({"a": [{"...": 1}]}),
            json!({"a": {"...": "d"}}),
            json!({"...": "d"}),
        ] {
            assert_eq!(run(&wrong, &[]), Err(Code::SdjwtMalformed), "{wrong}");
        }
        assert_eq!(run(&json!({"a": {"_sd_alg": "sha-256"}}), &[]), Err(Code::SdjwtAlgUnsupported));
        let nested = disclosure(&json!(["s", "a", {"_sd_alg": "sha-256"}]));
        assert_eq!(run(&json!({"_sd": [digest(&nested)]}), &[&nested]), Err(Code::SdjwtAlgUnsupported));
    }

    #[test]
    fn names_are_set_once() {
        // SDJ-25, cases SDJ-014, SDJ-015.
        let name = disclosure(&json!(["s1", "given_name", "A"]));
        let again = disclosure(&json!(["s2", "given_name", "B"]));
        assert_eq!(run(&json!({"given_name": "X", "_sd": [digest(&name)]}), &[&name]), Err(Code::SdjwtClaimConflict));
        let both = json!({"_sd": [digest(&name), digest(&again)]});
        assert_eq!(run(&both, &[&name, &again]), Err(Code::SdjwtClaimConflict));
    }

    #[test]
    fn control_claims_are_never_disclosed() {
        // SDJ-36, VC-04, cases SDJ-016, SDJ-017, SDJ-018.
        for name in ["cnf", "exp", "vct", "status"] {
            let text = disclosure(&json!(["s", name, {}]));
            assert_eq!(run(&json!({"_sd": [digest(&text)]}), &[&text]), Err(Code::SdjwtNotDisclosable), "{name}");
        }
        let x = disclosure(&json!(["s", "x", "AA"]));
        assert_eq!(run(&json!({"cnf": {"jwk": {"_sd": [digest(&x)]}}}), &[&x]), Err(Code::SdjwtNotDisclosable));
        let element = disclosure(&json!(["s", "AA"]));
        assert_eq!(
            run(&json!({"cnf": {"x": [{"...": digest(&element)}]}}), &[&element]),
            Err(Code::SdjwtNotDisclosable)
        );
        for name in ["iat", "sub"] {
            let text = disclosure(&json!(["s", name, 1]));
            assert!(run(&json!({"_sd": [digest(&text)]}), &[&text]).is_ok(), "{name}");
        }
        // The same name below another claim is an ordinary claim.
        let exp = disclosure(&json!(["s", "exp", 1]));
        assert!(run(&json!({"a": {"_sd": [digest(&exp)]}}), &[&exp]).is_ok());
    }

    #[test]
    fn nesting_is_bounded() {
        // SDJ-05: seventeen disclosures within each other.
        let mut texts: Vec<String> = vec![disclosure(&json!(["s", "n", 1]))];
        for level in 0..limits::DISCLOSURE_RECURSION {
            let inner = digest(texts.last().unwrap());
            texts.push(disclosure(&json!([level.to_string(), "n", {"_sd": [inner]}])));
        }
        let refs: Vec<&str> = texts.iter().map(String::as_str).collect();
        assert_eq!(run(&json!({"_sd": [digest(refs[refs.len() - 1])]}), &refs), Err(Code::LimitExceeded));
        assert!(run(&json!({"_sd": [digest(refs[refs.len() - 2])]}), &refs[..refs.len() - 1]).is_ok());
    }

    #[test]
    fn hash_algorithms_by_exact_name() {
        // SDJ-15, SDJ-17, cases SDJ-026, SDJ-028.
        let alg =
            |value: Value| hash_algorithm(json!({"_sd_alg": value}).as_object().unwrap()).map_err(|reason| reason.code);
        assert_eq!(hash_algorithm(&Map::new()), Ok(HashAlgorithm::Sha256));
        assert_eq!(alg(json!("sha-512")), Ok(HashAlgorithm::Sha512));
        for wrong in
            [json!("sha-1"), json!("md5"), json!("sha-256-32"), json!("SHA-256"), json!(""), json!(256), json!(null)]
        {
            assert_eq!(alg(wrong), Err(Code::SdjwtAlgUnsupported));
        }
        let text = disclosure(&json!(["s", "n", 1]));
        let payload = json!({"_sd": [digest(&text)]});
        let result = disclose(payload.as_object().unwrap().clone(), &[&text], HashAlgorithm::Sha512, &[]);
        assert_eq!(result.unwrap_err().code, Code::SdjwtDisclosureUnreferenced);
    }
}
