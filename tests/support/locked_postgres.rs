//! A Postgres that lets nobody in without TLS, but for its superuser on this machine.

use std::path::{Path, PathBuf};

use tokio_postgres::Client;

use super::eventually;
use super::own_postgres::OwnPostgres;
use super::stack::dev;
use super::world::connect;

/// The first line that fits decides: who comes without TLS is refused before anything is asked.
const WHO_MAY_COME: &str = "\
host all postgres 127.0.0.1/32 trust
hostnossl all all 0.0.0.0/0 reject
hostssl all landfall 127.0.0.1/32 cert
hostssl all by_gss 127.0.0.1/32 gss
hostssl all all 127.0.0.1/32 scram-sha-256
";

pub struct LockedPostgres {
    pub own: OwnPostgres,
    /// As its superuser.
    pub admin: Client,
    /// What `dev/certificates` makes; the client reads its own here.
    certificates: tempfile::TempDir,
}

impl LockedPostgres {
    /// With the roles `app`, whose password is `s3cret`, `landfall`, who brings a certificate, and `by_gss`.
    pub async fn start() -> Self {
        let own = OwnPostgres::start(&[]);
        let certificates = tempfile::tempdir().expect("a directory");
        dev(
            "certificates",
            &[certificates.path().to_str().expect("UTF-8")],
        );
        let admin = connect(&format!("{}/postgres", own.url())).await;
        let locked = Self {
            own,
            admin,
            certificates,
        };
        let roles = "CREATE ROLE app LOGIN PASSWORD 's3cret'; CREATE ROLE landfall LOGIN; CREATE ROLE by_gss LOGIN";
        locked.say(roles).await;
        std::fs::write(locked.own.data().join("pg_hba.conf"), WHO_MAY_COME).expect("written");
        locked.trust("ca").await;
        locked.show("server").await;
        locked
    }

    pub async fn say(&self, sql: &str) {
        let said = self.admin.batch_execute(sql).await;
        said.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// From now on the server is known by this certificate.
    pub async fn show(&self, certificate: &str) {
        self.install(&format!("{certificate}.pem"), "server.crt");
        self.install(&format!("{certificate}.key"), "server.key");
        self.set("ssl = on").await;
    }

    /// From now on the server takes certificates of this authority.
    pub async fn trust(&self, authority: &str) {
        self.install(&format!("{authority}.pem"), "ca.crt");
        self.set("ssl_ca_file = 'ca.crt'").await;
    }

    /// A setting that a reload is enough for. Returns once it is read.
    pub async fn set(&self, setting: &str) {
        let loaded = "SELECT pg_conf_load_time()::text";
        let before: String = self.admin.query_one(loaded, &[]).await.unwrap().get(0);
        self.say(&format!("ALTER SYSTEM SET {setting}")).await;
        self.say("SELECT pg_reload_conf()").await;
        eventually("the server has read its settings", async || {
            // a session learns of it between two statements
            let now: String = self.admin.query_one(loaded, &[]).await.unwrap().get(0);
            (now != before).then_some(())
        })
        .await;
    }

    /// Where a role with this login logs in to this database.
    pub fn url(&self, login: &str, database: &str, parameters: &str) -> String {
        let url = self.own.url();
        let (_, port) = url.rsplit_once(':').expect("a port");
        // of `localhost` several addresses may be tried, and the last one's refusal be told
        format!("postgres://{login}@localhost:{port}/{database}?hostaddr=127.0.0.1&{parameters}")
    }

    /// One of the certificates or keys.
    pub fn file(&self, name: &str) -> PathBuf {
        self.certificates.path().join(name)
    }

    /// The parameters to trust this authority.
    pub fn trusting(&self, mode: &str, authority: &str) -> String {
        let root = self.file(&format!("{authority}.pem"));
        format!("sslmode={mode}&sslrootcert={}", root.display())
    }

    /// The parameters to show this certificate.
    pub fn showing(&self, certificate: &str) -> String {
        let [own, key] = ["pem", "key"].map(|kind| self.file(&format!("{certificate}.{kind}")));
        format!("sslcert={}&sslkey={}", own.display(), key.display())
    }

    /// A file of the server's, which must be its user's own.
    fn install(&self, from: &str, to: &str) {
        use std::os::unix::fs::MetadataExt as _;
        let (data, new) = (self.own.data(), self.own.data().join(format!("{to}.new")));
        std::fs::copy(self.file(from), &new).expect("copied");
        let owner = std::fs::metadata(&data).expect("its data");
        std::os::unix::fs::chown(&new, Some(owner.uid()), Some(owner.gid())).expect("its own");
        std::fs::rename(&new, data.join(to)).expect("installed");
    }
}

/// Puts a file into place as one that is never half there.
pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, text).expect("written");
    std::fs::rename(&new, path).expect("in its place");
}
