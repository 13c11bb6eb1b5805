//! Registrations as the command line shows them: what is registered, what is asked, and the difference.

use super::visible;
use crate::app::can_verify;
use crate::app::time_text::rfc3339;
use crate::config::tenant::TenantSettings;
use crate::domain::registration::{Registration, UnregisteredQueries};
use std::fmt::Write as _;

/// One line for each registration, and a table for each preset.
pub(super) fn text(tenant: &TenantSettings) -> String {
    let registrations = &tenant.registrations;
    let mut text = String::new();
    for registration in &registrations.list {
        writeln!(text, "  registration   {}", line(registration)).ok();
    }
    if registrations.unregistered == UnregisteredQueries::AllowedForTesting {
        text.push_str("  WARNING        unregistered_queries: requests may ask for more than is registered\n");
    }
    if registrations.list.is_empty() {
        return text;
    }
    text.push_str("\nRegistered and asked (MORE: asked and not registered, so refused)\n");
    for preset in &tenant.presets {
        let Ok(query) = preset.sendable(can_verify) else { continue };
        match registrations.choose(Some(&preset.id), None) {
            Err(fault) => writeln!(text, "  {}: {}", preset.id, fault.detail),
            Ok(None) => Ok(()),
            Ok(Some(registration)) => {
                let table = registration.compare(&query).to_string().replace('\n', "\n    ");
                writeln!(text, "  {} under {}\n    {}", preset.id, registration.name, table.trim_end())
            }
        }
        .ok();
    }
    visible(&text)
}

fn line(registration: &Registration) -> String {
    let content = registration.certificate().content();
    let until = rfc3339(registration.valid_until());
    let party = content.trade_name.as_ref().or(content.legal_name.as_ref()).unwrap_or(&content.subject);
    let by = registration.registrar().unwrap_or("a registrar that is looked up at each use");
    format!("{} for {party}, by {by}, until {until}; {}", registration.name, registration.compared().as_str())
}
