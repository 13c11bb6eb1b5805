//! Files that are made by the program and committed: equal to what it makes now.

use pruefstein::cli::doctor::show::doctor_markdown;
use pruefstein::config::docs::configuration_markdown;
use pruefstein::http::problem::error_codes_markdown;

#[track_caller]
fn assert_current(file: &str, made: &str, command: &str) {
    let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if committed.trim_end() != made.trim_end() {
        let differs = committed.lines().zip(made.lines()).position(|(old, new)| old != new);
        let line = differs.map_or_else(|| "at its end".to_owned(), |line| format!("from line {}", line + 1));
        panic!("{file} differs {line}. Run: {command} > {file}");
    }
}

#[test]
fn the_page_of_settings_is_current() {
    assert_current("docs/configuration.md", &configuration_markdown(), "cargo run -q -- config docs");
}

#[test]
fn the_page_of_codes_is_current() {
    assert_current("docs/error-codes.md", &error_codes_markdown(), "cargo run -q -- codes --markdown");
}

#[test]
fn the_page_of_the_doctor_is_current() {
    assert_current("docs/doctor.md", &doctor_markdown(), "cargo run -q -- doctor --markdown");
}
