//! Our own vectors, made from one seed: same program, same bytes. One file here per file there.
//!
//! Every refusal is perfect but for one thing, and names the accepted case that it was made from. Signatures are made
//! anew after a change, unless the signature is the point.

#![expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::needless_pass_by_value,
    clippy::type_complexity,
    clippy::unused_self,
    reason = "tables over values that are made right here; a slip stops the maker, and no input from outside comes near"
)]

mod base64url;
mod claims_path;
mod dcql_parse;
mod dcql_response;
mod draft;
mod flags;
mod json;
mod jwe;
mod jws;
mod key_binding;
mod presentation;
mod rules;
mod sd_jwt;
mod sd_jwt_vc;
mod sri;
mod status;
mod transaction_data;
mod type_metadata;
mod vp_token;
pub mod world;
mod x5c;

use super::VectorError;
use super::format::File;
use std::path::Path;
use world::World;

/// The name of the schema in the folder of the vectors.
pub const SCHEMA: &str = "verifier-vectors-1.schema.json";

/// A file name and its vectors.
pub type Named = (&'static str, File);

/// Makes every file in memory.
///
/// # Errors
/// [`VectorError`] if a part cannot be made, in theory only.
pub fn files() -> Result<Vec<Named>, VectorError> {
    let world = World::new()?;
    Ok(vec![
        ("base64url.json", base64url::file()?),
        ("claims_path.json", claims_path::file()?),
        ("dcql_parse.json", dcql_parse::file()?),
        ("dcql_response.json", dcql_response::file()?),
        ("json.json", json::file()?),
        ("jwe.json", jwe::file(&world)?),
        ("jws.json", jws::file(&world)?),
        ("kb_jwt.json", key_binding::file(&world)?),
        ("presentation.json", presentation::file(&world)?),
        ("sd_jwt.json", sd_jwt::file(&world)?),
        ("sd_jwt_vc.json", sd_jwt_vc::file(&world)?),
        ("sri.json", sri::file()?),
        ("status_list.json", status::file()?),
        ("status_reference.json", status::reference::file()?),
        ("status_token.json", status::token::file(&world)?),
        ("transaction_data.json", transaction_data::file(&world)?),
        ("type_metadata.json", type_metadata::file()?),
        ("vp_token.json", vp_token::file()?),
        ("x5c.json", x5c::file(&world)?),
    ])
}

/// Writes every file into `directory`, which must exist. The schema beside them is written by hand.
///
/// # Errors
/// As [`files`], and [`VectorError::File`].
pub fn make(directory: &Path) -> Result<(), VectorError> {
    for (name, file) in files()? {
        let path = directory.join(name);
        std::fs::write(&path, file.to_text()?).map_err(|cause| VectorError::File { path, cause })?;
    }
    Ok(())
}
