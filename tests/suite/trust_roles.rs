//! Trust by purpose, type, country, profile and role: right signatures in the wrong place are refused, each by its code.

use crate::stage::{Scene, world};
use pruefstein::domain::reason::Code;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::trust::listed::{Held, TrustPlan, compose};
use pruefstein::domain::trust::{
    Agreement, Basis, ListEvidence, Purpose, Revocation, TrustAnchors, TrustSource, snapshot,
};
use pruefstein::domain::verify::Policy;
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::{Anchor, AnchorInChain};
use pruefstein::domain::x509::profile::{CertificateProfile, IssuerNames, QC_TYPE_PID};
use pruefstein::domain::x509::revocation::{Depth, RevocationList, RevocationLists};
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::revocation::Revoked;
use pruefstein::vectors::make::world::NOW;
use serde_json::json;
use std::sync::Arc;

/// What the core says to a good presentation when the issuer's source is changed.
fn changed(change: impl FnOnce(&mut TrustSource)) -> Result<(), Code> {
    of_scene(&Scene::good(), change)
}

fn of_scene(scene: &Scene, change: impl FnOnce(&mut TrustSource)) -> Result<(), Code> {
    let mut sources = scene.trust().sources().to_vec();
    change(&mut sources[0]);
    judge(scene, &TrustAnchors::new(sources))
}

fn judge(scene: &Scene, trust: &TrustAnchors) -> Result<(), Code> {
    let policy: Policy = scene.policy();
    // Twice with one cache: what is kept says the same as what is validated.
    let chains = ChainCache::default();
    let first = scene.judge_text_with(&scene.presentation(), trust, &policy, &chains);
    assert_eq!(scene.judge_text_with(&scene.presentation(), trust, &policy, &chains), first);
    first
}

fn anchor(der: &[u8]) -> Anchor {
    Anchor::new(Certificate::read(der).unwrap()).unwrap()
}

#[test]
fn right_signature_wrong_purpose() {
    // X5C-02, TL-02: an anchor for access certificates, registrars or status lists issues nothing to people.
    assert_eq!(changed(|_| {}), Ok(()));
    for purpose in Purpose::ALL {
        let expected = if purpose.issues_credentials() { Ok(()) } else { Err(Code::X5cUntrusted) };
        assert_eq!(changed(|source| source.purpose = purpose), expected, "{}", purpose.as_str());
    }
}

#[test]
fn right_issuer_wrong_type_or_country() {
    // X5C-02, X5C-20, cases SVC-005, TRU-013.
    assert_eq!(changed(|source| source.types = vec!["urn:other".to_owned()]), Err(Code::IssuerNotAuthorized));
    assert_eq!(changed(|source| source.countries = vec!["DE".to_owned(), "FR".to_owned()]), Ok(()));
    assert_eq!(changed(|source| source.countries = vec!["FR".to_owned()]), Err(Code::IssuerNotAuthorized));
}

#[test]
fn the_profile_of_a_source_is_demanded_of_the_leaf() {
    // X5C-13, case X5C-013.
    let profile = |usage: Option<&str>, qc_type: Option<&str>| CertificateProfile {
        extended_key_usage: usage.map(str::to_owned),
        qc_type: qc_type.map(str::to_owned),
    };
    assert_eq!(
        changed(|source| source.profile = profile(Some("1.3.130.2.0.0.1.2"), None)),
        Err(Code::X5cProfileViolation)
    );
    assert_eq!(changed(|source| source.profile = profile(None, Some(QC_TYPE_PID))), Err(Code::X5cProfileViolation));
}

#[test]
fn a_source_with_revocation_lists_needs_every_certificate_to_be_covered() {
    // X5C-11, case X5C-025: good, revoked, not covered, too old, and by depth.
    let lists = |revoked: Revoked| {
        let ders = world().authority.revocation_lists(IssuerName::PidGermany, revoked).unwrap();
        ders.map(|der| RevocationList::read(&der).unwrap())
    };
    let with = |lists: Vec<RevocationList>, depth: Depth| {
        changed(|source| {
            source.revocation = Some(Revocation { lists: Arc::new(RevocationLists::new(lists).unwrap()), depth });
        })
    };
    let both = |revoked: Revoked| Vec::from(lists(revoked));
    assert_eq!(with(both(Revoked::Nothing), Depth::WholeChain), Ok(()));
    assert_eq!(with(both(Revoked::Leaf), Depth::WholeChain), Err(Code::X5cRevoked));
    assert_eq!(with(both(Revoked::Intermediate), Depth::WholeChain), Err(Code::X5cRevoked));
    assert_eq!(with(both(Revoked::Intermediate), Depth::Leaf), Ok(()));
    let [above_leaf, _] = lists(Revoked::Nothing);
    assert_eq!(with(vec![above_leaf], Depth::WholeChain), Err(Code::X5cRevoked));
    assert_eq!(with(Vec::new(), Depth::WholeChain), Err(Code::X5cRevoked));
}

#[test]
fn the_stated_issuer_is_recorded_and_where_demanded_compared() {
    // VC-06.
    // SD-JWT VC section 2.5, X5C-20.
    let stated = |iss: &str, country: &str| {
        let mut scene = Scene::good();
        let (iss, country) = (iss.to_owned(), country.to_owned());
        scene.token = scene.token.change(move |token| {
            token.payload["iss"] = json!(iss);
            token.payload["issuing_country"] = json!(country);
        });
        scene
    };
    let demanding = |scene: &Scene, issuer: Option<IssuerNames>, country: bool| {
        of_scene(scene, |source| source.agreement = Agreement { issuer, country })
    };
    let leaf = Certificate::read(&world().certified().chain[0]).unwrap();
    let country = leaf.country.clone().unwrap();
    let foreign = stated("https://somebody-else.example", &country);
    assert_eq!(demanding(&foreign, None, false), Ok(()), "recorded only");
    assert_eq!(demanding(&foreign, Some(IssuerNames::Uri), false), Err(Code::CredentialIssuerMismatch));
    assert_eq!(demanding(&foreign, Some(IssuerNames::UriOrDns), false), Err(Code::CredentialIssuerMismatch));
    if let Some(uri) = leaf.uris.first() {
        assert_eq!(demanding(&stated(uri, &country), Some(IssuerNames::Uri), false), Ok(()));
    }
    assert_eq!(demanding(&stated("https://a.example", "FR"), None, true), Err(Code::CredentialIssuerMismatch));
    assert_eq!(demanding(&stated("https://a.example", "FR"), None, false), Ok(()));
    assert_eq!(demanding(&stated("https://a.example", &country), None, true), Ok(()));
    // Nothing stated is nothing compared for the country, but a demanded iss must be there.
    assert_eq!(demanding(&Scene::good(), None, true), Ok(()));
}

#[test]
fn status_lists_are_signed_by_those_who_may() {
    // TSL-28, DEU-10, cases TSL-017, TSL-018; the list of the scene is signed by the credential's issuer.
    let authority = &world().authority;
    let other = anchor(authority.status_root(IssuerName::PidGermany));
    let named = |source: &mut TrustSource| source.status_anchors = vec![other.clone()];
    assert_eq!(changed(named), Err(Code::StatusTokenInvalid), "the issuer's key where another anchor is required");
    let mut scene = Scene::good();
    if let Some(list) = &mut scene.list {
        list.sign_with(&authority.status_signer(IssuerName::PidGermany));
    }
    assert_eq!(of_scene(&scene, named), Ok(()));
    assert_eq!(of_scene(&scene, |_| {}), Err(Code::StatusTokenInvalid), "and the reverse");
    // Another trusted issuer's status signer is nobody here.
    let foreign = anchor(authority.status_root(IssuerName::PidForeign));
    assert_eq!(of_scene(&scene, |source| source.status_anchors = vec![foreign]), Err(Code::StatusTokenInvalid));
}

#[test]
fn a_source_of_status_signers_signs_for_those_it_names_only() {
    let authority = &world().authority;
    let mut scene = Scene::good();
    if let Some(list) = &mut scene.list {
        list.sign_with(&authority.status_signer(IssuerName::PidGermany));
    }
    let plan = |source: TrustSource, signs_for: &[&str]| TrustPlan {
        source,
        list: None,
        signs_for: signs_for.iter().map(|name| (*name).to_owned()).collect(),
        revocation: None,
        status_prefetch: Vec::new(),
        issuers: Vec::new(),
    };
    let signers = TrustSource {
        anchors: vec![anchor(authority.status_root(IssuerName::PidGermany))],
        ..TrustSource::new("revocation", Purpose::StatusList, Vec::new())
    };
    let with = |signs_for: &[&str]| {
        let trust = scene.trust();
        let mut plans: Vec<TrustPlan> = trust.sources().iter().map(|source| plan(source.clone(), &[])).collect();
        plans.push(plan(signers.clone(), signs_for));
        judge(&scene, &compose(&plans, Held::default(), UnixSeconds(NOW)))
    };
    assert_eq!(with(&["mine"]), Ok(()));
    assert_eq!(with(&["other"]), Err(Code::StatusTokenInvalid));
}

#[test]
fn a_snapshot_makes_the_same_verdicts_and_notices_a_change() {
    // Issue of evidence: the same digest, the same verdicts, at any time.
    let lists = world().authority.revocation_lists(IssuerName::PidGermany, Revoked::Leaf).unwrap();
    let lists: Vec<RevocationList> = lists.iter().map(|der| RevocationList::read(der).unwrap()).collect();
    let mut scene = Scene::good();
    scene.types.push("urn:other".to_owned());
    let mut sources = scene.trust().sources().to_vec();
    sources[1].revocation =
        Some(Revocation { lists: Arc::new(RevocationLists::new(lists).unwrap()), depth: Depth::Leaf });
    sources[1].countries = vec!["FR".to_owned()];
    sources[1].profile.qc_type = Some(QC_TYPE_PID.to_owned());
    sources[1].agreement = Agreement { issuer: Some(IssuerNames::Uri), country: true };
    let trust = TrustAnchors::new(sources);
    let text = snapshot::write(&trust, UnixSeconds(NOW)).unwrap();
    assert!(snapshot::is_snapshot(text.as_bytes()));
    let again = snapshot::read(text.as_bytes()).unwrap();
    assert_eq!(again.digest(), trust.digest());
    assert_eq!(judge(&scene, &again), Ok(()));
    assert_eq!(snapshot::write(&again, UnixSeconds(NOW)).unwrap(), text);
    for (from, to) in [
        ("urn:other", "urn:evil"),
        ("\"FR\"", "\"DE\""),
        ("pid_provider", "eaa_provider"),
        (QC_TYPE_PID, "0.4.0.194126.1.2"),
        ("\"country_match\": true", "\"country_match\": false"),
        ("\"issuer_match\": \"uri\"", "\"issuer_match\": \"recorded\""),
        ("\"required\"", "\"may_be_absent\""),
    ] {
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        assert_eq!(snapshot::read(changed.as_bytes()).unwrap_err().code, Code::ConfigRefused, "{from}");
    }
    for wrong in ["", "{}", "[]", "{\"format\":\"pruefstein-trust-snapshot/1\"}"] {
        assert_eq!(snapshot::read(wrong.as_bytes()).unwrap_err().code, Code::ConfigRefused, "{wrong}");
    }
}

#[test]
fn signers_of_status_lists_must_be_shown_not_to_be_revoked_either() {
    // X5C-11: the lists of the source cover the issuer's authority, and not that of the status signer.
    let authority = &world().authority;
    let lists = authority.revocation_lists(IssuerName::PidGermany, Revoked::Nothing).unwrap();
    let lists: Vec<RevocationList> = lists.iter().map(|der| RevocationList::read(der).unwrap()).collect();
    let lists = Arc::new(RevocationLists::new(lists).unwrap());
    let mut scene = Scene::good();
    if let Some(list) = &mut scene.list {
        list.sign_with(&authority.status_signer(IssuerName::PidGermany));
    }
    let change = |revocation: Option<Revocation>| {
        of_scene(&scene, |source| {
            source.status_anchors = vec![anchor(authority.status_root(IssuerName::PidGermany))];
            source.revocation = revocation;
        })
    };
    assert_eq!(change(None), Ok(()));
    assert_eq!(change(Some(Revocation { lists, depth: Depth::Leaf })), Err(Code::StatusTokenInvalid));
}

/// A source with this type that rests on a list which may be used until then.
fn listed(scene: &Scene, vct: &str, until: i64) -> TrustSource {
    let list = ListEvidence {
        name: "pids".to_owned(),
        sequence: 1,
        digest: [1; 32],
        issued_at: UnixSeconds(0),
        next_update: UnixSeconds(NOW + 10_000),
    };
    TrustSource {
        name: vct.to_owned(),
        types: vec![vct.to_owned()],
        basis: Basis::Listed { list, usable_until: UnixSeconds(until) },
        ..scene.trust().sources()[0].clone()
    }
}

#[test]
fn a_source_whose_list_ends_between_two_looks_authorises_nothing() {
    // TL-18: trusted a moment ago, and undecided now, not refused.
    let scene = Scene::good();
    let trust = TrustAnchors::new(vec![listed(&scene, "urn:a", NOW + 10), listed(&scene, "urn:b", NOW + 1_000)]);
    let chain = world().certified().chain;
    let issuer = trust.trust_issuer(&chain, AnchorInChain::Refuse, UnixSeconds(NOW)).unwrap();
    let authorized = |now: i64| {
        let source = trust.authorize(&issuer, &["urn:a"], UnixSeconds(now));
        source.map(|source| source.name.clone()).map_err(|reason| reason.code)
    };
    assert_eq!(authorized(NOW + 9), Ok("urn:a".to_owned()));
    assert_eq!(authorized(NOW + 10), Err(Code::TrustUnavailable));
}

#[test]
fn what_was_kept_while_a_source_was_unusable_does_not_outlast_it() {
    // TL-18: the same trust data, confirmed anew; the kept chain must not know fewer sources than there are.
    let scene = Scene::good();
    let vct = scene.types[0].clone();
    let trust = |until: i64| TrustAnchors::new(vec![listed(&scene, &vct, until), listed(&scene, "urn:b", NOW + 1_000)]);
    assert_eq!(trust(NOW).digest(), trust(NOW + 1_000).digest());
    let (policy, chains) = (scene.policy(), ChainCache::default());
    let judge = |trust: &TrustAnchors| scene.judge_text_with(&scene.presentation(), trust, &policy, &chains);
    assert_eq!(judge(&trust(NOW)), Err(Code::TrustUnavailable));
    // The chain is looked at through the other source, and what it reaches is not all there is.
    let header = scene.presentation();
    let header = header.split('.').next().unwrap();
    let read = chains.header(header).unwrap();
    chains.issuer(header, &read, &trust(NOW), AnchorInChain::Refuse, UnixSeconds(NOW)).unwrap();
    assert_eq!(judge(&trust(NOW + 1_000)), Ok(()));
}

#[test]
fn what_one_source_refuses_another_may_admit() {
    // X5C-02, X5C-10: every source is asked by itself, in whatever order they stand.
    let scene = Scene::good();
    let leaf = Certificate::read(&world().certified().chain[0]).unwrap();
    let own = scene.trust().sources()[0].clone();
    let pinned = |name: &str, types: &[&str]| TrustSource {
        name: name.to_owned(),
        anchors: Vec::new(),
        pinned: vec![leaf.clone()],
        types: types.iter().map(|vct| (*vct).to_owned()).collect(),
        ..own.clone()
    };
    let demanding = |source: TrustSource| TrustSource {
        profile: CertificateProfile { qc_type: Some(QC_TYPE_PID.to_owned()), ..CertificateProfile::default() },
        ..source
    };
    let of_type: &[&str] = &[&own.types[0]];
    let both_orders = |sources: [TrustSource; 2]| {
        let [one, other] = sources;
        let first = judge(&scene, &TrustAnchors::new(vec![one.clone(), other.clone()]));
        assert_eq!(judge(&scene, &TrustAnchors::new(vec![other, one])), first);
        first
    };
    // Pinned for another type, pinned with a profile that is not met: neither hides the source that admits it.
    for beside in [pinned("a", &["urn:other"]), demanding(pinned("a", of_type))] {
        assert_eq!(both_orders([beside.clone(), own.clone()]), Ok(()));
        assert_eq!(both_orders([beside, pinned("b", of_type)]), Ok(()));
    }
    // Without one that admits it, the reason is that of the source for this type.
    assert_eq!(both_orders([pinned("a", &["urn:other"]), demanding(own.clone())]), Err(Code::X5cProfileViolation));
    assert_eq!(
        both_orders([
            demanding(pinned("a", &["urn:other"])),
            TrustSource { types: vec!["urn:third".to_owned()], ..own.clone() }
        ]),
        Err(Code::TrustAnchorSetEmpty)
    );
    // A source that nobody can ask now might admit it.
    let absent = TrustSource { basis: Basis::Absent { list: "pids".to_owned() }, ..own.clone() };
    assert_eq!(both_orders([demanding(own.clone()), absent]), Err(Code::TrustUnavailable));
}

#[test]
fn an_intermediate_that_another_source_takes_as_anchor_changes_nothing() {
    // HAIP section 6.1.1: x5c must not include the anchor, and that is the anchor of the source that it leads to.
    let scene = Scene::good();
    let own = scene.trust().sources()[0].clone();
    let intermediate = world().certified().chain.get(1).map(|der| anchor(der)).unwrap();
    let other = TrustSource { name: "beside".to_owned(), anchors: vec![intermediate], ..own.clone() };
    assert_eq!(judge(&scene, &TrustAnchors::new(vec![other.clone(), own.clone()])), Ok(()));
    assert_eq!(judge(&scene, &TrustAnchors::new(vec![own, other.clone()])), Ok(()));
    assert_eq!(judge(&scene, &TrustAnchors::new(vec![other])), Err(Code::X5cProfileViolation));
}

#[test]
fn a_revocation_is_told_whichever_source_knows_of_it() {
    // X5C-11, case X5C-025: the chain reaches a source for another type, which does not look at revocation.
    let scene = Scene::good();
    let own = scene.trust().sources()[0].clone();
    let lists = world().authority.revocation_lists(IssuerName::PidGermany, Revoked::Leaf).unwrap();
    let lists: Vec<RevocationList> = lists.iter().map(|der| RevocationList::read(der).unwrap()).collect();
    let lists = Arc::new(RevocationLists::new(lists).unwrap());
    let looking = TrustSource { revocation: Some(Revocation { lists, depth: Depth::WholeChain }), ..own.clone() };
    let for_another = TrustSource { name: "another".to_owned(), types: vec!["urn:other".to_owned()], ..own.clone() };
    let judge = |sources: Vec<TrustSource>| judge(&scene, &TrustAnchors::new(sources));
    assert_eq!(judge(vec![for_another.clone(), looking.clone()]), Err(Code::X5cRevoked));
    assert_eq!(judge(vec![looking.clone(), for_another.clone()]), Err(Code::X5cRevoked));
    let foreign = TrustSource { name: "foreign".to_owned(), countries: vec!["FR".to_owned()], ..own.clone() };
    assert_eq!(judge(vec![foreign, looking.clone()]), Err(Code::X5cRevoked));
    // Not for a type that the source which knows of it does not vouch for.
    let covering = TrustSource { name: "covering".to_owned(), ..scene.trust().sources()[1].clone() };
    let looking_elsewhere = TrustSource { types: vec!["urn:other".to_owned()], ..looking };
    assert_eq!(judge(vec![for_another, looking_elsewhere, covering]), Err(Code::IssuerNotAuthorized));
}
