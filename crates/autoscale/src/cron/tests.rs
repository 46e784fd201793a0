//! Every sentence of research section 2.4 about cron windows, and the days on which clocks change.

use super::*;
use plimsoll_model::quantity::Millis;

/// A moment of UTC, `2026-03-29T01:30`.
fn utc(text: &str) -> Timestamp {
    let moment: jiff::Timestamp = format!("{text}:00Z").parse().unwrap();
    Timestamp(moment.as_millisecond())
}

fn next(expression: &str, name: &str, from: &str) -> Option<String> {
    let found = Expression::read(expression).unwrap().next(&zone(name).unwrap(), utc(from))?;
    Some(found.to_string()[..16].replace(' ', "T"))
}

/// The next moments, one after the other.
fn series(expression: &str, name: &str, from: &str, count: usize) -> Vec<String> {
    let mut from = from.to_owned();
    let step = |_| {
        from = next(expression, name, &from).unwrap();
        from.clone()
    };
    (0..count).map(step).collect()
}

fn spec(timezone: &str, start: &str, end: &str) -> CronSpec {
    CronSpec {
        timezone: timezone.to_owned(),
        start: start.to_owned(),
        end: end.to_owned(),
        desired_replicas: 10,
        cooldown_period: CronSpec::cooldown(),
    }
}

fn is_open(spec: &CronSpec, at: &str) -> bool {
    propose(&CronState::default(), spec, utc(at)).unwrap().basis.open
}

#[test]
fn an_expression_is_local_time_of_its_zone() {
    assert_eq!(next("0 8 * * *", "Europe/Zurich", "2026-01-15T00:00").as_deref(), Some("2026-01-15T07:00"));
    assert_eq!(next("0 8 * * *", "Europe/Zurich", "2026-07-15T00:00").as_deref(), Some("2026-07-15T06:00"));
    assert_eq!(next("30 9 * * *", "Asia/Kolkata", "2026-07-15T00:00").as_deref(), Some("2026-07-15T04:00"));
}

#[test]
fn the_next_moment_is_strictly_after_now() {
    assert_eq!(next("0 8 * * *", "UTC", "2026-01-15T08:00").as_deref(), Some("2026-01-16T08:00"));
    let just_before = Timestamp(utc("2026-01-15T08:00").0 - 1);
    let eight = Expression::read("0 8 * * *").unwrap();
    assert_eq!(eight.next(&zone("UTC").unwrap(), just_before), Some(utc("2026-01-15T08:00")));
    let just_behind = Timestamp(utc("2026-01-15T08:00").0 + 1);
    assert_eq!(eight.next(&zone("UTC").unwrap(), just_behind), Some(utc("2026-01-16T08:00")));
}

#[test]
fn lists_ranges_steps_and_names_are_understood() {
    for (expression, expected) in [
        ("*/20 6 * * *", ["2026-01-15T06:00", "2026-01-15T06:20", "2026-01-15T06:40"]),
        ("5/25 6 * * *", ["2026-01-15T06:05", "2026-01-15T06:30", "2026-01-15T06:55"]),
        ("0 1-5/2 * * *", ["2026-01-15T01:00", "2026-01-15T03:00", "2026-01-15T05:00"]),
        ("0 0 1,15 FEB,apr *", ["2026-02-01T00:00", "2026-02-15T00:00", "2026-04-01T00:00"]),
        ("0 12 * * Mon-Wed", ["2026-01-19T12:00", "2026-01-20T12:00", "2026-01-21T12:00"]),
        ("0 12 ? * 0", ["2026-01-18T12:00", "2026-01-25T12:00", "2026-02-01T12:00"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("0 0 31 * *", ["2026-01-31T00:00", "2026-03-31T00:00", "2026-05-31T00:00"]),
    ] {
        assert_eq!(series(expression, "UTC", "2026-01-15T00:30", 3), expected, "{expression}");
    }
}

#[test]
fn where_both_days_are_restricted_either_matches() {
    assert_eq!(
        series("0 0 20 * Mon", "UTC", "2026-01-15T00:00", 3),
        ["2026-01-19T00:00", "2026-01-20T00:00", "2026-01-26T00:00"]
    );
    assert_eq!(series("0 0 20 * *", "UTC", "2026-01-15T00:00", 2), ["2026-01-20T00:00", "2026-02-20T00:00"]);
}

#[test]
fn a_star_with_a_step_restricts() {
    // Every second day of the month or a Monday: the 19th is both, the 26th only a Monday.
    let days = series("0 0 */2 * Mon", "UTC", "2026-01-24T12:00", 3);
    assert_eq!(days, ["2026-01-25T00:00", "2026-01-26T00:00", "2026-01-27T00:00"]);
    assert_eq!(series("0 0 */1 * Mon", "UTC", "2026-01-24T12:00", 2), ["2026-01-26T00:00", "2026-02-02T00:00"]);
}

#[test]
fn an_hour_that_is_skipped_in_spring_is_not_made_up_for() {
    // Zurich goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
    assert_eq!(series("30 2 * * *", "Europe/Zurich", "2026-03-27T12:00", 2), ["2026-03-28T01:30", "2026-03-30T00:30"]);
    assert_eq!(series("0 3 * * *", "Europe/Zurich", "2026-03-28T12:00", 1), ["2026-03-29T01:00"]);
}

#[test]
fn an_hour_that_is_repeated_in_autumn_matches_twice() {
    // Zurich goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC.
    assert_eq!(
        series("30 2 * * *", "Europe/Zurich", "2026-10-24T12:00", 3),
        ["2026-10-25T00:30", "2026-10-25T01:30", "2026-10-26T01:30"]
    );
}

#[test]
fn midnight_may_be_what_is_skipped() {
    // Sao Paulo skipped the first hour of 4 November 2018.
    assert_eq!(
        series("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00", 2),
        ["2018-11-05T02:00", "2018-11-06T02:00"]
    );
    assert_eq!(series("0 1 4 11 *", "America/Sao_Paulo", "2018-11-01T12:00", 1), ["2018-11-04T03:00"]);
}

#[test]
fn half_an_hour_may_be_skipped_or_repeated() {
    // Lord Howe goes from 02:00 to 02:30 on 4 October 2026 and back from 02:00 to 01:30 on 5 April 2026.
    let name = "Australia/Lord_Howe";
    assert_eq!(series("15 2 * * *", name, "2026-10-02T20:00", 1), ["2026-10-04T15:15"]);
    assert_eq!(series("45 1 5 4 *", name, "2026-04-01T00:00", 2), ["2026-04-04T14:45", "2026-04-04T15:15"]);
}

#[test]
fn a_clock_that_is_set_back_over_midnight_shows_yesterday_again() {
    // Goose Bay went from 00:01 back to 23:01 on 7 November 2010, at 03:01 UTC; in between it was 7 November already.
    assert_eq!(
        series("30 23 6 11 *", "America/Goose_Bay", "2010-11-06T12:00", 2),
        ["2010-11-07T02:30", "2010-11-07T03:30"]
    );
    assert_eq!(next("30 23 6 11 *", "America/Goose_Bay", "2010-11-07T03:00").as_deref(), Some("2010-11-07T03:30"));
}

#[test]
fn what_does_not_come_within_five_years_is_none() {
    assert_eq!(next("0 0 30 2 *", "UTC", "2026-01-15T00:00"), None);
    assert_eq!(next("0 0 29 2 *", "UTC", "2096-03-01T00:00"), None, "2100 is no leap year, and 2104 too far away");
}

#[test]
fn a_window_is_open_when_its_next_end_comes_no_later_than_its_next_beginning() {
    let day = spec("UTC", "0 8 * * *", "0 18 * * *");
    for (at, open) in
        [("07:59", false), ("08:00", true), ("12:00", true), ("17:59", true), ("18:00", false), ("23:00", false)]
    {
        assert_eq!(is_open(&day, &format!("2026-01-15T{at}")), open, "{at}");
    }
}

#[test]
fn a_window_may_go_over_midnight() {
    let night = spec("Europe/Zurich", "0 22 * * *", "0 6 * * *");
    for (at, open) in [("20:59", false), ("21:00", true), ("23:30", true), ("04:59", true), ("05:00", false)] {
        assert_eq!(is_open(&night, &format!("2026-01-15T{at}")), open, "{at}");
    }
}

#[test]
fn a_window_of_weekdays_stays_open_over_the_weekend_where_it_ends_on_monday() {
    let weekend = spec("UTC", "0 18 * * Fri", "0 8 * * Mon");
    assert!(is_open(&weekend, "2026-01-17T12:00"));
    assert!(!is_open(&weekend, "2026-01-19T08:00"));
}

#[test]
fn equal_moments_leave_the_window_open() {
    // Next end ≤ next beginning holds when both come at the same time.
    let both = spec("UTC", "0 8 * * *", "0 8 * * 0-6");
    assert!(is_open(&both, "2026-01-15T12:00"));
}

#[test]
fn a_window_whose_beginning_is_skipped_in_spring_is_open_from_the_end_before() {
    let early = spec("Europe/Zurich", "30 2 * * *", "0 5 * * *");
    assert!(!is_open(&early, "2026-03-27T06:00"));
    // KEDA's test, to the letter: the beginning of the 29th never comes, so from the end of the 28th on the next end is
    // nearer than the next beginning. A day of too many replicas is kept rather than a morning of too few.
    assert!(is_open(&early, "2026-03-28T06:00"));
    assert!(is_open(&early, "2026-03-29T02:00"));
    assert!(!is_open(&early, "2026-03-29T06:00"));
}

#[test]
fn a_repeated_beginning_in_autumn_opens_once_and_stays_open() {
    let early = spec("Europe/Zurich", "30 2 * * *", "0 5 * * *");
    // Between the two, the next beginning (the second) comes before the next end, so by KEDA's test it is closed.
    assert!(!is_open(&early, "2026-10-25T00:45"));
    assert!(is_open(&early, "2026-10-25T01:45"));
}

/// Steps of moments, remembered, with the replicas of each.
fn run(spec: &CronSpec, moments: &[&str]) -> Vec<u32> {
    let mut state = CronState::default();
    let step = |at: &&str| {
        let vote = propose(&state, spec, utc(at)).unwrap();
        state.record(spec, utc(at), &vote);
        vote.replicas
    };
    moments.iter().map(step).collect()
}

#[test]
fn within_the_window_there_are_the_desired_replicas_and_outside_none_are_asked_for() {
    let day = spec("UTC", "0 8 * * *", "0 18 * * *");
    assert_eq!(run(&day, &["2026-01-15T07:59", "2026-01-15T08:00", "2026-01-15T23:00"]), [0, 10, 0]);
}

#[test]
fn behind_its_end_the_replicas_stay_for_the_cool_down() {
    let day = spec("UTC", "0 8 * * *", "0 18 * * *");
    let moments = ["2026-01-15T17:59", "2026-01-15T18:00", "2026-01-15T18:03", "2026-01-15T18:04", "2026-01-15T18:05"];
    assert_eq!(run(&day, &moments), [10, 10, 10, 0, 0], "five minutes from when it was last seen open");
    let at_once = CronSpec { cooldown_period: Millis(0), ..day };
    assert_eq!(run(&at_once, &moments), [10, 0, 0, 0, 0]);
}

#[test]
fn a_controller_that_starts_within_a_window_finds_it_open() {
    assert_eq!(run(&spec("UTC", "0 8 * * *", "0 18 * * *"), &["2026-01-15T12:00"]), [10]);
}

#[test]
fn remembered_moments_give_the_same_as_fresh_ones() {
    let window = spec("Europe/Zurich", "*/7 1-3 * * *", "*/11 2-4 * * *");
    let window = CronSpec { cooldown_period: Millis(0), ..window };
    let start = utc("2026-10-24T22:00").0;
    let mut state = CronState::default();
    for minute in 0..600 {
        let at = Timestamp(start + minute * 60_000);
        let vote = propose(&state, &window, at).unwrap();
        let fresh = propose(&CronState::default(), &window, at).unwrap();
        assert_eq!(
            (vote.replicas, vote.basis.start, vote.basis.end),
            (fresh.replicas, fresh.basis.start, fresh.basis.end)
        );
        state.record(&window, at, &vote);
    }
}

#[test]
fn a_changed_window_does_not_meet_the_moments_of_the_old_one() {
    let (day, night) = (spec("UTC", "0 8 * * *", "0 18 * * *"), spec("UTC", "0 22 * * *", "0 6 * * *"));
    let mut state = CronState::default();
    state.record(&day, utc("2026-01-15T09:00"), &propose(&state, &day, utc("2026-01-15T09:00")).unwrap());
    assert!(!propose(&state, &night, utc("2026-01-15T09:01")).unwrap().basis.open);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
    let fault = |timezone, start, end| Window::read(&spec(timezone, start, end)).unwrap_err().to_string();
    for (error, text) in [
        (fault("Europe/Zuerich", "0 8 * * *", "0 9 * * *"), "\"Europe/Zuerich\" is no time zone of the IANA database"),
        (
            fault("europe/zurich", "0 8 * * *", "0 9 * * *"),
            "\"europe/zurich\" is no time zone of the IANA database, did you mean \"Europe/Zurich\"?",
        ),
        (fault("UTC", "0 8 * * *", "0 8 * * *"), "start and end are both \"0 8 * * *\""),
        (
            fault("UTC", "0 8 * *", "0 9 * * *"),
            "\"0 8 * *\" has 4 fields, a cron expression has 5: minute, hour, day of month, month, day of week",
        ),
        (fault("UTC", "60 8 * * *", "0 9 * * *"), "minute \"60\": \"60\" is out of range (0 to 59)"),
        (fault("UTC", "0 8 * * 7", "0 9 * * *"), "day of week \"7\": \"7\" is out of range (0 to 6)"),
        (fault("UTC", "0 8 * * *", "0 9-7 * * *"), "hour \"9-7\": \"9-7\" begins behind its end (0 to 23)"),
        (fault("UTC", "0 8 * foo *", "0 9 * * *"), "month \"foo\": \"foo\" is no number (1 to 12)"),
        (fault("UTC", "*/0 8 * * *", "0 9 * * *"), "minute \"*/0\": \"0\" is no step above zero (0 to 59)"),
        (fault("UTC", "0 8 30 2 *", "0 9 * * *"), "\"0 8 30 2 *\" names no day that comes within five years"),
        (
            fault("UTC", "@daily", "0 9 * * *"),
            "\"@daily\" has 1 fields, a cron expression has 5: minute, hour, day of month, month, day of week",
        ),
    ] {
        assert_eq!(error, text);
    }
    let none = CronSpec { desired_replicas: 0, ..spec("UTC", "0 8 * * *", "0 9 * * *") };
    assert_eq!(Window::read(&none).unwrap_err(), CronError::NoReplicas);
}

#[test]
fn every_zone_of_the_database_can_be_read() {
    assert!(zones().filter(|name| zone(name).is_ok()).count() > 500);
}
