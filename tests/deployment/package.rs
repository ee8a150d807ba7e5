//! What `make dist` packs: the unit, and the packages themselves, made with a stand-in for the program.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use clap::Parser as _;
use landfall::cli::Cli;

use super::{path, text};

const UNIT: &str = "deploy/systemd/landfall.service";

/// The settings of the unit, with the values of each.
fn settings() -> BTreeMap<String, Vec<String>> {
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let unit = text(UNIT);
    let lines = unit.lines().filter(|line| !line.starts_with('#'));
    for (key, value) in lines.filter_map(|line| line.split_once('=')) {
        settings.entry(key.into()).or_default().push(value.into());
    }
    settings
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    output
}

#[test]
fn the_unit_runs_a_command_that_there_is_as_nobody_who_may_write_nothing() {
    let settings = settings();
    let words = settings["ExecStart"][0].split_whitespace();
    assert!(Cli::try_parse_from(words).is_ok());
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("CapabilityBoundingSet", ""),
        ("MemoryDenyWriteExecute", "yes"),
        // exit code 2: the configuration is wrong
    ] {
        assert_eq!(settings[key], [value], "{key}");
    }
    // what root alone reads is handed over
    assert_eq!(
        settings["LoadCredential"],
        ["landfall.toml:/etc/landfall/landfall.toml"]
    );
    assert_eq!(
        settings["Environment"],
        ["LANDFALL_CONFIG=%d/landfall.toml"]
    );
}

#[test]
fn systemd_takes_the_unit_where_there_is_one_and_finds_it_well_confined() {
    if Command::new("systemd-analyze")
        .arg("--version")
        .output()
        .is_err()
    {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let unit = directory.path().join("landfall.service");
    let here = text(UNIT).replace("/usr/bin/landfall", env!("CARGO_BIN_EXE_landfall"));
    std::fs::write(&unit, here.replace("man:landfall(1)", "file:///")).unwrap();
    let verified = run(Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit));
    let complaints = String::from_utf8_lossy(&verified.stderr);
    let own: Vec<&str> = complaints
        .lines()
        .filter(|line| line.contains("landfall.service"))
        .collect();
    assert!(own.is_empty(), "{own:?}");
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", "--threshold=25", "--no-pager"]);
    run(security.arg(&unit)); // of 100, which is no confinement at all
}

/// Stands in for the program, which is large.
fn stand_in(directory: &Path) -> std::path::PathBuf {
    let script = format!(
        "#!/bin/sh\nexec {} \"$@\"\n",
        env!("CARGO_BIN_EXE_landfall")
    );
    let program = directory.join("stand-in");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

#[test]
fn the_packages_hold_what_they_should_and_are_the_same_each_time() {
    if Command::new("dpkg-deb").arg("--version").output().is_err() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let program = stand_in(directory.path());
    let dist = |out: &str, arguments: &[&str]| {
        let mut command = Command::new(path("dev/dist"));
        command
            .args(arguments)
            .env("SOURCE_DATE_EPOCH", "1790000000");
        command.env("LANDFALL_DIST_BINARY", &program);
        run(command.env("LANDFALL_DIST_DIR", directory.path().join(out)));
    };
    dist("first", &[]);
    dist("first", &["--check"]);
    dist("second", &[]);
    let sums =
        |out: &str| std::fs::read_to_string(directory.path().join(out).join("SHA256SUMS")).unwrap();
    assert_eq!(sums("first"), sums("second"));
    assert_eq!(sums("first").lines().count(), 2);

    let version = env!("CARGO_PKG_VERSION");
    let all = std::fs::read_dir(directory.path().join("first")).unwrap();
    let all: Vec<_> = all.map(|entry| entry.unwrap().path()).collect();
    let named = |ending: &str| {
        all.iter()
            .find(|p| p.to_string_lossy().ends_with(ending))
            .unwrap()
    };
    let listed = |command: &str, arguments: &[&str], file: &Path| {
        let output = run(Command::new(command).args(arguments).arg(file));
        String::from_utf8(output.stdout).unwrap()
    };
    let deb = listed("dpkg-deb", &["--contents"], named(".deb"));
    for file in [
        "-rwxr-xr-x root/root",
        "./usr/bin/landfall\n",
        "./usr/lib/systemd/system/landfall.service\n",
        "./usr/share/man/man1/landfall-dlq-replay.1.gz\n",
        "./usr/share/bash-completion/completions/landfall\n",
        "./usr/share/doc/landfall/copyright\n",
    ] {
        assert!(deb.contains(file), "{file}: {deb}");
    }
    // root alone reads it, and an upgrade leaves it as it was written
    let configuration = deb
        .lines()
        .find(|line| line.ends_with("./etc/landfall/landfall.toml"));
    assert!(
        configuration.is_some_and(|line| line.starts_with("-rw------- ")),
        "{deb}"
    );
    let fields = listed("dpkg-deb", &["--info"], named(".deb"));
    assert!(
        fields.contains(&format!("Version: {version}\n")),
        "{fields}"
    );
    assert!(fields.contains("conffiles"), "{fields}");
    let tarball = listed("tar", &["-tzf"], named(".tar.gz"));
    for file in [
        "landfall",
        "landfall.toml",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        "man/landfall.1",
        "completions/landfall.bash",
        "completions/_landfall",
        "systemd/landfall.service",
    ] {
        let entry = tarball
            .lines()
            .any(|line| line.ends_with(&format!("/{file}")));
        assert!(entry, "{file}: {tarball}");
    }
}
