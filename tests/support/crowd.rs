//! Many topics, some of whose tables are broken in five ways.

use tokio_postgres::Client;

use super::events::insert_into;
use super::world::locking_at;
use super::{Event, World, audit};

/// Many topics of one partition with rows for a table each, of which the first ones are broken.
pub struct Crowd {
    pub world: World,
    pub names: Vec<String>,
    broken: usize,
    /// The worker's, which isn't the owner's.
    role: String,
    rows: i64,
}

impl Crowd {
    pub async fn set_up(test: &str, tables: usize, broken: usize, rows: i64) -> Self {
        let mut world = World::new(test, 1).await;
        world.set("retry", "max_delay = \"200ms\"");
        world.migrate().await;
        world.set("postgres", "migrate = false");
        let names: Vec<String> = (1..=tables).map(|n| format!("t{n}")).collect();
        let topics = names
            .iter()
            .map(|name| format!("{}.public.{name}", world.name));
        world.topics = topics.collect();
        world.kafka.create_topics(&world.topics, 1).await;
        for (name, topic) in names.iter().zip(&world.topics) {
            audit::create_table(&world.db, name).await;
            let rows: Vec<Event> = (1..=rows).map(|id| insert_into(name, id, 1)).collect();
            world.kafka.produce(topic, &rows).await;
        }
        let role = world.name.clone();
        let owner = world.database_url.clone();
        world.database_url = owner.replace("postgres@", &format!("{role}@"));
        let grants = format!(
            "CREATE ROLE {role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};
             GRANT USAGE ON SEQUENCE audit_seq_seq TO {role}; GRANT USAGE ON SCHEMA landfall TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA landfall TO {role}"
        );
        world.sql(&grants).await;
        Self {
            world,
            names,
            broken,
            role,
            rows,
        }
    }

    /// Breaks the tables, each in one of five ways. The session holds the locks.
    pub async fn break_tables(&self) -> Client {
        let mut locked = vec!["TABLE audit IN ACCESS SHARE MODE".to_owned()];
        for (number, name) in self.names[..self.broken].iter().enumerate() {
            let role = &self.role;
            let sql = match number % 5 {
                0 => format!("DROP TABLE {name}"),
                1 => format!("ALTER TABLE {name} DROP COLUMN body"),
                2 => format!("REVOKE INSERT ON {name} FROM {role}"),
                3 => {
                    locked.push(format!("TABLE {name} IN ACCESS EXCLUSIVE MODE"));
                    continue;
                }
                _ => format!(
                    "DROP TABLE {name};
                     CREATE TABLE {name} (id bigint PRIMARY KEY, version bigint NOT NULL, body text) PARTITION BY RANGE (id);
                     GRANT ALL ON {name} TO {role}"
                ),
            };
            self.world.sql(&sql).await;
        }
        let owner = self
            .world
            .database_url
            .replace(&format!("{}@", self.role), "postgres@");
        locking_at(&owner, &format!("LOCK {}", locked.join("; LOCK "))).await
    }

    /// Mends them all.
    pub async fn mend_tables(&self, rival: Client) {
        let (world, role) = (&self.world, &self.role);
        rival.batch_execute("COMMIT").await.unwrap();
        for (number, name) in self.names[..self.broken].iter().enumerate() {
            match number % 5 {
                0 => audit::create_table(&world.db, name).await,
                1 => {
                    world
                        .sql(&format!("ALTER TABLE {name} ADD COLUMN body text"))
                        .await
                }
                4 => {
                    let all = format!("CREATE TABLE {name}_all PARTITION OF {name} DEFAULT");
                    world.sql(&all).await;
                }
                _ => {}
            }
            world.sql(&format!("GRANT ALL ON {name} TO {role}")).await;
        }
    }

    /// Returns once all rows are there of the tables that are broken, or of the others.
    pub async fn are_landed(&self, broken: bool) {
        let names = match broken {
            true => &self.names[..self.broken],
            false => &self.names[self.broken..],
        };
        let counts = names
            .iter()
            .map(|name| format!("(SELECT count(*) FROM {name})"));
        let counts: Vec<String> = counts.collect();
        let sum = format!("SELECT {}", counts.join(" + "));
        let all = names.len() as i64 * self.rows;
        self.world.until_count(&sum, all).await;
    }

    pub async fn take_down(self) {
        let role = &self.role;
        let gone = format!("DROP OWNED BY {role}; DROP ROLE {role}");
        self.world.sql(&gone).await;
    }
}
