//! `--since`: a point in time, or how long ago it was.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `2h`, `30min`, `1day`, or an RFC 3339 time such as `2026-11-21T12:00:00Z`.
///
/// # Errors
/// What was found and what is allowed.
pub fn parse_since(text: &str) -> Result<SystemTime, String> {
    let text = text.trim();
    let time = match humantime::parse_duration(text) {
        Ok(ago) => SystemTime::now().checked_sub(ago),
        Err(_) => parse_point_in_time(text),
    };
    // nothing was put aside before 1970, and Postgres doesn't know every time that we do
    time.map(|time| time.max(UNIX_EPOCH)).ok_or_else(|| {
        "allowed: how long ago, such as 30min, 2h or 1day, or a time such as 2026-11-21T12:00:00Z or 2026-11-21T14:00:00+02:00".to_owned()
    })
}

/// `humantime` knows RFC 3339 in UTC alone, so an offset is taken off here.
fn parse_point_in_time(text: &str) -> Option<SystemTime> {
    let at = text.len().checked_sub("+00:00".len());
    let (local, offset) = match at.and_then(|at| text.split_at_checked(at)) {
        Some((local, offset)) if local.contains(':') && offset.starts_with(['+', '-']) => {
            (local, offset)
        }
        _ => return humantime::parse_rfc3339_weak(text).ok(),
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let shift = Duration::from_secs(hours * 3600 + minutes * 60);
    let local = humantime::parse_rfc3339_weak(local).ok()?;
    if offset.starts_with('+') {
        local.checked_sub(shift)
    } else {
        local.checked_add(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        humantime::format_rfc3339(parse_since(text).unwrap()).to_string()
    }

    #[test]
    fn a_time_is_read_in_any_offset() {
        assert_eq!(shown("2026-11-21T12:00:00Z"), "2026-11-21T12:00:00Z");
        assert_eq!(shown("2026-11-21 12:00:00"), "2026-11-21T12:00:00Z");
        assert_eq!(shown("2026-11-21T14:00:00+02:00"), "2026-11-21T12:00:00Z");
        assert_eq!(shown("2026-11-21T08:30:00-03:30"), "2026-11-21T12:00:00Z");
        assert_eq!(
            shown("2026-11-21T14:00:00.250+02:00"),
            "2026-11-21T12:00:00.250000000Z"
        );
    }

    #[test]
    fn a_duration_counts_back_from_now() {
        let since = parse_since("2h").unwrap();
        let ago = since.elapsed().unwrap().as_secs();
        assert!((7_200..7_260).contains(&ago), "{ago}");
        assert_eq!(parse_since("3000years").unwrap(), UNIX_EPOCH);
    }

    #[test]
    fn anything_else_is_refused_with_what_is_allowed() {
        for wrong in [
            "",
            "yesterday",
            "2h ago",
            "2026-11-21T14:00:00+25:00",
            "é+01:00",
        ] {
            assert!(parse_since(wrong).unwrap_err().contains("2h"), "{wrong}");
        }
    }
}
