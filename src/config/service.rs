//! `[service]`: where the service listens, how it is called from outside, and its limits.

use super::address::PublicUrl;
use super::field::{Default, Field, Kind, Occurs, SectionDoc, field};
use super::reader::{Complaint, Section};
use ipnet::IpNet;
use std::net::SocketAddr;
use std::time::Duration;

const fn limit(
    name: &'static str,
    bounds: (i64, i64),
    unit: &'static str,
    default: &'static str,
    about: &'static str,
) -> Field {
    field(name, Kind::Integer { min: bounds.0, max: bounds.1, unit }, Default::Is(default), about)
}

/// The settings of the section.
pub const DOC: SectionDoc = SectionDoc {
    name: "service",
    occurs: Occurs::Once,
    about: "Where the service listens, how it is called from outside, and its limits.",
    fields: &[
        field(
            "public_url",
            Kind::Text("address: scheme and host, perhaps a port, no path"),
            Default::Required,
            "The address under which wallets and browsers reach this service, usually that of a gateway in front of it. \
             `https`; `http` for a loopback host only. All addresses in requests are built from it, never from what a \
             request says of itself, and requests to another host are refused with `host_not_allowed`.",
        ),
        field(
            "listen",
            Kind::Text("address and port"),
            Default::Is("\"127.0.0.1:8080\""),
            "Where the service accepts connections of wallets, browsers and callers. TLS is the gateway's task.",
        ),
        field(
            "operations_listen",
            Kind::Text("address and port"),
            Default::Is("\"127.0.0.1:9090\""),
            "Where `/health/live`, `/health/ready` and `/metrics` are served. Keep it inside.",
        ),
        field(
            "caller_hosts",
            Kind::Texts("host, perhaps with port"),
            Default::Absent("the public host only"),
            "Further hosts under which the caller API (`/v1`) may be called, as in a network of one's own.",
        ),
        field(
            "trusted_proxies",
            Kind::Texts("network, as in 10.1.2.0/24"),
            Default::Absent(
                "every peer counts as a gateway if public_url is https, as TLS ends there; then no limit holds \
                for each client, since everybody has the address of the gateway",
            ),
            "The gateways in front of this service. From them alone the address of a client is taken, from the header that \
             `client_address_header` names: the last one in it that is not of these networks. Who connects from elsewhere is \
             taken for a client, and such headers are ignored. Addresses are kept in memory only, as keyed hashes.",
        ),
        field(
            "client_address_header",
            Kind::OneOf(&["x-forwarded-for", "forwarded"]),
            Default::Is("\"x-forwarded-for\""),
            "The header in which the gateways name the client. The other one is never read. The gateway must add to it, or \
             replace it, on every request.",
        ),
        field(
            "test_mode",
            Kind::Flag,
            Default::Is("false"),
            "Allows credential types that are placeholders (`urn:example:…`). Never for real persons.",
        ),
        limit("max_caller_body_bytes", (1024, 1_048_576), "bytes", "65536", "Largest body on the caller API."),
        limit(
            "max_wallet_body_bytes",
            (16_384, 1_048_576),
            "bytes",
            "1048576",
            "Largest answer of a wallet. Credentials with a portrait must fit.",
        ),
        limit("max_header_bytes", (4096, 65_536), "bytes", "16384", "Largest block of header fields."),
        limit("max_uri_bytes", (512, 16_384), "bytes", "8192", "Longest request target."),
        limit(
            "header_deadline_seconds",
            (1, 60),
            "seconds",
            "5",
            "Within this time a request's header must have arrived.",
        ),
        limit(
            "body_deadline_seconds",
            (1, 120),
            "seconds",
            "10",
            "Within this time a request's body must have arrived.",
        ),
        limit(
            "request_deadline_seconds",
            (2, 300),
            "seconds",
            "15",
            "Within this time a request must be answered. Where a caller waits for a change (`wait`), the time of waiting \
             is added.",
        ),
        limit(
            "idle_seconds",
            (5, 600),
            "seconds",
            "75",
            "How long a connection may rest between two requests. Keep it longer than the gateway does.",
        ),
        limit("shutdown_seconds", (1, 60), "seconds", "10", "How long a stop waits for requests that are under way."),
        limit(
            "max_connections",
            (8, 100_000),
            "connections",
            "10000",
            "Most connections at once; more are closed. Each needs an open file: the service raises its limit as far as the \
             system lets it (`LimitNOFILE`), and takes fewer connections if that is not enough.",
        ),
        limit(
            "max_in_flight",
            (1, 10_000),
            "requests",
            "256",
            "Most requests at once for each group of paths (callers, wallets, browsers); more are answered `overloaded`.",
        ),
        limit(
            "client_requests_per_minute",
            (60, 1_000_000),
            "requests",
            "6000",
            "Most requests of one client (an address; of IPv6, a network of 64 bits) to wallet endpoints and pages in a \
             minute, at once or evenly; more are answered `rate_limited`. Many people may share an address.",
        ),
        limit(
            "client_misses_per_minute",
            (10, 1_000_000),
            "requests",
            "600",
            "Most requests of one client in a minute that guess: with a handle that does not exist, or with a caller's key \
             that nobody has. After that, all its requests are answered `rate_limited` for a while.",
        ),
        limit(
            "caller_creations_per_minute",
            (1, 1_000_000),
            "presentations",
            "6000",
            "Most presentations that one caller may start in a minute, at once or evenly; more are answered \
             `quota_exceeded`. Other callers are not affected.",
        ),
    ],
};

/// `[service]`, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSettings {
    /// How the service is called from outside.
    pub public_url: PublicUrl,
    /// Where it accepts connections.
    pub listen: SocketAddr,
    /// Where operators look.
    pub operations_listen: SocketAddr,
    /// Further hosts for the caller API.
    pub caller_hosts: Vec<String>,
    /// The gateways in front of the service.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which they name the client.
    pub client_address_header: ClientAddressHeader,
    /// Whether placeholder types are allowed.
    pub test_mode: bool,
    /// Limits of HTTP.
    pub limits: HttpLimits,
}

/// A header in which gateways name the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAddressHeader {
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// `X-Forwarded-For`.
    XForwardedFor,
}

impl ServiceSettings {
    /// Whether requests come through a gateway that the settings do not name. TLS ends in front of this service, so there
    /// is one if the public address is `https`.
    pub fn has_unnamed_gateway(&self) -> bool {
        self.trusted_proxies.is_empty() && self.public_url.origin().starts_with("https:")
    }
}

/// The limits of HTTP (section 3 of the security catalogue).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Largest body on the caller API, in bytes.
    pub max_caller_body_bytes: usize,
    /// Largest body on the wallet endpoints, in bytes.
    pub max_wallet_body_bytes: usize,
    /// Largest block of header fields, in bytes.
    pub max_header_bytes: usize,
    /// Longest request target, in bytes.
    pub max_uri_bytes: usize,
    /// For the header of a request.
    pub header_deadline: Duration,
    /// For the body of a request.
    pub body_deadline: Duration,
    /// For the answer.
    pub request_deadline: Duration,
    /// Between two requests on a connection.
    pub idle: Duration,
    /// For requests under way when the service stops.
    pub shutdown: Duration,
    /// Most connections at once.
    pub max_connections: usize,
    /// Most requests at once in each group of paths.
    pub max_in_flight: usize,
    /// Most requests of one client to wallet endpoints and pages, in a minute.
    pub client_requests_per_minute: u32,
    /// Most requests of one client that guess, in a minute.
    pub client_misses_per_minute: u32,
    /// Most presentations that one caller starts, in a minute.
    pub caller_creations_per_minute: u32,
}

impl std::default::Default for HttpLimits {
    /// The defaults of the table.
    fn default() -> Self {
        Self {
            max_caller_body_bytes: 65_536,
            max_wallet_body_bytes: 1_048_576,
            max_header_bytes: 16_384,
            max_uri_bytes: 8192,
            header_deadline: Duration::from_secs(5),
            body_deadline: Duration::from_secs(10),
            request_deadline: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            shutdown: Duration::from_secs(10),
            max_connections: 10_000,
            max_in_flight: 256,
            client_requests_per_minute: 6_000,
            client_misses_per_minute: 600,
            caller_creations_per_minute: 6_000,
        }
    }
}

/// Reads the section. `None` if something is wrong; what, has been noted.
pub(super) fn read(section: Section<'_>) -> Option<ServiceSettings> {
    let public_url = section
        .text("public_url")
        .and_then(|text| PublicUrl::parse(&text).map_err(|complaint| section.complain("public_url", complaint)).ok());
    let listen = socket(section, "listen");
    let operations_listen = socket(section, "operations_listen");
    if let (Some(listen), Some(operations)) = (listen, operations_listen)
        && listen == operations
        && listen.port() != 0
    {
        section.fault(
            "operations_listen",
            "is the same as service.listen, so that health and metrics would be public",
            "Choose another port.",
        );
    }
    let caller_hosts = section.texts("caller_hosts").into_iter().filter_map(|entry| {
        let url = url::Url::parse(&format!("http://{}", entry.text)).ok();
        let written =
            url.filter(|url| matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none());
        let is_host = written.is_some_and(|url| {
            url.username().is_empty()
                && url.password().is_none()
                && url.host_str().is_some_and(|host| entry.text.starts_with(host))
        });
        if !is_host || entry.text.contains(['*', '/', '@']) {
            section.faults().add(
                entry.key,
                "is not a host in lower case",
                "Write pruefstein.intern or pruefstein.intern:8080.",
            );
            return None;
        }
        Some(entry.text)
    });
    let caller_hosts = caller_hosts.collect();
    let trusted_proxies = section.texts("trusted_proxies").into_iter().filter_map(|entry| {
        network(&entry.text)
            .map_err(|complaint| section.faults().add(entry.key, complaint.problem, complaint.remedy))
            .ok()
    });
    let trusted_proxies = trusted_proxies.collect();
    let client_address_header = section.choice("client_address_header").map(|word| match word {
        "forwarded" => ClientAddressHeader::Forwarded,
        _ => ClientAddressHeader::XForwardedFor,
    });
    let test_mode = section.flag("test_mode");
    let limits = limits(section);
    Some(ServiceSettings {
        public_url: public_url?,
        listen: listen?,
        operations_listen: operations_listen?,
        caller_hosts,
        trusted_proxies,
        client_address_header: client_address_header?,
        test_mode: test_mode?,
        limits: limits?,
    })
}

fn limits(section: Section<'_>) -> Option<HttpLimits> {
    let size = |name| section.integer(name).and_then(|value| usize::try_from(value).ok());
    let time = |name| section.integer(name).and_then(|value| u64::try_from(value).ok()).map(Duration::from_secs);
    // All are read before any is missed, so that every fault is noted.
    let sizes = ["max_caller_body_bytes", "max_wallet_body_bytes", "max_header_bytes", "max_uri_bytes"].map(size);
    let times = [
        "header_deadline_seconds",
        "body_deadline_seconds",
        "request_deadline_seconds",
        "idle_seconds",
        "shutdown_seconds",
    ]
    .map(time);
    let counts = ["max_connections", "max_in_flight"].map(size);
    let rates = ["client_requests_per_minute", "client_misses_per_minute", "caller_creations_per_minute"]
        .map(|name| section.integer(name).and_then(|value| u32::try_from(value).ok()));
    let [caller_body, wallet_body, header, uri] = sizes;
    let [header_deadline, body_deadline, request_deadline, idle, shutdown] = times;
    let [connections, in_flight] = counts;
    let [client_requests, client_misses, caller_creations] = rates;
    if let (Some(body), Some(request)) = (body_deadline, request_deadline)
        && request <= body
    {
        section.fault(
            "request_deadline_seconds",
            "is not longer than body_deadline_seconds, so that slow bodies would look like an overload",
            "Choose a longer time for the whole request, or a shorter one for the body.",
        );
        return None;
    }
    Some(HttpLimits {
        max_caller_body_bytes: caller_body?,
        max_wallet_body_bytes: wallet_body?,
        max_header_bytes: header?,
        max_uri_bytes: uri?,
        header_deadline: header_deadline?,
        body_deadline: body_deadline?,
        request_deadline: request_deadline?,
        idle: idle?,
        shutdown: shutdown?,
        max_connections: connections?,
        max_in_flight: in_flight?,
        client_requests_per_minute: client_requests?,
        client_misses_per_minute: client_misses?,
        caller_creations_per_minute: caller_creations?,
    })
}

/// A network in its usual form, not that of everybody.
fn network(text: &str) -> Result<IpNet, Complaint> {
    let network: IpNet = text
        .parse()
        .map_err(|_| Complaint::new("is not a network", "Write 10.1.2.0/24, 10.1.2.3/32 or fd00:1::/64."))?;
    if network.prefix_len() == 0 {
        let remedy = "Name the networks of your gateways.";
        return Err(Complaint::new("is everybody, so that anybody could choose an address", remedy));
    }
    if network.trunc() != network {
        let remedy = format!("Write {} or {}/{}.", network.trunc(), network.addr(), network.max_prefix_len());
        return Err(Complaint::new("names one address and a network at once", remedy));
    }
    Ok(network)
}

fn socket(section: Section<'_>, name: &str) -> Option<SocketAddr> {
    let text = section.text(name)?;
    let address = text.parse().ok();
    if address.is_none() {
        section.fault(
            name,
            format!("\"{}\" is not an address with a port", text.escape_debug()),
            "Write 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080; names are not resolved.",
        );
    }
    address
}
