//! Values that a connector's file doesn't hold itself: Connect's providers, templates, and what somebody has masked.

/// Where a secret is to be had, in Landfall's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A file of its own, which Connect read whole: `${dir:/run/secrets:password}`.
    OwnFile(String),
    /// A variable: `${env:NAME}`.
    Variable(String),
    /// A line of a file: `${file:/etc/secrets.properties:password}`; or another provider's.
    Elsewhere(String),
    /// It is in the connector's file, and isn't repeated.
    Written,
}

impl Secret {
    /// Reads the reference, if it is one.
    pub fn locate(value: &str) -> Self {
        let inside = value
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'));
        let Some(inside) = inside else {
            return match is_given_elsewhere(value) {
                true => Self::Elsewhere("what was filled in for it".to_owned()),
                false => Self::Written,
            };
        };
        let (provider, rest) = inside.split_once(':').unwrap_or(("", inside));
        let (path, key) = rest.rsplit_once(':').unwrap_or(("", rest));
        match provider {
            "dir" => Self::OwnFile(format!("{}/{key}", path.trim_end_matches('/'))),
            "env" => Self::Variable(key.to_owned()),
            "" => Self::Variable(rest.to_owned()),
            "file" => Self::Elsewhere(format!("{key} in {path}")),
            other => Self::Elsewhere(format!("{key} of the provider {other}")),
        }
    }
}

/// Whether the text stands for another: a provider's reference, a template's place, or asterisks.
pub fn is_given_elsewhere(text: &str) -> bool {
    let templates = ["${", "{{", "[[", "<$", "$("];
    let masked = !text.is_empty() && text.chars().all(|c| c == '*');
    masked || templates.iter().any(|template| text.contains(template))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_a_password_is_not_repeated() {
        let file = Secret::locate("${file:/etc/kafka/db.properties:password}");
        assert_eq!(
            file,
            Secret::Elsewhere("password in /etc/kafka/db.properties".to_owned())
        );
        let own = Secret::locate("${dir:/run/secrets:db}");
        assert_eq!(own, Secret::OwnFile("/run/secrets/db".to_owned()));
        let variable = Secret::locate("${env:DB_PASSWORD}");
        assert_eq!(variable, Secret::Variable("DB_PASSWORD".to_owned()));
        let variable = Secret::locate("${DB_PASSWORD}");
        assert_eq!(variable, Secret::Variable("DB_PASSWORD".to_owned()));
        assert_eq!(Secret::locate("hunter2"), Secret::Written);
        assert!(matches!(
            Secret::locate("{{ .Password }}"),
            Secret::Elsewhere(_)
        ));
        assert!(matches!(
            Secret::locate("${vault:kv/db:pw}"),
            Secret::Elsewhere(_)
        ));
    }

    #[test]
    fn asterisks_and_templates_stand_for_something_else() {
        for text in [
            "****",
            "a-{{ .X }}",
            "${TOPIC}.orders",
            "[[ .Table ]]",
            "<$ x>",
        ] {
            assert!(is_given_elsewhere(text), "{text}");
        }
        assert!(!is_given_elsewhere("orders") && !is_given_elsewhere(""));
    }
}
