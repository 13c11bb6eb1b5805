//! Status lists: the bits, the references, the tokens.

pub(super) mod reference;
pub(super) mod token;

use super::draft::Draft;
use crate::domain::encoding::base64;
use crate::domain::limits;
use crate::simulator::encode::status_list::{raw_deflate, zlib};
use crate::vectors::VectorError;
use crate::vectors::config::to_hex;
use crate::vectors::format::File;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

pub(super) fn file() -> Result<File, VectorError> {
    let mut draft = Draft::new(
        "status-list-decode",
        "Status lists: from text to values",
        "A zlib stream of statuses of 1, 2, 4 or 8 bits, the lowest bits of a byte first. Inflation stops at 16 MiB.",
        &["draft-ietf-oauth-status-list-20 section 4", "RFC 1950"],
    );
    let list =
        |bits: u64, bytes: &[u8]| json!({"status_list": {"bits": bits, "lst": base64::encode_url(&zlib(bytes))}});
    let patterns: [(u64, &[u8], Value); 4] = [
        (1, &[0xb9, 0xa3], json!([1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1])),
        (2, &[0xc9, 0x44, 0xf9], json!([1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3])),
        (4, &[0x21, 0xf0], json!([1, 2, 0, 15])),
        (8, &[7, 0, 255], json!([7, 0, 255])),
    ];
    for (bits, bytes, values) in patterns {
        draft
            .accept(&format!("status-list-{bits}-bits"), "every position within a byte", list(bits, bytes))
            .flags(&["Valid"])
            .output(json!({"size": values.as_array().map(Vec::len), "values": values, "raw_hex": to_hex(bytes)}))
            .spec(&["TSL-42", "case TSL-016"]);
    }
    draft
        .accept("status-list-empty", "a list without entries", list(1, b""))
        .flags(&["Legal"])
        .output(json!({"size": 0, "values": []}));
    draft
        .accept("status-list-aggregation", "further members are ignored", {
            let mut input = list(1, &[1]);
            input["status_list"]["aggregation_uri"] = json!("https://status.example/all");
            input
        })
        .flags(&["Legal"])
        .output(json!({"size": 8, "nonzero": {"0": 1}, "other_indexes": 0}));
    draft
        .accept(
            "status-list-stored",
            "a stream that does not compress",
            json!({"status_list": {"bits": 8, "lst": base64::encode_url(&stored(b"\x00\x01\x02"))}}),
        )
        .flags(&["Legal"])
        .output(json!({"size": 3, "values": [0, 1, 2]}));
    draft
        .accept("status-list-large", "a hundred thousand entries, one of them revoked", list(1, &one_of(12_500, 100)))
        .flags(&["Legal"])
        .output(json!({"size": 100_000, "nonzero": {"800": 1}, "other_indexes": 0}));
    draft
        .accept("status-list-16-mib", "as large as allowed", list(8, &vec![0; limits::STATUS_LIST_BYTES]))
        .flags(&["Boundary"])
        .output(json!({"size": limits::STATUS_LIST_BYTES, "nonzero": {}, "other_indexes": 0}))
        .spec(&["TSL-41", "case TSL-011"]);
    for (id, comment, size) in [
        ("status-list-above-16-mib", "one byte larger than allowed", limits::STATUS_LIST_BYTES.saturating_add(1)),
        ("status-list-32-mib", "a small text that inflates to 32 MiB", 32 << 20),
    ] {
        draft
            .refuse(id, comment, "status_list_too_large", list(8, &vec![0; size]))
            .broken("status-list-16-mib", "replace", "/status_list/lst")
            .flags(&["Boundary", "Exhaustion"])
            .spec(&["TSL-41", "case TSL-011"]);
    }
    widths(&mut draft);
    streams(&mut draft);
    draft.finish()
}

fn one_of(length: usize, place: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    if let Some(byte) = bytes.get_mut(place) {
        *byte = 1;
    }
    bytes
}

/// A zlib stream with one stored block, written by hand.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or_default();
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in bytes {
        low = low.wrapping_add(u32::from(*byte)) % 65_521;
        high = high.wrapping_add(low) % 65_521;
    }
    let sum = high << 16 | low;
    let parts: [&[u8]; 5] =
        [&[0x78, 0x01, 0x01], &length.to_le_bytes(), &(!length).to_le_bytes(), bytes, &sum.to_be_bytes()];
    parts.concat()
}

fn widths(draft: &mut Draft) {
    let lst = base64::encode_url(&zlib(&[1, 2]));
    for (id, comment, bits) in [
        ("status-list-bits-0", "no bits", json!(0)),
        ("status-list-bits-3", "three bits", json!(3)),
        ("status-list-bits-16", "sixteen bits", json!(16)),
        ("status-list-bits-negative", "a negative number of bits", json!(-1)),
        ("status-list-bits-text", "bits that are a text", json!("1")),
        ("status-list-bits-fraction", "bits that are no integer", json!(1.5)),
        ("status-list-bits-null", "bits that are null", json!(null)),
    ] {
        draft
            .refuse(id, comment, "status_list_malformed", json!({"status_list": {"bits": bits, "lst": lst}}))
            .broken("status-list-1-bits", "replace", "/status_list/bits")
            .to(bits)
            .flags(&["ClaimType"])
            .spec(&["TSL-25", "case TSL-014"]);
    }
    draft
        .refuse("status-list-bits-missing", "no bits", "status_list_malformed", json!({"status_list": {"lst": lst}}))
        .broken("status-list-1-bits", "remove", "/status_list/bits")
        .flags(&["Structure"])
        .spec(&["TSL-25", "case TSL-014"]);
    draft
        .refuse("status-list-lst-missing", "no lst", "status_list_malformed", json!({"status_list": {"bits": 1}}))
        .broken("status-list-1-bits", "remove", "/status_list/lst")
        .flags(&["Structure"])
        .spec(&["TSL-25"]);
    draft
        .refuse(
            "status-list-no-object",
            "a list that is no object",
            "status_list_malformed",
            json!({"status_list": "eNo"}),
        )
        .broken("status-list-1-bits", "replace", "/status_list")
        .flags(&["Structure"])
        .spec(&["TSL-25"]);
}

fn streams(draft: &mut Draft) {
    let good = zlib(&[1, 2, 3, 4, 5, 6, 7, 8]);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let gzip = gzip.write_all(&[1; 40]).and_then(|()| gzip.finish()).unwrap_or_default();
    let mut checksum = good.clone();
    if let Some(last) = checksum.last_mut() {
        *last ^= 1;
    }
    let start = |length: usize| good.get(..length).unwrap_or_default().to_vec();
    for (id, comment, bytes, spec) in [
        ("status-list-raw-deflate", "DEFLATE without its zlib header", raw_deflate(&[1; 40]), "case TSL-012"),
        ("status-list-gzip", "gzip", gzip, "case TSL-012"),
        ("status-list-no-bytes", "no stream at all", Vec::new(), "case TSL-012"),
        ("status-list-header-only", "the two bytes of the header", start(2), "case TSL-012"),
        ("status-list-cut", "a stream without its last byte", start(good.len().saturating_sub(1)), "case TSL-012"),
        ("status-list-cut-in-the-middle", "half of a stream", start(good.len() / 2), "case TSL-012"),
        ("status-list-checksum", "a wrong checksum", checksum, "case TSL-012"),
        ("status-list-tail", "a byte after the stream", [good.as_slice(), &[0]].concat(), "case TSL-012"),
        (
            "status-list-two-streams",
            "a second stream after the first",
            [good.as_slice(), good.as_slice()].concat(),
            "case TSL-013",
        ),
        (
            "status-list-dictionary",
            "a stream with a preset dictionary",
            vec![0x78, 0xbb, 0, 0, 0, 1, 3, 0],
            "case TSL-013",
        ),
        ("status-list-plain", "bytes that are not compressed", vec![1, 2, 3, 4], "case TSL-012"),
    ] {
        draft
            .refuse(
                id,
                comment,
                "status_list_malformed",
                json!({"status_list": {"bits": 8, "lst": base64::encode_url(&bytes)}}),
            )
            .broken("status-list-8-bits", "replace", "/status_list/lst")
            .flags(&["Structure"])
            .spec(&["TSL-40", spec]);
    }
    for (id, comment, lst) in [
        ("status-list-lst-padded", "lst with padding", json!(format!("{}=", base64::encode_url(&good)))),
        ("status-list-lst-number", "lst that is a number", json!(1)),
        ("status-list-lst-standard", "lst in standard base64", json!("eNoD+/8=")),
    ] {
        draft
            .refuse(id, comment, "status_list_malformed", json!({"status_list": {"bits": 8, "lst": lst}}))
            .broken("status-list-8-bits", "re-encode", "/status_list/lst")
            .flags(&["Encoding"])
            .spec(&["TSL-40"]);
    }
}
