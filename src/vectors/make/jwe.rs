//! Compact JWE to the key of a request.

use super::draft::{Draft, members};
use super::world::World;
use crate::domain::encoding::base64;
use crate::domain::jose::keys::EphemeralKey;
use crate::domain::jose::repeatable::{encrypt_with, encrypt_with_secret};
use crate::vectors::VectorError;
use crate::vectors::format::File;
use serde_json::{Map, Value, json};

struct Maker<'w> {
    world: &'w World,
    recipient: Map<String, Value>,
    kid: String,
    plain: Value,
}

impl Maker<'_> {
    fn header(&self, enc: &str) -> Map<String, Value> {
        members(json!({"alg": "ECDH-ES", "enc": enc, "kid": self.kid}))
    }

    fn seal(&self, header: Map<String, Value>) -> Result<String, VectorError> {
        Ok(encrypt_with(&self.world.sender, [7; 12], &self.recipient, header, self.plain.to_string().as_bytes())?)
    }

    /// A token whose header names something else than what was done: nothing after the header can be right.
    fn named(&self, header: &Map<String, Value>) -> Result<String, VectorError> {
        let good = self.seal(self.header("A256GCM"))?;
        let mut whole = header.clone();
        if !whole.contains_key("epk") {
            whole.insert("epk".to_owned(), Value::Object(self.world.sender.public_jwk()?));
        }
        let text = base64::encode_url(Value::Object(whole).to_string().as_bytes());
        Ok(exchange(&good, 0, &text))
    }
}

/// The token with one of its parts exchanged.
fn exchange(token: &str, place: usize, text: &str) -> String {
    let parts: Vec<&str> =
        token.split('.').enumerate().map(|(at, part)| if at == place { text } else { part }).collect();
    parts.join(".")
}

fn part(token: &str, place: usize) -> &str {
    token.split('.').nth(place).unwrap_or_default()
}

pub(super) fn file(world: &World) -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "jwe-decrypt",
        "Encrypted answers",
        "ECDH-ES on P-256 with A128GCM or A256GCM, to the one key of the request. Everything that depends on keys or \
         ciphertext fails with one code.",
        &["OpenID4VP 1.0 section 8.3", "RFC 7516", "RFC 7518 sections 4.6 and 5.3"],
    );
    let (recipient, kid) = world.recipient.announced_jwk()?;
    let mut private = recipient.clone();
    private.insert("d".to_owned(), json!(base64::encode_url(world.recipient.scalar())));
    let mut sender = world.sender.public_jwk()?;
    sender.insert("d".to_owned(), json!(base64::encode_url(world.sender.scalar())));
    draft.group(
        "jwe",
        "the key of the request and the two content encryptions that were offered",
        json!({"private_jwks": [private], "alg_allowed": ["ECDH-ES"], "enc_allowed": ["A128GCM", "A256GCM"]}),
        json!({"recipient": private, "sender": sender}),
    );
    let maker = Maker { world, recipient, kid, plain: json!({"vp_token": {"identity": ["a~"]}, "state": "s"}) };
    accepted(&mut draft, &maker)?;
    headers(&mut draft, &maker)?;
    points(&mut draft, &maker)?;
    parts(&mut draft, &maker)?;
    draft.finish()
}

fn accepted(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    for enc in ["A128GCM", "A256GCM"] {
        let token = maker.seal(maker.header(enc))?;
        draft
            .accept(&format!("jwe-{}", enc.to_ascii_lowercase()), "a good answer", json!({"jwe": token}))
            .flags(&["Valid"])
            .output(json!({"payload_json": maker.plain}))
            .spec(&["OVP-JWE-03", "OVP-JWE-05"]);
    }
    for (id, comment, more) in [
        ("jwe-apu-apv", "apu and apv go into the key, whatever they hold", json!({"apu": "QWxpY2U", "apv": "Qm9i"})),
        ("jwe-apu-empty", "an empty apu", json!({"apu": ""})),
        ("jwe-apv-nonce", "apv with the nonce of the request, as for mdocs", json!({"apv": maker.world.nonce()})),
        ("jwe-typ-cty", "further parameters", json!({"typ": "JWT", "cty": "json"})),
    ] {
        let mut header = maker.header("A256GCM");
        header.extend(members(more));
        draft
            .accept(id, comment, json!({"jwe": maker.seal(header)?}))
            .flags(&["Legal"])
            .output(json!({"payload_json": maker.plain}))
            .spec(&["OVP-JWE-05", "case JWE-020"]);
    }
    let empty = encrypt_with(&maker.world.sender, [8; 12], &maker.recipient, maker.header("A256GCM"), b"")?;
    draft
        .accept(
            "jwe-empty-plaintext",
            "an empty plaintext is decrypted; what it is worth is decided later",
            json!({"jwe": empty}),
        )
        .flags(&["Legal"])
        .output(json!({"payload_hex": ""}));
    let nested = encrypt_with(
        &maker.world.sender,
        [9; 12],
        &maker.recipient,
        maker.header("A256GCM"),
        b"eyJhbGciOiJub25lIn0.e30.",
    )?;
    draft
        .accept("jwe-token-inside", "an unsigned token as plaintext is bytes and nothing more", json!({"jwe": nested}))
        .flags(&["Encryption"])
        .output(json!({"payload_hex": crate::vectors::config::to_hex(b"eyJhbGciOiJub25lIn0.e30.")}))
        .spec(&["OVP-JWE-10", "case JWE-003"]);
    Ok(())
}

fn headers(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let changed = |name: &str, value: Value| {
        let mut header = maker.header("A256GCM");
        if value.is_null() {
            header.shift_remove(name);
        } else {
            header.insert(name.to_owned(), value);
        }
        header
    };
    let pbes2 = {
        let mut header = changed("alg", json!("PBES2-HS256+A128KW"));
        header.insert("p2c".to_owned(), json!(2_147_483_647));
        header.insert("p2s".to_owned(), json!("AAAAAAAAAAA"));
        header
    };
    for (id, comment, code, header, flag, spec) in [
        (
            "jwe-alg-dir",
            "a key known beforehand",
            "jwe_alg_not_allowed",
            changed("alg", json!("dir")),
            "Algorithm",
            "OVP-JWE-02",
        ),
        (
            "jwe-alg-wrap",
            "agreement with key wrapping, which was not offered",
            "jwe_alg_not_allowed",
            changed("alg", json!("ECDH-ES+A128KW")),
            "Algorithm",
            "OVP-JWE-02",
        ),
        (
            "jwe-alg-hpke",
            "HPKE, as in OpenID4VP 1.1",
            "jwe_alg_not_allowed",
            changed("alg", json!("HPKE-0")),
            "Algorithm",
            "OVP-JWE-14",
        ),
        ("jwe-alg-rsa", "RSA", "jwe_alg_not_allowed", changed("alg", json!("RSA-OAEP-256")), "Algorithm", "OVP-JWE-02"),
        (
            "jwe-alg-rsa15",
            "RSA with the old padding",
            "jwe_alg_not_allowed",
            changed("alg", json!("RSA1_5")),
            "Algorithm",
            "OVP-JWE-02",
        ),
        (
            "jwe-alg-none",
            "none",
            "jwe_alg_not_allowed",
            changed("alg", json!("none")),
            "AlgorithmConfusion",
            "OVP-JWE-02",
        ),
        ("jwe-alg-missing", "no alg", "jwe_alg_not_allowed", changed("alg", Value::Null), "Structure", "OVP-JWE-02"),
        (
            "jwe-alg-pbes2",
            "a password with two thousand million rounds, none of which is made",
            "jwe_alg_not_allowed",
            pbes2,
            "Exhaustion",
            "case JWE-009",
        ),
        (
            "jwe-enc-a128cbc",
            "AES-CBC, which was not offered",
            "jwe_enc_not_allowed",
            changed("enc", json!("A128CBC-HS256")),
            "Algorithm",
            "case JWE-011",
        ),
        (
            "jwe-enc-a192gcm",
            "AES-192, which was not offered",
            "jwe_enc_not_allowed",
            changed("enc", json!("A192GCM")),
            "Algorithm",
            "case JWE-011",
        ),
        (
            "jwe-enc-lower-case",
            "the name in lower case",
            "jwe_enc_not_allowed",
            changed("enc", json!("a256gcm")),
            "Algorithm",
            "OVP-JWE-03",
        ),
        ("jwe-enc-missing", "no enc", "jwe_enc_not_allowed", changed("enc", Value::Null), "Structure", "OVP-JWE-03"),
        (
            "jwe-zip",
            "a compressed answer",
            "jwe_zip_not_allowed",
            changed("zip", json!("DEF")),
            "Exhaustion",
            "case JWE-010",
        ),
        (
            "jwe-zip-unknown",
            "an unknown compression",
            "jwe_zip_not_allowed",
            changed("zip", json!("x")),
            "Exhaustion",
            "case JWE-010",
        ),
        (
            "jwe-crit",
            "a critical extension that nobody knows",
            "jws_crit_unsupported",
            changed("crit", json!(["x"])),
            "Structure",
            "case JWE-022",
        ),
        ("jwe-kid-other", "another kid", "jwe_key_unknown", changed("kid", json!("other")), "Encryption", "OVP-JWE-04"),
        ("jwe-kid-missing", "no kid", "jwe_key_unknown", changed("kid", Value::Null), "Structure", "OVP-JWE-04"),
        (
            "jwe-kid-number",
            "a kid that is a number",
            "jwe_key_unknown",
            changed("kid", json!(1)),
            "ClaimType",
            "OVP-JWE-04",
        ),
        (
            "jwe-apu-number",
            "an apu that is a number",
            "jwe_malformed",
            changed("apu", json!(1)),
            "ClaimType",
            "OVP-JWE-05",
        ),
        (
            "jwe-apu-padded",
            "an apu with padding",
            "base64url_invalid",
            changed("apu", json!("QQ==")),
            "Encoding",
            "OVP-JWE-05",
        ),
        (
            "jwe-apu-large",
            "an apu of 40 KiB",
            "limit_exceeded",
            changed("apu", json!("A".repeat(40 * 1024))),
            "Exhaustion",
            "case JWE-021",
        ),
    ] {
        draft
            .refuse(id, comment, code, json!({"jwe": maker.named(&header)?}))
            .flags(&[flag])
            .broken("jwe-a256gcm", "replace", "header")
            .spec(&[spec]);
    }
    let good = maker.seal(maker.header("A256GCM"))?;
    let twice = format!(r#"{{"alg":"ECDH-ES","alg":"ECDH-ES","enc":"A256GCM","kid":"{}"}}"#, maker.kid);
    draft
        .refuse(
            "jwe-alg-twice",
            "alg twice",
            "json_invalid",
            json!({"jwe": exchange(&good, 0, &base64::encode_url(twice.as_bytes()))}),
        )
        .flags(&["Ambiguous"])
        .broken("jwe-a256gcm", "insert", "header.alg")
        .spec(&["OVP-JWE-13"]);
    Ok(())
}

fn points(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = maker.world.sender.public_jwk()?;
    let with = |name: &str, value: Value| {
        let mut epk = good.clone();
        if value.is_null() {
            epk.shift_remove(name);
        } else {
            epk.insert(name.to_owned(), value);
        }
        Value::Object(epk)
    };
    let zeros = json!(base64::encode_url(&[0; 32]));
    let short = json!(base64::encode_url(&[1; 31]));
    let long = json!(base64::encode_url(&[0; 33]));
    for (id, comment, code, epk, spec) in [
        ("jwe-epk-missing", "no ephemeral key", "jwe_malformed", json!("none"), "case JWE-014"),
        (
            "jwe-epk-p384",
            "an ephemeral key on another curve",
            "jwe_malformed",
            with("crv", json!("P-384")),
            "case JWE-014",
        ),
        (
            "jwe-epk-okp",
            "an ephemeral key of another kind",
            "jwe_malformed",
            json!({"kty": "OKP", "crv": "X25519", "x": "AAAA"}),
            "case JWE-014",
        ),
        (
            "jwe-epk-private",
            "an ephemeral key with its private part",
            "jwe_malformed",
            with("d", json!("AAAA")),
            "case JWE-014",
        ),
        ("jwe-epk-no-y", "an ephemeral key without y", "jwe_malformed", with("y", Value::Null), "case JWE-014"),
        (
            "jwe-epk-off-curve",
            "a point that is not on the curve",
            "decryption_failed",
            with("y", zeros.clone()),
            "case JWE-013",
        ),
        (
            "jwe-epk-origin",
            "the point with both coordinates zero",
            "decryption_failed",
            json!({"kty": "EC", "crv": "P-256", "x": zeros, "y": zeros}),
            "case JWE-013",
        ),
        ("jwe-epk-short", "a coordinate of 31 bytes", "decryption_failed", with("x", short), "OVP-JWE-06"),
        ("jwe-epk-long", "a coordinate of 33 bytes", "decryption_failed", with("x", long), "OVP-JWE-06"),
    ] {
        let mut header = maker.header("A256GCM");
        header.insert("epk".to_owned(), epk);
        draft
            .refuse(id, comment, code, json!({"jwe": maker.named(&header)?}))
            .flags(&["CurveAttack"])
            .broken("jwe-a256gcm", "replace", "header.epk")
            .spec(&["OVP-JWE-06", spec]);
    }
    // A point of small order on a twist of the curve: whoever does not check it gives away the key bit by bit.
    let mut header = maker.header("A256GCM");
    header.insert("epk".to_owned(), with("x", json!(base64::encode_url(&[0xff; 32]))));
    let token = encrypt_with_secret(&[0; 32], [7; 12], &header, b"{}")?;
    draft
        .refuse(
            "jwe-epk-small-order",
            "a coordinate beyond the field, with a secret that is easily guessed",
            "decryption_failed",
            json!({"jwe": token}),
        )
        .flags(&["CurveAttack"])
        .broken("jwe-a256gcm", "replace", "header.epk.x")
        .spec(&["OVP-JWE-06", "case JWE-013"]);
    Ok(())
}

fn parts(draft: &mut Draft, maker: &Maker<'_>) -> Result<(), VectorError> {
    let good = maker.seal(maker.header("A256GCM"))?;
    let zeros = |length: usize| base64::encode_url(&vec![0; length]);
    let flip = |place: usize| {
        let mut bytes = base64::decode_url(part(&good, place)).unwrap_or_default();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        exchange(&good, place, &base64::encode_url(&bytes))
    };
    let cut = |length: usize| {
        let bytes = base64::decode_url(part(&good, 4)).unwrap_or_default();
        exchange(&good, 4, &base64::encode_url(bytes.get(..length).unwrap_or_default()))
    };
    let json_form = json!({
        "protected": part(&good, 0), "iv": part(&good, 2), "ciphertext": part(&good, 3), "tag": part(&good, 4),
        "header": {"enc": "A256GCM"},
    });
    for (id, comment, code, token, spec) in [
        (
            "jwe-form-jws",
            "a signed token in the place of an encrypted one",
            "jwe_malformed",
            "eyJhbGciOiJFUzI1NiJ9.e30.AAAA".to_owned(),
            "case JWE-002",
        ),
        ("jwe-form-four-parts", "four parts", "jwe_malformed", good.replacen("..", ".", 1), "OVP-JWE-02"),
        ("jwe-form-six-parts", "six parts", "jwe_malformed", format!("{good}."), "OVP-JWE-02"),
        ("jwe-form-nothing", "no text", "jwe_malformed", String::new(), "OVP-JWE-02"),
        (
            "jwe-form-json",
            "the flattened JSON form, with enc in the unprotected header",
            "jwe_malformed",
            json_form.to_string(),
            "case JWE-019",
        ),
        ("jwe-iv-empty", "no initialization vector", "jwe_malformed", exchange(&good, 2, ""), "case JWE-017"),
        (
            "jwe-iv-8",
            "an initialization vector of 8 bytes",
            "jwe_malformed",
            exchange(&good, 2, &zeros(8)),
            "case JWE-017",
        ),
        (
            "jwe-iv-16",
            "an initialization vector of 16 bytes",
            "jwe_malformed",
            exchange(&good, 2, &zeros(16)),
            "case JWE-017",
        ),
        (
            "jwe-iv-other",
            "another initialization vector",
            "decryption_failed",
            exchange(&good, 2, &zeros(12)),
            "OVP-JWE-07",
        ),
        ("jwe-tag-empty", "no tag", "decryption_failed", exchange(&good, 4, ""), "case JWE-016"),
        ("jwe-tag-4", "the tag cut to 4 bytes", "decryption_failed", cut(4), "case JWE-016"),
        ("jwe-tag-12", "the tag cut to 12 bytes", "decryption_failed", cut(12), "case JWE-016"),
        ("jwe-tag-15", "the tag cut to 15 bytes", "decryption_failed", cut(15), "case JWE-016"),
        (
            "jwe-tag-17",
            "the tag and one byte more",
            "decryption_failed",
            exchange(&good, 4, &zeros(17)),
            "case JWE-016",
        ),
        ("jwe-tag-flipped", "one bit of the tag", "decryption_failed", flip(4), "case JWE-018"),
        ("jwe-ciphertext-flipped", "one bit of the ciphertext", "decryption_failed", flip(3), "case JWE-018"),
        ("jwe-ciphertext-empty", "no ciphertext", "decryption_failed", exchange(&good, 3, ""), "case JWE-018"),
        (
            "jwe-encrypted-key",
            "an encrypted key where agreement alone gives it",
            "decryption_failed",
            exchange(&good, 1, "AAAA"),
            "case JWE-018",
        ),
        ("jwe-tag-padded", "padding after the tag", "base64url_invalid", format!("{good}=="), "case JOS-028"),
    ] {
        draft
            .refuse(id, comment, code, json!({"jwe": token}))
            .flags(&["Encryption"])
            .broken("jwe-a256gcm", "replace", "/jwe")
            .spec(&[spec]);
    }
    // The header is authenticated: an equal one in another order is another one.
    let mut reordered = Map::new();
    reordered.insert("epk".to_owned(), Value::Object(maker.world.sender.public_jwk()?));
    reordered.extend(maker.header("A256GCM"));
    let text = base64::encode_url(Value::Object(reordered).to_string().as_bytes());
    draft
        .refuse(
            "jwe-header-reordered",
            "the members of the header in another order",
            "decryption_failed",
            json!({"jwe": exchange(&good, 0, &text)}),
        )
        .flags(&["Encryption"])
        .broken("jwe-a256gcm", "swap", "header")
        .spec(&["case JWE-018"]);
    let other = EphemeralKey::from_scalar(maker.world.authority.seed().bytes("another recipient"))
        .ok_or(VectorError::Made("a seed that gives no key"))?
        .public_jwk()?;
    let stray = encrypt_with(&maker.world.sender, [7; 12], &other, maker.header("A256GCM"), b"{}")?;
    draft
        .refuse(
            "jwe-other-recipient",
            "encrypted to another key, under the kid of this one",
            "decryption_failed",
            json!({"jwe": stray}),
        )
        .flags(&["Encryption"])
        .broken("jwe-a256gcm", "replace", "/jwe")
        .spec(&["OVP-JWE-04", "case JWE-024"]);
    Ok(())
}
