#!/usr/bin/env python3
"""Cluster benchmark for daemons that speak the LXD REST API on a unix socket and take a YAML preseed.

Every round builds a fresh cluster for each --impl in turn (A B A B ...), runs the chosen scenarios on it
and removes it again, so two daemons are compared under the same noise.  All traffic stays inside network
namespaces that this script makes (bx1..bxN around a bridge in bxhub); they are removed at the end.

  bench.py --impl lxd --impl seedbed                         # built-in templates for both; Seedbed from target/release
  bench.py --impl lxd --impl other --start-cmd 'exec env X_DIR={dir} ip netns exec {ns} xd --log {log}' \
           --preseed-cmd 'X_DIR={dir} nsenter --net=/run/netns/{ns} xctl init --preseed' \
           --list-cmd 'X_DIR={dir} xctl cluster list' --cert '{dir}/cluster.crt'

Options after an --impl change that implementation.  Placeholders: {dir} {ns} {name} {addr} {log} {sock};
in the container templates also {c} {target} {image}.  --start-cmd must end up as the daemon itself (exec),
since its pid is the one that is killed and measured.
"""
import argparse, collections, hashlib, json, os, re, shutil, signal, statistics, subprocess, sys, threading, time
from cluster import LXD, SEEDBED, Cluster, Rec, clock, sh, timed

ALL = "resources,noop,members,profiles,twophase,onecall,manifest,load,launch,leader,follower,partition".split(",")


def gauge(cl):
    """How noisy the machine is in this round: load, a fixed CPU task, and fdatasync of a 4 KiB append."""
    cl.rec.add("env.load1", os.getloadavg()[0])
    t = clock()
    hashlib.sha256(bytes(64 << 20)).digest()
    cl.rec.add("env.sha256_64MiB_ms", 1e3 * (clock() - t))
    lat = []
    with open(f"{cl.work}/gauge", "wb", buffering=0) as f:
        for _ in range(100):
            f.write(bytes(4096))
            lat.append(timed(lambda: (200, os.fdatasync(f.fileno()))))
    cl.rec.lat("env.fdatasync", lat)


# ---- steady-state scenarios -------------------------------------------------------------------------------

def noop(cl, o):
    c = cl.nodes[0].conn()
    deep = lambda x: (sorted(map(deep, x), key=str) if isinstance(x, list) else
                      sorted((k, deep(v)) for k, v in x.items()) if isinstance(x, dict) else x)
    state = lambda: [deep(c.req("GET", f"/1.0/{u}?recursion=1")[1]) for u in ("storage-pools", "networks", "profiles")]
    before = state()
    for _ in range(5):
        secs, rc, out = cl.nodes[0].preseed(cl.boot_yaml())
        cl.rec.add("noop.bootstrap_again_s", secs)
        cl.rec.note(f"noop: bootstrap preseed again: rc={rc} {out} changed={state() != before}")
    secs, rc, out = cl.nodes[1].preseed(cl.join_yaml(cl.nodes[1]))
    cl.rec.add("noop.join_again_s", secs)
    cl.rec.note(f"noop: joiner preseed again: rc={rc} {out}")


def ends(cl):
    lead = cl.leader()
    return (("leader", lead), ("follower", next(n for n in cl.nodes if n is not lead)))


def members(cl, o):
    for who, n in ends(cl):
        c = n.conn()
        cl.rec.lat(f"members.{who}", [timed(lambda: c.req("GET", "/1.0/cluster/members?recursion=1")) for _ in range(300)])
    for who, n in ends(cl):
        for _ in range(10 if n.fmt("list_cmd") else 0):
            cl.rec.cli(f"members.cli_list_{who}_s", n.fmt("list_cmd"))


def profiles(cl, o, count=200):
    for who, n in ends(cl):
        c = n.conn()
        t = clock()
        cl.rec.lat(f"profile.create_{who}", [timed(lambda: cl.profile(c)) for _ in range(count)])
        cl.rec.add(f"profile.create_{who}_per_s", count / (clock() - t))
        name = f"w{cl.seq}"
        t = clock()
        cl.rec.lat(f"profile.read_{who}", [timed(lambda: c.req("GET", f"/1.0/profiles/{name}")) for _ in range(1000)])
        cl.rec.add(f"profile.read_{who}_per_s", 1000 / (clock() - t))
    for who, n in ends(cl):
        lat, errs = [], collections.Counter()

        def worker(k):
            c = n.conn()
            for i in range(count // 8):
                t = clock()
                code, meta = c.req("POST", "/1.0/profiles", {"name": f"par-{who}-{k}-{i}", "config": {"user.n": "1"}})
                lat.append(clock() - t) if code in (200, 201) else errs.update([f"{code} {meta}"[:100]])

        ts = [threading.Thread(target=worker, args=(k,)) for k in range(8)]
        t = clock()
        [x.start() for x in ts], [x.join() for x in ts]
        cl.rec.add(f"profile.create8_{who}_per_s", len(lat) / (clock() - t))
        cl.rec.lat(f"profile.create8_{who}", lat)
        cl.rec.add(f"profile.create8_{who}_errors", sum(errs.values()))
        for e in errs:
            cl.rec.note("profiles: 8 parallel creates: " + e)
    c = cl.leader().conn()
    t = clock()
    names = [u.rsplit("/", 1)[1] for u in c.req("GET", "/1.0/profiles")[1]]
    names = [x for x in names if x != "default"]
    cl.rec.lat("profile.delete_leader", [timed(lambda: c.req("DELETE", f"/1.0/profiles/{x}")) for x in names])


def load(cl, o):
    """Profile creates in a closed loop from a compiled client, which costs little beside the daemons."""
    lead = cl.leader()
    for clients in (1, 8, 64) if o.loader else ():
        cl.seq += 1
        out = json.loads(subprocess.check_output([o.loader, lead.sock, str(clients), str(o.secs), f"l{cl.seq}"]))
        if out["errors"]:
            cl.rec.note(f"load: {clients} clients: {out['errors']} errors, such as {out['sample']}"[:200])
        cl.rec.add(f"load.create_{clients}c_per_s", out["rate"])
        cl.rec.add(f"load.create_{clients}c.p50_ms", out["p50_ms"])
        cl.rec.add(f"load.create_{clients}c.p99_ms", out["p99_ms"])


def one_call(cl, conn, section, doc, path):
    """Seconds from one request that declares an object to the answer that every member has it."""
    t = clock()
    code, meta = conn.req("POST", "/1.0/seedbed/apply?wait=1", {"yaml": f"{section}:\n- {json.dumps(doc)}\n"})
    took = clock() - t
    got = conn.req("GET", path)[1]
    if code not in (200, 201) or not isinstance(got, dict) or got.get("status") != "Created":
        raise RuntimeError(f"one call for {path}: HTTP {code}: {meta if code >= 400 else got}")
    return took


def onecall(cl, o, count=20):
    """A pool and a bridge on all members by one declaration; only for daemons that take one."""
    if not cl.nodes[0].fmt("apply_cmd", file=""):
        return
    c = cl.leader().conn()
    pools = [one_call(cl, c, "storage_pools", {"name": f"op{i}", "driver": "dir"}, f"/1.0/storage-pools/op{i}")
             for i in range(count)]
    nets = [one_call(cl, c, "networks", {"name": f"on{i}", "type": "bridge", "config": {
        "ipv4.address": "none", "ipv6.address": "none"}}, f"/1.0/networks/on{i}") for i in range(count)]
    cl.rec.lat("one_pool", pools)
    cl.rec.lat("one_net", nets)
    for i in range(count):
        timed(lambda: c.req("DELETE", f"/1.0/storage-pools/op{i}"))
        timed(lambda: c.req("DELETE", f"/1.0/networks/on{i}"))


def manifest(cl, o, count=1000):
    """A thousand profiles: a manifest where the daemon takes one, a loop of calls where it does not."""
    n = cl.leader()
    c = n.conn()
    path = f"{cl.work}/thousand.yaml"
    with open(path, "w") as f:
        f.write("profiles:\n")
        for i in range(count):
            f.write(f"- name: m{i}\n  description: number {i}\n  config:\n    user.n: {i}\n    limits.cpu: 2\n")
    for turn in ("first", "again"):
        if n.fmt("apply_cmd", file=path):
            secs, rc, out = sh(n.fmt("apply_cmd", file=path))
            if rc:
                cl.rec.note(f"manifest {turn}: rc={rc} {out}")
        else:
            t = clock()
            for i in range(count):
                body = {"name": f"m{i}", "description": f"number {i}", "config": {"user.n": str(i), "limits.cpu": "2"}}
                timed(lambda: c.req("POST", "/1.0/profiles", body) if turn == "first" else
                      c.req("PUT", f"/1.0/profiles/m{i}", {k: v for k, v in body.items() if k != "name"}))
            secs = clock() - t
        cl.rec.add(f"manifest.{turn}_{count}_s", secs)
    have = len([u for u in c.req("GET", "/1.0/profiles")[1] if u.rsplit("/", 1)[1].startswith("m")])
    if have < count:
        cl.rec.note(f"manifest: only {have} of {count} profiles exist")


def two_phase(cl, conn, kind, name):
    """(seconds of all defines, seconds of the global create)"""
    url = "/1.0/" + kind
    driver = {"driver": "dir"} if kind == "storage-pools" else {"type": "bridge"}
    conf = {} if kind == "storage-pools" else {"ipv4.address": "none", "ipv6.address": "none"}
    t = clock()
    for n in cl.nodes:
        timed(lambda: conn.req("POST", f"{url}?target={n.name}", {"name": name, **driver}))
    d = clock() - t
    return d, timed(lambda: conn.req("POST", url, {"name": name, "config": conf, **driver}))


def twophase(cl, o, count=20):
    for who, n in ends(cl):
        c = n.conn()
        for kind, short in (("storage-pools", "pool"), ("networks", "net")):
            t = clock()
            r = [two_phase(cl, c, kind, f"{short}{i}") for i in range(count)]
            cl.rec.add(f"two_{short}.{who}_{count}_total_s", clock() - t)
            cl.rec.lat(f"two_{short}.{who}_defines", [x[0] for x in r])
            cl.rec.lat(f"two_{short}.{who}_global", [x[1] for x in r])
            cl.rec.lat(f"two_{short}.{who}_delete",
                       [timed(lambda: c.req("DELETE", f"/1.0/{kind}/{short}{i}")) for i in range(count)])


def proc_state(node):
    pid = node.proc.pid
    roll = dict(re.findall(r"^(\w+): +(\d+) kB", open(f"/proc/{pid}/smaps_rollup").read(), re.M))
    io = dict(re.findall(r"^(\w+): (\d+)", open(f"/proc/{pid}/io").read(), re.M))
    stat = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    cpu = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    return {"rss": int(roll["Rss"]) / 1024, "pss": int(roll["Pss"]) / 1024, "cpu": cpu,
            "wb": int(io["write_bytes"]), "wchar": int(io["wchar"])}


SYNCS = "fsync,fdatasync,sync_file_range,io_submit,io_uring_enter,pwritev2,pwrite64,msync"


def resources(cl, o):
    add, lead = cl.rec.add, cl.leader()
    role = lambda n: "leader" if n is lead else "follower"
    time.sleep(5)
    a = [proc_state(n) for n in cl.nodes]
    time.sleep(o.idle)
    b = [proc_state(n) for n in cl.nodes]
    for n, x, y in zip(cl.nodes, a, b):
        add(f"res.idle_cpu_{role(n)}_pct", 100 * (y["cpu"] - x["cpu"]) / o.idle)
        add(f"res.idle_write_{role(n)}_KiB_per_min", (y["wb"] - x["wb"]) / 1024 * 60 / o.idle)
        add(f"res.idle_rss_{role(n)}_MiB", y["rss"])
        add(f"res.idle_pss_{role(n)}_MiB", y["pss"])
    c = lead.conn()
    for _ in range(200):
        timed(lambda: cl.profile(c))
    z = [proc_state(n) for n in cl.nodes]
    for n, y, x in zip(cl.nodes, b, z):
        add(f"res.write_{role(n)}_KiB_per_commit", (x["wb"] - y["wb"]) / 1024 / 200)
        add(f"res.cpu_{role(n)}_ms_per_commit", 1e3 * (x["cpu"] - y["cpu"]) / 200)
        add(f"res.after200_rss_{role(n)}_MiB", x["rss"])
        add(f"res.after200_pss_{role(n)}_MiB", x["pss"])
    if not shutil.which("strace"):
        return
    straces = []
    for n in cl.nodes:
        f = f"{cl.work}/strace{n.i}"
        straces.append((n, f, subprocess.Popen(["strace", "-f", "-qq", "-c", "-e", "trace=" + SYNCS, "-o", f, "-p",
                                                str(n.proc.pid)], stderr=subprocess.DEVNULL)))
    time.sleep(1.5)
    for _ in range(20):
        timed(lambda: cl.profile(c))
    for n, f, p in straces:
        p.send_signal(signal.SIGINT)
        p.wait()
        got = {}
        for line in open(f):
            w = line.split()
            if len(w) >= 5 and w[-1] in SYNCS.split(","):
                got[w[-1]] = int(w[3])
        for call in SYNCS.split(","):
            if got.get(call):
                add(f"res.{call}_{role(n)}_per_commit", got[call] / 20)


def launch(cl, o):
    n = cl.nodes[0]
    if not o.image or not n.fmt("launch_cmd", c="", target="", image=""):
        return
    cl.rec.cli("launch.import_s", n.fmt("import_cmd", image=o.image))
    k = 0
    for phase, times in (("first", 1), ("warm", 5)):
        for t in cl.nodes:
            where = "local" if t is n else "remote"
            for _ in range(times):
                k += 1
                fmt = lambda key: n.fmt(key, c=f"bxc{k}", target=t.name, image=o.image)
                cl.rec.cli(f"launch.{phase}_{where}_s", fmt("launch_cmd"))
                for _ in range(2):
                    cl.rec.cli(f"launch.exec_{where}_s", fmt("exec_cmd"))
                cl.rec.cli(f"launch.delete_{where}_s", fmt("delete_cmd"))
    left = n.conn().req("GET", "/1.0/instances")[1]
    if left:
        cl.rec.note(f"launch: left behind: {left}")


# ---- failures ---------------------------------------------------------------------------------------------

class Probe:
    """Open loop: a new attempt every 250 ms on its own connection; keeps the time of the first that succeeds."""

    def __init__(self, t0, attempt, limit=90):
        self.t0, self.first, self.errs, self.attempt = t0, None, collections.Counter(), attempt
        self.thread = threading.Thread(target=self._run, args=(limit,), daemon=True)
        self.thread.start()

    def _run(self, limit):
        while self.first is None and clock() - self.t0 < limit:
            threading.Thread(target=self._one, daemon=True).start()
            time.sleep(0.25)

    def _one(self):
        code, meta = self.attempt()
        if code in (200, 201):
            if self.first is None:
                self.first = clock() - self.t0
        else:
            self.errs[f"{code} {meta}"[:110]] += 1

    def wait(self):
        self.thread.join()
        return self.first if self.first is not None else float("nan")


def outage(cl, label, down, t0, alive, o):
    """Watches an outage that began at t0: first write and read elsewhere, and OFFLINE (not with --quick)."""
    rec = cl.rec
    if o.quick:
        rec.add(f"{label}.first_write_s", min(p.wait() for p in [Probe(t0, lambda n=n: cl.profile(n.conn(30), "o")) for n in alive]))
        return
    writes = [Probe(t0, lambda n=n: cl.profile(n.conn(30), "o")) for n in alive]
    reads = [Probe(t0, lambda n=n: n.conn(30).req("GET", "/1.0/profiles/default")) for n in alive]
    gone = None
    while gone is None and clock() - t0 < 90:
        for n in alive:
            m = cl.members(n).get(down.name)
            if gone is None and m and m["status"] != "Online":
                gone = clock() - t0
                rec.note(f"{label}: shown as {m['status']}: {m['message']}"[:120])
        time.sleep(0.1)
    rec.add(f"{label}.offline_shown_s", gone if gone is not None else float("nan"))
    rec.add(f"{label}.first_write_s", min(p.wait() for p in writes))
    rec.add(f"{label}.write_on_every_survivor_s", max(p.wait() for p in writes))
    rec.add(f"{label}.first_read_s", min(p.wait() for p in reads))
    for p in writes:
        for e, k in p.errs.items():
            rec.note(f"{label}: write refused with: {e}")


def back(cl, label, node, t0, via, gone=True):
    """Time until a node that came back at t0 is Online as seen from another one, and takes writes itself."""
    p = Probe(t0, lambda: cl.profile(node.conn(30), "b"))
    while gone and clock() - t0 < 120 and cl.members(via).get(node.name, {}).get("status") != "Online":
        time.sleep(0.05)
    if gone:
        cl.rec.add(f"{label}.online_again_s", clock() - t0)
    cl.rec.add(f"{label}.write_via_returned_s", p.wait())


def leader(cl, o):
    lead = cl.leader()
    rest = [n for n in cl.nodes if n is not lead]
    cl.settle()
    t0 = clock()
    lead.kill9()
    outage(cl, "leader_kill", lead, t0, rest, o)
    back(cl, "leader_kill", lead, lead.start(), rest[0])
    cl.settle()


def pool_state(cl, conn, name):
    code, meta = conn.req("GET", f"/1.0/storage-pools/{name}")
    return meta.get("status") if code == 200 else f"{code}"


def follower(cl, o):
    """kill -9 of a follower: on its own, between define and global create, and inside the global create."""
    mask = lambda x: re.sub(r"\d+\.\d+\.\d+\.\d+:\d+|node\d", "N", str(x))[:170]
    for k, label in enumerate(("follower_kill", "follower_kill_before_global", "follower_kill_in_global")):
        cl.settle()
        lead, name, note = cl.leader(), f"fk{k}", lambda t: cl.rec.note(f"{label}: {t}")
        victim = next(n for n in cl.nodes[::-1] if n is not lead)
        c = lead.conn(90)
        define = lambda n: c.req("POST", f"/1.0/storage-pools?target={n.name}", {"name": name, "driver": "dir"})
        create = lambda: c.req("POST", "/1.0/storage-pools", {"name": name, "driver": "dir"})
        if k == 0:
            t0 = clock()
            victim.kill9()
            outage(cl, label, victim, t0, [n for n in cl.nodes if n is not victim], o)
        for n in cl.nodes:
            code, meta = define(n)
            if code not in (200, 201):
                note(f"define on the dead node -> {code} {mask(meta)}")
        if k == 1:
            victim.kill9()
        if k == 2:
            threading.Timer(o.kill_after, victim.kill9).start()
        t = clock()
        code, meta = create()
        cl.rec.add(f"{label}.create_answer_s", clock() - t)
        note(f"create -> {code} {mask(meta)}; state {pool_state(cl, c, name)}")
        while victim.proc.poll() is None:
            time.sleep(0.01)
        code, meta = c.req("DELETE", f"/1.0/storage-pools/{name}")
        note(f"delete while down -> {code} {mask(meta)}; state {pool_state(cl, c, name)}")
        back(cl, label, victim, victim.start(), lead, gone=k == 0)
        cl.settle()
        state = pool_state(cl, c, name)
        if state in ("Pending", "Errored"):
            for n in cl.nodes if k == 0 else ():
                define(n)
            code, meta = create()
            note(f"after restart state {state}; create again -> {code} {mask(meta)}; state {pool_state(cl, c, name)}")
        code, meta = c.req("DELETE", f"/1.0/storage-pools/{name}")
        note(f"delete after restart (state {state}) -> {code} {mask(meta)}; state {pool_state(cl, c, name)}")


def partition(cl, o):
    for who in ("leader",) if o.quick else ("follower", "leader"):
        cl.settle()
        lead = cl.leader()
        node = lead if who == "leader" else next(n for n in cl.nodes if n is not lead)
        rest = [n for n in cl.nodes if n is not node]
        label = f"cut_{who}"
        t0 = cl.link(node, "down")
        lone = {}

        def isolated(what, method, url, body):
            c = node.conn(75)
            t = clock()
            code, meta = c.req(method, url, body)
            lone[what] = (clock() - t, code, meta)

        ts = [threading.Thread(target=isolated, args=a) for a in (
            ("write", "POST", "/1.0/profiles", {"name": f"lone-{who}"}), ("read", "GET", "/1.0/profiles/default", None))]
        [t.start() for t in ts if not o.quick]
        outage(cl, label, node, t0, rest, o)
        [t.join() for t in ts if not o.quick]
        for what, (secs, code, meta) in lone.items():
            cl.rec.add(f"{label}.isolated_{what}_answer_s", secs)
            cl.rec.note(f"{label}: isolated {what} -> {code} {meta if code != 200 else 'ok'}"[:170])
        back(cl, label, node, cl.link(node, "up"), rest[0])
        cl.settle()
        seen = [n.conn().req("GET", f"/1.0/profiles/lone-{who}")[0] for n in cl.nodes]
        cl.rec.note(f"{label}: after healing the isolated write reads as {sorted(set(seen))}")


# ---- driver -----------------------------------------------------------------------------------------------

def report(recs, out):
    names = [r.impl["name"] for r in recs]
    lines = ["| metric | " + " | ".join(f"{n} min / median / max (n)" for n in names)
             + (" | ratio of medians |" if len(recs) > 1 else " |"),
             "|---" * (len(recs) + 1 + (len(recs) > 1)) + "|"]
    for m in dict.fromkeys(k for r in recs for k in r.vals):
        cells, meds = [], []
        for r in recs:
            v = [x for x in r.vals.get(m, []) if x == x]
            lost = len(r.vals.get(m, [])) - len(v)
            meds.append(statistics.median(v) if v else None)
            cells.append((f"{min(v):.3g} / {meds[-1]:.3g} / {max(v):.3g} ({len(v)})" if v else "never")
                         + (f" +{lost} never" if lost else ""))
        ratio = f" | {meds[1] / meds[0]:.2f}" if len(recs) > 1 and meds[0] and meds[1] is not None else ""
        lines.append(f"| {m} | " + " | ".join(cells) + ratio + " |")
    for r in recs:
        lines += [""] + [f"- {r.impl['name']} x{k}: {t}" for t, k in r.notes.items()]
    print("\n".join(lines))
    if out:
        with open(out, "w") as f:
            json.dump([{"impl": r.impl, "vals": r.vals, "notes": r.notes} for r in recs], f, indent=1)


class Impl(argparse.Action):
    def __call__(self, parser, ns, value, option=None):
        if self.dest == "impl":
            base = (LXD if value.startswith("lxd") else SEEDBED if value.startswith("seedbed") else
                    {k: LXD[k] for k in ("sock", "cert", "leader_role", "voter_role", "join")})
            ns.impls = (getattr(ns, "impls", None) or []) + [dict(base, name=value)]
        elif not getattr(ns, "impls", None):
            parser.error(f"{option} must follow an --impl")
        else:
            ns.impls[-1][self.dest] = value


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--impl", action=Impl, help="name; 'lxd...' starts from the built-in templates")
    for k in dict.fromkeys([*LXD, *SEEDBED]):
        ap.add_argument("--" + k.replace("_", "-"), dest=k, action=Impl)
    ap.add_argument("--nodes", type=int, default=3)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--only", default=",".join(ALL), help="scenarios, besides forming: " + ",".join(ALL) + " (or none)")
    ap.add_argument("--work", default=os.path.join(os.environ.get("TMPDIR", "/tmp"), "bxlab"))
    ap.add_argument("--image", help="container image for the launch scenario")
    ap.add_argument("--idle", type=float, default=60, help="seconds over which idle CPU is measured")
    ap.add_argument("--kill-after", type=float, default=0.04, help="seconds into the global create")
    ap.add_argument("--loader", help="the compiled client of the load scenario: target/release/examples … see make bench")
    ap.add_argument("--secs", type=float, default=3, help="seconds of each load step")
    ap.add_argument("--quick", action="store_true", help="of failures, time only the next accepted write")
    ap.add_argument("--out", help="raw figures as JSON")
    o = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))
    recs = [Rec(i) for i in o.impls]
    for r in range(o.rounds):
        for rec in recs:
            cl = Cluster(rec.impl, o.work, o.nodes, rec)
            try:
                gauge(cl)
                cl.form()
                for s in [x for x in o.only.split(",") if x in ALL]:
                    t = clock()
                    try:
                        cl.settle()
                        globals()[s](cl, o)
                    except Exception as e:          # one scenario's failure is a result, not the end
                        rec.note(f"{s}: aborted: {type(e).__name__}: {e}"[:250])
                    print(f"round {r + 1} {rec.impl['name']} {s}: {clock() - t:.1f} s", file=sys.stderr, flush=True)
            except Exception as e:
                rec.note(f"forming: aborted: {type(e).__name__}: {e}"[:250])
            finally:
                cl.destroy()
    report(recs, o.out)


if __name__ == "__main__":
    main()
