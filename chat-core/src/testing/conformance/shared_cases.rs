//! The list of the cases for a store that several engines share.

/// Makes one test of each rule for stores that several engines share, beside
/// [`store_conformance!`](crate::store_conformance).
///
/// Takes an expression that makes a fresh
/// [`SharedFixture`](crate::testing::conformance::shared::SharedFixture), and the function that runs
/// a future, if the store needs a runtime of its own.
#[macro_export]
macro_rules! shared_store_conformance {
    ($fixture:expr) => {
        $crate::shared_store_conformance!($fixture, block_on = $crate::testing::conformance::block_on);
    };
    ($fixture:expr, block_on = $block_on:path) => {
        $crate::shared_store_conformance! { @cases tests [$fixture, $block_on] }
    };
    (@cases $action:ident $arguments:tt) => {
        $crate::shared_store_conformance! { @$action $arguments
            the_directory_says_that_the_store_is_shared,
            two_handles_make_one_history,
            a_load_sees_the_commits_of_another_handle,
            a_request_at_two_handles_at_once_is_stored_once,
            a_version_raised_at_another_handle_conflicts,
            an_account_replaced_at_another_handle_conflicts,
            the_history_has_every_event_once,
            the_history_waits_for_the_next_event,
            a_refused_change_is_not_in_the_history,
            a_handle_does_not_outlive_its_epoch,
        }
    };
    (@tests [$fixture:expr, $block_on:path] $($case:ident,)*) => {
        $(
            #[test]
            fn $case() {
                use $crate::testing::conformance::{Bench, Reopening, shared};
                $block_on(async {
                    shared::$case(&mut Bench::new($fixture, Reopening::Never).await).await;
                });
            }
        )*
    };
    (@failures [$fixture:expr] $($case:ident,)*) => {{
        use $crate::testing::conformance::{Bench, Reopening, fails, shared};
        let mut failures = ::std::vec::Vec::new();
        $(
            if fails(async { shared::$case(&mut Bench::new($fixture, Reopening::Never).await).await }) {
                failures.push(stringify!($case));
            }
        )*
        failures
    }};
}

/// Runs every case for shared stores, and returns the names of those that fail, in order: see
/// [`store_conformance_failures!`](crate::store_conformance_failures).
#[macro_export]
macro_rules! shared_store_conformance_failures {
    ($fixture:expr) => {
        $crate::shared_store_conformance!(@cases failures [$fixture])
    };
}
