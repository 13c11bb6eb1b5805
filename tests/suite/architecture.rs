//! Who may use whom. The picture of the rooms in `docs/architecture.md` and this table are one thing: change them together.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Room and the rooms that it may name. A room may name itself; a row for a room counts before one for its parent.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain::reason", &[]),
    ("domain::limits", &[]),
    ("domain::time", &["domain::reason"]),
    ("domain::dc_api", &["domain::reason"]),
    ("domain::encoding", &["domain::limits", "domain::reason", "domain::time"]),
    ("domain::jose", &["domain::encoding", "domain::limits", "domain::reason"]),
    ("domain::cose", &["domain::encoding", "domain::jose", "domain::limits"]),
    ("domain::ids", &["domain::encoding", "domain::jose", "domain::limits"]),
    ("domain::x509", &["domain::jose", "domain::limits", "domain::reason", "domain::time"]),
    (
        "domain::trust_list",
        &["domain::encoding", "domain::jose", "domain::limits", "domain::reason", "domain::time", "domain::x509"],
    ),
    (
        "domain::trust",
        &[
            "domain::encoding",
            "domain::jose",
            "domain::limits",
            "domain::reason",
            "domain::time",
            "domain::trust_list",
            "domain::x509",
        ],
    ),
    (
        "domain::registration",
        &[
            "domain::cose",
            "domain::dcql",
            "domain::encoding",
            "domain::jose",
            "domain::limits",
            "domain::reason",
            "domain::request",
            "domain::status_list",
            "domain::time",
            "domain::trust",
            "domain::x509",
        ],
    ),
    (
        "domain::diagnosis",
        &[
            "domain::dcql",
            "domain::registration",
            "domain::jose",
            "domain::limits",
            "domain::reason",
            "domain::request",
            "domain::time",
            "domain::trust",
            "domain::x509",
        ],
    ),
    (
        "domain::status_list",
        &[
            "domain::cose",
            "domain::encoding",
            "domain::jose",
            "domain::limits",
            "domain::reason",
            "domain::time",
            "domain::trust",
            "domain::x509",
        ],
    ),
    (
        "domain::sd_jwt",
        &["domain::dc_api", "domain::encoding", "domain::jose", "domain::limits", "domain::reason", "domain::time"],
    ),
    ("domain::dcql", &["domain::encoding", "domain::limits", "domain::reason"]),
    (
        "domain::type_metadata",
        &["domain::dcql", "domain::encoding", "domain::jose", "domain::limits", "domain::reason", "domain::sd_jwt"],
    ),
    ("domain::preset", &["domain::dcql", "domain::encoding", "domain::reason", "domain::time"]),
    (
        "domain::request",
        &["domain::dc_api", "domain::encoding", "domain::jose", "domain::reason", "domain::time", "domain::x509"],
    ),
    (
        "domain::transaction",
        &[
            "domain::dc_api",
            "domain::encoding",
            "domain::ids",
            "domain::jose",
            "domain::limits",
            "domain::reason",
            "domain::request",
            "domain::time",
        ],
    ),
    (
        "domain::transaction_data",
        &["domain::dcql", "domain::encoding", "domain::jose", "domain::limits", "domain::reason"],
    ),
    (
        "domain::verify",
        &[
            "domain::dcql",
            "domain::encoding",
            "domain::jose",
            "domain::reason",
            "domain::sd_jwt",
            "domain::status_list",
            "domain::time",
            "domain::transaction_data",
            "domain::trust",
            "domain::type_metadata",
            "domain::x509",
        ],
    ),
    ("domain", &[]),
    ("app", &["domain"]),
    ("adapters", &["app::ports", "domain"]),
    ("config", &["domain"]),
    ("telemetry", &[]),
    ("http", &["app", "domain", "telemetry"]),
    ("serve", &["adapters", "app", "config", "domain", "http", "telemetry"]),
    // With its own encoder, so that one bug cannot cancel itself out.
    ("simulator", &["domain::encoding", "domain::ids", "domain::jose", "domain::reason", "domain::time"]),
    ("vectors", &["domain", "simulator"]),
    ("demo", &["adapters", "app", "config", "domain", "http", "serve", "simulator", "telemetry"]),
    ("cli", &["adapters", "app", "config", "demo", "domain", "http", "serve", "simulator", "vectors"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Words that a pure room has no use for.
const IMPURE: [&str; 9] =
    ["tokio", "axum", "reqwest", "tracing", "SystemTime", "Instant::now", "std::fs", "std::net::Tcp", "getrandom"];

/// The libraries of one room.
const CRYPTOGRAPHY: [&str; 3] = ["aws_lc_rs", "josekit", "p256"];

/// The libraries for XML, and the only room that names them.
const XML: ([&str; 3], &str) = (["bergshamra_c14n", "bergshamra_xml", "uppsala"], "domain::trust_list::trusted_list");

struct Source {
    /// The module, as in `domain::jose::alg`.
    module: String,
    /// The lines that are code, without tests.
    lines: Vec<(usize, String)>,
    file: PathBuf,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "the sources are not where they should be");
    files.iter().filter_map(|file| read(&root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn read(root: &Path, file: &Path) -> Option<Source> {
    let relative = file.strip_prefix(root).unwrap().with_extension("");
    let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
    if parts.last() == Some(&"tests") {
        return None;
    }
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    let lines = lines.map(|(number, line)| (number + 1, line.to_owned())).collect();
    Some(Source { module: parts.join("::"), lines, file: file.to_owned() })
}

fn is_within(path: &str, room: &str) -> bool {
    path == room || path.strip_prefix(room).is_some_and(|rest| rest.starts_with("::"))
}

fn row(module: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    ARROWS.iter().filter(|(room, _)| is_within(module, room)).max_by_key(|(room, _)| room.len())
}

/// The modules that a line names by `crate::` or `super::`.
fn named(source: &Source, line: &str) -> Vec<String> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b':';
    let mut found = Vec::new();
    for start in ["crate::", "super::"] {
        for (position, _) in line.match_indices(start) {
            // In the middle of a longer path or word it is counted where that one begins.
            if position > 0 && is_word(line.as_bytes()[position - 1]) {
                continue;
            }
            let path: String = line[position..].bytes().take_while(|byte| is_word(*byte)).map(char::from).collect();
            let mut rest = path.trim_end_matches(':');
            let mut base: Vec<&str> = if start == "crate::" {
                rest = rest.strip_prefix("crate::").unwrap_or_default();
                Vec::new()
            } else {
                source.module.split("::").collect()
            };
            while let Some(after) = rest.strip_prefix("super") {
                base.pop();
                rest = after.trim_start_matches(':');
            }
            base.extend(rest.split("::").filter(|part| !part.is_empty()));
            found.push(base.join("::"));
        }
    }
    found
}

#[test]
fn every_arrow_points_down() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some((room, allowed)) = row(&source.module) else {
            faults.push(format!("{}: its room is not in the table of arrows", source.file.display()));
            continue;
        };
        for (number, line) in &source.lines {
            for path in named(&source, line) {
                let is_known = ARROWS.iter().any(|(known, _)| is_within(&path, known) || is_within(known, &path));
                let may = is_within(&path, room)
                    || is_within(room, &path)
                    || allowed.iter().any(|other| is_within(&path, other));
                if is_known && !may {
                    faults.push(format!("{}:{number}: {room} may not name {path}", source.file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    fn walk(room: &str, way: &mut Vec<String>) {
        assert!(!way.iter().any(|passed| passed == room), "a circle: {way:?} and {room} again");
        way.push(room.to_owned());
        let rooms = ARROWS.iter().filter(|(known, _)| is_within(known, room) || is_within(room, known));
        // An arrow to a part of a room, as `app::ports`, is followed from that part: it has no row, so it leads nowhere.
        let exact: Vec<_> = if ARROWS.iter().any(|(known, _)| *known == room) { rooms.collect() } else { Vec::new() };
        for (_, allowed) in exact.iter().filter(|(known, _)| *known == room) {
            for next in *allowed {
                walk(next, way);
            }
        }
        way.pop();
    }
    for (room, allowed) in ARROWS {
        let unique: BTreeSet<_> = allowed.iter().collect();
        assert_eq!(unique.len(), allowed.len(), "{room}");
        walk(room, &mut Vec::new());
    }
}

#[test]
fn the_domain_is_pure() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| is_within(&source.module, "domain")) {
        for (number, line) in &source.lines {
            for word in IMPURE.iter().filter(|word| line.contains(*word)) {
                faults.push(format!("{}:{number}: names {word}", source.file.display()));
            }
            if line.contains("async ") || line.contains(".await") {
                faults.push(format!("{}:{number}: is async", source.file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn one_room_names_the_cryptography() {
    let mut faults = Vec::new();
    for source in sources().iter().filter(|source| !is_within(&source.module, "domain::jose")) {
        for (number, line) in &source.lines {
            for library in CRYPTOGRAPHY {
                // `webpki::aws_lc_rs` and the like are switches of other libraries.
                let names = line.match_indices(&format!("{library}::")).any(|(position, _)| {
                    let before = line[..position].chars().next_back();
                    before.is_none_or(|before| !before.is_alphanumeric() && before != '_' && before != ':')
                });
                if names {
                    faults.push(format!("{}:{number}: names {library}", source.file.display()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn one_room_names_the_xml_libraries() {
    let (libraries, room) = XML;
    let mut met = BTreeSet::new();
    for source in sources() {
        for (number, line) in &source.lines {
            for library in libraries.iter().filter(|library| line.contains(&format!("{library}::"))) {
                assert!(is_within(&source.module, room), "{}:{number}: names {library}", source.file.display());
                met.insert(*library);
            }
        }
    }
    assert_eq!(met.len(), libraries.len(), "the room moved: {met:?}");
}

#[test]
fn the_walk_sees_what_it_should() {
    let source = |module: &str| Source { module: module.to_owned(), lines: Vec::new(), file: PathBuf::from("test") };
    let jose = source("domain::jose::alg");
    assert_eq!(named(&jose, "use crate::http::problem::Problem;"), ["http::problem::Problem"]);
    assert_eq!(named(&jose, "use super::super::reason::Code;"), ["domain::reason::Code"]);
    assert_eq!(named(&jose, "let x: crate::app::App = super::jwk::X;"), ["app::App", "domain::jose::jwk::X"]);
    assert_eq!(named(&jose, "use crate::{app};"), [""]);
    assert!(row("domain::jose::alg").unwrap().0 == "domain::jose" && row("nowhere").is_none());
}

#[test]
fn every_use_names_its_room() {
    // `crate::{a, b}` would hide arrows from the walk.
    for source in sources() {
        for (number, line) in &source.lines {
            assert!(!line.contains("crate::{"), "{}:{number}: one use for each room", source.file.display());
        }
    }
}

/// Types that hold a secret, and files that compare one that comes from outside.
const SECRETS: [(&str, &str); 2] =
    [("domain::transaction::secret", "SecretScalar"), ("domain::transaction::binding", "$name")];
const COMPARING: [&str; 4] =
    ["domain::sd_jwt::key_binding", "domain::verify::response", "domain::ids", "http::callers"];

#[test]
fn secrets_are_compared_in_constant_time() {
    // GEN-11: no derived comparison of what holds a secret, and none by `==` of what proves one.
    let sources = sources();
    let text = |module: &str| {
        let source = sources.iter().find(|source| source.module == module).unwrap();
        source.lines.iter().map(|(_, line)| line.as_str()).collect::<Vec<_>>().join("\n")
    };
    for (module, name) in SECRETS {
        let text = text(module);
        let (before, _) = text.split_once(&format!("pub struct {name}(")).unwrap();
        assert!(!before.trim_end().lines().next_back().unwrap().contains("PartialEq"), "{name} derives its comparison");
        let (_, own) = text.split_once(&format!("impl PartialEq for {name}")).unwrap();
        assert!(own.lines().take(4).any(|line| line.contains("constant_time_eq(")), "{name}");
    }
    for module in COMPARING {
        assert!(text(module).contains("constant_time_eq("), "{module}");
    }
    let proofs = ["nonce", "state", "response_code", "code_hash", "sha256"];
    for source in sources.iter().filter(|source| COMPARING.contains(&source.module.as_str())) {
        for (number, line) in &source.lines {
            let compared = line.match_indices(" == ").map(|(at, _)| &line[..at]);
            for left in compared.chain(line.match_indices(" != ").map(|(at, _)| &line[..at])) {
                let word = left
                    .trim_end_matches(".as_str()")
                    .rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_');
                let word = word.map(str::to_owned).next().unwrap();
                assert!(!proofs.contains(&word.as_str()), "{}:{number}: {line}", source.file.display());
            }
        }
    }
}
