//! The parameters of a JDBC URL, in libpq's words.

use crate::operator::import_connector::given::Secret;
use crate::operator::import_connector::report::{Part, Section};

/// What stands behind the question mark.
#[derive(Debug, Default)]
pub struct Parameters {
    /// The role.
    pub user: Option<String>,
    /// Where its password is to be had.
    pub password: Option<Secret>,
    /// `currentSchema`: its first.
    pub schema: Option<String>,
    /// In libpq's words.
    pub kept: Vec<(String, String)>,
}

impl Parameters {
    /// Reads them, and says what becomes of those that aren't kept.
    pub fn read(query: &str, section: &mut Section) -> Self {
        let mut read = Self::default();
        let mut ssl = false;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            let mut keep = |name: &str| read.kept.push((name.to_owned(), value.clone()));
            match &*name {
                "user" => read.user = Some(value),
                "password" => read.password = Some(Secret::locate(&value)),
                "currentSchema" => read.schema = value.split(',').next().map(str::to_owned),
                "sslmode" | "sslrootcert" | "sslcert" => keep(&name),
                "sslkey" => {
                    let text = "PEM: openssl pkcs8 -inform DER -in key.pk8 -nocrypt -out key.pem";
                    section.say("connection.url: sslkey", Part::Differs, text);
                    keep(&name);
                }
                "ssl" => ssl = value != "false",
                "ApplicationName" => keep("application_name"),
                "connectTimeout" => keep("connect_timeout"),
                "targetServerType" if matches!(&*value, "primary" | "master") => {
                    read.kept
                        .push(("target_session_attrs".to_owned(), "read-write".to_owned()));
                }
                other => {
                    let text = "the driver's own, without a meaning here";
                    section.say(&format!("connection.url: {other}"), Part::NotNeeded, text);
                }
            }
        }
        if ssl && !read.kept.iter().any(|(name, _)| name == "sslmode") {
            // what the driver makes of it; Landfall trusts the system's authorities unless told otherwise
            read.kept
                .push(("sslmode".to_owned(), "verify-full".to_owned()));
            let text = "sslmode=verify-full, as the driver has it; sslrootcert names an authority of your own";
            section.say("connection.url: ssl", Part::Differs, text);
        }
        read
    }
}
