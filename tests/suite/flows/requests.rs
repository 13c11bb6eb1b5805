//! Collecting the request object: who gets one, when, and what stands in it.

use crate::service::{FORM, NOW, RETURN_URL, TestService, part, path_of, presentation_path};
use pruefstein::domain::encoding::base64;
use pruefstein::domain::jose::jwe;
use pruefstein::domain::jose::keys::EphemeralKey;
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::{Fetch, Options};
use serde_json::{Value, json};
use std::collections::HashSet;

const REQUEST_OBJECT: &str = "application/oauth-authz-req+jwt";
const WALLET_NONCE: &str = "QtAI5Bxk1N3JcGgZ0Vb2Ig";

#[tokio::test]
async fn guessed_handles_all_get_the_same_answer() {
    // OVP-RURI-02, OVP-RURI-17, NON-09: whoever guesses learns nothing.
    // case REQ-001: a miss says nothing, whatever its shape; OVP-RURI-01.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let right = path_of(&created["request_uri"]);
    let mut altered = right.clone();
    let last = if altered.pop() == Some('A') { 'Q' } else { 'A' };
    altered.push(last);
    let id = created["id"].as_str().unwrap();
    let page = created["page_url"].as_str().unwrap().rsplit('/').next().unwrap();
    let mut guesses: Vec<String> = (0..50).map(|number: u32| format!("/wallet/requests/{number}")).collect();
    for guess in [
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "x",
        "..",
        "%2e%2e",
        "%00",
        "%F0%9F%94%91",
        &"A".repeat(4_000),
        // The caller's name and the browser's name of the same transaction open nothing here.
        id,
        page,
    ] {
        guesses.push(format!("/wallet/requests/{guess}"));
    }
    guesses.push(altered);
    for path in guesses {
        for method in ["GET", "POST"] {
            let mut call = service.call(method, &path);
            if method == "POST" {
                call = call.form(&[("wallet_nonce", WALLET_NONCE)]);
            }
            let answer = call.send().await;
            assert_eq!(answer.status, 404, "{method} {path}");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            let expected = json!({"error": "invalid_request", "error_description": "there is no such request"});
            assert_eq!(answer.json(), expected, "{method} {path}");
        }
    }
    assert_eq!(service.status(&created).await, "open");
    // OVP-RESP-13: nor does the wallet's name of the transaction open anything for a caller.
    for name in [right.rsplit('/').next().unwrap(), page] {
        let answer = service.call("GET", &format!("/v1/presentations/{name}")).send().await;
        assert_eq!(answer.problem(), (404, "unknown_transaction".to_owned()));
    }
}

#[tokio::test]
async fn a_request_may_be_collected_until_its_end_and_not_after() {
    // OVP-RURI-03, OVP-RURI-17, FIX-11: gone with its end, not before.
    // case REQ-004, OVP-RURI-04: expired, answered, declined, rejected, cancelled.
    for end in ["expired", "verified", "declined", "rejected", "cancelled"] {
        let service = TestService::new();
        let created = service.create_preset("bewohnerparken").await;
        let path = path_of(&created["request_uri"]);
        for _ in 0..3 {
            assert_eq!(service.raw("GET", &path, None).await.status, 200);
        }
        assert_eq!(service.status(&created).await, "fetched");
        let fault = |fault| Options { fault: Some(fault), ..service.options() };
        match end {
            "expired" => service.clock.advance(300),
            "verified" => assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200)),
            "declined" => {
                service.answer(&created, fault(Fault::ErrorAccessDenied)).await;
            }
            "rejected" => {
                service.answer(&created, fault(Fault::Expired)).await;
            }
            _ => assert_eq!(service.send("DELETE", &presentation_path(&created), None).await.0, 204),
        }
        let before = service.read(&created).await;
        assert_eq!(before["status"], end);
        for (method, body) in [("GET", None), ("POST", Some((FORM, Vec::new())))] {
            let answer = service.raw(method, &path, body).await;
            assert_eq!(answer.status, 410, "{method} after {end}");
            assert_ne!(answer.content_type.as_deref(), Some(REQUEST_OBJECT));
            assert!(!String::from_utf8_lossy(&answer.body).contains("eyJ"), "no object leaks after {end}");
        }
        assert_eq!(service.read(&created).await, before, "an ended one stays as it is: {end}");
    }
}

#[tokio::test]
async fn the_last_second_of_a_request() {
    // case REQ-004: `expires_at` is exclusive.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    let path = path_of(&created["request_uri"]);
    service.clock.advance(299);
    let object = service.raw("GET", &path, None).await;
    assert_eq!(object.status, 200);
    let claims = part(std::str::from_utf8(&object.body).unwrap(), 1);
    assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(NOW.0 + 299), Some(NOW.0 + 300)));
    service.clock.advance(1);
    assert_eq!(service.raw("GET", &path, None).await.status, 410);
}

#[tokio::test]
async fn a_wallet_nonce_keeps_to_its_rules() {
    // OVP-RURI-09, OVP-RURI-13: a form, read field by field; unknown ones are nothing.
    // case REQ-005, OVP-RURI-10: 16 to 256 URL-safe characters, once.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = path_of(&created["request_uri"]);
    let long = "n".repeat(257);
    let huge = "n".repeat(10_240);
    let wrong: [&[(&str, &str)]; 9] = [
        &[("wallet_nonce", "")],
        &[("wallet_nonce", "fifteen-letters")],
        &[("wallet_nonce", &long)],
        &[("wallet_nonce", &huge)],
        &[("wallet_nonce", "QtAI5Bxk1N3JcGgZ0V\u{0}\u{7}\n")],
        &[("wallet_nonce", "QtAI5Bxk1N3JcGgZ0Vb2I=")],
        &[("wallet_nonce", "QtAI5Bxk1N3JcGgZ0Vb2Iä")],
        &[("wallet_nonce", WALLET_NONCE), ("wallet_nonce", WALLET_NONCE)],
        &[("wallet_nonce", WALLET_NONCE), ("wallet_nonce", "another-nonce-of-it")],
    ];
    for fields in wrong {
        let answer = service.call("POST", &path).form(fields).send().await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some("invalid_request")), "{fields:?}");
        assert_eq!(service.status(&created).await, "open", "nothing was handed out for {fields:?}");
    }
    for nonce in ["n".repeat(16), "n".repeat(256), "aZ09-._~aZ09-._~".to_owned()] {
        let answer = service.call("POST", &path).form(&[("x", "1"), ("wallet_nonce", &nonce), ("x", "2")]).send().await;
        assert_eq!(answer.status, 200, "{nonce}");
        assert_eq!(part(&answer.text(), 1)["wallet_nonce"], nonce);
    }
}

#[tokio::test]
async fn two_wallets_each_get_their_own_nonce_back() {
    // OVP-RURI-07, OVP-RURI-12: POST and GET of one address, each signed anew.
    // case REQ-006, OVP-RURI-10, OVP-RURI-11: nonce and state of the request stay the same.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = path_of(&created["request_uri"]);
    let mut objects = Vec::new();
    for nonce in ["first-wallet-nonce", "second-wallet-nonce"] {
        let answer = service.call("POST", &path).form(&[("wallet_nonce", nonce)]).send().await;
        let claims = part(&answer.text(), 1);
        assert_eq!(claims["wallet_nonce"], nonce);
        objects.push(claims);
    }
    let object = service.fetch(&created).await;
    let plain = part(&object, 1);
    assert_ne!(object, service.fetch(&created).await, "signed anew");
    assert!(plain.get("wallet_nonce").is_none(), "what one wallet sent is not kept for another");
    for name in ["nonce", "state", "client_id", "response_uri", "dcql_query", "client_metadata", "exp"] {
        assert_eq!(objects[0][name], objects[1][name], "{name}");
        assert_eq!(objects[0][name], plain[name], "{name}");
    }
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
}

#[tokio::test]
async fn wallet_metadata_only_narrows() {
    // cases REQ-008, REQ-010, REQ-011; OVP-RURI-15. No port of the service is asked for any of the addresses.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = path_of(&created["request_uri"]);
    let point = json!({"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES", "kid": "w"});
    let with_key = |members: Value| {
        let mut jwk = point.as_object().unwrap().clone();
        jwk.extend(members.as_object().unwrap().clone());
        json!({"jwks": {"keys": [jwk]}}).to_string()
    };
    let (zero, one) = (base64::encode_url(&[0; 32]), base64::encode_url(&[1; 32]));
    let modulus = base64::encode_url(&[0xff; 64]);
    for (metadata, status) in [
        ("{}".to_owned(), 200),
        (json!({"jwks_uri": "http://169.254.169.254/", "logo_uri": "file:///etc/passwd", "x": 1}).to_string(), 200),
        ("x".repeat(1 << 20), 400),
        (format!("{{\"x\":\"{}\"}}", "y".repeat(1 << 20)), 400),
        (format!("{{\"x\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000)), 400),
        ("{\"x\":1,\"x\":2}".to_owned(), 400),
        ("[]".to_owned(), 400),
        ("\"text\"".to_owned(), 400),
        ("null".to_owned(), 400),
        (String::new(), 400),
        (with_key(json!({"x": zero, "y": one})), 400),
        (with_key(json!({"x": "", "y": ""})), 400),
        (with_key(json!({"crv": "P-384", "x": base64::encode_url(&[1; 48]), "y": base64::encode_url(&[1; 48])})), 400),
        (json!({"jwks": {"keys": [{"kty": "RSA", "use": "enc", "n": modulus, "e": "AQAB"}]}}).to_string(), 400),
        (json!({"jwks": {"keys": []}}).to_string(), 400),
        (json!({"jwks": []}).to_string(), 400),
        (json!({"vp_formats_supported": {"mso_mdoc": {}}}).to_string(), 400),
        (json!({"vp_formats_supported": []}).to_string(), 400),
        (json!({"request_object_signing_alg_values_supported": ["RS256"]}).to_string(), 400),
        (json!({"request_object_signing_alg_values_supported": "ES256"}).to_string(), 400),
        (json!({"client_id_prefixes_supported": ["redirect_uri", "verifier_attestation"]}).to_string(), 400),
    ] {
        let answer = service.call("POST", &path).form(&[("wallet_metadata", &metadata)]).send().await;
        let shown: String = metadata.chars().take(80).collect();
        assert_eq!(answer.status, status, "{shown}");
        if status == 400 {
            assert!(!answer.text().contains("eyJ"), "{shown}");
        }
    }
    let twice = [("wallet_metadata", "{}"), ("wallet_metadata", "{}")];
    assert_eq!(service.call("POST", &path).form(&twice).send().await.status, 400);
    assert_eq!(service.answer(&created, service.options()).await.last_status(), Some(200));
}

#[tokio::test]
async fn the_type_of_a_request_object_does_not_bend() {
    // OVP-RURI-01.
    // case REQ-013.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let path = path_of(&created["request_uri"]);
    for accept in ["text/html", "application/json", "image/*;q=0.1", "", "*/*"] {
        let answer = service.call("GET", &path).header("accept", accept).send().await;
        assert_eq!(answer.status, 200, "{accept}");
        assert_eq!(answer.header("content-type"), Some(REQUEST_OBJECT), "{accept}");
    }
}

#[tokio::test]
async fn nothing_that_wallets_get_may_be_kept() {
    // OVP-RURI-06, OVP-RURI-09, OVP-RESP-01, OVP-RESP-10, ERR-16: statuses of known classes, never a redirect.
    // case REQ-020, OVP-RURI-19, OVP-RESP-09: every answer of every kind.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let (request, response) =
        (path_of(&created["request_uri"]), path_of(&created["request_uri"]).replace("requests", "responses"));
    let form = |text: &str| Some((FORM, text.as_bytes().to_vec()));
    let mut seen = HashSet::new();
    for (method, path, body) in [
        ("POST", response.as_str(), form("response=x")),
        ("GET", request.as_str(), None),
        ("POST", request.as_str(), form("")),
        ("POST", request.as_str(), form("wallet_nonce=x")),
        ("POST", request.as_str(), Some(("text/plain", b"x".to_vec()))),
        ("PUT", request.as_str(), None),
        ("GET", "/wallet/requests/unknown", None),
        ("GET", "/wallet/elsewhere", None),
        ("GET", response.as_str(), None),
        ("POST", response.as_str(), form("response=x")),
        ("POST", response.as_str(), form("")),
        ("POST", response.as_str(), form("response=x&response=x")),
        ("POST", response.as_str(), Some(("application/json", b"{}".to_vec()))),
        ("POST", response.as_str(), Some((FORM, vec![b'x'; 3 << 20]))),
        ("POST", "/wallet/responses/unknown", form("response=x")),
    ] {
        let answer = service.raw(method, path, body).await;
        assert_eq!(answer.cache_control.as_deref(), Some("no-store"), "{method} {path}: {}", answer.status);
        assert!(!(300..400).contains(&answer.status), "never a redirect");
        seen.insert(answer.status);
    }
    assert_eq!(seen, HashSet::from([200, 400, 404, 405, 413, 415]), "all kinds were seen");
}

#[tokio::test]
async fn a_wallet_may_have_the_request_encrypted() {
    // OVP-RURI-14, OVP-JAR-19: a JWE to the wallet's key around the signed object; the wallet reads it and answers.
    let service = TestService::new();
    let created = service.create_preset("bewohnerparken").await;
    let key = EphemeralKey::from_scalar([9; 32]).unwrap();
    let (jwk, kid) = key.announced_jwk().unwrap();
    for (offered, expected) in
        [(json!(["A128GCM"]), "A128GCM"), (json!(["A128GCM", "A256GCM"]), "A256GCM"), (json!(null), "A128GCM")]
    {
        let mut metadata =
            json!({"jwks": {"keys": [jwk]}, "authorization_encryption_alg_values_supported": ["ECDH-ES"]});
        if !offered.is_null() {
            metadata["authorization_encryption_enc_values_supported"] = offered;
        }
        let fields = [("wallet_metadata", metadata.to_string()), ("wallet_nonce", WALLET_NONCE.to_owned())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = service.call("POST", &path_of(&created["request_uri"])).form(&fields).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(REQUEST_OBJECT)));
        let token = answer.text();
        let header = part(&token, 0);
        assert_eq!((header["alg"].as_str(), header["enc"].as_str()), (Some("ECDH-ES"), Some(expected)));
        assert_eq!(header["kid"], jwk["kid"]);
        let plain = jwe::decrypt(&token, &key, &kid).unwrap();
        let inner = std::str::from_utf8(&plain).unwrap();
        assert_eq!(part(inner, 0)["typ"], "oauth-authz-req+jwt");
        assert_eq!(part(inner, 1)["wallet_nonce"], WALLET_NONCE);
        let other = EphemeralKey::from_scalar([8; 32]).unwrap();
        assert!(jwe::decrypt(&token, &other, &kid).is_err());
    }
    let encrypted = Options { fetch: Fetch::PostEncrypted, ..service.options() };
    assert_eq!(service.answer(&created, encrypted).await.last_status(), Some(200));
    assert_eq!(service.status(&created).await, "verified");
}

#[tokio::test]
async fn every_generated_request_is_within_the_profile() {
    // OVP-CID-13, OVP-META-16, RPC-03: client metadata in UTF-8, and a signature.
    // OVP-REQ-14, OVP-REQ-21, OVP-JAR-01, OVP-JAR-07, OVP-JAR-08, OVP-JAR-10, OVP-JAR-18, OVP-META-08, OVP-META-09,
    // NON-03: signed in compact form, with these members and no others; OVP-REQ-22, OVP-RURI-02, NON-01, NON-07:
    // random names, long but not too long.
    // case REQ-014 with the strict reader of the simulator (OVP-REQ, OVP-JAR, OVP-CID, OVP-META, NON) and by hand;
    // case JWE-026, OVP-META-13: no key, nonce, state or name comes twice in a thousand requests.
    let service = TestService::new();
    let presets: Vec<String> = service.app.tenants().next().unwrap().presets.keys().cloned().collect();
    let mut random = HashSet::new();
    let anchor = base64::encode_standard(service.world.authority.access_root());
    for number in 0..1_000_usize {
        let mut body = json!({"preset": presets[number % presets.len()], "expires_in": 30 + number % 571});
        body["flow"] = json!(["cross_device", "same_device"][number % 2]);
        if number % 2 == 1 {
            body["return_url"] = json!(RETURN_URL);
        }
        let plain = number % 10 == 0;
        if plain {
            body["response_mode"] = json!("direct_post");
        }
        let created = service.create(&body).await;
        let token = service.fetch(&created).await;
        if number % 20 == 0 {
            service.accepted(&created, &token);
        }
        let (header, claims) = (part(&token, 0), part(&token, 1));
        assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("oauth-authz-req+jwt"), Some("ES256")));
        assert_eq!(header.as_object().unwrap().len(), 3, "typ, alg, x5c: {header}");
        assert_eq!(token.split('.').count(), 3, "one signature");
        assert!(!header["x5c"].as_array().unwrap().contains(&json!(anchor)), "the anchor stays at home");
        let members: HashSet<&str> = claims.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "response_type",
            "response_mode",
            "client_id",
            "response_uri",
            "aud",
            "nonce",
            "state",
            "iat",
            "exp",
            "dcql_query",
            "client_metadata",
        ];
        assert_eq!(members, HashSet::from(expected), "neither redirect_uri nor anything unknown");
        assert_eq!(claims["aud"], "https://self-issued.me/v2");
        assert_eq!(claims["client_id"], created["client_id"]);
        assert_eq!(claims["response_type"], "vp_token");
        let expires = NOW.0 + 30 + i64::try_from(number % 571).unwrap();
        assert_eq!((claims["iat"].as_i64(), claims["exp"].as_i64()), (Some(NOW.0), Some(expires)));
        let mut secrets = vec![claims["nonce"].as_str().unwrap(), claims["state"].as_str().unwrap()];
        assert!(secrets.iter().all(|text| (22..=43).contains(&text.len())), "every wallet takes them: {secrets:?}");
        secrets.push(created["id"].as_str().unwrap());
        secrets.push(created["request_uri"].as_str().unwrap().rsplit('/').next().unwrap());
        secrets.push(created["page_url"].as_str().unwrap().rsplit('/').next().unwrap());
        if plain {
            assert!(claims["client_metadata"].get("jwks").is_none());
        } else {
            let keys = claims["client_metadata"]["jwks"]["keys"].as_array().unwrap();
            assert_eq!(keys.len(), 1);
            assert_eq!((keys[0]["alg"].as_str(), keys[0]["use"].as_str()), (Some("ECDH-ES"), Some("enc")));
            assert_eq!((keys[0]["kty"].as_str(), keys[0]["crv"].as_str()), (Some("EC"), Some("P-256")), "OVP-META-10");
            assert!(keys[0].get("d").is_none(), "the private part stays here");
            secrets.push(keys[0]["x"].as_str().unwrap());
        }
        for secret in secrets {
            let bytes = base64::decode_url(secret).unwrap();
            assert!(bytes.len() >= 16, "128 bits: {}", bytes.len());
            assert!(random.insert(bytes), "the same value in two places");
        }
        assert!(created["request_uri"].as_str().unwrap().len() <= 512, "fits into a QR code");
    }
    assert_eq!(random.len(), 1_000 * 6 - 100);
    let access = service.world.authority.access_key().public_jwk();
    assert!(!random.contains(&base64::decode_url(access["x"].as_str().unwrap()).unwrap()), "OVP-JAR-17");
}
