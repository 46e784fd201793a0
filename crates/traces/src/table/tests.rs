//! What each layout gives, and what errors say.

use super::*;
use proptest::prelude::*;

fn table(text: &str) -> Result<Vec<Recorded>, ReadError> {
    read_from("x.csv", &mut text.as_bytes(), Options::default())
}

/// `name@start+step: values` of each series.
fn shown(text: &str, options: Options) -> Vec<String> {
    let series = read_from("x.csv", &mut text.as_bytes(), options).unwrap();
    let one = |series: Recorded| {
        let values: Vec<String> = series.values.iter().map(ToString::to_string).collect();
        format!("{}@{}+{}: {}", series.name, series.start.0 / 1_000, series.step, values.join(" "))
    };
    series.into_iter().map(one).collect()
}

#[test]
fn each_layout_gives_its_series() {
    for (text, wanted) in [
        (
            "series,timestamp,value\nweb,0,1\ndb,0,5\nweb,60,\nweb,120,3\ndb,60,6\n",
            &["web@0+1m: 1 NaN 3", "db@0+1m: 5 6"][..],
        ),
        ("ds,unique_id,y\n2018-01-01,a,1\n2018-01-02,a,2\n", &["a@1514764800+1d: 1 2"]),
        ("timestamp,value\n0,1\n60,2\n240,5\n", &["value@0+1m: 1 2 NaN NaN 5"]),
        ("0,1\n60,2\n", &["2@0+1m: 1 2"]),
        (
            "time,web,\"d,b\"\n2018-08-01T00:00:00Z,1,\n2018-08-01T00:05:00Z,-2,4\n",
            &["web@1533081600+5m: 1 -2", "d,b@1533081600+5m: NaN 4"],
        ),
        ("\"V1\",\"V2\",\"V3\",\"V4\"\n\"H1\",\"605\",\"586\",\nH2,1,,3\n", &["H1@0+1h: 605 586", "H2@0+1h: 1 NaN 3"]),
        ("host,2018-01-01,2018-01-02,2018-01-04\na,1,2,4\n", &["a@1514764800+1d: 1 2 NaN 4"]),
        ("web,2018-01-01,5\nweb,2018-01-02,6\n", &["web@1514764800+1d: 5 6"]),
        ("rps\n1\n\n2.5\n", &["rps@0+1h: 1 2.5"]),
        ("1\nNaN\n", &["value@0+1h: 1 NaN"]),
        ("seconds,rps\n0,1\n60,2\n", &["rps@0+1m: 1 2"]),
    ] {
        assert_eq!(shown(text, Options::default()), wanted, "{text}");
    }
}

#[test]
fn a_step_that_is_asked_for_averages_loose_times() {
    let text = "series,time,value\na,61,2\na,3,1\na,95,4\na,200,9\n";
    assert_eq!(shown(text, Options { step: Some(Millis(60_000)) }), ["a@0+1m: 1 3 NaN 9"]);
    let untimed = Options { step: Some(Millis(60_000)) };
    assert_eq!(shown("v\n1\n", untimed), ["v@0+1m: 1"]);
}

#[test]
fn errors_name_file_line_column_and_value() {
    for (text, message) in [
        ("", "x.csv: 0 rows of values, and a series needs at least 2"),
        ("timestamp,value\n", "x.csv: 0 rows of values"),
        ("timestamp,value\n0,1\n60,two\n", "x.csv, line 3, column value: \"two\" is not a finite number"),
        ("timestamp,web,db\n0,1,2\n60,1\n", "x.csv, line 3, column db: \"\" is not a field: the row is too short"),
        ("timestamp,value\nyesterday,1\n", "x.csv, line 2, column timestamp: \"yesterday\" is not a time: Unix"),
        ("timestamp,value\n60,1\n0,1\n", "x.csv, line 3, column timestamp: \"1970-01-01 00:00:00Z\" is not after"),
        (
            "series,time,value\na,0,1\nb,0,1\na,0,2\n",
            "x.csv, line 4, column time: \"1970-01-01 00:00:00Z\" stands twice",
        ),
        (
            "timestamp,value\n0,1\n60,1\n120,1\n150,1\n",
            "x.csv, line 5, column timestamp: \"1970-01-01 00:02:30Z\" is not a",
        ),
        ("timestamp,value\n0,1\n", "x.csv: 1 rows of values, and a series needs at least 2"),
        ("series,v1,v2\na,1,2\na,3,4\n", "x.csv, line 3, column series: \"a\" is not a name that stands only once"),
        ("series,v1\na,inf\n", "x.csv, line 2, column v1: \"inf\" is not a finite number"),
        ("series,time,cpu,mem\na,0,1,2\n", "x.csv, line 1: the columns \"series,time,cpu,mem\" are none of"),
        ("series,time,value\n\"a,0,1\n", "x.csv, line 2, column (quoted): "),
    ] {
        let error = table(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text:?}: {error}");
    }
}

#[test]
fn a_compressed_file_is_read_too() {
    use std::io::Write;
    let dir = tempfile::tempdir().unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"timestamp,value\n0,1\n60,2\n").unwrap();
    let path = dir.path().join("any.name");
    std::fs::write(&path, encoder.finish().unwrap()).unwrap();
    assert_eq!(read(path.to_str().unwrap(), Options::default()).unwrap()[0].values, [1.0, 2.0]);
}

proptest! {
    #[test]
    fn any_text_is_series_or_an_error(header in 0_usize..6, body in "[0-9 ,:.\\-\n\ra-c\"é]{0,200}") {
        let headers = ["series,time,value", "time,a,b", "series,2018-01-01,2018-01-02", "v", "a,b", ""];
        if let Ok(series) = table(&format!("{}\n{body}", headers[header])) {
            prop_assert!(series.iter().all(|one| one.values.iter().all(|value| !value.is_infinite())));
        }
    }
}
