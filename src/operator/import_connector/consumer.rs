//! The consumer's properties: Java's names as librdkafka's, JAAS taken apart, Java's key stores as PEM files.

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::given::{Secret, is_given_elsewhere};
use crate::operator::import_connector::report::{Part, Section};

/// An entry of `[kafka.properties]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// librdkafka's name.
    pub name: String,
    /// Its value, or where a secret is to be had.
    pub value: PropertyValue,
    /// What a person has to know of it.
    pub remark: Option<&'static str>,
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PropertyValue {
    Text(String),
    Secret(Secret),
}

/// How a person turns Java's stores into what librdkafka reads.
const TO_AUTHORITIES: &str = "PEM, from the trust store: keytool -exportcert -rfc -keystore truststore.jks -alias ALIAS -file ca.pem";
const TO_KEY: &str = "PEM, from the key store: keytool -importkeystore -srckeystore keystore.jks -destkeystore keystore.p12 \
                      -deststoretype PKCS12; openssl pkcs12 -in keystore.p12 -nokeys -out client.pem; openssl pkcs12 -in \
                      keystore.p12 -nocerts -out client.key";

/// What a worker's own configuration calls the consumers' properties.
const WORKERS_PREFIXES: [&str; 2] = ["consumer.", ""];
const OVERRIDE: &str = "consumer.override.";

/// Of a sink, and of the worker that it ran in, whose properties stand where the sink says nothing.
pub fn read_properties(
    sink: &Connector,
    worker: Option<&Connector>,
    section: &mut Section,
) -> Vec<Property> {
    let find = |name: &str| {
        let own = sink.text(&format!("{OVERRIDE}{name}"));
        own.or_else(|| {
            let worker = worker?;
            let mut prefixes = WORKERS_PREFIXES.iter();
            prefixes.find_map(|prefix| worker.text(&format!("{prefix}{name}")))
        })
    };
    let mut properties = match sink.kind {
        Kind::Cloud => read_cloud(sink),
        _ => Vec::new(),
    };
    for name in [
        "security.protocol",
        "sasl.mechanism",
        "client.id",
        "client.rack",
    ] {
        properties.extend(find(name).map(|value| as_text(name, value)));
    }
    if let Some(jaas) = find("sasl.jaas.config") {
        take_jaas_apart(jaas, &mut properties, section);
    }
    if find("ssl.truststore.location").is_some() || find("ssl.truststore.certificates").is_some() {
        let is_pem = find("ssl.truststore.type") == Some("PEM");
        let path = find("ssl.truststore.location").filter(|_| is_pem);
        let mut authorities = as_text(
            "ssl.ca.location",
            path.unwrap_or("/etc/landfall/kafka-ca.pem"),
        );
        if path.is_none() {
            authorities.remark = Some(TO_AUTHORITIES);
            section.say(
                "ssl.truststore",
                Part::Differs,
                format!("ssl.ca.location: {TO_AUTHORITIES}"),
            );
        }
        properties.push(authorities);
    }
    if find("ssl.keystore.location").is_some() || find("ssl.keystore.key").is_some() {
        add_client_certificate(find("ssl.key.password"), &mut properties, section);
    }
    if find("ssl.endpoint.identification.algorithm") == Some("none") {
        properties.push(as_text("ssl.endpoint.identification.algorithm", "none"));
    }
    properties
}

/// Confluent Cloud's connectors have an API key, and always speak SASL over TLS.
fn read_cloud(sink: &Connector) -> Vec<Property> {
    let key = sink
        .text("kafka.api.key")
        .filter(|key| !is_given_elsewhere(key));
    vec![
        as_text("security.protocol", "SASL_SSL"),
        as_text("sasl.mechanism", "PLAIN"),
        Property {
            name: "sasl.username".to_owned(),
            value: PropertyValue::Text(key.unwrap_or("API_KEY").to_owned()),
            remark: key
                .is_none()
                .then_some("an API key that may read the topics"),
        },
        Property {
            name: "sasl.password".to_owned(),
            value: PropertyValue::Secret(Secret::Elsewhere("the API key's secret".to_owned())),
            remark: None,
        },
    ]
}

/// `…PlainLoginModule required username="ann" password="…";`
fn take_jaas_apart(jaas: &str, properties: &mut Vec<Property>, section: &mut Section) {
    const OPTION: &str = "consumer.override.sasl.jaas.config";
    let module = jaas.split_whitespace().next().unwrap_or_default();
    let is_known = ["PlainLoginModule", "ScramLoginModule"]
        .iter()
        .any(|known| module.ends_with(known));
    let user = find_in_jaas(jaas, "username");
    let (true, Some(user)) = (is_known, user) else {
        let text =
            "only names and passwords are taken out of it: see librdkafka's sasl.* for the rest";
        section.say(OPTION, Part::NoCounterpart, text);
        return;
    };
    let given = is_given_elsewhere(&user);
    if given {
        section.say(
            OPTION,
            Part::ToDecide,
            "the name isn't in the file: kafka.properties.sasl.username",
        );
    }
    properties.push(as_text(
        "sasl.username",
        if given { "USERNAME" } else { &user },
    ));
    let password = find_in_jaas(jaas, "password").unwrap_or_default();
    properties.push(Property {
        name: "sasl.password".to_owned(),
        value: PropertyValue::Secret(Secret::locate(&password)),
        remark: None,
    });
}

/// `key="value"` of a JAAS line, where a backslash takes the meaning from what follows, or `key=value;`.
fn find_in_jaas(jaas: &str, key: &str) -> Option<String> {
    let (_, rest) = jaas.split_once(&format!("{key}="))?;
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find(|c: char| c.is_whitespace() || c == ';');
        return rest.get(..end.unwrap_or(rest.len())).map(str::to_owned);
    };
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    Some(value)
}

fn add_client_certificate(
    password: Option<&str>,
    properties: &mut Vec<Property>,
    section: &mut Section,
) {
    let mut certificate = as_text("ssl.certificate.location", "/etc/landfall/kafka-client.pem");
    certificate.remark = Some(TO_KEY);
    properties.push(certificate);
    properties.push(as_text(
        "ssl.key.location",
        "/etc/landfall/kafka-client.key",
    ));
    if let Some(password) = password {
        properties.push(Property {
            name: "ssl.key.password".to_owned(),
            value: PropertyValue::Secret(Secret::locate(password)),
            remark: None,
        });
    }
    let text = format!("ssl.certificate.location, ssl.key.location: {TO_KEY}");
    section.say("ssl.keystore", Part::Differs, text);
}

fn as_text(name: &str, value: &str) -> Property {
    Property {
        name: name.to_owned(),
        value: PropertyValue::Text(value.to_owned()),
        remark: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::import_connector::testing::sink_with;

    fn read(options: &[(&str, &str)]) -> (Vec<Property>, Section) {
        let sink = sink_with(options);
        let mut section = Section::about(&sink);
        let properties = read_properties(&sink, None, &mut section);
        (properties, section)
    }

    #[test]
    fn jaas_is_taken_apart_and_its_password_is_not_repeated() {
        let jaas = r#"org.apache.kafka.common.security.scram.ScramLoginModule required username="an\"n" password="hunter2;";"#;
        let (properties, _) = read(&[("consumer.override.sasl.jaas.config", jaas)]);
        assert_eq!(properties[0], as_text("sasl.username", "an\"n"));
        assert_eq!(properties[1].value, PropertyValue::Secret(Secret::Written));
        assert!(!format!("{properties:?}").contains("hunter2"));
        let bare = "org.apache.kafka.common.security.plain.PlainLoginModule required username=ann password=x;";
        let (properties, _) = read(&[("consumer.override.sasl.jaas.config", bare)]);
        assert_eq!(properties[0], as_text("sasl.username", "ann"));
        let kerberos = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;";
        let (properties, section) = read(&[("consumer.override.sasl.jaas.config", kerberos)]);
        assert_eq!(
            (properties.len(), section.part(Part::NoCounterpart).count()),
            (0, 1)
        );
    }

    #[test]
    fn javas_stores_are_told_to_be_made_pem() {
        let (properties, section) = read(&[
            ("consumer.override.ssl.truststore.location", "/t.jks"),
            ("consumer.override.ssl.keystore.location", "/k.jks"),
            ("consumer.override.ssl.key.password", "hunter2"),
        ]);
        let names: Vec<&str> = properties.iter().map(|p| p.name.as_str()).collect();
        let expected = [
            "ssl.ca.location",
            "ssl.certificate.location",
            "ssl.key.location",
            "ssl.key.password",
        ];
        assert_eq!(names, expected);
        assert_eq!(section.part(Part::Differs).count(), 2);
        let (properties, section) = read(&[
            ("consumer.override.ssl.truststore.location", "/t.pem"),
            ("consumer.override.ssl.truststore.type", "PEM"),
        ]);
        assert_eq!(properties, [as_text("ssl.ca.location", "/t.pem")]);
        assert_eq!(section.part(Part::Differs).count(), 0);
    }
}
