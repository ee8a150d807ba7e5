use super::*;
use crate::config::{Login, RegistryConfig};

fn registry(lines: &str, environment: &[(&str, &str)]) -> RegistryConfig {
    let text = format!("\n[format]\nencoding = 'avro'\n[format.registry]\n{lines}\n");
    let config = load(&minimal_and(&text), environment).unwrap();
    config.registry_in_use().unwrap().clone()
}

#[test]
fn several_urls_are_a_list_or_have_commas() {
    let several = ["http://a:8081/", "https://b/apis/ccompat/v7/"];
    for lines in [
        format!("url = {several:?}"),
        format!("url = '{}, {}'", several[0], several[1]),
    ] {
        assert_eq!(
            registry(&lines, &[]).display_urls(),
            "http://a:8081/,https://b/apis/ccompat/v7",
            "{lines}"
        );
    }
    let variable = [("LANDFALL_FORMAT__REGISTRY__URL", "http://c,http://d")];
    assert_eq!(registry("url = 'http://a'", &variable).urls.len(), 2);
    let variable = [(
        "LANDFALL_FORMAT__REGISTRY__URL",
        r#"["http://c", "http://d"]"#,
    )];
    assert_eq!(registry("", &variable).urls.len(), 2);
}

#[test]
fn a_login_is_given_beside_the_url_and_its_password_is_never_shown() {
    let secret = file("hunter2\n");
    let lines = format!(
        "url = 'http://a'\nusername = 'me'\npassword_file = '{}'",
        secret.path.display()
    );
    let found = registry(&lines, &[]);
    let Some(Login::Basic { username, password }) = found.login.clone() else {
        panic!("{found:?}");
    };
    let password = password.unwrap().read_blocking().unwrap();
    assert_eq!((&*username, password.expose()), ("me", "hunter2"));
    assert!(!format!("{found:?}").contains("hunter2"));

    let text = minimal_and("\n[format.registry]\nurl = 'http://me:hunter2@a'\n");
    let said = problems(&text, &[]).join("\n");
    assert!(said.contains("set format.registry.username"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let text = minimal_and("\n[format.registry]\nurl = 'http://a'\npassword = 'hunter2'\n");
    let said = problems(&text, &[]).join("\n");
    assert!(said.contains("needs format.registry.username"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_token_stands_alone_and_comes_from_where_a_password_may_come_from() {
    let lines = "url = 'http://a'\ntoken_command = ['get-token', 'hunter2']";
    let found = registry(lines, &[]);
    assert!(matches!(&found.login, Some(Login::Bearer(_))), "{found:?}");
    assert!(!format!("{found:?}").contains("hunter2"));
    let text =
        minimal_and("\n[format.registry]\nurl = 'http://a'\nusername = 'me'\ntoken = 'hunter2'\n");
    let said = problems(&text, &[]).join("\n");
    let expected = "format.registry.token: format.registry.username is set as well";
    assert!(said.contains(expected), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn json_needs_no_registry_and_the_summary_shows_none() {
    let text = minimal_and("\n[format.registry]\nurl = 'http://a'\n");
    let config = load(&text, &[]).unwrap();
    assert!(config.registry_in_use().is_none());
    assert!(!config.summary().to_string().contains("registry"));
    let avro = registry("url = 'http://a'", &[]);
    assert_eq!(avro.timeout.as_secs(), 10);
}
