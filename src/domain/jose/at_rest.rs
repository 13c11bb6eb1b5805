//! Encryption of what a store keeps where others could read it: AES-256-GCM under a key that lies elsewhere.
//!
//! ```text
//! 1 │ key id 4 │ nonce 12 │ ciphertext │ tag 16
//! ```
//!
//! Every subject (a row of a tenant) has a key of its own, derived from the master key by HKDF-SHA-256. So random nonces
//! never come near their limit of 2³² messages under one key (NIST SP 800-38D section 8.3), and a sealed value moved to
//! another row or tenant does not open.

use super::hash::sha256;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = NONCE_LEN;

/// The first byte of a sealed value.
const FORM: u8 = 1;
const ID_BYTES: usize = 4;
/// Form, key id and nonce.
const HEAD: usize = 1 + ID_BYTES + NONCE_BYTES;
const SALT: &[u8] = b"pruefstein store 1";

/// Names a key without telling anything of it: the first bytes of a hash over it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A key for stored values. `Debug` shows its id only.
#[derive(Clone)]
pub struct SealingKey {
    id: KeyId,
    master: Prk,
}

/// What a sealed value belongs to. It opens only for the same subject.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Whose it is.
    pub tenant: &'a str,
    /// The name of the row.
    pub row: &'a [u8],
    /// What else stands in the row and must fit the value.
    pub beside: &'a [u8],
}

/// Why a value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// It was sealed under a key that is not among those given.
    #[error("it is encrypted under the key {0}, which this program was not given")]
    UnknownKey(KeyId),
    /// It was changed, moved, or never was a sealed value.
    #[error("it does not open under its key")]
    Damaged,
}

impl SealingKey {
    /// From 32 random bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        let labelled = Zeroizing::new([SALT, bytes].concat());
        let mut id = [0; ID_BYTES];
        for (byte, hashed) in id.iter_mut().zip(sha256(&labelled)) {
            *byte = hashed;
        }
        Self { id: KeyId(id), master: Salt::new(HKDF_SHA256, SALT).extract(bytes) }
    }

    /// From 64 hexadecimal digits, as `openssl rand -hex 32` prints them; blanks and line ends around do not count.
    /// `None` for anything else, and for a key that nobody drew.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = Zeroizing::new([0_u8; 32]);
        for (place, byte) in (0_usize..).step_by(2).zip(bytes.iter_mut()) {
            *byte = u8::from_str_radix(text.get(place..place.saturating_add(2))?, 16).ok()?;
        }
        let first = *bytes.first()?;
        (!bytes.iter().all(|byte| *byte == first)).then(|| Self::new(&bytes))
    }

    /// The id that stands in front of what this key has sealed.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Seals a value. `nonce` must be random.
    ///
    /// # Errors
    /// [`Unsealable::Damaged`] if the library refuses, which it does only beyond 64 GiB.
    pub fn seal(
        &self,
        subject: Subject<'_>,
        nonce: [u8; NONCE_BYTES],
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Unsealable> {
        let key = self.key_of(subject)?;
        let room = HEAD.saturating_add(plaintext.len()).saturating_add(AES_256_GCM.tag_len());
        let mut sealed = Vec::with_capacity(room);
        sealed.push(FORM);
        sealed.extend_from_slice(&self.id.0);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let content = sealed.get_mut(HEAD..).unwrap_or_default();
        let aad = Aad::from(subject.beside);
        let tag = key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), aad, content)
            .map_err(|_| Unsealable::Damaged)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    fn key_of(&self, subject: Subject<'_>) -> Result<LessSafeKey, Unsealable> {
        // A tenant's name has no zero byte, so two subjects never give one text.
        let info = [subject.tenant.as_bytes(), &[0], subject.row];
        let derived = self.master.expand(&info, &AES_256_GCM).map_err(|_| Unsealable::Damaged)?;
        Ok(LessSafeKey::new(UnboundKey::from(derived)))
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.id)
    }
}

impl PartialEq for SealingKey {
    /// By the id, which is a hash over the key.
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for SealingKey {}

/// Opens a sealed value with the one of `keys` that sealed it.
///
/// # Errors
/// [`Unsealable`]
pub fn open(keys: &[SealingKey], subject: Subject<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unsealable> {
    let rest = sealed.strip_prefix(&[FORM]).ok_or(Unsealable::Damaged)?;
    let (id, rest) = rest.split_first_chunk::<ID_BYTES>().ok_or(Unsealable::Damaged)?;
    let (nonce, content) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Unsealable::Damaged)?;
    let id = KeyId(*id);
    let key = keys.iter().find(|key| key.id == id).ok_or(Unsealable::UnknownKey(id))?.key_of(subject)?;
    let mut content = Zeroizing::new(content.to_vec());
    let opened = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(subject.beside), &mut content)
        .map_err(|_| Unsealable::Damaged)?
        .len();
    content.truncate(opened);
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> = Subject { tenant: "town", row: b"row", beside: b"version 3" };

    fn key(byte: u8) -> SealingKey {
        let mut bytes = [byte; 32];
        bytes[0] = 0;
        SealingKey::new(&bytes)
    }

    #[test]
    fn what_was_sealed_opens_for_its_subject_only() {
        let keys = [key(1), key(2)];
        for key in &keys {
            for text in [&b""[..], b"x", &[7; 5_000]] {
                let sealed = key.seal(SUBJECT, [9; NONCE_BYTES], text).unwrap();
                assert_eq!(open(&keys, SUBJECT, &sealed).unwrap().as_slice(), text);
                for other in [
                    Subject { tenant: "other", ..SUBJECT },
                    Subject { row: b"raw", ..SUBJECT },
                    Subject { beside: b"version 4", ..SUBJECT },
                ] {
                    assert_eq!(open(&keys, other, &sealed).unwrap_err(), Unsealable::Damaged);
                }
            }
        }
    }

    #[test]
    fn any_flipped_bit_is_found() {
        // STO-009, value
        let keys = [key(1)];
        let sealed = keys[0].seal(SUBJECT, [9; NONCE_BYTES], b"family name").unwrap();
        for at in 0..sealed.len() * 8 {
            let mut damaged = sealed.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(open(&keys, SUBJECT, &damaged).is_err(), "bit {at}");
        }
        for length in 0..sealed.len() {
            assert!(open(&keys, SUBJECT, &sealed[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn a_key_that_was_not_given_is_named() {
        let sealed = key(1).seal(SUBJECT, [9; NONCE_BYTES], b"x").unwrap();
        assert_eq!(open(&[key(2)], SUBJECT, &sealed).unwrap_err(), Unsealable::UnknownKey(key(1).id()));
    }

    #[test]
    fn keys_are_read_from_hexadecimal_digits() {
        let text = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";
        let bytes: [u8; 32] = std::array::from_fn(|place| u8::try_from(place).unwrap());
        assert_eq!(SealingKey::from_hex(&format!("{text}\n")).unwrap(), SealingKey::new(&bytes));
        let spaced = format!("{} {}", &text[..32], &text[33..]);
        for wrong in ["", &text[1..], &format!("{text}00"), &"zz".repeat(32), &"00".repeat(32), &spaced] {
            assert!(SealingKey::from_hex(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(1)).len(), "SealingKey(01234567)".len());
    }

    #[test]
    fn subjects_do_not_share_a_key() {
        // The same nonce twice would show the difference of two texts if the key were the same.
        let other = Subject { row: b"row2", ..SUBJECT };
        let one = key(1).seal(SUBJECT, [9; NONCE_BYTES], &[0; 64]).unwrap();
        let two = key(1).seal(other, [9; NONCE_BYTES], &[0; 64]).unwrap();
        assert_ne!(one[HEAD..HEAD + 64], two[HEAD..HEAD + 64]);
    }
}
