//! The list of lists: which lists it points to, and how the certificates of its signers change.
//!
//! The Official Journal names the first signers. When they change, the Commission publishes a *pivot*: a list of lists that
//! one of the old signers signs and that names the new ones. All pivots since the Official Journal are followed in order.

use super::super::{ListRules, Pointer, TrustList};
use super::{checked_text, content, tree};
use crate::domain::reason::{Code, Reason};
use crate::domain::time::UnixSeconds;
use crate::domain::x509::Certificate;

/// The type of the list of lists of the Union.
pub const LIST_OF_LISTS: &str = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUlistofthelists";
/// The type of a national list.
pub const NATIONAL_LIST: &str = "http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric";
/// The media type of a list in XML. Pointers to lists for people have others.
pub const MEDIA_TYPE: &str = "application/vnd.etsi.tsl+xml";

/// Most pivots that a list of lists may announce. The Commission begins anew with each publication of signers.
const PIVOTS: usize = 64;

/// The pointers of `list` to lists in XML of exactly this type.
///
/// # Source
/// ETSI TS 119 612 section 5.3.13; TL-20.
pub fn pointers<'l>(list: &'l TrustList, list_type: &str) -> impl Iterator<Item = &'l Pointer> {
    list.pointers.iter().filter(move |pointer| {
        pointer.list_type.as_deref() == Some(list_type) && pointer.media_type.as_deref() == Some(MEDIA_TYPE)
    })
}

/// A pivot, and where it was found.
#[derive(Debug, Clone, Copy)]
pub struct Pivot<'a> {
    /// The address it was fetched from, as another list announced it.
    pub location: &'a str,
    /// The document.
    pub document: &'a [u8],
}

/// The addresses of the pivots that a list of lists announces, **oldest first**.
///
/// Nothing is verified: this only says what to fetch. It is made true by [`follow_pivots`], which refuses other pivots than
/// those that the lists announce once their signatures are good.
///
/// # Errors
/// [`Code::TrustListTooLarge`] and [`Code::TrustListMalformed`] as [`super::read`], and for more than 64 pivots.
pub fn announced_pivots(document: &[u8]) -> Result<Vec<String>, Reason> {
    let text = checked_text(document)?;
    let tree = tree::parse(text)?;
    let scheme = content::scheme_information(tree::Element::root(&tree)?)?;
    let mut pivots: Vec<String> = Vec::new();
    // The list has the newest first, and further addresses: of the Official Journal, and of legal notices.
    for address in content::scheme_addresses(scheme)?.into_iter().rev() {
        let is_list = address.starts_with("https://") && address.rsplit('.').next() == Some("xml");
        if !is_list || pivots.contains(&address) {
            continue;
        }
        if pivots.len() >= PIVOTS {
            return Err(Reason::new(Code::TrustListTooLarge, "the list announces more pivots than the limit"));
        }
        pivots.push(address);
    }
    Ok(pivots)
}

/// The signers of the list of lists after these pivots, oldest first. Without pivots they are the pinned ones.
///
/// The first pivot must be signed by one of `pinned`, each further one by one of those that the pivot before it names. Its
/// number must be above that of the one before it, and it must announce exactly the pivots before it, itself perhaps
/// among them: so none can be left out. A pivot may have ended; its signer must have been valid when it was issued.
///
/// Whoever follows pivots verifies the list of lists with the signers that come out, and compares
/// [`announced_pivots`] of it with the pivots that were followed. `pinned` stays as it is, whatever comes out.
///
/// # Errors
/// [`Code::TrustListSignatureInvalid`] for a forged pivot and for a gap (TRU-016), and as [`super::read`].
///
/// # Source
/// Commission Implementing Decision (EU) 2015/1505; the Commission's explanation of pivot lists; TL-04, TRU-016.
pub fn follow_pivots(
    pinned: &[Certificate],
    pivots: &[Pivot<'_>],
    now: UnixSeconds,
) -> Result<Vec<Certificate>, Reason> {
    let gap = |detail: &'static str| Reason::new(Code::TrustListSignatureInvalid, detail);
    let mut signers = pinned.to_vec();
    let (mut newest, mut issued) = (None, None);
    for (place, pivot) in pivots.iter().enumerate() {
        let list = read_pivot(pivot.document, &signers, now)?;
        if newest.is_some_and(|newest| list.sequence <= newest) || issued.is_some_and(|time| list.issued_at < time) {
            return Err(gap("the pivots are not in order"));
        }
        let announced = announced_pivots(pivot.document)?;
        let before = announced.iter().map(String::as_str).filter(|address| *address != pivot.location);
        if !before.eq(pivots.iter().take(place).map(|earlier| earlier.location)) {
            return Err(gap("a pivot was left out"));
        }
        signers = pointers(&list, LIST_OF_LISTS).flat_map(|pointer| pointer.signers.iter().cloned()).collect();
        if signers.is_empty() {
            return Err(gap("a pivot names no signers of the list of lists"));
        }
        (newest, issued) = (Some(list.sequence), Some(list.issued_at));
    }
    Ok(signers)
}

/// Reads a pivot as of the moment at which it was issued, which must not lie ahead.
fn read_pivot(document: &[u8], signers: &[Certificate], now: UnixSeconds) -> Result<TrustList, Reason> {
    let text = checked_text(document)?;
    let tree = tree::parse(text)?;
    let claimed = content::issued_at(content::scheme_information(tree::Element::root(&tree)?)?)?;
    if claimed > now {
        return Err(tree::malformed("a pivot is issued in the future"));
    }
    let rules = ListRules {
        signers,
        list_type: Some(LIST_OF_LISTS),
        signer_names: false,
        accept_closed: false,
        newest_sequence: None,
        skew: 0,
        now: claimed,
    };
    super::read(document, rules)
}
