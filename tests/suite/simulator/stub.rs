//! A verifier that accepts whatever it gets: what the play must not let pass.

use super::{NOW, Stand};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::keys::EphemeralKey;
use pruefstein::simulator::authority::TestAuthority;
use pruefstein::simulator::encode::jws::{self, Jws};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

struct Stub {
    authority: Arc<TestAuthority>,
    query: Mutex<Value>,
    transaction_data: Mutex<Vec<String>>,
    answered: Mutex<bool>,
}

/// The stub as a stand.
pub(super) fn accepting(authority: Arc<TestAuthority>) -> Stand {
    let stub = Arc::new(Stub {
        authority,
        query: Mutex::default(),
        transaction_data: Mutex::default(),
        answered: Mutex::default(),
    });
    let router = Router::new()
        .route("/v1/presentations", post(create))
        .route("/v1/presentations/{id}", get(read))
        .route("/wallet/requests/{handle}", any(serve))
        .route("/wallet/responses/{handle}", any(take))
        .with_state(stub);
    Stand { router, base: "https://verifier.example".to_owned(), api_key: "key".to_owned() }
}

async fn create(State(stub): State<Arc<Stub>>, Json(body): Json<Value>) -> Response {
    let preset = json!({"credentials": [{
        "id": "pid", "format": "dc+sd-jwt", "meta": {"vct_values": ["urn:eudi:pid:de:1"]},
        "claims": [{"path": ["family_name"]}, {"path": ["address", "street_address"]}]
    }]});
    *stub.query.lock().unwrap() = body.get("dcql_query").cloned().unwrap_or(preset);
    let entries = body.get("transaction_data").and_then(Value::as_array).into_iter().flatten();
    *stub.transaction_data.lock().unwrap() =
        entries.map(|entry| base64::encode_url(entry.to_string().as_bytes())).collect();
    let client_id = stub.authority.access().x509_hash_client_id();
    let uri = "https://verifier.example/wallet/requests/x";
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &client_id)
        .append_pair("request_uri", uri)
        .append_pair("request_uri_method", "post")
        .finish();
    let created = json!({"id": "x", "authorization_request_uri": format!("openid4vp://?{query}")});
    (StatusCode::CREATED, Json(created)).into_response()
}

async fn read(State(stub): State<Arc<Stub>>, Path(_): Path<String>) -> Json<Value> {
    let status = if *stub.answered.lock().unwrap() { "verified" } else { "open" };
    Json(json!({"status": status}))
}

async fn serve(State(stub): State<Arc<Stub>>, body: String) -> Response {
    let nonce = form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == "wallet_nonce");
    let access = stub.authority.access();
    let mut header = jws::header("oauth-authz-req+jwt");
    header.insert("x5c".to_owned(), json!(access.x5c()));
    let key = EphemeralKey::from_scalar([5; 32]).unwrap();
    let mut claims = json!({
        "response_type": "vp_token", "response_mode": "direct_post.jwt", "client_id": access.x509_hash_client_id(),
        "response_uri": "https://verifier.example/wallet/responses/x", "aud": "https://self-issued.me/v2",
        "nonce": "b0Xc1mJQ2q8m8m0yZ3r6yA", "state": "7Qh2rJ8k0m1zV5c2dE9s3A", "iat": NOW.0, "exp": NOW.plus(300).0,
        "dcql_query": *stub.query.lock().unwrap(),
        "client_metadata": {
            "jwks": {"keys": [key.announced_jwk().unwrap().0]},
            "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
            "vp_formats_supported": {
                "dc+sd-jwt": {"sd-jwt_alg_values": ["ES256"], "kb-jwt_alg_values": ["ES256"]}
            }
        }
    });
    let entries = stub.transaction_data.lock().unwrap().clone();
    if !entries.is_empty() {
        claims["transaction_data"] = json!(entries);
    }
    if let (Some((_, nonce)), Some(members)) = (nonce, claims.as_object_mut()) {
        members.insert("wallet_nonce".to_owned(), json!(nonce));
    }
    let payload = claims.to_string().into_bytes();
    let token = Jws::unsigned(&header, payload).sign(&access.key).unwrap().text();
    let headers = [(header::CONTENT_TYPE, "application/oauth-authz-req+jwt"), (header::CACHE_CONTROL, "no-store")];
    (headers, token).into_response()
}

async fn take(State(stub): State<Arc<Stub>>) -> Response {
    *stub.answered.lock().unwrap() = true;
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({}))).into_response()
}
