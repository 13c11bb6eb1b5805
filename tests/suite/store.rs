//! The stores: what all of them must do, and what the file must do besides.

mod damage;
mod erasure;
mod faults;
mod figures;
mod file;
mod kill;
mod postgres;

use crate::database::Cluster;
use pruefstein::adapters::store::conformance;
use pruefstein::adapters::store::memory::MemoryStore;
use pruefstein::adapters::store::sqlite::{Options, SqliteStore};
use pruefstein::app::ports::Replaced;
use pruefstein::domain::transaction::{NewTransaction, ResponseCodeHash, Transaction};
use std::path::Path;
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

        mod on_postgres {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let Some(cluster) = Cluster::shared() else { return };
                    let database = cluster.database().await;
                    conformance::$check(cluster.store(&database).await).await;
                }
            )+
        }

        /// The same on three instances by turns: none of them keeps anything for itself.
        mod on_three_instances {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $check() {
                    let Some(cluster) = Cluster::shared() else { return };
                    let database = cluster.database().await;
                    conformance::$check(postgres::by_turns(cluster, &database).await).await;
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
    // STO-020
    text_is_only_text
    random_histories_agree_with_the_model
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &options()).unwrap()
}

/// Takes a new transaction through its life, to an end that depends on `way`; some stay open or fetched.
async fn ended(store: &conformance::Store, new: NewTransaction, way: u64) -> Transaction {
    let who = format!("who {way}");
    let mut shown = conformance::insert(store, new).await;
    let steps = [
        shown.clone().fetch(conformance::DURING).unwrap(),
        match way % 4 {
            3 => shown.clone().fetch(conformance::DURING).unwrap().verify(
                conformance::DURING,
                conformance::accepted(&who),
                ResponseCodeHash::new([1; 32]),
            ),
            2 => shown.clone().fetch(conformance::DURING).unwrap().cancel(conformance::DURING),
            _ => Ok(shown.clone()),
        }
        .unwrap(),
    ];
    for next in steps.into_iter().take(usize::try_from(way % 4).unwrap()) {
        if next.version() > shown.version() {
            assert_eq!(store.replace(&shown, next.clone()).await.unwrap(), Replaced::Done);
            shown = next;
        }
    }
    shown
}
