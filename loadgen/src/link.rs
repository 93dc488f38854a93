//! One connection on the ring: TCP, TLS, and the order in which bytes leave.
//!
//! Reading belongs to one task, which owns an [`Inflow`]; anybody may write. What is written while a write is in flight leaves
//! with the next one.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpSocket;
use tokio::sync::Notify;
use tokio_uring::buf::BoundedBuf;
use tokio_uring::net::TcpStream;

use crate::limits::{ANSWER_MS_MAX, OUTBOX_BYTES_MAX, READ_BYTES_MAX, READ_BYTES_MIN};
use crate::tls::{Tls, TlsError};
use crate::websocket::{self, FramingError, Message, Opcode};

/// Where connections go to and as whom.
#[derive(Clone)]
pub struct Door {
    /// The server's address.
    pub address: SocketAddr,
    /// The name in its certificate.
    pub name: ServerName<'static>,
    /// TLS.
    pub config: Arc<ClientConfig>,
    /// Receive buffer of the socket; `None` leaves it to the system.
    pub receive_bytes: Option<u32>,
    /// Whether [`Link::for_sink`] is to have something to give.
    pub sinks: bool,
}

/// Why a connection failed. The message tells what to do where something can be done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LinkError {
    /// Nobody listens.
    #[error("connection refused by {0}: is the server running, and is this its port?")]
    Refused(SocketAddr),
    /// Too many open files.
    #[error("no more open files are allowed: run `ulimit -n 200000` in this shell first")]
    Files,
    /// No source port is left.
    #[error("no free source port towards {0}: wait a minute for old connections to be forgotten")]
    Ports(SocketAddr),
    /// The socket broke.
    #[error("connection lost: {0}")]
    Lost(io::ErrorKind),
    /// The server closed without a word.
    #[error("the server closed the connection")]
    Closed,
    /// TLS.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// WebSocket framing.
    #[error("WebSocket: {0}")]
    Framing(#[from] FramingError),
    /// The server closed with a code.
    #[error("closed with {0} {1}")]
    Code(u16, String),
    /// An HTTP answer that was not hoped for.
    #[error("{what} was answered with {status}: {body}")]
    Answer {
        /// Which request.
        what: &'static str,
        /// The status.
        status: u16,
        /// The body's beginning.
        body: String,
    },
    /// What the server said makes no sense here.
    #[error("{0}")]
    Unexpected(&'static str),
    /// No answer in time.
    #[error("no answer within {} s", ANSWER_MS_MAX / 1_000)]
    Silent,
}

/// One connection, after the TLS handshake.
pub struct Link {
    stream: TcpStream,
    /// The same socket, for who reads without the ring.
    sink: Cell<Option<std::net::TcpStream>>,
    tls: RefCell<Tls>,
    outbox: RefCell<Vec<u8>>,
    spare: RefCell<Vec<u8>>,
    plain: RefCell<Vec<u8>>,
    writing: Cell<bool>,
    broken: Cell<bool>,
    breaking: Notify,
    masks: Cell<u64>,
}

/// The reading side: what has come and was not used up.
pub struct Inflow {
    buffer: Vec<u8>,
    plain: Vec<u8>,
    used: usize,
}

impl Link {
    /// Connects and shakes hands. `source` picks the source address among 127.0.0.0/8 when the server is on loopback.
    pub async fn open(door: &Door, source: u32) -> Result<(Rc<Self>, Inflow), LinkError> {
        let opening = Self::open_slowly(door, source);
        match tokio::time::timeout(Duration::from_millis(ANSWER_MS_MAX), opening).await {
            Ok(result) => result,
            Err(_) => Err(LinkError::Silent),
        }
    }

    async fn open_slowly(door: &Door, source: u32) -> Result<(Rc<Self>, Inflow), LinkError> {
        let (stream, sink) =
            connect(door, source).await.map_err(|error| fault(&error, door.address))?;
        let mut hello = Vec::new();
        let tls = Tls::new(door.config.clone(), door.name.clone(), &mut hello)?;
        let link = Rc::new(Self {
            stream,
            sink: Cell::new(sink),
            tls: RefCell::new(tls),
            outbox: RefCell::new(hello),
            spare: RefCell::default(),
            plain: RefCell::default(),
            writing: Cell::new(false),
            broken: Cell::new(false),
            breaking: Notify::new(),
            masks: Cell::new(0x2545_f491_4f6c_dd1d ^ u64::from(source)),
        });
        link.flush();
        let mut inflow =
            Inflow { buffer: Vec::with_capacity(READ_BYTES_MIN), plain: Vec::new(), used: 0 };
        while link.tls.borrow().is_handshaking() {
            inflow.more(&link).await?;
        }
        Ok((link, inflow))
    }

    /// Whether the TLS session was resumed.
    pub fn is_resumed(&self) -> bool {
        self.tls.borrow().is_resumed()
    }

    /// Its socket for [`crate::sink::Sink`], once, where the door was told so.
    pub fn for_sink(&self) -> Option<std::net::TcpStream> {
        self.sink.take()
    }

    /// Waits until it was cut or writing has failed. For one task: who reads is told so by reading.
    pub async fn broken(&self) {
        while !self.broken.get() {
            self.breaking.notified().await;
        }
    }

    fn break_off(&self) {
        self.broken.set(true);
        self.breaking.notify_one();
    }

    /// Sends plaintext: an HTTP request.
    pub fn send(self: &Rc<Self>, plain: &[u8]) {
        if self.tls.borrow_mut().seal(plain, &mut self.outbox.borrow_mut()).is_err() {
            self.break_off();
        }
        self.flush();
    }

    /// Sends one message. False when too much is unsent already, or the connection is broken.
    pub fn message(self: &Rc<Self>, opcode: Opcode, parts: &[&[u8]]) -> bool {
        if self.broken.get() || self.outbox.borrow().len() > OUTBOX_BYTES_MAX {
            return false;
        }
        let mut plain = self.plain.borrow_mut();
        plain.clear();
        websocket::write(&mut plain, opcode, parts, self.mask());
        self.send(&plain);
        true
    }

    /// Ends the connection without a word, as a network that went away does; both tasks notice.
    pub fn cut(&self) {
        self.break_off();
        // Fails only when it is cut already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// A mask that a middlebox cannot guess is for browsers; here it only has to differ.
    fn mask(&self) -> [u8; 4] {
        let mut state = self.masks.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.masks.set(state);
        (state as u32).to_ne_bytes()
    }

    fn flush(self: &Rc<Self>) {
        if self.outbox.borrow().is_empty() || self.broken.get() || self.writing.replace(true) {
            return;
        }
        let link = self.clone();
        tokio_uring::spawn(async move {
            while !link.outbox.borrow().is_empty() && !link.broken.get() {
                let next = link.spare.take();
                let bytes = link.outbox.replace(next);
                let (result, mut bytes) = link.stream.write_all(bytes).await;
                if result.is_err() {
                    link.break_off();
                }
                bytes.clear();
                link.spare.replace(bytes);
            }
            link.writing.set(false);
        });
    }
}

impl Inflow {
    /// Reads once and decrypts.
    /// Gives how many bytes came over the wire.
    pub async fn more(&mut self, link: &Rc<Link>) -> Result<usize, LinkError> {
        self.compact();
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.len() == buffer.capacity() {
            // Whoever fills it is sent much: it gets the largest at once.
            buffer.reserve_exact(READ_BYTES_MAX - buffer.len().min(READ_BYTES_MAX - 1));
        }
        let start = buffer.len();
        let (result, slice) = link.stream.read(buffer.slice(start..)).await;
        self.buffer = slice.into_inner();
        let bytes = match result {
            Ok(0) => return Err(LinkError::Closed),
            Ok(bytes) => {
                let filled = start + bytes == self.buffer.capacity();
                let mut outbox = link.outbox.borrow_mut();
                let mut tls = link.tls.borrow_mut();
                let used = tls.receive(&mut self.buffer, &mut self.plain, &mut outbox)?;
                if used == self.buffer.len() {
                    self.buffer.clear();
                } else {
                    self.buffer.drain(..used);
                }
                if filled && self.buffer.capacity() < READ_BYTES_MAX {
                    self.buffer.reserve_exact(READ_BYTES_MAX - self.buffer.len());
                }
                bytes
            }
            Err(error) => return Err(LinkError::Lost(error.kind())),
        };
        link.flush();
        if link.tls.borrow().is_closed() && self.plain.is_empty() {
            return Err(LinkError::Closed);
        }
        Ok(bytes)
    }

    /// Plaintext that was not used up.
    pub fn plain(&self) -> &[u8] {
        &self.plain[self.used..]
    }

    /// Marks so many bytes of [`Inflow::plain`] as used up.
    pub fn consume(&mut self, bytes: usize) {
        self.used += bytes;
    }

    /// The next whole message if it has come; pings are answered, a close is an error that carries its code.
    pub fn next(&mut self, link: &Rc<Link>) -> Result<Option<(Opcode, &[u8])>, LinkError> {
        loop {
            let Some((Message { opcode, body }, used)) = websocket::next(self.plain())? else {
                return Ok(None);
            };
            let body = self.used + body.start..self.used + body.end;
            self.used += used;
            match opcode {
                Opcode::Text | Opcode::Binary => return Ok(Some((opcode, &self.plain[body]))),
                Opcode::Ping => {
                    link.message(Opcode::Pong, &[&self.plain[body]]);
                }
                Opcode::Pong => {}
                Opcode::Close => {
                    let body = &self.plain[body];
                    link.message(Opcode::Close, &[body]);
                    let code =
                        body.get(..2).map_or(1005, |raw| u16::from_be_bytes([raw[0], raw[1]]));
                    let reason = String::from_utf8_lossy(body.get(2..).unwrap_or_default());
                    return Err(LinkError::Code(code, reason.into_owned()));
                }
            }
        }
    }

    /// The next message, waiting for it.
    pub async fn message(&mut self, link: &Rc<Link>) -> Result<(Opcode, Vec<u8>), LinkError> {
        loop {
            if let Some((opcode, body)) = self.next(link)? {
                return Ok((opcode, body.to_vec()));
            }
            self.more(link).await?;
        }
    }

    fn compact(&mut self) {
        if self.used == self.plain.len() {
            self.plain.clear();
        } else if self.used > 0 {
            self.plain.drain(..self.used);
        }
        self.used = 0;
    }
}

async fn connect(door: &Door, source: u32) -> io::Result<(TcpStream, Option<std::net::TcpStream>)> {
    let socket = match door.address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(bytes) = door.receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    // One source address has too few ports for a large run.
    if source > 0 && matches!(door.address.ip(), IpAddr::V4(ip) if ip.is_loopback()) {
        let [_, _, high, low] = (source + 1).to_be_bytes();
        socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, high, low), 0)))?;
    }
    let stream = socket.connect(door.address).await?.into_std()?;
    // The ring waits by itself; a socket that does not wait would only say so.
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    let sink = if door.sinks { Some(stream.try_clone()?) } else { None };
    Ok((TcpStream::from_std(stream), sink))
}

fn fault(error: &io::Error, address: SocketAddr) -> LinkError {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::ConnectionRefused, _) => LinkError::Refused(address),
        (io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse, _) => {
            LinkError::Ports(address)
        }
        // EMFILE, ENFILE.
        (_, Some(24 | 23)) => LinkError::Files,
        (kind, _) => LinkError::Lost(kind),
    }
}
