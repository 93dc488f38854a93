//! The little HTTP/1.1 that joining needs: requests on one connection, answers with a length, the upgrade.

use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::limits::ANSWER_MS_MAX;
use crate::link::{Inflow, Link, LinkError};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Name, in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All headers of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The answer if it has that status, else an error that names the request.
    pub fn expect(self, what: &'static str, status: u16) -> Result<Self, LinkError> {
        if self.status == status {
            return Ok(self);
        }
        let mut body = self.text();
        body.truncate(body.char_indices().nth(200).map_or(body.len(), |(at, _)| at));
        Err(LinkError::Answer { what, status: self.status, body })
    }
}

/// Sends a request (its head, without the empty line, and its body) and waits for the answer.
pub async fn ask(
    link: &Rc<Link>,
    inflow: &mut Inflow,
    head: &str,
    body: &[u8],
) -> Result<Answer, LinkError> {
    let mut request = head.as_bytes().to_vec();
    if !body.is_empty() {
        request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    link.send(&request);
    let waiting = async {
        loop {
            if let Some((answer, used)) = parse(inflow.plain())? {
                inflow.consume(used);
                return Ok(answer);
            }
            inflow.more(link).await?;
        }
    };
    match tokio::time::timeout(Duration::from_millis(ANSWER_MS_MAX), waiting).await {
        Ok(result) => result,
        Err(_) => Err(LinkError::Silent),
    }
}

/// Asks for an upgrade with further header lines, each ended by CR LF.
pub async fn upgrade(
    link: &Rc<Link>,
    inflow: &mut Inflow,
    what: &'static str,
    path: &str,
    host: &str,
    headers: &str,
) -> Result<(), LinkError> {
    let mut nonce = [0; 16];
    // Without randomness the key would only be a constant, which no server minds.
    let _ = getrandom::fill(&mut nonce);
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n{headers}",
        STANDARD.encode(nonce)
    );
    ask(link, inflow, &head, &[]).await?.expect(what, 101).map(drop)
}

/// Reads an answer and how many bytes it took; `None` until all of it has come.
fn parse(bytes: &[u8]) -> Result<Option<(Answer, usize)>, LinkError> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let start = match response.parse(bytes) {
        Ok(httparse::Status::Complete(start)) => start,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(LinkError::Unexpected("the server's answer is not HTTP/1.1")),
    };
    let headers: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|field| {
            (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned())
        })
        .collect();
    let status = response.code.unwrap_or_default();
    let mut answer = Answer { status, headers, body: Vec::new() };
    if answer.header("transfer-encoding").is_some() {
        let chunks = unchunk(&bytes[start..])?;
        return Ok(chunks.map(|(body, used)| {
            answer.body = body;
            (answer, start + used)
        }));
    }
    let length = match answer.header("content-length") {
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| LinkError::Unexpected("the answer's length is not a number"))?,
        None => 0,
    };
    let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
    answer.body = body.to_vec();
    Ok(Some((answer, start + length)))
}

/// Puts a chunked body together.
fn unchunk(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, LinkError> {
    let mut body = Vec::new();
    let mut at = 0;
    loop {
        match httparse::parse_chunk_size(&bytes[at..]) {
            Ok(httparse::Status::Complete((start, size))) => {
                let from = at + start;
                let size = usize::try_from(size).unwrap_or(usize::MAX);
                let Some(end) = from.checked_add(size).and_then(|end| end.checked_add(2)) else {
                    return Err(LinkError::Unexpected("an answer's chunk is too long"));
                };
                let Some(chunk) = bytes.get(from..end) else { return Ok(None) };
                if size == 0 {
                    return Ok(Some((body, end)));
                }
                body.extend_from_slice(&chunk[..size]);
                at = end;
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(LinkError::Unexpected("an answer's chunks make no sense")),
        }
    }
}

const HEADERS_MAX: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_all_of_it_is_there() {
        let whole = b"HTTP/1.1 303 See Other\r\nLocation: /view/1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nokHTTP";
        let end = whole.len() - 4;
        assert!(parse(&whole[..end - 1]).unwrap().is_none());
        let (answer, used) = parse(whole).unwrap().unwrap();
        assert_eq!((answer.status, used, answer.text().as_str()), (303, end, "ok"));
        assert_eq!(answer.header("location"), Some("/view/1"));
        assert_eq!(answer.all("set-cookie").collect::<Vec<_>>(), ["a=1", "b=2"]);
    }

    #[test]
    fn a_chunked_answer_is_put_together() {
        let whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert!(parse(&whole[..whole.len() - 2]).unwrap().is_none());
        let (answer, used) = parse(whole).unwrap().unwrap();
        assert_eq!((answer.text().as_str(), used), ("abcde", whole.len()));
    }

    #[test]
    fn an_answer_of_another_status_says_which_request_it_was() {
        let (answer, _) =
            parse(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 3\r\n\r\nbad").unwrap().unwrap();
        let error = answer.expect("the agent's join", 303).unwrap_err();
        assert_eq!(error.to_string(), "the agent's join was answered with 401: bad");
    }
}
