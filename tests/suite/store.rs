//! The stores: what all of them must do, and what the file must do besides.

use pruefstein::adapters::store::conformance;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use std::sync::Arc;

fn options() -> Options {
    Options { keep_ended_seconds: conformance::KEEP, ..Options::default() }
}

macro_rules! conformance {
    ($($check:ident)+) => {
        mod memory {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    conformance::$check(Arc::new(MemoryStore::new(conformance::KEEP))).await;
                }
            )+
        }

        mod sqlite {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let folder = tempfile::tempdir().unwrap();
                    let store = SqliteStore::open(&folder.path().join("store.db"), &options()).unwrap();
                    conformance::$check(Arc::new(store)).await;
                }
            )+
        }

        /// The same with no ended value in memory: all of them come back from the file.
        mod sqlite_without_cache {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let folder = tempfile::tempdir().unwrap();
                    let options = Options { cache_bytes: 0, ..options() };
                    let store = SqliteStore::open(&folder.path().join("store.db"), &options).unwrap();
                    conformance::$check(Arc::new(store)).await;
                }
            )+
        }
    };
}

conformance! {
    names_lead_to_the_transaction
    tenants_do_not_meet
    names_are_taken_once
    first_end_wins_in_every_order
    a_crowd_of_answers_ends_it_once
    only_successors_are_written
    a_crowd_of_wrong_codes_is_counted
    a_crowd_of_readers_reads_once
    repeated_creation_is_recognised
    a_crowd_of_equal_calls_creates_once
    sweeping_does_what_is_due
    sweeping_keeps_to_its_limit
    sweeping_races_with_answers
    watchers_hear_of_changes
    closed_means_unavailable
    text_is_only_text
    random_histories_agree_with_the_model
}
