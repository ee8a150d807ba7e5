use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use landfall::config::{Config, HttpConfig};
use landfall::watch::health::Health;
use landfall::watch::http::{Told, serve_endpoints};
use landfall::watch::metrics::Series;
use landfall::watch::page::Page;
use regex::Regex;

use super::{path, pinned, text};

/// Instructions and their arguments, in order.
fn instructions(file: &str) -> Vec<(String, String)> {
    let lines: Vec<String> = text(file)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    instructions
        .map(|(name, arguments)| (name.to_owned(), arguments.trim().to_owned()))
        .collect()
}

/// The argument of the last such instruction, which is what counts.
fn last(instructions: &[(String, String)], name: &str) -> String {
    let found = instructions.iter().rev().find(|(i, _)| i == name);
    found.unwrap_or_else(|| panic!("no {name}")).1.clone()
}

/// The arguments of all such instructions.
fn all<'i>(instructions: &'i [(String, String)], name: &str) -> Vec<&'i str> {
    let found = instructions.iter().filter(|(i, _)| i == name);
    found.map(|(_, arguments)| &**arguments).collect()
}

fn last_stage(mut instructions: Vec<(String, String)>) -> Vec<(String, String)> {
    let from = instructions.iter().rposition(|(i, _)| i == "FROM").unwrap();
    instructions.split_off(from)
}

fn list(argument: &str) -> Vec<String> {
    serde_json::from_str(argument).unwrap_or_else(|e| panic!("{argument}: {e}"))
}

/// What is copied out of the repository, not out of another stage.
fn copied(instructions: &[(String, String)]) -> Vec<String> {
    let copies = instructions
        .iter()
        .filter(|(i, arguments)| i == "COPY" && !arguments.starts_with("--from"));
    copies
        .flat_map(|(_, arguments)| {
            let mut paths: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
            paths.pop();
            paths
        })
        .collect()
}

#[test]
fn it_builds_with_the_rust_that_cargo_toml_asks_for() {
    let cargo = text("Cargo.toml");
    let version = cargo
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "))
        .unwrap()
        .trim_matches('"');
    let instructions = instructions("Dockerfile");
    let stages: Vec<&String> = instructions
        .iter()
        .filter(|(i, _)| i == "FROM")
        .map(|(_, image)| image)
        .collect();
    // a registry's host would be somebody's choice
    assert_eq!(
        stages,
        [&format!("rust:{version}-bookworm AS build"), "scratch"]
    );
    let builds: Vec<&str> = instructions
        .iter()
        .flat_map(|(_, arguments)| arguments.split("&&"))
        .filter(|command| command.contains("cargo auditable build"))
        .collect();
    assert_eq!(builds.len(), 2, "the dependencies, then the rest");
    for build in builds {
        assert!(build.contains("--release --locked"), "{build}");
    }
}

#[test]
fn a_release_brings_its_own_openssl() {
    let own = ("ENV".to_owned(), "OPENSSL_NO_VENDOR=0".to_owned());
    assert!(instructions("Dockerfile").contains(&own));
    let makefile = text("Makefile");
    let release = "\tOPENSSL_NO_VENDOR=0 dev/cargo build --release --locked\n";
    assert!(makefile.contains(release));
    let cargo = text("Cargo.toml");
    for client in ["openssl", "rdkafka"] {
        let line = cargo
            .lines()
            .find(|l| l.starts_with(&format!("{client} = ")));
        assert!(line.unwrap().contains("vendored\""), "{client}");
    }
}

#[test]
fn everything_copied_is_there_and_not_ignored() {
    let ignore = text(".dockerignore");
    let mut lines = ignore.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"));
    let let_through: Vec<&str> = lines.map(|line| line.strip_prefix('!').unwrap()).collect();
    let files = copied(&instructions("Dockerfile"));
    assert_eq!(files.len(), let_through.len());
    for file in files {
        assert!(path(&file).exists(), "{file}");
        assert!(let_through.contains(&&*file), "{file} is ignored");
    }
    for file in copied(&instructions("deploy/connect/Dockerfile")) {
        assert!(path("deploy/connect").join(&file).exists(), "{file}");
    }
}

#[test]
fn everything_that_the_sources_include_is_copied() {
    let copied = copied(&instructions("Dockerfile"));
    let include = Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let mut folders = vec![path("src")];
    let mut included = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            if file.is_dir() && name != "tests" {
                folders.push(file);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let source = std::fs::read_to_string(&file).unwrap();
                for found in include.captures_iter(&source) {
                    let target = file.parent().unwrap().join(&found[1]).canonicalize();
                    let target = target.unwrap_or_else(|e| panic!("{}: {e}", &found[1]));
                    let mut roots = copied.iter().map(|c| path(c).canonicalize().unwrap());
                    assert!(
                        roots.any(|root| target.starts_with(root)),
                        "{} includes {}, which no COPY brings along",
                        file.display(),
                        &found[1]
                    );
                    included += 1;
                }
            }
        }
    }
    assert!(included > 0);
}

#[test]
fn the_image_runs_landfall_as_nobody_in_particular() {
    let stage = last_stage(instructions("Dockerfile"));
    let user = last(&stage, "USER");
    for id in user.split(':') {
        assert!(id.parse::<u32>().unwrap() > 0, "USER {user}");
    }
    assert_eq!(list(&last(&stage, "ENTRYPOINT")), ["landfall"]);
    assert_eq!(list(&last(&stage, "CMD")), ["run"]);
    assert_eq!(last(&stage, "STOPSIGNAL"), "SIGTERM");
    let environment: Vec<&str> = all(&stage, "ENV");
    assert_eq!(
        environment,
        [
            "PATH=/usr/local/bin",
            "LANDFALL_CONFIG=/etc/landfall/landfall.toml"
        ]
    );
    let port = HttpConfig::default().listen.port().to_string();
    assert_eq!(last(&stage, "EXPOSE"), port);
    // a root file system that a stage has put together, and nothing that would need a shell
    assert_eq!(all(&stage, "FROM"), ["scratch"]);
    assert_eq!(all(&stage, "COPY"), ["--from=build /image /"]);
    assert_eq!(all(&stage, "RUN"), [""; 0]);
    assert!(last(&instructions("Dockerfile"), "RUN").contains(&format!(":{user}:")));
}

#[test]
fn the_labels_say_what_cargo_toml_says() {
    let cargo = text("Cargo.toml");
    let said = |key: &str| {
        let mut lines = cargo.lines();
        let value = lines.find_map(|line| line.strip_prefix(&format!("{key} = ")));
        value.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    let labels = last(&last_stage(instructions("Dockerfile")), "LABEL");
    for (label, value) in [
        ("title", "\"Landfall\"".to_owned()),
        ("description", said("description")),
        ("version", said("version")),
        ("revision", "\"$LANDFALL_COMMIT\"".to_owned()),
        ("licenses", said("license")),
    ] {
        let label = format!("org.opencontainers.image.{label}={value}");
        assert!(labels.contains(&label), "{label}");
    }
}

/// The command that says whether a container is well.
pub fn health_check() -> Vec<String> {
    let check = last(&last_stage(instructions("Dockerfile")), "HEALTHCHECK");
    list(check.split_once("CMD").unwrap().1.trim())
}

/// The same, of a worker that listens elsewhere.
fn probe(listen: SocketAddr) -> bool {
    let command = health_check();
    assert_eq!(command[0], "landfall");
    let ended = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(&command[1..])
        .env("LANDFALL_CONFIG", path("config/minimal.toml"))
        .env("LANDFALL_HTTP__LISTEN", listen.to_string())
        .output();
    ended.unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_tells_alive_from_dead() {
    let mut config = Config::parse(&text("config/minimal.toml")).unwrap();
    config.http.listen = "127.0.0.1:0".parse().unwrap();
    let health = Arc::new(Health::default());
    let told = Told {
        metrics: Series::default(),
        sampled: Arc::default(),
        page: Arc::new(Page::new(&config, health.clone(), Arc::default())),
        health,
    };
    let alive = serve_endpoints(&config.http, told).await;
    assert!(probe(alive.unwrap()));

    let dead = std::net::TcpListener::bind(config.http.listen).unwrap();
    let address = dead.local_addr().unwrap();
    drop(dead);
    assert!(!probe(address));
}

#[test]
fn connect_is_built_with_the_versions_of_the_local_stack() {
    let instructions = instructions("deploy/connect/Dockerfile");
    for name in [
        "KAFKA_VERSION",
        "DEBEZIUM_VERSION",
        "APICURIO_VERSION",
        "MAVEN_DEPENDENCY_PLUGIN_VERSION",
    ] {
        let argument = format!("{name}={}", pinned(name));
        let given = instructions
            .iter()
            .any(|i| *i == ("ARG".into(), argument.clone()));
        assert!(given, "no ARG {argument}");
    }
    let command = list(&last(&instructions, "CMD")).join(" ");
    let copied = last(&instructions, "COPY");
    let properties = copied.split_once(' ').unwrap().1;
    assert!(Path::new(properties).is_absolute());
    assert!(command.ends_with(properties), "{command}");
}
