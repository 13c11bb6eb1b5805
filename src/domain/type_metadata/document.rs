//! One type metadata document, read strictly. What is not understood is ignored; what has the wrong type refuses.

use super::integrity::{Digests, Integrity};
use super::invalid;
use super::text::{LocalText, check_locale, shown};
use crate::domain::dcql::{ClaimsPath, Component};
use crate::domain::encoding::json;
use crate::domain::limits;
use crate::domain::reason::Reason;
use serde_json::{Map, Value};

/// Longest type identifier and longest name in a path, in characters.
const NAME_CHARS: usize = 1024;

/// A document as its publisher wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The type that it describes.
    pub vct: String,
    /// The type that this one extends.
    pub extends: Option<Extends>,
    /// The names of the type, if it has some of its own.
    pub display: Option<Vec<LocalText>>,
    /// Its claims.
    pub claims: Vec<Claim>,
    /// The hashes of its bytes.
    pub digests: Digests,
}

/// `extends` and `extends#integrity`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extends {
    /// The type that is extended.
    pub vct: String,
    /// Which document is meant.
    pub integrity: Option<Integrity>,
}

/// What a document says about the claims at one path. `None`: it says nothing, so what it extends counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Which claims.
    pub path: ClaimsPath,
    /// Labels by language.
    pub display: Option<Vec<LocalText>>,
    /// Whether the issuer must include it.
    pub mandatory: Option<bool>,
    /// Whether it is selectively disclosable.
    pub sd: Option<Disclosability>,
    /// Its name in templates. It is checked, and not used.
    pub svg_id: Option<String>,
}

/// `sd`: whether the issuer makes a claim selectively disclosable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosability {
    /// It must be.
    Always,
    /// It may be.
    Allowed,
    /// It must not be.
    Never,
}

impl Disclosability {
    /// The word in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Allowed => "allowed",
            Self::Never => "never",
        }
    }
}

impl Document {
    /// Reads a document.
    ///
    /// # Errors
    /// `type_metadata_invalid` for more bytes, claims or languages than the limits allow, for what is not strict JSON or
    /// no object, for a missing `vct`, members of the wrong type, an `integrity` without a known hash, a path that cannot
    /// select anything, and two statements about one path.
    ///
    /// # Source
    /// SD-JWT VC sections 4.2, 4.5 and 4.6.
    pub fn parse(bytes: &[u8]) -> Result<Self, Reason> {
        if bytes.len() > limits::TYPE_METADATA_BYTES {
            return Err(invalid("the type metadata is larger than the limit"));
        }
        let members = json::parse_object(bytes).map_err(|fault| {
            let Reason { detail, .. } = Reason::from(fault);
            invalid(format!("the type metadata is no JSON object: {detail}"))
        })?;
        let vct = name(&members, "vct")?.ok_or_else(|| invalid("the type metadata names no vct"))?;
        // For developers; not used, but of the right type.
        string(&members, "name")?;
        string(&members, "description")?;
        let integrity = string(&members, "extends#integrity")?.map(Integrity::parse).transpose()?;
        let extends = name(&members, "extends")?.map(|vct| Extends { vct, integrity });
        let display = texts(&members, "name")?;
        let claims = array(&members, "claims", limits::TYPE_METADATA_CLAIMS)?.unwrap_or_default();
        let claims = claims.iter().map(Claim::read).collect::<Result<Vec<_>, _>>()?;
        let mut paths: Vec<&[Component]> = claims.iter().map(|claim| claim.path.components()).collect();
        let count = paths.len();
        paths.sort_by_cached_key(|path| format!("{path:?}"));
        paths.dedup();
        if paths.len() < count {
            return Err(invalid("the type metadata says two things about one path"));
        }
        Ok(Self { vct, extends, display, claims, digests: Digests::of(bytes) })
    }
}

impl Claim {
    fn read(value: &Value) -> Result<Self, Reason> {
        let Value::Object(members) = value else { return Err(invalid("a claim is no object")) };
        let path = members.get("path").ok_or_else(|| invalid("a claim has no path"))?;
        let path = ClaimsPath::parse(path).map_err(|_| invalid("a path is no array of names, null and indexes"))?;
        let short = |component: &Component| match component {
            Component::Key(name) => name.chars().count() <= NAME_CHARS,
            Component::All | Component::Index(_) => true,
        };
        if path.first_key().is_none() || !path.components().iter().all(short) {
            return Err(invalid("a path does not begin with a name, or has one above the limit"));
        }
        let mandatory = match members.get("mandatory") {
            None => None,
            Some(Value::Bool(mandatory)) => Some(*mandatory),
            Some(_) => return Err(invalid("mandatory is not true or false")),
        };
        let sd = match string(members, "sd")? {
            None => None,
            Some("always") => Some(Disclosability::Always),
            Some("allowed") => Some(Disclosability::Allowed),
            Some("never") => Some(Disclosability::Never),
            Some(_) => return Err(invalid("sd is not always, allowed or never")),
        };
        let svg_id = string(members, "svg_id")?;
        let is_id = |id: &str| {
            id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && id.bytes().next().is_some_and(|first| !first.is_ascii_digit())
                && id.len() <= NAME_CHARS
        };
        if svg_id.is_some_and(|id| !is_id(id)) {
            return Err(invalid("an svg_id is no identifier"));
        }
        let display = texts(members, "label")?;
        Ok(Self { path, display, mandatory, sd, svg_id: svg_id.map(str::to_owned) })
    }
}

/// A member that must be a string if it is there.
fn string<'m>(members: &'m Map<String, Value>, member: &'static str) -> Result<Option<&'m str>, Reason> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!("{member} is no string"))),
    }
}

/// The identifier of a type.
fn name(members: &Map<String, Value>, member: &'static str) -> Result<Option<String>, Reason> {
    match string(members, member)? {
        Some(text) if text.is_empty() || text.chars().count() > NAME_CHARS => {
            Err(invalid(format!("{member} is empty or above the limit")))
        }
        text => Ok(text.map(str::to_owned)),
    }
}

/// A member that must be an array if it is there.
fn array<'m>(
    members: &'m Map<String, Value>,
    member: &'static str,
    most: usize,
) -> Result<Option<&'m [Value]>, Reason> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::Array(items)) if items.len() > most => {
            Err(invalid(format!("{member} has more entries than allowed")))
        }
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(_) => Err(invalid(format!("{member} is no array"))),
    }
}

/// `display`: texts by language, of which the one under `member` must be there.
fn texts(members: &Map<String, Value>, member: &'static str) -> Result<Option<Vec<LocalText>>, Reason> {
    let read = |value: &Value| {
        let Value::Object(members) = value else { return Err(invalid("an entry of display is no object")) };
        let locale = string(members, "locale")?.ok_or_else(|| invalid("an entry of display has no locale"))?;
        check_locale(locale)?;
        let text = string(members, member)?.ok_or_else(|| invalid(format!("an entry of display has no {member}")))?;
        let description = string(members, "description")?;
        // Rendering is ignored, so only its kind is looked at.
        if members.get("rendering").is_some_and(|rendering| !rendering.is_object()) {
            return Err(invalid("rendering is no object"));
        }
        Ok(LocalText {
            locale: locale.to_owned(),
            text: shown(text, limits::TYPE_METADATA_LABEL_CHARS),
            description: description.map(|text| shown(text, limits::TYPE_METADATA_DESCRIPTION_CHARS)),
        })
    };
    let display = array(members, "display", limits::TYPE_METADATA_LOCALES)?;
    display.map(|items| items.iter().map(read).collect()).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::reason::Code;
    use serde_json::json;

    fn parse(value: &Value) -> Result<Document, Code> {
        Document::parse(value.to_string().as_bytes()).map_err(|reason| reason.code)
    }

    #[test]
    fn a_whole_document() {
        // SD-JWT VC section 4.2; VC-46 path components; unknown members are ignored.
        let document = parse(&json!({
            "vct": "urn:example:a", "name": "for developers", "description": "the same", "unknown": [1],
            "extends": "urn:example:b", "extends#integrity": "sha256-AAAA",
            "display": [{"locale": "de-DE", "name": "Ausweis", "description": "Ein Ausweis", "rendering": {"simple": 1}}],
            "claims": [
                {"path": ["name"], "mandatory": true, "sd": "always", "svg_id": "full_name", "more": null,
                 "display": [{"locale": "de", "label": "Name"}, {"locale": "en", "label": "Name", "description": "d"}]},
                {"path": ["degrees", null, "type", 0], "sd": "never"},
                {"path": ["degrees"], "sd": "allowed", "mandatory": false},
            ],
        }))
        .unwrap();
        assert_eq!(document.extends.unwrap().vct, "urn:example:b");
        assert_eq!(document.display.unwrap()[0].text, "Ausweis");
        let said: Vec<_> = document.claims.iter().map(|claim| (claim.mandatory, claim.sd)).collect();
        assert_eq!(
            said,
            [
                (Some(true), Some(Disclosability::Always)),
                (None, Some(Disclosability::Never)),
                (Some(false), Some(Disclosability::Allowed)),
            ]
        );
        assert_eq!(document.claims[0].display.as_ref().unwrap().len(), 2);
        let least = parse(&json!({"vct": "urn:example:a"})).unwrap();
        assert_eq!((least.extends, least.display, least.claims.len()), (None, None, 0));
    }

    #[test]
    fn wrong_types_refuse() {
        for wrong in [
            json!([]),
            json!({}),
            json!({"vct": ""}),
            json!({"vct": 1}),
            json!({"vct": "a", "name": 1}),
            json!({"vct": "a", "description": null}),
            json!({"vct": "a", "extends": ["b"]}),
            json!({"vct": "a", "extends": ""}),
            json!({"vct": "a", "extends": "b", "extends#integrity": 1}),
            json!({"vct": "a", "extends": "b", "extends#integrity": "md5-AAAA"}),
            json!({"vct": "a", "display": {}}),
            json!({"vct": "a", "display": null}),
            json!({"vct": "a", "display": ["a"]}),
            json!({"vct": "a", "display": [{"name": "a"}]}),
            json!({"vct": "a", "display": [{"locale": "de"}]}),
            json!({"vct": "a", "display": [{"locale": "d_e", "name": "a"}]}),
            json!({"vct": "a", "display": [{"locale": "de", "name": "a", "description": 1}]}),
            json!({"vct": "a", "display": [{"locale": "de", "name": "a", "rendering": []}]}),
            json!({"vct": "a", "claims": {}}),
            json!({"vct": "a", "claims": ["a"]}),
            json!({"vct": "a", "claims": [{}]}),
            json!({"vct": "a", "claims": [{"path": []}]}),
            json!({"vct": "a", "claims": [{"path": "a"}]}),
            json!({"vct": "a", "claims": [{"path": ["a", -1]}]}),
            json!({"vct": "a", "claims": [{"path": ["a", 1.5]}]}),
            json!({"vct": "a", "claims": [{"path": ["a", true]}]}),
            json!({"vct": "a", "claims": [{"path": [null]}]}),
            json!({"vct": "a", "claims": [{"path": [0]}]}),
            json!({"vct": "a", "claims": [{"path": ["a"]}, {"path": ["b"]}, {"path": ["a"]}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "sd": "sometimes"}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "sd": null}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "mandatory": "true"}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "svg_id": "1a"}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "svg_id": ""}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "svg_id": "a-b"}]}),
            json!({"vct": "a", "claims": [{"path": ["a"], "display": [{"locale": "de", "name": "no label"}]}]}),
        ] {
            assert_eq!(parse(&wrong), Err(Code::TypeMetadataInvalid), "{wrong}");
        }
        for text in
            [&b"{\"vct\":\"a\",\"vct\":\"a\"}"[..], b"{\"vct\":\"a\"} x", b"{\"vct\":\"\xff\"}", b"", b"[\"a\"]"]
        {
            assert_eq!(Document::parse(text).unwrap_err().code, Code::TypeMetadataInvalid);
        }
        assert!(
            parse(&json!({"vct": "a", "claims": [{"path": ["a", 0]}, {"path": ["a", "0"]}, {"path": ["a"]}]})).is_ok()
        );
    }

    #[test]
    fn everything_is_bounded() {
        // VC-49 and the limits of the core.
        let claims = |count: usize| {
            let claims: Vec<Value> = (0..count).map(|number| json!({"path": [number.to_string()]})).collect();
            parse(&json!({"vct": "a", "claims": claims}))
        };
        assert!(claims(limits::TYPE_METADATA_CLAIMS).is_ok());
        assert_eq!(claims(limits::TYPE_METADATA_CLAIMS + 1), Err(Code::TypeMetadataInvalid));
        let locales = |count: usize| {
            let display: Vec<Value> =
                (0..count).map(|number| json!({"locale": format!("x-{number}"), "name": "a"})).collect();
            parse(&json!({"vct": "a", "display": display}))
        };
        assert!(locales(limits::TYPE_METADATA_LOCALES).is_ok());
        assert!(locales(limits::TYPE_METADATA_LOCALES + 1).is_err());
        let padded = |bytes: usize| parse(&json!({"vct": "a", "x": "x".repeat(bytes - r#"{"vct":"a","x":""}"#.len())}));
        assert!(padded(limits::TYPE_METADATA_BYTES).is_ok());
        assert!(padded(limits::TYPE_METADATA_BYTES + 1).is_err());
        assert!(parse(&json!({"vct": "a".repeat(NAME_CHARS + 1)})).is_err());
        assert!(parse(&json!({"vct": "a", "claims": [{"path": ["a", "a".repeat(NAME_CHARS + 1)]}]})).is_err());
        let long = json!({"vct": "a", "display": [{"locale": "de", "name": "n".repeat(2000), "description": "d".repeat(2000)}]});
        let long = parse(&long).unwrap().display.unwrap().remove(0);
        assert_eq!(long.text.len(), limits::TYPE_METADATA_LABEL_CHARS);
        assert_eq!(long.description.unwrap().len(), limits::TYPE_METADATA_DESCRIPTION_CHARS);
    }
}
