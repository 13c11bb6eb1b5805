//! Tricks with signatures and with XML itself. Each begins from a list that is accepted.

use super::{FORGER, NOW, OFFICE, PROVIDER, certificate, code, edited, list, read_here, rules};
use crate::fixture::WEAK_CA;
use pruefstein::domain::limits;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust_list::trusted_list::read;
use pruefstein::domain::x509::Certificate;
use pruefstein::simulator::authority::IssuerName;
use pruefstein::simulator::authority::TestAuthority;
use pruefstein::simulator::xml_list::{Part, WITHDRAWN, XmlList, digital_id, sign, signer, signer_below_ca};

const FORGED: Option<Code> = Some(Code::TrustListSignatureInvalid);
const MALFORMED: Option<Code> = Some(Code::TrustListMalformed);
const TOO_LARGE: Option<Code> = Some(Code::TrustListTooLarge);
const END: &str = "</TrustServiceStatusList>";

/// A good signed list, and the same list with another certificate in it, not signed.
fn good_and_forged() -> (String, String) {
    (list().signed(&OFFICE).unwrap(), XmlList::new(&FORGER.chain[0], NOW).text())
}

/// The signature in a document.
fn signature(document: &str) -> &str {
    let start = document.find("<ds:Signature ").unwrap();
    &document[start..document.find(END).unwrap()]
}

#[test]
fn a_good_list_is_accepted() {
    let (good, _) = good_and_forged();
    let read = read_here(&good).unwrap();
    assert_eq!(read.services.len(), 1);
    assert_eq!(read.services[0].certificates[0].der, certificate(&PROVIDER).der);
    assert_eq!(read.signer, certificate(&OFFICE).fingerprint());
    assert_eq!(read.digest, pruefstein::domain::jose::hash::sha256(good.as_bytes()));
    // Comments, white space in tags and other spellings of the same list change nothing.
    let respelled = good.replace("<SchemeInformation>", "<!-- x --><SchemeInformation\n>").replacen(
        "Id=\"list\"",
        "xmlns:unused='urn:x' Id='list'",
        1,
    );
    assert_eq!(read_here(format!("\u{feff}{respelled}\n<!-- end -->")).unwrap().sequence, read.sequence);
}

#[test]
fn who_signs_is_configured() {
    // TL-04, TL-05: not the list itself says who may sign it.
    let (good, forged) = good_and_forged();
    assert_eq!(code(list().signed(&FORGER).unwrap()), FORGED);
    assert_eq!(code(list().text()), FORGED, "not signed at all");
    assert_eq!(code(good.replace(&OFFICE.x5c()[0], &FORGER.x5c()[0])), FORGED);
    assert_eq!(
        code(good.replace("<ds:X509Certificate>", "<ds:X509SKI>").replace("</ds:X509Certificate>", "</ds:X509SKI>")),
        FORGED
    );
    // The configured certificate before the forger's signature.
    let office = format!("<ds:X509Certificate>{}</ds:X509Certificate><ds:X509Certificate>", OFFICE.x5c()[0]);
    let both = sign(&forged, &FORGER, |part, text| match part {
        Part::Signature => text.replacen("<ds:X509Certificate>", &office, 1),
        _ => text,
    });
    assert_eq!(code(both.unwrap()), FORGED);
    let nobody = read(good.as_bytes(), rules(&[])).unwrap_err();
    assert_eq!(nobody.code, Code::TrustListSignatureInvalid);
}

#[test]
fn a_signer_may_stand_below_a_configured_ca() {
    // TL-04. Its key is on P-384 and its hashes are SHA-384.
    let signer = signer_below_ca([4; 32], "Amt", NOW).unwrap();
    let document = list().signed(&signer).unwrap();
    let root = Certificate::read(&signer.chain[1]).unwrap();
    assert!(read(document.as_bytes(), rules(&[root])).is_ok());
    assert!(read(document.as_bytes(), rules(&[certificate(&signer)])).is_ok());
    assert_eq!(code(&document), FORGED);
}

#[test]
fn a_signer_is_strong_and_in_its_time() {
    // TL-04: a configured certificate that has ended, or whose key is weak, signs nothing.
    let old = signer([3; 32], "Alt", NOW.minus(900 * 86_400)).unwrap();
    let document = list().signed(&old).unwrap();
    let reason = read(document.as_bytes(), rules(&[certificate(&old)])).unwrap_err();
    assert_eq!(reason.code, Code::TrustListSignatureInvalid);
    assert!(reason.detail.contains("validity"), "{}", reason.detail);
    // A CA is no signer of data, not even if it is configured as one.
    let authority = TestAuthority::from_seed([7; 32], NOW).unwrap();
    let mut signer = authority.issuer(IssuerName::PidGermany);
    signer.chain.remove(0);
    let document = list().signed(&signer).unwrap();
    let reason = read(document.as_bytes(), rules(&[certificate(&signer)])).unwrap_err();
    assert!(reason.detail.contains("may not sign data"), "{}", reason.detail);
    let text: String = WEAK_CA.lines().filter(|line| !line.starts_with('-')).collect();
    let weak = Certificate::read(&pruefstein::domain::encoding::base64::decode_standard(&text).unwrap()).unwrap();
    assert!(weak.check_strength_from(2048).is_err());
    let document = list().signed(&OFFICE).unwrap().replace(&OFFICE.x5c()[0], &text);
    let reason = read(document.as_bytes(), rules(&[weak])).unwrap_err();
    assert_eq!(reason.code, Code::TrustListSignatureInvalid);
    assert!(reason.detail.contains("weak") || reason.detail.contains("RSA"), "{}", reason.detail);
}

#[test]
fn wrapping_gains_nothing() {
    // case TRU-002: the signed list stands where it is not read, and a forged one where it is.
    let (good, forged) = good_and_forged();
    let bare = good.split_once("?>\n").unwrap().1;
    let own = signature(&good);
    let without = good.replace(own, "");
    let bare_list = without.split_once("?>\n").unwrap().1;
    let inside = |wrapper: &str, content: &str| {
        let (open, close) = (format!("<{wrapper}>"), format!("</{wrapper}>"));
        forged.replace(END, &format!("{open}{content}{close}{END}"))
    };
    let object = |content: &str| own.replacen("<ds:Object>", &format!("<ds:Object>{content}"), 1);
    let second_object =
        |content: &str| own.replace("</ds:Signature>", &format!("<ds:Object>{content}</ds:Object></ds:Signature>"));
    let service = |text: &str| {
        const LAST: &str = "</TrustServiceProviderList>";
        let start = text.find("<TrustServiceProviderList>").unwrap();
        text[start..text.find(LAST).unwrap() + LAST.len()].to_owned()
    };
    let scheme = "<SchemeInformation>";
    let tricks = [
        ("the signed list as a child of the forged one", inside("Extra", bare)),
        ("the signed list as the last child", forged.replace(END, &format!("{bare}{END}"))),
        ("the signed list as the first child", forged.replacen('\n', &format!("\n{bare}"), 1)),
        ("the old signature in the forged list", forged.replace(END, &format!("{own}{END}"))),
        ("the signed list in an object of the signature", forged.replace(END, &format!("{}{END}", object(bare_list)))),
        ("the same in an object of its own", forged.replace(END, &format!("{}{END}", second_object(bare_list)))),
        ("a forged list in an object of the signature", good.replace(own, &object(&forged))),
        ("a forged list after the signature", good.replace(END, &format!("{}{END}", service(&forged)))),
        ("forged services before the signature", good.replace(own, &format!("{}{own}", service(&forged)))),
        (
            "forged services in the signature",
            good.replace("</ds:KeyInfo>", &format!("</ds:KeyInfo>{}", service(&forged))),
        ),
        ("two signatures", good.replace(END, &format!("{own}{END}"))),
        ("a second signature in the list", good.replace("</SchemeInformation>", &format!("{own}</SchemeInformation>"))),
        ("the signature is not last", without.replace(scheme, &format!("{own}{scheme}"))),
        ("the signature in the scheme information", without.replace(scheme, &format!("{scheme}{own}"))),
        (
            "services moved into the signature",
            good.replacen(&service(bare), "", 1).replace("</ds:Object>", &format!("{}</ds:Object>", service(bare))),
        ),
    ];
    for (trick, document) in tricks {
        assert_ne!(document, good, "{trick}");
        assert_eq!(code(&document), FORGED, "{trick}");
    }
}

#[test]
fn a_second_signature_is_refused_even_if_it_is_signed() {
    // case TRU-002: which one is meant must never be a question.
    let second = "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"></ds:Signature></SchemeInformation>";
    let text = list().text().replacen("</SchemeInformation>", second, 1);
    assert_eq!(code(sign(&text, &OFFICE, |_, text| text).unwrap()), FORGED);
    let other = text.replace("http://www.w3.org/2000/09/xmldsig#", "urn:other");
    assert_eq!(code(sign(&other, &OFFICE, |_, text| text).unwrap()), None, "the name alone is no signature");
    // Beside the signed properties, where nobody's hash covers it.
    let stamp = "</xades:SignedProperties><xades:UnsignedProperties><ds:Signature/></xades:UnsignedProperties>";
    let document = list().signed(&OFFICE).unwrap().replace("</xades:SignedProperties>", stamp);
    assert_eq!(code(&document), FORGED);
    assert_eq!(code(document.replace("<ds:Signature/>", "<ds:Other/>")), None);
}

#[test]
fn identifiers_occur_once() {
    // case TRU-002: two elements that a reference could mean.
    let text = list().text();
    for twice in ["Id=\"properties\"", "ID=\"properties\"", "id=\"signature\"", "xml:id=\"list\"", "Id=\"whole\""] {
        // Signed as it is, so that only the identifier is wrong.
        let changed = text.replacen("<SchemeTerritory>", &format!("<SchemeTerritory {twice}>"), 1);
        assert_eq!(code(sign(&changed, &OFFICE, |_, text| text).unwrap()), FORGED, "{twice}");
    }
    let once = text.replacen("<SchemeTerritory>", "<SchemeTerritory Id=\"other\">", 1);
    assert_eq!(code(sign(&once, &OFFICE, |_, text| text).unwrap()), None);
}

#[test]
fn one_parser_reads_what_another_could_misread() {
    // case TRU-003: what was hashed is what is read, whatever the document looks like.
    let (good, _) = good_and_forged();
    let forged_id = digital_id(&FORGER.chain[0]);
    let own_id = digital_id(&PROVIDER.chain[0]);
    for (trick, document) in [
        (
            "a forged entry in a comment that ends early",
            good.replace(&own_id, &format!("<!-- -- >{forged_id}<!-- -->{own_id}")),
        ),
        ("a forged entry in a CDATA section", good.replace(&own_id, &format!("<![CDATA[{forged_id}]]>{own_id}"))),
        ("a forged entry behind an instruction", good.replace(&own_id, &format!("<?x ?>{forged_id}{own_id}"))),
        ("a NUL in the text", good.replace(&own_id, &format!("\0{own_id}"))),
        ("a second root", format!("{good}{}", list().text())),
        ("another namespace for the old name", good.replace("<ServiceStatus>", "<ServiceStatus xmlns=\"urn:x\">")),
        (
            "another default namespace",
            good.replacen("http://uri.etsi.org/02231/v2#", "http://uri.etsi.org/02231/v3#", 1),
        ),
    ] {
        assert_ne!(document, good, "{trick}");
        let code = code(&document);
        assert!(code == FORGED || code == MALFORMED, "{trick}: {code:?}");
    }
    // A comment in a value splits it for some readers. It is not part of what is signed, and the value is read whole.
    let split = good.replacen("<TSLSequenceNumber>7", "<TSLSequenceNumber>7<!-- 9 -->", 1);
    assert_eq!(read_here(split).unwrap().sequence, 7);
}

#[test]
fn signed_info_has_one_shape() {
    // case TRU-004. All of these are signed by the office.
    let transform = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>");
    let enveloped = transform("http://www.w3.org/2000/09/xmldsig#enveloped-signature");
    let exclusive = transform("http://www.w3.org/2001/10/xml-exc-c14n#");
    let xslt = transform("http://www.w3.org/TR/1999/REC-xslt-19991116");
    let xpath = "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xpath-19991116\"><ds:XPath>not(self::x)</ds:XPath></ds:Transform>";
    let prefixes = "<ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"><ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" PrefixList=\"tsl\"></ec:InclusiveNamespaces></ds:Transform>";
    let both = format!("{enveloped}{exclusive}");
    let uri = |uri: &str| format!("URI=\"{uri}\"");
    let own = "Type=\"http://uri.etsi.org/01903#SignedProperties\" URI=\"#properties\"";
    let tricks: Vec<(&str, String, String)> = vec![
        ("a transform by XSLT", both.clone(), format!("{enveloped}{xslt}{exclusive}")),
        ("XSLT alone", both.clone(), xslt.clone()),
        ("a transform by XPath", both.clone(), format!("{enveloped}{xpath}")),
        ("a third transform", both.clone(), format!("{both}{exclusive}")),
        ("the transforms in another order", both.clone(), format!("{exclusive}{enveloped}")),
        ("only one transform", both.clone(), enveloped.clone()),
        ("no transform", both.clone(), String::new()),
        ("a transform with prefixes", both.clone(), format!("{enveloped}{prefixes}")),
        ("comments are signed", both.clone(), both.replace("exc-c14n#", "exc-c14n#WithComments")),
        (
            "inclusive form",
            both.clone(),
            format!("{enveloped}{}", transform("http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
        ),
        ("no URI", "Id=\"whole\" URI=\"\"".to_owned(), "Id=\"whole\"".to_owned()),
        ("a part of the list", uri(""), uri("#list")),
        ("an expression", uri(""), uri("#xpointer(/)")),
        ("another document", uri(""), uri("https://lists.example/other.xml")),
        ("a file", uri(""), uri("file:///etc/passwd")),
        ("a reference to nothing", uri("#properties"), uri("#property")),
        ("a reference to the signature", uri("#properties"), uri("#signature")),
        ("a reference without its type", own.to_owned(), uri("#properties")),
        (
            "a reference of another type",
            "Type=\"http://uri.etsi.org/01903#SignedProperties\"".to_owned(),
            "Type=\"http://www.w3.org/2000/09/xmldsig#Object\"".to_owned(),
        ),
        ("two references to the document", own.to_owned(), uri("")),
        (
            "another form of SignedInfo",
            "Method Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"".to_owned(),
            "Method Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"".to_owned(),
        ),
        (
            "SHA-1 in a reference",
            "http://www.w3.org/2001/04/xmlenc#sha256".to_owned(),
            "http://www.w3.org/2000/09/xmldsig#sha1".to_owned(),
        ),
        (
            "SHA-1 in the signature",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256".to_owned(),
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1".to_owned(),
        ),
        (
            "a MAC",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256".to_owned(),
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256".to_owned(),
        ),
        (
            "a shortened signature",
            "#ecdsa-sha256\"></ds:SignatureMethod>".to_owned(),
            "#ecdsa-sha256\"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>".to_owned(),
        ),
        ("an attribute too many", "<ds:Reference Id".to_owned(), "<ds:Reference Extra=\"\" Id".to_owned()),
        ("text among the references", "</ds:SignedInfo>".to_owned(), "x</ds:SignedInfo>".to_owned()),
        ("an element in a digest", "</ds:DigestValue>".to_owned(), "<ds:x></ds:x></ds:DigestValue>".to_owned()),
        ("something before a digest", "</ds:DigestMethod>".to_owned(), "</ds:DigestMethod><ds:x></ds:x>".to_owned()),
    ];
    for (trick, from, to) in tricks {
        assert_eq!(code(edited(Part::SignedInfo, &from, &to)), FORGED, "{trick}");
    }
}

#[test]
fn references_come_once_each() {
    // case TRU-004: a third reference, a missing one, and the same one twice.
    let with = |change: &dyn Fn(&str) -> String| {
        sign(&list().text(), &OFFICE, |part, text| if part == Part::SignedInfo { change(&text) } else { text }).unwrap()
    };
    let split = |text: &str| -> (String, String, String) {
        let (first, second) = (text.find("<ds:Reference").unwrap(), text.rfind("<ds:Reference").unwrap());
        let (head, references) = text.split_at(first);
        let (one, two) = references.split_at(second - first);
        (head.to_owned(), one.to_owned(), two.replace("</ds:SignedInfo>", ""))
    };
    let join = |parts: &[&str]| parts.concat() + "</ds:SignedInfo>";
    let of = |pick: &dyn Fn(&str, &str, &str) -> String| {
        with(&|text| {
            let (head, one, two) = split(text);
            pick(&head, &one, &two)
        })
    };
    assert_eq!(code(of(&|head, one, two| join(&[head, one, two]))), None);
    assert_eq!(code(of(&|head, one, two| join(&[head, two, one]))), None, "their order is free");
    assert_eq!(code(of(&|head, one, two| join(&[head, one, two, two]))), FORGED);
    assert_eq!(code(of(&|head, one, two| join(&[head, one, one, two]))), FORGED);
    assert_eq!(code(of(&|head, one, _| join(&[head, one]))), FORGED);
    assert_eq!(code(of(&|head, _, two| join(&[head, two]))), FORGED);
    assert_eq!(code(of(&|head, one, _| join(&[head, one, one]))), FORGED);
    assert_eq!(code(of(&|head, _, _| join(&[head]))), FORGED);
}

#[test]
fn the_signature_around_it_has_one_shape() {
    // case TRU-004: several SignedInfo, comments in a digest, and what else fits between.
    let (good, _) = good_and_forged();
    let own = signature(&good);
    let start = own.find("<ds:SignedInfo").unwrap();
    let info = &own[start..own.find("</ds:SignedInfo>").unwrap() + "</ds:SignedInfo>".len()];
    let digest = "<ds:DigestValue>";
    let tricks = [
        ("two SignedInfo", info, format!("{info}{info}")),
        ("a second SignedInfo after the first", "</ds:KeyInfo>", format!("</ds:KeyInfo>{info}")),
        (
            "a forged SignedInfo before the signed one",
            info,
            format!("{}{info}", info.replace("Id=\"whole\"", "Id=\"x\"")),
        ),
        ("a comment in a digest", digest, format!("{digest}<!-- AAAA -->")),
        ("an instruction in a digest", digest, format!("{digest}<?x y?>")),
        ("a comment in the value", "<ds:SignatureValue>", "<ds:SignatureValue><!-- -->".to_owned()),
        ("a CDATA section in the signature", "<ds:SignatureValue>", "<ds:SignatureValue><![CDATA[]]>".to_owned()),
        ("no value", "<ds:SignatureValue>", "<ds:SignatureValue/><ds:Value>".to_owned()),
        ("two values", "<ds:KeyInfo>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:KeyInfo>".to_owned()),
        ("a manifest", "<ds:Object>", "<ds:Object><ds:Manifest/>".to_owned()),
        ("properties of another signature", "Target=\"#signature\"", "Target=\"#list\"".to_owned()),
        ("properties without target", "Target=\"#signature\"", String::new()),
        ("a signature without name", " Id=\"signature\"", String::new()),
        (
            "two sets of properties",
            "</xades:SignedProperties>",
            "</xades:SignedProperties><xades:SignedProperties/>".to_owned(),
        ),
        (
            "six certificates",
            "</ds:X509Data>",
            "<ds:X509Certificate>AAAA</ds:X509Certificate>".repeat(5) + "</ds:X509Data>",
        ),
    ];
    for (trick, from, to) in tricks {
        let document = good
            .replacen(from, &to, 1)
            .replace("<ds:SignatureValue/><ds:Value>", "<ds:SignatureValue/><ds:SignatureValue>");
        assert_ne!(document, good, "{trick}");
        assert_eq!(code(&document), FORGED, "{trick}");
    }
    // White space and lines are not part of what is signed outside of SignedInfo; neither are properties that nobody signed.
    let value = good.replacen("<ds:SignatureValue>", "<ds:SignatureValue>\n  ", 1);
    assert_eq!(code(value), None);
    let stamp = "</xades:SignedProperties><xades:UnsignedProperties><x/></xades:UnsignedProperties>";
    assert_eq!(code(good.replace("</xades:SignedProperties>", stamp)), None);
}

#[test]
fn signed_properties_name_the_signer() {
    // TRU-004, EN 319 132-1 section 5.2.2.
    let other = pruefstein::domain::encoding::base64::encode_standard(&certificate(&FORGER).fingerprint());
    let own = pruefstein::domain::encoding::base64::encode_standard(&certificate(&OFFICE).fingerprint());
    assert_eq!(code(edited(Part::Properties, &own, &other)), FORGED);
    assert_eq!(code(edited(Part::Properties, "xmlenc#sha256", "xmldsig-more#md5")), FORGED);
    assert_eq!(
        code(edited(
            Part::Properties,
            "<xades:Cert>",
            "<xades:Cert><xades:Cert></xades:Cert></xades:Cert><xades:Cert>"
        )),
        FORGED
    );
    assert_eq!(code(edited(Part::Properties, " Id=\"properties\"", "")), FORGED);
    assert_eq!(
        code(
            edited(Part::Properties, "SignedSignatureProperties>", "Other>")
                .replace("</xades:SignedSignatureProperties>", "</xades:Other>")
        ),
        FORGED
    );
    // The older element says the same; a list without either is as good, for the certificate is configured.
    let older = |_: Part, text: String| text.replace("SigningCertificateV2", "SigningCertificate");
    assert_eq!(code(sign(&list().text(), &OFFICE, older).unwrap()), None);
    let none = |_: Part, text: String| {
        let (Some(start), Some(end)) = (text.find("<xades:SigningCertificateV2>"), text.find("</xades:SignedSig"))
        else {
            return text;
        };
        format!("{}{}", &text[..start], &text[end..])
    };
    assert_eq!(code(sign(&list().text(), &OFFICE, none).unwrap()), None);
    // Changed after signing.
    let good = list().signed(&OFFICE).unwrap();
    assert_eq!(code(good.replace("</xades:CertDigest>", "</xades:CertDigest><x/>")), FORGED);
}

#[test]
fn documents_with_a_dtd_are_refused() {
    // case TRU-005, case TRU-006: before a parser sees them, and without any effect of what they name.
    let (good, _) = good_and_forged();
    let after_declaration = |dtd: &str, document: &str| document.replacen("?>\n", &format!("?>\n{dtd}\n"), 1);
    let external = "<!DOCTYPE TrustServiceStatusList [<!ENTITY xxe SYSTEM \"file:///etc/passwd\">]>";
    let internal = "<!DOCTYPE TrustServiceStatusList [<!ENTITY xxe SYSTEM \"http://169.254.169.254/latest\">]>";
    let use_it = good.replacen("Prüfstein List Office", "&xxe;", 1);
    assert_eq!(code(after_declaration(external, &use_it)), MALFORMED);
    assert_eq!(code(after_declaration(internal, &use_it)), MALFORMED);
    assert_eq!(code(after_declaration("<!DOCTYPE TrustServiceStatusList>", &good)), MALFORMED);
    let mut laughs = vec!["<!DOCTYPE l [<!ENTITY l0 \"lol\">".to_owned()];
    for level in 1..30 {
        laughs.push(format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)));
    }
    assert_eq!(
        code(after_declaration(&format!("{}]>", laughs.concat()), &good.replacen("Prüfstein", "&l29;", 1))),
        MALFORMED
    );
    let quadratic = format!("<!DOCTYPE l [<!ENTITY a \"{}\">]><l>{}</l>", "a".repeat(100_000), "&a;".repeat(100_000));
    assert_eq!(code(quadratic), MALFORMED);
    assert_eq!(code(good.replacen("Prüfstein", "&undefined;", 1)), MALFORMED);
}

#[test]
fn monstrous_documents_are_refused_at_once() {
    // case TRU-007, case TRU-008.
    let (good, _) = good_and_forged();
    for name in ["a", "xmlns:a"] {
        let attributes: Vec<String> = (0..100_000).map(|number| format!(" {name}{number}=\"x\"")).collect();
        let attributes = attributes.concat();
        assert_eq!(code(good.replacen(" Id=\"list\"", &format!("{attributes} Id=\"list\""), 1)), TOO_LARGE, "{name}");
    }
    let deep = format!("<SchemeInformation>{}{}", "<a>".repeat(1_000_000), "</a>".repeat(1_000_000));
    assert_eq!(code(good.replacen("<SchemeInformation>", &deep, 1)), TOO_LARGE);
    let wide = format!("<SchemeInformation>{}", "<a/>".repeat(limits::XML_MARKUP));
    assert_eq!(code(good.replacen("<SchemeInformation>", &wide, 1)), TOO_LARGE);
    let mut large = good.clone().into_bytes();
    large.resize(limits::TRUST_LIST_BYTES, b' ');
    assert_eq!(code(&large), None, "exactly the limit");
    large.push(b' ');
    assert_eq!(code(&large), TOO_LARGE);
}

#[test]
fn other_documents_are_told_apart() {
    // TL-01: a list in JSON, and what else may lie at the address.
    for json in ["{\"LoTE\":{}}", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"] {
        let reason = read(json.as_bytes(), rules(&[certificate(&OFFICE)])).unwrap_err();
        assert_eq!(reason.code, Code::TrustListMalformed);
        assert!(reason.detail.contains("JSON"), "{}", reason.detail);
    }
    for document in
        [&b""[..], b"\x1f\x8b\x08\0\0\0", b"<", b"<a>", b"<!-- -->", b"<html>\xff</html>", b"\xff\xfe<\0r\0/\0>\0"]
    {
        assert_eq!(code(document), MALFORMED, "{document:?}");
    }
    assert_eq!(code("<html></html>"), FORGED, "not signed");
    let other = list()
        .text()
        .replace("TrustServiceStatusList", "Assertion")
        .replace("</Assertion>", "</TrustServiceStatusList>");
    assert!(code(other).is_some());
    let withdrawn = list().signed(&OFFICE).unwrap().replace("Svcstatus/granted", WITHDRAWN);
    assert_eq!(code(withdrawn), FORGED);
}
