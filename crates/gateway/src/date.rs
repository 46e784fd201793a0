//! The `Date` of now as HTTP writes it, kept per worker so that a response costs no clock and no arithmetic.
//!
//! RFC 9110 section 6.6.1: a recipient with a clock that forwards a response without `Date` adds it. The worker's tick
//! refreshes it, so it is late by at most one tick.
//!
//! # Source
//! IMF-fixdate: RFC 9110 section 5.6.7. Days to a date: H. Hinnant, "chrono-compatible low-level date algorithms".

use std::cell::Cell;
use std::time::SystemTime;

/// `Sun, 06 Nov 1994 08:49:37 GMT`
pub type HttpDate = [u8; 29];

thread_local! {
    static CURRENT: Cell<(u64, HttpDate)> = const { Cell::new((u64::MAX, [b' '; 29])) };
}

/// Reads the clock; does nothing more within one second.
pub fn refresh() {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    if CURRENT.get().0 != since {
        CURRENT.set((since, format(since)));
    }
}

/// The date of this thread's last refresh; the first call of a thread refreshes.
pub fn current() -> HttpDate {
    if CURRENT.get().0 == u64::MAX {
        refresh();
    }
    CURRENT.get().1
}

fn format(since: u64) -> HttpDate {
    const DAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
    const MONTHS: [&[u8; 3]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (days, second) = (since / 86_400, since % 86_400);
    let (year, month, day) = civil(days);
    let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
    out[..3].copy_from_slice(DAYS[(days % 7) as usize]);
    two(&mut out[5..7], day);
    out[8..11].copy_from_slice(MONTHS[(month - 1) as usize]);
    two(&mut out[12..14], year / 100 % 100);
    two(&mut out[14..16], year % 100);
    two(&mut out[17..19], second / 3_600);
    two(&mut out[20..22], second / 60 % 60);
    two(&mut out[23..25], second % 60);
    out
}

fn two(out: &mut [u8], number: u64) {
    out[0] = b'0' + (number / 10) as u8;
    out[1] = b'0' + (number % 10) as u8;
}

/// Year, month from 1 and day from 1 of a day since 1970: eras of 400 years that begin in March, so that the leap day is
/// the last of its year.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    (year_of_era + era * 400 + (month <= 2) as u64, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        for (since, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(std::str::from_utf8(&format(since)), Ok(text));
        }
        assert_eq!(current().len(), 29);
    }
}
