//! What users of such tools have asked for again and again, and the tests that hold each of it here.
//!
//! The sentences are demands. Who renames or removes a test that one of them rests on has to say here what holds it now.

use std::fs;
use std::path::Path;

/// A demand, and the tests that hold it: file and name.
type Lesson = (u8, &'static str, &'static [(&'static str, &'static str)]);

const LESSONS: &[Lesson] = &[
    (
        1,
        "what could not be deleted stays in the inventory until its absence is seen",
        &[
            ("tests/plan/ownership.rs", "what_could_not_be_taken_down_stays_owned_until_it_is_seen_to_be_gone"),
            (
                "tests/cluster/ownership.rs",
                "a_deletion_that_a_member_cannot_do_stays_owned_and_is_told_until_it_is_done",
            ),
        ],
    ),
    (
        2,
        "an empty or vanished source deletes nothing, and a set that deletes too much is not applied",
        &[
            ("tests/plan/ownership.rs", "an_empty_set_prunes_nothing"),
            ("tests/plan/ownership.rs", "more_deletions_than_are_allowed_stop_the_whole_set_and_are_named"),
            (
                "tests/cluster/ownership.rs",
                "what_leaves_the_files_is_deleted_only_with_prune_and_never_when_the_files_are_lost",
            ),
        ],
    ),
    (
        3,
        "each object has one owner, and it is handed over explicitly",
        &[("tests/cluster/ownership.rs", "a_second_owner_is_refused_until_the_object_is_handed_over")],
    ),
    (
        4,
        "pruning is off until it is asked for, and what holds data is never pruned",
        &[
            (
                "tests/plan/ownership.rs",
                "nothing_is_pruned_unless_that_is_asked_for_and_then_only_what_the_source_owns",
            ),
            ("tests/plan/ownership.rs", "a_pool_that_may_hold_data_is_never_pruned_and_one_that_was_never_made_is"),
        ],
    ),
    (
        5,
        "protection lives with the object and outlives the file",
        &[
            ("tests/plan/ownership.rs", "a_protection_outlives_the_file_and_only_an_explicit_word_lifts_it"),
            ("tests/cluster/ownership.rs", "a_protected_object_is_deleted_by_nobody_even_when_its_file_is_gone"),
        ],
    ),
    (
        6,
        "what failed is tried for ever, waits longer each time, and at once when something new is asked for",
        &[
            ("src/reconcile/backoff.rs", "waits_grow_up_to_a_bound"),
            ("src/reconcile/tests/passes.rs", "a_new_generation_is_tried_at_once"),
        ],
    ),
    (
        7,
        "drift has a command that only looks, tells drift from what is to be done and from what cannot be seen, and knows \
         expected drift, for a time",
        &[
            (
                "tests/cluster/monitoring/drift.rs",
                "drift_is_told_with_who_and_since_when_and_nothing_is_changed_by_looking",
            ),
            ("src/cli/command/drift/expect.rs", "entries_match_a_field_or_any_and_those_that_match_nothing_are_told"),
            ("src/cli/command/drift/expect.rs", "an_entry_holds_until_its_day_is_over_and_is_told_then"),
        ],
    ),
    (
        8,
        "after an apply the next plan is empty, for every driver, and keys that nobody declared do not differ",
        &[
            (
                "tests/plan/ownership.rs",
                "after_an_apply_the_next_plan_is_empty_for_every_driver_in_every_mode_and_for_every_owner",
            ),
            ("tests/plan/plans.rs", "what_a_member_has_worked_out_does_not_differ"),
        ],
    ),
    (
        9,
        "a saved plan is bound to the objects that it touches, used once, and holds no secret",
        &[
            ("tests/cluster/plans.rs", "a_saved_plan_is_carried_out_once_and_exactly_on_whichever_member"),
            ("tests/plan/plans.rs", "a_plan_is_bound_to_what_it_touches_and_relies_upon_and_to_nothing_else"),
            ("tests/plan/impacts.rs", "a_plan_that_was_taken_apart_and_read_again_commits_the_same"),
            ("tests/cluster/lessons.rs", "a_saved_plan_holds_no_secret_and_only_what_it_touches_makes_it_stale"),
        ],
    ),
    (
        10,
        "secrets are known by their keys, and their change is told as a change and nothing more",
        &[
            ("tests/plan/plans.rs", "secrets_are_neither_in_the_json_nor_in_the_text_of_a_plan"),
            ("tests/plan/history.rs", "a_record_tells_what_was_changed_and_never_a_secret"),
            ("tests/plan/exports.rs", "secrets_are_named_and_left_out"),
            ("src/daemon/tests/webhooks.rs", "the_secret_is_nowhere_to_be_seen_and_outlives_a_change_of_the_rest"),
        ],
    ),
    (
        11,
        "what failed on some members is known member by member and goes on with what is missing, also with one member",
        &[
            ("tests/plan/plans.rs", "what_failed_is_tried_again_with_only_what_is_missing"),
            ("tests/plan/two_phase.rs", "finalize_names_the_members_that_are_not_defined"),
            ("tests/plan/two_phase.rs", "a_member_that_is_down_is_found_before_anything_is_changed"),
            ("tests/cluster/lessons.rs", "a_network_that_fails_on_one_member_is_mended_there_and_nowhere_else"),
            ("tests/cluster/lessons.rs", "the_two_steps_work_on_one_member_too"),
        ],
    ),
    (
        12,
        "a crash between doing and recording heals by itself",
        &[
            ("tests/simulation/main.rs", "every_seed_keeps_every_invariant"),
            ("src/kinds/storage_pool/node/real/crash.rs", "making_and_removing_heal_after_a_crash_at_any_program"),
            ("tests/cluster/outages.rs", "an_apply_whose_leader_is_killed_converges_all_the_same"),
            ("tests/cluster/joins.rs", "a_joiner_that_dies_at_any_instant_heals_when_it_starts_again"),
        ],
    ),
    (
        13,
        "swaps of links, saves of editors and what no notification tells are all seen",
        &[
            ("src/watch/tests.rs", "the_swap_of_a_mounted_config_map_is_seen_as_one_change"),
            ("src/watch/tests.rs", "the_flip_of_a_link_on_the_way_is_seen_and_so_are_edits_behind_it"),
            ("src/watch/tests.rs", "saves_of_editors_are_seen_once_and_their_own_files_never"),
            ("src/watch/tests.rs", "what_no_notification_tells_is_found_by_polling"),
        ],
    ),
    (
        14,
        "half of a tree is never loaded, and of a bad set nothing is applied",
        &[
            ("src/watch/tracker.rs", "half_of_a_tree_is_never_loaded_however_long_it_moves"),
            ("src/watch/tests.rs", "a_checkout_is_not_loaded_while_git_holds_its_lock"),
            ("tests/cluster/sources.rs", "a_directory_of_a_follower_is_followed_and_a_bad_set_changes_nothing"),
        ],
    ),
    (
        15,
        "what is exported plans no change, keys of members included",
        &[
            ("tests/plan/exports.rs", "what_is_exported_plans_no_change"),
            ("tests/plan/exports.rs", "every_key_of_every_driver_comes_back"),
            ("tests/cluster/exports.rs", "what_a_cluster_exports_plans_no_change_and_is_adopted_by_an_apply"),
        ],
    ),
];

/// Whether a file has a test of this name: a function right below attributes that make it one.
fn has_test(text: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let at = lines.iter().position(|line| line.trim_start_matches("async ").starts_with(&head));
    let above =
        |at: usize| lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).any(|line| is_mark(line));
    at.is_some_and(|at| above(at) || text[..text.find(&head).unwrap_or(0)].contains("proptest! {"))
}

fn is_mark(line: &str) -> bool {
    line.starts_with("#[test]") || line.starts_with("#[tokio::test")
}

fn missing() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = LESSONS.iter().flat_map(|(number, _, tests)| tests.iter().map(move |test| (number, test)));
    let lost = tests.filter(|(_, (file, name))| {
        let text = fs::read_to_string(top.join(file)).unwrap_or_default();
        !has_test(&text, name)
    });
    lost.map(|(number, (file, name))| format!("{number}: {name} is no test of {file}")).collect()
}

#[test]
fn every_lesson_is_held_by_tests_that_are_there() {
    assert_eq!(missing(), [""; 0]);
    assert!(
        LESSONS
            .iter()
            .zip(1..=15)
            .all(|((number, demand, tests), wanted)| { *number == wanted && !demand.is_empty() && !tests.is_empty() })
    );
    assert_eq!(LESSONS.len(), 15);
}

#[test]
fn a_function_that_is_no_test_holds_nothing() {
    assert!(has_test("#[test]\nfn it_holds() {}", "it_holds"));
    assert!(has_test("    #[tokio::test]\n    async fn it_holds() {}", "it_holds"));
    assert!(!has_test("fn it_holds() {}", "it_holds"));
    assert!(!has_test("#[test]\nfn it_holds_not() {}", "it_holds"));
}
