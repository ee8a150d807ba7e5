use std::collections::BTreeSet;
use std::ffi::OsString;

use landfall::config::Config;
use regex::Regex;
use serde_yaml::Value;

use super::{dockerfile, json, keys, path, pinned, text, texts, yaml};

/// One of everything, and several of what may be lost.
pub const FILES: [&str; 2] = [ONE, CLUSTER];
const ONE: &str = "docker-compose.yml";
const CLUSTER: &str = "docker-compose.cluster.yml";

/// A whole file, with what its anchors and other files bring into it.
pub fn compose(file: &str) -> Value {
    let mut whole = yaml(file);
    whole.apply_merge().unwrap();
    let services = whole["services"].as_mapping_mut().unwrap();
    for (name, service) in services {
        let extended = service["extends"].clone();
        let (Some(from), Some(of)) = (extended["file"].as_str(), extended["service"].as_str())
        else {
            continue;
        };
        assert_eq!(keys(service), ["extends".to_owned()].into(), "{name:?}");
        *service = compose(from)["services"][of].clone();
    }
    whole
}

pub fn services(file: &str) -> Value {
    compose(file)["services"].clone()
}

/// Of both files, named after their file for people.
pub fn each_service() -> Vec<(String, Value)> {
    let of = |file: &&str| {
        let services = services(file);
        let named = |name: String| (format!("{file}: {name}"), services[&*name].clone());
        keys(&services).into_iter().map(named).collect::<Vec<_>>()
    };
    FILES.iter().flat_map(of).collect()
}

/// The folder that an image is built in.
fn build_context(service: &Value) -> Option<&str> {
    let build = &service["build"];
    build.as_str().or_else(|| build["context"].as_str())
}

/// Source, target and options of each mount.
fn mounts(service: &Value) -> Vec<(String, String, String)> {
    texts(&service["volumes"])
        .into_iter()
        .map(|mount| {
            let mut parts = mount.split(':').map(str::to_owned);
            let (source, target) = (parts.next().unwrap(), parts.next().unwrap());
            (source, target, parts.next().unwrap_or_default())
        })
        .collect()
}

#[test]
fn every_part_of_the_way_is_a_service() {
    let expected = [
        "alertmanager",
        "connect",
        "connector",
        "destination",
        "grafana",
        "jaeger",
        "kafka",
        "landfall",
        "prometheus",
        "registry",
        "source",
    ];
    assert_eq!(keys(&services(ONE)), expected.map(str::to_owned).into());
}

#[test]
fn of_what_may_be_lost_there_are_several_in_the_cluster() {
    let services = services(CLUSTER);
    let called = |prefix: &str| {
        let names = keys(&services).into_iter();
        names.filter(|n| n.starts_with(prefix)).collect::<Vec<_>>()
    };
    let brokers = called("kafka-");
    assert_eq!(brokers.len(), 3);
    for broker in &brokers {
        let is = |key: &str| services[&**broker]["environment"][key].clone();
        for replicated in ["DEFAULT", "OFFSETS_TOPIC", "TRANSACTION_STATE_LOG"] {
            assert_eq!(is(&format!("KAFKA_{replicated}_REPLICATION_FACTOR")), 3);
        }
        assert_eq!(is("KAFKA_MIN_INSYNC_REPLICAS"), 2);
        assert_eq!(
            is("KAFKA_ADVERTISED_LISTENERS"),
            format!("PLAINTEXT://{broker}:9092").as_str()
        );
        // both files have the same first address
        let aliases = &services[&**broker]["networks"]["default"]["aliases"];
        assert_eq!(texts(aliases), ["kafka"]);
    }
    let balancer = text("deploy/compose/haproxy.cfg");
    let registries = called("registry-");
    assert_eq!(registries.len(), 2);
    for registry in registries {
        assert!(balancer.contains(&format!("server {registry} {registry}:8080\n")));
    }
    let workers = called("landfall-");
    assert_eq!(workers.len(), 2);
    let [one, other] = [0, 1].map(|n| mounts(&services[&*workers[n]]));
    assert_eq!(one, other);
    assert_eq!(one, mounts(&super::compose::services(ONE)["landfall"]));
    // as many as the broker says, which is one or three
    let connector = json("deploy/compose/connector.json");
    assert_eq!(connector["topic.creation.default.replication.factor"], "-1");
    let connect = text("deploy/connect/worker.properties");
    assert_eq!(connect.matches("replication.factor=-1\n").count(), 3);
}

#[test]
fn every_image_is_built_here_or_has_a_plain_name_and_a_version() {
    for (name, service) in each_service() {
        match (service["image"].as_str(), build_context(&service)) {
            (Some(image), None) => {
                let (repository, tag) = image.rsplit_once(':').expect("a version");
                assert!(tag.contains(|c: char| c.is_ascii_digit()), "{name}: {tag}");
                assert!(!repository.contains(['.', ':']), "{name}: {image}");
            }
            (None, Some(folder)) => assert!(path(folder).join("Dockerfile").exists(), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let jaeger = Regex::new(r"github.com/jaegertracing/jaeger v(\S+)").unwrap();
    let jaeger = jaeger.captures(&text("dev/jaeger.d/go.mod")).unwrap()[1].to_owned();
    for (repository, version) in [
        ("apache/kafka", pinned("KAFKA_VERSION")),
        (
            "apicurio/apicurio-registry-kafkasql",
            pinned("APICURIO_VERSION"),
        ),
        ("jaegertracing/all-in-one", jaeger),
    ] {
        let of_it = |(_, service): &(String, Value)| {
            let image = service["image"].as_str()?;
            image.starts_with(repository).then(|| image.to_owned())
        };
        let images: BTreeSet<String> = each_service().iter().filter_map(of_it).collect();
        assert_eq!(images, [format!("{repository}:{version}")].into());
    }
}

#[test]
fn everything_mounted_is_in_the_repository_or_a_declared_volume() {
    for file in FILES {
        let mut used = BTreeSet::new();
        let services = services(file);
        for name in keys(&services) {
            for (source, target, options) in mounts(&services[&*name]) {
                assert!(target.starts_with('/'), "{name}: {target}");
                match source.strip_prefix("./") {
                    Some(file) => {
                        assert!(path(file).exists(), "{name}: {source}");
                        assert_eq!(options, "ro", "{name}: {source}");
                    }
                    None => {
                        assert!(used.insert(source), "{name}: its volume is another's too");
                    }
                }
            }
        }
        assert_eq!(keys(&yaml(file)["volumes"]), used);
    }
}

#[test]
fn every_secret_is_granted_to_those_that_read_it_and_to_no_others() {
    let declared = yaml(ONE)["secrets"].clone();
    assert_eq!(declared, yaml(CLUSTER)["secrets"]);
    for name in keys(&declared) {
        let file = declared[&*name]["file"].as_str().unwrap();
        assert!(!text(file).trim().is_empty(), "{file}");
    }
    let read = Regex::new(r"/run/secrets/(\w+)").unwrap();
    let mut granted_to_somebody = BTreeSet::new();
    for (name, service) in each_service() {
        let mut told = serde_yaml::to_string(&service).unwrap();
        for (source, ..) in mounts(&service) {
            if path(&source).is_file() {
                told += &text(&source);
            }
        }
        if let Some(folder) = build_context(&service) {
            told += &text(&format!("{folder}/Dockerfile"));
        }
        let read: BTreeSet<String> = read.captures_iter(&told).map(|c| c[1].into()).collect();
        let granted: BTreeSet<String> = texts(&service["secrets"])
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(granted, read, "{name}");
        granted_to_somebody.extend(granted);
    }
    assert_eq!(keys(&declared), granted_to_somebody);
}

#[test]
fn only_loopback_ports_are_published() {
    let mut published = 0;
    for (name, service) in each_service() {
        for port in texts(&service["ports"]) {
            assert!(port.starts_with("127.0.0.1:"), "{name}: {port}");
            published += 1;
        }
    }
    assert!(published > 0);
}

/// Some builders leave an image's own health check out.
#[test]
fn landfall_is_well_if_its_images_health_check_says_so() {
    let mut workers = 0;
    for (name, service) in each_service() {
        if service["build"].as_str() == Some(".") {
            let told = texts(&service["healthcheck"]["test"]);
            let mut own = dockerfile::health_check();
            own.insert(0, "CMD".to_owned());
            assert_eq!(told, own, "{name}");
            workers += 1;
        }
    }
    assert_eq!(workers, 3);
}

#[test]
fn who_waits_for_a_service_waits_for_something_that_will_come() {
    for file in FILES {
        let services = services(file);
        for name in keys(&services) {
            let awaited = &services[&*name]["depends_on"];
            for other in keys(awaited) {
                match awaited[&*other]["condition"].as_str().unwrap() {
                    "service_healthy" => {
                        let test = texts(&services[&*other]["healthcheck"]["test"]);
                        assert_eq!(test[0], "CMD", "{name} waits for {other}'s health");
                    }
                    "service_completed_successfully" => {
                        let restart = &services[&*other]["restart"];
                        assert!(restart.is_null(), "{other} never completes");
                    }
                    condition => panic!("{name}: {condition}"),
                }
            }
        }
    }
}

/// As Landfall reads it there: the mounted file, the service's environment, its secrets.
pub fn configuration() -> Config {
    let service = services(ONE)["landfall"].clone();
    let dockerfile = text("Dockerfile");
    let read_from = Regex::new("LANDFALL_CONFIG=(.+)").unwrap();
    let read_from = &read_from.captures(&dockerfile).unwrap()[1];
    let mounts = mounts(&service);
    let (file, ..) = mounts.iter().find(|(_, at, _)| at == read_from).unwrap();
    let secrets = path("deploy/compose/secrets/");
    let text = text(file).replace("/run/secrets/", secrets.to_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("landfall.toml");
    std::fs::write(&copy, text).unwrap();
    let environment = keys(&service["environment"]).into_iter().map(|name| {
        let value = service["environment"][&*name].as_str().unwrap();
        (OsString::from(&name), OsString::from(value))
    });
    Config::load_with(&copy, environment).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn landfall_reads_the_configuration_that_is_mounted() {
    let config = configuration();
    let services = services(ONE);
    let (broker, port) = config.kafka.brokers.split_once(':').unwrap();
    let advertised = &services[broker]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    assert_eq!(*advertised, format!("PLAINTEXT://{broker}:{port}").as_str());
    assert!(
        text("deploy/connect/worker.properties")
            .contains(&format!("bootstrap.servers={}\n", config.kafka.brokers))
    );

    let registry = config.registry_in_use().expect("Avro needs one");
    assert_eq!(
        registry.urls[0].as_str(),
        "http://registry:8080/apis/ccompat/v7"
    );
    let worker = text("deploy/connect/worker.properties");
    for side in ["key", "value"] {
        let same =
            format!("{side}.converter.apicurio.registry.url=http://registry:8080/apis/registry/v2");
        assert!(worker.contains(&same));
    }
    let spans = config.tracing.endpoint.unwrap();
    assert!(services[spans.host_str().unwrap()].is_mapping(), "{spans}");

    let database = services["destination"]["environment"]["POSTGRES_DB"].as_str();
    assert_eq!(
        config.postgres.display_url(),
        format!("postgres://landfall@destination:5432/{}", database.unwrap())
    );
    let password = config.postgres.password_source().unwrap();
    assert_eq!(
        password.read_blocking().unwrap().expose(),
        text("deploy/compose/secrets/landfall").trim_end()
    );
}

#[test]
fn what_the_connector_reads_is_what_landfall_lands() {
    let config = configuration();
    let connector = json("deploy/compose/connector.json");
    let of = |key: &str| connector[key].as_str().unwrap_or_else(|| panic!("{key}"));
    let services = services(ONE);
    let source = &services[of("database.hostname")];
    assert_eq!(source["environment"]["POSTGRES_DB"], of("database.dbname"));

    let source = text("deploy/compose/source.sql");
    let destination = text("deploy/compose/destination.sql");
    assert!(source.contains(&format!("CREATE ROLE {} ", of("database.user"))));
    assert!(source.contains(&format!("CREATE PUBLICATION {} ", of("publication.name"))));
    for table in of("table.include.list").split(',') {
        let topic = format!("{}.{table}", of("topic.prefix"));
        assert!(config.subscribes_to(&topic), "{topic}");
        let create = format!("CREATE TABLE {} (", table.strip_prefix("public.").unwrap());
        for sql in [&source, &destination] {
            assert!(sql.contains(&create), "{create}");
        }
    }
    for letters in config.dead_letter_topics() {
        assert!(!config.subscribes_to(&letters.name));
    }

    let variable = of("database.password")
        .strip_prefix("${env:")
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap();
    let worker = text("deploy/connect/worker.properties");
    assert!(worker.contains(&format!("allowlist.pattern={variable}\n")));
    assert!(text("deploy/connect/Dockerfile").contains(&format!("\"{variable}=$(<")));
}
