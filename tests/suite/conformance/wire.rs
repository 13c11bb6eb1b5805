//! HTTP/1.1 over a socket, a few lines of it: one request, one answer, every header field kept.

use serde_json::Value;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// After this time a service that does not answer has failed.
const NEVER: Duration = Duration::from_mins(1);

pub(super) struct Answer {
    pub(super) status: u16,
    /// Names in lower case.
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    /// A header field that comes at most once.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let mut found = self.fields.iter().filter(|(other, _)| other == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} comes twice");
        first
    }

    /// The media type without parameters.
    pub(super) fn media_type(&self) -> &str {
        self.field("content-type").and_then(|value| value.split(';').next()).unwrap_or_default().trim()
    }

    /// Whether nobody on the way may keep it.
    pub(super) fn is_not_kept(&self) -> bool {
        self.field("cache-control").is_some_and(|value| value.split(',').any(|word| word.trim() == "no-store"))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Sends one request to the service at `address` and reads its answer.
pub(super) async fn ask(address: SocketAddr, method: &str, url: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let url = Url::parse(url).unwrap();
    assert_eq!(url.port(), Some(address.port()), "the service names an address that is not its own");
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", url.authority());
    for (name, value) in fields {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    if !body.is_empty() {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut bytes = Vec::new();
    timeout(NEVER, stream.read_to_end(&mut bytes)).await.expect("an answer").unwrap();
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let fields: Vec<(String, String)> = lines
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let answer = Answer { status, fields, body: bytes[end + 4..].to_vec() };
    assert_eq!(answer.field("transfer-encoding"), None, "answers of a known length");
    let length = answer.field("content-length").map(|length| length.parse().unwrap());
    assert_eq!(length, Some(answer.body.len()));
    answer
}
