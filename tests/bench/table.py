#!/usr/bin/env python3
"""table.py CLUSTER.json ETCD.json: the README's table from the raw figures of one run of `make bench`."""
import datetime, json, os, platform, statistics, sys

ROWS = [  # what, LXD's metrics (added up), Seedbed's metrics, target, unit
    ("from nothing to 3 ONLINE with pool, bridge and profile", ["form.total_online_s"], ["form.total_online_s"], 0.9, "s"),
    ("the same preseed applied again", ["noop.bootstrap_again_s"], ["noop.bootstrap_again_s"], 0.02, "s"),
    ("a pool: 3 definitions + global create; ours in one call, p50",
     ["two_pool.leader_defines.p50_ms", "two_pool.leader_global.p50_ms"], ["one_pool.p50_ms"], 15, "ms"),
    ("a pool, LXD's four calls on both, p50", ["two_pool.leader_defines.p50_ms", "two_pool.leader_global.p50_ms"],
     ["two_pool.leader_defines.p50_ms", "two_pool.leader_global.p50_ms"], None, "ms"),
    ("a bridge: 3 definitions + global create; ours in one call, p50",
     ["two_net.leader_defines.p50_ms", "two_net.leader_global.p50_ms"], ["one_net.p50_ms"], 40, "ms"),
    ("a bridge, LXD's four calls on both, p50", ["two_net.leader_defines.p50_ms", "two_net.leader_global.p50_ms"],
     ["two_net.leader_defines.p50_ms", "two_net.leader_global.p50_ms"], None, "ms"),
    ("profile create through the leader, p50", ["profile.create_leader.p50_ms"], ["profile.create_leader.p50_ms"], 1.5, "ms"),
    ("profile create through a follower, p50", ["profile.create_follower.p50_ms"], ["profile.create_follower.p50_ms"], 2, "ms"),
    ("profile creates a second, 8 clients", ["load.create_8c_per_s"], ["load.create_8c_per_s"], 2500, "/s"),
    ("profile creates a second, 64 clients", ["load.create_64c_per_s"], ["load.create_64c_per_s"], "etcd", "/s"),
    ("profile read through the leader, p50", ["profile.read_leader.p50_ms"], ["profile.read_leader.p50_ms"], 0.3, "ms"),
    ("profile read through a follower, p50", ["profile.read_follower.p50_ms"], ["profile.read_follower.p50_ms"], 0.3, "ms"),
    ("members list, p50", ["members.leader.p50_ms"], ["members.leader.p50_ms"], 0.3, "ms"),
    ("a manifest of 1,000 objects, first (LXD: a loop of calls)", ["manifest.first_1000_s"], ["manifest.first_1000_s"], 0.5, "s"),
    ("the same manifest again", ["manifest.again_1000_s"], ["manifest.again_1000_s"], 0.1, "s"),
    ("leader killed: next write accepted", ["leader_kill.first_write_s"], ["leader_kill.first_write_s"], 1.2, "s"),
    ("leader cut off: next write accepted", ["cut_leader.first_write_s"], ["cut_leader.first_write_s"], 1.5, "s"),
    ("daemon start to ready", ["form.ready_s"], ["form.ready_s"], 0.05, "s"),
    ("resident memory of an idle leader", ["res.idle_rss_leader_MiB"], ["res.idle_rss_leader_MiB"], 25, "MiB"),
    ("resident memory of an idle follower", ["res.idle_rss_follower_MiB"], ["res.idle_rss_follower_MiB"], 25, "MiB"),
    ("idle CPU of the leader", ["res.idle_cpu_leader_pct"], ["res.idle_cpu_leader_pct"], 0.1, "%"),
    ("idle CPU of a follower", ["res.idle_cpu_follower_pct"], ["res.idle_cpu_follower_pct"], 0.1, "%"),
    ("written per commit, leader", ["res.write_leader_KiB_per_commit"], ["res.write_leader_KiB_per_commit"], 8, "KiB"),
    ("written per commit, follower", ["res.write_follower_KiB_per_commit"], ["res.write_follower_KiB_per_commit"], 8, "KiB"),
]


def series(vals, metrics):
    """The figures of each round, added up over the metrics; NaN rounds left out."""
    columns = [[x for x in vals.get(m, []) if x == x] for m in metrics]
    return [sum(xs) for xs in zip(*columns)] if all(columns) else []


def cell(xs):
    return f"{min(xs):.3g} / **{statistics.median(xs):.3g}** / {max(xs):.3g} ({len(xs)})" if xs else "not measured"


def main():
    lxd, ours = (next(r["vals"] for r in json.load(open(sys.argv[1])) if r["impl"]["name"].startswith(n)) for n in ("lxd", "seedbed"))
    etcd = json.load(open(sys.argv[2])) if len(sys.argv) > 2 else {}
    puts = etcd.get("grpc_put_leader_64c.rate_per_s", [])
    print(f"Measured on {datetime.date.today()}: {os.cpu_count()} cores, Linux {platform.release()}, "
          "LXD 5.0.2 and etcd from Debian 12. Cells: min / **median** / max (rounds).\n")
    print("| 3 members, dir pools | LXD | Seedbed | ratio | target | |\n|---|---|---|---|---|---|")
    for what, theirs, mine, target, unit in ROWS:
        a, b = series(lxd, theirs), series(ours, mine)
        goal = (statistics.median(puts) if puts else None) if target == "etcd" else target
        shown = "" if goal is None else f"etcd in this run: {goal:.0f}" if target == "etcd" else f"{goal:g} {unit}"
        verdict = ""
        if goal is not None and b:
            m = statistics.median(b)
            verdict = "reached" if (m >= goal if unit == "/s" else m <= goal) else "**short**"
        ratio = f"{statistics.median(b) / statistics.median(a):.3g}" if a and b and statistics.median(a) else ""
        print(f"| {what}, {unit} | {cell(a)} | {cell(b)} | {ratio} | {shown} | {verdict} |")


if __name__ == "__main__":
    main()
