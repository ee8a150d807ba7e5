//! The destination: a JDBC URL and what stands beside it, as Postgres' own URL.

use url::Url;

use crate::operator::import_connector::connector::{Connector, Kind};
use crate::operator::import_connector::error::ImportError;
use crate::operator::import_connector::given::{Secret, is_given_elsewhere};
use crate::operator::import_connector::jdbc_parameters::Parameters;
use crate::operator::import_connector::report::{Part, Section};

/// `[postgres]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Without a password; `None`: the file doesn't hold it.
    pub url: Option<String>,
    /// Where the URL is to be had, if the file doesn't hold it.
    pub elsewhere: Option<Secret>,
    /// Where its password is to be had; `None`: there is none.
    pub password: Option<Secret>,
    /// `currentSchema`: that of tables whose names have none.
    pub schema: Option<String>,
}

/// What a JDBC URL begins with; the second is AWS' wrapper's.
const SCHEMES: [&str; 2] = ["jdbc:postgresql:", "jdbc:aws-wrapper:postgresql:"];

/// Whom Landfall connects as, if nobody says.
const ROLE: &str = "landfall";

impl Destination {
    /// Reads it from a sink's options.
    ///
    /// # Errors
    /// It isn't a Postgres.
    pub fn read(sink: &Connector, section: &mut Section) -> Result<Self, ImportError> {
        if sink.kind == Kind::Cloud {
            return Ok(read_cloud(sink, section));
        }
        let user = sink.first_of(&["connection.user", "connection.username"]);
        let password = sink.text("connection.password").map(Secret::locate);
        let Some(jdbc) = sink.text("connection.url") else {
            section.say("connection.url", Part::ToDecide, "missing: postgres.url");
            return Ok(Self {
                url: None,
                elsewhere: None,
                password,
                schema: None,
            });
        };
        let Some(place) = SCHEMES.iter().find_map(|scheme| jdbc.strip_prefix(scheme)) else {
            return refuse_or_point_elsewhere(sink, jdbc, password, section);
        };
        let (place, parameters) = place.split_once('?').unwrap_or((place, ""));
        let parameters = Parameters::read(parameters, section);
        let user = user.map(|(_, user)| user.to_owned()).or(parameters.user);
        let password = password.or(parameters.password);
        if is_given_elsewhere(place) {
            section.say(
                "connection.url",
                Part::ToDecide,
                "a template: postgres.url_file",
            );
            return Ok(Self {
                url: None,
                elsewhere: Some(Secret::Elsewhere("a template".to_owned())),
                password,
                schema: parameters.schema,
            });
        }
        Ok(Self {
            url: Some(write_url(place, user, &parameters.kept, section)),
            elsewhere: None,
            password,
            schema: parameters.schema,
        })
    }
}

fn refuse_or_point_elsewhere(
    sink: &Connector,
    jdbc: &str,
    password: Option<Secret>,
    section: &mut Section,
) -> Result<Destination, ImportError> {
    if is_given_elsewhere(jdbc) && !jdbc.starts_with("jdbc:") {
        let text = "it isn't in the file: postgres.url_file, without jdbc:";
        section.say("connection.url", Part::ToDecide, text);
        return Ok(Destination {
            url: None,
            elsewhere: Some(Secret::locate(jdbc)),
            password,
            schema: None,
        });
    }
    // no more of it is shown: a password may stand in it
    let mut words = jdbc.split(':');
    let found = match (words.next(), words.next()) {
        (Some("jdbc"), Some(database)) if database.len() < 20 => format!("jdbc:{database}:…"),
        _ => "no JDBC URL".to_owned(),
    };
    Err(ImportError::OtherDatabase {
        file: sink.file.clone(),
        found,
    })
}

fn read_cloud(sink: &Connector, section: &mut Section) -> Destination {
    let known = |option| sink.text(option).filter(|text| !is_given_elsewhere(text));
    let password = sink.text("connection.password").map(Secret::locate);
    let (Some(host), Some(database)) = (known("connection.host"), known("db.name")) else {
        section.say(
            "connection.host",
            Part::ToDecide,
            "host and database aren't in the file: postgres.url",
        );
        return Destination {
            url: None,
            elsewhere: None,
            password,
            schema: None,
        };
    };
    let port = known("connection.port").unwrap_or("5432");
    let mode = sink.text("ssl.mode").unwrap_or("prefer");
    let kept = vec![("sslmode".to_owned(), mode.to_ascii_lowercase())];
    let user = sink.text("connection.user").map(str::to_owned);
    Destination {
        url: Some(write_url(
            &format!("//{host}:{port}/{database}"),
            user,
            &kept,
            section,
        )),
        elsewhere: None,
        password,
        schema: None,
    }
}

/// `place`: `//host:port/database`, or a part of it.
fn write_url(
    place: &str,
    user: Option<String>,
    parameters: &[(String, String)],
    section: &mut Section,
) -> String {
    let place = place.strip_prefix("//").unwrap_or(place);
    let (hosts, database) = place.split_once('/').unwrap_or(("", place));
    let hosts = if hosts.is_empty() {
        "localhost:5432"
    } else {
        hosts
    };
    let known = user.filter(|user| !is_given_elsewhere(user));
    let user = known.unwrap_or_else(|| {
        let text = format!("the role isn't in the file: {ROLE:?} in postgres.url");
        section.say("connection.user", Part::ToDecide, text);
        ROLE.to_owned()
    });
    let database = match database {
        "" => &user,
        database => database,
    };
    let mut url = format!(
        "postgres://{}@{hosts}/{}",
        escape_user(&user),
        escape_path(database)
    );
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        query.append_pair(name, value);
    }
    let query = query.finish();
    if !query.is_empty() {
        url += &format!("?{}", query.replace('+', "%20"));
    }
    url
}

fn escape_user(user: &str) -> String {
    let Ok(mut url) = Url::parse("postgres://h/") else {
        return user.to_owned();
    };
    let _ = url.set_username(user); // a URL with a host takes any
    url.username().to_owned()
}

fn escape_path(database: &str) -> String {
    let Ok(mut url) = Url::parse("postgres://h/") else {
        return database.to_owned();
    };
    url.set_path(database);
    url.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::operator::import_connector::testing::sink_with;

    fn read(options: &[(&str, &str)]) -> (Destination, Section) {
        let sink = sink_with(options);
        let mut section = Section::about(&sink);
        let destination = Destination::read(&sink, &mut section).unwrap();
        (destination, section)
    }

    #[test]
    fn a_jdbc_url_becomes_postgres_own_without_its_password() {
        let url = "jdbc:postgresql://a:5432,b:5433/shop?user=ann@x&password=hunter2&currentSchema=sales,public\
                   &sslmode=verify-ca&sslrootcert=/a b.pem&reWriteBatchedInserts=true&connectTimeout=3";
        let (destination, section) = read(&[("connection.url", url)]);
        assert_eq!(
            destination.url.as_deref(),
            Some(
                "postgres://ann%40x@a:5432,b:5433/shop?sslmode=verify-ca&sslrootcert=%2Fa%20b.pem&connect_timeout=3"
            )
        );
        assert_eq!(destination.schema.as_deref(), Some("sales"));
        assert_eq!(destination.password, Some(Secret::Written));
        let ignored: Vec<&str> = section.part(Part::NotNeeded).map(|(o, _)| o).collect();
        assert_eq!(ignored, ["connection.url: reWriteBatchedInserts"]);
    }

    #[test]
    fn what_the_url_leaves_out_is_what_the_driver_takes() {
        let url = |jdbc| {
            let options = [("connection.url", jdbc), ("connection.user", "ann")];
            read(&options).0.url.unwrap()
        };
        assert_eq!(url("jdbc:postgresql://db/shop"), "postgres://ann@db/shop");
        assert_eq!(
            url("jdbc:postgresql:shop"),
            "postgres://ann@localhost:5432/shop"
        );
        assert_eq!(url("jdbc:postgresql://db:1/"), "postgres://ann@db:1/ann");
        assert_eq!(
            url("jdbc:postgresql://db/shop?ssl=true"),
            "postgres://ann@db/shop?sslmode=verify-full"
        );
    }

    #[test]
    fn what_is_given_elsewhere_is_left_for_a_person() {
        let (destination, section) = read(&[("connection.url", "${file:/s.properties:url}")]);
        assert_eq!(destination.url, None);
        assert!(destination.elsewhere.is_some());
        assert_eq!(section.part(Part::ToDecide).count(), 1);
        let (destination, _) = read(&[("connection.url", "jdbc:postgresql://{{ .Host }}:5432/x")]);
        assert_eq!(destination.url, None);
    }

    #[test]
    fn another_database_is_refused_without_quoting_its_password() {
        let options = BTreeMap::from([
            (
                "connector.class".to_owned(),
                "io.confluent.connect.jdbc.JdbcSinkConnector".to_owned(),
            ),
            (
                "connection.url".to_owned(),
                "jdbc:mysql://ann:hunter2@db/shop".to_owned(),
            ),
        ]);
        let sink = Connector::recognise("f.json", None, options).unwrap();
        let error = Destination::read(&sink, &mut Section::about(&sink)).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("f.json: connection.url: found jdbc:mysql:…"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
}
