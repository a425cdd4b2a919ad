//! The list of cases.

/// Makes two tests of each case of the conformance suite: with the store left open, and opened
/// again after each commit.
///
/// Takes an expression that makes a [`Fixture`](crate::testing::conformance::Fixture); it is
///  evaluated once per test. A store with futures that need a runtime names a function that blocks
/// on them, as in `store_conformance!(MyFixture::new(), block_on = my_block_on)`.
#[macro_export]
macro_rules! store_conformance {
    ($fixture:expr) => {
        $crate::store_conformance!($fixture, block_on = $crate::testing::conformance::block_on);
    };
    ($fixture:expr, block_on = $block_on:path) => {
        $crate::store_conformance! { @cases tests [$fixture, $block_on] }
    };
    (@cases $action:ident $arguments:tt) => {
        $crate::store_conformance! { @$action $arguments
            creation::a_conversation_is_created_with_message_1,
            creation::every_room_type_is_kept,
            creation::an_existing_id_conflicts,
            creation::titles_and_contents_come_back_exactly,
            messages::messages_are_numbered_without_holes,
            messages::each_conversation_has_its_own_numbers,
            messages::a_message_does_not_change_the_version,
            messages::sent_at_never_falls,
            messages::contents_come_back_exactly,
            messages::a_message_is_found_by_its_id_in_its_conversation_only,
            messages::a_full_batch_is_taken,
            conflicts::a_missing_conversation_conflicts,
            conflicts::another_version_conflicts,
            conflicts::a_conflict_refuses_later_changes_of_the_conversation_only,
            conflicts::a_conflict_ends_with_its_batch,
            conflicts::a_change_of_members_voids_later_decisions,
            conflicts::a_change_of_nothing_voids_no_later_decision,
            conflicts::a_conflict_does_not_use_up_the_client_message_id,
            duplicates::a_repeat_in_another_batch_is_a_duplicate,
            duplicates::a_repeat_in_the_same_batch_is_a_duplicate,
            duplicates::a_duplicate_stores_nothing,
            duplicates::a_duplicate_is_found_before_any_conflict,
            duplicates::a_duplicate_refuses_no_later_change,
            duplicates::another_request_under_the_id_gives_the_original,
            duplicates::a_repeated_creation_gives_the_original,
            duplicates::the_original_keeps_who_took_part_at_the_start,
            duplicates::users_do_not_share_client_message_ids,
            duplicates::originals_are_found_by_user_and_id,
            duplicates::awkward_client_message_ids_stay_apart,
            reading::a_read_position_never_falls,
            reading::read_positions_are_of_one_user_and_conversation,
            reading::sending_does_not_mark_read,
            reading::a_read_position_outlives_a_membership,
            reading::control_reads_as_a_whole,
            membership::an_enrolled_user_takes_part,
            membership::a_withdrawn_user_takes_part_no_more,
            membership::to_enrol_a_participant_changes_nothing,
            membership::to_withdraw_a_stranger_changes_nothing,
            membership::a_withdrawal_outlasts_changes_of_the_account,
            membership::an_enrolment_lifts_a_withdrawal,
            membership::a_part_given_to_control_ends_with_the_role,
            membership::a_withdrawal_reaches_who_is_not_there,
            membership::several_reasons_give_one_row,
            membership::hundreds_of_members_and_conversations_are_read,
            teams::a_team_is_joined_with_all_that_was_before,
            teams::any_role_may_be_in_a_team,
            teams::who_leaves_a_team_may_return,
            teams::an_inactive_user_takes_no_part,
            teams::a_change_decided_before_a_demotion_conflicts,
            teams::a_demotion_refuses_no_change_of_others,
            teams::a_creation_by_control_or_an_inactive_user_conflicts,
            teams::a_creator_in_control_keeps_the_conversation,
            teams::a_list_merges_all_teams,
            teams::unread_are_counted_from_the_first_joining,
            teams::unread_of_a_member_are_counted_from_the_beginning,
            rights::an_account_has_the_positions_of_its_changes,
            rights::an_account_that_replaces_another_conflicts,
            rights::of_two_changes_of_an_account_the_first_stands,
            rights::a_change_on_other_rights_conflicts,
            rights::a_change_of_names_leaves_the_rights,
            rights::a_user_refused_once_is_refused_in_the_whole_batch,
            directory::an_account_is_found_as_it_was_put,
            directory::an_account_is_replaced_whole,
            directory::staff_is_every_active_account_in_control_or_a_team,
            directory::several_accounts_are_found_by_id,
            directory::the_epoch_stays,
            directory::awkward_user_ids_stay_apart,
            directory::a_user_whose_id_begins_anothers_sees_its_own_only,
            history::a_missing_conversation_has_no_messages,
            history::the_newest_are_cut_at_the_oldest_end,
            history::what_skip_leaves_out_is_counted_from_the_newest,
            history::before_gives_the_last_ones_before,
            history::after_gives_the_first_ones_after,
            history::bytes_cut_the_newest_at_the_oldest_end,
            history::bytes_cut_what_is_after_at_the_newest_end,
            history::bytes_never_cut_the_first,
            history::pages_join_without_holes,
            list::newest_activity_comes_first,
            list::a_clock_does_not_disturb_the_order,
            list::a_row_has_the_position_of_its_newest_message,
            list::only_activity_after_the_cutoff_is_listed,
            list::only_conversations_of_the_user_are_listed,
            list::pages_follow_skip_and_limit,
            list::pages_below_a_position_join_without_holes,
            list::a_position_holds_while_conversations_move,
            list::one_row_is_found_by_its_conversation,
            list::members_cut_the_page_but_never_the_first_row,
            list::a_row_shows_the_newest_message,
            list::known_members_and_last_senders_are_described,
            list::unread_are_messages_of_others_after_the_read_position,
            list::unread_are_counted_up_to_the_most,
            list::unread_are_counted_within_the_window,
            work::an_entry_advances_the_number_and_nothing_else,
            work::of_two_that_take_one_wins,
            work::work_goes_from_hand_to_hand,
            work::a_message_takes_or_reopens,
            work::an_assignee_without_the_role_counts_as_nobody,
            work::a_repeated_entry_gets_the_original,
            work::the_work_survives_a_crash,
            emergencies::an_emergency_has_a_life,
            emergencies::a_user_has_one_emergency,
            emergencies::an_emergency_ends_once,
            emergencies::an_emergency_of_nobody_is_open,
            emergencies::a_reply_takes_an_emergency,
            emergencies::a_repeated_press_gets_the_original,
            emergencies::emergencies_survive_a_crash,
            orders::an_order_is_given_to_the_field_and_answered,
            orders::an_order_of_field_staff_is_for_control,
            orders::an_order_ends_once_for_each_person,
            orders::who_leaves_owes_no_answer,
            orders::only_the_sender_withdraws_an_order,
            orders::an_order_that_nobody_can_answer_is_refused,
            orders::open_orders_are_bounded,
            orders::open_orders_are_listed_by_user,
            orders::pages_of_open_orders_join_without_holes,
            orders::a_repeated_order_gets_the_original,
            orders::orders_survive_a_crash,
            notes::the_first_note_creates_a_conversation,
            notes::two_first_notes_are_in_one_conversation,
            notes::a_note_decided_on_other_members_conflicts,
            notes::notes_are_read,
            notes::a_repeated_note_gets_the_original,
            notes::notes_survive_a_crash,
            work_lists::each_list_has_its_conversations,
            work_lists::every_page_counts_all_lists,
            work_lists::pages_by_work_join_without_holes,
            work_lists::lists_by_work_have_a_period,
            work_lists::the_work_of_nobody_waits,
            work_lists::lists_by_work_follow_the_members,
            work_lists::lists_by_work_survive_a_crash,
            work_lists::control_starts_a_conversation,
            work_lists::a_start_by_field_staff_conflicts,
            positions::positions_rise_with_every_change,
            positions::a_load_covers_every_commit_that_had_returned,
            positions::an_empty_batch_changes_nothing,
            positions::a_load_claims_no_position_before_its_changes,
            durability::an_account_survives_a_crash,
            durability::a_conversation_survives_a_crash,
            durability::a_message_survives_a_crash,
            durability::a_read_position_survives_a_crash,
            durability::a_membership_survives_a_crash,
            durability::a_client_message_id_survives_a_crash,
            durability::positions_and_the_epoch_survive_a_crash,
            concurrency::a_load_beside_a_commit_sees_all_or_nothing,
        }
    };
    (@tests [$fixture:expr, $block_on:path] $($theme:ident::$case:ident,)*) => {
        fn conformance_fixture() -> impl $crate::testing::conformance::Fixture {
            $fixture
        }

        fn conformance_block_on(case: impl ::std::future::Future<Output = ()>) {
            $block_on(case);
        }

        $(
            mod $case {
                use $crate::testing::conformance::{Bench, Reopening, $theme};

                #[test]
                fn stays_open() {
                    run(Reopening::Never);
                }

                #[test]
                fn opened_again() {
                    run(Reopening::AfterCommit);
                }

                fn run(reopening: Reopening) {
                    super::conformance_block_on(async {
                        $theme::$case(&mut Bench::new(super::conformance_fixture(), reopening).await).await;
                    });
                }
            }
        )*
    };    (@failures [$fixture:expr] $($theme:ident::$case:ident,)*) => {{
        let mut failures = ::std::vec::Vec::new();
        $(
            let fails = |reopening| {
                $crate::testing::conformance::fails(async move {
                    let mut bench = $crate::testing::conformance::Bench::new($fixture, reopening).await;
                    $crate::testing::conformance::$theme::$case(&mut bench).await;
                })
            };
            if fails($crate::testing::conformance::Reopening::Never)
                || fails($crate::testing::conformance::Reopening::AfterCommit)
            {
                failures.push(stringify!($case));
            }
        )*
        failures
    }};
}

/// Runs every case of the conformance suite, and returns the names of those that fail, in order.
///
/// For tests of the suite itself: a store with a known fault must fail the case that is about the
/// fault. Takes the same expression as [`store_conformance!`](crate::store_conformance).
#[macro_export]
macro_rules! store_conformance_failures {
    ($fixture:expr) => {
        $crate::store_conformance!(@cases failures [$fixture])
    };
}
