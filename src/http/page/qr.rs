//! QR codes of authorization requests.

use crate::app::Failure;
use crate::domain::reason::{Code, Reason};
use qrcode::render::svg::Color;
use qrcode::{Color as Module, EcLevel, QrCode};

/// Modules of white around the code, as the standard wants.
const QUIET_ZONE: usize = 4;
/// Pixels of one module in the PNG.
const PIXELS: usize = 8;

fn code(text: &str) -> Result<QrCode, Failure> {
    QrCode::with_error_correction_level(text, EcLevel::M)
        .map_err(|_| Reason::new(Code::InternalError, "the request does not fit into a QR code").into())
}

/// The code as SVG, black on white with a quiet zone, also on a dark page.
///
/// # Errors
/// [`Code::InternalError`] when the text is too long.
pub fn svg(text: &str) -> Result<String, Failure> {
    let code = code(text)?;
    Ok(code
        .render::<Color<'_>>()
        .quiet_zone(true)
        .min_dimensions(320, 320)
        .dark_color(Color("#000"))
        .light_color(Color("#fff"))
        .build())
}

/// The code as PNG, one bit per pixel.
///
/// # Errors
/// [`Code::InternalError`] when the text is too long.
pub fn png(text: &str) -> Result<Vec<u8>, Failure> {
    let failed = |_| Failure::from(Reason::new(Code::InternalError, "the picture cannot be written"));
    let code = code(text)?;
    let modules = code.width();
    let side = modules.saturating_add(QUIET_ZONE.saturating_mul(2)).saturating_mul(PIXELS);
    let colors = code.to_colors();
    let is_dark = |x: usize, y: usize| {
        let place = |pixel: usize| (pixel / PIXELS).checked_sub(QUIET_ZONE).filter(|place| *place < modules);
        match (place(x), place(y)) {
            (Some(column), Some(row)) => {
                colors.get(row.saturating_mul(modules).saturating_add(column)) == Some(&Module::Dark)
            }
            _ => false,
        }
    };
    let mut rows = Vec::with_capacity(side.div_ceil(8).saturating_mul(side));
    for y in 0..side {
        for byte in 0..side.div_ceil(8) {
            let bits = (0..8_usize).fold(0_u8, |bits, bit| {
                let x = byte.saturating_mul(8).saturating_add(bit);
                (bits << 1) | u8::from(x >= side || !is_dark(x, y))
            });
            rows.push(bits);
        }
    }
    let side =
        u32::try_from(side).map_err(|_| Failure::from(Reason::new(Code::InternalError, "the picture is too large")))?;
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&rows).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pictures_are_made() {
        let text = format!("openid4vp://?client_id=x509_hash%3A{}&request_uri=https%3A%2F%2Fv.example", "A".repeat(43));
        assert!(svg(&text).unwrap().contains("<svg"));
        let picture = png(&text).unwrap();
        let decoder = png::Decoder::new(std::io::Cursor::new(&picture));
        let reader = decoder.read_info().unwrap();
        assert_eq!(reader.info().width, reader.info().height);
        assert!(svg(&"x".repeat(4_000)).is_err());
    }
}
