//! The names of all metrics. Labels come from closed lists: codes, groups of paths, classes of status.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// Everything that is counted and measured.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answers: Family<AnswerLabels, Counter>,
    answer_seconds: Histogram,
    requests: Family<RequestLabels, Counter>,
    /// Connections that are open on the public listener.
    pub connections: Gauge,
    /// Connections that were closed at once because there were too many.
    pub connections_refused: Counter,
    /// Requests through a gateway of ours that did not say for whom in a usable way.
    pub clients_unnamed: Counter,
    /// The second, since 1970, in which the access certificate ends.
    pub certificate_ends: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    outcome: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    group: &'static str,
    status: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics at zero.
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("pruefstein");
        // Half a millisecond to sixteen seconds.
        let answer_seconds = Histogram::new(exponential_buckets(0.0005, 2.0, 16));
        let (answers, requests) = (Family::default(), Family::default());
        let (connections, connections_refused) = (Gauge::default(), Counter::default());
        let (certificate_ends, clients_unnamed) = (Gauge::default(), Counter::default());
        registry.register("answers", "Answers of wallets by outcome and code", answers.clone());
        registry.register_with_unit(
            "answer",
            "Time to deal with an answer of a wallet",
            Unit::Seconds,
            answer_seconds.clone(),
        );
        registry.register("requests", "HTTP requests by group of paths and class of status", requests.clone());
        registry.register("connections", "Open connections", connections.clone());
        registry.register("connections_refused", "Connections closed at once, too many", connections_refused.clone());
        registry.register(
            "clients_unnamed",
            "Requests through a gateway without a usable address of the client",
            clients_unnamed.clone(),
        );
        registry.register_with_unit(
            "certificate_ends",
            "When the access certificate ends, since 1970",
            Unit::Seconds,
            certificate_ends.clone(),
        );
        Self {
            registry,
            answers,
            answer_seconds,
            requests,
            connections,
            connections_refused,
            clients_unnamed,
            certificate_ends,
        }
    }

    /// Counts an answer of a wallet. Both words are from closed lists.
    pub fn answer(&self, outcome: &'static str, code: &'static str, took: Option<Duration>) {
        self.answers.get_or_create(&AnswerLabels { outcome, code }).inc();
        if let Some(took) = took {
            self.answer_seconds.observe(took.as_secs_f64());
        }
    }

    /// Counts a request.
    pub fn request(&self, group: &'static str, status: u16) {
        let status = match status {
            100..=199 => "1xx",
            200..=299 => "2xx",
            300..=399 => "3xx",
            400..=499 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&RequestLabels { group, status }).inc();
    }

    /// All of them in the OpenMetrics text format.
    ///
    /// # Errors
    /// In theory only: writing into memory fails.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_come_out_under_their_names() {
        let metrics = Metrics::new();
        metrics.answer("refused", "kb_nonce_mismatch", Some(Duration::from_millis(3)));
        metrics.request("wallet", 404);
        metrics.request("wallet", 410);
        metrics.connections.inc();
        let text = metrics.text().unwrap();
        for line in [
            "pruefstein_answers_total{outcome=\"refused\",code=\"kb_nonce_mismatch\"} 1",
            "pruefstein_answer_seconds_count 1",
            "pruefstein_requests_total{group=\"wallet\",status=\"4xx\"} 2",
            "pruefstein_connections 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
