//! `[tenant]` and `[[tenant.caller]]`: the relying party, and who may ask on its behalf.

use super::access::{self, AccessKey};
use super::address::{PublicUrl, check_link, check_return_url};
use super::field::{Default, Kind, Occurs, SectionDoc, field};
use super::files::Files;
use super::reader::{Complaint, Entry, Section, suggestion};
use crate::domain::dc_api::{Origin, Protocol};
use crate::domain::ids::TenantId;
use crate::domain::jose::hash::sha256;
use crate::domain::preset::{self, Preset};
use crate::domain::reason::Reason;
use crate::domain::registration::{Registrations, UnregisteredQueries};
use crate::domain::request::client_id::{ClientId, ClientIdPrefix};
use crate::domain::request::link::WalletScheme;
use crate::domain::request::profile::Profile;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::TransactionDataTypes;
use crate::domain::trust::TrustAnchors;
use crate::domain::trust::listed::TrustPlan;
use crate::domain::verify::Policy;
use std::fmt;

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "tenant",
    occurs: Occurs::Once,
    about: "The relying party in whose name the service asks.",
    fields: &[
        field("id", Kind::Text("1 to 64 of a-z, 0-9 and -"), Default::Is("\"default\""), "Its short name."),
        field("name", Kind::Text("name"), Default::Required, "Its name, as people know it; shown on pages."),
        field(
            "profile",
            Kind::OneOf(&["haip", "haip+etsi", "de-sandbox", "openid4vp"]),
            Default::Is("\"haip\""),
            "`haip` is the profile of the EU wallets; `haip+etsi` adds what ETSI TS 119 472-2 demands: a registration \
             certificate and a purpose with each request. `de-sandbox` is what the German sandbox takes. `openid4vp` is \
             OpenID4VP 1.0 without HAIP, for tests with other wallets. `config check` names the rules that a profile relaxes.",
        ),
        field(
            "client_id_prefix",
            Kind::OneOf(&["x509_hash", "x509_san_dns", "redirect_uri", "pre-registered"]),
            Default::Is("\"x509_hash\""),
            "How wallets are told who asks. HAIP 1.0 allows `x509_hash` only. With `redirect_uri` requests travel in the link \
             and are not signed, so wallets cannot tell who asks.",
        ),
        field(
            "client_id",
            Kind::Text("the name by which wallets know the verifier"),
            Default::Absent("made from the certificate or the address"),
            "The agreed name, for `client_id_prefix = \"pre-registered\"` only.",
        ),
        field(
            "access_key",
            Kind::Text("PEM file with a P-256 private key"),
            Default::Required,
            "The key with which requests are signed. Nobody but its owner may have rights to the file.",
        ),
        field(
            "access_chain",
            Kind::Text("PEM file with certificates, leaf first"),
            Default::Required,
            "The access certificate and its intermediates, without the root.",
        ),
        field(
            "scheme",
            Kind::Text("`openid4vp`, `haip-vp`, `eu-eaap`, or the https link of a wallet, without query"),
            Default::Is("\"openid4vp\""),
            "How links that open the wallet begin.",
        ),
        field(
            "return_urls",
            Kind::Texts("address"),
            Default::Absent("none, so that same-device transactions cannot begin"),
            "Where browsers may be sent back. Compared exactly: scheme, host, port, path and query.",
        ),
        field(
            "cross_device",
            Kind::OneOf(&["off", "on_relay_risk_accepted"]),
            Default::Is("\"off\""),
            "Whether a wallet on another device may answer, by QR code. There a request can be relayed to a person who \
             believes to be elsewhere, and no check of a verifier can tell; hence the name of the value.",
        ),
        field(
            "cross_device_seconds_max",
            Kind::Integer { min: 30, max: 900, unit: "seconds" },
            Default::Is("600"),
            "The longest life of a request that a wallet on another device may answer.",
        ),
        field(
            "return_seconds",
            Kind::Integer { min: 30, max: 900, unit: "seconds" },
            Default::Is("300"),
            "How long an accepted answer waits for the person to come back with the response code, or to confirm on the \
             page. If nobody does, the presentation is rejected.",
        ),
        field(
            "plain_direct_post",
            Kind::OneOf(&["deviation_from_haip"]),
            Default::Absent("answers must be encrypted"),
            "Lets callers ask for answers that are not encrypted (`direct_post`, `dc_api`). Claims then pass the gateway in the \
             clear.",
        ),
        field(
            "origins",
            Kind::Texts("origin"),
            Default::Absent("none, so that no page can ask through the browser's Digital Credentials API"),
            "The pages that may ask through the Digital Credentials API, each as its origin: `https://antrag.stadt.example`, \
             without a path, without a final slash, without the usual port, in lower case. Compared exactly, by wallets too.",
        ),
        field(
            "hosted_dc_api",
            Kind::Flag,
            Default::Is("false"),
            "Whether hosted pages of the same-device flow ask through the Digital Credentials API, too, where the browser has \
             it. The link to the wallet stays beside it. Proofs are then made for the origin of `service.public_url`.",
        ),
        field(
            "dc_api_protocols",
            Kind::Texts("`openid4vp-v1-signed`, `openid4vp-v1-multisigned`"),
            Default::Absent("`openid4vp-v1-signed` alone"),
            "The signed requests that these pages hand to the browser, the preferred one first.",
        ),
        field(
            "dc_api_unsigned",
            Kind::OneOf(&["deviation_from_eu_rules"]),
            Default::Absent("requests are signed"),
            "Offers the browser a request without a signature, too, after the signed ones (`openid4vp-v1-unsigned`). EU rules \
             demand that every request is authenticated with the access certificate, and EU wallets do not answer it.",
        ),
        field(
            "presets",
            Kind::Texts("id of a preset"),
            Default::Absent("all that ship; those with placeholder types in test mode only"),
            "The ready-made queries that callers may use.",
        ),
        field(
            "allow_dcql",
            Kind::Flag,
            Default::Is("true"),
            "Whether callers may send queries of their own besides the presets.",
        ),
        field(
            "unregistered_queries",
            Kind::OneOf(&["refused", "allowed_for_testing"]),
            Default::Is("\"refused\""),
            "What becomes of a request that asks for more than its `[[registration]]` says. `allowed_for_testing` sends it; \
             that is said at the start and in the report of each such verification.",
        ),
        field(
            "transaction_seconds",
            Kind::Integer { min: 30, max: 900, unit: "seconds" },
            Default::Is("300"),
            "Life of a transaction and of its request, if the caller does not say.",
        ),
        field(
            "transaction_seconds_max",
            Kind::Integer { min: 30, max: 900, unit: "seconds" },
            Default::Is("900"),
            "The longest life that a caller may ask for.",
        ),
        field(
            "result_seconds",
            Kind::Integer { min: 10, max: 86_400, unit: "seconds" },
            Default::Is("900"),
            "How long a result is kept, if the caller does not say.",
        ),
        field(
            "result_seconds_max",
            Kind::Integer { min: 10, max: 86_400, unit: "seconds" },
            Default::Is("3600"),
            "The longest time for which a caller may have a result kept. Then it is erased.",
        ),
        field(
            "privacy_url",
            Kind::Text("https address"),
            Default::Absent("no link"),
            "Privacy notice, linked on pages.",
        ),
        field("imprint_url", Kind::Text("https address"), Default::Absent("no link"), "Legal notice, linked on pages."),
    ],
};

/// The settings of a caller.
pub const CALLER: SectionDoc = SectionDoc {
    name: "tenant.caller",
    occurs: Occurs::Many,
    about: "A backend that may use the caller API. Without any, the API is open, which is allowed on a loopback address \
            only. Make a key with `openssl rand -base64 32`, and its digest with `printf %s \"$KEY\" | sha256sum`.",
    fields: &[
        field("name", Kind::Text("name"), Default::Required, "Its name in logs."),
        field(
            "key_sha256",
            Kind::Digest,
            Default::Required,
            "SHA-256 of its API key. The key itself is stored nowhere.",
        ),
    ],
};

/// Whether another device may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossDevice {
    /// No.
    Off,
    /// Yes; the operator has accepted that requests can be relayed.
    OnRelayRiskAccepted,
}

/// A backend that may use the caller API. `Debug` shows no digest.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// Its name in logs.
    pub name: String,
    /// SHA-256 of its API key.
    pub key_sha256: [u8; 32],
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({:?})", self.name)
    }
}

/// `[tenant]`, read, with its callers, its trust and its policy.
#[derive(Debug, Clone)]
pub struct TenantSettings {
    /// Its short name.
    pub id: TenantId,
    /// Its name for people.
    pub name: String,
    /// The profile that requests keep.
    pub profile: &'static Profile,
    /// How wallets are told who asks.
    pub client_id_prefix: ClientIdPrefix,
    /// The same, worked out.
    pub client_id: ClientId,
    /// The key that signs requests.
    pub access: AccessKey,
    /// How links that open the wallet begin.
    pub scheme: WalletScheme,
    /// Where browsers may be sent back, exactly.
    pub return_urls: Vec<String>,
    /// Whether another device may answer.
    pub cross_device: CrossDevice,
    /// Whether callers may ask for plain answers.
    pub plain_direct_post: bool,
    /// The pages that may ask through the browser.
    pub origins: Vec<Origin>,
    /// Whether hosted pages ask through the browser, too.
    pub hosted_dc_api: bool,
    /// How they ask, the preferred way first.
    pub dc_api_protocols: Vec<Protocol>,
    /// The presets that callers may use.
    pub presets: Vec<Preset>,
    /// Whether callers may send own queries.
    pub allow_dcql: bool,
    /// What becomes of requests that ask for more than is registered.
    pub unregistered_queries: UnregisteredQueries,
    /// What is registered, from the `[[registration]]` sections.
    pub registrations: Registrations,
    /// Life of a transaction, in seconds.
    pub transaction_seconds: u32,
    /// The longest life that a caller may ask for.
    pub transaction_seconds_max: u32,
    /// The longest life in the cross-device flow, in seconds.
    pub cross_device_seconds_max: u32,
    /// How long an accepted answer waits for its person, in seconds.
    pub return_seconds: u32,
    /// How long a result is kept, in seconds.
    pub result_seconds: u32,
    /// The longest time for which a caller may have it kept.
    pub result_seconds_max: u32,
    /// Privacy notice.
    pub privacy_url: Option<String>,
    /// Legal notice.
    pub imprint_url: Option<String>,
    /// Who may use the caller API; everybody on this machine if empty.
    pub callers: Vec<Caller>,
    /// Who may issue what, as far as it is known without trust lists.
    pub trust: TrustAnchors,
    /// The same as configured: trust lists fill some of it.
    pub trust_plans: Vec<TrustPlan>,
    /// What is accepted.
    pub policy: Policy,
    /// The types of transaction data that callers may send along.
    pub transaction_data: TransactionDataTypes,
}

/// What other sections bring to the tenant; `None` where something was wrong with them.
pub(super) struct Parts {
    pub callers: Option<Vec<Caller>>,
    pub trust: Option<TrustAnchors>,
    pub trust_plans: Vec<TrustPlan>,
    pub policy: Option<Policy>,
    pub transaction_data: Option<TransactionDataTypes>,
    /// Whether placeholder types are allowed.
    pub test_mode: bool,
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(
    section: Section<'_>,
    files: Files<'_>,
    public_url: Option<&PublicUrl>,
    now: UnixSeconds,
    parts: Parts,
) -> Option<TenantSettings> {
    let id = section.text("id").and_then(|text| {
        let id = TenantId::parse(&text);
        if id.is_none() {
            section.fault("id", "has other characters than a-z, 0-9 and -", "Write a short name, as stadt-leipzig");
        }
        id
    });
    let name = section.text("name");
    let profile = section.choice("profile").and_then(Profile::from_name);
    let access = access::read(section, files, now);
    let client_id_prefix = client_id_prefix(section, profile);
    let client_id = client_id_prefix.and_then(|prefix| client_id(section, prefix, access.as_ref(), public_url));
    let scheme = section.text("scheme").and_then(|text| {
        let refused =
            |_| section.fault("scheme", "is none of these", "Write openid4vp, haip-vp, eu-eaap or an https link.");
        WalletScheme::parse(&text).map_err(refused).ok()
    });
    let return_urls =
        section.texts("return_urls").into_iter().filter_map(|entry| match check_return_url(&entry.text) {
            Ok(()) => Some(entry.text),
            Err(complaint) => {
                section.faults().add(entry.key, complaint.problem, complaint.remedy);
                None
            }
        });
    let return_urls = return_urls.collect();
    let cross_device = section.choice("cross_device").map(|word| match word {
        "off" => CrossDevice::Off,
        _ => CrossDevice::OnRelayRiskAccepted,
    });
    let plain_direct_post = section.choice("plain_direct_post").is_some();
    let origins = origins(section);
    let hosted_dc_api = section.flag("hosted_dc_api");
    let dc_api_protocols = dc_api_protocols(section, profile, client_id_prefix);
    if plain_direct_post && let Some(profile) = profile.filter(|profile| !profile.plain_answers) {
        section.fault(
            "plain_direct_post",
            format!("is given, but the profile {} has encrypted answers only", profile.name),
            "Leave it out, or choose another profile (OVP-REQ-04).",
        );
    }
    let presets = presets(section, parts.test_mode);
    let allow_dcql = section.flag("allow_dcql");
    let unregistered = section.choice("unregistered_queries");
    let seconds = |name: &str| section.integer(name).and_then(|value| u32::try_from(value).ok());
    let usual_and_most = |usual: &str, most: &str| {
        let times = (seconds(usual), seconds(most));
        if let (Some(time), Some(limit)) = times
            && time > limit
        {
            section.fault(usual, format!("is longer than {most}"), "Shorten it, or allow more.");
        }
        times
    };
    let (transaction, transaction_max) = usual_and_most("transaction_seconds", "transaction_seconds_max");
    let (result, result_max) = usual_and_most("result_seconds", "result_seconds_max");
    let (cross_device_most, return_seconds) = (seconds("cross_device_seconds_max"), seconds("return_seconds"));
    let link = |name| {
        let text = section.text(name)?;
        check_link(&text).map_err(|complaint| section.complain(name, complaint)).ok()?;
        Some(text)
    };
    let (privacy_url, imprint_url) = (link("privacy_url"), link("imprint_url"));
    let profile = profile?;
    if !profile.published_issuer_keys {
        for plan in parts.trust_plans.iter().filter(|plan| !plan.issuers.is_empty()) {
            section.faults().add(
                format!("trust({}).issuers", plan.source.name),
                "is given, but HAIP 1.0 (section 6.1.1) demands certificates in x5c of every credential",
                "Name anchors instead; for issuers without certificates set tenant.profile = \"openid4vp\".",
            );
        }
    }
    let mut policy = parts.policy?;
    // HAIP refuses an anchor among the certificates of a credential; OpenID4VP alone says nothing of it. It never gives trust.
    policy.anchor_in_chain = profile.anchor_in_chain;
    Some(TenantSettings {
        id: id?,
        name: name?,
        profile,
        client_id_prefix: client_id_prefix?,
        client_id: client_id?,
        access: access?,
        scheme: scheme?,
        return_urls,
        cross_device: cross_device?,
        plain_direct_post,
        origins,
        hosted_dc_api: hosted_dc_api?,
        dc_api_protocols,
        presets: presets?,
        allow_dcql: allow_dcql?,
        unregistered_queries: match unregistered? {
            "allowed_for_testing" => UnregisteredQueries::AllowedForTesting,
            _ => UnregisteredQueries::Refused,
        },
        registrations: Registrations::default(),
        transaction_seconds: transaction?,
        transaction_seconds_max: transaction_max?,
        cross_device_seconds_max: cross_device_most?,
        return_seconds: return_seconds?,
        result_seconds: result?,
        result_seconds_max: result_max?,
        privacy_url,
        imprint_url,
        callers: parts.callers?,
        trust: parts.trust?,
        trust_plans: parts.trust_plans,
        policy,
        transaction_data: parts.transaction_data?,
    })
}

/// OVP-CID-03: HAIP has one prefix.
fn client_id_prefix(section: Section<'_>, profile: Option<&Profile>) -> Option<ClientIdPrefix> {
    let prefix = ClientIdPrefix::from_name(section.choice("client_id_prefix")?)?;
    if let Some(profile) = profile.filter(|profile| !profile.allows(prefix)) {
        section.fault(
            "client_id_prefix",
            format!("is {}, which the profile {} does not allow", prefix.as_str(), profile.name),
            "Choose x509_hash; for wallets without HAIP set tenant.profile = \"openid4vp\".",
        );
    }
    Some(prefix)
}

/// The origins, each in its only spelling (DCA-07, DCA-08, case DCA-007).
fn origins(section: Section<'_>) -> Vec<Origin> {
    let read = |entry: Entry| match Origin::parse(&entry.text) {
        Ok(origin) => Some(origin),
        Err(reason) => {
            let remedy =
                "Write it as browsers do, in lower case and without a final slash: https://antrag.stadt.example";
            section.faults().add(entry.key, reason.detail, remedy);
            None
        }
    };
    let origins = section.texts("origins").into_iter().filter_map(read).collect();
    if section.is_empty_list("origins") {
        section.fault("origins", "is an empty list", "Name the pages that ask, or leave the setting out.");
    }
    origins
}

/// The protocols; without a word on it, the signed one alone (DCA-15).
fn dc_api_protocols(section: Section<'_>, profile: Option<&Profile>, prefix: Option<ClientIdPrefix>) -> Vec<Protocol> {
    let mut protocols = Vec::new();
    for entry in section.texts("dc_api_protocols") {
        let complaint = match Protocol::from_name(&entry.text) {
            Some(Protocol::Unsigned) => Complaint::new(
                "is not signed, which deviates from EU rules",
                "Leave it out; where no EU wallet is meant, set dc_api_unsigned = \"deviation_from_eu_rules\".",
            ),
            Some(protocol) => {
                protocols.push(protocol);
                continue;
            }
            None => Complaint::new(
                "there is no such protocol",
                suggestion(&entry.text, Protocol::ALL.iter().map(|protocol| protocol.as_str())),
            ),
        };
        section.faults().add(entry.key, complaint.problem, complaint.remedy);
    }
    let unsigned = section.choice("dc_api_unsigned").is_some();
    if section.is_empty_list("dc_api_protocols") && !unsigned {
        section.fault("dc_api_protocols", "is an empty list", "Name a protocol, or leave the setting out.");
    }
    if !section.has("dc_api_protocols") {
        protocols.push(Protocol::Signed);
    }
    if unsigned && let Some(profile) = profile.filter(|profile| !profile.unsigned_browser_requests) {
        section.fault(
            "dc_api_unsigned",
            format!("is given, but the profile {} has signed requests only", profile.name),
            "Leave it out, or choose another profile (DCA-15).",
        );
    }
    let signs = prefix.is_none_or(ClientIdPrefix::is_signed);
    let used = section.has("origins") || section.flag("hosted_dc_api") == Some(true);
    if used && !signs && !protocols.is_empty() {
        section.fault(
            "dc_api_protocols",
            "has signed requests, but with client_id_prefix = \"redirect_uri\" nothing can be signed",
            "Set dc_api_protocols = [] and dc_api_unsigned, or choose another prefix (OVP-CID-06).",
        );
    }
    protocols.extend(unsigned.then_some(Protocol::Unsigned));
    for name in ["dc_api_protocols", "dc_api_unsigned"] {
        if section.has(name) && !used {
            let remedy = "Name the pages that ask in tenant.origins, or set tenant.hosted_dc_api = true.";
            section.fault(name, "has no effect without origins", remedy);
        }
    }
    protocols
}

/// OVP-CID-05: a DNS name must be in the certificate and be the host of our addresses. OVP-CID-12: an agreed name must not
/// pass for a prefix.
fn client_id(
    section: Section<'_>,
    prefix: ClientIdPrefix,
    access: Option<&AccessKey>,
    public_url: Option<&PublicUrl>,
) -> Option<ClientId> {
    let agreed = section.text("client_id");
    if agreed.is_some() && prefix != ClientIdPrefix::PreRegistered {
        section.fault(
            "client_id",
            format!("is given, but with {} it is not chosen", prefix.as_str()),
            "Leave it out, or set client_id_prefix = \"pre-registered\".",
        );
        return None;
    }
    match prefix {
        ClientIdPrefix::X509Hash => access?.leaf().map(ClientId::x509_hash),
        ClientIdPrefix::RedirectUri => Some(ClientId::OfResponseUri),
        ClientIdPrefix::PreRegistered => {
            let Some(name) = agreed else {
                section.fault("client_id", "is missing", "Write the name by which wallets know the verifier.");
                return None;
            };
            let refused =
                |reason: Reason| section.fault("client_id", reason.detail, "Write the name as it was agreed.");
            ClientId::pre_registered(&name).map_err(refused).ok()
        }
        ClientIdPrefix::X509SanDns => {
            let (leaf, url) = (access?.leaf()?, public_url?);
            let named = ClientId::x509_san_dns(leaf, url.host()).ok().filter(|_| url.is_dns_name());
            if named.is_none() {
                let names =
                    if leaf.dns_names.is_empty() { "no DNS name".to_owned() } else { leaf.dns_names.join(", ") };
                section.complain(
                    "access_chain",
                    Complaint::new(
                        format!(
                            "the access certificate has {names}, but the host of service.public_url is {}",
                            url.host()
                        ),
                        "Get a certificate for this host, correct public_url, or use client_id_prefix = \"x509_hash\".",
                    ),
                );
            }
            named
        }
    }
}

/// The presets that are named, or all. Placeholder types are for test mode only.
fn presets(section: Section<'_>, test_mode: bool) -> Option<Vec<Preset>> {
    let Ok(shipped) = preset::shipped() else {
        section.fault("presets", "cannot be read: a preset of this program is broken", "Report this as a defect.");
        return None;
    };
    let allowed = |preset: &Preset| test_mode || !preset.test_only();
    if !section.has("presets") {
        return Some(shipped.into_iter().filter(allowed).collect());
    }
    let mut chosen = Vec::new();
    let mut sound = true;
    for entry in section.texts("presets") {
        let complaint = match shipped.iter().find(|preset| preset.id == entry.text) {
            Some(preset) if allowed(preset) => {
                chosen.push(preset.clone());
                continue;
            }
            Some(_) => Complaint::new(
                "asks for placeholder types, not for real credentials",
                "Leave it out; for tests set service.test_mode = true.",
            ),
            None => {
                let known = shipped.iter().map(|preset| preset.id.as_str());
                Complaint::new("there is no such preset", suggestion(&entry.text, known))
            }
        };
        sound = false;
        section.faults().add(entry.key, complaint.problem, complaint.remedy);
    }
    sound.then_some(chosen)
}

/// Reads one caller. `None` if something is wrong; what, has been noted.
pub(super) fn read_caller(section: Section<'_>, before: &[Caller]) -> Option<Caller> {
    let name = section.text("name");
    let digest = section.text("key_sha256").and_then(|text| {
        let digest = hexadecimal(&text);
        if digest.is_none() {
            section.fault(
                "key_sha256",
                "is not a SHA-256 digest of 64 hexadecimal digits",
                "Make it with: printf %s \"$KEY\" | sha256sum",
            );
        }
        digest
    });
    let (name, key_sha256) = (name?, digest?);
    if key_sha256 == sha256(b"") || key_sha256 == sha256(b"\n") {
        section.fault("key_sha256", "is the digest of an empty key", "Make a key first: openssl rand -base64 32");
        return None;
    }
    if before.iter().any(|caller| caller.name == name) {
        section.fault("name", "is the name of another caller, too", "Give each caller a name of its own.");
        return None;
    }
    if before.iter().any(|caller| caller.key_sha256 == key_sha256) {
        section.fault("key_sha256", "is the key of another caller, too", "Give each caller a key of its own.");
        return None;
    }
    Some(Caller { name, key_sha256 })
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    // from_str_radix takes a sign; a digest has none.
    (!text.contains('+')).then_some(bytes)
}
