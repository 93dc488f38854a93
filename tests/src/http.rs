//! A small HTTPS client: one request a connection, answers read whole, nothing hidden.
//!
//! It sends exactly the headers that it is given beside `Host` and the body's length, so that a test can leave out or
//! distort any of them. [`upgrade`] is the same for WebSockets.

use std::io::{Read, Write};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::limits::{ANSWER_BYTES_MAX, WAIT_MAX};
use crate::net::{Net, TlsStream, is_quiet};
use crate::socket::Socket;
use crate::url::Url;

/// A request before it is sent.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    url: Url,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers in their order; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET.
    pub fn get(url: &str) -> Result<Self> {
        Ok(Self {
            method: "GET".into(),
            url: Url::parse(url)?,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// A POST with a body of that type.
    pub fn post(url: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Result<Self> {
        let request = Self { method: "POST".into(), body: body.into(), ..Self::get(url)? };
        Ok(request.header("Content-Type", content_type))
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Where it goes.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Sends it and reads the answer.
    pub fn send(self, net: &Net) -> Result<Answer> {
        let mut stream = net.connect(&self.url.host, self.url.port)?;
        // A server that refuses early may close before it has read all; its answer counts.
        let sent = stream.write_all(&self.text(&[("Connection", "close")]));
        match read_answer(&mut stream) {
            Ok((answer, _)) => Ok(answer),
            Err(error) => Err(sent.err().map_or(error, Into::into)),
        }
    }

    fn text(&self, more: &[(&str, &str)]) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.url.path);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head += &format!("Host: {}\r\n", self.url.authority());
        }
        let given = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in given.chain(more.iter().copied()) {
            head += &format!("{name}: {value}\r\n");
        }
        if self.method == "POST" {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

/// Asks for a WebSocket with these subprotocols. The answer comes back when it is not 101.
pub fn upgrade(
    net: &Net,
    request: Request,
    subprotocols: &str,
) -> Result<std::result::Result<Socket, Answer>> {
    let key = tungstenite::handshake::client::generate_key();
    let mut stream = net.connect(&request.url.host, request.url.port)?;
    stream.write_all(&request.text(&[
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", &key),
        ("Sec-WebSocket-Protocol", subprotocols),
    ]))?;
    let (answer, rest) = read_answer(&mut stream)?;
    if answer.status != 101 {
        return Ok(Err(answer));
    }
    let accept = tungstenite::handshake::derive_accept_key(key.as_bytes());
    ensure!(
        answer.header("sec-websocket-accept") == Some(&accept),
        "the accept key does not fit the offer"
    );
    Ok(Ok(Socket::new(stream, rest, answer.header("sec-websocket-protocol").unwrap_or_default())))
}

/// Asks for a stream of frames over plain HTTPS. The answer comes back when it is none.
pub fn open_stream(net: &Net, request: Request) -> Result<std::result::Result<Socket, Answer>> {
    let mut stream = net.connect(&request.url.host, request.url.port)?;
    stream.write_all(&request.text(&[]))?;
    let (answer, rest) = read_answer(&mut stream)?;
    // Its body is what a server says on a WebSocket, so the same reader serves; nothing may be sent on it.
    Ok(if is_stream(&answer) { Ok(Socket::new(stream, rest, "")) } else { Err(answer) })
}

fn is_stream(answer: &Answer) -> bool {
    let is_bytes = answer.header("content-type") == Some("application/octet-stream");
    is_bytes && answer.header("content-length").is_none()
}

impl Answer {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// All headers of that name (lower case).
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |(header, _)| header == name).map(|(_, v)| v.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!("{} with a body that is no such JSON: {}", self.status, self.text())
        })
    }

    /// The `error` of a JSON error body; empty when there is none.
    pub fn error(&self) -> String {
        let body: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["error"].as_str().unwrap_or_default().to_owned()
    }
}

/// Reads one answer; the second value is what came behind it.
pub fn read_answer(stream: &mut TlsStream) -> Result<(Answer, Vec<u8>)> {
    let mut bytes = Vec::new();
    let end = Instant::now() + WAIT_MAX;
    let mut over = false;
    loop {
        if let Some(found) = parse(&bytes, over)? {
            return Ok(found);
        }
        ensure!(!over, "the connection ended within an answer ({} bytes came)", bytes.len());
        ensure!(Instant::now() < end, "no answer within {WAIT_MAX:?} ({} bytes came)", bytes.len());
        ensure!(bytes.len() < ANSWER_BYTES_MAX, "an answer of more than {ANSWER_BYTES_MAX} bytes");
        over = !read_some(stream, &mut bytes)?;
    }
}

/// Reads what is there; false when the connection is over. Reads below `StreamOwned`, which would first try to send what a
/// server that closed early did not take.
fn read_some(stream: &mut TlsStream, bytes: &mut Vec<u8>) -> Result<bool> {
    let more = match stream.conn.read_tls(&mut stream.sock) {
        Ok(0) => false,
        Ok(_) => true,
        Err(error) if is_quiet(&error) => true,
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
        Err(error) => return Err(error).context("reading an answer"),
    };
    stream.conn.process_new_packets().context("TLS of an answer")?;
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.conn.reader().read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
            Err(error) if is_quiet(&error) => return Ok(more),
            // A server that is killed ends without TLS's own good-bye.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error).context("reading an answer"),
        }
    }
}

fn parse(bytes: &[u8], over: bool) -> Result<Option<(Answer, Vec<u8>)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else { return Ok(None) };
    let status = response.code.context("an answer without a status")?;
    let headers: Vec<_> = response
        .headers
        .iter()
        .map(|h| (h.name.to_ascii_lowercase(), String::from_utf8_lossy(h.value).into_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    let rest = &bytes[head..];
    if status == 101 || status == 204 || status == 304 {
        return Ok(Some((answer, rest.to_vec())));
    }
    if answer.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return Ok(dechunk(rest)?.map(|(body, behind)| (Answer { body, ..answer }, behind)));
    }
    let length = match answer.header("content-length") {
        Some(length) => length.parse().context("content-length")?,
        None if over => rest.len(),
        None if is_stream(&answer) => return Ok(Some((answer, rest.to_vec()))),
        None => return Ok(None),
    };
    if rest.len() < length {
        return Ok(None);
    }
    answer.body = rest[..length].to_vec();
    Ok(Some((answer, rest[length..].to_vec())))
}

fn dechunk(mut rest: &[u8]) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut body = Vec::new();
    loop {
        match httparse::parse_chunk_size(rest) {
            Ok(httparse::Status::Complete((at, size))) => {
                let size = usize::try_from(size)?;
                let Some(chunk) = rest.get(at..at + size + 2) else { return Ok(None) };
                body.extend_from_slice(&chunk[..size]);
                rest = &rest[at + size + 2..];
                if size == 0 {
                    return Ok(Some((body, rest.to_vec())));
                }
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => bail!("bad chunk: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_whole_however_its_length_is_told() {
        let with_length = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcX";
        let (answer, rest) = parse(with_length, false).unwrap().unwrap();
        assert_eq!((answer.text().as_str(), rest.as_slice()), ("abc", &b"X"[..]));
        assert!(parse(&with_length[..with_length.len() - 2], false).unwrap().is_none());
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
        assert_eq!(parse(chunked, false).unwrap().unwrap().0.text(), "ab");
        let to_the_end = b"HTTP/1.1 200 OK\r\n\r\nall";
        assert!(parse(to_the_end, false).unwrap().is_none());
        assert_eq!(parse(to_the_end, true).unwrap().unwrap().0.text(), "all");
    }
}
