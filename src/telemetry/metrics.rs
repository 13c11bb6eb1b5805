//! The names of all metrics. Labels come from closed lists: codes, groups of paths, classes of status, and the names of
//! trust lists, trust sources, issuers and lists of revoked certificates in the configuration.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
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
    trust: TrustMetrics,
    status: StatusMetrics,
    /// Held while what stands is replaced, so that nobody reads half of it.
    standing: Mutex<()>,
}

#[derive(Debug, Default)]
struct TrustMetrics {
    age: Family<ListLabels, Gauge>,
    usable: Family<ListLabels, Gauge>,
    services: Family<ListLabels, Gauge>,
    refreshes: Family<RefreshLabels, Counter>,
    beside_usable: Family<BesideLabels, Gauge>,
    beside_refreshes: Family<BesideRefreshLabels, Counter>,
}

#[derive(Debug, Default)]
struct StatusMetrics {
    lists: Family<SourceLabels, Gauge>,
    tiny: Family<SourceLabels, Gauge>,
    overdue: Family<SourceLabels, Gauge>,
    bytes: Family<SourceLabels, Gauge>,
    age: Family<SourceLabels, Gauge>,
    needs: Family<SourceLabels, Counter>,
    fetches: Family<FetchLabels, Counter>,
}

/// How a trust list stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustListFigures {
    /// Its name.
    pub list: String,
    /// Seconds since it was confirmed; `None` if none is held.
    pub age_seconds: Option<i64>,
    /// Seconds until it may not be used any more; 0 or less if it may not be used now.
    pub usable_seconds: i64,
    /// How many services it has.
    pub services: usize,
    /// Refreshes by outcome: `changed`, `confirmed` or a code.
    pub refreshes: Vec<(&'static str, u64)>,
}

/// How trust data stand that come beside trust lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BesideFigures {
    /// What it is, a word.
    pub kind: &'static str,
    /// Its name in the configuration.
    pub name: String,
    /// Seconds until it may not be used any more; 0 or less if it may not be used now.
    pub usable_seconds: i64,
    /// Refreshes by outcome: `changed`, `confirmed` or a code.
    pub refreshes: Vec<(&'static str, u64)>,
}

/// How the status lists of a trust source stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusFigures {
    /// The name of the source.
    pub source: String,
    /// Lists that are held.
    pub lists: usize,
    /// Of these, lists with very few entries.
    pub tiny: usize,
    /// Of these, lists whose time to be asked for again has passed.
    pub overdue: usize,
    /// What they take in memory.
    pub bytes: usize,
    /// Seconds since the oldest of them was fetched.
    pub oldest_seconds: Option<i64>,
    /// How often answers needed one.
    pub needs: u64,
    /// Fetches by outcome.
    pub fetches: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ListLabels {
    list: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefreshLabels {
    list: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BesideLabels {
    kind: &'static str,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BesideRefreshLabels {
    kind: &'static str,
    name: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchLabels {
    source: String,
    outcome: &'static str,
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
        let (trust, status) = (TrustMetrics::register(&mut registry), StatusMetrics::register(&mut registry));
        Self {
            registry,
            answers,
            answer_seconds,
            requests,
            connections,
            connections_refused,
            clients_unnamed,
            certificate_ends,
            trust,
            status,
            standing: Mutex::default(),
        }
    }

    /// Shows how trust lists and status lists stand now, in place of what was shown before.
    pub fn show(&self, lists: Vec<TrustListFigures>, sources: Vec<StatusFigures>) {
        let _standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        self.trust.show(lists);
        self.status.show(sources);
    }

    /// Shows how trust data beside lists stand now, in place of what was shown before.
    pub fn show_beside(&self, figures: Vec<BesideFigures>) {
        let _standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        self.trust.beside_usable.clear();
        for BesideFigures { kind, name, usable_seconds, refreshes } in figures {
            let labels = BesideLabels { kind, name };
            self.trust.beside_usable.get_or_create(&labels).set(usable_seconds);
            for (outcome, count) in refreshes {
                let labels = BesideRefreshLabels { kind, name: labels.name.clone(), outcome };
                self.trust.beside_refreshes.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
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
        let _standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl TrustMetrics {
    fn register(registry: &mut Registry) -> Self {
        let made = Self::default();
        let gauges = [
            ("trust_list_age", "Time since the trust list was confirmed to be the newest", &made.age),
            (
                "trust_list_usable",
                "Time until the trust list may not be used any more, 0 or less if not now",
                &made.usable,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
        }
        registry.register("trust_list_services", "Services of the trust list", made.services.clone());
        registry.register("trust_list_refreshes", "Refreshes of the trust list by outcome", made.refreshes.clone());
        registry.register_with_unit(
            "trust_data_usable",
            "Time until keys of an issuer or a list of revoked certificates may not be used any more, 0 or less if not now",
            Unit::Seconds,
            made.beside_usable.clone(),
        );
        registry.register(
            "trust_data_refreshes",
            "Refreshes of keys of issuers and of lists of revoked certificates by outcome",
            made.beside_refreshes.clone(),
        );
        made
    }

    fn show(&self, lists: Vec<TrustListFigures>) {
        for gauge in [&self.age, &self.usable, &self.services] {
            gauge.clear();
        }
        for TrustListFigures { list, age_seconds, usable_seconds, services, refreshes } in lists {
            let labels = ListLabels { list };
            if let Some(age) = age_seconds {
                self.age.get_or_create(&labels).set(age);
            }
            self.usable.get_or_create(&labels).set(usable_seconds);
            self.services.get_or_create(&labels).set(figure(services));
            for (outcome, count) in refreshes {
                let labels = RefreshLabels { list: labels.list.clone(), outcome };
                self.refreshes.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
        }
    }
}

impl StatusMetrics {
    fn register(registry: &mut Registry) -> Self {
        let made = Self::default();
        let gauges = [
            ("status_lists", "Status lists that are held", &made.lists),
            (
                "status_lists_tiny",
                "Status lists with very few entries, a sign of tracking if there are many",
                &made.tiny,
            ),
            ("status_lists_overdue", "Status lists whose time to be fetched again has passed", &made.overdue),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        registry.register_with_unit("status_lists", "Memory of status lists", Unit::Bytes, made.bytes.clone());
        let oldest = "Time since the oldest status list was fetched";
        registry.register_with_unit("status_lists_oldest", oldest, Unit::Seconds, made.age.clone());
        registry.register("status_list_needs", "How often answers needed a status list", made.needs.clone());
        registry.register("status_list_fetches", "Fetches of status lists by outcome", made.fetches.clone());
        made
    }

    fn show(&self, sources: Vec<StatusFigures>) {
        for gauge in [&self.lists, &self.tiny, &self.overdue, &self.bytes, &self.age] {
            gauge.clear();
        }
        for figures in sources {
            let labels = SourceLabels { source: figures.source };
            self.lists.get_or_create(&labels).set(figure(figures.lists));
            self.tiny.get_or_create(&labels).set(figure(figures.tiny));
            self.overdue.get_or_create(&labels).set(figure(figures.overdue));
            self.bytes.get_or_create(&labels).set(figure(figures.bytes));
            if let Some(age) = figures.oldest_seconds {
                self.age.get_or_create(&labels).set(age);
            }
            self.needs.get_or_create(&labels).inner().store(figures.needs, Ordering::Relaxed);
            for (outcome, count) in figures.fetches {
                let labels = FetchLabels { source: labels.source.clone(), outcome };
                self.fetches.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
            }
        }
    }
}

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
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
