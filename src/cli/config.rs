//! `pruefstein config`: the configuration, judged by the code that `serve` runs at its start.

use super::{Exit, Failure, Terminal, registrations, visible};
use crate::adapters::clock::SystemClock;
use crate::app::ports::Clock as _;
use crate::app::time_text::rfc3339;
use crate::config::tenant::{CrossDevice, TenantSettings};
use crate::config::{self, Environment, Settings};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// The file that is read if none is named.
pub const DEFAULT_FILE: &str = "pruefstein.toml";

/// What to do.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say everything that is wrong with the configuration.
    Check(File),
    /// Print what holds: file, variables and defaults. No secret is shown.
    Show(File),
    /// Print docs/configuration.md.
    Docs,
}

#[derive(Debug, Args)]
struct File {
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = DEFAULT_FILE)]
    config: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// [`Failure`] with exit code 2 for a refused configuration.
pub fn run(arguments: &Arguments, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &arguments.action {
        Action::Check(file) => {
            let settings = config::load(&file.config, &Environment::of_process(), SystemClock.now())
                .map_err(|faults| Failure::refused_configuration(&faults))?;
            terminal.say(&summary(&settings));
            let registered = registrations::text(&settings.tenant);
            if !registered.is_empty() {
                terminal.say(registered.trim_end());
            }
            for note in &settings.notes {
                terminal.remark(&format!("note: {}", visible(&note.to_string())));
            }
        }
        Action::Show(file) => {
            let shown = config::show::show(&file.config, &Environment::of_process())
                .map_err(|faults| Failure::refused_configuration(&faults))?;
            terminal.say(visible(&shown).trim_end());
        }
        Action::Docs => terminal.say(config::docs::configuration_markdown().trim_end()),
    }
    Ok(Exit::Done)
}

/// The rules that the profile and the settings relax, each by its id.
fn deviations(tenant: &TenantSettings) -> Vec<String> {
    let of_profile = tenant.profile.relaxes.iter().map(|relaxed| (relaxed.rule, relaxed.instead));
    let plain =
        tenant.plain_direct_post.then_some(("OVP-REQ-04", "callers may ask for answers that are not encrypted"));
    let relay = (tenant.cross_device == CrossDevice::OnRelayRiskAccepted)
        .then_some(("OVP-REQ-16", "a wallet on another device may answer, where requests can be relayed"));
    let all = of_profile.chain(plain).chain(relay);
    all.map(|(rule, instead)| format!("  relaxed        {rule}: {instead}")).collect()
}

/// What an operator wants to see at a glance.
fn summary(settings: &Settings) -> String {
    let tenant = &settings.tenant;
    let mut lines = vec![
        "The configuration is accepted.".to_owned(),
        format!("  reached at     {}", settings.service.public_url.origin()),
        format!("  listens on     {}, operations on {}", settings.service.listen, settings.service.operations_listen),
        format!("  relying party  {} ({})", visible(&tenant.name), tenant.id),
        format!("  profile        {}, named by {}", tenant.profile.name, tenant.client_id_prefix.as_str()),
        format!("  certificate    until {}", rfc3339(tenant.access.valid_until())),
        format!("  callers        {}", tenant.callers.len()),
        format!("  presets        {}", tenant.presets.len()),
    ];
    lines.extend(deviations(tenant));
    for plan in &tenant.trust_plans {
        let source = &plan.source;
        let own = source.anchors.len().saturating_add(source.pinned.len()).saturating_add(plan.issuers.len());
        let from = plan.list.as_ref().map_or_else(|| own.to_string(), |list| format!("those of list {}", list.list));
        let types = if source.types.is_empty() { source.purpose.as_str().to_owned() } else { source.types.join(", ") };
        lines.push(format!("  trusts         {}: {} for {types}", visible(&source.name), visible(&from)));
    }
    for kind in tenant.transaction_data.iter() {
        let with = kind.credential_types.join(", ");
        lines.push(format!("  authorises     {} with {}", visible(&kind.name), visible(&with)));
    }
    lines.join("\n")
}
