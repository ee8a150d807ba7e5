//! `day_writes`: when ids of each day were last written, so that nobody has to look through them.

use std::ops::RangeInclusive;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};

use crate::postgres::unnamed_statements::UnnamedStatements;
use crate::verdict::Failure;

/// Whoever notes that a day is written may write to it for so long without noting it again.
pub const NOTED_FOR: Duration = Duration::from_secs(1800);

/// A batch that began while its note held has ended after this, which is added to `apply.retention`.
const SLACK: Duration = Duration::from_secs(3600);

/// The table `day_writes`.
pub struct DayWrites {
    /// Quoted.
    schema: String,
}

impl DayWrites {
    pub(super) fn new(schema: String) -> Self {
        Self { schema }
    }

    /// Notes that these days are about to be written. Rows are only added, so that nobody waits for anybody.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn note_writes(
        &self,
        client: &tokio_postgres::Client,
        days: &[u64],
    ) -> Result<(), Failure> {
        let days: Vec<i32> = days.iter().map(|day| number_of(*day)).collect();
        let sql = format!(
            "INSERT INTO {}.day_writes (day) SELECT unnest($1::int[])",
            self.schema
        );
        client
            .execute_typed(&sql, &[(&days, Type::INT4_ARRAY)])
            .await?;
        Ok(())
    }

    /// Whether one of these days was written within `retention`; `None` if nobody has ever noted it.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn any_young(
        &self,
        client: &impl UnnamedStatements,
        days: &RangeInclusive<u64>,
        retention: Duration,
    ) -> Result<Option<bool>, Failure> {
        let sql = format!(
            "SELECT bool_or({YOUNG}) FROM {}.day_writes WHERE day BETWEEN $2 AND $3",
            self.schema
        );
        let (first, last) = (number_of(*days.start()), number_of(*days.end()));
        let parameters: [(&(dyn ToSql + Sync), Type); 3] = [
            (&with_slack(retention), Type::FLOAT8),
            (&first, Type::INT4),
            (&last, Type::INT4),
        ];
        let rows = client.query_typed(&sql, &parameters).await?;
        Ok(rows.first().and_then(|row| row.get(0)))
    }

    /// Whether a day was written within `retention` that is none of these: its ids are in the default partition.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn any_other_young(
        &self,
        client: &impl UnnamedStatements,
        days: &[RangeInclusive<u64>],
        retention: Duration,
    ) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT EXISTS (SELECT FROM {}.day_writes w WHERE {YOUNG} AND NOT EXISTS \
             (SELECT FROM unnest($2::int[], $3::int[]) d(first, last) WHERE w.day BETWEEN d.first AND d.last))",
            self.schema
        );
        let asked = DaysWithin::new(days, retention);
        let rows = client.query_typed(&sql, &asked.parameters()).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }

    /// Forgets what says no more than nothing would: of these days, which have partitions, the last note stays, as a day that
    /// nobody has noted may have been written by a worker of a former build, which notes none.
    ///
    /// # Errors
    /// As Postgres says.
    pub async fn forget_old(
        &self,
        client: &impl UnnamedStatements,
        days: &[RangeInclusive<u64>],
        retention: Duration,
    ) -> Result<(), Failure> {
        let sql = format!(
            "DELETE FROM {0}.day_writes w WHERE NOT {YOUNG} AND (NOT EXISTS \
             (SELECT FROM unnest($2::int[], $3::int[]) d(first, last) WHERE w.day BETWEEN d.first AND d.last) \
             OR EXISTS (SELECT FROM {0}.day_writes l WHERE l.day = w.day AND l.written_at > w.written_at))",
            self.schema
        );
        let asked = DaysWithin::new(days, retention);
        client.execute_typed(&sql, &asked.parameters()).await?;
        Ok(())
    }
}

/// What is asked about days: $1 is for how long a note counts, $2 and $3 are their bounds.
struct DaysWithin {
    seconds: f64,
    first: Vec<i32>,
    last: Vec<i32>,
}

impl DaysWithin {
    fn new(days: &[RangeInclusive<u64>], retention: Duration) -> Self {
        let bounds =
            |days: &RangeInclusive<u64>| (number_of(*days.start()), number_of(*days.end()));
        let (first, last) = days.iter().map(bounds).unzip();
        Self {
            seconds: with_slack(retention),
            first,
            last,
        }
    }

    fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [
            (&self.seconds, Type::FLOAT8),
            (&self.first, Type::INT4_ARRAY),
            (&self.last, Type::INT4_ARRAY),
        ]
    }
}

const YOUNG: &str = "written_at >= now() - make_interval(secs => $1)";

fn with_slack(retention: Duration) -> f64 {
    retention.saturating_add(SLACK).as_secs_f64()
}

/// An id's time has 48 bits, so that its day is a number of three million at most.
pub fn number_of(day: u64) -> i32 {
    i32::try_from(day).unwrap_or(i32::MAX)
}
