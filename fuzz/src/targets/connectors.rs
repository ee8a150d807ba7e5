//! A connector's file, for `landfall import-connector`.

use landfall::operator::import_connector::import_bytes;

use crate::Target;

pub const TARGET: Target = Target {
    name: "connectors",
    run,
    seeds: &[
        include_str!("../../../tests/import_connector/router-behind-router.json"),
        include_str!("../../../tests/import_connector/renames-and-casts.json"),
        include_str!("../../../tests/import_connector/append-with-dead-letters.properties"),
    ],
};

fn run(input: &[u8]) {
    for name in ["a.json", "a.properties"] {
        match import_bytes(name, input) {
            Ok(made) => drop(made),
            Err(error) => _ = error.to_string(),
        }
    }
}
