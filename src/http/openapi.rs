//! The description of the API, generated from the handlers.

use super::{body, relying_party, wallet};
use axum::Json;
use utoipa::OpenApi;

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Prüfstein",
        description = "Verifier of EUDI Wallet credentials for public online services. Callers start a presentation and read its verified result; wallets collect the request and answer.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2"),
    ),
    paths(
        relying_party::create, relying_party::read, relying_party::erase, relying_party::events, relying_party::qr_svg,
        relying_party::qr_png, relying_party::verify, relying_party::check_query, relying_party::presets,
        relying_party::preset, serve, wallet::get_request, wallet::post_request, wallet::response,
    ),
    components(schemas(body::ResultBody, body::ReportBody, body::FieldErrorBody, body::FindingBody)),
    modifiers(&Security),
    tags(
        (name = "presentations", description = "Ask a person's wallet and read the result"),
        (name = "verifications", description = "Verify one presentation without a transaction"),
        (name = "queries", description = "Check a query before it is used"),
        (name = "presets", description = "What the tenant may ask for"),
        (name = "wallet", description = "What wallets call"),
    )
)]
pub struct Description;

struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("API key of the caller")).build();
        openapi.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(scheme));
        openapi.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("api_key", [])]);
    }
}

/// The description as JSON text, the same bytes at each call.
///
/// # Errors
/// None in practice: it can be written.
pub fn text() -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(&Description::openapi())?;
    text.push('\n');
    Ok(text)
}

/// `GET /v1/openapi.json`: this description.
#[utoipa::path(
    get, path = "/v1/openapi.json", tag = "presets",
    responses((status = 200, description = "The API description", body = Object))
)]
pub async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
