//! A Kubernetes of one node (`dev/kubernetes`), with the image that the Dockerfile makes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::support::repository::root;
use crate::support::stack::{dev, stack};

/// Where all of it is installed. Its pods may do no more than Kubernetes' strictest rules let them.
pub const NAMESPACE: &str = "data";

pub struct Trial {
    directory: PathBuf,
    /// With kubectl.
    programs: PathBuf,
    /// With Helm, and with the operators' definitions.
    tools: PathBuf,
    /// Where pods find this machine.
    pub address: String,
}

impl Trial {
    pub fn start() -> Self {
        let name = format!("kubernetes-{}", std::process::id());
        let directory = root().join(".stack").join(name);
        let place = directory.display().to_string();
        let line = |text: String| text.trim().to_owned();
        let trial = Self {
            address: line(dev("kubernetes", &["start", &place])),
            programs: line(dev("kubernetes", &["programs"])).into(),
            tools: line(dev("chart", &["tools"])).into(),
            directory,
        };
        trial.load_image();
        trial.kubectl(&["create", "namespace", NAMESPACE]);
        let strict = "pod-security.kubernetes.io/enforce=restricted";
        trial.kubectl(&["label", "namespace", NAMESPACE, strict]);
        // who has operators has their definitions; the operators themselves aren't here
        let definitions = trial.tools.join("crds").display().to_string();
        trial.kubectl(&["create", "--filename", &definitions]);
        trial
    }

    /// Under the name that the chart has for it.
    fn load_image(&self) {
        let archive = self.directory.join("landfall.tar").display().to_string();
        let version = env!("CARGO_PKG_VERSION");
        let to = format!("docker-archive:{archive}:landfall:{version}");
        dev("image", &["build"]);
        dev("image", &["buildah", "push", "--quiet", "landfall", &to]);
        let place = self.directory.display().to_string();
        dev("kubernetes", &["load", &place, &archive]);
    }

    fn run(&self, program: PathBuf, arguments: &[&str]) -> Result<String, String> {
        let ran = Command::new(&program)
            .args(arguments)
            .env("KUBECONFIG", self.directory.join("admin.conf"))
            .current_dir(root().join("deploy/helm"))
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        match ran.status.success() {
            true => Ok(text(ran.stdout)),
            false => Err(text(ran.stdout) + &text(ran.stderr)),
        }
    }

    /// What it prints; it has to succeed.
    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let all = [&["--namespace", NAMESPACE], arguments].concat();
        let ran = self.run(self.programs.join("kubectl"), &all);
        ran.unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// Objects of a kind, by a selector of labels.
    pub fn objects(&self, kind: &str, selector: &str) -> Vec<Value> {
        let told = self.kubectl(&["get", kind, "--selector", selector, "--output", "json"]);
        let told: Value = serde_json::from_str(&told).expect("JSON");
        told["items"].as_array().expect("a list").clone()
    }

    /// What it prints. Where it fails, what the pods say is told, too.
    pub fn helm(&self, arguments: &[&str]) -> String {
        let all = [arguments, &["--namespace", NAMESPACE, "--timeout", "5m"]].concat();
        let ran = self.run(self.tools.join("bin/helm"), &all);
        ran.unwrap_or_else(|error| panic!("helm {arguments:?}: {error}\n{}", self.events()))
    }

    /// What happened to the objects, and what the workers said last.
    fn events(&self) -> String {
        let events = self.kubectl(&["get", "events,pods,jobs"]);
        let workers = "app.kubernetes.io/name=landfall";
        events + &self.kubectl(&["logs", "--selector", workers, "--prefix", "--tail=20"])
    }

    /// A secret with one key.
    pub fn create_secret(&self, name: &str, key: &str, value: &str) {
        let literal = format!("--from-literal={key}={value}");
        self.kubectl(&["create", "secret", "generic", name, &literal]);
    }

    /// The stack's Postgres, which listens at 127.0.0.1, where pods can reach it: without a database.
    pub async fn postgres(&self) -> String {
        let url = &stack().postgres;
        let (user, at) = url.rsplit_once('@').expect("postgres://user@host:port");
        let listener = TcpListener::bind((&*self.address, 0))
            .await
            .expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let server = at.to_owned();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(&server).await else {
                        return;
                    };
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        format!("{user}@{}:{port}", self.address)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        let place = self.directory.display().to_string();
        if std::thread::panicking() {
            println!("{}", self.events());
        }
        dev("kubernetes", &["remove", &place]);
    }
}
