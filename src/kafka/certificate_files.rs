//! Certificates and keys that are replaced while we run: librdkafka reads them when a client is made, and never again.

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::admin::AdminClient;

use crate::config::Config;
use crate::kafka::client::{LoggingContext, client_properties};
use crate::kafka::error::{ClientError, Error};
use crate::kafka::login::LiveClient;

/// How often the files are read,
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// and for how long they are to stay as they are: a certificate and its key are replaced one after the other.
const SETTLING_TIME: Duration = Duration::from_secs(1);

/// The properties that name such files.
const PROPERTIES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];

/// Returns once the files are others than they were, and a client can be made with them. Never, if the configuration
/// names none.
pub async fn wait_for_renewal(config: Config) {
    let properties = &config.kafka.properties;
    let paths = PROPERTIES.iter().filter_map(|name| properties.get(*name));
    let paths: Vec<PathBuf> = paths.map(PathBuf::from).collect();
    if paths.is_empty() {
        return std::future::pending().await;
    }
    let used = read_files(&paths).await;
    let mut refused = used.clone();
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let found = read_files(&paths).await;
        let is_gone = found
            .iter()
            .zip(&used)
            .any(|(now, before)| now.is_none() && before.is_some());
        if found == used || found == refused || is_gone {
            continue;
        }
        tokio::time::sleep(SETTLING_TIME).await;
        if read_files(&paths).await != found {
            continue;
        }
        let tried = config.clone();
        match tokio::task::spawn_blocking(move || try_client(&tried)).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => tracing::warn!(
                "Kafka's certificates have changed, and can't be used: {error}; those from before are used on"
            ),
            Err(_) => {} // the process ends
        }
        refused = found;
    }
}

/// A hash of each file's content; `None`: it can't be read, or is a folder.
async fn read_files(paths: &[PathBuf]) -> Vec<Option<blake3::Hash>> {
    let paths = paths.to_vec();
    let read = move || {
        let contents = paths.iter().map(|path| std::fs::read(path).ok());
        contents
            .map(|content| content.map(|content| blake3::hash(&content)))
            .collect()
    };
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

fn try_client(config: &Config) -> Result<(), Error> {
    let made: Result<LiveClient<AdminClient<LoggingContext>>, _> =
        client_properties(config).create(LoggingContext);
    made.map(drop)
        .map_err(|error| Error::of_creation(ClientError(error)))
}
