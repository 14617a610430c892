#!/usr/bin/env python3
"""documents.py FOLDER COUNT [SEED]: manifests of 140 lines each, all different, that together are one valid set.

Each has three storage pools (every driver in turn), two networks and three profiles with devices and a cloud-init
text, in the proportions of the preseed files that people publish. The same seed gives the same bytes.
"""
import pathlib, random, sys

LINES = 140
DRIVERS = ["dir", "btrfs", "zfs", "lvm"]
SHARED = {
    "dir": ["rsync.bwlimit: 100MB", "volume.size: 10GiB"],
    "btrfs": ["btrfs.mount_options: noatime,compress=zstd", "volume.size: 8GiB"],
    "zfs": ["volume.zfs.use_refquota: true", "volume.zfs.remove_snapshots: true"],
    "lvm": ["lvm.use_thinpool: true", "volume.lvm.stripes: 2"],
}
OWN = {
    "dir": "source: /srv/{pool}",
    "btrfs": "source: /dev/disk/by-id/{pool}",
    "zfs": "source: tank/{pool}",
    "lvm": "source: /dev/vd{letter}, lvm.vg_name: vg-{pool}",
}


def pool(rng, doc, n):
    driver = DRIVERS[(doc + n) % len(DRIVERS)]
    name = f"pool-{doc}-{n}"
    lines = [f"- name: {name}", f"  driver: {driver}", f'  description: "{driver} pool {n} of site {doc}"', "  config:"]
    lines += [f"    {key}" for key in SHARED[driver]] + ["  members:"]
    for member in range(1, 4):
        own = OWN[driver].format(pool=name, letter=rng.choice("bcdefgh"))
        lines.append(f"    node{member}: {{{own}}}")
    return lines


def network(rng, doc, n):
    name, at = f"br{doc}n{n}", doc * 2 + n
    subnet = f"10.{at >> 8 & 255}.{at & 255}"
    return [
        f"- name: {name}", "  type: bridge", f"  description: Network {n} of site {doc}", "  config:",
        f"    ipv4.address: {subnet}.1/24", '    ipv4.nat: "true"', f"    ipv4.dhcp.ranges: {subnet}.10-{subnet}.200",
        "    ipv6.address: none", f"    dns.domain: site{doc}.example", f"    bridge.mtu: {rng.choice([1450, 1500, 9000])}",
        "  members:", f"    node2: {{bridge.external_interfaces: eth{rng.randrange(1, 5)}}}",
    ]


def profile(rng, doc, n):
    name = f"profile-{doc}-{n}"
    lines = [
        f"- name: {name}", f"  description: Workload {n} of site {doc}", "  config:",
        f'    limits.cpu: "{rng.randrange(1, 16)}"', f"    limits.memory: {rng.randrange(1, 64)}GiB",
        f"    security.nesting: {rng.choice(['true', 'false'])}", f"    user.owner: team-{rng.randrange(40)}",
        "  devices:", "    root:", "      type: disk", "      path: /", f"      pool: pool-{doc}-{n}",
        f"      size: {rng.randrange(5, 200)}GiB", "    eth0:", "      type: nic", "      name: eth0",
        f"      network: br{doc}n{n % 2}",
    ]
    if n == 2:
        lines += ["    www:", "      type: proxy", f"      listen: tcp:0.0.0.0:{rng.randrange(1024, 60000)}",
                  "      connect: tcp:127.0.0.1:80"]
    return lines


def text(rng, lines):
    start = ["- name: cloud-{doc}", "  config:", "    user.user-data: |", "      #cloud-config", "      packages:"]
    packages = ["nginx", "curl", "postgresql", "redis", "openssh-server", "htop", "nftables"]
    return start + [f"      - {rng.choice(packages)}-{rng.randrange(99)}  # line {n}" for n in range(lines - len(start))]


def document(doc, seed):
    rng = random.Random(f"{seed}/{doc}")
    lines = [f"# Site {doc}: pools, networks and profiles", "storage_pools:"]
    for n in range(3):
        lines += pool(rng, doc, n)
    lines.append("networks:")
    for n in range(2):
        lines += network(rng, doc, n)
    lines.append("profiles:")
    for n in range(3):
        lines += profile(rng, doc, n)
    lines += text(rng, LINES - len(lines))
    assert len(lines) == LINES, len(lines)
    return "\n".join(lines).replace("cloud-{doc}", f"cloud-{doc}") + "\n"


def write(folder, count, seed=1):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for doc in range(count):
        (folder / f"site-{doc:06}.yaml").write_text(document(doc, seed))


if __name__ == "__main__":
    write(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1)
