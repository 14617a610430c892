//! A real LXD or Incus in namespaces and in a directory of its own. It goes away with its value, also on a panic.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use seedbed::kinds::tables::dialect::Product;
use serde_json::{Value, json};
use tempfile::TempDir;

/// As long as a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A server that was started for a test.
pub struct Server {
    child: Child,
    socket: PathBuf,
    _dir: TempDir,
}

/// Where the daemon of a product is installed; `None` when it is not, or when namespaces cannot be made.
pub fn program(product: Product) -> Option<&'static str> {
    let candidates: &[&str] = match product {
        Product::Incus => {
            &["/usr/libexec/incus/incusd", "/opt/incus/bin/incusd", "/usr/sbin/incusd", "/usr/bin/incusd"]
        }
        Product::Lxd | Product::Lxd50 => &["/usr/bin/lxd", "/usr/sbin/lxd"],
    };
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
    candidates.iter().copied().find(|path| is_root && Path::new(path).exists())
}

impl Server {
    /// Starts the daemon with a network, mounts and processes of its own, and waits until it answers.
    pub fn start(product: Product) -> Option<Self> {
        let program = program(product)?;
        let dir = tempfile::Builder::new().prefix("seedbed-oracle").tempdir().expect("a scratch directory");
        let variable = if product == Product::Incus { "INCUS_DIR" } else { "LXD_DIR" };
        // Locks of a daemon that runs on this machine must not be met.
        let script = "ip link set lo up; mount -t sysfs sysfs /sys; for d in /run/lock /run/incus; do [ -d $d ] && mount -t tmpfs none $d; done; exec \"$0\" --group root";
        let mut command = Command::new("unshare");
        command.args(["-n", "-m", "-p", "-f", "--kill-child", "--propagation", "private", "--mount-proc"]);
        command.args(["sh", "-c", script, program]).env(variable, dir.path());
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self { child, socket: dir.path().join("unix.socket"), _dir: dir };
        let deadline = Instant::now() + START;
        while server.try_ask("GET", "/1.0", &Value::Null).is_none_or(|answer| answer["status_code"] != 200) {
            assert!(Instant::now() < deadline, "{program} does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(server)
    }

    /// The answer to one request, waited for when the server answers with an operation.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_ask(method, path, body).unwrap_or_else(|| json!({"error": "no answer"}));
        match answer["operation"].as_str().filter(|path| !path.is_empty()) {
            Some(operation) => {
                let wait = format!("{operation}/wait?timeout=60");
                let done = self.try_ask("GET", &wait, &Value::Null).unwrap_or_default();
                json!({ "error": done["metadata"]["err"] })
            }
            None => answer,
        }
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<Value> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        stream.set_read_timeout(Some(START)).ok()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .ok()?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let body =
            if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
        serde_json::from_str(&body).ok()
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let Some(chunk) = after.get(..size).filter(|_| size > 0) else { break };
        whole.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    whole
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
