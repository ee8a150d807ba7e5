//! Certificates and keys that are replaced while we run: librdkafka reads them when a client is made, and never again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rdkafka::admin::AdminClient;

use crate::config::Config;
use crate::kafka::client::{LoggingContext, client_properties};
use crate::kafka::error::{ClientError, Error};
use crate::kafka::login::LiveClient;

/// How often the files are read,
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// and for how long they are to stay as they are: a certificate and its key are replaced one after the other.
const SETTLING_TIME: Duration = Duration::from_secs(1);
/// How long files that can't be used are left alone.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// The properties that name such files.
const PROPERTIES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.keystore.location",
    "ssl.crl.location",
];

/// The files that the configuration names, and what they held.
pub struct CertificateFiles {
    config: Config,
    paths: Vec<PathBuf>,
    used: Contents,
}

/// A hash of each file's content; `None`: it can't be read, or is a folder.
type Contents = Vec<Option<blake3::Hash>>;

impl CertificateFiles {
    /// As they are now: to be called before clients are made with them.
    pub async fn read(config: &Config) -> Self {
        let (config, properties) = (config.clone(), &config.kafka.properties);
        let paths = PROPERTIES.iter().filter_map(|name| properties.get(*name));
        let paths: Vec<PathBuf> = paths.map(PathBuf::from).collect();
        let used = read_files(&paths).await;
        Self {
            config,
            paths,
            used,
        }
    }
}

/// Returns once the files are others than they were, and a client can be made with them. Never, if the configuration
/// names none.
pub async fn wait_for_renewal(files: CertificateFiles) {
    let CertificateFiles {
        config,
        paths,
        used,
    } = files;
    if paths.is_empty() {
        return std::future::pending().await;
    }
    let mut refused: Option<(Contents, Instant)> = None;
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        let found = read_files(&paths).await;
        let is_gone = found
            .iter()
            .zip(&used)
            .any(|(now, before)| now.is_none() && before.is_some());
        // what else a client is made with may have been renewed since
        let is_refused = |(refused, at): &(Contents, Instant)| {
            found == *refused && at.elapsed() < RETRY_INTERVAL
        };
        if found == used || refused.as_ref().is_some_and(is_refused) || is_gone {
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
        refused = Some((found, Instant::now()));
    }
}

async fn read_files(paths: &[PathBuf]) -> Contents {
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
