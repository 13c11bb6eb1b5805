//! Status lists in the form of a CWT: one good token, and every way to spoil it with the code that it must get.

use pruefstein::demo::World;
use pruefstein::domain::jose::alg::AllowedAlgorithms;
use pruefstein::domain::limits;
use pruefstein::domain::reason::Code;
use pruefstein::domain::status_list::token::TokenRules;
use pruefstein::domain::status_list::{StatusList, StatusValue, TokenForm};
use pruefstein::domain::time::{ClockSkew, UnixSeconds};
use pruefstein::domain::trust::{Basis, TrustAnchors, TrustSource};
use pruefstein::domain::x509::chain::AnchorInChain;
use pruefstein::simulator::authority::{IssuerName, SignerKey, SigningIdentity};
use pruefstein::simulator::bad_chains::BadChain;
use pruefstein::simulator::encode::cbor::{Item, Sign1};
use pruefstein::simulator::encode::status_list::{StatusList as Written, raw_deflate, zlib};
use std::collections::BTreeMap;
use std::sync::Arc;

const NOW: i64 = 1_800_000_000;
const BASE: &str = "https://status.pruefstein.example";
const URI: &str = "https://status.pruefstein.example/lists/cwt";
const TYPE: &str = "application/statuslist+cwt";

/// A change to a token before it is signed.
type Change = fn(&mut Token);

/// A token that can be spoiled in every part before it is signed.
#[derive(Clone)]
struct Token {
    tags: Vec<u64>,
    header: Item,
    unprotected: Item,
    claims: Item,
    key: SignerKey,
    tail: Vec<u8>,
}

fn listed(bits: i64, lst: Vec<u8>) -> Item {
    Item::Map(vec![(Item::text("bits"), Item::Integer(bits)), (Item::text("lst"), Item::Bytes(lst))])
}

impl Token {
    fn good(signer: &SigningIdentity) -> Self {
        let written = Written { bits: 2, entries: 16, values: BTreeMap::from([(1, 1), (2, 2), (3, 3)]) };
        Self {
            tags: vec![18],
            header: Item::labels(vec![(1, Item::Integer(-7)), (16, Item::text(TYPE)), (33, chain(signer))]),
            unprotected: Item::Map(Vec::new()),
            claims: Item::labels(vec![
                (2, Item::text(URI)),
                (6, Item::Integer(NOW - 600)),
                (4, Item::Integer(NOW + 3_600)),
                (65_534, Item::Integer(600)),
                (65_533, listed(2, written.zlib())),
            ]),
            key: signer.key.clone(),
            tail: Vec::new(),
        }
    }

    fn sign_with(&mut self, signer: &SigningIdentity) {
        self.header.set(33, chain(signer));
        self.key = signer.key.clone();
    }

    fn bytes(&self) -> Vec<u8> {
        let sign1 = Sign1 {
            protected: self.header.encode(),
            unprotected: self.unprotected.clone(),
            payload: self.claims.encode(),
        };
        let message = sign1.message(self.key.sign(&sign1.signed_bytes()).unwrap());
        let tagged = self.tags.iter().rev().fold(message, |item, tag| Item::Tag(*tag, Box::new(item)));
        [tagged.encode(), self.tail.clone()].concat()
    }
}

fn chain(signer: &SigningIdentity) -> Item {
    Item::Array(signer.chain.iter().cloned().map(Item::Bytes).collect())
}

struct Stage {
    world: World,
    trust: TrustAnchors,
}

impl Stage {
    fn new() -> Self {
        let world = World::new([7; 32], UnixSeconds(NOW), "verifier.example", BASE).unwrap();
        let trust = world.trust().unwrap();
        Self { world, trust }
    }

    fn signer(&self) -> SigningIdentity {
        self.world.authority.status_signer(IssuerName::PidGermany)
    }

    fn source(&self) -> &TrustSource {
        self.trust.source("test-pid-de").unwrap()
    }

    fn verify(&self, form: TokenForm, bytes: &[u8], newest: Option<i64>) -> Result<StatusList, Code> {
        let algorithms = AllowedAlgorithms::default();
        let rules = TokenRules {
            uri: URI,
            source: self.source(),
            algorithms: &algorithms,
            anchor_in_chain: AnchorInChain::Refuse,
            skew: ClockSkew::DEFAULT,
            newest_issued_at: newest.map(UnixSeconds),
        };
        StatusList::verify_as(form, bytes, rules, UnixSeconds(NOW)).map_err(|reason| reason.code)
    }

    fn spoilt(&self, change: impl FnOnce(&mut Token)) -> Result<StatusList, Code> {
        let mut token = Token::good(&self.signer());
        change(&mut token);
        self.verify(TokenForm::Cwt, &token.bytes(), None)
    }
}

#[test]
fn a_good_cwt_is_as_good_as_a_jwt() {
    // TSL-21 to TSL-28; TSL-50, TSL-51, TSL-53.
    let stage = Stage::new();
    let list = stage.spoilt(|_| ()).unwrap();
    let values: Vec<StatusValue> = (0..4).map(|index| list.bits().status(index).unwrap()).collect();
    let wanted =
        [StatusValue::Valid, StatusValue::Invalid, StatusValue::Suspended, StatusValue::ApplicationSpecific(3)];
    assert_eq!(values, wanted);
    assert_eq!(list.bits().status(16).unwrap_err().code, Code::StatusIndexOutOfRange);
    assert_eq!(list.issued_at(), UnixSeconds(NOW - 600));
    assert_eq!(list.expires(), Some(UnixSeconds(NOW + 3_600)));
    assert_eq!(list.refresh_at(UnixSeconds(NOW)), UnixSeconds(NOW + 600));
    assert_eq!(list.aggregation_uri(), None);
    let check =
        |at| list.check_usable(URI, "test-pid-de", ClockSkew::ZERO, UnixSeconds(at)).map_err(|found| found.code);
    assert_eq!(check(NOW + 3_599), Ok(()));
    assert_eq!(check(NOW + 3_600), Err(Code::StatusTokenExpired));
    let accepted: [(&str, Change); 7] = [
        ("no exp", |token| token.claims.remove(4)),
        ("no ttl", |token| token.claims.remove(65_534)),
        ("further claims", |token| token.claims.set(1, Item::text("https://issuer.example"))),
        ("exp within the tolerance", |token| token.claims.set(4, Item::Integer(NOW - 59))),
        ("iat within the tolerance", |token| token.claims.set(6, Item::Integer(NOW + 60))),
        ("a kid, and parameters that nobody signs", |token| {
            token.header.set(4, Item::Bytes(b"12".to_vec()));
            token.unprotected = Item::labels(vec![(5, Item::Bytes(vec![0; 12]))]);
        }),
        ("aggregation", |token| {
            let mut list = listed(1, zlib(&[0; 2]));
            if let Item::Map(entries) = &mut list {
                entries.push((Item::text("aggregation_uri"), Item::text("https://status.example/all")));
            }
            token.claims.set(65_533, list);
        }),
    ];
    for (name, change) in accepted {
        assert!(stage.spoilt(change).is_ok(), "{name}");
    }
    assert_eq!(stage.spoilt(accepted[6].1).unwrap().aggregation_uri(), Some("https://status.example/all"));
    let bounded = |ttl: i64| stage.spoilt(|token| token.claims.set(65_534, Item::Integer(ttl))).unwrap();
    assert_eq!(bounded(1).refresh_at(UnixSeconds(0)), UnixSeconds(60));
    let forever = stage.spoilt(|token| {
        token.claims.set(65_534, Item::Integer(i64::MAX));
        token.claims.remove(4);
    });
    assert_eq!(forever.unwrap().refresh_at(UnixSeconds(0)), UnixSeconds(24 * 3_600));
}

#[test]
fn each_broken_rule_has_its_code() {
    let stage = Stage::new();
    let invalid = Code::StatusTokenInvalid;
    let malformed = Code::StatusListMalformed;
    let spoilt: Vec<(&str, Code, Change)> = vec![
        // TSL-21: the type, and the tags.
        ("TSL-21 no type", invalid, |token| token.header.remove(16)),
        ("TSL-21 the type of a JWT", invalid, |token| token.header.set(16, Item::text("statuslist+jwt"))),
        ("TSL-21 the type in another case", invalid, |token| token.header.set(16, Item::text(&TYPE.to_uppercase()))),
        ("TSL-33 the type of an identifier list", invalid, |token| {
            token.header.set(16, Item::text("application/identifierlist+cwt"));
        }),
        ("TSL-21 the type by number", invalid, |token| token.header.set(16, Item::Integer(263))),
        ("TSL-21 the type outside", invalid, |token| {
            token.header.remove(16);
            token.unprotected = Item::labels(vec![(16, Item::text(TYPE))]);
        }),
        ("TSL-21 tag 61 outside", invalid, |token| token.tags = vec![61, 18]),
        ("TSL-21 tag 61 inside", invalid, |token| token.tags = vec![18, 61]),
        ("TSL-21 no tag", invalid, |token| token.tags = Vec::new()),
        ("TSL-22 a MAC", invalid, |token| token.tags = vec![17]),
        // TSL-22: algorithm and signature.
        ("TSL-22 a MAC by its number", invalid, |token| token.header.set(1, Item::Integer(5))),
        ("TSL-22 an algorithm that is not allowed", invalid, |token| token.header.set(1, Item::Integer(-35))),
        ("TSL-22 no algorithm", invalid, |token| token.header.remove(1)),
        ("TSL-22 the algorithm outside", invalid, |token| {
            token.header.remove(1);
            token.unprotected = Item::labels(vec![(1, Item::Integer(-7))]);
        }),
        // X5C-18, TSL-27, TSL-31: the chain is signed, or there is none.
        ("TSL-27 no chain", invalid, |token| token.header.remove(33)),
        ("X5C-18 the chain outside", invalid, |token| {
            if let Item::Map(entries) = &mut token.header {
                token.unprotected = Item::Map(entries.split_off(2));
            }
        }),
        ("RFC 9052 a label in both headers", invalid, |token| {
            token.unprotected = Item::labels(vec![(16, Item::text(TYPE))]);
        }),
        ("GEN-13 crit", invalid, |token| token.header.set(2, Item::Array(vec![Item::Integer(16)]))),
        ("GEN-05 x5u", invalid, |token| token.header.set(35, Item::text("https://attacker.example"))),
        ("X5C-16 another thumbprint", invalid, |token| {
            token.header.set(34, Item::Array(vec![Item::Integer(-16), Item::Bytes(vec![0; 32])]));
        }),
        // TSL-23, TSL-24, TSL-26, TSL-30: the claims.
        ("TSL-23 no sub", invalid, |token| token.claims.remove(2)),
        ("TSL-23 another list", invalid, |token| token.claims.set(2, Item::text(&format!("{URI}/")))),
        ("TSL-23 sub as bytes", invalid, |token| token.claims.set(2, Item::Bytes(URI.as_bytes().to_vec()))),
        ("TSL-23 sub under a text key", invalid, |token| {
            token.claims.remove(2);
            if let Item::Map(entries) = &mut token.claims {
                entries.push((Item::text("sub"), Item::text(URI)));
            }
        }),
        ("TSL-24 no iat", invalid, |token| token.claims.remove(6)),
        ("TSL-24 iat ahead", invalid, |token| token.claims.set(6, Item::Integer(NOW + 61))),
        ("TSL-24 iat as text", invalid, |token| token.claims.set(6, Item::text("1"))),
        ("TSL-24 iat as a fraction", invalid, |token| token.claims.set(6, Item::Raw(vec![0xf9, 0x3e, 0]))),
        ("TSL-24 iat beyond 64 bits", invalid, |token| {
            token.claims.set(6, Item::Raw([vec![0x3b], vec![0xff; 8]].concat()));
        }),
        ("TSL-24 iat with a tag", invalid, |token| token.claims.set(6, Item::Tag(1, Box::new(Item::Integer(NOW))))),
        ("TSL-24 expired", Code::StatusTokenExpired, |token| token.claims.set(4, Item::Integer(NOW - 60))),
        ("TSL-24 exp as null", invalid, |token| token.claims.set(4, Item::Raw(vec![0xf6]))),
        ("TSL-30 nbf ahead", invalid, |token| token.claims.set(5, Item::Integer(NOW + 61))),
        ("TSL-30 sub twice", invalid, |token| {
            if let Item::Map(entries) = &mut token.claims {
                entries.push((Item::Integer(2), Item::text(URI)));
            }
        }),
        ("TSL-26 ttl zero", invalid, |token| token.claims.set(65_534, Item::Integer(0))),
        ("TSL-26 ttl negative", invalid, |token| token.claims.set(65_534, Item::Integer(-1))),
        ("TSL-26 ttl as text", invalid, |token| token.claims.set(65_534, Item::text("600"))),
        ("claims that are no map", invalid, |token| token.claims = Item::Array(Vec::new())),
        ("TSL-33 both kinds of lists", invalid, |token| {
            token.claims.set(65_530, Item::Map(vec![(Item::text("identifiers"), Item::Map(Vec::new()))]));
        }),
        // TSL-25, TSL-40: the list.
        ("TSL-25 no list", malformed, |token| token.claims.remove(65_533)),
        ("TSL-25 a list that is no map", malformed, |token| token.claims.set(65_533, Item::Bytes(zlib(&[0; 2])))),
        ("TSL-25 lst as text", malformed, |token| {
            let entries = vec![(Item::text("bits"), Item::Integer(1)), (Item::text("lst"), Item::text("eNo"))];
            token.claims.set(65_533, Item::Map(entries));
        }),
        ("TSL-25 no lst", malformed, |token| {
            token.claims.set(65_533, Item::Map(vec![(Item::text("bits"), Item::Integer(1))]));
        }),
        ("TSL-014 three bits", malformed, |token| token.claims.set(65_533, listed(3, zlib(&[0; 2])))),
        ("TSL-014 minus one bit", malformed, |token| token.claims.set(65_533, listed(-1, zlib(&[0; 2])))),
        ("TSL-012 raw DEFLATE", malformed, |token| token.claims.set(65_533, listed(1, raw_deflate(&[0; 64])))),
        ("an aggregation address that is no text", malformed, |token| {
            let mut list = listed(1, zlib(&[0; 2]));
            if let Item::Map(entries) = &mut list {
                entries.push((Item::text("aggregation_uri"), Item::Integer(1)));
            }
            token.claims.set(65_533, list);
        }),
        ("TSL-011 a bomb", Code::StatusListTooLarge, |token| {
            token.claims.set(65_533, listed(8, zlib(&vec![0; limits::STATUS_LIST_BYTES + 1])));
        }),
        // Strict CBOR.
        ("a byte after the token", invalid, |token| token.tail = vec![0]),
        ("a header of indefinite length", invalid, |token| {
            let encoded = token.header.encode();
            token.header = Item::Raw([&[0xbf], &encoded[1..], &[0xff]].concat());
        }),
        ("a date in more bytes than it needs", invalid, |token| {
            let seconds = u64::try_from(NOW - 600).unwrap().to_be_bytes();
            token.claims.set(6, Item::Raw([&[0x1b], &seconds[..]].concat()));
        }),
        ("claims nested too deeply", invalid, |token| {
            token.claims.set(99, Item::Raw([vec![0x81; 100_000], vec![0]].concat()));
        }),
    ];
    for (name, code, change) in spoilt {
        assert_eq!(stage.spoilt(change).err(), Some(code), "{name}");
    }
}

#[test]
fn signers_are_those_of_the_source() {
    // TSL-27, TSL-28; cases TSL-017, TSL-018.
    let stage = Stage::new();
    let authority = Arc::clone(&stage.world.authority);
    let chains = [
        authority.bad_chain(BadChain::UnknownRoot).unwrap(),
        authority.bad_chain(BadChain::OwnRootIncluded).unwrap(),
        authority.status_signer(IssuerName::Municipality),
        authority.issuer(IssuerName::PidGermany),
    ];
    for signer in &chains {
        assert_eq!(stage.spoilt(|token| token.sign_with(signer)).err(), Some(Code::StatusTokenInvalid));
    }
    let stranger = chains[0].key.clone();
    assert_eq!(stage.spoilt(|token| token.key = stranger).err(), Some(Code::StatusTokenInvalid), "another key");
    let mut with_anchor = stage.signer();
    with_anchor.chain.push(authority.status_root(IssuerName::PidGermany).to_vec());
    assert_eq!(stage.spoilt(|token| token.sign_with(&with_anchor)).err(), Some(Code::StatusTokenInvalid));
    // TL-18: without the trust list that names the signers nothing can be said of any of them.
    let mut sources = stage.trust.sources().to_vec();
    sources[0].status_basis = Some(Basis::Absent { list: "signers".to_owned() });
    let stage = Stage { trust: TrustAnchors::new(sources), ..stage };
    assert_eq!(stage.spoilt(|_| ()).err(), Some(Code::StatusUnavailable));
}

#[test]
fn every_byte_of_a_token_counts() {
    let stage = Stage::new();
    let bytes = Token::good(&stage.signer()).bytes();
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let code = stage.verify(TokenForm::Cwt, &changed, None).err();
        assert_eq!(code, Some(Code::StatusTokenInvalid), "byte {place}");
        if place % 97 == 0 {
            assert_eq!(stage.verify(TokenForm::Cwt, &bytes[..place], None).err(), code, "cut at {place}");
        }
    }
}

#[test]
fn the_form_is_asked_for_and_never_guessed() {
    // Case TSL-019, both ways round; TSL-20, TSL-21.
    let stage = Stage::new();
    let cwt = Token::good(&stage.signer()).bytes();
    assert!(stage.verify(TokenForm::Cwt, &cwt, None).is_ok());
    assert_eq!(stage.verify(TokenForm::Jwt, &cwt, None).err(), Some(Code::StatusTokenInvalid));
    let path = pruefstein::simulator::issuer::status_path(IssuerName::PidGermany);
    let jwt = stage.world.status_host.answer(path, UnixSeconds(NOW)).unwrap().body;
    assert_eq!(stage.verify(TokenForm::Cwt, &jwt, None).err(), Some(Code::StatusTokenInvalid));
    assert_eq!(TokenForm::Cwt.media_type(), TYPE);
    assert_eq!(TokenForm::Jwt.media_type(), "application/statuslist+jwt");
}

#[test]
fn there_is_no_way_back() {
    // Case TSL-024; TSL-24.
    let stage = Stage::new();
    let bytes = Token::good(&stage.signer()).bytes();
    assert!(stage.verify(TokenForm::Cwt, &bytes, Some(NOW - 600)).is_ok());
    assert_eq!(stage.verify(TokenForm::Cwt, &bytes, Some(NOW - 599)).err(), Some(Code::StatusTokenInvalid));
}

#[test]
fn large_tokens_are_not_read() {
    let stage = Stage::new();
    let large = vec![0xd2; limits::STATUS_TOKEN_BYTES + 1];
    assert_eq!(stage.verify(TokenForm::Cwt, &large, None).err(), Some(Code::StatusTokenInvalid));
}
