//! A tenant that trusts the test authority, and the status host that belongs to it.

use crate::adapters::keys::KeySigner;
use crate::app::dc_api::DcApiRules;
use crate::app::ports::{Fetch, FetchError, FetchRequest, FetchResponse, Pending, Validators};
use crate::app::{Lifetimes, Tenant};
use crate::domain::ids::TenantId;
use crate::domain::preset;
use crate::domain::reason::{Code, Reason};
use crate::domain::registration::Registrations;
use crate::domain::request::client_id::ClientId;
use crate::domain::request::link::WalletScheme;
use crate::domain::request::profile;
use crate::domain::time::UnixSeconds;
use crate::domain::transaction_data::{Schema, TransactionDataType, TransactionDataTypes};
use crate::domain::trust::purpose::is_pid;
use crate::domain::trust::{Purpose, StatusOrigin, StatusRule, TrustAnchors, TrustSource};
use crate::domain::verify::Policy;
use crate::domain::x509::Certificate;
use crate::domain::x509::chain::Anchor;
use crate::simulator::SimulatorError;
use crate::simulator::authority::{APPROVAL_TYPE, IssuerName, PASS_TYPE, PID_DE_TYPE, PID_EU_TYPE, TestAuthority};
use crate::simulator::status_host::StatusHost;
use std::sync::Arc;
use url::Url;

/// Authority, issuers and status host.
#[derive(Clone)]
pub struct World {
    /// The test authority.
    pub authority: Arc<TestAuthority>,
    /// The host of its status lists.
    pub status_host: Arc<StatusHost>,
}

/// Why a world could not be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The simulator failed.
    #[error(transparent)]
    Simulator(#[from] SimulatorError),
    /// The service refuses what the simulator made.
    #[error(transparent)]
    Refused(#[from] Reason),
}

impl World {
    /// A world of this seed, for a verifier on `host` and a status host at `status_base` (without a final slash).
    ///
    /// # Errors
    /// [`WorldError`] for the rare seed that gives no keys.
    pub fn new(seed: [u8; 32], now: UnixSeconds, host: &str, status_base: &str) -> Result<Self, WorldError> {
        let authority = Arc::new(TestAuthority::for_host(seed, now, host)?);
        let status_host = Arc::new(StatusHost::new(Arc::clone(&authority), status_base));
        Ok(Self { authority, status_host })
    }

    /// The trust sources: both PID providers and the municipal pass, each with the status authority of its own.
    ///
    /// # Errors
    /// [`WorldError::Refused`] if a certificate cannot be read.
    pub fn trust(&self) -> Result<TrustAnchors, WorldError> {
        let origin = StatusOrigin::parse(&origin_of(self.status_host.base()))?;
        let anchor = |der: &[u8]| Anchor::new(Certificate::read(der)?);
        let source = |name: &str, issuer: IssuerName, types: &[&str]| -> Result<TrustSource, Reason> {
            let types: Vec<String> = types.iter().map(|vct| (*vct).to_owned()).collect();
            let pids = types.iter().all(|vct| is_pid(vct));
            Ok(TrustSource {
                anchors: vec![anchor(self.authority.issuer_root(issuer))?],
                status_anchors: vec![anchor(self.authority.status_root(issuer))?],
                status_origins: vec![origin.clone()],
                status_rule: StatusRule::Required,
                ..TrustSource::new(name, if pids { Purpose::PidProvider } else { Purpose::PubEaaProvider }, types)
            })
        };
        Ok(TrustAnchors::new(vec![
            source("test-pid-de", IssuerName::PidGermany, &[PID_DE_TYPE, PID_EU_TYPE])?,
            source("test-pid-eu", IssuerName::PidForeign, &[PID_EU_TYPE])?,
            source("test-sozialpass", IssuerName::Municipality, &[PASS_TYPE])?,
            TrustSource {
                anchors: vec![anchor(self.authority.registrar_root())?],
                ..TrustSource::new("test-registrar", Purpose::Registrar, Vec::new())
            },
        ]))
    }

    /// The tenant of this world: every preset, both flows, and plain answers too.
    ///
    /// # Errors
    /// [`WorldError::Refused`] if a certificate or a preset cannot be read.
    pub fn tenant(&self, return_urls: Vec<String>) -> Result<Tenant, WorldError> {
        let presets = preset::shipped().map_err(|_| Reason::new(Code::ConfigRefused, "a preset cannot be read"))?;
        let chain = self.authority.access().chain;
        let certificates = chain.iter().map(|der| Certificate::read(der)).collect::<Result<Vec<_>, _>>()?;
        let key = self.authority.access_key().clone();
        let leaf = certificates.first().ok_or_else(|| Reason::new(Code::ConfigRefused, "there is no certificate"))?;
        let client_id = ClientId::x509_hash(leaf);
        let signer = KeySigner::new(key, &certificates)?;
        Ok(Tenant {
            id: TenantId::default_tenant(),
            signer: Arc::new(signer),
            client_id,
            profile: &profile::HAIP,
            registrations: Registrations::default(),
            scheme: WalletScheme::openid4vp(),
            return_urls,
            cross_device: true,
            plain_direct_post: true,
            dc_api: DcApiRules::default(),
            own_queries: true,
            presets: presets.into_iter().map(|preset| (preset.id.clone(), preset)).collect(),
            trust: self.trust()?.into(),
            trust_plans: Vec::new(),
            policy: Policy::default(),
            transaction_data: transaction_data()?,
            lifetimes: Lifetimes::default(),
        })
    }
}

/// The type of transaction data of this world: the approval of a form, confirmed with the municipal pass.
fn transaction_data() -> Result<TransactionDataTypes, Reason> {
    Ok(TransactionDataTypes::new([TransactionDataType {
        name: APPROVAL_TYPE.to_owned(),
        credential_types: vec![PASS_TYPE.to_owned()],
        schema: Schema::parse(include_bytes!("approval.schema.json"))?,
    }]))
}

/// `scheme://host:port` of an address.
fn origin_of(address: &str) -> String {
    Url::parse(address).map_or_else(|_| address.to_owned(), |url| url.origin().ascii_serialization())
}

/// Fetches from the status host without a socket.
pub struct StatusHostFetch {
    host: Arc<StatusHost>,
    clock: Arc<dyn crate::app::ports::Clock>,
}

impl StatusHostFetch {
    /// From this host.
    pub fn new(host: Arc<StatusHost>, clock: Arc<dyn crate::app::ports::Clock>) -> Self {
        Self { host, clock }
    }
}

impl Fetch for StatusHostFetch {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        Box::pin(async move {
            let path = request.url.strip_prefix(self.host.base()).ok_or(FetchError::Blocked)?;
            let answer =
                self.host.answer(path, self.clock.now()).map_err(|error| FetchError::Unreachable(error.to_string()))?;
            if (300..400).contains(&answer.status) {
                return Err(FetchError::Unreachable("a redirect to a place that is not allowed".to_owned()));
            }
            if answer.body.len() > request.max_bytes {
                return Err(FetchError::TooLarge);
            }
            let content_type = Some(answer.content_type.to_owned());
            Ok(FetchResponse {
                status: answer.status,
                content_type,
                max_age: None,
                validators: Validators::default(),
                date: None,
                body: answer.body,
            })
        })
    }
}
