//! Flink's JDBC upsert sink: a job in SQL, by a mini cluster in a JVM that does nothing else (`bench/flink`).

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::bench::Bench;
use crate::process::Process;
use crate::sink::Task;
use crate::sink::worker::{Address, Body, JVM, Worker};
use crate::table::{Column, Table};
use crate::workload::TABLE;

/// Readers and writers, one for each partition.
const PARALLELISM: usize = 4;
/// What Flink's own start script opens to it, as far as such a job needs it.
const OPENED: [&str; 3] = ["java.lang", "java.util", "java.time"];

/// A JVM with Flink in it that has no job yet.
pub struct Flink {
    process: Process,
    address: Address,
    table: Table,
    tuned: bool,
}

impl Flink {
    /// Starts one, and waits until it answers.
    ///
    /// # Errors
    /// If it can't be built or doesn't start.
    pub fn start(bench: &Bench, table: Table, tuned: bool) -> Result<Self> {
        let classes = build(bench)?;
        let folder = std::path::absolute(bench.options.state.join("flink"))?;
        // a JVM that was killed leaves there what it had unpacked
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let address = Address::new()?;
        let mut command = Command::new("java");
        command.args(JVM);
        for package in OPENED {
            command.arg(format!("--add-opens=java.base/{package}=ALL-UNNAMED"));
        }
        command
            .arg(format!("-Djava.io.tmpdir={}", folder.display()))
            .args(["-cp", &classes, "landfall.bench.Worker"])
            .arg(address.port.to_string())
            .args(settings(&folder, tuned));
        let mut process = Process::start(&mut command, &bench.log("flink"))?;
        address.await_answer("Flink's worker", &mut process)?;
        Ok(Self {
            process,
            address,
            table,
            tuned,
        })
    }
}

impl Worker for Flink {
    fn put(&self, bench: &Bench, task: &Task<'_>) -> Result<()> {
        let job = job(&bench.kafka.brokers, task, &self.table, self.tuned)?;
        let body = Body {
            media_type: "application/sql",
            text: &job,
        };
        self.address
            .request("PUT", &format!("/{}", task.name), Some(body))
    }

    fn delete(&self, name: &str) -> Result<()> {
        self.address.request("DELETE", &format!("/{name}"), None)
    }

    fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn into_process(self) -> Process {
        self.process
    }
}

/// Whether all of its readers have their partitions. They take them by themselves, so the group has no members: that they
/// have them is in the log.
pub fn is_reading(process: &Process, group: &str) -> bool {
    let group = format!("groupId={group}]");
    let log = process.log_text();
    let assigned = log
        .lines()
        .filter(|line| line.contains(&group) && line.contains("Assigned to partition(s)"));
    assigned.count() >= PARALLELISM
}

/// The class path, once Flink is fetched and the job for it compiled.
fn build(bench: &Bench) -> Result<String> {
    bench.show.now("fetching and building Flink's job");
    let output = Command::new("bench/flink/build")
        .output()
        .context("bench/flink/build (bench is run at the root of the repository)")?;
    ensure!(
        output.status.success(),
        "bench/flink/build failed: {}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Flink's own. A job that fails isn't started again: that is a failed measurement.
fn settings(folder: &Path, tuned: bool) -> Vec<String> {
    let folder = folder.display();
    let mut settings = vec![
        format!("parallelism.default={PARALLELISM}"),
        "execution.checkpointing.interval=10s".to_owned(),
        format!("execution.checkpointing.dir=file://{folder}/checkpoints"),
        "restart-strategy.type=none".to_owned(),
        format!("io.tmp.dirs={folder}"),
    ];
    if tuned {
        settings.push("pipeline.object-reuse=true".to_owned());
    }
    settings
}

/// The statements, of which the last is the job.
fn job(brokers: &str, task: &Task<'_>, table: &Table, tuned: bool) -> Result<String> {
    let columns: Vec<Declared> = table
        .columns
        .iter()
        .map(Declared::of)
        .collect::<Result<_>>()?;
    let list = |of: fn(&Declared) -> String| columns.iter().map(of).collect::<Vec<_>>().join(", ");
    let (port, name) = (&task.destination.port, &task.destination.name);
    let (rewritten, buffer) = match tuned {
        true => (
            "&reWriteBatchedInserts=true",
            ", 'sink.buffer-flush.max-rows' = '5000', 'sink.buffer-flush.interval' = '1s'",
        ),
        false => ("", ""),
    };
    let statements = [
        "CREATE TEMPORARY FUNCTION decimal_of AS 'landfall.bench.DecimalOf'".to_owned(),
        format!(
            "CREATE TABLE events ({}, PRIMARY KEY (`id`) NOT ENFORCED) WITH ('connector' = 'kafka', 'topic' = '{}', 'properties.bootstrap.servers' = '{brokers}', 'properties.group.id' = '{}', 'scan.startup.mode' = 'earliest-offset', 'format' = 'debezium-envelope')",
            list(|c| format!("{} {}", c.name, c.comes_as)),
            task.topics,
            task.name,
        ),
        format!(
            "CREATE TABLE {TABLE} ({}, PRIMARY KEY (`id`) NOT ENFORCED) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://127.0.0.1:{port}/{name}?stringtype=unspecified{rewritten}', 'username' = 'postgres', 'password' = 'postgres', 'table-name' = '{TABLE}'{buffer})",
            list(|c| format!("{} {}", c.name, c.goes_as)),
        ),
        format!(
            "INSERT INTO {TABLE} SELECT {} FROM events",
            list(|c| c.value.clone())
        ),
    ];
    Ok(statements.map(|statement| statement + ";\n").concat())
}

/// A column as Flink has to be told of it.
struct Declared {
    name: String,
    comes_as: &'static str,
    goes_as: &'static str,
    /// Made of what comes.
    value: String,
}

impl Declared {
    /// What Postgres has and Flink hasn't goes as text, which the driver leaves untyped.
    fn of(column: &Column) -> Result<Self> {
        let name = format!("`{}`", column.name);
        let (comes_as, goes_as, value) = match column.sql_type() {
            "bigint" => ("BIGINT", "BIGINT", name.clone()),
            "integer" => ("INT", "INT", name.clone()),
            "smallint" => ("SMALLINT", "SMALLINT", name.clone()),
            "double precision" => ("DOUBLE", "DOUBLE", name.clone()),
            "boolean" => ("BOOLEAN", "BOOLEAN", name.clone()),
            "text" | "jsonb" | "uuid" | "timestamptz" => ("STRING", "STRING", name.clone()),
            "date" => (
                "INT",
                "DATE",
                format!("TIMESTAMPADD(DAY, {name}, DATE '1970-01-01')"),
            ),
            "numeric(12,2)" => ("BYTES", "DECIMAL(12, 2)", format!("decimal_of({name})")),
            other => bail!("how Flink is to be told of a column of type {other} is not known"),
        };
        Ok(Self {
            name,
            comes_as,
            goes_as,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{job, settings};
    use crate::database::Database;
    use crate::sink::Task;
    use crate::table::Table;
    use crate::workload::{Encoding, Source};
    use std::path::Path;

    fn job_of(table: &Table, tuned: bool) -> String {
        let destination = Database {
            port: "5433".to_owned(),
            name: "bench".to_owned(),
        };
        let task = Task {
            name: "bench-1",
            topics: "json.public.orders",
            encoding: Encoding::Json,
            destination: &destination,
        };
        job("127.0.0.1:9092", &task, table, tuned).unwrap_or_default()
    }

    #[test]
    fn all_columns_of_every_table_are_declared_and_inserted() {
        for source in [Source::Mixed, Source::Hot, Source::Wide, Source::Large] {
            let table = source.table();
            let job = job_of(&table, false);
            let statements: Vec<&str> = job.lines().collect();
            assert_eq!(statements.len(), 4, "{job}");
            for column in &table.columns {
                let declared = format!("`{}` ", column.name);
                assert!(statements[1].contains(&declared), "{}: {job}", column.name);
                assert!(statements[2].contains(&declared), "{}: {job}", column.name);
                assert!(statements[3].contains(declared.trim_end()), "{job}");
            }
        }
    }

    #[test]
    fn decimals_and_dates_are_made_of_what_debezium_writes() {
        let job = job_of(&Table::mixed(), false);
        assert!(job.contains("`amount` BYTES, `weight` DOUBLE"), "{job}");
        assert!(
            job.contains("`amount` DECIMAL(12, 2), `weight` DOUBLE"),
            "{job}"
        );
        assert!(
            job.contains(
                "SELECT `id`, `customer_id`, `status`, `note`, decimal_of(`amount`), `weight`"
            ),
            "{job}"
        );
        assert!(job.contains("TIMESTAMPADD(DAY, `due`, DATE '1970-01-01'), `attributes`"));
    }

    #[test]
    fn only_the_tuned_one_has_more_than_flinks_defaults() {
        let tuning = [
            "reWriteBatchedInserts=true",
            "'sink.buffer-flush.max-rows' = '5000'",
            "'sink.buffer-flush.interval' = '1s'",
            "pipeline.object-reuse=true",
        ];
        for tuned in [false, true] {
            let all = job_of(&Table::mixed(), tuned)
                + &settings(Path::new("/tmp/flink"), tuned).join("\n");
            for setting in tuning {
                assert_eq!(all.contains(setting), tuned, "{setting}: {all}");
            }
            assert!(all.contains("stringtype=unspecified"), "{all}");
        }
    }
}
