//! One good answer of a wallet with everything around it; a test changes what it likes and lets the core judge.

use pruefstein::domain::dcql::DcqlQuery;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::hash::integrity;
use pruefstein::domain::jose::repeatable::encrypt_with;
use pruefstein::domain::reason::{Code, Reason};
use pruefstein::domain::status_list::StatusList;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::transaction_data::Entry;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::trust::{Basis, Purpose, StatusOrigin, StatusRule, TrustAnchors, TrustSource};
use pruefstein::domain::type_metadata::{Document, TypeMetadataPolicy};
use pruefstein::domain::verify::report::Report;
use pruefstein::domain::verify::response::{self, Answer, Asked, Encryption, Presented, ResponseForm};
use pruefstein::domain::verify::{Binding, Context, Policy, Refusal, StatusLists, StatusNeed, presentation};
use pruefstein::domain::x509::Certificate;
use pruefstein::domain::x509::chain::Anchor;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::vectors::make::world::{ListToken, NOW, STATUS_ORIGIN, STATUS_URI, TYPE, Token, World};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};

/// The type metadata that the policy knows.
pub(crate) const METADATA: &[u8] = br#"{"vct":"urn:example:vectors:identity:1"}"#;

/// Keys and certificates, made once.
pub(crate) fn world() -> &'static World {
    static WORLD: LazyLock<World> = LazyLock::new(|| World::new().unwrap());
    &WORLD
}

/// Everything that a verdict depends on.
pub(crate) struct Scene {
    pub(crate) token: Token,
    /// The presentation, if it is not simply that of the token.
    pub(crate) text: Option<String>,
    /// Further entries of `vp_token`.
    pub(crate) entries: Value,
    pub(crate) state: String,
    pub(crate) encrypted: bool,
    pub(crate) query: Value,
    pub(crate) types: Vec<String>,
    pub(crate) list: Option<ListToken>,
    pub(crate) metadata: Vec<u8>,
    /// Where the signers of status lists come from, if not from the configuration.
    pub(crate) status_basis: Option<Basis>,
    /// The transaction data that was sent along.
    pub(crate) sent: Vec<Entry>,
}

impl Scene {
    /// Everything in order: a status, a proof, the right type metadata, an encrypted answer.
    pub(crate) fn good() -> Self {
        let hash = integrity("sha256", METADATA).unwrap();
        let token = world().credential().change(|token| {
            token.payload["status"] = json!({"status_list": {"idx": 0, "uri": STATUS_URI}});
            token.payload["vct#integrity"] = json!(format!("sha256-{hash}"));
        });
        let claims = json!([{"path": ["given_name"]}, {"path": ["nationalities", null]}]);
        Self {
            token,
            text: None,
            entries: json!({}),
            state: "state".to_owned(),
            encrypted: true,
            query: json!({"credentials": [
                {"id": "identity", "format": "dc+sd-jwt", "meta": {"vct_values": [TYPE]}, "claims": claims}]}),
            types: vec![TYPE.to_owned()],
            list: Some(ListToken::good(world())),
            metadata: METADATA.to_vec(),
            status_basis: None,
            sent: Vec::new(),
        }
    }

    /// The presentation as it is sent.
    pub(crate) fn presentation(&self) -> String {
        self.text.clone().unwrap_or_else(|| self.token.text().unwrap())
    }

    /// The parameters that arrive.
    pub(crate) fn form(&self) -> ResponseForm {
        let mut entries = json!({"identity": [self.presentation()]});
        entries.as_object_mut().unwrap().extend(self.entries.as_object().unwrap().clone());
        if !self.encrypted {
            let (vp_token, state) = (Some(entries.to_string()), Some(self.state.clone()));
            return ResponseForm { vp_token, state, ..ResponseForm::default() };
        }
        let (jwk, kid) = world().recipient.announced_jwk().unwrap();
        let header = json!({"alg": "ECDH-ES", "enc": "A256GCM", "kid": kid}).as_object().unwrap().clone();
        let payload = json!({"vp_token": entries, "state": self.state}).to_string();
        let jwe = encrypt_with(&world().sender, [1; 12], &jwk, header, payload.as_bytes()).unwrap();
        ResponseForm { response: Some(jwe), ..ResponseForm::default() }
    }

    pub(crate) fn trust(&self) -> TrustAnchors {
        let source = |name: &str, issuer: IssuerName, types: &[String]| TrustSource {
            anchors: vec![Anchor::new(Certificate::read(world().authority.issuer_root(issuer)).unwrap()).unwrap()],
            status_origins: vec![StatusOrigin::parse(STATUS_ORIGIN).unwrap()],
            status_rule: StatusRule::Required,
            status_basis: self.status_basis.clone(),
            ..TrustSource::new(name, Purpose::PidProvider, types.to_vec())
        };
        // Somebody else vouches for the type, too, so that it is always covered.
        TrustAnchors::new(vec![
            source("mine", IssuerName::PidGermany, &self.types),
            source("other", IssuerName::PidForeign, &[TYPE.to_owned()]),
        ])
    }

    pub(crate) fn policy(&self) -> Policy {
        let document = Arc::new(Document::parse(&self.metadata).unwrap());
        Policy { type_metadata: TypeMetadataPolicy::of([document]).unwrap(), ..Policy::default() }
    }

    /// Lets the core judge the whole answer.
    pub(crate) fn judge(&self) -> Result<(Presented, Report), Box<Refusal>> {
        self.judge_form(&self.form(), &ChainCache::default())
    }

    pub(crate) fn judge_form(
        &self,
        form: &ResponseForm,
        chains: &ChainCache,
    ) -> Result<(Presented, Report), Box<Refusal>> {
        self.judge_form_in(form, &self.trust(), chains)
    }

    /// The same with other trust data.
    pub(crate) fn judge_in(&self, trust: &TrustAnchors) -> Result<(Presented, Report), Box<Refusal>> {
        self.judge_form_in(&self.form(), trust, &ChainCache::default())
    }

    fn judge_form_in(
        &self,
        form: &ResponseForm,
        trust: &TrustAnchors,
        chains: &ChainCache,
    ) -> Result<(Presented, Report), Box<Refusal>> {
        let policy = self.policy();
        let cx = Context { trust, policy: &policy, chains, now: UnixSeconds(NOW) };
        let query = DcqlQuery::parse(&self.query).unwrap();
        let (_, kid) = world().recipient.announced_jwk().unwrap();
        let (nonce, audience) = (world().nonce(), world().client_id());
        let asked = Asked {
            query: &query,
            binding: Binding {
                nonce: &nonce,
                audience: &audience,
                requested_at: Some(UnixSeconds(NOW - 60)),
                transaction_data: &self.sent,
            },
            state: Some("state"),
            encryption: Encryption::Required { key: &world().recipient, kid: &kid },
        };
        let lists = Lists { scene: self, trust, policy: &policy };
        match response::open(form, asked, cx)? {
            Answer::Presented(pending) => {
                pending.conclude(&lists, cx).map(|(verified, report)| (verified.into_inner(), report))
            }
            Answer::Error(error) => unreachable!("no error was sent: {error:?}"),
        }
    }

    /// Lets the core judge one presentation outside of an answer.
    pub(crate) fn judge_text(&self, text: &str, chains: &ChainCache) -> Result<(), Code> {
        let (trust, policy) = (self.trust(), self.policy());
        self.judge_text_with(text, &trust, &policy, chains)
    }

    pub(crate) fn judge_text_with(
        &self,
        text: &str,
        trust: &TrustAnchors,
        policy: &Policy,
        chains: &ChainCache,
    ) -> Result<(), Code> {
        let cx = Context { trust, policy, chains, now: UnixSeconds(NOW) };
        let (nonce, audience) = (world().nonce(), world().client_id());
        let binding = Binding { nonce: &nonce, audience: &audience, requested_at: None, transaction_data: &self.sent };
        let lists = Lists { scene: self, trust, policy };
        presentation::open(text, None, binding, cx)
            .and_then(|single| single.conclude(&lists, cx))
            .map(|_| ())
            .map_err(|refusal| refusal.reason.code)
    }
}

struct Lists<'a> {
    scene: &'a Scene,
    trust: &'a TrustAnchors,
    policy: &'a Policy,
}

impl StatusLists for Lists<'_> {
    fn list(&self, need: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        let Some(token) = &self.scene.list else { return Err(Reason::new(Code::StatusUnavailable, "down")) };
        let source = self.trust.source(&need.source).unwrap();
        let rules = self.policy.token_rules(&need.uri, source, None);
        StatusList::verify(token.text().unwrap().as_bytes(), rules, UnixSeconds(NOW)).map(Arc::new)
    }
}

/// A disclosure that the issuer never signed.
pub(crate) fn stray() -> String {
    base64::encode_url(br#"["salt","stray",1]"#)
}
