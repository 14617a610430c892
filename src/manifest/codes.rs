//! The rules, each with a stable code: users suppress by it, look it up and search for it.

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its code, which never changes and is never used again: `SB014`.
    pub code: &'static str,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// Why it matters and what to do.
    pub explanation: &'static str,
    /// Whether no comment can allow what it finds: without it the file, or a part of it, cannot be used at all.
    pub is_binding: bool,
}

/// All rules, in the order of their codes.
pub static RULES: &[Rule] = &[
    rule(
        "SB001",
        "not an object of this kind",
        "The object lacks a field that its kind needs, or a field has a type that the kind cannot read.",
    ).binding(),
    rule(
        "SB002",
        "a file cannot be read",
        "The path does not exist, its permissions forbid it, or it is not UTF-8 text.",
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
        "Sizes belong to loop files, and each driver needs a least size. A dir pool uses the file system that it is on.",
    ),
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
        "SB101",
        "an unknown field or section",
        "The grammar of preseed files does not know this key at this place. LXD from 5.0.2 on and Incus refuse it, older releases ignore it silently.",
    ),
    rule("SB102", "a field of the wrong type", "A list stands where a mapping is wanted, or the other way round."),
    rule("SB103", "a field is missing", "Every object needs a name, and some kinds need more."),
    rule("SB104", "not one of a few words", "The field takes one of the listed words."),
    rule(
        "SB105",
        "a field that LXD prints",
        "Fields such as managed, used_by and status come from LXD's output. They say nothing in a manifest, and strict releases refuse them.",
    ).binding(),
    rule(
        "SB106",
        "a file of another program",
        "The document has the form of something else, such as an object of Kubernetes, a cloud-init file or a single object. Where manifests share a directory with other files, name those in .seedbedignore, which has the syntax of .gitignore.",
    ).binding(),
    rule(
        "SB107",
        "a file that holds nothing",
        "The file has no document, or only comments. It adds nothing to the set: remove it, or name it in .seedbedignore.",
    ),
    rule(
        "SB111",
        "declared twice",
        "A set of files declares each object once, so that it is clear which declaration counts.",
    ).binding(),
    rule(
        "SB112",
        "a section that is not applied",
        "This version checks the section against the schema but does nothing with it.",
    ).binding(),
    rule(
        "SB113",
        "a name that is not declared",
        "The object names another one that the set does not declare. That works where it exists already, and is otherwise a slip of the pen.",
    ),
    rule(
        "SB114",
        "subnets that overlap",
        "Two networks of one member must not share addresses: the member could not tell where a packet belongs.",
    ),
    rule(
        "SB120",
        "a member without a name",
        "A member is named by server_name, or by the join token that was made for it.",
    ),
    rule("SB121", "not a certificate", "The text cannot be read as a certificate in PEM form."),
    rule(
        "SB122",
        "a certificate in one line",
        "Newlines inside a double-quoted YAML text become blanks unless they are doubled. Seedbed repairs that; LXD and Incus do not.",
    ).binding(),
    rule(
        "SB123",
        "clustering is not enabled",
        "LXD takes a cluster section with addresses but without enabled: true for an order to leave the cluster, and wipes its database.",
    ),
    rule(
        "SB124",
        "a member that is not in the list",
        "When cluster.members lists the members, the one that reads the file has to be among them.",
    ),
    rule("SB125", "two members with one address", "Each member is reached under an address of its own."),
    rule(
        "SB126",
        "no address to reach a member",
        "Other members need an address that they can connect to: server_address, cluster.https_address or a core.https_address that is no wildcard.",
    ),
    rule(
        "SB127",
        "an internal key",
        "LXD 3 asked for volatile.* keys when a member joined. They are its own business.",
    ),
    rule("SB128", "the certificate is given twice", "cluster_certificate_path replaces cluster_certificate."),
    rule(
        "SB129",
        "no way into the cluster",
        "A join needs the cluster's certificate and a token or password, unless a token brings everything along.",
    ),
    rule(
        "SB130",
        "a secret that is a placeholder",
        "lxd init --dump prints true for passwords that it hides, and LXD takes that literally when the dump is fed back. Templates leave marks such as <ChangeMe>.",
    ),
    rule(
        "SB140",
        "a cluster that differs from the file",
        "A joining member's file may repeat what the cluster has, but must not say anything else: correct the file, or leave these sections out.",
    ),
    rule(
        "SB150",
        "an allowance that is not needed",
        "A comment allows a finding that is not there, or no longer. Left alone it would hide the next one. Remove it, or move it to the line that it is meant for, or to the line above that one.",
    )
    .binding(),
    rule(
        "SB151",
        "an allowance without a reason",
        "Write `# seedbed: allow CODE REASON` behind the line that it is meant for, or on a line of its own above it. The reason is for the next person who reads the file, and stands in the reports.",
    )
    .binding(),
    rule(
        "SB152",
        "an allowance of no rule",
        "The code after `# seedbed: allow` is none of the codes that `seedbed explain` lists.",
    )
    .binding(),
    rule(
        "SB153",
        "an allowance of what cannot be allowed",
        "Rules without which a file cannot be read or its objects cannot be told apart hold for every file. What such a rule finds has to be corrected.",
    )
    .binding(),
    rule(
        "SB160",
        "more findings than are shown",
        "After a thousand findings the search ends, so that no input can exhaust memory. One cause is probably behind most of them.",
    )
    .binding(),
    rule(
        "SB170",
        "a section that the product does not know",
        "Told with --dialect only. LXD 5.0 knows config, networks, storage_pools, profiles, projects and cluster; LXD has storage_volumes besides, Incus also certificates and cluster_groups. All of them refuse a file with any other section.",
    ),
    rule(
        "SB171",
        "a field that the product does not know",
        "Told with --dialect only. Fields such as storage and network of projects (LXD of today) and project of profiles (Incus) make other releases refuse the file.",
    ),
    rule(
        "SB172",
        "a configuration key that the product does not know",
        "Told with --dialect only. The key came with a later release, or LXD has it and Incus has not, or the other way round. The product refuses the object.",
    ),
    rule(
        "SB173",
        "what the product has removed",
        "Told with --dialect only. Trust passwords went with LXD 6 and were never in Incus: members join with a token from `lxc cluster add NAME`, clients are trusted by their certificate. MAAS, Candid and RBAC keys have gone too.",
    ),
    rule(
        "SB174",
        "what only Seedbed knows",
        "Told with --dialect only. cluster.members and the members of pools and networks describe a whole cluster in one file. LXD and Incus take one file for each member, with cluster.member_config for its own keys.",
    ),
    rule(
        "SB175",
        "a file for two products at once",
        "Without --dialect a file may be written for Seedbed, LXD or Incus. This one uses what only one of them has beside what only another one has. Seedbed takes both; allow it, or say --dialect seedbed, when nobody else reads the file.",
    ),
];

const fn rule(code: &'static str, title: &'static str, explanation: &'static str) -> Rule {
    Rule { code, title, explanation, is_binding: false }
}

impl Rule {
    const fn binding(self) -> Self {
        Self { is_binding: true, ..self }
    }
}

/// The rule with this code.
pub fn find(code: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_in_order_and_once() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(find("SB014").map(|rule| rule.title), Some("an unknown configuration key"));
        assert_eq!(find("SB999"), None);
    }
}
