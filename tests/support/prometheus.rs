//! A real Prometheus that scrapes and evaluates once a second, with the rules of `monitoring/`.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::repository::{files, root, text};

pub struct Prometheus {
    child: Child,
    url: String,
    folder: TempDir,
    /// When it was started, in seconds since 1970.
    since: f64,
}

fn now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("after 1970").as_secs_f64()
}

const CONFIGURATION: &str = "
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules/*.yml]
scrape_configs:
  - job_name: landfall
    file_sd_configs: [{ files: [targets/*.json], refresh_interval: 1s }]
";

impl Prometheus {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = |name: &str| folder.path().join(name);
        for made in ["rules", "targets"] {
            std::fs::create_dir(inside(made)).expect("a folder");
        }
        for file in ["rules", "alerts"]
            .map(|of| files(&format!("monitoring/{of}")))
            .concat()
        {
            // what has an interval of its own is evaluated once a second, too
            let rules: String = text(&file)
                .lines()
                .filter(|line| !line.trim_start().starts_with("interval:"))
                .flat_map(|line| [line, "\n"])
                .collect();
            let copy = inside("rules").join(file.replace('/', "-"));
            std::fs::write(copy, rules).expect("the rules are written");
        }
        std::fs::write(inside("prometheus.yml"), CONFIGURATION).expect("it is written");
        let mut child = Command::new("prometheus")
            .current_dir(folder.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg("--web.listen-address=127.0.0.1:0")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("prometheus, of Debian's package: {e}"));
        let mut log = BufReader::new(child.stderr.take().expect("piped")).lines();
        let listens = log.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, address) = line.split_once("\"Listening on\" address=")?;
            Some(address.to_owned())
        });
        let address = listens.expect("Prometheus says where it listens");
        // it would wait for somebody to read on
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            url: format!("http://{address}"),
            folder,
            since: now(),
        }
    }

    /// Scrapes this address from now on.
    pub fn scrape(&self, job: &str, address: &str) {
        let target = json!([{ "targets": [address], "labels": { "job": job } }]);
        let file = format!("targets/{}.json", address.replace(':', "-"));
        let path = self.folder.path().join(file);
        std::fs::write(path, target.to_string()).expect("the target is written");
    }

    /// Scrapes a page that stays as it is.
    pub async fn scrape_page(&self, job: &str, page: &'static Path) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound").to_string();
        let page = std::fs::read_to_string(root().join(page)).expect("the page");
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\r\n",
            page.len()
        );
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                // whatever it asks for
                let answer = head.clone() + &page;
                let _ = client.write_all(answer.as_bytes()).await;
                let _ = client.shutdown().await;
            }
        });
        self.scrape(job, &address);
    }

    async fn get(&self, path: &str, query: Vec<(&'static str, String)>) -> Result<Value, String> {
        let url = format!("{}{path}", self.url);
        let asked = tokio::task::spawn_blocking(move || {
            let agent = ureq::Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .new_agent();
            let mut answer = agent
                .get(&url)
                .query_pairs(query)
                .call()
                .expect("Prometheus answers");
            answer.body_mut().read_to_string().expect("text")
        });
        let answer = asked.await.expect("no panic");
        let answer: Value = serde_json::from_str(&answer).map_err(|e| format!("{e}: {answer}"))?;
        match answer["status"].as_str() {
            Some("success") => Ok(answer["data"].clone()),
            _ => Err(answer["error"].to_string()),
        }
    }

    /// Each series' labels and its values, a second each, since the start; NaN is no value.
    ///
    /// # Errors
    /// Prometheus says what is wrong with the query.
    pub async fn history(&self, query: &str) -> Result<Vec<(Value, Vec<f64>)>, String> {
        let query = vec![
            ("query", query.to_owned()),
            ("start", self.since.to_string()),
            ("end", now().to_string()),
            ("step", "1".to_owned()),
        ];
        let data = self.get("/api/v1/query_range", query).await?;
        let series = data["result"].as_array().expect("series").iter();
        let values = |series: &Value| -> Vec<f64> {
            let values = series["values"].as_array().expect("values").iter();
            let values = values.filter_map(|at| at[1].as_str()?.parse().ok());
            values.filter(|value: &f64| !value.is_nan()).collect()
        };
        Ok(series.map(|s| (s["metric"].clone(), values(s))).collect())
    }

    /// Waits until the query has had an answer.
    pub async fn until(&self, query: &str) {
        super::eventually(query, async || {
            let history = self.history(query).await.expect("a right query");
            let has_values = |(_, values): &(Value, Vec<f64>)| !values.is_empty();
            history.iter().any(has_values).then_some(())
        })
        .await;
    }

    /// Every rule's name, its health, and what is wrong with it.
    pub async fn rules(&self) -> Vec<[String; 3]> {
        let data = self.get("/api/v1/rules", Vec::new()).await.expect("rules");
        let groups = data["groups"].as_array().expect("groups").iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
        let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
        rules
            .map(|rule| ["name", "health", "lastError"].map(|key| text(rule, key)))
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
