//! The page for the person: every state, nothing foreign, nothing that needs a script.

use crate::service::{Answer, BASE, RETURN_URL, TestService, path_of, presentation_path};
use pruefstein::simulator::faults::Fault;
use pruefstein::simulator::wallet::Options;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn page(service: &TestService, created: &Value) -> Answer {
    service.call("GET", &path_of(&created["page_url"])).send().await
}

/// What holds for every page.
fn is_sound(answer: &Answer) -> String {
    let html = answer.text();
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"de\">"), "{html}");
    for needed in ["<meta charset=\"utf-8\">", "name=\"viewport\"", "<title>", "<h1>", "<main>", "role=\"status\""] {
        assert_eq!(html.matches(needed).count(), 1, "{needed}: {html}");
    }
    for forbidden in ["<script", "javascript:", " onclick", " onload", " style=", "<iframe", "<form", "@import", "url("]
    {
        assert!(!html.contains(forbidden), "{forbidden}: {html}");
    }
    // Whatever is loaded comes from here; links may lead elsewhere, but only people follow them.
    for source in html.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(source.starts_with("/p/"), "{source}");
    }
    for tag in html.split("<link ").skip(1).map(|rest| rest.split('>').next().unwrap()) {
        assert_eq!(tag, "rel=\"stylesheet\" href=\"/assets/page.css\"");
    }
    html
}

#[tokio::test]
async fn every_state_has_words_of_its_own() {
    // PRV-17: a refusal is no dead end.
    let service = TestService::new();
    let mut titles = BTreeSet::new();
    for flow in ["same_device", "cross_device"] {
        for state in ["open", "fetched", "answered", "verified", "rejected", "declined", "expired", "cancelled"] {
            if (flow, state) == ("cross_device", "answered") {
                continue;
            }
            let mut body = json!({"preset": "schalter", "flow": flow});
            if flow == "same_device" {
                body["return_url"] = json!(RETURN_URL);
            }
            let created = service.create(&body).await;
            let fault = |fault| Options { fault: Some(fault), ..service.options() };
            match state {
                "fetched" => drop(service.fetch(&created).await),
                "answered" => drop(service.answer(&created, service.options()).await),
                "verified" => {
                    let redirect = service.answer(&created, service.options()).await.redirect_uri;
                    let code = redirect.map(|uri| uri.rsplit_once("response_code=").unwrap().1.to_owned());
                    if let Some(code) = code {
                        service.get(&format!("{}?response_code={code}", presentation_path(&created))).await;
                    }
                }
                "rejected" => drop(service.answer(&created, fault(Fault::StatusRevoked)).await),
                "declined" => drop(service.answer(&created, fault(Fault::ErrorAccessDenied)).await),
                "expired" => service.clock.advance(300),
                "cancelled" => drop(service.send("DELETE", &presentation_path(&created), None).await),
                _ => {}
            }
            let answer = page(&service, &created).await;
            assert_eq!(answer.status, 200, "{state}");
            let html = is_sound(&answer);
            titles.insert(html.split("<h1>").nth(1).unwrap().split('<').next().unwrap().to_owned());
            let ended = !matches!(state, "open" | "fetched" | "answered");
            // One scan: in the cross-device flow nobody is invited any more once a wallet has the request (OVP-REQ-17).
            let invites = state == "open" || (state == "fetched" && flow == "same_device");
            // Without a script: the page looks again by itself, and the link works as a link.
            assert_eq!(html.contains("http-equiv=\"refresh\""), !ended, "{state}");
            assert_eq!(html.contains("href=\"openid4vp://?client_id="), invites, "{state}");
            let scannable = state == "open" && flow == "cross_device";
            assert_eq!(html.contains("<img"), scannable, "{state} {flow}");
            let back = html.contains(&format!("href=\"{RETURN_URL}\""));
            assert_eq!(back, ended && flow == "same_device", "{state} {flow}");
            for secret in ["PRÜFSTEIN", "LINA", "response_code", created["id"].as_str().unwrap()] {
                assert!(!html.contains(secret), "{state}: {secret}");
            }
            let mut picture = service.call("GET", &format!("{}/qr.svg", path_of(&created["page_url"])));
            if let Some(cookie) = answer.header("set-cookie") {
                picture = picture.header("cookie", cookie.split(';').next().unwrap());
            }
            assert_eq!(picture.send().await.status, if scannable { 200 } else { 410 }, "{state}");
        }
    }
    assert_eq!(titles.len(), 8, "{titles:?}");
}

#[tokio::test]
async fn hostile_texts_are_only_text() {
    // OVP-REQ-12, PRV-10: the purpose is shown.
    // case API-022: whatever a caller puts there, the page shows it and does nothing else.
    let service = TestService::new();
    for (text, shown) in [
        ("<script>alert(1)</script>", "&#60;script&#62;alert(1)&#60;/script&#62;"),
        ("\"><img src=x onerror=alert(1)>", "&#34;&#62;&#60;img src=x onerror=alert(1)&#62;"),
        ("' onmouseover='alert(1)", "&#39; onmouseover=&#39;alert(1)"),
        ("</dd></main>{{7*7}}${7*7}&amp;", "&#60;/dd&#62;&#60;/main&#62;{{7*7}}${7*7}&#38;amp;"),
        ("Prüfung & Bestätigung – „Wohnsitz“", "Prüfung &#38; Bestätigung – „Wohnsitz“"),
    ] {
        let body = json!({"preset": "schalter", "flow": "cross_device", "purpose": {"de": text}});
        let created = service.create(&body).await;
        let html = page(&service, &created).await.text();
        assert!(html.contains(&format!("<dd>{shown}</dd>")), "{text}: {html}");
        assert!(!text.contains('<') || !html.contains(text), "{text}");
        service.send("DELETE", &presentation_path(&created), None).await;
        assert!(!page(&service, &created).await.text().contains(shown), "an ended one needs no purpose any more");
    }
    // Return addresses come from the configuration, and are escaped all the same.
    let address = "https://antrag.stadt.example/weiter?a=1&b=\"><script>";
    let service = TestService::with(|tenant| tenant.return_urls.push(address.to_owned()));
    let created = service.create(&json!({"preset": "schalter", "flow": "same_device", "return_url": address})).await;
    service.clock.advance(300);
    let html = page(&service, &created).await.text();
    assert!(html.contains("weiter?a=1&#38;b=&#34;&#62;&#60;script&#62;\""), "{html}");
}

#[tokio::test]
async fn a_page_that_is_not_there_is_a_page() {
    let service = TestService::new();
    let created = service.create_preset("schalter").await;
    let handle = path_of(&created["request_uri"]).rsplit('/').next().unwrap().to_owned();
    let mut seen = BTreeSet::new();
    for name in [
        "x",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "%00",
        "%ff",
        "<script>alert(1)<%2fscript>",
        created["id"].as_str().unwrap(),
        &handle,
    ] {
        let Ok(path) = format!("/p/{name}").parse::<axum::http::Uri>() else { continue };
        let answer = service.call("GET", &path.to_string()).send().await;
        assert_eq!(answer.status, 404, "{name}");
        seen.insert(is_sound(&answer));
    }
    assert_eq!(seen.len(), 1, "one page for all of them");
    assert!(seen.first().unwrap().contains("Diese Seite gibt es nicht"));
}

#[tokio::test]
async fn the_style_is_ours_and_may_be_kept() {
    let service = TestService::new();
    let style = service.call("GET", "/assets/page.css").send().await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert_eq!(style.header("cache-control"), Some("public, max-age=3600"));
    assert!(!style.text().contains("url(") && !style.text().contains("@import"));
    assert!(
        style.text().contains("prefers-color-scheme") || style.text().contains("color-scheme"),
        "works in the dark"
    );
    assert!(BASE.starts_with("http"));
}
