//! The build of before and this one: in one group, on one bookkeeping, side by side, upgraded and taken back under load.

use std::path::PathBuf;
use std::process::Command;

use crate::support::repository::root;
use crate::support::rolling::Rolling;

/// The build of before, which is built from the repository's history the first time.
fn previous_build() -> PathBuf {
    let built = Command::new(root().join("dev/previous")).output();
    let built = built.expect("dev/previous runs");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    String::from_utf8(built.stdout)
        .expect("a path")
        .trim()
        .into()
}

/// All three are upgraded, two taken back while the third goes on, and upgraded again.
async fn there_and_back(test: &str, static_members: bool) {
    let (before, now) = (
        previous_build(),
        PathBuf::from(env!("CARGO_BIN_EXE_landfall")),
    );
    let (old, new) = (&*before, &*now);
    let replacements = [
        (0, new),
        (1, new),
        (2, new),
        (0, old),
        (2, old),
        (0, new),
        (2, new),
    ];
    let rolling = Rolling {
        static_members,
        first: old,
        replacements: &replacements,
    };
    let (_world, workers) = rolling.run(test).await;
    for worker in workers {
        let (code, log) = worker.stop().await;
        assert_eq!(code, Some(0), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upgrade_and_the_way_back_under_load_lose_and_double_nothing() {
    there_and_back("versions", false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_do_with_static_members() {
    there_and_back("versions_static", true).await;
}
