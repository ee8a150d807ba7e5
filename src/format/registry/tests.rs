//! What answers at a registry's URL may be anything.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;

use super::*;
use crate::verdict::Verdict;

/// Answers each path with a status and a body, the last of several from then on; anything else with 404.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn server(answers: &[(&str, &[(u16, &str)])]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let mut answers: HashMap<String, Vec<(u16, String)>> = answers
        .iter()
        .map(|(path, answers)| {
            let owned = answers
                .iter()
                .map(|(status, body)| (*status, body.to_string()));
            (path.to_string(), owned.rev().collect())
        })
        .collect();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut head, mut byte) = (client.unwrap(), String::new(), [0]);
            while !head.ends_with("\r\n\r\n") && client.read(&mut byte).unwrap_or(0) == 1 {
                head.push(char::from(byte[0]));
            }
            let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
            log.lock().unwrap().push(path.clone());
            let answers = answers.entry(path).or_default();
            let answer = match answers.len() {
                0 => (404, String::new()),
                1 => answers[0].clone(),
                _ => answers.pop().unwrap(),
            };
            let (status, body) = answer;
            let head =
                format!("HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nConnection: close\r\n");
            let _ = write!(client, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    Server { url, asked }
}

fn registry(urls: &[&str]) -> Registry {
    registry_within(urls, Duration::from_millis(500))
}

fn registry_within(urls: &[&str], timeout: Duration) -> Registry {
    Registry::new(&RegistryConfig {
        urls: urls.iter().map(|url| url.parse().unwrap()).collect(),
        login: None,
        root_certificates: None,
        client: None,
        timeout,
    })
    .unwrap()
}

async fn learn(registry: &Registry, id: SchemaId) -> Result<KnownSchema, Failure> {
    let known = registry.fetch_schemas([id].into()).await?;
    Ok(known[&id].clone())
}

const MISSING: &str = r#"{"error_code":40403,"message":"Schema not found"}"#;
const TYPES: (&str, &[(u16, &str)]) = ("/schemas/types", &[(200, r#"["AVRO"]"#)]);

fn schema(schema: &str, references: &str) -> String {
    let schema = serde_json::Value::from(schema);
    format!(r#"{{"schema":{schema},"references":{references}}}"#)
}

#[tokio::test]
async fn what_may_come_back_is_waited_for_and_what_must_be_mended_is_told() {
    for (status, body, verdict, said) in [
        (500, "", Verdict::Unavailable, "answers 500"),
        (503, "", Verdict::Unavailable, "answers 503"),
        (429, "", Verdict::Unavailable, "answers 429"),
        (401, "", Verdict::Systemic, "username"),
        (403, "", Verdict::Systemic, "have the registry let"),
        (302, "", Verdict::Systemic, "where it really is"),
        (404, "<html>", Verdict::Systemic, "may lack its path"),
        (
            404,
            r#"{"error_code":404}"#,
            Verdict::Systemic,
            "may lack its path",
        ),
        (200, "<html>", Verdict::Systemic, "is no schema registry"),
    ] {
        let server = server(&[("/schemas/ids/7", &[(status, body)])]);
        let failure = learn(&registry(&[&server.url]), 7).await.unwrap_err();
        assert_eq!(failure.verdict, verdict, "{status} {body}");
        assert!(failure.log_line.contains(said), "{failure}");
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let failure = learn(&registry(&[&url]), 7).await.unwrap_err();
    assert_eq!(failure.verdict, Verdict::Unavailable);
    assert!(
        failure.log_line.contains("no answer within 500ms"),
        "{failure}"
    );
}

#[tokio::test]
async fn what_the_registry_does_not_have_is_refused_after_asking_twice() {
    let refused = async |answers: &[(u16, &str)]| {
        let server = server(&[("/schemas/ids/7", answers), TYPES]);
        match learn(&registry(&[&server.url]), 7).await.unwrap() {
            KnownSchema::Refused(why) => Some(why),
            KnownSchema::Schema(_) => None,
        }
    };
    let why = refused(&[(404, MISSING)]).await.unwrap();
    assert_eq!(why, "the registry has no schema with id 7");
    // another registry's way to say so
    assert!(refused(&[(404, "")]).await.is_some());
    assert!(refused(&[(422, "")]).await.is_some());
    let late = schema("\"int\"", "[]");
    assert!(refused(&[(404, MISSING), (200, &late)]).await.is_none());
    let thrift = r#"{"schema":"x","schemaType":"THRIFT"}"#;
    assert!(refused(&[(200, thrift)]).await.unwrap().contains("THRIFT"));
    let broken = schema("{}", "[]");
    assert!(
        refused(&[(200, &broken)])
            .await
            .unwrap()
            .contains("can't be used")
    );
    let huge = format!("{}{}", " ".repeat(9 << 20), schema("\"int\"", "[]"));
    assert!(refused(&[(200, &huge)]).await.unwrap().contains("8 MiB"));
}

#[tokio::test]
async fn a_schema_is_kept_and_a_failure_is_not() {
    let int = schema("\"int\"", "[]");
    let server = server(&[("/schemas/ids/7", &[(500, ""), (200, &int), (500, "")])]);
    let registry = registry(&[&server.url]);
    assert!(learn(&registry, 7).await.is_err());
    for _ in 0..2 {
        assert!(matches!(
            learn(&registry, 7).await,
            Ok(KnownSchema::Schema(_))
        ));
    }
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn urls_are_asked_in_turn_until_one_has_it() {
    let int = schema("\"int\"", "[]");
    let behind = server(&[("/schemas/ids/7", &[(404, MISSING)])]);
    let broken = server(&[
        ("/schemas/ids/7", &[(500, "")]),
        ("/schemas/ids/8", &[(500, "")]),
    ]);
    let good = server(&[("/schemas/ids/7", &[(200, &int)])]);
    let registry = registry(&["http://127.0.0.1:1", &behind.url, &broken.url, &good.url]);
    assert!(matches!(
        learn(&registry, 7).await,
        Ok(KnownSchema::Schema(_))
    ));
    // none has it, and one says so
    assert!(learn(&registry, 8).await.is_err());
}

#[tokio::test]
async fn references_are_followed_but_not_in_circles_and_not_for_ever() {
    let refer = |subject: &str| format!(r#"[{{"name":"x","subject":"{subject}","version":1}}]"#);
    let other = schema(
        r#"{"type":"enum","name":"a.Mood","symbols":["calm"]}"#,
        &refer("a/b"),
    );
    let root = schema(r#"["null","a.Mood"]"#, &refer("a/b"));
    let circle = server(&[
        ("/schemas/ids/7", &[(200, &root)]),
        ("/subjects/a%2Fb/versions/1", &[(200, &other)]),
    ]);
    assert!(matches!(
        learn(&registry(&[&circle.url]), 7).await,
        Ok(KnownSchema::Schema(_))
    ));

    let chain: Vec<(String, String)> = (0..40)
        .map(|at| {
            (
                format!("/subjects/s{at}/versions/1"),
                schema("\"int\"", &refer(&format!("s{}", at + 1))),
            )
        })
        .collect();
    let root = schema("\"int\"", &refer("s0"));
    let one = |body: &'static str| [(200, body)];
    let chain: Vec<(&str, [(u16, &str); 1])> = chain
        .iter()
        .map(|(path, body)| (path.as_str(), one(Box::leak(body.clone().into_boxed_str()))))
        .collect();
    let mut answers: Vec<(&str, &[(u16, &str)])> =
        chain.iter().map(|(p, a)| (*p, a.as_slice())).collect();
    let first = [(200, root.as_str())];
    answers.push(("/schemas/ids/7", &first));
    let endless = server(&answers);
    let known = learn(&registry(&[&endless.url]), 7).await.unwrap();
    assert!(matches!(known, KnownSchema::Refused(why) if why.contains("nested deeper")));

    let root = schema("\"int\"", &refer("gone"));
    let gone = server(&[
        ("/schemas/ids/7", &[(200, &root)]),
        (
            "/subjects/gone/versions/1",
            &[(404, r#"{"error_code":40401}"#)],
        ),
    ]);
    let known = learn(&registry(&[&gone.url]), 7).await.unwrap();
    let expected = "schema 7 refers to subject \"gone\" version 1, which the registry doesn't have";
    assert!(matches!(known, KnownSchema::Refused(why) if why == expected));
}

#[tokio::test]
async fn what_a_schema_refers_to_is_bounded_all_together_and_an_answer_by_itself() {
    let refer = |subject: &str| format!(r#"[{{"subject":"{subject}","version":1}}]"#);
    let large = |references: &str| schema(&" ".repeat(6 << 20), references);
    let (one, two, three) = (large(&refer("two")), large(&refer("three")), large("[]"));
    let (root, huge) = (schema("\"int\"", &refer("one")), " ".repeat(9 << 20));
    let server = server(&[
        ("/schemas/ids/7", &[(200, &root)]),
        ("/subjects/one/versions/1", &[(200, &one)]),
        ("/subjects/two/versions/1", &[(200, &two)]),
        ("/subjects/three/versions/1", &[(200, &three)]),
        ("/schemas/ids/8", &[(200, &huge)]),
    ]);
    let registry = registry_within(&[&server.url], Duration::from_secs(30));
    for (id, why) in [(7, "of more than 16 MiB together"), (8, "more than 8 MiB")] {
        let known = learn(&registry, id).await.unwrap();
        assert!(
            matches!(&known, KnownSchema::Refused(told) if told.contains(why)),
            "{known:?}"
        );
    }
}
