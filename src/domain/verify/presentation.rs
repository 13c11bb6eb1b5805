//! One SD-JWT VC presentation, from its text to its claims.

use super::report::{CREDENTIAL_CHECKS, Check, Report, Section, StatusEvidence};
use super::{Binding, Context, Refusal, Standing, StatusLists, StatusNeed, Verified, is_undecided};
use crate::domain::dcql::{Candidate, CredentialQuery, Meta, Projection, Rules, Types as QueryTypes, evaluate};
use crate::domain::encoding::base64;
use crate::domain::encoding::json::{self, Dates};
use crate::domain::jose::hash::HashAlgorithm;
use crate::domain::jose::jws::CompactJws;
use crate::domain::reason::{Code, Reason};
use crate::domain::sd_jwt::SdJwt;
use crate::domain::sd_jwt::disclose::{self, Disclosures};
use crate::domain::sd_jwt::key_binding::{KeyBinding, ProofWindow};
use crate::domain::sd_jwt::pid::Oddities;
use crate::domain::sd_jwt::shape::Shape;
use crate::domain::sd_jwt::vc::{self, Types};
use crate::domain::status_list::StatusReference;
use crate::domain::time::{UnixSeconds, Validity};
use crate::domain::transaction_data::{Confirmation, Entry, check_each_once, confirmed_by};
use crate::domain::trust::purpose::is_pid;
use crate::domain::trust::{Identity, SHORT_LIVED_SECONDS, StatusRule, TrustSource, TrustedIssuer};
use crate::domain::type_metadata::{Consulted, NoMetadata, TypeDocuments, TypeMetadata, TypeNeed};
use crate::domain::x509::profile::{IssuerNames, Match, match_country, match_issuer};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The DCQL format identifier of SD-JWT VC.
pub const FORMAT: &str = "dc+sd-jwt";

/// A credential whose checks all passed, as it is handed over. Holds claims: no `Debug`.
#[derive(Clone)]
pub struct Credential {
    /// `dc+sd-jwt`.
    pub format: &'static str,
    /// Its `vct`.
    pub vct: String,
    /// Who issued it.
    pub issuer: Issuer,
    /// First second of validity, if stated.
    pub valid_from: Option<UnixSeconds>,
    /// First second after validity, if stated.
    pub valid_until: Option<UnixSeconds>,
    /// Whether a status list says valid, or none is due.
    pub status: StatusStatement,
    /// The claims that were asked for and disclosed; without a query, all that were disclosed.
    pub claims: Map<String, Value>,
    /// Which claim set of the query was met, if it has some.
    pub claim_set: Option<usize>,
    /// The transaction data that its proof confirms.
    pub transaction_data: Vec<Confirmation>,
}

/// What is known about the status of an accepted credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusStatement {
    /// The list says valid.
    Valid,
    /// The credential has none, and the trust source allows that.
    NotIssued,
}

impl StatusStatement {
    /// The word in results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotIssued => "not_issued",
        }
    }
}

/// The issuer of an accepted credential, from its certificate and the trust configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// Organisation or common name in the certificate; without one, the address under which it publishes its keys.
    pub name: String,
    /// Country in the certificate, if there is one.
    pub country: Option<String>,
    /// The trust source that vouches for it.
    pub trusted_by: String,
    /// What the credential itself states as `iss`.
    pub stated: Option<String>,
}

/// A presentation whose checks so far all passed; what is left are status and query, and the type metadata if it has to be
/// brought.
pub struct Opened<'a> {
    section: Section,
    /// Where the report says what the trust in it rests on.
    evidence: usize,
    query: Option<&'a CredentialQuery>,
    issuer: Arc<TrustedIssuer>,
    source: &'a TrustSource,
    claims: Map<String, Value>,
    types: Types,
    validity: Validity,
    stated_issuer: Option<String>,
    status: Option<StatusReference>,
    holder_bound: bool,
    /// What the proof confirms; told last of all, as the catalogue orders the checks.
    confirmed: Result<Vec<Confirmation>, Reason>,
    metadata: Option<OpenMetadata>,
}

/// A check against type metadata that has to be brought first.
struct OpenMetadata {
    need: TypeNeed,
    shape: Shape,
    brought: Result<Arc<TypeMetadata>, NoMetadata>,
}

impl Opened<'_> {
    /// The type metadata that is needed, if any.
    pub fn type_need(&self) -> Option<&TypeNeed> {
        self.metadata.as_ref().map(|open| &open.need)
    }

    /// Takes the type metadata that was brought. Without it, it counts as not to be had.
    pub fn supply_types(&mut self, types: &dyn TypeDocuments) {
        if let Some(open) = &mut self.metadata {
            open.brought = types.metadata(&open.need);
        }
    }

    /// The status list that is needed, if any.
    pub fn status_need(&self) -> Option<StatusNeed> {
        let reference = self.status.as_ref()?;
        Some(StatusNeed { uri: reference.uri.clone(), source: self.source.name.clone() })
    }
}

/// Verifies one presentation outside of a transaction, up to the status list it needs.
///
/// # Errors
/// [`Refusal`] if a check failed.
pub fn open<'a>(
    text: &str,
    query: Option<&'a CredentialQuery>,
    binding: Binding<'_>,
    cx: Context<'a>,
) -> Result<Single<'a>, Box<Refusal>> {
    let mut report = Report::begin(cx.now, cx.trust);
    match open_in(text, query, binding, cx, &mut report, None) {
        Ok(opened) => Ok(Single { opened, report, sent: binding.transaction_data.to_vec() }),
        Err(standing) => Err(Box::new(Refusal::of(report, standing))),
    }
}

/// A single opened presentation with its report.
pub struct Single<'a> {
    opened: Opened<'a>,
    report: Report,
    sent: Vec<Entry>,
}

impl Single<'_> {
    /// The status list that is needed, if any.
    pub fn status_need(&self) -> Option<StatusNeed> {
        self.opened.status_need()
    }

    /// The type metadata that is needed, if any.
    pub fn type_need(&self) -> Option<&TypeNeed> {
        self.opened.type_need()
    }

    /// Takes the type metadata that was brought. Without it, it counts as not to be had.
    pub fn supply_types(&mut self, types: &dyn TypeDocuments) {
        self.opened.supply_types(types);
    }

    /// Makes the remaining checks.
    ///
    /// # Errors
    /// [`Refusal`] if one failed.
    pub fn conclude(
        self,
        lists: &dyn StatusLists,
        cx: Context<'_>,
    ) -> Result<(Verified<Credential>, Report), Box<Refusal>> {
        let Self { opened, mut report, sent } = self;
        let credential = match conclude_in(opened, lists, cx, &mut report) {
            Ok(credential) => credential,
            Err(standing) => return Err(Box::new(Refusal::of(report, standing))),
        };
        let section = report.section(&[Check::TransactionDataConfirmed], None);
        let once = || check_each_once(&sent, &credential.transaction_data);
        if report.step(section, Check::TransactionDataConfirmed, once).is_none() {
            return Err(Box::new(Refusal::of(report, Standing::Established)));
        }
        report.seal(credential).map_err(|unsealed| Box::new(Refusal::unsealed(unsealed)))
    }
}

/// The lines a credential has in a report.
pub(super) fn plan(query: Option<&CredentialQuery>) -> Vec<Check> {
    let mut checks = CREDENTIAL_CHECKS.to_vec();
    if query.is_some() {
        checks.push(Check::Query);
    }
    checks.push(Check::TransactionData);
    checks
}

/// Makes all checks that need nothing from outside, cheap ones first. Writes the lines of one section.
pub(super) fn open_in<'a>(
    text: &str,
    query: Option<&'a CredentialQuery>,
    binding: Binding<'_>,
    cx: Context<'a>,
    report: &mut Report,
    name: Option<&Arc<str>>,
) -> Result<Opened<'a>, Standing> {
    let section = report.section(&plan(query), name);
    let unestablished = Standing::Unestablished;
    let policy = cx.policy;

    let form = report.step(section, Check::CredentialForm, || Form::read(text)).ok_or(unestablished)?;
    let requires_proof = query.is_none_or(CredentialQuery::requires_holder_binding) || form.payload.contains_key("cnf");
    let signed = report.step(section, Check::IssuerHeader, || Signed::read(&form, cx)).ok_or(unestablished)?;

    // What a malformed, replayed or misdirected answer fails at costs no signature.
    let mut disclosures = None;
    match Disclosures::read(&form.sd_jwt.disclosures, signed.hash) {
        Ok(read) => disclosures = Some(read),
        Err(reason) => drop(report.step(section, Check::Disclosures, || Err::<(), _>(reason))),
    }
    let proof = report
        .step(section, Check::KeyBindingForm, || match (form.sd_jwt.key_binding_jwt, requires_proof) {
            (Some(jws), _) => KeyBinding::read(jws, &policy.algorithms).map(Some),
            (None, true) => Err(Reason::new(Code::KbMissing, "no KB-JWT follows the last tilde")),
            (None, false) => Ok(None),
        })
        .ok_or(unestablished)?;
    let window =
        ProofWindow { requested_at: binding.requested_at, max_age: Some(policy.proof_max_age), skew: policy.skew };
    on_proof(report, section, Check::KeyBindingAudience, proof.as_ref(), |proof| {
        proof.check_audience(binding.audience)
    });
    on_proof(report, section, Check::KeyBindingNonce, proof.as_ref(), |proof| proof.check_nonce(binding.nonce));
    on_proof(report, section, Check::KeyBindingTime, proof.as_ref(), |proof| proof.check_time(window, cx.now));
    if report.has_failed(section) {
        return Err(unestablished);
    }

    let types = Types::read(&form.payload);
    let requested = requested_types(query, types.as_ref().ok());
    let trusted = report.step(section, Check::IssuerTrusted, || {
        cx.trust.check_covered(&requested, cx.now)?;
        if cx.trust.judges_by_published_keys(&signed.header) {
            let stated = form.payload.get("iss");
            return cx.trust.trust_published(stated, &signed.header, signed.algorithm, cx.now).map(Arc::new);
        }
        cx.chains.issuer(form.sd_jwt.issuer_jwt.header_part(), &signed.header, cx.trust, policy.anchor_in_chain, cx.now)
    });
    let Some(issuer) = trusted else {
        return Err(standing_of(report, section, unestablished));
    };
    // A type that was not asked for fails at its own check; whether its issuer might issue it is then no matter.
    let matched = types.as_ref().ok().and_then(|types| matched_type(query, types, policy.accept_aka_vcts));
    let source = match (&types, matched) {
        (Ok(types), Some(matched)) => report
            .step(section, Check::IssuerAuthorized, || {
                let source = cx.trust.authorize(&issuer, &[types.vct.as_str(), matched], cx.now)?;
                check_stated_issuer(source, &issuer, form.payload.get("iss"))?;
                Ok(source)
            })
            .ok_or(unestablished)?,
        _ => cx.trust.any_source(&issuer).ok_or(unestablished)?,
    };
    let evidence = report.rest_on(name, source);
    report
        .step(section, Check::IssuerSignature, || form.sd_jwt.issuer_jwt.verify(signed.algorithm, issuer.key()))
        .ok_or(unestablished)?;

    let Form { sd_jwt, payload, dates } = form;
    let stated_issuer = payload.get("iss").and_then(Value::as_str).map(str::to_owned);
    note_issuer(report, section, &issuer, stated_issuer.as_deref());
    let holder = report
        .step(section, Check::HolderKey, || match (payload.contains_key("cnf"), proof.is_some() || requires_proof) {
            (false, false) => Ok(None),
            _ => vc::holder_key(&payload, Some(issuer.key())).map(Some),
        })
        .flatten();
    let late = Late::read(&types, query, matched, &dates, &payload, cx);
    // The shape of the credential is drawn only for rules that are, or may be, there.
    let drawn = late.has_rules();
    let disclosed = disclosures.and_then(|read| {
        report.step(section, Check::Disclosures, || {
            if drawn {
                read.apply_drawing(payload, &vc::PROTECTED)
            } else {
                read.apply(payload, &vc::PROTECTED).map(|claims| (claims, Shape::Scalar))
            }
        })
    });
    on_proof(report, section, Check::KeyBindingHash, proof.as_ref(), |proof| {
        proof.check_sd_hash(sd_jwt.bound_text, signed.hash)
    });
    if report.has_failed(section) {
        return Err(unestablished);
    }
    on_proof(report, section, Check::KeyBindingSignature, proof.as_ref(), |proof| match &holder {
        Some(holder) => proof.verify(holder),
        None => Err(Reason::new(Code::HolderKeyMissing, "a proof, but no bound key")),
    });
    let Some((claims, shape)) = disclosed.filter(|_| !report.has_failed(section)) else {
        return Err(unestablished);
    };
    if proof.is_none() {
        report.note(section, Check::HolderKey, "the query asks for no holder binding, and the credential has none");
    }

    // Issuer and holder are established from here on.
    let query_id = query.map(CredentialQuery::id);
    let confirmed = confirmed_of(proof.as_ref(), query_id, binding.transaction_data, types.as_ref().ok());
    let (validity, status, metadata) = late.conclude(report, section, (source, &issuer), &claims, shape, cx);
    match (validity, types) {
        (Some(validity), Ok(types)) if !report.has_failed(section) => Ok(Opened {
            section,
            evidence,
            query,
            issuer,
            source,
            claims,
            types,
            validity,
            stated_issuer,
            status,
            holder_bound: proof.is_some(),
            confirmed,
            metadata,
        }),
        _ => Err(Standing::Established),
    }
}

/// The entries of transaction data that a proof confirms. A PID never confirms any, under whatever type it answers (TXD-03).
fn confirmed_of(
    proof: Option<&KeyBinding<'_>>,
    query_id: Option<&str>,
    sent: &[Entry],
    types: Option<&Types>,
) -> Result<Vec<Confirmation>, Reason> {
    let Some(proof) = proof else { return Ok(Vec::new()) };
    let confirmed = confirmed_by(proof.claims(), query_id, sent)?;
    let of_pid = types.is_some_and(|types| is_pid(&types.vct) || types.aka.iter().any(|vct| is_pid(vct)));
    if of_pid && !confirmed.is_empty() {
        return Err(Reason::new(Code::TransactionDataMismatch, "the key of a PID confirms transaction data"));
    }
    Ok(confirmed)
}

/// Which entries were confirmed, by their hashes: not their content.
fn note_confirmed(report: &mut Report, section: Section, confirmed: &[Confirmation]) {
    if confirmed.is_empty() {
        return;
    }
    let one = |confirmed: &Confirmation| {
        format!("entry {} by {} {}", confirmed.entry, confirmed.algorithm.name(), confirmed.hash)
    };
    let all: Vec<String> = confirmed.iter().map(one).collect();
    report.note(section, Check::TransactionData, all.join(", "));
}

/// Where the source demands it, `iss` must be a name of the certificate.
fn check_stated_issuer(source: &TrustSource, issuer: &TrustedIssuer, stated: Option<&Value>) -> Result<(), Reason> {
    // An issuer without certificate was found by its iss, so there is nothing to compare.
    let (Some(names), Some(leaf)) = (source.agreement.issuer, issuer.leaf()) else { return Ok(()) };
    match match_issuer(stated.and_then(Value::as_str), leaf, names) {
        Match::Matched => Ok(()),
        Match::Unmatched => {
            Err(Reason::new(Code::CredentialIssuerMismatch, "iss is not a name in the certificate of the issuer"))
        }
        Match::NotStated => Err(Reason::new(
            Code::CredentialIssuerMismatch,
            "iss or a name in the certificate of the issuer is missing",
        )),
    }
}

/// What the issuer's key rests on, beside the source: always recorded.
fn note_issuer(report: &mut Report, section: Section, issuer: &TrustedIssuer, stated: Option<&str>) {
    let note = match issuer.identity() {
        // SD-JWT VC section 2.5: the certificate counts; whether iss is one of its names is recorded.
        Identity::Certified(chain) => match match_issuer(stated, &chain.leaf, IssuerNames::UriOrDns) {
            Match::Matched => "iss is a name in the certificate",
            Match::Unmatched => "iss is not a name in the certificate; the certificate counts",
            Match::NotStated => "iss and the certificate cannot be compared: one of them states no name",
        },
        Identity::Published { key_set, confirmed_at, .. } => {
            let set = base64::encode_url(key_set);
            let text = format!("by the keys that iss publishes, set {set}, confirmed at {}", confirmed_at.0);
            report.note(section, Check::IssuerTrusted, text);
            "iss is named by the trust source"
        }
    };
    report.note(section, Check::IssuerAuthorized, note);
}

/// Makes the checks on type metadata that was brought, status and query, and takes the claims out.
pub(super) fn conclude_in(
    mut opened: Opened<'_>,
    lists: &dyn StatusLists,
    cx: Context<'_>,
    report: &mut Report,
) -> Result<Credential, Standing> {
    let section = opened.section;
    if let Some(open) = opened.metadata.take() {
        conclude_metadata(open, cx, report, section)?;
    }
    let established = |report: &Report| standing_of(report, section, Standing::Established);
    let need = opened.status_need();
    let list = report
        .step(section, Check::StatusList, || match &need {
            None => Ok(None),
            Some(need) => {
                let list = lists.list(need)?;
                list.check_usable(&need.uri, &need.source, cx.policy.skew, cx.now)?;
                Ok(Some(list))
            }
        })
        .ok_or_else(|| established(report))?;
    report
        .step(section, Check::Status, || match (&opened.status, &list) {
            (None, _) => Ok(()),
            (Some(reference), Some(list)) => list.bits().status(reference.index)?.check(),
            (Some(_), None) => Err(Reason::new(Code::StatusUnavailable, "no status list was brought")),
        })
        .ok_or_else(|| established(report))?;
    match &list {
        None => report.note(section, Check::Status, "the credential has no status, and its trust source allows that"),
        Some(list) => {
            let used = StatusEvidence { digest: *list.digest(), issued_at: list.issued_at(), expires: list.expires() };
            report.rest_on_status(opened.evidence, used);
        }
    }
    let (claims, claim_set) = match opened.query {
        None => (without_control(opened.claims), None),
        Some(query) => {
            let candidate = Candidate {
                format: FORMAT,
                types: QueryTypes::Vct { vct: &opened.types.vct, aka_vcts: &opened.types.aka },
                claims: &opened.claims,
                authorities: opened.issuer.authority_key_identifiers(),
                holder_bound: opened.holder_bound,
            };
            let rules = Rules { accept_aka_vcts: cx.policy.accept_aka_vcts };
            let matched = report
                .step(section, Check::Query, || evaluate(query, &candidate, rules))
                .ok_or_else(|| established(report))?;
            let projection = Projection::new(&opened.claims, matched.paths(query));
            note_dropped(report, section, &projection, &opened.claims);
            (projection.kept(&opened.claims), matched.claim_set)
        }
    };
    let confirmed =
        report.step(section, Check::TransactionData, || opened.confirmed).ok_or_else(|| established(report))?;
    note_confirmed(report, section, &confirmed);
    Ok(Credential {
        format: FORMAT,
        vct: opened.types.vct,
        issuer: Issuer {
            name: opened.issuer.name().to_owned(),
            country: opened.issuer.country().map(str::to_owned),
            trusted_by: opened.source.name.clone(),
            stated: opened.stated_issuer,
        },
        valid_from: opened.validity.not_before,
        valid_until: opened.validity.expires,
        status: if list.is_some() { StatusStatement::Valid } else { StatusStatement::NotIssued },
        claims,
        claim_set,
        transaction_data: confirmed,
    })
}

/// The check against type metadata that had to be brought.
fn conclude_metadata(
    open: OpenMetadata,
    cx: Context<'_>,
    report: &mut Report,
    section: Section,
) -> Result<(), Standing> {
    let settled = cx.policy.type_metadata.settle(&open.need, open.brought);
    let standing = match &settled {
        Err(unsettled) if unsettled.may_pass_later => Standing::Undecided,
        _ => Standing::Established,
    };
    let metadata = report
        .step(section, Check::TypeMetadata, || {
            let metadata = settled.map_err(|unsettled| unsettled.reason)?;
            metadata.as_ref().map_or(Ok(()), |metadata| metadata.check(&open.shape))?;
            Ok(metadata)
        })
        .ok_or(standing)?;
    match metadata {
        Some(metadata) => note_metadata(report, section, &metadata),
        None => report.note(section, Check::TypeMetadata, "the type metadata cannot be had now, and is not required"),
    }
    Ok(())
}

/// Which documents a credential was judged by.
fn note_metadata(report: &mut Report, section: Section, metadata: &TypeMetadata) {
    let documents: Vec<String> = metadata.documents().iter().map(|document| document.digests.sha256()).collect();
    report.note(section, Check::TypeMetadata, documents.join(", "));
}

/// Claims that nobody asked for are dropped, and their names reported (OVP-DCQL-49, PRI-012).
fn note_dropped(report: &mut Report, section: Section, projection: &Projection, claims: &Map<String, Value>) {
    let kept = |name: &String| vc::CONTROL.contains(&name.as_str()) || projection.keeps_whole(name);
    if claims.keys().all(kept) {
        return;
    }
    let dropped = projection.dropped(claims, &vc::CONTROL);
    if !dropped.is_empty() {
        report.note(section, Check::Query, format!("not asked for, dropped: {}", dropped.join(", ")));
    }
}

fn without_control(mut claims: Map<String, Value>) -> Map<String, Value> {
    claims.retain(|name, _| !vc::CONTROL.contains(&name.as_str()));
    claims
}

/// A line about the proof of possession; without one (and none due) there is nothing that could be wrong with it.
fn on_proof(
    report: &mut Report,
    section: Section,
    check: Check,
    proof: Option<&KeyBinding<'_>>,
    run: impl FnOnce(&KeyBinding<'_>) -> Result<(), Reason>,
) {
    report.step(section, check, || proof.map_or(Ok(()), run));
}

fn standing_of(report: &Report, section: Section, otherwise: Standing) -> Standing {
    match report.failure_in(section) {
        Some(reason) if is_undecided(reason.code) => Standing::Undecided,
        _ => otherwise,
    }
}

fn requested_types(query: Option<&CredentialQuery>, types: Option<&Types>) -> Vec<String> {
    match query.map(CredentialQuery::meta) {
        Some(Meta::VctValues(values)) => values.clone(),
        _ => types.map(|types| vec![types.vct.clone()]).unwrap_or_default(),
    }
}

/// The type under which the credential answers: its own, or one it also counts as. Compared byte by byte (OVP-DCQL-42).
fn matched_type<'t>(query: Option<&CredentialQuery>, types: &'t Types, accept_aka: bool) -> Option<&'t str> {
    let Some(Meta::VctValues(values)) = query.map(CredentialQuery::meta) else {
        return query.is_none().then_some(types.vct.as_str());
    };
    let asked = |vct: &&String| values.contains(vct);
    let own = Some(&types.vct).filter(asked);
    own.or_else(|| types.aka.iter().filter(|_| accept_aka).find(asked)).map(String::as_str)
}

/// The decoded parts of a presentation: strict form, nothing believed yet.
struct Form<'t> {
    sd_jwt: SdJwt<'t>,
    payload: Map<String, Value>,
    dates: Dates,
}

impl<'t> Form<'t> {
    fn read(text: &'t str) -> Result<Self, Reason> {
        let sd_jwt = SdJwt::parse(text).map_err(|reason| foreign_format(text).unwrap_or(reason))?;
        let payload = sd_jwt.issuer_jwt.payload()?;
        let number = || Reason::new(Code::CredentialClaimInvalid, "a number beyond the range of a double");
        let members = json::parse_object(&payload).map_err(|fault| match fault {
            json::Fault::NumberRange => number(),
            other => other.into(),
        })?;
        let dates = Dates::of(&members, &payload)?;
        vc::check_date_forms(&dates)?;
        vc::check_index_form(&members)?;
        Ok(Self { sd_jwt, payload: members, dates })
    }
}

/// A credential of another format in the place of an SD-JWT gets its own code (case SVC-024).
fn foreign_format(text: &str) -> Option<Reason> {
    let mismatch = |detail: &'static str| Some(Reason::new(Code::CredentialFormatMismatch, detail));
    if text.contains('~') {
        return None;
    }
    if let Ok(jws) = CompactJws::parse(text) {
        let claims = jws.claims().ok()?;
        return if claims.contains_key("vc") || claims.contains_key("vp") {
            mismatch("a JWT credential of the W3C model")
        } else {
            None
        };
    }
    let start = text.get(..text.len().min(4))?;
    let first = base64::decode_url(start).ok()?;
    let is_cbor_map = text.len() > 64 && first.first().is_some_and(|byte| (0xa1..=0xbf).contains(byte));
    if is_cbor_map { mismatch("an mdoc") } else { None }
}

/// The issuer's header and hash algorithm, accepted by the policy.
struct Signed {
    header: Arc<crate::domain::jose::header::Header>,
    algorithm: crate::domain::jose::alg::SignatureAlgorithm,
    hash: HashAlgorithm,
}

impl Signed {
    fn read(form: &Form<'_>, cx: Context<'_>) -> Result<Self, Reason> {
        let header = cx.chains.header(form.sd_jwt.issuer_jwt.header_part())?;
        let algorithm = header.algorithm(&cx.policy.algorithms)?;
        if !header.typ().is_some_and(|typ| cx.policy.credential_typ.iter().any(|known| known == typ)) {
            return Err(Reason::new(Code::CredentialTypInvalid, "typ is not dc+sd-jwt"));
        }
        form.sd_jwt.issuer_jwt.signature()?;
        Ok(Self { header, algorithm, hash: disclose::hash_algorithm(&form.payload)? })
    }
}

/// The results of checks on the signed payload that come late in the report but read what disclosing consumes.
struct Late {
    validity: Result<Validity, Reason>,
    credential_type: Result<(), Reason>,
    metadata: Result<Consulted, Reason>,
    audience: Result<(), Reason>,
    status: Option<Value>,
    lifetime: Option<i64>,
    vct: String,
    oddities: Oddities,
}

impl Late {
    fn read(
        types: &Result<Types, Reason>,
        query: Option<&CredentialQuery>,
        matched: Option<&str>,
        dates: &Dates,
        payload: &Map<String, Value>,
        cx: Context<'_>,
    ) -> Self {
        let validity = vc::validity(dates, payload);
        let issued = dates.issued_at.or_fault(|| ()).ok().flatten();
        let lifetime = validity.as_ref().ok().and_then(|validity| {
            let begin = validity.not_before.or(issued)?;
            Some(validity.expires?.since(begin))
        });
        let stated = payload.get("vct#integrity");
        let vct = types.as_ref().map(|types| types.vct.clone()).unwrap_or_default();
        let consulted = |vct: &str| cx.policy.type_metadata.consult(vct, stated);
        Self {
            validity,
            credential_type: match (types, query, matched) {
                (Err(reason), _, _) => Err(reason.clone()),
                (Ok(_), Some(_), None) => {
                    Err(Reason::new(Code::CredentialTypeMismatch, "vct is not one of vct_values"))
                }
                _ => Ok(()),
            },
            metadata: consulted(&vct),
            audience: if payload.contains_key("aud") {
                Err(Reason::new(Code::CredentialClaimInvalid, "the credential names an audience of its own"))
            } else {
                Ok(())
            },
            status: payload.get("status").cloned(),
            lifetime,
            oddities: Oddities::of_payload(&vct, payload),
            vct,
        }
    }

    /// Whether there are, or may be, rules for the claims of the type.
    fn has_rules(&self) -> bool {
        match &self.metadata {
            Ok(Consulted::Known(metadata)) => !metadata.claims().is_empty(),
            Ok(Consulted::Needed(_)) => true,
            Ok(Consulted::NotConcerned) | Err(_) => false,
        }
    }

    fn conclude(
        self,
        report: &mut Report,
        section: Section,
        (source, issuer): (&TrustSource, &TrustedIssuer),
        claims: &Map<String, Value>,
        shape: Shape,
        cx: Context<'_>,
    ) -> (Option<Validity>, Option<StatusReference>, Option<OpenMetadata>) {
        let mut skew_used = false;
        let validity = report.step(section, Check::ValidityPeriod, || {
            let validity = self.validity?;
            skew_used = validity.check(cx.now, cx.policy.skew)?.0;
            self.audience.map(|()| validity)
        });
        if skew_used {
            report.note(section, Check::ValidityPeriod, "valid only within the clock tolerance");
        }
        report.step(section, Check::CredentialType, || self.credential_type);
        let open = match self.metadata {
            Ok(Consulted::Needed(need)) => {
                let brought = Err(NoMetadata::Unavailable { vct: need.missing.clone() });
                Some(OpenMetadata { need, shape, brought })
            }
            Ok(Consulted::Known(metadata)) => {
                if report.step(section, Check::TypeMetadata, || metadata.check(&shape)).is_some() {
                    note_metadata(report, section, &metadata);
                }
                None
            }
            Ok(Consulted::NotConcerned) => {
                report.step(section, Check::TypeMetadata, || Ok(()));
                None
            }
            Err(reason) => {
                report.step(section, Check::TypeMetadata, || Err::<(), _>(reason));
                None
            }
        };
        let country = claims.get("issuing_country").and_then(Value::as_str);
        let country = issuer.leaf().map_or(Match::NotStated, |leaf| match_country(country, leaf));
        report.step(section, Check::ClaimContent, || {
            vc::check_data_uris(claims)?;
            if source.agreement.country && country == Match::Unmatched {
                return Err(Reason::new(
                    Code::CredentialIssuerMismatch,
                    "issuing_country is not the country of the certificate",
                ));
            }
            Ok(())
        });
        let elsewhere = || "issuing_country is not the country of the certificate".to_owned();
        let odd = self.oddities.with_claims(&self.vct, claims, cx.now).note();
        let notes: Vec<String> = (country == Match::Unmatched).then(elsewhere).into_iter().chain(odd).collect();
        if !notes.is_empty() {
            report.note(section, Check::ClaimContent, notes.join("; "));
        }
        let short_lived = self.lifetime.is_some_and(|seconds| seconds <= SHORT_LIVED_SECONDS);
        let status = report.step(section, Check::StatusReference, || match &self.status {
            Some(claim) => {
                let reference = StatusReference::from_claim(claim)?;
                source.check_status_uri(&reference.uri)?;
                Ok(Some(reference))
            }
            None => match source.status_rule {
                StatusRule::MayBeAbsent => Ok(None),
                StatusRule::RequiredUnlessShortLived if short_lived => Ok(None),
                _ => Err(Reason::new(
                    Code::StatusInvalidReference,
                    "the credential has no status, and its source demands one",
                )),
            },
        });
        (validity, status.flatten(), open)
    }
}
