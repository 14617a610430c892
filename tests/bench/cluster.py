"""A throw-away cluster of daemons in network namespaces of its own, and what drives it."""
import collections, json, os, re, shutil, signal, socket, statistics, subprocess, time

clock = time.perf_counter
LXD = {
    "start_cmd": "exec env LXD_DIR={dir} unshare -m ip netns exec {ns} lxd --logfile {log}",
    "ready_cmd": "LXD_DIR={dir} lxd waitready --timeout 60",
    "preseed_cmd": "LXD_DIR={dir} nsenter --net=/run/netns/{ns} lxd init --preseed",
    "list_cmd": "LXD_DIR={dir} lxc cluster list",
    "import_cmd": "LXD_DIR={dir} lxc image import {image} --alias bb",
    "launch_cmd": "LXD_DIR={dir} lxc launch bb {c} --target {target}",
    "exec_cmd": "LXD_DIR={dir} lxc exec {c} -- sh -c :",
    "delete_cmd": "LXD_DIR={dir} lxc delete -f {c}",
    "sock": "{dir}/unix.socket", "cert": "{dir}/cluster.crt", "leader_role": "database-leader",
    "voter_role": "database", "join": "full",
}
SEEDBED = {
    "start_cmd": "exec ip netns exec {ns} {bin} daemon --state-dir {dir} >>{log} 2>&1",
    "ready_cmd": "SEEDBED_DIR={dir} {bin} waitready --timeout 60",
    "preseed_cmd": "SEEDBED_DIR={dir} {bin} init --preseed",
    "list_cmd": "SEEDBED_DIR={dir} {bin} cluster list",
    "apply_cmd": "SEEDBED_DIR={dir} {bin} apply --yes --timeout 120s {file}",
    "sock": "{dir}/unix.socket", "cert": "{dir}/cluster.crt", "leader_role": "database-leader",
    "voter_role": "database", "join": "seed",
}
BIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/release/seedbed")
CONFIG = "config:\n  core.https_address: {addr}:8443\n  images.auto_update_interval: 15\n"
BOOT = CONFIG + "  core.trust_password: sekret\n"
BODY = """storage_pools:
- name: default
  driver: dir
networks:
- name: lxdbr0
  type: bridge
  config:
    ipv4.address: 192.168.100.14/24
    ipv6.address: none
profiles:
- name: default
  devices:
    root:
      path: /
      pool: default
      type: disk
    eth0:
      name: eth0
      nictype: bridged
      parent: lxdbr0
      type: nic
cluster:
  server_name: {name}
  enabled: true
"""


def sh(cmd, stdin=None, timeout=180):
    """Run a shell command; (seconds, exit status, last line of output)."""
    t = clock()
    try:
        p = subprocess.run(cmd, shell=True, input=stdin, text=True, timeout=timeout,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        rc, out = p.returncode, p.stdout
    except subprocess.TimeoutExpired:
        rc, out = -1, "timeout"
    return clock() - t, rc, (out.strip().splitlines() or [""])[-1][:200]


class Conn:
    """Keep-alive HTTP/1.1 over a unix socket, written to cost little beside a fast daemon."""

    def __init__(self, path, timeout=60):
        self.path, self.timeout, self.s = path, timeout, None

    def close(self):
        if self.s:
            self.s.close()
        self.s = None

    def req(self, method, url, body=None):
        """(status, metadata or error text)"""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {url} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        try:
            if self.s is None:
                self.s = socket.socket(socket.AF_UNIX)
                self.s.settimeout(self.timeout)
                self.s.connect(self.path)
            self.s.sendall(head + data)
            code, raw = self._read()
        except OSError as e:
            self.close()
            return 0, f"{type(e).__name__}: {e}"
        try:
            j = json.loads(raw)
        except ValueError:
            return code, raw[:200].decode("utf8", "replace")
        return (code, j.get("metadata")) if code < 400 else (code, j.get("error"))

    def _read(self):
        buf = b""
        while b"\r\n\r\n" not in buf:
            buf += self._recv()
        head, body = buf.split(b"\r\n\r\n", 1)
        low = head.lower()
        code = int(head[9:12])
        m = re.search(rb"content-length: *(\d+)", low)
        if m:
            n = int(m.group(1))
            while len(body) < n:
                body += self._recv()
        elif b"transfer-encoding: chunked" in low:
            out = b""
            while True:
                while b"\r\n" not in body:
                    body += self._recv()
                size, rest = body.split(b"\r\n", 1)
                n = int(size.split(b";")[0], 16)
                while len(rest) < n + 2:
                    rest += self._recv()
                out, body = out + rest[:n], rest[n + 2:]
                if n == 0:
                    body = out
                    break
        if b"connection: close" in low:
            self.close()
        return code, body

    def _recv(self):
        d = self.s.recv(65536)
        if not d:
            raise ConnectionError("closed by peer")
        return d


class Node:
    def __init__(self, cl, i):
        self.cl, self.i, self.name, self.ns, self.addr = cl, i, f"node{i}", f"bx{i}", f"10.78.0.{i}"
        self.dir = f"{cl.work}/n{i}"
        self.log, self.proc = self.dir + ".log", None
        os.makedirs(self.dir, exist_ok=True)
        self.sock = self.fmt("sock")

    def fmt(self, key, **kw):
        t = self.cl.impl.get(key)
        return t and t.format(dir=self.dir, ns=self.ns, name=self.name, addr=self.addr, log=self.log, bin=os.path.normpath(BIN),
                              sock=getattr(self, "sock", ""), **kw)

    def start(self):
        with open(self.dir + ".out", "ab") as out:
            self.proc = subprocess.Popen(self.fmt("start_cmd"), shell=True, start_new_session=True,
                                         stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        return clock()

    def wait_ready(self, t0, limit=60):
        """Seconds from t0 until GET /1.0 is answered with 200."""
        while clock() - t0 < limit:
            if Conn(self.sock, 10).req("GET", "/1.0")[0] == 200:
                return clock() - t0
            time.sleep(0.005)
        raise RuntimeError(f"{self.name} of {self.cl.impl['name']} not ready in {limit} s")

    def kill9(self):
        os.kill(self.proc.pid, signal.SIGKILL)
        self.proc.wait()

    def conn(self, timeout=60):
        return Conn(self.sock, timeout)

    def preseed(self, text):
        return sh(self.fmt("preseed_cmd"), stdin=text)


class Cluster:
    def __init__(self, impl, work, size, rec):
        self.impl, self.work, self.rec = impl, f"{work}/{impl['name']}", rec
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.net_up(size)
        self.nodes = [Node(self, i) for i in range(1, size + 1)]
        self.seq = 0

    def net_up(self, size):
        self.spaces = ["bxhub"] + [f"bx{i}" for i in range(1, size + 1)]
        self.clear()
        cmds = [f"netns add {n}" for n in self.spaces] + [f"-n {n} link set lo up" for n in self.spaces]
        cmds += ["-n bxhub link add bxlab type bridge", "-n bxhub link set bxlab up"]
        for i in range(1, size + 1):
            cmds += [f"-n bxhub link add v{i} type veth peer name eth0 netns bx{i}",
                     f"-n bxhub link set v{i} master bxlab up",
                     f"-n bx{i} addr add 10.78.0.{i}/24 dev eth0", f"-n bx{i} link set eth0 up"]
        for c in cmds:
            subprocess.run(["ip"] + c.split(), check=True)

    def link(self, node, state):
        subprocess.run(["ip", "-n", "bxhub", "link", "set", f"v{node.i}", state], check=True)
        return clock()

    def boot_yaml(self):
        n = self.nodes[0]
        return (BOOT + BODY).format(addr=n.addr, name=n.name)

    def join_yaml(self, n):
        first = self.nodes[0]
        with open(first.fmt("cert")) as f:
            pem = f.read().replace("\n", "\n\n")        # the quoting that the LXD guide asks for
        style = self.impl["join"]                       # seed: as in the guide; full: + server_address
        text = (CONFIG + BODY).format(addr=n.addr, name=n.name)
        if style == "minimal":
            text = f"cluster:\n  server_name: {n.name}\n  enabled: true\n"
        if style != "seed":
            text += f"  server_address: {n.addr}:8443\n"
        return text + (f"  cluster_address: {first.addr}:8443\n  cluster_password: sekret\n"
                       f"  cluster_certificate: \"{pem}\"\n")

    def form(self):
        """From nothing to every member Online with pool, bridge and profile."""
        add = self.rec.add
        t0 = clock()
        starts = [n.start() for n in self.nodes]
        for n, t in zip(self.nodes, starts):
            add("form.ready_s", n.wait_ready(t))
        if self.impl.get("ready_cmd"):
            for n in self.nodes:
                sh(n.fmt("ready_cmd"))
            add("form.all_ready_cmd_s", clock() - t0)
        steps = [(self.nodes[0], self.boot_yaml, "form.bootstrap_s")]
        steps += [(n, lambda n=n: self.join_yaml(n), "form.join_s") for n in self.nodes[1:]]
        for n, text, metric in steps:
            secs, rc, out = n.preseed(text())
            add(metric, secs)
            if rc:
                raise RuntimeError(f"preseed on {n.name} failed: {out}")
        self.until(self.all_online)
        add("form.total_online_s", clock() - t0)
        voters = min(3, len(self.nodes))
        if self.until(lambda m: sum(self.impl["voter_role"] in x["roles"] for x in m.values()) >= voters, limit=30):
            add("form.total_3voters_s", clock() - t0)
        c = self.nodes[-1].conn()
        for url in ("/1.0/storage-pools/default", "/1.0/networks/lxdbr0"):
            meta = c.req("GET", url)[1]
            if not isinstance(meta, dict) or meta.get("status") != "Created":
                self.rec.note(f"form: {url} is {meta}")

    def members(self, node=None, timeout=5):
        code, m = (node or self.nodes[0]).conn(timeout).req("GET", "/1.0/cluster/members?recursion=1")
        return {x["server_name"]: x for x in m} if code == 200 else {}

    def leader(self):
        for _ in range(100):
            for n in self.nodes:
                for name, m in self.members(n).items():
                    if self.impl["leader_role"] in m["roles"]:
                        return next(x for x in self.nodes if x.name == name)
            time.sleep(0.1)
        raise RuntimeError("no leader")

    def until(self, test, limit=120):
        """Whether test(members) came to hold."""
        t = clock()
        while clock() - t < limit:
            m = self.members()
            if m and test(m):
                return True
            time.sleep(0.05)
        return False

    def settle(self):
        self.until(self.all_online)
        time.sleep(2)

    def all_online(self, m):
        return len(m) == len(self.nodes) and all(x["status"] == "Online" for x in m.values())

    def profile(self, conn, prefix="w"):
        self.seq += 1
        return conn.req("POST", "/1.0/profiles", {"name": f"{prefix}{self.seq}", "config": {"user.n": str(self.seq)}})

    def destroy(self):
        self.clear()
        for n in self.nodes:
            if n.proc:
                n.proc.wait()
        shutil.rmtree(self.work, ignore_errors=True)

    def clear(self):
        """Ends what runs in our own namespaces, then removes them."""
        for ns in [x for x in self.spaces if os.path.exists("/run/netns/" + x)]:
            for pid in subprocess.run(["ip", "netns", "pids", ns], capture_output=True, text=True).stdout.split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", ns])


class Rec:
    def __init__(self, impl):
        self.impl, self.vals, self.notes = impl, collections.OrderedDict(), collections.Counter()

    def add(self, metric, value):
        self.vals.setdefault(metric, []).append(round(value, 6))

    def lat(self, metric, samples):
        """One round's latencies (seconds) as p50 and p99 in ms."""
        s = sorted(samples)
        if s:
            self.add(metric + ".p50_ms", 1e3 * statistics.median(s))
            self.add(metric + ".p99_ms", 1e3 * s[min(len(s) - 1, int(len(s) * 0.99))])

    def cli(self, metric, cmd):
        """Times a command; one that fails gives a note, never a figure."""
        secs, rc, out = sh(cmd)
        if rc:
            self.note(f"{metric}: rc={rc} {out}")
        else:
            self.add(metric, secs)

    def note(self, text):
        self.notes[text] += 1


def timed(fn, expect=(200, 201)):
    t = clock()
    code, meta = fn()
    if code not in expect:
        raise RuntimeError(f"HTTP {code}: {meta}")
    return clock() - t
