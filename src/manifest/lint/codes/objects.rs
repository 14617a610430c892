//! The rules that hold for a file by itself and for one object: `SB0..`.

use crate::manifest::codes::{Rule, rule};

/// In the order of their codes.
pub(super) const OF_OBJECTS: &[Rule] = &[
    rule(
        "SB001",
        "not an object of this kind",
        "The object lacks a field that its kind needs, or a field has a type that the kind cannot read.",
    ).binding(),
    rule(
        "SB002",
        "a file cannot be read",
        "The path does not exist, its permissions forbid it, or it is not text in an encoding of YAML: UTF-8, or UTF-16 or UTF-32 with a byte-order mark.",
    ).binding(),
    rule(
        "SB003",
        "a directory without a manifest",
        "Directories are searched for files whose names end in .yaml or .yml; hidden ones and those that a .seedbedignore names are left out. An empty set would ask for nothing, which is rarely meant.",
    ).binding(),
    rule(
        "SB004",
        "a file is too large",
        "A set may consist of any number of files, but a single one is bounded, so that no input can exhaust memory.",
    ).binding(),
    rule(
        "SB005",
        "not YAML",
        "The text breaks the rules of YAML at the marked place. The rest of the document was not read; other documents and files were.",
    ).binding(),
    rule(
        "SB006",
        "a tab as indentation",
        "YAML indents with blanks only. Editors can be told to insert blanks for tabs in .yaml files.",
    ).binding(),
    rule(
        "SB007",
        "a key stands twice",
        "LXD 3 and 4 took the last of two equal keys, later releases and Incus refuse them. Keep the one that is meant.",
    ).binding(),
    rule(
        "SB008",
        "a certificate cut short",
        "Three dots in the first column end a YAML document, so a certificate whose middle was replaced by dots cannot be read. Paste all of it, or name its file with cluster_certificate_path.",
    ).binding(),
    rule(
        "SB009",
        "lost indentation",
        "Text pasted through some terminals and chats loses its leading blanks; in YAML they say what belongs to what.",
    ).binding(),
    rule(
        "SB010",
        "anchors and aliases",
        "An alias needs an anchor before it, and values may be repeated and nested only up to a bound.",
    ).binding(),
    rule(
        "SB011",
        "odd bytes",
        "Byte-order marks and Windows line ends are read without harm, but other tools may stumble over them.",
    ),
    rule(
        "SB012",
        "a key that is no text",
        "Mostly the braces of a template that was not filled in: YAML reads {{ name }} as a mapping whose key is a mapping.",
    ).binding(),
    rule(
        "SB013",
        "an ignore file that cannot be used",
        "A .seedbedignore has the syntax of .gitignore: a pattern a line, `/` at its start ties it to the directory of the file, `/` at its end means directories, `!` takes an earlier pattern back. It holds for the directory that it stands in and those below; the one of the working directory holds for all directories that are named.",
    )
    .binding(),
    rule(
        "SB014",
        "an unknown configuration key",
        "No release of LXD or Incus knows this key for this kind and driver. LXD up to 5.0.1 ignored such keys silently.",
    ),
    rule(
        "SB015",
        "a member-specific key among shared ones",
        "Members differ in this key: write it under members: NAME:, or leave it in the file of the one member that it belongs to.",
    ),
    rule(
        "SB016",
        "a shared key among member-specific ones",
        "All members have the same value of this key: write it under config:.",
    ),
    rule(
        "SB017",
        "a value of the wrong type",
        "The key wants a boolean, a whole number, a size or one of a few words.",
    ),
    rule(
        "SB018",
        "a name that is not allowed",
        "Names become host names or parts of paths; what they may hold depends on the kind.",
    ),
    rule(
        "SB019",
        "not an address",
        "Addresses are HOST:PORT, with brackets around IPv6. Where others are to connect to it, an address must not be a wildcard.",
    ),
    rule(
        "SB020",
        "a server key with a value that cannot be",
        "The key exists, but its value is outside of what it takes.",
    ),
    rule("SB021", "a volatile key in a profile", "`volatile.*` keys belong to one instance: profiles cannot set them."),
    rule(
        "SB022",
        "a device that cannot work",
        "Devices need a type, the keys of that type and no others, and must not contradict each other.",
    ),
    rule("SB023", "a restriction without effect", "The keys have an effect only together with `restricted: true`."),
    rule(
        "SB024",
        "a feature of the default project",
        "All projects share the default project's features, so they cannot be changed.",
    ),
    rule(
        "SB025",
        "a storage pool without a known driver",
        "A pool is made by dir, btrfs, zfs or lvm. Drivers of LXD and Incus that this version does not have are named as such when a member is to make the pool.",
    ),
    rule(
        "SB026",
        "a source that cannot be",
        "What a source may be depends on the driver: a directory, a block device, a dataset or a volume group. Paths are absolute.",
    ),
    rule(
        "SB027",
        "a size that cannot be",
        "Sizes of pools belong to loop files, and each driver needs a least size. A dir pool uses the file system that it is on.",
    ),
    rule(
        "SB028",
        "a volume group that holds the system",
        "Installers put the system on a volume group of this name. LXD refuses one that is not empty, and tells so only when the pool is made. Name another one or a disk, or set lvm.vg.force_reuse where sharing it is meant.",
    ),
    rule(
        "SB029",
        "a tag that nobody acts on",
        "`!vault`, `!include` and the like ask a program to put something in the place of the value. Preseed files have no such tags: the text itself would become the value, a password even.",
    ),
    rule(
        "SB030",
        "a merge that was not finished",
        "Git leaves both sides of a conflict in the file, between lines of `<<<<<<<`, `=======` and `>>>>>>>`, for somebody to decide.",
    ).binding(),
    rule(
        "SB031",
        "characters that nobody sees",
        "No-break spaces and marks without width come along when text is copied from web pages and chats. YAML takes them for letters: the line belongs to something else, or the key is another one, than it seems.",
    ).binding(),
    rule(
        "SB040",
        "a network whose interface has a bad name",
        "A network's interface is named after it: at most 15 characters, and not the name of an interface that is there anyway.",
    ),
    rule(
        "SB041",
        "a part of a pool that cannot be changed",
        "A pool's driver and some keys shape it when it is made, and its size can only grow. Nothing that holds data is made anew behind your back: make another pool and move the volumes.",
    ),
    rule(
        "SB042",
        "an address of a network that cannot be",
        "The network's addresses, subnets and routes must be valid and fit each other.",
    ),
    rule("SB043", "ranges of a network that cannot be", "DHCP ranges must lie within the network's subnet."),
    rule(
        "SB044",
        "a number of a network that is out of bounds",
        "MTU, VLAN and other numbers have bounds that the kernel sets.",
    ),
    rule(
        "SB045",
        "an interface that cannot be attached",
        "External and parent interfaces must be named as the kernel names interfaces.",
    ),
    rule(
        "SB046",
        "a name of a network that is no domain",
        "DNS domains, MAC addresses and the like have a form of their own.",
    ),
    rule(
        "SB047",
        "a part of networks that this version lacks",
        "The key is known to LXD or Incus. This version keeps it, but a bridge of its own does not have what it asks for.",
    ),
    rule(
        "SB048",
        "a network of a machine in a project",
        "Interfaces of a machine belong to no project: such networks live in the project `default`.",
    ),
    rule("SB049", "a network that would have to be made anew", "The change cannot be made in place."),
    rule(
        "SB050",
        "a network type that is not supported",
        "OVN networks need Open vSwitch and a control plane on every member, which this version does not drive.",
    ),
    rule(
        "SB051",
        "a setting of dnsmasq that is not taken",
        "raw.dnsmasq is read by a program that starts as root on every member. Settings that run programs, name files or directories, or choose whom it runs as are refused, whoever writes them.",
    ),
    rule("SB060", "a kind that is not known", "A newer version may have written the object. Upgrade this one."),
    rule(
        "SB061",
        "a change that cannot be made",
        "What the key says was fixed when the object was made. Remove the object and make it anew, where that loses nothing.",
    ),
    rule(
        "SB062",
        "a name that is neither stored nor declared",
        "The object names another one, and neither the cluster nor the set has it.",
    ),
    rule(
        "SB064",
        "a member-specific key without a member",
        "In a cluster of several members it must be said which member the key belongs to: write it under members: NAME:.",
    ),
    rule(
        "SB065",
        "keys of a member that is not there",
        "The set gives keys to a member that the cluster does not have.",
    ),
    rule(
        "SB066",
        "an object that is being removed",
        "The members are still taking the object down. Apply again when it has gone.",
    ),
    rule(
        "SB067",
        "a member that has not joined yet",
        "The set names a member that is still to join. What it is to hold waits for it.",
    ),
    rule(
        "SB068",
        "a member of another version",
        "A member of the cluster that was asked runs another version than these rules: keys may be known to one and not to the other. Validate with the oldest version of the cluster.",
    ),
    rule(
        "SB069",
        "an object of another source",
        "What a source applies belongs to it: two sets of files that both declare an object would undo each other's work for ever. Change the object where its owner reads it, or take it over: seedbed adopt KEY --source NAME hands it to a source, --release to nobody, and seedbed apply --take-over takes what the files declare.",
    )
    .binding(),
    rule(
        "SB070",
        "more deletions than are allowed at once",
        "A source with prune deletes what it has applied and declares no more. A lost directory or a slip in an overlay would look the same, so that nothing of a set is applied that deletes more than max_deletes objects. Put back what was lost, or allow more once: seedbed source set NAME --max-deletes N.",
    )
    .binding(),
    rule(
        "SB071",
        "an object that is declared no more and stays",
        "A source deletes only what it owns and what nobody needs: what others use, what is protected, storage pools that may hold data, and what is on a member that does not answer stay. A set that declares nothing deletes nothing. It is looked at again with every round.",
    )
    .binding(),
    rule(
        "SB072",
        "no wave of members",
        "--canary says in which order members take up a change: members (node1, or node1+node2 together), numbers and shares, as in node1,1,50%. A number at the end goes on until nobody is left.",
    )
    .binding(),
    rule(
        "SB073",
        "what a restricted project forbids",
        "The project has restricted: true, and its profiles may hold only what its restricted.* keys allow: seedbed explain project.restricted lists them.",
    ),
    rule(
        "SB079",
        "an object that somebody holds",
        "While an object is held, no source changes or deletes it, and members put nothing of it right. The hold ends by itself at its time, or at once: seedbed hold release KEY. What the source declares is then applied.",
    ),
];
