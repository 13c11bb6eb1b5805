//! Certification paths.

use super::{Judged, member};
use crate::domain::encoding::base64;
use crate::domain::reason::{Code, Reason};
use crate::domain::x509::chain::{self, Anchor, ChainRules};
use crate::domain::x509::revocation::{Depth, RevocationCheck, RevocationList, RevocationLists};
use crate::vectors::config::{Config, Stop, anchors, certificates, unsupported};
use serde_json::{Map, Value, json};

pub(super) fn path(config: Config<'_>, input: &Map<String, Value>) -> Judged {
    config.only(&[
        "trust",
        "now",
        "purpose",
        "x-anchor_in_chain",
        "x-extended_key_usage",
        "x-revocation_lists",
        "x-revocation_depth",
    ])?;
    if !matches!(config.text("purpose")?, None | Some("sd-jwt-vc-issuer" | "status-list-signer")) {
        return unsupported("purpose");
    }
    let Some(Value::Object(trust)) = config.get("trust") else { return unsupported("config has no trust") };
    Config(trust).only(&["x509_roots", "pinned_certs"])?;
    let now = config.now()?;
    let texts = member(input, "chain")?.as_array().map(Vec::as_slice).unwrap_or_default();
    let read = |entry: &Value| {
        entry.as_str().ok_or_else(|| Reason::new(Code::X5cMalformed, "no string")).and_then(base64::decode_standard)
    };
    let received = texts.iter().map(read).collect::<Result<Vec<_>, _>>().map_err(Stop::from)?;
    let roots = anchors(trust.get("x509_roots"))?;
    let pinned = certificates(trust.get("pinned_certs"))?;
    let anchors: Vec<&Anchor> = roots.iter().collect();
    let validated = match chain::validate_pinned(&received, &pinned, now) {
        Ok(chain) => chain,
        Err(reason) if roots.is_empty() && !pinned.is_empty() => return Err(reason.into()),
        Err(_) => {
            let rules = ChainRules {
                anchor_in_chain: config.anchor_in_chain()?,
                extended_key_usage: config.text("x-extended_key_usage")?,
            };
            chain::validate(&received, &anchors, rules, now)?
        }
    };
    let validated = match config.texts("x-revocation_lists")? {
        None => validated.check_revocation(&anchors, RevocationCheck::NotConfigured, now)?,
        Some(texts) => {
            let read = |text: &String| base64::decode_standard(text).and_then(|der| RevocationList::read(&der));
            let lists = RevocationLists::new(texts.iter().map(read).collect::<Result<_, _>>()?)?;
            let depth = match config.text("x-revocation_depth")? {
                None | Some("whole-chain") => Depth::WholeChain,
                Some("leaf") => Depth::Leaf,
                Some(_) => return unsupported("x-revocation_depth"),
            };
            validated.check_revocation(&anchors, RevocationCheck::Required { lists: &lists, depth }, now)?
        }
    };
    let mut output = json!({"subject": validated.leaf.subject_text});
    if let (Some(anchor), Some(members)) = (validated.anchors.first(), output.as_object_mut()) {
        members.insert("anchor_index".to_owned(), json!(anchor));
    }
    Ok(output)
}
