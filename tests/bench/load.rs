//! `load SOCKET CLIENTS SECONDS PREFIX`: profile creates in a closed loop over a unix socket, one JSON line out.
//!
//! Used against Seedbed and LXD alike; a compiled client, because a Python one costs more than a fast daemon.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

struct Outcome {
    millis: Vec<f64>,
    errors: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // `cargo bench` adds a flag of its own.
    let given: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [socket, clients, seconds, prefix] = given.as_slice() else {
        return Err("usage: load SOCKET CLIENTS SECONDS PREFIX".into());
    };
    let (clients, seconds): (usize, f64) = (clients.parse()?, seconds.parse()?);
    let begun = Instant::now();
    let until = begun + Duration::from_secs_f64(seconds);
    let workers: Vec<_> = (0..clients)
        .map(|worker| {
            let (socket, prefix) = (socket.clone(), format!("{prefix}-{worker}"));
            std::thread::spawn(move || create_until(&socket, &prefix, until))
        })
        .collect();
    let mut all = Outcome { millis: Vec::new(), errors: Vec::new() };
    for worker in workers {
        let one = worker.join().map_err(|_| "a client thread panicked")?;
        all.millis.extend(one.millis);
        all.errors.extend(one.errors);
    }
    print(&mut all, begun.elapsed());
    Ok(())
}

fn print(all: &mut Outcome, took: Duration) {
    all.millis.sort_by(f64::total_cmp);
    let at = |part: usize| all.millis.get(all.millis.len() * part / 100).copied().unwrap_or(f64::NAN);
    let line = serde_json::json!({
        "rate": all.millis.len() as f64 / took.as_secs_f64(),
        "p50_ms": at(50),
        "p99_ms": at(99),
        "errors": all.errors.len(),
        "sample": all.errors.first(),
    });
    println!("{line}");
}

fn create_until(socket: &str, prefix: &str, until: Instant) -> Outcome {
    let mut outcome = Outcome { millis: Vec::new(), errors: Vec::new() };
    let mut stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(cause) => {
            outcome.errors.push(format!("connect to {socket}: {cause}"));
            return outcome;
        }
    };
    let mut number = 0_u64;
    while Instant::now() < until {
        let sent = Instant::now();
        match create(&mut stream, &format!("{prefix}-{number}"), number) {
            Ok(200 | 201) => outcome.millis.push(sent.elapsed().as_secs_f64() * 1e3),
            Ok(status) => outcome.errors.push(format!("HTTP {status}")),
            Err(cause) => {
                outcome.errors.push(cause.to_string());
                return outcome;
            }
        }
        number += 1;
    }
    outcome
}

fn create(stream: &mut UnixStream, name: &str, number: u64) -> io::Result<u16> {
    let body = format!(r#"{{"name":"{name}","config":{{"user.n":"{number}"}}}}"#);
    let head = "POST /1.0/profiles HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length:";
    write!(stream, "{head} {}\r\n\r\n{body}", body.len())?;
    read_status(stream)
}

/// The status of one answer, whose body is read and dropped.
fn read_status(stream: &mut UnixStream) -> io::Result<u16> {
    let mut seen = Vec::with_capacity(1024);
    let mut chunk = [0_u8; 4096];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        seen.extend_from_slice(&chunk[..count]);
        if let Some(status) = complete(&seen)? {
            return Ok(status);
        }
    }
}

fn complete(seen: &[u8]) -> io::Result<Option<u16>> {
    let Some(end) = seen.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
    let bad = || io::Error::from(io::ErrorKind::InvalidData);
    let status = head.get(9..12).and_then(|text| text.parse().ok()).ok_or_else(bad)?;
    let body = &seen[end + 4..];
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let whole = match field("content-length:") {
        Some(length) => body.len() >= length.parse::<usize>().map_err(|_| bad())?,
        None if field("transfer-encoding:") == Some("chunked") => body.ends_with(b"0\r\n\r\n"),
        None => true,
    };
    Ok(whole.then_some(status))
}
