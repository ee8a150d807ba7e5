//! The Helm chart in a real cluster, with the image that the Dockerfile makes: installed with its defaults, upgraded to everything,
//! taken back, under load. As root: containers are started. What no operator does here, as none is there, stays an object.

mod trial;

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::json;

use crate::support::own_kafka::OwnKafka;
use crate::support::trickle::Trickle;
use crate::support::{World, audit, eventually};

use trial::{NAMESPACE, Trial};

const PARTITIONS: i32 = 6;

const RELEASE: &str = "landfall";

const OURS: &str = "app.kubernetes.io/instance=landfall";

const ROLLED_OUT: [&str; 4] = ["rollout", "status", "statefulset/landfall", "--timeout=5m"];

const WORKERS: &str = "app.kubernetes.io/name=landfall,app.kubernetes.io/instance=landfall";

/// What only the cluster's owner knows: a file of values.
fn values(world: &World, brokers: &str, postgres: &str) -> PathBuf {
    let config = format!(
        "[kafka]\nbrokers = \"{brokers}\"\ngroup = \"{}\"\ntopics = [\"{}\"]\n[postgres]\nurl = \"{postgres}/{}\"\n",
        world.group(),
        world.topic,
        world.name,
    );
    let values = json!({
        "config": config,
        "image": { "repository": "landfall", "tag": "" },
        "keda": { "bootstrapServers": brokers, "consumerGroup": world.group() },
    });
    let file = world.config_file().with_file_name("values.json");
    std::fs::write(&file, values.to_string()).expect("written");
    file
}

/// What a release with everything on refers to and doesn't bring.
fn prepare(trial: &Trial, owner: &str) {
    for (name, key, value) in [
        ("landfall", "postgres", "a password"),
        ("landfall-owner", "url", owner),
        ("landfall-http", "token", "a token"),
        ("kafka-ca", "ca.pem", "a certificate"),
        ("more", "LANDFALL_LOG__LEVEL", "info"),
    ] {
        trial.create_secret(name, key, value);
    }
    trial.kubectl(&["create", "priorityclass", "data", "--value=1000"]);
}

/// So many workers are ready, and the service leads to these and to nobody else.
async fn are_ready(trial: &Trial, count: usize) {
    eventually("the service has each ready worker", async || {
        let mut ready: Vec<String> = trial
            .objects("pods", WORKERS)
            .iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter(|pod| {
                let conditions = pod["status"]["conditions"].as_array();
                conditions.is_some_and(|all| {
                    let is_ready =
                        |c: &serde_json::Value| c["type"] == "Ready" && c["status"] == "True";
                    all.iter().any(is_ready)
                })
            })
            .map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned())
            .collect();
        let slices = trial.objects("endpointslices", OURS);
        let endpoints = slices
            .iter()
            .flat_map(|slice| slice["endpoints"].as_array().cloned().unwrap_or_default());
        let mut served: Vec<String> = endpoints
            .filter(|endpoint| endpoint["conditions"]["ready"] == true)
            .map(|endpoint| endpoint["targetRef"]["name"].as_str().unwrap().to_owned())
            .collect();
        ready.sort();
        served.sort();
        (ready.len() == count && served == ready).then_some(())
    })
    .await;
}

/// Each worker has ended well whenever it was told to, and none was started again in its place.
fn assert_nothing_was_restarted(trial: &Trial) {
    for pod in trial.objects("pods", WORKERS) {
        let status = &pod["status"]["containerStatuses"][0];
        assert_eq!(status["restartCount"], 0, "{pod:#}");
    }
}

/// Prints how long partitions had no progress, from the one that stood longest on.
fn tell(step: &str, load: &Trickle) {
    let mut stood: Vec<f64> = load.stood().values().map(|d| d.as_secs_f64()).collect();
    stood.sort_by(|a, b| b.total_cmp(a));
    let stood = stood.iter().map(|seconds| format!("{seconds:.1}"));
    println!(
        "{step}: seconds without progress, by partition: {}",
        stood.collect::<Vec<_>>().join(" ")
    );
}

/// Static members that don't come back are waited for, until their session is over.
async fn each_partition_goes_on(world: &World) {
    let furthest = "SELECT max(next_offset) FROM landfall.partitions";
    let furthest = world.count(furthest).await;
    let all = "(SELECT min(next_offset) FROM landfall.partitions)";
    world
        .until_count(&format!("SELECT count(*) WHERE {all} > {furthest}"), 1)
        .await;
}

/// Which pods there are, by what no other ever has.
fn identities(trial: &Trial) -> BTreeSet<String> {
    let pods = trial.objects("pods", WORKERS);
    let ids = pods.iter().map(|pod| pod["metadata"]["uid"].to_string());
    ids.collect()
}

/// What the notes of a release tell its operator to try.
fn notes_hold(trial: &Trial, workload: &str) {
    trial.helm(&["test", RELEASE]);
    let within = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        trial.kubectl(&[&["exec", workload, "--", "landfall"], &words[..]].concat())
    };
    assert_eq!(within("health").trim(), "alive");
    within("dlq list");
    let ready = format!("/api/v1/namespaces/{NAMESPACE}/services/{RELEASE}:9464/proxy/readyz");
    assert_eq!(trial.kubectl(&["get", "--raw", &ready]).trim(), "ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chart_is_installed_upgraded_to_everything_and_taken_back_under_load() {
    let trial = Trial::start();
    let plain = ["apply", "--filename", "../kubernetes/landfall.yaml"];
    trial.kubectl(&[&plain[..], &["--dry-run=server", "--validate=strict"]].concat());
    let postgres = trial.postgres().await;
    let (kafka, brokers) = OwnKafka::also_at(&trial.address);
    let world = World::at("kubernetes", PARTITIONS, &kafka.broker()).await;
    let own = values(&world, &brokers, &postgres);
    let own = own.to_str().expect("UTF-8");
    prepare(&trial, &format!("{postgres}/{}", world.name));

    // as somebody does who has read the page
    trial.helm(&["install", RELEASE, "landfall", "--values", own, "--wait"]);
    are_ready(&trial, 1).await;
    notes_hold(&trial, "deployment/landfall");

    let load = Trickle::start(&world, PARTITIONS).await;
    let upgrade = [
        "upgrade",
        RELEASE,
        "landfall",
        "--values",
        "everything.yaml",
    ];
    let upgrade = [&upgrade[..], &["--values", own, "--wait"]].concat();
    trial.helm(&upgrade);
    tell("upgraded to everything", &load);
    // as KEDA does where there is lag
    trial.kubectl(&["scale", "statefulset/landfall", "--replicas=3"]);
    trial.kubectl(&ROLLED_OUT);
    are_ready(&trial, 3).await;
    tell("scaled to three", &load);
    notes_hold(&trial, "statefulset/landfall");
    // nothing changes: nobody is replaced
    let before = identities(&trial);
    trial.helm(&upgrade);
    are_ready(&trial, 3).await;
    assert_eq!(before, identities(&trial));
    tell("upgraded to the same", &load);
    trial.kubectl(&["rollout", "restart", "statefulset/landfall"]);
    trial.kubectl(&ROLLED_OUT);
    are_ready(&trial, 3).await;
    assert!(before.is_disjoint(&identities(&trial)));
    assert_nothing_was_restarted(&trial);
    tell("restarted one by one", &load);

    trial.helm(&["rollback", RELEASE, "1", "--wait"]);
    are_ready(&trial, 1).await;
    assert_nothing_was_restarted(&trial);
    each_partition_goes_on(&world).await;
    tell("taken back", &load);
    let (sent, _) = load.end().await;
    let ids = "SELECT count(*) FROM landfall.processed_events";
    world.until_count(ids, sent).await;
    let letters = "SELECT count(*) FROM landfall.dead_letters";
    assert_eq!(world.count(letters).await, 0);
    audit::assert_forward_only(&world.db).await;
    println!("{sent} events meanwhile");

    trial.helm(&["uninstall", RELEASE, "--wait"]);
    let kinds = "deployments,statefulsets,jobs,pods,services,configmaps,serviceaccounts,poddisruptionbudgets,\
                 networkpolicies,scaledobjects,servicemonitors,prometheusrules";
    eventually("nothing of it is left", async || {
        trial.objects(kinds, OURS).is_empty().then_some(())
    })
    .await;
}
