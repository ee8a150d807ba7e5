//! Days since 1970-01-01 ↔ dates of the proleptic Gregorian calendar, as Postgres counts them.
//!
//! Both ways are Howard Hinnant's: years begin in March, so that the leap day is a year's last.

const DAYS_IN_ERA: i64 = 146_097; // 400 years
const DAYS_BEFORE_1970: i64 = 719_468; // from 0000-03-01
/// Added while days are counted, so that no year is negative.
const ERAS_BEFORE: i64 = 10_000_000;
/// Well beyond every i64 of milliseconds, and far from overflowing below.
const MAX_DAYS: u64 = 1_000_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    /// Astronomical: year 0 is 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl Civil {
    /// `None` far beyond every date that Postgres holds.
    pub(super) fn from_days(days: i64) -> Option<Civil> {
        if days.unsigned_abs() > MAX_DAYS {
            return None;
        }
        let shifted = days + DAYS_BEFORE_1970;
        let era = shifted.div_euclid(DAYS_IN_ERA);
        let day_of_era = shifted.rem_euclid(DAYS_IN_ERA);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Some(Civil {
            year,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
        })
    }

    /// `None` if there is no such date. `year` is astronomical.
    pub(super) fn from_date(year: i64, month: u8, day: u8) -> Option<Civil> {
        let length = match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=length)
            .contains(&day)
            .then_some(Civil { year, month, day })
    }

    /// Days since 1970-01-01.
    pub(super) fn to_days(self) -> i64 {
        let (month, day) = (u64::from(self.month), u64::from(self.day));
        let shifted = (self.year - i64::from(month <= 2) + 400 * ERAS_BEFORE) as u64;
        let (era, year_of_era) = (shifted / 400, shifted % 400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        (era as i64 - ERAS_BEFORE) * DAYS_IN_ERA + day_of_era as i64 - DAYS_BEFORE_1970
    }

    /// `YYYY-MM-DD`, and whether ` BC` has to follow whatever comes after it.
    pub(super) fn write_date(self, out: &mut String) -> bool {
        let before_christ = self.year <= 0;
        let year = if before_christ {
            1 - self.year
        } else {
            self.year
        };
        push_padded(out, year.unsigned_abs(), 4);
        out.push('-');
        push_padded(out, u64::from(self.month), 2);
        out.push('-');
        push_padded(out, u64::from(self.day), 2);
        before_christ
    }
}

/// `HH:MM:SS` of a second of the day, or of its end.
pub(super) fn push_time_of_day(out: &mut String, second: u64) {
    push_padded(out, second / 3_600, 2);
    out.push(':');
    push_padded(out, second / 60 % 60, 2);
    out.push(':');
    push_padded(out, second % 60, 2);
}

/// The number with at least so many digits. By hand, since `write!` is a third of the cost of a timestamp.
pub(super) fn push_padded(out: &mut String, number: u64, digits: usize) {
    let mut reversed = [b'0'; 20];
    let mut length = 0;
    let mut rest = number;
    for slot in &mut reversed {
        if rest == 0 && length >= digits {
            break;
        }
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
    }
    out.extend(
        reversed
            .iter()
            .take(length)
            .rev()
            .map(|digit| char::from(*digit)),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The inverse, counted differently: whole years, then months.
    fn days(civil: Civil) -> i64 {
        let leap = |year: i64| {
            year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
        };
        let before = civil.year - 1;
        let years =
            before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400);
        let lengths = [
            31,
            if leap(civil.year) { 29 } else { 28 },
            31,
            30,
            31,
            30,
            31,
            31,
            30,
            31,
            30,
            31,
        ];
        let months: i64 = lengths.iter().take(usize::from(civil.month) - 1).sum();
        assert!(
            (1..=lengths[usize::from(civil.month) - 1]).contains(&i64::from(civil.day)),
            "{civil:?}"
        );
        years + months + i64::from(civil.day) - 1 - 719_162
    }

    #[test]
    fn days_and_dates_agree_over_ten_million_years() {
        let limit = 5_000_000 * 366;
        for day in (-limit..limit).step_by(9_973).chain(-800_000..200_000) {
            let civil = Civil::from_days(day).expect("in range");
            assert_eq!(days(civil), day, "{civil:?}");
            assert_eq!(civil.to_days(), day, "{civil:?}");
        }
    }

    #[test]
    fn the_extremes_are_no_date() {
        assert_eq!(Civil::from_days(i64::MIN), None);
        assert_eq!(Civil::from_days(i64::MAX), None);
        assert!(Civil::from_days(i64::MAX / 86_400_000).is_some());
    }

    #[test]
    fn padding_keeps_longer_numbers_whole() {
        let padded = |number, digits| {
            let mut out = String::new();
            push_padded(&mut out, number, digits);
            out
        };
        assert_eq!(padded(0, 2), "00");
        assert_eq!(padded(7, 6), "000007");
        assert_eq!(padded(294_247, 4), "294247");
        assert_eq!(padded(u64::MAX, 2), u64::MAX.to_string());
    }
}
