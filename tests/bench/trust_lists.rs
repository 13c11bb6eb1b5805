//! What a large trust list costs: to be read, to be held, to become trust data. The figures are for people; the suite runs
//! the same code with a small list, so that it keeps working.

use pruefstein::demo::World;
use pruefstein::domain::reason::Reason;
use pruefstein::domain::time::UnixSeconds;
use pruefstein::domain::trust::listed::{Held, HeldList, ListUse, TrustPlan, compose};
use pruefstein::domain::trust::{Purpose, TrustAnchors, TrustSource};
use pruefstein::domain::trust_list::plan::{ListPlan, Place};
use pruefstein::domain::trust_list::profile::{ListKind, profile};
use pruefstein::domain::trust_list::{self, Notation, TrustList};
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::trust_list::{BodyStatus, ListOf, ListWriter, ListedEntity};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const DAY: i64 = 86_400;
/// How many copies are held to see what one takes, after so many that fill what the allocator had left over.
const COPIES: (u32, u32) = (4, 12);

/// A signed list of so many providers, each with an anchor of its own for issuing and one for its status lists.
pub(crate) struct BigList {
    pub(crate) document: Vec<u8>,
    pub(crate) plan: ListPlan,
    trust: TrustPlan,
}

impl BigList {
    pub(crate) fn new(entities: usize) -> Self {
        let world = World::new([7; 32], NOW, "verifier.example", "https://status.pruefstein.example").unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        // Few keys, many certificates: what is read and held does not differ.
        let keys: Vec<KeyPair> = (0..16).map(|_| KeyPair::generate().unwrap()).collect();
        let authority = |number: usize, what: &str| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            params.serial_number = Some(SerialNumber::from(u64::try_from(number).unwrap() + 1));
            params.not_before = date_time_ymd(2026, 1, 1);
            params.not_after = date_time_ymd(2036, 1, 1);
            params.distinguished_name.push(DnType::CountryName, "DE");
            params.distinguished_name.push(DnType::OrganizationName, format!("Anbieter {number} Beispiel GmbH"));
            params.distinguished_name.push(DnType::CommonName, format!("Anbieter {number} {what}"));
            params.self_signed(&keys[number % keys.len()]).unwrap().der().to_vec()
        };
        let mut draft = writer.draft(ListOf::Pid);
        draft.issued_at = NOW.minus(DAY);
        draft.next_update = Some(NOW.plus(30 * DAY));
        draft.entities = (0..entities)
            .map(|number| ListedEntity {
                name: format!("Anbieter {number} Beispiel GmbH"),
                country: "DE".to_owned(),
                issuance: vec![authority(number, "Ausstellung")],
                revocation: vec![authority(number, "Widerruf")],
                status: BodyStatus::Notified,
            })
            .collect();
        let of = profile(ListKind::Pid).unwrap();
        let source = TrustSource::new("providers", Purpose::PidProvider, vec!["urn:eudi:pid:de:1".to_owned()]);
        Self {
            document: writer.write(&draft).unwrap().into_bytes(),
            plan: ListPlan {
                name: "pids".to_owned(),
                notation: Notation::Lote,
                place: Place::Imported,
                signers: vec![Certificate::read(writer.signer()).unwrap()],
                list_type: of.list_type.to_owned(),
                signer_names: true,
                refresh_seconds: 3_600,
                grace_seconds: 3_600,
                territories: Vec::new(),
                followed_origins: Vec::new(),
            },
            trust: TrustPlan {
                source,
                list: Some(ListUse {
                    list: "pids".to_owned(),
                    territories: Vec::new(),
                    information: Vec::new(),
                    issuance: vec![of.issuance.to_owned()],
                    revocation: of.revocation.into_iter().map(str::to_owned).collect(),
                    statuses: Vec::new(),
                }),
                signs_for: Vec::new(),
                status_prefetch: Vec::new(),
                revocation: None,
                issuers: Vec::new(),
            },
        }
    }

    /// Reads and verifies the document.
    pub(crate) fn load(&self) -> Result<TrustList, Reason> {
        trust_list::read(self.plan.notation, &self.document, self.plan.rules(None, NOW))
    }

    /// The trust data that the list gives.
    pub(crate) fn compose(&self, list: &Arc<TrustList>) -> TrustAnchors {
        let held = HeldList { name: "pids".to_owned(), list: Arc::clone(list), usable_until: NOW.plus(DAY) };
        compose(std::slice::from_ref(&self.trust), Held { lists: &[held], ..Held::default() }, NOW)
    }
}

/// The figures for a list of so many entities, in lines. `unit` is one V.
pub(crate) fn figures(entities: usize, rounds: usize, unit: &mut dyn FnMut()) -> Vec<String> {
    let big = BigList::new(entities);
    let first = match big.load() {
        Ok(list) => Arc::new(list),
        Err(reason) => return vec![format!("list of {entities} entities: refused, {reason}")],
    };
    let mib = |bytes: f64| bytes / f64::from(1_u32 << 20);
    let size = big.document.len();
    let mut copies: Vec<TrustList> = (0..COPIES.0).filter_map(|_| big.load().ok()).collect();
    let before = resident_bytes();
    copies.extend((0..COPIES.1).filter_map(|_| big.load().ok()));
    let held = resident_bytes().zip(before).map(|(after, before)| (after - before) / f64::from(COPIES.1));
    black_box(copies.len());
    drop(copies);
    let load = time(rounds, unit, &mut || drop(black_box(big.load())));
    let composed = time(rounds, unit, &mut || drop(black_box(big.compose(&first))));
    let line = |name: &str, (seconds, ratio): (f64, f64), remark: String| {
        format!("{name:<44} {ratio:>6.0} V   {:>8.1} ms   {remark}", seconds * 1e3)
    };
    vec![
        line(&format!("load a signed list of {entities} entities"), load, format!("({size} bytes)")),
        line("compose trust data from it", composed, format!("({} certificates)", 2 * entities)),
        match held {
            Some(bytes) => format!("{:<44} {:>8.1} MiB resident", "memory of the list while it is held", mib(bytes)),
            None => "memory of the list: not measured here".to_owned(),
        },
    ]
}

/// Median seconds of one call, and its ratio to V measured right before.
#[expect(clippy::disallowed_methods, reason = "a measurement; nothing is decided by it")]
fn time(rounds: usize, unit: &mut dyn FnMut(), subject: &mut dyn FnMut()) -> (f64, f64) {
    let mut taken: Vec<(f64, f64)> = (0..rounds.max(1))
        .map(|_| {
            let start = Instant::now();
            (0..50).for_each(|_| unit());
            let v = start.elapsed().as_secs_f64() / 50.0;
            let start = Instant::now();
            subject();
            let seconds = start.elapsed().as_secs_f64();
            (seconds, seconds / v)
        })
        .collect();
    taken.sort_by(|left, right| left.0.total_cmp(&right.0));
    taken[taken.len() / 2]
}

/// The memory that this process has, in bytes, where the system tells.
fn resident_bytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok().map(|kib| kib * 1024.0)
}
