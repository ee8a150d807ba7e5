use super::*;

const SECRET: &str = "hunter2";

fn secret_file(text: &str) -> File {
    file(text)
}

fn without_url() -> String {
    MINIMAL
        .lines()
        .filter(|line| !line.starts_with("url"))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_secret_is_read_from_the_file_its_twin_names() {
    let password = secret_file("hunter2\n");
    let path = password.path.display();
    let text = minimal_and(&format!(
        "password_file = '{path}'\n[kafka.properties]\n'sasl.password_file' = '{path}'\n"
    ));
    let config = load(&text, &[]).unwrap();
    assert_eq!(password_of(&config), Some(SECRET.into()));
    assert_eq!(config.kafka.properties["sasl.password"], SECRET);

    let variable = "LANDFALL_KAFKA__PROPERTIES__SASL_PASSWORD_FILE";
    let config = load(MINIMAL, &[(variable, &path.to_string())]).unwrap();
    assert_eq!(config.kafka.properties["sasl.password"], SECRET);

    let url = secret_file("postgres://landfall:hunter2@db/warehouse\r\n");
    let text = format!("{}url_file = '{}'\n", without_url(), url.path.display());
    let config = load(&text, &[]).unwrap();
    assert_eq!(
        config.postgres.display_url(),
        "postgres://landfall@db:5432/warehouse"
    );
}

#[test]
fn a_variable_wins_over_the_files_twin_and_two_in_one_place_are_refused() {
    let other = secret_file("other");
    let twin = format!("password_file = '{}'\n", other.path.display());
    let variable = [("LANDFALL_POSTGRES__PASSWORD", SECRET)];
    let config = load(&minimal_and(&twin), &variable).unwrap();
    assert_eq!(password_of(&config), Some(SECRET.into()));

    let absent = minimal_and(
        "password_file = '/absent'\n[kafka.properties]\n'sasl.password_file' = '/absent'\n",
    );
    let variables = [
        ("LANDFALL_POSTGRES__PASSWORD", SECRET),
        ("LANDFALL_KAFKA__PROPERTIES__SASL_PASSWORD", SECRET),
    ];
    let config = load(&absent, &variables).unwrap();
    assert_eq!(config.kafka.properties["sasl.password"], SECRET);

    let lines = problems(&minimal_and(&format!("password = 'hunter2'\n{twin}")), &[]);
    assert_eq!(
        lines,
        [
            "landfall.toml:10: postgres.password_file: postgres.password is set as well; set only one of them"
        ]
    );
}

#[test]
fn nothing_that_is_shown_has_a_secret_in_it() {
    let text = format!(
        "{}url = 'postgres://landfall:hunter2@db/warehouse?application_name=hunter2'\n\
         password = 'hunter2'\n[kafka.properties]\nsasl.username = 'ann'\n\
         'sasl.password' = 'hunter2'\n'ssl.key.pem' = 'hunter2'\n\
         'sasl.oauthbearer.client.secret' = 'hunter2'\n",
        without_url()
    );
    let config = load(&text, &[]).unwrap();
    let debug = format!("{config:?}").replace("application_name: Some(\"hunter2\")", "");
    let shown = format!("{debug}\n{0}\n{0:#}", config.summary());
    assert!(!shown.contains(SECRET), "{shown}");
    let summary = config.summary().to_string();
    assert!(
        summary.contains("postgres.url=postgres://landfall@db:5432/warehouse"),
        "{summary}"
    );
    assert!(
        summary.contains("kafka.properties.sasl.username=ann"),
        "{summary}"
    );
    assert!(
        summary.contains("kafka.properties.sasl.password=[secret]"),
        "{summary}"
    );
}

#[test]
fn no_problem_shows_a_secret() {
    let text = format!(
        "{}url = 'postgres://landfall:hunter2@db:x/warehouse'\npassword = ['hunter2']\n\
         [kafka.properties]\n'sasl.password' = ['hunter2']\n'ssl.key.password' = 1\n\
         ssl.key.password_file = 'absent'\n",
        without_url()
    );
    let lines = problems(&text, &[("LANDFALL_POSTGRES__PASSWORT", SECRET)]);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(!lines.join("\n").contains(SECRET), "{lines:#?}");

    let lines = problems("kafka = 1\npostgres = 'postgres://ann:hunter2@db/x'\n", &[]);
    assert_eq!(
        lines[1],
        "landfall.toml:2: postgres: allowed: a table, [postgres]"
    );

    for broken in [
        "password = \"hunter2\n",
        "password = hunter2\n",
        "url = 'postgres://a:hunter2@b\n",
    ] {
        let lines = problems(&format!("{}{broken}", without_url()), &[]);
        assert!(
            lines[0].starts_with("landfall.toml:8: not TOML: "),
            "{lines:?}"
        );
        assert!(!lines.join("\n").contains(SECRET), "{lines:?}");
    }
}

#[test]
fn an_empty_or_absent_secret_file_is_named() {
    let empty = secret_file("\n");
    let path = empty.path.display().to_string();
    let lines = problems(&minimal_and(&format!("password_file = '{path}'\n")), &[]);
    assert_eq!(
        lines,
        [format!(
            "landfall.toml:9: postgres.password_file: the secret file {path} is empty"
        )]
    );
    let lines = problems(MINIMAL, &[("LANDFALL_POSTGRES__PASSWORD_FILE", "/absent")]);
    assert!(
        lines[0].starts_with(
            "environment variable LANDFALL_POSTGRES__PASSWORD_FILE: postgres.password_file: \
             the secret file /absent cannot be read: No such file"
        ),
        "{lines:?}"
    );
}
