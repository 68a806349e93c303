//! One suite for every store (RELIABILITY.md 4.3). After each test the store is closed and opened
//! again, and must say what it said before.

mod buckets;
mod leases;
mod log;
mod markers;
mod people;
mod rooms;
pub(crate) mod subject;
mod timers;
mod views;
mod wholes;

use subject::Subject;

macro_rules! conformance {
    ($($bits:literal: $group:ident { $($name:ident)* })*) => {
        mod memory {
            $($(#[tokio::test]
            async fn $name() {
                let subject = super::Subject::memory($bits);
                super::$group::$name(&subject).await;
            })*)*
        }
        mod embedded {
            $($(#[tokio::test]
            async fn $name() {
                let mut subject = super::Subject::embedded($bits);
                super::$group::$name(&subject).await;
                subject.survives_a_restart().await;
            })*)*
        }
        /// On a real server: `./check cql`.
        mod cql {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[ignore = "needs a CQL server: ./check cql"]
            async fn $name() {
                let mut subject = super::Subject::cql($bits).await;
                super::$group::$name(&subject).await;
                subject.survives_a_restart().await;
                subject.leave().await;
            })*)*
        }
    };
}

conformance! {
    13: log {
        a_batch_of_the_owner_is_applied_whole
        every_kind_of_entry_comes_back_as_it_was_written
        a_repeated_batch_is_refused_with_its_own_traces
        a_batch_at_another_place_changes_nothing
        a_batch_of_a_stale_owner_changes_nothing
        a_batch_for_a_bucket_that_is_not_there_is_refused_without_statics
        a_batch_that_no_owner_may_build_is_not_begun
        of_many_who_take_a_room_over_one_wins
        a_take_over_that_expects_another_owner_is_refused
        of_many_batches_at_one_place_one_wins
        a_page_ends_where_it_was_told_to
        an_erased_entry_keeps_its_place_and_the_chain
        heads_are_told_for_many_rooms_at_once
    }
    4: buckets {
        a_room_rolls_into_the_next_bucket
        a_bucket_is_opened_once
        a_batch_across_two_buckets_is_not_begun
        a_sealed_bucket_takes_no_more
    }
    13: views {
        views_in_any_order_and_repeated_come_out_the_same
        who_left_is_not_brought_back_by_an_older_entry
        members_come_in_pages
        a_person_has_the_rooms_he_is_in
        reactions_come_in_the_order_in_which_they_were_set
        mentions_of_others_count_once_each
        a_sent_key_tells_its_place
        guards_stand_when_their_batch_stands
    }
    13: wholes {
        a_persons_places_show_what_every_read_by_itself_shows
        what_a_store_appends_with_its_entries_stands_with_them
        the_newest_entries_come_with_all_that_shows_them
    }
    13: markers {
        a_marker_only_rises_within_its_generation
        what_was_read_was_delivered
        marking_unread_opens_one_generation_however_many_try
        markers_come_in_pages_and_by_room
    }
    13: leases {
        a_node_says_how_it_is_until_it_ends
        a_late_renewal_changes_nothing
    }
    13: timers {
        a_timer_is_due_when_its_time_has_come_and_nobody_has_it
        of_many_who_claim_a_timer_one_gets_it
        a_claim_that_ran_out_can_be_claimed_again
        who_lost_his_claim_can_neither_end_nor_fail_it
        what_is_done_or_taken_back_is_gone
        what_failed_is_told_to_its_owner_and_not_tried_again
        of_many_who_set_one_timer_for_other_times_one_does
        setting_and_taking_back_at_once_leaves_what_the_list_says
        nobody_has_more_timers_than_he_may_however_many_he_sets_at_once
        what_is_put_off_is_nobodys_and_comes_again_later
    }
    13: rooms {
        a_room_is_created_once
        a_pair_has_one_room_however_many_claim_it
        a_room_key_has_one_room
        every_room_key_is_listed_in_pages
        public_channels_are_found_by_name_in_pages
        every_room_is_listed_in_pages
    }
    13: people {
        of_many_who_want_one_email_one_gets_it
        of_many_first_owners_one_becomes_it
        a_handle_is_unique_also_when_it_changes
        a_change_of_profile_keeps_the_password
        people_are_found_by_name_and_handle
        everybody_is_listed_in_pages_also_who_is_not_active
        the_idlest_login_gives_way
        a_login_is_ended_only_by_its_person
        the_last_use_of_an_invite_is_taken_once
        an_invite_ends_and_can_be_given_back
        settings_belong_to_one_owner
    }
}
