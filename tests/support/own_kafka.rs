//! A broker of the test's own, which it may stop.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::locked_kafka::free_port;
use super::repository::root;
use super::stack::dev_with;

/// A broker that lives for seconds spends ten of them on compiling itself well.
pub const JAVA_OPTIONS: &str = "-Xms64m -Xmx320m -XX:+UseSerialGC -XX:TieredStopAtLevel=1";

pub struct OwnKafka {
    directory: PathBuf,
}

impl OwnKafka {
    pub fn start() -> Self {
        Self::with("")
    }

    /// One that looks twice a second for what a topic needn't keep.
    pub fn with_quick_retention() -> Self {
        Self::with("log.retention.check.interval.ms=500\n")
    }

    /// One that is found at this address too, by who can't reach 127.0.0.1; and `ADDRESS:PORT`.
    #[allow(dead_code)] // in make soak
    pub fn also_at(address: &str) -> (Self, String) {
        let own = Self::of("");
        let kafka = own.directory.join("kafka");
        let [port, controller, other] = ["port", "controller-port", "other-port"].map(|name| {
            let port = free_port();
            std::fs::write(kafka.join(name), port.to_string()).expect("written");
            port
        });
        let properties = format!(
            "listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},OTHER://{address}:{other}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:PLAINTEXT\n"
        );
        std::fs::write(kafka.join("extra.properties"), properties).expect("written");
        own.restart();
        (own, format!("{address}:{other}"))
    }

    /// One of two disks, which can be taken away.
    pub fn with_disks() -> Self {
        Self::with(
            "log.dirs={}/disk1,{}/disk2\nmetadata.log.dir={}/data\n\
             offsets.topic.num.partitions=1\nreplica.high.watermark.checkpoint.interval.ms=500\n",
        )
    }

    /// Which disk has this partition: `TOPIC-NUMBER`.
    pub fn disk_of(&self, partition: &str) -> usize {
        let has_it = |disk: &usize| self.disk(*disk).join(partition).exists();
        [1, 2].into_iter().find(has_it).expect("one of them")
    }

    /// As if it had failed: what is on it is offline in a moment.
    pub fn take_disk(&self, number: usize) {
        std::fs::rename(self.disk(number), self.directory.join("away")).expect("it is there");
    }

    /// It is back at the next start.
    pub fn give_disk(&self, number: usize) {
        std::fs::rename(self.directory.join("away"), self.disk(number)).expect("it is away");
    }

    fn disk(&self, number: usize) -> PathBuf {
        self.directory.join(format!("kafka/disk{number}"))
    }

    fn with(properties: &str) -> Self {
        let own = Self::of(properties);
        own.restart();
        own
    }

    /// It isn't started yet. `{}` in the properties is the broker's directory.
    fn of(properties: &str) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("own-kafka-{}-{number}", std::process::id());
        let own = Self {
            directory: root().join(".stack").join(name),
        };
        let kafka = own.directory.join("kafka");
        std::fs::create_dir_all(&kafka).expect("a directory for the broker");
        let properties = properties.replace("{}", &kafka.display().to_string());
        std::fs::write(kafka.join("extra.properties"), properties).expect("written");
        std::fs::write(kafka.join("java.options"), JAVA_OPTIONS).expect("written");
        own
    }

    /// It keeps its port and its topics.
    pub fn restart(&self) {
        self.stack(&["up", "kafka"]);
    }

    /// Stops it, and has it come back once everything that it has is copied.
    #[allow(dead_code)] // in make soak
    pub fn copy_disk(&self) {
        self.stop();
        copy_folder(
            &self.directory.join("kafka/data"),
            &self.directory.join("copy"),
        );
        self.restart();
    }

    /// Has it come back with nothing but what it had when it was copied, its metadata included.
    #[allow(dead_code)] // in make soak
    pub fn restore_disk(&self) {
        self.stop();
        let data = self.directory.join("kafka/data");
        std::fs::remove_dir_all(&data).expect("removed");
        copy_folder(&self.directory.join("copy"), &data);
        self.restart();
    }

    pub fn stop(&self) {
        self.stack(&["down", "kafka"]);
    }

    /// `127.0.0.1:PORT`
    pub fn broker(&self) -> String {
        let port = std::fs::read_to_string(self.directory.join("kafka/port"));
        format!("127.0.0.1:{}", port.expect("it has a port").trim())
    }

    /// How many bytes partition 0 of the topic has on disk: its log must be one segment.
    pub fn log_size(&self, topic: &str) -> u64 {
        std::fs::metadata(self.segment(topic))
            .expect("it has a log")
            .len()
    }

    /// Has it come back without what partition 0 of these topics has behind so many bytes, as after an election of a broker
    /// that lacked it, or with an older disk.
    pub fn restart_without(&self, cuts: &[(&str, u64)]) {
        let segments = cuts
            .iter()
            .map(|(topic, kept)| (self.segment(topic), *kept));
        self.stop();
        for (segment, kept) in segments {
            let file = std::fs::OpenOptions::new().write(true).open(&segment);
            file.expect("it has a log").set_len(kept).expect("cut");
            let folder = segment.parent().expect("a folder");
            for entry in std::fs::read_dir(folder).expect("it is there") {
                let path = entry.expect("an entry").path();
                let extension = path.extension().and_then(|extension| extension.to_str());
                if matches!(extension, Some("index" | "timeindex" | "snapshot")) {
                    std::fs::remove_file(path).expect("removed");
                }
            }
        }
        // so that the broker looks at the logs, and believes them
        let clean = self.directory.join("kafka/data/.kafka_cleanshutdown");
        std::fs::remove_file(clean).expect("it was stopped well");
        self.restart();
    }

    fn segment(&self, topic: &str) -> PathBuf {
        let file = format!("kafka/data/{topic}-0/00000000000000000000.log");
        self.directory.join(file)
    }

    fn stack(&self, arguments: &[&str]) {
        let directory = self.directory.display().to_string();
        let environment = [("LANDFALL_STACK_DIR", directory.as_str())];
        dev_with("stack", arguments, "", &environment);
    }
}

impl Drop for OwnKafka {
    fn drop(&mut self) {
        self.stop();
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }
}

#[allow(dead_code)] // in make soak
fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("it is there") {
        let path = entry.expect("an entry").path();
        let copy = to.join(path.file_name().expect("it has a name"));
        if path.is_dir() {
            copy_folder(&path, &copy);
        } else {
            std::fs::copy(&path, &copy).expect("copied");
        }
    }
}
