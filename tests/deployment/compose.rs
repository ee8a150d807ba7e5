use std::collections::BTreeSet;
use std::ffi::OsString;

use landfall::config::Config;
use regex::Regex;
use serde_yaml::Value;

use super::{json, keys, path, pinned, text, texts, yaml};

fn services() -> Value {
    yaml("docker-compose.yml")["services"].clone()
}

fn each_service() -> Vec<(String, Value)> {
    let services = services();
    let names = keys(&services).into_iter();
    names.map(|n| (n.clone(), services[&*n].clone())).collect()
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
        "connect",
        "connector",
        "destination",
        "grafana",
        "kafka",
        "landfall",
        "prometheus",
        "source",
    ];
    assert_eq!(keys(&services()), expected.map(str::to_owned).into());
}

#[test]
fn every_image_is_built_here_or_has_a_plain_name_and_a_version() {
    for (name, service) in each_service() {
        match (service["image"].as_str(), service["build"].as_str()) {
            (Some(image), None) => {
                let (repository, tag) = image.rsplit_once(':').expect("a version");
                assert!(tag.contains(|c: char| c.is_ascii_digit()), "{name}: {tag}");
                assert!(!repository.contains(['.', ':']), "{name}: {image}");
            }
            (None, Some(folder)) => assert!(path(folder).join("Dockerfile").exists(), "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let kafka = format!("apache/kafka:{}", pinned("KAFKA_VERSION"));
    assert_eq!(services()["kafka"]["image"], kafka.as_str());
}

#[test]
fn everything_mounted_is_in_the_repository_or_a_declared_volume() {
    let mut used = BTreeSet::new();
    for (name, service) in each_service() {
        for (source, target, options) in mounts(&service) {
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
    assert_eq!(keys(&yaml("docker-compose.yml")["volumes"]), used);
}

#[test]
fn every_secret_is_granted_to_those_that_read_it_and_to_no_others() {
    let declared = yaml("docker-compose.yml")["secrets"].clone();
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
        if let Some(folder) = service["build"].as_str() {
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

#[test]
fn who_waits_for_a_service_waits_for_something_that_will_come() {
    let services = services();
    for (name, service) in each_service() {
        let awaited = &service["depends_on"];
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

/// As Landfall reads it there: the mounted file, the service's environment, its secrets.
pub fn configuration() -> Config {
    let service = services()["landfall"].clone();
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
    let services = services();
    let (broker, port) = config.kafka.brokers.split_once(':').unwrap();
    let advertised = &services[broker]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    assert_eq!(*advertised, format!("PLAINTEXT://{broker}:{port}").as_str());
    assert!(
        text("deploy/connect/worker.properties")
            .contains(&format!("bootstrap.servers={}\n", config.kafka.brokers))
    );

    let database = services["destination"]["environment"]["POSTGRES_DB"].as_str();
    assert_eq!(
        config.postgres.display_url(),
        format!("postgres://landfall@destination:5432/{}", database.unwrap())
    );
    let password = config.postgres.password.unwrap();
    assert_eq!(
        password.expose(),
        text("deploy/compose/secrets/landfall").trim_end()
    );
}

#[test]
fn what_the_connector_reads_is_what_landfall_lands() {
    let config = configuration();
    let connector = json("deploy/compose/connector.json");
    let of = |key: &str| connector[key].as_str().unwrap_or_else(|| panic!("{key}"));
    let services = services();
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
