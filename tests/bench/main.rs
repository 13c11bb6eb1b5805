//! What verification costs, in units of the bare cryptography measured in the same run.
//!
//! V is one P-256 verification by aws-lc-rs with a prepared key over a message of 1.2 kB. Every figure is measured in
//! blocks that alternate with blocks of V, so that a machine that slows down slows both; the median of the ratios is
//! printed. Nothing here fails: figures are for people.
//!
//! `cargo bench` measures everything and, where valgrind is installed, counts instructions: it runs itself under callgrind
//! with `--once NAME`, which does one subject a hundred times.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::arithmetic_side_effects,
    reason = "a benchmark measures and prints"
)]

mod trust_lists;

use pruefstein::demo::World;
use pruefstein::domain::dcql::DcqlQuery;
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::alg::AllowedAlgorithms;
use pruefstein::domain::jose::encrypt::encrypt;
use pruefstein::domain::jose::jwe::decrypt;
use pruefstein::domain::jose::keys::{EphemeralKey, SigningKey};
use pruefstein::domain::limits;
use pruefstein::domain::reason::Reason;
use pruefstein::domain::status_list::token::TokenRules;
use pruefstein::domain::status_list::{Bits, StatusList};
use pruefstein::domain::time::{ClockSkew, UnixSeconds};
use pruefstein::domain::trust::TrustAnchors;
use pruefstein::domain::trust::cache::ChainCache;
use pruefstein::domain::verify::presentation::open;
use pruefstein::domain::verify::{Binding, Context, Policy, StatusLists, StatusNeed};
use pruefstein::domain::x509::certificate::Certificate;
use pruefstein::domain::x509::chain::{Anchor, AnchorInChain};
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::issuer::{Draft, KeyBinding, holder_key, present, status_path};
use pruefstein::simulator::people::Person;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

/// As in the service.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NOW: UnixSeconds = UnixSeconds(1_795_000_000);
const STATUS_BASE: &str = "https://status.pruefstein.example";
const AUDIENCE: &str = "x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const NONCE: &str = "AAAAAAAAAAAAAAAAAAAAAA";

struct OneList(Arc<StatusList>);

impl StatusLists for OneList {
    fn list(&self, _: &StatusNeed) -> Result<Arc<StatusList>, Reason> {
        Ok(Arc::clone(&self.0))
    }
}

/// Everything a verification needs.
struct Bench {
    trust: TrustAnchors,
    /// With the issuing CA itself as anchor.
    near: TrustAnchors,
    policy: Policy,
    query: DcqlQuery,
    good: String,
    /// With a chain of the leaf alone.
    short: String,
    malformed: String,
    replayed: String,
    tampered: String,
    lists: OneList,
    warm: ChainCache,
    cold: ChainCache,
    signing: SigningKey,
    message: Vec<u8>,
    signature: Vec<u8>,
    key: EphemeralKey,
    kid: String,
    token: String,
}

fn query() -> Value {
    let paths = json!([
        ["family_name"],
        ["given_name"],
        ["birthdate"],
        ["address", "street_address"],
        ["address", "postal_code"],
        ["address", "locality"],
        ["place_of_birth", "locality"],
        ["birth_name"],
        ["issuing_country"]
    ]);
    let claims: Vec<Value> = paths.as_array().unwrap().iter().map(|path| json!({"path": path})).collect();
    json!({"credentials": [{"id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]}, "claims": claims}]})
}

impl Bench {
    fn new() -> Self {
        let world = World::new([7; 32], NOW, "verifier.example", STATUS_BASE).unwrap();
        let trust = world.trust().unwrap();
        let authority = &world.authority;
        let holder = holder_key(authority, Person::Ordinary, IssuerName::PidGermany).unwrap();
        let draft = Draft::new(authority, IssuerName::PidGermany, Person::Ordinary, &holder, STATUS_BASE, NOW).unwrap();
        let issued = draft.seal(authority.seed()).issue().unwrap();
        let query = query();
        let paths: Vec<Vec<Value>> = query["credentials"][0]["claims"]
            .as_array()
            .unwrap()
            .iter()
            .map(|claim| claim["path"].as_array().unwrap().clone())
            .collect();
        let mut disclosures = issued.disclosures_for(&paths);
        for disclosure in &issued.disclosures {
            if disclosures.len() < 12
                && !disclosures.contains(&disclosure.text)
                && disclosure.serves(&[json!("age_equal_or_over"), json!("18")])
            {
                disclosures.push(disclosure.text.clone());
            }
        }
        let show =
            |nonce: &str| present(&issued, &disclosures, KeyBinding::new(AUDIENCE, nonce, NOW), &holder).unwrap();
        let good = show(NONCE);
        let malformed = good.replacen('~', "~W10~", 1);
        let malformed = malformed.replacen("W10", "W1=", 1);
        let mut tampered = good.clone().into_bytes();
        let place = good.find('.').unwrap() + 40;
        tampered[place] = if tampered[place] == b'A' { b'B' } else { b'A' };
        let (near, short) = {
            let mut draft =
                Draft::new(authority, IssuerName::PidGermany, Person::Ordinary, &holder, STATUS_BASE, NOW).unwrap();
            let issuing_ca = draft.signer.chain.remove(1);
            draft.header.insert("x5c".to_owned(), json!([base64::encode_standard(&draft.signer.chain[0])]));
            let mut source = trust.source("test-pid-de").unwrap().clone();
            source.anchors = vec![Anchor::new(Certificate::read(&issuing_ca).unwrap()).unwrap()];
            let issued = draft.seal(authority.seed()).issue().unwrap();
            let texts: Vec<String> = issued.disclosures_for(&paths);
            let binding = KeyBinding::new(AUDIENCE, NONCE, NOW);
            (TrustAnchors::new(vec![source]), present(&issued, &texts, binding, &holder).unwrap())
        };
        let uri = format!("{STATUS_BASE}{}", status_path(IssuerName::PidGermany));
        let body = world.status_host.answer(status_path(IssuerName::PidGermany), NOW).unwrap().body;
        let rules = TokenRules {
            uri: &uri,
            source: trust.source("test-pid-de").unwrap(),
            algorithms: &AllowedAlgorithms::default(),
            anchor_in_chain: AnchorInChain::Refuse,
            skew: ClockSkew::DEFAULT,
            newest_issued_at: None,
        };
        let lists = OneList(Arc::new(StatusList::verify(&body, rules, NOW).unwrap()));
        let signing = SigningKey::from_scalar(&[9; 32]).unwrap();
        let message = vec![b'm'; 1_200];
        let signature = signing.sign(&message).unwrap();
        let key = EphemeralKey::from_scalar([5; 32]).unwrap();
        let (jwk, kid) = key.announced_jwk().unwrap();
        let mut header = Map::new();
        header.insert("kid".to_owned(), json!(kid));
        let answer = json!({"vp_token": {"pid": [good]}, "state": NONCE}).to_string();
        let token = encrypt(&jwk, "A256GCM", &header, answer.as_bytes()).unwrap();
        println!("presentation {} bytes, {} disclosures; answer {} bytes", good.len(), disclosures.len(), token.len());
        Self {
            trust,
            near,
            policy: Policy::default(),
            query: DcqlQuery::parse(&query).unwrap(),
            replayed: show("BBBBBBBBBBBBBBBBBBBBBB"),
            good,
            short,
            malformed,
            tampered: String::from_utf8(tampered).unwrap(),
            lists,
            warm: ChainCache::default(),
            cold: ChainCache::new(0),
            signing,
            message,
            signature,
            key,
            kid,
            token,
        }
    }

    fn verify(&self, text: &str, chains: &ChainCache) -> bool {
        self.verify_by(&self.trust, text, chains)
    }

    fn verify_by(&self, trust: &TrustAnchors, text: &str, chains: &ChainCache) -> bool {
        let cx = Context { trust, policy: &self.policy, chains, now: NOW };
        let binding = Binding { nonce: NONCE, audience: AUDIENCE, requested_at: Some(NOW), transaction_data: &[] };
        match open(text, self.query.credentials().first(), binding, cx) {
            Ok(opened) => opened.conclude(&self.lists, cx).is_ok(),
            Err(refusal) => {
                black_box(refusal);
                false
            }
        }
    }
}

/// Median time of one call in nanoseconds, over blocks that alternate with blocks of V; and the median ratio to V.
fn measure(
    name: &str,
    target: &str,
    blocks: usize,
    per_block: u32,
    unit: &mut dyn FnMut(),
    subject: &mut dyn FnMut(),
) -> f64 {
    let mut ratios = Vec::new();
    let mut times = Vec::new();
    for _ in 0..blocks {
        let start = Instant::now();
        for _ in 0..per_block {
            unit();
        }
        let v = start.elapsed().as_secs_f64() / f64::from(per_block);
        let start = Instant::now();
        for _ in 0..per_block {
            subject();
        }
        let time = start.elapsed().as_secs_f64() / f64::from(per_block);
        ratios.push(time / v);
        times.push(time * 1e6);
    }
    let ratio = median(&mut ratios);
    println!("{name:<44} {ratio:>6.2} V   {:>8.1} µs   {target}", median(&mut times));
    ratio
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let bench = Bench::new();
    assert!(bench.verify(&bench.good, &bench.warm), "the good presentation is accepted");
    for bad in [&bench.malformed, &bench.replayed, &bench.tampered] {
        assert!(!bench.verify(bad, &bench.warm), "the bad presentations are refused");
    }
    let public = bench.signing.public_key().unwrap();
    let mut unit = || assert!(black_box(&public).verify(&bench.message, &bench.signature));
    let mut fresh_key_and_decrypt = || {
        black_box(EphemeralKey::generate().unwrap().public_jwk().unwrap());
        black_box(decrypt(&bench.token, &bench.key, &bench.kid).unwrap());
    };
    let mut sign = || {
        black_box(bench.signing.sign(&bench.message).unwrap());
    };
    if let Some(place) = arguments.iter().position(|argument| argument == "--once") {
        let name = arguments.get(place + 1).map_or("warm", String::as_str);
        for _ in 0..TIMES {
            callgrind_counts_this(&mut || match name {
                "cold" => assert!(bench.verify(&bench.good, &bench.cold)),
                "malformed" => assert!(!bench.verify(&bench.malformed, &bench.warm)),
                "replayed" => assert!(!bench.verify(&bench.replayed, &bench.warm)),
                "v" => unit(),
                _ => assert!(bench.verify(&bench.good, &bench.warm)),
            });
        }
        return;
    }
    println!("{:<44} {:>8}   {:>11}   target", "subject", "ratio", "median");
    let blocks = 41;
    measure("one P-256 verification (V)", "", blocks, 50, &mut unit, &mut || {
        assert!(public.verify(&bench.message, &bench.signature));
    });
    let warm =
        measure("warm verification, every check and report", "at most 2.4 V", blocks, 50, &mut unit, &mut || {
            assert!(bench.verify(&bench.good, &bench.warm));
        });
    println!(
        "{:<44} {:>6.2} V   {:>11}   at most 0.30 V",
        "  of it everything but two ECDSA (derived)",
        warm - 2.0,
        ""
    );
    measure("uncached, leaf under the anchor", "at most 3.6 V", blocks, 50, &mut unit, &mut || {
        assert!(bench.verify_by(&bench.near, &bench.short, &bench.cold));
    });
    measure("uncached, issuing CA between them", "", blocks, 50, &mut unit, &mut || {
        assert!(bench.verify(&bench.good, &bench.cold));
    });
    measure("new ephemeral key and JWE decryption", "at most 1.2 V", blocks, 50, &mut unit, &mut fresh_key_and_decrypt);
    measure("key from the store and JWE decryption", "", blocks, 50, &mut unit, &mut || {
        let key = EphemeralKey::from_scalar(*bench.key.scalar()).unwrap();
        black_box(decrypt(&bench.token, &key, &bench.kid).unwrap());
    });
    measure("refused: malformed", "less than 0.5 V", blocks, 50, &mut unit, &mut || {
        assert!(!bench.verify(&bench.malformed, &bench.warm));
    });
    measure("refused: made for another request", "less than 0.5 V", blocks, 50, &mut unit, &mut || {
        assert!(!bench.verify(&bench.replayed, &bench.warm));
    });
    measure("refused: payload changed", "", blocks, 50, &mut unit, &mut || {
        assert!(!bench.verify(&bench.tampered, &bench.warm));
    });
    measure("signature of a request object", "", blocks, 50, &mut unit, &mut sign);
    status_lists(&bench, blocks, &mut unit);
    for line in trust_lists::figures(10_000, 5, &mut unit) {
        println!("{line}");
    }
    count_instructions();
}

/// Looking up in a list that is kept, and what a fresh list costs once for everybody.
fn status_lists(bench: &Bench, blocks: usize, unit: &mut dyn FnMut()) {
    const LOOKUPS: u32 = 10_000;
    let mut times = Vec::new();
    let mut ratios = Vec::new();
    let bits = bench.lists.0.bits();
    let last = bits.len() - 1;
    for _ in 0..blocks {
        let start = Instant::now();
        for _ in 0..50 {
            unit();
        }
        let v = start.elapsed().as_secs_f64() / 50.0;
        let start = Instant::now();
        let mut index = 0;
        for _ in 0..LOOKUPS {
            // A stride without a pattern, so that neither prefetching nor the branch predictor helps.
            index = (index + 40_503) & last;
            black_box(black_box(bits).status(index).unwrap());
        }
        let time = start.elapsed().as_secs_f64() / f64::from(LOOKUPS);
        times.push(time * 1e9);
        ratios.push(time / v);
    }
    let (ratio, time) = (median(&mut ratios), median(&mut times));
    println!("{:<44} {ratio:>6.4} V   {time:>8.1} ns   less than 1 µs", "status lookup in a cached list");
    for (name, entries, per_mille) in [
        ("inflate 1M entries, 1 % set", 1_000_000, 10),
        ("inflate 1M entries, 5 % set", 1_000_000, 50),
        ("inflate 10M entries, 1 % set", 10_000_000, 10),
        ("inflate 10M entries, 5 % set", 10_000_000, 50),
    ] {
        let compressed = scattered(entries, per_mille);
        let target = format!("({} bytes on the wire)", compressed.len());
        measure(name, &target, 15, 3, unit, &mut || {
            black_box(Bits::inflate(1, black_box(&compressed), limits::STATUS_LIST_BYTES).unwrap());
        });
    }
}

/// A compressed list with `per_mille` of a thousand entries set, without a pattern.
fn scattered(entries: usize, per_mille: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut values = BTreeMap::new();
    for index in 0..entries {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        if (state >> 33) % 1_000 < per_mille {
            values.insert(index, 1);
        }
    }
    pruefstein::simulator::encode::status_list::StatusList { bits: 1, entries, values }.zlib()
}

/// How often `--once` does its subject.
const TIMES: u32 = 100;

/// Callgrind counts what happens in here, and not what comes before it.
#[inline(never)]
fn callgrind_counts_this(subject: &mut dyn FnMut()) {
    black_box(subject)();
}

/// Instructions per call, by callgrind. It knows no SHA instructions of the processor, so hashing weighs too much.
fn count_instructions() {
    let subjects = ["v", "warm", "cold", "malformed", "replayed"];
    for name in subjects {
        let run = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*callgrind_counts_this*"])
            .arg(std::env::current_exe().unwrap())
            .args(["--once", name])
            .output();
        let Ok(output) = run else {
            println!("instructions: not counted, valgrind is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let count = said
            .lines()
            .filter_map(|line| line.split_once("Collected : "))
            .find_map(|(_, count)| count.trim().parse::<f64>().ok());
        match count {
            Some(count) => println!("instructions: {name:<12} {:>6.2} million", count / f64::from(TIMES) / 1e6),
            None => println!("instructions: {name:<12} not counted"),
        }
    }
}
