//! Whoever isn't let in is told why, and which setting it hangs on: by `check`, by the log of `run`, and by `/readyz`.

use std::process::Command;

use super::configuration;
use crate::support::World;
use crate::support::locked_postgres::LockedPostgres;
use crate::support::worker::Worker;

/// What is wrong, and the words for it.
struct Refusal {
    name: &'static str,
    login: &'static str,
    parameters: String,
    lines: String,
    code: &'static str,
    /// The cause and the setting.
    says: [&'static str; 2],
}

fn refusals(locked: &LockedPostgres) -> Vec<Refusal> {
    let full = locked.trusting("verify-full", "ca");
    let refusal = |name, login, parameters: String, lines: &str, code, says| Refusal {
        name,
        login,
        parameters,
        lines: lines.to_owned(),
        code,
        says,
    };
    let (login, tls) = ("postgres_login", "postgres_tls");
    let other_client = format!("{full}&{}", locked.showing("other-client"));
    vec![
        refusal(
            "authority",
            "app:s3cret",
            locked.trusting("verify-ca", "other-ca"),
            "",
            tls,
            ["is of no authority that", "sslrootcert"],
        ),
        refusal(
            "system",
            "app:s3cret",
            "sslmode=verify-full".to_owned(),
            "",
            tls,
            ["is of no authority that", "sslrootcert"],
        ),
        refusal(
            "password",
            "app:wrong",
            full.clone(),
            "",
            login,
            ["password authentication failed", "postgres.password"],
        ),
        refusal(
            "no_password",
            "app",
            full.clone(),
            "",
            login,
            ["the server asks for a password", "password_file"],
        ),
        refusal(
            "certificate",
            "landfall",
            full.clone(),
            "",
            login,
            ["requires a valid client certificate", "sslcert"],
        ),
        refusal(
            "certificate_of_others",
            "landfall",
            other_client,
            "",
            tls,
            ["doesn't take the certificate", "sslcert"],
        ),
        refusal(
            "no_tls",
            "app:s3cret",
            "sslmode=disable".to_owned(),
            "",
            login,
            ["no encryption", "sslmode"],
        ),
        refusal(
            "gss",
            "by_gss",
            full.clone(),
            "",
            login,
            ["unsupported authentication method", "pg_hba.conf"],
        ),
        refusal(
            "failing",
            "app",
            full.clone(),
            "password_command = ['sh', '-c', 'echo denied >&2; exit 3']",
            login,
            ["exit status: 3: denied", "postgres.password_command"],
        ),
        refusal(
            "hanging",
            "app",
            full.clone(),
            "password_command = 'sleep 600'",
            login,
            ["took longer than 10s", "postgres.password_command"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_names_its_cause_and_its_setting() {
    let locked = LockedPostgres::start().await;
    let world = World::on("refused", 1, &locked.own.url()).await;
    let all = refusals(&locked);
    futures::future::join_all(all.iter().map(|refusal| tell(&locked, &world, refusal))).await;

    // of the server's side, one after the other
    let full = locked.trusting("verify-full", "ca");
    let by_server = |name, cause, setting| Refusal {
        name,
        login: "app:s3cret",
        parameters: full.clone(),
        lines: String::new(),
        code: "postgres_tls",
        says: [cause, setting],
    };
    locked.show("expired").await;
    tell(
        &locked,
        &world,
        &by_server("expired", "has expired", "sslrootcert"),
    )
    .await;
    locked.show("elsewhere").await;
    tell(
        &locked,
        &world,
        &by_server("elsewhere", "is for another host", "postgres.url"),
    )
    .await;
    locked.set("ssl = off").await;
    tell(
        &locked,
        &world,
        &by_server("plain", "takes no TLS", "sslmode"),
    )
    .await;
}

async fn tell(locked: &LockedPostgres, world: &World, refusal: &Refusal) {
    let (name, says) = (refusal.name, &refusal.says);
    let url = locked.url(refusal.login, &world.name, &refusal.parameters);
    let config = configuration(world, name, &url, &refusal.lines);
    // whom the machine trusts is nobody's business where sslrootcert names an authority
    let trusted = locked.file("ca.pem").display().to_string();
    let environment = [("SSL_CERT_FILE", &*trusted)];
    let environment = match refusal.parameters.contains("sslrootcert") {
        true => &environment[..],
        false => &[],
    };
    let worker = Worker::start(&["run"], &config, environment);
    let asked = tokio::task::spawn_blocking(move || {
        let mut check = Command::new(env!("CARGO_BIN_EXE_landfall"));
        check
            .args(["check", "--json", "--config"])
            .arg(config)
            .output()
            .expect("landfall starts")
    });
    worker.says(says).await;
    let (status, body) = worker.get("/readyz").await;
    assert!(
        status == 503 && says.iter().all(|word| body.contains(word)),
        "{name}: {body}"
    );
    let output = asked.await.unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let found = told.lines().any(|line| {
        line.contains(&format!("\"{}\"", refusal.code))
            && says.iter().all(|word| line.contains(word))
    });
    assert!(found, "{name}: {told}");
    for text in [&worker.log(), &told] {
        assert!(
            !text.contains("s3cret") && !text.contains("app:"),
            "{name}: {text}"
        );
    }
}
