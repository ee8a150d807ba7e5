//! Names of librdkafka's properties: how a variable and a `_file` key spell them, and which hold secrets.

/// Ends a key that names a file with the property's secret: `sasl.password_file`.
const FILE_TWIN: &str = "_file";

/// The property that a variable's last part means: underscores are dots there.
pub(super) fn property_in_variable(part: &str) -> String {
    let dotted = part.replace('_', ".");
    match dotted.strip_suffix(".file") {
        Some(secret) if is_secret(secret) => format!("{secret}{FILE_TWIN}"),
        _ => dotted,
    }
}

/// The property that a key sets: `sasl.password_file` sets `sasl.password`.
pub(super) fn property_of(name: &str) -> &str {
    name.strip_suffix(FILE_TWIN)
        .filter(|property| is_secret(property))
        .unwrap_or(name)
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
