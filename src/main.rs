use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use landfall::cli::{Cli, Command, Manual, Migrate, Run};
use landfall::config::{Config, HttpConfig};
use landfall::ledger::letter_indexes::create_missing_indexes;
use landfall::ledger::migrate::{WayBack, migrate};
use landfall::ledger::resume::ResumeReason;
use landfall::ledger::worker_sessions::WorkerSessions;
use landfall::operator::command_error::CommandError;
use landfall::operator::status::gather::{self, Gatherer};
use landfall::operator::{check, dlq, forget, health, import_connector, prune, status, terminal};
use landfall::postgres::{connection, sessions};
use landfall::watch::health::Health;
use landfall::watch::http::{self, Told};
use landfall::watch::lineage::{JobKind, LineageRun, LineageTarget};
use landfall::watch::page::Page;
use landfall::watch::progress::Progress;
use landfall::watch::sampled::Sampled;
use landfall::watch::spans::Scene;
use landfall::watch::traces::Traces;
use landfall::watch::{metrics, panics, spans, telemetry};
use landfall::{memory, pipeline, shutdown};

/// A batch allocates a little for each of thousands of events, in one thread or another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit codes: 0 done, 1 the work failed, 2 the command line or the configuration is wrong.
fn main() -> ExitCode {
    memory::give_back_soon();
    #[cfg(feature = "failpoints")]
    let _failpoints = landfall::failpoint::read_plan();
    let cli = Cli::parse_or_exit();
    if let Some(code) = run_without_configuration(&cli) {
        return code;
    }
    let config = match Config::load(&cli.config) {
        Ok(config) => config,
        Err(error) => {
            terminal::print_error(&error.to_string());
            return ExitCode::from(2);
        }
    };
    let (traces, lineage) = match start_telemetry(&config, &cli.command) {
        Ok(started) => started,
        Err(error) => {
            terminal::print_error(&format!("landfall: {error}"));
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::print_error(&format!("landfall: can't start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let outcome = runtime.block_on(run_command(&config, cli.command, lineage));
    // a hanging connection or commit must not keep the process alive
    runtime.shutdown_timeout(Duration::from_millis(500));
    if let Some(traces) = traces {
        traces.end();
    }
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::print_error(&format!("landfall: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The commands that don't ask for a whole configuration.
fn run_without_configuration(cli: &Cli) -> Option<ExitCode> {
    let print = |text: Vec<u8>| _ = terminal::print(&String::from_utf8_lossy(&text));
    let (outcome, failed): (Result<(), Box<dyn Error>>, u8) = match &cli.command {
        // it makes one
        Command::ImportConnector(asked) => {
            (import_connector::run_import(asked).map_err(Into::into), 2)
        }
        Command::Health(asked) => match HttpConfig::load(&cli.config) {
            Ok(config) => (health::ask_worker(&config, asked).map_err(Into::into), 1),
            Err(error) => {
                terminal::print_error(&error.to_string());
                return Some(ExitCode::from(2));
            }
        },
        Command::Completions(asked) => {
            print(asked.render());
            (Ok(()), 1)
        }
        Command::Man(asked) => {
            let written = match &asked.directory {
                Some(directory) => Manual::write_pages(directory),
                None => Manual::render_main_page().map(print),
            };
            (written.map_err(Into::into), 1)
        }
        _ => return None,
    };
    Some(match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::print_error(&format!("landfall: {error}"));
            ExitCode::from(failed)
        }
    })
}

/// The log, the spans of a worker, and who is told of its run.
fn start_telemetry(
    config: &Config,
    command: &Command,
) -> Result<(Option<Traces>, Option<LineageTarget>), Box<dyn Error>> {
    let (traces, lineage) = match command {
        Command::Run(_) => (
            Traces::from_config(&config.tracing)?,
            LineageTarget::from_config(&config.lineage)?,
        ),
        _ => (None, None),
    };
    if traces.is_some() {
        spans::set_scene(Scene::from_config(config));
    }
    telemetry::start_logging(&config.log, traces.as_ref())?;
    panics::log_panics();
    Ok((traces, lineage))
}

async fn run_command(
    config: &Config,
    command: Command,
    lineage: Option<LineageTarget>,
) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Run(run) => {
            let kind = match run.until_caught_up {
                true => JobKind::Batch,
                false => JobKind::Streaming,
            };
            let told = lineage.map(|target| LineageRun::start(target, config, kind));
            let outcome = run_worker(config, &run).await;
            // of whatever was dropped in the middle
            sessions::cancel_statements().await;
            if let Some(told) = told {
                let ended = outcome.as_ref().map(drop).map_err(AsRef::as_ref);
                told.end(ended).await;
            }
            return outcome;
        }
        Command::Check(check) => check::run_check(config, &check).await,
        Command::Migrate(asked) => migrate_now(config, &asked).await,
        Command::Prune(asked) => prune::prune_ledger(config, &asked).await,
        Command::Status(asked) => status::show_status(config, &asked).await,
        Command::Dlq(dlq) => dlq::run_command(config, &dlq.command).await,
        Command::Forget(what) => forget::forget_topic(config, &what).await,
        // `run_without_configuration` has seen to them
        Command::ImportConnector(_)
        | Command::Health(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(()),
    }
    .map_err(Into::into)
}

async fn run_worker(config: &Config, run: &Run) -> Result<(), Box<dyn Error>> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), configuration = %config.summary(), "starting");
    let stop = shutdown::on_signal()?;
    let recorder = metrics::install_recorder()?;
    metrics::limit_tables(config.http.metrics_tables);
    metrics::begin_at_zero(&ResumeReason::ALL.map(ResumeReason::name));
    metrics::set_build(landfall::kafka::librdkafka_version());
    let (health, progress) = (Arc::new(Health::default()), Arc::new(Progress::default()));
    let sampled = Arc::new(Sampled::default());
    let page = start_page(config, &health, &progress);
    let told = Told {
        health: health.clone(),
        metrics: recorder,
        sampled: sampled.clone(),
        page,
    };
    let address = http::serve_endpoints(&config.http, told).await?;
    tracing::info!(%address, "serving /metrics, /healthz, /readyz and a page");
    let worker_sessions = WorkerSessions::new(&config.postgres.schema, &config.kafka.group);
    let pool = connection::build_worker_pool(config, worker_sessions.enter_sql())?;
    sampled.add(metrics::read_process);
    let (lags, connections) = (progress.clone(), pool.clone());
    sampled.add(move || lags.publish());
    sampled.add(move || connection::publish_status(&connections));
    let patience = run.patience();
    let schema = pipeline::bookkeeping_schema::wait_for_schema(config, &pool, &health, &stop);
    if !pipeline::run::wait_with_patience(patience, &health, schema).await?? {
        return Ok(());
    }
    // sessions that are older than the schema aren't entered there
    pool.retain(|_, _| false);
    pipeline::run::prepare_dead_letters(config, &stop).await;
    pipeline::run::run(config, pool, health, progress, stop, patience).await?;
    let totals = &metrics::TOTALS;
    tracing::info!(
        applied = totals.applied.load(Relaxed),
        duplicates = totals.duplicates.load(Relaxed),
        skipped = totals.skipped.load(Relaxed),
        dead_lettered = totals.dead_lettered.load(Relaxed),
        stale = totals.stale.load(Relaxed),
        "stopped"
    );
    match totals.dead_lettered.load(Relaxed) {
        events if events > 0 && run.fail_on_dead_letters => Err(PutAside { events }.into()),
        _ => Ok(()),
    }
}

/// What the page shows is kept up to date beside the worker.
fn start_page(config: &Config, health: &Arc<Health>, progress: &Arc<Progress>) -> Arc<Page> {
    let page = Arc::new(Page::new(config, health.clone(), progress.clone()));
    let (asking, remembering) = (page.clone(), page.clone());
    let gatherer = Gatherer::new(config, gather::PAGE_PATIENCE);
    tokio::spawn(async move { asking.keeper.keep_asking(gatherer).await });
    tokio::spawn(async move { remembering.keep_history().await });
    page
}

/// What `--fail-on-dead-letters` makes a failure of.
#[derive(Debug, thiserror::Error)]
#[error(
    "caught up, and {events} events were put aside as dead letters: `landfall dlq list` shows them"
)]
struct PutAside {
    events: u64,
}

async fn migrate_now(config: &Config, asked: &Migrate) -> Result<(), CommandError> {
    let pool = connection::build_pool(config)?;
    let way_back = match asked.no_way_back {
        true => WayBack::GivenUp,
        false => WayBack::Kept,
    };
    let applied = migrate(&pool, &config.postgres.schema, way_back).await?;
    let schema = terminal::printable(&config.postgres.schema);
    terminal::print(&match applied.as_slice() {
        [] => format!("schema {schema} is up to date\n"),
        names => format!("schema {schema}: applied {}\n", names.join(", ")),
    });
    let mut client = connection::connect(&pool).await?;
    let missing = create_missing_indexes(&mut client, &config.postgres.schema);
    match missing.await {
        Ok(created) if created.is_empty() => {}
        Ok(created) => {
            terminal::print(&format!("created {}\n", created.join(", ")));
        }
        Err(failure) => {
            terminal::print(&format!(
                "indexes of dead_letters are still missing ({failure}): `landfall run` creates them, or run this again\n"
            ));
        }
    }
    Ok(())
}
