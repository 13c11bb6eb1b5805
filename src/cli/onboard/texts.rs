//! `onboard texts`: Markdown to paste into the registrar's form.

use super::claim_names;
use crate::app::can_verify;
use crate::cli::{Exit, Failure, Terminal, visible};
use crate::config::{self, Environment};
use crate::domain::dcql::{CredentialQuery, DcqlQuery, Format, Meta};
use crate::domain::preset::{self, Preset};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Which presets.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// A preset; may be repeated. All of the configuration if absent, else all that ship.
    #[arg(long, value_name = "ID")]
    preset: Vec<String>,
    /// The configuration, for the presets that are switched on and the privacy notice.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let broken = |_| Failure::wrong_use("a preset of this program cannot be read", "Report this as a defect.");
    let mut presets: Vec<Preset> = preset::shipped().map_err(broken)?;
    let mut privacy = None;
    if let Some(file) = &arguments.config {
        // There is no certificate yet, so the rest of the configuration need not be sound.
        let settings = config::registration::wanted(file, &Environment::of_process())
            .map_err(|faults| Failure::refused_configuration(&faults))?;
        presets.retain(|preset| settings.presets.as_ref().is_none_or(|ids| ids.contains(&preset.id)));
        privacy = settings.privacy_url;
    }
    for id in &arguments.preset {
        if !presets.iter().any(|preset| preset.id == *id) {
            let known: Vec<&str> = presets.iter().map(|preset| preset.id.as_str()).collect();
            return Err(Failure::wrong_use(
                format!("there is no preset {id}"),
                format!("There are {}.", known.join(", ")),
            ));
        }
    }
    presets.retain(|preset| arguments.preset.is_empty() || arguments.preset.contains(&preset.id));
    terminal.say(visible(&markdown(&presets, privacy.as_deref())).trim_end());
    Ok(Exit::Done)
}

/// The page.
pub(super) fn markdown(presets: &[Preset], privacy: Option<&str>) -> String {
    let mut page = String::from(
        "# Angaben für die Registrierung / Texts for the registration\n\n\
         Je Anwendungsfall ein Antrag. Es steht genau das darin, was der Dienst abfragt; mehr darf er danach nicht abfragen.\n\n\
         One application for each use case. It says exactly what the service asks for; it may not ask for more afterwards.\n",
    );
    for preset in presets {
        let Ok(query) = preset.sendable(can_verify) else { continue };
        page.push_str(&of_preset(preset, &query, privacy));
    }
    page
}

fn of_preset(preset: &Preset, query: &DcqlQuery, privacy: Option<&str>) -> String {
    let mut text = format!(
        "\n## {} / {}\n\n\
         | | Deutsch | English |\n| --- | --- | --- |\n\
         | Anwendungsfall / use case | {} | {} |\n\
         | Grund / reason | {} | {} |\n\
         | Kennung / intended use | `{}` | `{}` |\n",
        preset.title.de,
        preset.title.en,
        cell(&preset.title.de),
        cell(&preset.title.en),
        cell(&preset.purpose.de),
        cell(&preset.purpose.en),
        preset.id,
        preset.id
    );
    let notice = privacy.unwrap_or("https://…");
    writeln!(text, "| Datenschutzhinweise / privacy policy | {} | {} |", cell(notice), cell(notice)).ok();
    for credential in query.credentials() {
        let types = match credential.meta() {
            Meta::VctValues(values) => values.join(", "),
            Meta::Doctype(doctype) => doctype.clone(),
            Meta::TypeValues(lists) => lists.iter().map(|parts| parts.join(" ")).collect::<Vec<_>>().join(", "),
        };
        write!(
            text,
            "\nNachweis / credential: `{}`, Format / format: `{}`\n\n| Angabe | claim | path |\n| --- | --- | --- |\n",
            types,
            credential.format().as_str()
        )
        .ok();
        text.push_str(&claims(credential));
    }
    text
}

fn claims(credential: &CredentialQuery) -> String {
    let namespaced = *credential.format() != Format::SdJwtVc;
    credential.claims().iter().fold(String::new(), |mut text, claim| {
        let (de, en) = claim_names::of(claim.path(), namespaced);
        writeln!(text, "| {} | {} | `{}` |", cell(&de), cell(&en), claim.path()).ok();
        text
    })
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
