//! A world with canaries in it: secrets, keys and values that are found nowhere else.

use std::path::PathBuf;

use serde_json::json;

use crate::lineage::receiver::{Receiver, TOKEN};
use crate::support::avro::Encoder;
use crate::support::collector::Collector;
use crate::support::events::{Event, change, change_of};
use crate::support::guarded::{Door, Guarded, basic};
use crate::support::{World, stack};

pub struct Secrets {
    pub http: &'static str,
    registry: &'static str,
    wrong: &'static str,
    postgres: &'static str,
    in_url: &'static str,
    sasl: &'static str,
    mask: &'static str,
    otlp: &'static str,
}

pub const SECRETS: Secrets = Secrets {
    http: "canary-of-http-token-4e1",
    registry: "canary-of-registry-password-4e2",
    wrong: "canary-of-wrong-password-4e3",
    postgres: "canary-of-postgres-password-4e4",
    in_url: "canary-of-the-url-4e5",
    sasl: "canary-of-sasl-password-4e6",
    mask: "canary-of-the-mask-key-4e7",
    otlp: "canary-of-otlp-header-4e8",
};

pub struct Values {
    pub key: &'static str,
    pub refused: &'static str,
    pub panic: &'static str,
    fine: &'static str,
    unique: &'static str,
    masked: &'static str,
    text_for_number: &'static str,
    too_large: i64,
    undecodable: &'static str,
    header: &'static str,
    avro: &'static str,
}

pub const VALUES: Values = Values {
    key: "canary-of-a-key-5f1",
    refused: "canary-that-is-refused-5f2",
    panic: "canary-of-a-panic-5f3",
    fine: "canary-that-is-fine-5f4",
    unique: "canary-that-is-there-twice-5f5",
    masked: "canary-that-is-masked-5f6",
    text_for_number: "canary-that-is-no-number-5f7",
    too_large: 741_852_963_741_852,
    undecodable: "canary-that-is-no-json-5f8",
    header: "canary-of-a-header-5f9",
    avro: "canary-in-avro-5fa",
};

pub struct Planted {
    pub world: World,
    pub collector: Collector,
    pub lineage: Receiver,
    /// The environment of each run.
    pub variables: Vec<(&'static str, &'static str)>,
    /// How many events of each round are put aside.
    pub refused: i64,
    topic: String,
    encoder: Encoder,
    files: tempfile::TempDir,
    _guarded: Guarded,
}

const TABLE: &str =
    "CREATE TABLE c (id text PRIMARY KEY, body text, note text UNIQUE, mail text, small smallint,
        CONSTRAINT not_this CHECK (body NOT LIKE '%refused%'));
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE NOTICE 'a row: %', NEW; RAISE WARNING 'a row: %', NEW; RETURN NEW; END $$;
    CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON c FOR EACH ROW EXECUTE FUNCTION tell()";

impl Planted {
    pub async fn sow(test: &str) -> Self {
        let mut world = World::new(test, 1).await;
        world.sql(TABLE).await;
        let files = tempfile::tempdir().expect("a directory");
        let file = |name: &str, secret: &str| -> PathBuf {
            let path = files.path().join(name);
            std::fs::write(&path, secret).expect("written");
            path
        };
        let door = Door {
            authorization: basic(&format!("landfall:{}", SECRETS.registry)),
            ..Door::default()
        };
        let guarded = Guarded::start(&stack().registry, door);
        let encoder = crate::support::avro::Registry::at(&stack().registry);
        let encoder = encoder.encoder(&world.topic, &[]);
        let topic = format!("{}.public.c", world.name);
        world.kafka.create_topic(&topic, 1).await;
        world.topics.push(topic.clone());
        let (collector, lineage) = (Collector::start().await, Receiver::start().await);
        let password = file("registry", SECRETS.wrong);
        let sections: [(&str, String); 10] = [
            // nothing is waited for that never comes
            (
                "retry",
                "parent_wait = \"100ms\"\nmax_attempts = 1".to_owned(),
            ),
            ("log", "level = \"trace\"".to_owned()),
            (
                "format.registry",
                format!(
                    "url = {:?}\nca_file = {:?}\nusername = \"landfall\"\npassword_file = {password:?}",
                    guarded.url,
                    guarded.path("ca.pem")
                ),
            ),
            (
                "postgres",
                format!("password_file = {:?}", file("postgres", SECRETS.postgres)),
            ),
            (
                "http",
                format!("token_file = {:?}", file("http", SECRETS.http)),
            ),
            (
                "kafka.properties",
                format!("\"sasl.password\" = {:?}", SECRETS.sasl),
            ),
            ("apply", format!("mask_key = {:?}", SECRETS.mask)),
            (
                "lineage",
                format!("url = {:?}\ntoken = {TOKEN:?}", lineage.url),
            ),
            (
                "tracing",
                format!("endpoint = {:?}\nsample_ratio = 1.0", collector.url),
            ),
            (
                "[route]",
                format!(
                    "topic = {:?}\ntable = \"public.t\"\nencoding = \"avro\"\n[[route]]\ntopic = {topic:?}\ntable = \"public.c\"\nmask = {{ mail = \"hash\" }}",
                    world.topic
                ),
            ),
        ];
        for (section, lines) in sections {
            world.set(section, &lines);
        }
        let with_password = format!(":{}@", SECRETS.in_url);
        world.database_url = world.database_url.replacen('@', &with_password, 1);
        let header = format!("authorization={}", SECRETS.otlp).leak();
        Self {
            world,
            collector,
            lineage,
            variables: vec![("OTEL_EXPORTER_OTLP_HEADERS", header)],
            refused: 5,
            topic,
            encoder,
            files,
            _guarded: guarded,
        }
    }

    /// The registry is given the password that it wants.
    pub fn unlock(&self) {
        let new = self.files.path().join("new");
        std::fs::write(&new, SECRETS.registry).expect("written");
        std::fs::rename(new, self.files.path().join("registry")).expect("renamed");
    }

    /// One row that lands, an event for each way to be refused, and a row in Avro.
    pub async fn produce_rows_and_refused_ones(&self, turn: i64) {
        let key = |n: i64| format!("{}-{turn}-{n}", VALUES.key);
        let row = |n: i64, more: serde_json::Value| {
            let mut row = json!({ "id": key(n), "body": VALUES.fine, "note": key(n), "mail": VALUES.masked, "small": 1 });
            let all = row.as_object_mut().expect("an object");
            all.extend(more.as_object().expect("an object").clone());
            let lsn = 1_000 + turn + n;
            let event = change_of("c", "c", lsn, json!({ "id": key(n) }), Some(row));
            event
                .with_header("x-request", VALUES.header)
                .with_header("traceparent", VALUES.header)
        };
        let twice = format!("{}-{turn}", VALUES.unique);
        let undecodable = format!("{{\"after\":{{\"body\":\"{}\"", VALUES.undecodable);
        let broken_key = json!({ "id": key(7) }).to_string();
        let events = [
            row(1, json!({ "note": twice })),
            row(2, json!({})),
            row(3, json!({ "body": VALUES.refused })),
            row(4, json!({ "note": twice })),
            row(5, json!({ "small": VALUES.too_large })),
            row(6, json!({ "small": VALUES.text_for_number })),
            Event::raw(&broken_key, &undecodable).with_header("x-request", VALUES.header),
        ];
        self.world.kafka.produce(&self.topic, &events).await;
        let in_avro = json!({ "id": turn, "version": 1, "body": VALUES.avro });
        let in_avro = change("c", 5_000 + turn, turn, Some(in_avro));
        let in_avro = [self.encoder.encode(&in_avro)];
        self.world.kafka.produce(&self.world.topic, &in_avro).await;
    }

    pub fn variables_with<'v>(&self, more: &[(&'v str, &'v str)]) -> Vec<(&'v str, &'v str)> {
        let all = self.variables.iter().copied();
        all.chain(more.iter().copied()).collect()
    }

    pub fn secrets(&self) -> Vec<String> {
        let Secrets {
            http,
            registry,
            wrong,
            postgres,
            in_url,
            sasl,
            mask,
            otlp,
        } = SECRETS;
        let all = [
            http, registry, wrong, postgres, in_url, sasl, mask, otlp, TOKEN,
        ];
        let login = |password: &str| format!("landfall:{password}");
        let all = all.map(str::to_owned).into_iter();
        all.chain([login(registry), login(wrong)]).collect()
    }

    pub fn values(&self) -> Vec<String> {
        let Values {
            key,
            refused,
            panic,
            fine,
            unique,
            masked,
            text_for_number,
            too_large,
            undecodable,
            header,
            avro,
        } = VALUES;
        let all = [
            key,
            refused,
            panic,
            fine,
            unique,
            masked,
            text_for_number,
            undecodable,
            header,
            avro,
        ];
        let all = all.map(str::to_owned).into_iter();
        all.chain([too_large.to_string()]).collect()
    }
}
