//! Paths and methods: one form of each is ours, every other is not there.

use crate::service::{BASE, FORM, TestService, path_of, presentation_path};
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn tricks_with_paths_find_nothing() {
    // case HTT-021: what a gateway might read otherwise than we do is not found, and does nothing.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    let id = created["id"].as_str().unwrap();
    let handle = path_of(&created["request_uri"]).rsplit('/').next().unwrap().to_owned();
    let page = created["page_url"].as_str().unwrap().strip_prefix(BASE).unwrap().to_owned();
    let mut paths = Vec::new();
    for good in [format!("/v1/presentations/{id}"), format!("/wallet/requests/{handle}"), page.clone()] {
        let (folder, last) = good.rsplit_once('/').unwrap();
        paths.extend([
            format!("/{good}"),
            format!("{folder}//{last}"),
            format!("{folder}/./{last}"),
            format!("{folder}/x/../{last}"),
            format!("{folder}/%2e/{last}"),
            format!("{folder}/x/%2e%2e/{last}"),
            format!("{folder}/%2f{last}"),
            format!("{folder}%2f{last}"),
            format!("{good}/"),
            format!("{good}/."),
            format!("{good}."),
            format!("{good};x=1"),
            format!("{good}%00"),
            format!("{good}%20"),
            format!("{good}%0a"),
            format!("{good}%ff"),
            format!("{good}%c0%ae"),
            format!("{good}%"),
            format!("{good}%zz"),
            format!("{good}\\"),
            format!("{folder}/{}", last.to_lowercase()),
            format!("{}/{last}", folder.to_uppercase()),
            format!("/v2{good}"),
        ]);
    }
    for path in paths {
        if path.parse::<axum::http::Uri>().is_err() {
            continue;
        }
        let answer = service.call("GET", &path).send().await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let kind = answer.header("content-type").unwrap().to_owned();
        let known = ["application/problem+json", "application/json", "text/html; charset=utf-8"];
        assert!(known.contains(&&*kind), "{path}: {kind}");
        assert!(!answer.text().contains(&handle) && !answer.text().contains(id), "{path} is not repeated");
    }
    assert_eq!(service.status(&created).await, "open");
}

#[tokio::test]
async fn a_broken_escape_is_as_good_as_an_unknown_name() {
    // case HTT-021: the same document as for any unknown name, on every route with a name in its path.
    let service = TestService::new();
    for (method, route) in [
        ("GET", "/v1/presentations/{}"),
        ("DELETE", "/v1/presentations/{}"),
        ("GET", "/v1/presentations/{}/events"),
        ("GET", "/v1/presentations/{}/qr.svg"),
        ("GET", "/v1/presentations/{}/qr.png"),
        ("GET", "/v1/presets/{}"),
        ("GET", "/wallet/requests/{}"),
        ("POST", "/wallet/requests/{}"),
        ("POST", "/wallet/responses/{}"),
        ("GET", "/p/{}"),
        ("GET", "/p/{}/qr.svg"),
    ] {
        let ask = async |name: &str| {
            let call = service.call(method, &route.replace("{}", name)).header("content-type", FORM);
            call.send().await
        };
        let unknown = ask("AAAAAAAAAAAAAAAAAAAAAA").await;
        assert_eq!(unknown.status, 404, "{route}");
        for broken in ["%ff", "%c3%28", "%e2%82", "AAAAAAAAAAAAAAAAAAAAA%ff"] {
            let answer = ask(broken).await;
            assert_eq!((answer.status, answer.text()), (404, unknown.text()), "{method} {route} {broken}");
            assert_eq!(answer.header("content-type"), unknown.header("content-type"), "{route}");
        }
    }
}

#[tokio::test]
async fn methods_that_are_not_offered() {
    // OVP-RURI-07, OVP-RESP-01, OVP-RESP-20: the methods of the wallet routes, and no preflight.
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    let id = presentation_path(&created);
    let (request, page) = (path_of(&created["request_uri"]), path_of(&created["page_url"]));
    for (path, offered) in [
        ("/v1/presentations".to_owned(), &["POST"][..]),
        (id.clone(), &["GET", "DELETE"]),
        (format!("{id}/events"), &["GET"]),
        (format!("{id}/qr.svg"), &["GET"]),
        ("/v1/verifications".to_owned(), &["POST"]),
        ("/v1/queries/check".to_owned(), &["POST"]),
        ("/v1/presets".to_owned(), &["GET"]),
        ("/v1/openapi.json".to_owned(), &["GET"]),
        (request.clone(), &["GET", "POST"]),
        (request.replace("requests", "responses"), &["POST"]),
        (page, &["GET"]),
        ("/assets/page.css".to_owned(), &["GET"]),
    ] {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"] {
            if offered.contains(&method) {
                continue;
            }
            let answer = service
                .call(method, &path)
                .header("content-type", "application/json")
                .header("origin", "https://elsewhere.example")
                .header("access-control-request-method", "POST")
                .body(b"{}".to_vec())
                .send()
                .await;
            assert_eq!(answer.problem(), (405, "method_not_allowed".to_owned()), "{method} {path}");
            assert!(answer.header("access-control-allow-origin").is_none(), "{method} {path}");
            // RFC 9110 section 15.5.6.
            let allow: BTreeSet<&str> = answer.header("allow").unwrap().split(',').map(str::trim).collect();
            let expected: BTreeSet<&str> = offered.iter().copied().collect();
            assert_eq!(
                allow.difference(&BTreeSet::from(["HEAD"])).copied().collect::<BTreeSet<_>>(),
                expected,
                "{path}"
            );
        }
    }
    assert_eq!(service.status(&created).await, "open");
}

#[tokio::test]
async fn headers_do_not_change_the_path_or_the_links() {
    // cases HTT-017, HTT-019: addresses come from the configuration alone.
    let service = TestService::new();
    let body = json!({"preset": "schalter", "flow": "cross_device"});
    let mut call = service.call("POST", "/v1/presentations").json(&body);
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/v1/presets"),
        ("x-rewrite-url", "/v1/presets"),
        ("x-http-method-override", "DELETE"),
        ("origin", "https://evil.example"),
    ] {
        call = call.header(name, value);
    }
    let answer = call.send().await;
    assert_eq!(answer.status, 201);
    assert!(!answer.text().contains("evil"), "{}", answer.text());
    let object =
        service.call("GET", &path_of(&answer.json()["request_uri"])).header("host", "evil.example").send().await;
    assert!(crate::service::part(&object.text(), 1)["response_uri"].as_str().unwrap().starts_with(BASE));
    let overridden = service.call("GET", &presentation_path(&answer.json())).header("x-http-method-override", "DELETE");
    assert_eq!(overridden.send().await.json()["status"], "fetched");
}

#[tokio::test]
async fn the_description_is_served_and_names_every_route() {
    let service = TestService::new();
    let answer = service.call("GET", "/v1/openapi.json").send().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let description = answer.json();
    assert!(description["openapi"].as_str().unwrap().starts_with("3."));
    let paths: BTreeSet<&str> = description["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "/v1/presentations",
        "/v1/presentations/{id}",
        "/v1/presentations/{id}/dc-api",
        "/v1/presentations/{id}/events",
        "/v1/presentations/{id}/qr.png",
        "/v1/presentations/{id}/qr.svg",
        "/v1/verifications",
        "/v1/queries/check",
        "/v1/presets",
        "/v1/presets/{id}",
        "/v1/openapi.json",
        "/wallet/requests/{handle}",
        "/wallet/responses/{handle}",
    ];
    assert_eq!(paths, BTreeSet::from(expected));
    // Every reference within leads somewhere.
    let text = description.to_string();
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().trim_start_matches('#').replace("~1", "/");
        assert!(description.pointer(&pointer).is_some(), "{pointer}");
    }
    let again = service.call("GET", "/v1/openapi.json").send().await;
    assert_eq!(again.body, answer.body, "the same bytes each time");
    let codes = service.call("GET", "/docs/error-codes.md").send().await;
    assert_eq!((codes.status, codes.header("content-type")), (200, Some("text/markdown; charset=utf-8")));
    assert!(codes.text().contains("\n### transaction_completed\n"), "where the type of a problem leads");
}
