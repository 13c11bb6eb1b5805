//! Trust lists over a real network: a TLS server of this machine that misbehaves in every way, and one service that runs
//! through all of it. What [`crate::trust_refresh`] tells with a scripted host is told here with real sockets.

use crate::service::{NOW, STATUS_BASE, TestService};
use crate::trust_refresh::{GRACE, REFRESH, edition, failed, list_plan, present, source_plan};
use pruefstein::adapters::clock::FixedClock;
use pruefstein::adapters::fetch::{FetchSetup, HttpsFetch, install_crypto_provider};
use pruefstein::adapters::kept::KeptInMemory;
use pruefstein::app::ports::{Clock, Fetch, FetchError, FetchRequest, FetchResponse, Pending};
use pruefstein::app::refresh_trust::Refreshed;
use pruefstein::demo::World;
use pruefstein::demo::world::StatusHostFetch;
use pruefstein::domain::reason::Code;
use pruefstein::domain::trust_list::plan::Place;
use pruefstein::simulator::trust_list::ListWriter;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// How often the service looks what is due, in seconds.
const ROUND: i64 = 10;
/// How long the service waits for a slow host in this test, in milliseconds; it is far longer in truth.
const SHORT_PATIENCE: u64 = 400;

/// What the host does with whoever comes.
#[derive(Clone, Debug)]
enum Mode {
    Serves(Vec<u8>),
    /// Nobody listens.
    Down,
    /// Hangs up at once.
    HangsUp,
    /// One byte a second.
    Slow(Vec<u8>),
    Silent,
    /// Bytes that are no TLS.
    NoTls,
    /// Bytes that are no list.
    Garbage,
    /// A certificate of somebody unknown.
    UnknownCertificate,
    /// A certificate for another host.
    OtherCertificate,
    Endless,
    /// Says that it sends more than it does.
    Truncated(Vec<u8>),
    Redirects(String),
}

struct Certificates {
    good: TlsAcceptor,
    unknown: TlsAcceptor,
    other: TlsAcceptor,
}

fn root() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn acceptor(root: &CertifiedIssuer<'_, KeyPair>, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, root).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// The host of the list: one port for the whole test.
struct ListHost {
    port: u16,
    mode: Arc<Mutex<Mode>>,
    certificates: Arc<Certificates>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl ListHost {
    async fn new(root: &CertifiedIssuer<'_, KeyPair>) -> Self {
        install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = Self {
            port: listener.local_addr().unwrap().port(),
            mode: Arc::new(Mutex::new(Mode::Silent)),
            certificates: Arc::new(Certificates {
                good: acceptor(root, "127.0.0.1"),
                unknown: acceptor(&self::root(), "127.0.0.1"),
                other: acceptor(root, "lists.example"),
            }),
            task: Mutex::new(None),
        };
        host.listen(listener);
        host
    }

    fn listen(&self, listener: TcpListener) {
        let (mode, certificates) = (Arc::clone(&self.mode), Arc::clone(&self.certificates));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mode = mode.lock().unwrap().clone();
                tokio::spawn(serve(stream, mode, Arc::clone(&certificates)));
            }
        });
        *self.task.lock().unwrap() = Some(task);
    }

    async fn set(&self, mode: Mode) {
        let down = matches!(mode, Mode::Down);
        *self.mode.lock().unwrap() = mode;
        let task = self.task.lock().unwrap().take();
        match task {
            Some(task) if down => {
                task.abort();
                // When it has ended, nobody listens.
                assert!(task.await.unwrap_err().is_cancelled());
            }
            None if !down => self.listen(TcpListener::bind(("127.0.0.1", self.port)).await.unwrap()),
            task => *self.task.lock().unwrap() = task,
        }
    }
}

async fn serve(mut stream: TcpStream, mode: Mode, certificates: Arc<Certificates>) {
    let acceptor = match mode {
        Mode::HangsUp | Mode::Down => return,
        Mode::NoTls => return drop(stream.write_all(b"220 lists.example ESMTP\r\n").await),
        Mode::UnknownCertificate => &certificates.unknown,
        Mode::OtherCertificate => &certificates.other,
        _ => &certificates.good,
    };
    // That the other side does not like the certificate ends it.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    // Nor is it a fault of this test if the other side has had enough.
    answer(stream, mode).await.ok();
}

async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, mode: Mode) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
    match mode {
        Mode::Serves(body) => stream.write_all(&[head(body.len()), body].concat()).await?,
        Mode::Truncated(body) => {
            let half = body[..body.len() / 2].to_vec();
            stream.write_all(&[head(body.len()), half].concat()).await?;
        }
        Mode::Garbage => stream.write_all(&[head(5), b"<htm>".to_vec()].concat()).await?,
        Mode::Slow(body) => {
            for byte in [head(body.len()), body].concat() {
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Mode::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            let block = vec![b'A'; 1 << 20];
            loop {
                stream.write_all(&block).await?;
            }
        }
        Mode::Redirects(location) => {
            let text = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(text.as_bytes()).await?;
        }
        _ => std::future::pending().await,
    }
    stream.shutdown().await
}

/// The real client for the list; status lists come from the simulator.
struct Network {
    real: HttpsFetch,
    status: StatusHostFetch,
    patience: Arc<AtomicU64>,
}

impl Fetch for Network {
    fn get(&self, request: FetchRequest) -> Pending<'_, FetchResponse, FetchError> {
        if request.url.starts_with(STATUS_BASE) {
            return self.status.get(request);
        }
        let timeout_ms = request.timeout_ms.min(self.patience.load(Ordering::SeqCst));
        self.real.get(FetchRequest { timeout_ms, ..request })
    }
}

/// One service, its list host, and every acceptance so far.
struct Run {
    service: TestService,
    host: ListHost,
    writer: ListWriter,
    patience: Arc<AtomicU64>,
    number: u64,
    accepted: usize,
}

impl Run {
    async fn new() -> Self {
        let root = root();
        let host = ListHost::new(&root).await;
        let world = World::new([7; 32], NOW, "127.0.0.1", STATUS_BASE).unwrap();
        let writer = ListWriter::new(&world.authority).unwrap();
        let clock = Arc::new(FixedClock::new(NOW));
        let patience = Arc::new(AtomicU64::new(u64::MAX));
        let setup = FetchSetup { extra_roots: vec![root.der().to_vec()], ..FetchSetup::default() };
        let network = Network {
            real: HttpsFetch::new(&setup).unwrap(),
            status: StatusHostFetch::new(world.status_host, Arc::clone(&clock) as Arc<dyn Clock>),
            patience: Arc::clone(&patience),
        };
        let lists = vec![list_plan(&writer, Place::Url(format!("https://127.0.0.1:{}/pids", host.port)))];
        let kept = Arc::new(KeptInMemory::default());
        let service = TestService::with_trust_lists(clock, Arc::new(network), lists, kept, vec![source_plan()]);
        Self { service, host, writer, patience, number: 0, accepted: 0 }
    }

    /// The next edition.
    fn edition(&mut self) -> Vec<u8> {
        self.number += 1;
        edition(&self.writer, self.number, self.service.clock.now(), |_| {})
    }

    async fn refresh(&self) -> Option<Refreshed> {
        let mut done = self.service.app.refresh_trust().await;
        assert!(done.len() <= 1);
        done.pop().map(|(_, refreshed)| refreshed)
    }

    /// A presentation that must be accepted. `present` looks that every acceptance names the list that it rests on, and
    /// that this is the list in force.
    async fn accepted(&mut self, about: &str) {
        assert_eq!(present(&self.service).await, ("verified".to_owned(), None), "{about}");
        self.accepted += 1;
    }

    /// The host is well again: the seconds until the service has its next edition, by itself.
    async fn recover(&mut self) -> i64 {
        self.patience.store(u64::MAX, Ordering::SeqCst);
        let document = self.edition();
        self.host.set(Mode::Serves(document)).await;
        let since = self.service.clock.now();
        loop {
            match self.refresh().await {
                Some(Refreshed::Changed { sequence }) if sequence == self.number => {
                    return self.service.clock.now().since(since);
                }
                Some(other) => panic!("the host is well, but: {other:?}"),
                None => self.service.clock.advance(ROUND),
            }
        }
    }
}

#[tokio::test]
async fn whatever_the_network_does_nothing_is_accepted_without_its_list_and_all_comes_back() {
    // TL-03, TL-18; cases TSL-003, TSL-005, TSL-007, TSL-008, TSL-009 for trust lists. The service is never restarted.
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let visitors = Arc::new(AtomicUsize::new(0));
    let inside_address = format!("http://{}/", inside.local_addr().unwrap());
    let count = Arc::clone(&visitors);
    tokio::spawn(async move {
        while inside.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let mut run = Run::new().await;
    // Before the first list nothing is even asked for.
    run.host.set(Mode::Down).await;
    assert_eq!(failed(run.refresh().await), Code::TrustUnavailable);
    assert_eq!(present(&run.service).await.0, "not started, 503");
    run.recover().await;
    run.accepted("the first list").await;

    let document = run.edition();
    let troubles = [
        (Mode::Down, Code::TrustUnavailable),
        (Mode::HangsUp, Code::TrustUnavailable),
        (Mode::Slow(document.clone()), Code::TrustUnavailable),
        (Mode::Silent, Code::TrustUnavailable),
        (Mode::NoTls, Code::TrustUnavailable),
        (Mode::Garbage, Code::TrustListMalformed),
        (Mode::UnknownCertificate, Code::TrustUnavailable),
        (Mode::OtherCertificate, Code::TrustUnavailable),
        (Mode::Endless, Code::TrustListTooLarge),
        (Mode::Truncated(document), Code::TrustUnavailable),
        (Mode::Redirects("https://10.0.0.1/pids".to_owned()), Code::TrustUnavailable),
        (Mode::Redirects("https://169.254.169.254/latest/meta-data".to_owned()), Code::TrustUnavailable),
        (Mode::Redirects(inside_address), Code::TrustUnavailable),
        (Mode::Redirects("/pids".to_owned()), Code::TrustUnavailable),
    ];
    let mut in_vain = 0;
    for (trouble, code) in troubles {
        let about = format!("{code} by {}", format!("{trouble:?}").chars().take(40).collect::<String>());
        if matches!(trouble, Mode::Slow(_) | Mode::Silent) {
            run.patience.store(SHORT_PATIENCE, Ordering::SeqCst);
        }
        run.host.set(trouble).await;
        let before = run.service.app.trust_lists().standings().remove(0);
        // Due, and within the grace: what is held goes on.
        run.service.clock.advance(REFRESH);
        assert_eq!(failed(run.refresh().await), code, "{about}");
        run.accepted(&about).await;
        let after = run.service.app.trust_lists().standings().remove(0);
        assert_eq!(after.list.unwrap().digest, before.list.unwrap().digest, "{about}");
        // Beyond it nothing is decided.
        run.service.clock.set(before.confirmed_at.unwrap().plus(REFRESH + GRACE));
        assert_eq!(failed(run.refresh().await), code, "{about}");
        assert_eq!(present(&run.service).await.0, "not started, 503", "{about}");
        in_vain += 1;
        let seconds = run.recover().await;
        assert!(seconds <= REFRESH, "{about}: {seconds} s of the service's clock until it recovered");
        run.accepted(&about).await;
    }
    assert_eq!((run.accepted, in_vain), (29, 14));
    assert_eq!(visitors.load(Ordering::SeqCst), 0, "a redirect was followed inside");
}
