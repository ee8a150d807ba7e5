//! Names of librdkafka's properties: how a variable, a `_file` and a `_command` key spell them, and which hold secrets.

/// Where a key says that the property's secret comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Twin {
    /// A file holds it: `sasl.password_file`.
    File,
    /// A command prints it: `sasl.password_command`.
    Command,
}

const TWINS: [(&str, Twin); 2] = [("file", Twin::File), ("command", Twin::Command)];

/// The property that a variable's last part means: underscores are dots there.
pub(super) fn property_in_variable(part: &str) -> String {
    let dotted = part.replace('_', ".");
    match dotted.rsplit_once('.') {
        Some((secret, end)) if is_secret(secret) && TWINS.iter().any(|(word, _)| *word == end) => {
            format!("{secret}_{end}")
        }
        _ => dotted,
    }
}

/// The property that a key sets: `sasl.password_file` sets `sasl.password`.
pub(super) fn property_of(name: &str) -> &str {
    split_twin(name).map_or(name, |(property, _)| property)
}

/// The property, and where its secret comes from, if the key says that.
pub(super) fn split_twin(name: &str) -> Option<(&str, Twin)> {
    let (property, end) = name.rsplit_once('_')?;
    let (_, twin) = TWINS.iter().find(|(word, _)| *word == end)?;
    is_secret(property).then_some((property, *twin))
}

/// Of SASL and keys only what is known to be harmless is shown: a misspelt secret is one too.
pub(super) fn may_be_secret(property: &str) -> bool {
    let harmless = [
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.oauthbearer.method",
        "sasl.oauthbearer.client.id",
        "sasl.oauthbearer.token.endpoint.url",
        "ssl.key.location",
        "ssl.keystore.location",
    ];
    let guarded = ["sasl.", "ssl.key"]
        .iter()
        .any(|part| property.starts_with(part));
    is_secret(property) || (guarded && !harmless.contains(&property))
}

/// Judged by the name, generously: librdkafka grows new ones.
fn is_secret(property: &str) -> bool {
    [
        "password",
        "secret",
        "passphrase",
        "key.pem",
        "jaas",
        "oauthbearer.config",
    ]
    .iter()
    .any(|part| property.contains(part))
}
