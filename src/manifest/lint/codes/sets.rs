//! The rules that hold for a set of files, its cluster section and those whom it is written for: `SB1..`.

use crate::manifest::codes::{Rule, rule};

/// In the order of their codes.
pub(super) const OF_SETS: &[Rule] = &[    rule(
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
        "SB108",
        "a set that is too large",
        "A set is read in a bounded amount of memory. Split it, or give --each when its files are sets of their own.",
    ).binding(),
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
        "SB115",
        "an address outside of its subnet",
        "An interface with a fixed address must have one of its network's subnet, or LXD refuses the profile. A gateway outside of the subnet is taken by LXD, and no client can reach it.",
    ),
    rule(
        "SB116",
        "a default profile without a root disk",
        "Instances take their root disk from their profiles. Without one in the profile default, every instance needs a pool of its own on the command line, and fails without it: no root device could be found.",
    ),
    rule(
        "SB117",
        "a key without effect",
        "Another key switches off what this one speaks of. LXD keeps such keys and says nothing.",
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
        "SB131",
        "a name as the address of a member",
        "A daemon listens on what the name leads to when it starts, on that machine. When it leads to nothing, to another machine or only to an IPv6 address, the daemon cannot listen, or others cannot reach it. None of it can be seen from the file.",
    ),
    rule(
        "SB132",
        "two trust passwords",
        "In a file that lists all members, cluster_password is both: what the first member asks for, and what the others answer. A core.trust_password beside it must be the same.",
    ),
    rule(
        "SB133",
        "a loopback address of a member",
        "Every machine reaches itself under 127.0.0.1, ::1 and localhost: no other member can. Debian's /etc/hosts leads the host's own name to 127.0.1.1, which templates pick up.",
    ),
    rule(
        "SB134",
        "a join token that cannot be used",
        "A token is base64 of readable JSON: the name of the new member, where the cluster is reached, a secret, and until when it holds. One that was cut short, that has expired or that was made for another name lets nobody in.",
    ),
    rule(
        "SB135",
        "an entry of member_config without a value",
        "A template has left the value blank. LXD takes nothing for the driver's own choice, which may not be what was meant: write it as an empty text, as lxd init does, when it is.",
    ),
    rule(
        "SB140",
        "a cluster that differs from the file",
        "A joining member's file may repeat what the cluster has, but must not say anything else: correct the file, or leave these sections out.",
    ),
    rule(
        "SB142",
        "an extension that a server lacks",
        "The key, driver or type came with an extension of LXD's API that a server which was asked does not have. LXD and Incus refuse what they do not know; a member of an older version keeps it, and does nothing.",
    ),
    rule(
        "SB143",
        "what a server cannot make",
        "A server that was asked cannot use the storage driver, or its host has an interface of the network's name already.",
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
        "Told with --dialect, and with --against of what is asked. LXD 5.0 knows config, networks, storage_pools, profiles, projects and cluster; LXD has storage_volumes besides, Incus also certificates and cluster_groups. All of them refuse a file with any other section.",
    ),
    rule(
        "SB171",
        "a field that the product does not know",
        "Told with --dialect, and with --against of what is asked. Fields such as storage and network of projects (LXD of today) and project of profiles (Incus) make other releases refuse the file.",
    ),
    rule(
        "SB172",
        "a configuration key that the product does not know",
        "Told with --dialect, and with --against of what is asked. The key came with a later release, or LXD has it and Incus has not, or the other way round. The product refuses the object.",
    ),
    rule(
        "SB173",
        "what the product has removed",
        "Told with --dialect, and with --against of what is asked. Trust passwords went with LXD 6 and were never in Incus: members join with a token from `lxc cluster add NAME`, clients are trusted by their certificate. MAAS, Candid and RBAC keys have gone too.",
    ),
    rule(
        "SB174",
        "what only Seedbed knows",
        "Told with --dialect, and with --against of what is asked. cluster.members and the members of pools and networks describe a whole cluster in one file. LXD and Incus take one file for each member, with cluster.member_config for its own keys.",
    ),
    rule(
        "SB175",
        "a file for two products at once",
        "Without --dialect a file may be written for Seedbed, LXD or Incus. This one uses what only one of them has beside what only another one has. Seedbed takes both; allow it, or say --dialect seedbed, when nobody else reads the file.",
    ),
    rule(
        "SB176",
        "a device that may be merged into a clash",
        "Told with --dialect, and with --against of what is asked. LXD and Incus lay a preseed over the profile that is stored. Since LXD 4 `lxd init` writes network: NAME into eth0 of the profile default; nictype and parent on top of it are refused. Seedbed replaces what it has declared itself.",
    ),
    rule(
        "SB177",
        "a value that the product does not take",
        "Told with --dialect, and with --against of what is asked. The key is known there, and this value of it came with a later release or is one of another product. The product refuses the object.",
    ),
    rule(
        "SB180",
        "a target that the set does not have",
        "--target and --exclude name objects of the set by their keys, as plans show them, or by patterns such as network/*. This one fits none of them, which is most likely a slip of the pen.",
    )
    .binding(),
    rule(
        "SB181",
        "more is excluded than can be",
        "An object of the plan needs another one that does not exist yet and is excluded. Exclude both, or neither.",
    )
    .binding(),
    rule(
        "SB182",
        "what cannot go on the way back",
        "seedbed apply --revision removes what did not exist then. Something uses this object, or a member that holds it finds that it cannot let go of it: nothing was changed.",
    )
    .binding(),
    rule(
        "SB183",
        "a saved plan that is stale",
        "A saved plan is carried out exactly as it was looked at, or not at all. An object that it changes or relies on has changed since, or a member does not answer any more: plan again.",
    )
    .binding(),
    rule(
        "SB184",
        "a change that may cut members off",
        "The change concerns an address at which a member is reached, the subnet around it, or what carries it. With seedbed apply --confirm 60s the cluster takes it back by itself unless you confirm it.",
    )
    .binding(),
    rule(
        "SB185",
        "what others have changed since it was applied",
        "seedbed apply --revision takes back what applies have done. What somebody has changed or deleted by hand since is none of that and stays; applying the manifest again brings it back.",
    )
    .binding(),
    rule(
        "SB190",
        "a variable that the set does not have",
        "A set with variables has a value for each ${NAME} in its values. Give it with --var or --vars (a source: source add --var), or write $${ for the two characters themselves.",
    ).binding(),
    rule(
        "SB191",
        "a variable that cannot be read",
        "In a set with variables ${ starts a name of letters, digits and _, and } ends it. Nothing else is understood there. Write $${ for the two characters themselves.",
    ).binding(),
    rule(
        "SB192",
        "a secret that cannot be given by reference",
        "env:NAME, file:/path and exec:PROGRAM are taken for core.trust_password, of which the cluster keeps only a hash. Other keys are kept as they are written, so that the secret would be stored all the same.",
    ),
    rule(
        "SB193",
        "a secret that cannot be had",
        "The variable of the environment, the file or the program that a reference names gives nothing on the machine that reads the set. A source runs programs only after --allow-exec, reads files only below its own directory and that of --secrets-dir, and variables only after --allow-env.",
    ),
    rule(
        "SB194",
        "a right that only a person gives to a source",
        "Whoever may commit to the repository of one source could otherwise run programs by another: no source gives rights (raw, exec, secrets_dir, env), changes where a source reads that has any, or weakens whose signatures a source asks for. Apply such a change by hand.",
    )
    .binding(),
    rule(
        "SB195",
        "a key that a source must be given by hand",
        "Keys that run programs, write files or let somebody in (raw.*, source.wipe, core.trust_password, further sources, certificates) make whoever may commit to the repository root on every member. A source has them only after seedbed source add --allow-raw, or source set NAME --allow-raw.",
    )
    .binding(),
    rule(
        "SB196",
        "a variable of a set without variables",
        "A set that is read without variables takes ${NAME} as text, as LXD does: an object may come into being with a literal ${NAME} in its name. Most likely --var or --vars was left out. Texts of several lines are not looked at: scripts have variables of their own.",
    ),
    rule(
        "SB197",
        "a set of a source that could not be read",
        "The manifests of a source are parsed by a process of their own, which has no rights, little memory and little time. It ended before it was done, at the file that is named: a text is made to take more than that, or something has ended the process. What was applied last stays in force. A set that takes too much is read again when it changes or when seedbed source sync NAME asks for it; everything else is tried again by itself.",
    )
    .binding(),
];
