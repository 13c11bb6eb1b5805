//! What a registration certificate says, as types. Read the same from a JWT and from a CWT.

use crate::domain::dcql::{ClaimsPath, Format};
use crate::domain::encoding::json::Dates;
use crate::domain::reason::{Code, Reason};
use crate::domain::status_list::reference::StatusReference;
use crate::domain::time::UnixSeconds;
use serde_json::{Map, Value};

/// The entitlement of parties that ask people for attestations (ETSI TS 119 475 annex A.2).
pub const SERVICE_PROVIDER: &str = "https://uri.etsi.org/19475/Entitlement/Service_Provider";

/// The longest life of a certificate, in seconds: twelve months, a leap day included.
pub const LONGEST_LIFE: i64 = 366 * 86_400;

/// What a registration certificate says. It is public: wallets show it to people.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// `sub`: the identifier of the relying party, as in `NTRDE-HRB.12345`.
    pub subject: String,
    /// `name`: its trade name.
    pub trade_name: Option<String>,
    /// `sub_ln`: the legal name; for natural persons `sub_gn` and `sub_fn`, joined.
    pub legal_name: Option<String>,
    /// `country`: two letters.
    pub country: Option<String>,
    /// `registry_uri`: where the register is.
    pub registry_uri: Option<String>,
    /// `srv_description`: the services, each in several languages.
    pub services: Vec<Vec<LanguageText>>,
    /// `entitlements`: URIs of what it may do.
    pub entitlements: Vec<String>,
    /// `privacy_policy`: address of the privacy notice.
    pub privacy_policy: Option<String>,
    /// `info_uri`: address of the party.
    pub info_uri: Option<String>,
    /// `support_uri`: where people ask for erasure.
    pub support_uri: Option<String>,
    /// `supervisory_authority`: where people complain.
    pub supervisory_authority: Option<Authority>,
    /// `policy_id`: object identifiers of the policies under which it was issued.
    pub policies: Vec<String>,
    /// `iat`
    pub issued_at: UnixSeconds,
    /// `exp`: the first second in which it does not count any more.
    pub expires: UnixSeconds,
    /// `status`: its entry in a status list.
    pub status: Option<StatusReference>,
    /// `credentials`: what may be asked for.
    pub credentials: Vec<RegisteredCredential>,
    /// `purpose`, in several languages.
    pub purpose: Vec<LanguageText>,
    /// `intended_use_id`: which of the registered uses this is.
    pub intended_use: Option<String>,
    /// `public_body`
    pub public_body: Option<bool>,
    /// `intermediary`: who asks in the name of the relying party.
    pub intermediary: Option<Intermediary>,
    /// `act.sub`: the identifier of whoever acts.
    pub actor: Option<String>,
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LanguageText {
    /// Language tag, as in `de-DE`.
    pub language: String,
    /// The text.
    pub text: String,
}

/// A supervisory authority.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// Its e-mail address.
    pub email: Option<String>,
    /// Its telephone number.
    pub phone: Option<String>,
    /// Its address on the web.
    pub uri: Option<String>,
}

/// Who asks in the name of the relying party.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intermediary {
    /// Its identifier.
    pub subject: String,
    /// Its name: `sname` of the table, or `name` of the example.
    pub name: Option<String>,
}

/// An entry of `credentials`: claims of credentials of some types in one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredCredential {
    /// The format.
    pub format: Format,
    /// The types: `vct_values`, or `doctype_value`, or each of `type_values` with its parts joined by spaces.
    pub types: Vec<String>,
    /// The paths of the claims. Without any, nothing of these credentials is registered.
    pub paths: Vec<ClaimsPath>,
}

/// Something that a wallet may warn of, though the certificate is usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// The rule, as in `RPC-14`.
    pub rule: &'static str,
    /// What was found.
    pub text: String,
}

impl Remark {
    pub(super) fn new(rule: &'static str, text: impl Into<String>) -> Self {
        Self { rule, text: text.into() }
    }
}

impl Content {
    /// Reads the claims of a certificate, with what is odd about them.
    ///
    /// # Errors
    /// [`Code::CredentialClaimInvalid`] with the place: `sub`, `iat`, `exp`, `entitlements` or `credentials` missing or of
    /// the wrong type, an `exp` that is not after `iat` or more than twelve months after it, no entitlement as service
    /// provider, an intermediary that is not the actor. The errors of [`StatusReference`] for `status`.
    ///
    /// # Source
    /// ETSI TS 119 475 V1.2.1 section 5.2.4, tables 7, 9 and 10; RPC-11, RPC-13 to RPC-16, RPC-20.
    pub fn read(claims: &Map<String, Value>, dates: Dates) -> Result<(Self, Vec<Remark>), Reason> {
        let mut remarks = Vec::new();
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let subject = text("sub").filter(|sub| !sub.is_empty()).ok_or_else(|| invalid("/sub is missing or no text"))?;
        let (issued_at, expires) = life(dates)?;
        let entitlements =
            texts(claims.get("entitlements")).ok_or_else(|| invalid("/entitlements is no list of texts"))?;
        if !entitlements.iter().any(|entitlement| entitlement == SERVICE_PROVIDER) {
            return Err(invalid("/entitlements does not name the service provider: this party may ask nobody"));
        }
        let credentials = credentials(claims.get("credentials"), &mut remarks)?;
        let person = [text("sub_gn"), text("sub_fn")].into_iter().flatten().collect::<Vec<_>>().join(" ");
        let content = Self {
            subject,
            trade_name: text("name"),
            legal_name: text("sub_ln").or_else(|| (!person.is_empty()).then_some(person)),
            country: text("country"),
            registry_uri: text("registry_uri"),
            services: services(claims.get("srv_description")),
            entitlements,
            privacy_policy: text("privacy_policy"),
            info_uri: text("info_uri"),
            support_uri: text("support_uri"),
            supervisory_authority: authority(claims.get("supervisory_authority")),
            policies: texts(claims.get("policy_id")).unwrap_or_default(),
            issued_at,
            expires,
            status: claims.get("status").map(status).transpose()?,
            credentials,
            purpose: language_texts(claims.get("purpose")),
            intended_use: text("intended_use_id"),
            public_body: flag(claims.get("public_body"))?,
            intermediary: claims.get("intermediary").map(intermediary).transpose()?,
            actor: claims.get("act").and_then(|act| act.get("sub")).and_then(Value::as_str).map(str::to_owned),
        };
        content.check_actor()?;
        remarks.extend(content.gaps());
        Ok((content, remarks))
    }

    /// The intermediary and the actor are one (RPC-16).
    fn check_actor(&self) -> Result<(), Reason> {
        match (&self.intermediary, &self.actor) {
            (Some(intermediary), Some(actor)) if intermediary.subject == *actor => Ok(()),
            (None, None) => Ok(()),
            (Some(_), Some(_)) => Err(invalid("/act/sub is not the identifier of the intermediary")),
            (Some(_), None) => Err(invalid("/act is missing, but there is an intermediary")),
            (None, Some(_)) => Err(invalid("/act is there without an intermediary")),
        }
    }

    /// What should be there and is not.
    fn gaps(&self) -> Vec<Remark> {
        let there = [
            ("privacy_policy", self.privacy_policy.is_some()),
            ("support_uri", self.support_uri.is_some()),
            ("supervisory_authority", self.supervisory_authority.is_some()),
            ("purpose", !self.purpose.is_empty()),
        ];
        let missing = there.into_iter().filter(|(_, there)| !there);
        let mut remarks: Vec<Remark> =
            missing.map(|(name, _)| Remark::new("RPC-15", format!("{name} is missing or cannot be read"))).collect();
        let has = |language: &str| self.purpose.iter().any(|purpose| purpose.is_in(language));
        if !self.purpose.is_empty() && self.country.as_deref() == Some("DE") && !has("de") {
            remarks.push(Remark::new("RPC-15", "purpose is there, but not in German"));
        }
        if self.status.is_none() {
            remarks.push(Remark::new("RPC-11", "status is missing: wallets cannot see whether it is revoked"));
        }
        remarks
    }

    /// The purpose in this language (`de`, `en`), if there is one.
    pub fn purpose_in(&self, language: &str) -> Option<&str> {
        self.purpose.iter().find(|purpose| purpose.is_in(language)).map(|purpose| purpose.text.as_str())
    }
}

impl LanguageText {
    fn is_in(&self, language: &str) -> bool {
        let (primary, _) = self.language.split_once('-').unwrap_or((&self.language, ""));
        primary.eq_ignore_ascii_case(language)
    }
}

fn invalid(detail: &'static str) -> Reason {
    Reason::new(Code::CredentialClaimInvalid, detail)
}

fn invalid_at(pointer: &str, detail: &str) -> Reason {
    Reason::new(Code::CredentialClaimInvalid, format!("{pointer} {detail}"))
}

fn life(dates: Dates) -> Result<(UnixSeconds, UnixSeconds), Reason> {
    let unusable = || invalid("/iat or /exp is no usable number");
    let issued_at = dates.issued_at.or_fault(unusable)?.ok_or_else(|| invalid("/iat is missing"))?;
    let expires = dates.expires.or_fault(unusable)?.ok_or_else(|| invalid("/exp is missing"))?;
    if expires <= issued_at {
        return Err(invalid("/exp is not after /iat"));
    }
    if expires > issued_at.plus(LONGEST_LIFE) {
        return Err(invalid("/exp is more than twelve months after /iat"));
    }
    Ok((issued_at, expires))
}

fn texts(value: Option<&Value>) -> Option<Vec<String>> {
    value?.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn flag(value: Option<&Value>) -> Result<Option<bool>, Reason> {
    match value {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(invalid("/public_body is neither true nor false")),
    }
}

/// Texts for people. What cannot be read is left out: it decides nothing, and a remark says that it is missing.
fn language_texts(value: Option<&Value>) -> Vec<LanguageText> {
    let read = |item: &Value| {
        let text = |name: &str| item.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        Some(LanguageText { language: text("lang")?.to_owned(), text: text("value")?.to_owned() })
    };
    value.and_then(Value::as_array).map(|items| items.iter().filter_map(read).collect()).unwrap_or_default()
}

/// A list of texts (table 7) means one service, a list of lists (annex C) several.
fn services(value: Option<&Value>) -> Vec<Vec<LanguageText>> {
    let nested = value.and_then(Value::as_array).filter(|items| items.iter().any(Value::is_array));
    let services: Vec<Vec<LanguageText>> = match nested {
        Some(items) => items.iter().map(|item| language_texts(Some(item))).collect(),
        None => vec![language_texts(value)],
    };
    services.into_iter().filter(|service| !service.is_empty()).collect()
}

fn authority(value: Option<&Value>) -> Option<Authority> {
    let text = |name: &str| value?.get(name)?.as_str().map(str::to_owned);
    let authority = Authority { email: text("email"), phone: text("phone"), uri: text("uri") };
    (authority != Authority::default()).then_some(authority)
}

fn intermediary(value: &Value) -> Result<Intermediary, Reason> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let subject = text("sub").ok_or_else(|| invalid("/intermediary/sub is missing or no text"))?;
    Ok(Intermediary { subject, name: text("sname").or_else(|| text("name")) })
}

/// The index is an integer in the example and a numeric string in the text of TS 119 475; both are read.
fn status(claim: &Value) -> Result<StatusReference, Reason> {
    let mut claim = claim.clone();
    if let Some(index) = claim.pointer_mut("/status_list/idx")
        && let Some(text) = index.as_str()
        && let Ok(number) = text.parse::<u64>()
        && number.to_string() == text
    {
        *index = Value::from(number);
    }
    StatusReference::from_claim(&claim)
}

fn credentials(value: Option<&Value>, remarks: &mut Vec<Remark>) -> Result<Vec<RegisteredCredential>, Reason> {
    let Some(value) = value else {
        remarks.push(Remark::new("RPC-14", "credentials is missing: nothing may be asked for"));
        return Ok(Vec::new());
    };
    let items = value.as_array().ok_or_else(|| invalid("/credentials is no list"))?;
    items.iter().enumerate().map(|(index, item)| credential(index, item, remarks)).collect()
}

fn credential(index: usize, value: &Value, remarks: &mut Vec<Remark>) -> Result<RegisteredCredential, Reason> {
    let at = |name: &str| format!("/credentials/{index}{name}");
    let format = value.get("format").and_then(Value::as_str).and_then(Format::parse);
    let format = format.ok_or_else(|| invalid_at(&at("/format"), "is missing or no format"))?;
    let types = types(value.get("meta")).ok_or_else(|| invalid_at(&at("/meta"), "names no type"))?;
    // The table of TS 119 475 and its example say `claim`, DCQL says `claims`. A certificate with both would say two things.
    let (name, claims) = match (value.get("claim"), value.get("claims")) {
        (Some(_), Some(_)) => return Err(invalid_at(&at(""), "has both claim and claims")),
        (Some(claims), None) => ("claim", Some(claims)),
        (None, Some(claims)) => {
            remarks.push(Remark::new("RPC-14", format!("{} should be called claim", at("/claims"))));
            ("claims", Some(claims))
        }
        (None, None) => ("claim", None),
    };
    let mut paths = Vec::new();
    for (place, claim) in
        list(claims).ok_or_else(|| invalid_at(&at(&format!("/{name}")), "is no list"))?.iter().enumerate()
    {
        let path = claim.get("path").and_then(|path| ClaimsPath::parse(path).ok());
        let here = || at(&format!("/{name}/{place}/path"));
        paths.push(path.ok_or_else(|| invalid_at(&here(), "is missing or no path"))?);
    }
    if paths.is_empty() {
        remarks.push(Remark::new("RPC-14", format!("{} registers no claim", at(""))));
    }
    Ok(RegisteredCredential { format, types, paths })
}

fn list(value: Option<&Value>) -> Option<&[Value]> {
    match value {
        None => Some(&[]),
        Some(value) => value.as_array().map(Vec::as_slice),
    }
}

fn types(meta: Option<&Value>) -> Option<Vec<String>> {
    let meta = meta?.as_object()?;
    let types = match (meta.get("vct_values"), meta.get("doctype_value"), meta.get("type_values")) {
        (values @ Some(_), None, None) => texts(values)?,
        (None, Some(doctype), None) => vec![doctype.as_str()?.to_owned()],
        (None, None, Some(lists)) => {
            let joined = |list: &Value| texts(Some(list)).map(|parts| parts.join(" "));
            lists.as_array()?.iter().map(joined).collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!types.is_empty()).then_some(types)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::encoding::json;
    use serde_json::json;

    fn claims() -> Value {
        json!({
            "sub": "NTRDE-TEST.1", "name": "Stadt", "sub_ln": "Stadt Test", "country": "DE",
            "srv_description": [[{"lang": "de-DE", "value": "Parken"}], [{"lang": "en", "value": "Library"}]],
            "entitlements": [SERVICE_PROVIDER], "privacy_policy": "https://s.example/d", "support_uri": "https://s.example/l",
            "supervisory_authority": {"email": "x@dpa.example"}, "iat": 1_000, "exp": 1_000 + LONGEST_LIFE,
            "status": {"status_list": {"idx": 5, "uri": "https://r.example/1"}},
            "credentials": [{"format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
                             "claim": [{"path": ["family_name"]}, {"path": ["nationalities", null]}]}],
            "purpose": [{"lang": "de-DE", "value": "Parkausweis"}, {"lang": "en", "value": "Permit"}],
            "intended_use_id": "parking-1", "public_body": true
        })
    }

    fn read(value: &Value) -> Result<(Content, Vec<Remark>), Reason> {
        let bytes = value.to_string().into_bytes();
        Content::read(&json::parse_object(&bytes).unwrap(), Dates::read(&bytes).unwrap())
    }

    fn changed(pointer: &str, value: Value) -> Value {
        let mut all = claims();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        match all.pointer_mut(parent).unwrap() {
            Value::Object(members) if value == json!("absent") => drop(members.remove(name)),
            Value::Object(members) => drop(members.insert(name.to_owned(), value)),
            other => other[name.parse::<usize>().unwrap()] = value,
        }
        all
    }

    fn refused(pointer: &str, value: Value) -> String {
        let reason = read(&changed(pointer, value)).unwrap_err();
        assert_eq!(reason.code, Code::CredentialClaimInvalid);
        reason.detail.into_owned()
    }

    #[test]
    fn what_it_says_is_read() {
        let (content, remarks) = read(&claims()).unwrap();
        assert_eq!(remarks, []);
        assert_eq!(content.subject, "NTRDE-TEST.1");
        assert_eq!(content.services.len(), 2);
        assert_eq!(content.purpose_in("de"), Some("Parkausweis"));
        assert_eq!(content.purpose_in("fr"), None);
        assert_eq!(content.status.as_ref().map(|status| status.index), Some(5));
        assert_eq!(content.credentials[0].paths.len(), 2);
        assert_eq!(content.public_body, Some(true));
    }

    #[test]
    fn a_life_of_more_than_twelve_months_is_refused() {
        // RPC-11.
        assert!(refused("/exp", json!(1_001 + LONGEST_LIFE)).contains("twelve months"));
        assert!(refused("/exp", json!(1_000)).contains("not after"));
        assert!(refused("/exp", json!("absent")).contains("missing"));
        assert!(refused("/exp", json!("1")).contains("usable"));
        assert!(refused("/iat", json!("absent")).contains("missing"));
        assert!(refused("/sub", json!(7)).contains("/sub"));
    }

    #[test]
    fn the_entitlement_must_be_there() {
        // RPC-13.
        assert!(
            refused("/entitlements", json!(["https://uri.etsi.org/19475/Entitlement/PID_Provider"]))
                .contains("service")
        );
        assert!(refused("/entitlements", json!(SERVICE_PROVIDER)).contains("list"));
        assert!(refused("/entitlements", json!("absent")).contains("list"));
    }

    #[test]
    fn claim_and_claims_are_both_read() {
        // RPC-14: `claim` as issued, `claims` with a warning, both at once never.
        let mut plural = claims();
        let entry = plural["credentials"][0].as_object_mut().unwrap();
        let claim = entry.remove("claim").unwrap();
        entry.insert("claims".to_owned(), claim.clone());
        let (content, remarks) = read(&plural).unwrap();
        assert_eq!(content.credentials[0].paths.len(), 2);
        assert_eq!(remarks.iter().map(|remark| remark.rule).collect::<Vec<_>>(), ["RPC-14"]);
        plural["credentials"][0]["claim"] = claim;
        assert!(read(&plural).unwrap_err().detail.contains("both"));
        for (pointer, value) in [
            ("/credentials", json!({})),
            ("/credentials/0/format", json!(1)),
            ("/credentials/0/meta", json!("urn:eudi:pid:de:1")),
            ("/credentials/0/meta", json!({"vct_values": []})),
            ("/credentials/0/claim", json!({})),
            ("/credentials/0/claim/1", json!({"path": []})),
            ("/credentials/0/claim/1", json!(["family_name"])),
        ] {
            assert!(refused(pointer, value).contains(pointer), "{pointer}");
        }
        let (content, remarks) = read(&changed("/credentials", json!("absent"))).unwrap();
        assert!(content.credentials.is_empty() && remarks[0].rule == "RPC-14");
    }

    #[test]
    fn a_description_may_be_a_list_or_a_list_of_lists() {
        let one = changed("/srv_description", json!([{"lang": "de", "value": "a"}, {"lang": "en", "value": "b"}]));
        assert_eq!(read(&one).unwrap().0.services.iter().map(Vec::len).collect::<Vec<_>>(), [2]);
        assert!(read(&changed("/srv_description", json!("text"))).unwrap().0.services.is_empty());
    }

    #[test]
    fn what_wallets_show_should_be_there() {
        // RPC-15.
        for name in ["privacy_policy", "support_uri", "supervisory_authority", "purpose"] {
            let (_, remarks) = read(&changed(&format!("/{name}"), json!("absent"))).unwrap();
            assert!(
                remarks.len() == 1 && remarks[0].rule == "RPC-15" && remarks[0].text.starts_with(name),
                "{remarks:?}"
            );
        }
        let (_, remarks) = read(&changed("/purpose", json!([{"lang": "en", "value": "Permit"}]))).unwrap();
        assert_eq!(remarks.len(), 1);
        let (_, remarks) = read(&changed("/status", json!("absent"))).unwrap();
        assert_eq!(remarks[0].rule, "RPC-11");
    }

    #[test]
    fn the_index_may_be_a_number_in_a_text() {
        assert_eq!(
            read(&changed("/status/status_list/idx", json!("12"))).unwrap().0.status.map(|status| status.index),
            Some(12)
        );
        for wrong in [json!("012"), json!("-1"), json!(""), json!(1.5)] {
            let reason = read(&changed("/status/status_list/idx", wrong)).unwrap_err();
            assert_eq!(reason.code, Code::StatusIndexOutOfRange);
        }
    }

    #[test]
    fn the_intermediary_is_the_actor() {
        // RPC-16: `sname` and `name` are both read.
        let with = |intermediary: Value, act: Value| {
            let mut all = changed("/intermediary", intermediary);
            all["act"] = act;
            read(&all)
        };
        let (content, _) = with(json!({"sub": "NTRDE-I.1", "name": "I"}), json!({"sub": "NTRDE-I.1"})).unwrap();
        assert_eq!(content.intermediary.unwrap().name.as_deref(), Some("I"));
        let (content, _) = with(json!({"sub": "NTRDE-I.1", "sname": "S"}), json!({"sub": "NTRDE-I.1"})).unwrap();
        assert_eq!(content.intermediary.unwrap().name.as_deref(), Some("S"));
        assert!(with(json!({"sub": "NTRDE-I.1"}), json!({"sub": "NTRDE-J.1"})).is_err());
        assert!(with(json!({"sub": "NTRDE-I.1"}), json!({})).is_err());
        assert!(with(json!({"name": "I"}), json!({"sub": "NTRDE-I.1"})).is_err());
        assert!(read(&changed("/act", json!({"sub": "NTRDE-I.1"}))).is_err());
        assert!(read(&changed("/public_body", json!("yes"))).is_err());
    }
}
