//! A real cluster as a manifest: with what only single members have, changed by clients too, and put back unchanged.

use crate::lab::with_three;

const SITE: &str = "storage_pools:
- name: data
  driver: dir
  description: '010'
  members:
    node2: {source: SOURCE}
- name: plain
  driver: dir
networks:
- name: br0
  type: bridge
  config: {ipv4.address: auto, ipv6.address: none}
projects:
- name: web
  storage: data
";

#[test]
fn what_a_cluster_exports_plans_no_change_and_is_adopted_by_an_apply() {
    with_three(|lab| {
        lab.form();
        let source = lab.dir.path().join("source").to_string_lossy().into_owned();
        std::fs::create_dir(&source).expect("a directory for node2's pool");
        let site = lab.write("site.yaml", &SITE.replace("SOURCE", &source));
        let node = &lab.nodes[0];
        node.run_ok(&["apply", "--yes", &site]);
        node.run_ok(&["profile", "create", "hand-made", "limits.cpu=2"]);
        let text = node.run_ok(&["export"]);
        let own = format!("node2:\n      source: {source}\n");
        for wanted in [own.as_str(), "- name: hand-made\n", "description: \"010\"", "core.trust_password is a secret"] {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
        // What members chose themselves says nothing: another cluster would choose anew.
        assert!(!text.contains("volatile.") && !text.contains("storage-pools/plain"), "{text}");
        assert_eq!(text, lab.nodes[2].run_ok(&["export"]), "members export the same");

        let file = lab.write("export.yaml", &text);
        let plan = lab.nodes[2].run_ok(&["plan", &file]);
        assert!(plan.contains("to take over as they are"), "{plan}");
        lab.nodes[2].run_ok(&["validate", "--strict", &file, "--against", &lab.nodes[2].state_dir.to_string_lossy()]);
        lab.nodes[2].run_ok(&["apply", "--yes", &file]);
        let again = node.run_ok(&["plan", &file]);
        assert!(again.contains("nothing to change"), "{again}");
        assert_eq!(text, node.run_ok(&["export"]), "applying an export changes nothing of it");
    });
}
