//! HTTP over a unix socket in its plainest form, so that the tests do not trust the client that they test.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

/// What came back.
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The metadata, or the error text.
    pub value: Value,
    /// The tag of what a `PUT` would replace.
    pub etag: Option<String>,
}

/// Why nothing came back.
pub enum Silence {
    /// Nothing was sent.
    Unsent,
    /// Something was sent, and what became of it is open.
    Open(io::Error),
}

/// One request on a connection of its own: the status, and the metadata or the error text.
pub fn request(socket: &Path, method: &str, path: &str, body: Option<&Value>) -> io::Result<(u16, Value)> {
    match exchange(socket, method, path, None, body, Duration::from_secs(60)) {
        Ok(Reply { status, value, .. }) => Ok((status, value)),
        Err(Silence::Unsent) => Err(io::ErrorKind::NotConnected.into()),
        Err(Silence::Open(cause)) => Err(cause),
    }
}

/// The same, held to what `if_match` names, and given up after `limit`.
pub fn exchange(
    socket: &Path,
    method: &str,
    path: &str,
    if_match: Option<&str>,
    body: Option<&Value>,
    limit: Duration,
) -> Result<Reply, Silence> {
    let mut stream = UnixStream::connect(socket).map_err(|_| Silence::Unsent)?;
    let open = Silence::Open;
    stream.set_read_timeout(Some(limit)).map_err(open)?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let held = if_match.map(|tag| format!("If-Match: {tag}\r\n")).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{held}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .map_err(open)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(open)?;
    parse(&String::from_utf8_lossy(&answer)).ok_or_else(|| Silence::Open(io::ErrorKind::InvalidData.into()))
}

fn parse(answer: &str) -> Option<Reply> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status: u16 = head.get(9..12)?.parse().ok()?;
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    };
    let chunked = header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body = if chunked { join_chunks(body)? } else { body.to_owned() };
    let envelope: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
    let field = if status < 400 { "metadata" } else { "error" };
    let value = envelope.get(field).cloned().unwrap_or(Value::String(body));
    Some(Reply { status, value, etag: header("etag") })
}

fn join_chunks(mut rest: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, after) = rest.split_once("\r\n")?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(after.get(..size)?);
        rest = after.get(size + 2..)?;
    }
}
