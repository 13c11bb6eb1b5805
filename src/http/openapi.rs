//! The description of the API, generated from the handlers.

use super::{body, coverage, dc_api, relying_party, wallet};
use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

/// The description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Prüfstein",
        description = "Verifier of EUDI Wallet credentials for public online services. Callers start a presentation and read its verified result; wallets collect the request and answer.",
        license(name = "EUPL-1.2", identifier = "EUPL-1.2"),
    ),
    servers((url = "/", description = "The service that serves this description")),
    paths(
        relying_party::create, relying_party::read, relying_party::erase, relying_party::events, relying_party::qr_svg,
        relying_party::qr_png, relying_party::verify, relying_party::check_query, relying_party::presets,
        relying_party::preset, dc_api::answer, serve, wallet::get_request, wallet::post_request, wallet::response,
    ),
    components(schemas(
        body::ResultBody, body::ReportBody, body::FieldErrorBody, body::FindingBody, coverage::CoverageBody, coverage::CoverageRowBody, body::WalletErrorBody,
    )),
    modifiers(&Summaries, &Answers, &Security),
    tags(
        (name = "presentations", description = "Ask a person's wallet and read the result"),
        (name = "verifications", description = "Verify one presentation without a transaction"),
        (name = "queries", description = "Check a query before it is used"),
        (name = "presets", description = "What the tenant may ask for"),
        (name = "description", description = "This description"),
        (name = "wallet", description = "What wallets call"),
    )
)]
pub struct Description;

/// Who calls an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    Caller,
    Wallet,
    Anybody,
}

impl Audience {
    fn of(path: &str) -> Self {
        match path {
            "/v1/openapi.json" => Self::Anybody,
            path if path.starts_with("/wallet/") => Self::Wallet,
            _ => Self::Caller,
        }
    }
}

/// Every operation there is, with the path it is at.
fn operations(openapi: &mut utoipa::openapi::OpenApi) -> impl Iterator<Item = (Audience, &mut Operation)> {
    openapi.paths.paths.iter_mut().flat_map(|(path, item)| {
        let audience = Audience::of(path);
        let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
        [get, put, post, delete, options, head, patch, trace]
            .into_iter()
            .flatten()
            .map(move |operation| (audience, operation))
    })
}

/// Leaves method and path out of the summaries, which tools write beside them.
struct Summaries;

impl utoipa::Modify for Summaries {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (_, operation) in operations(openapi) {
            let Some((_, sentence)) = operation.summary.as_deref().and_then(|text| text.split_once("`: ")) else {
                continue;
            };
            let mut letters = sentence.chars();
            operation.summary = letters.next().map(|first| first.to_uppercase().chain(letters).collect());
        }
    }
}

/// Writes down the answers that every operation has, and the shape of every refusal.
struct Answers;

impl Answers {
    fn refusal(audience: Audience, description: &str) -> Response {
        let (media_type, schema) = match audience {
            Audience::Wallet => ("application/json", "WalletErrorBody"),
            Audience::Caller | Audience::Anybody => ("application/problem+json", "ProblemBody"),
        };
        ResponseBuilder::new()
            .description(description)
            .content(media_type, ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build())
            .build()
    }
}

impl utoipa::Modify for Answers {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        for (audience, operation) in operations(openapi) {
            let answers = &mut operation.responses.responses;
            for (status, answer) in answers.iter_mut() {
                if let RefOr::T(answer) = answer
                    && !status.starts_with('2')
                {
                    *answer = Self::refusal(audience, &answer.description);
                }
            }
            let mut add = |status: &str, description: &str| {
                answers.entry(status.to_owned()).or_insert_with(|| RefOr::T(Self::refusal(audience, description)));
            };
            if audience == Audience::Caller {
                add("401", "No valid caller identity");
            }
            add("default", "Any other refusal; the codes are listed in docs/error-codes.md");
        }
    }
}

/// Callers show an API key; wallets know an unguessable handle, and everybody may read this description.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme =
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some("API key of the caller")).build();
        openapi.components.get_or_insert_default().add_security_scheme("api_key", SecurityScheme::Http(scheme));
        openapi.security = Some(vec![SecurityRequirement::new::<_, [&str; 0], &str>("api_key", [])]);
        for (audience, operation) in operations(openapi) {
            if audience != Audience::Caller {
                operation.security = Some(Vec::new());
            }
        }
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
    get, path = "/v1/openapi.json", operation_id = "describe", tag = "description",
    responses((status = 200, description = "The API description", body = Object))
)]
pub async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
