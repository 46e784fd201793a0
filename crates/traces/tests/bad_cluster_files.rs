//! What is wrong with a cluster file is said in full: the file, the line, the field, the value and what would do. And whatever the
//! bytes are, no reader panics or swallows them.

use plimsoll_traces::{
    ClusterError, ClusterSet, ReadError, borg, check, cluster_file, cluster_set, dlrm, openb, philly, swf,
};
use proptest::prelude::*;
use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;

const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n";
const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\n";

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder can be made"))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path: PathBuf = self.0.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path.to_str().expect("the path is UTF-8").to_owned()
    }

    /// The error of reading a file of these bytes, with the folder's name taken out of it.
    fn error(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.write(name, bytes);
        self.said(&cluster_set(&path).expect_err("the file is wrong"))
    }

    fn said(&self, error: &ClusterError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

#[test]
fn an_unknown_and_a_missing_column_are_named() {
    let folder = Folder::new();
    assert_eq!(
        folder.error("p.csv", b"name,cpu_milli,memory_mib,num_gpus,gpu_milli\n"),
        "p.csv, line 1: the column \"num_gpus\" is not known (did you mean \"num_gpu\"?); known are name, cpu_milli, \
         memory_mib, num_gpu, gpu_milli, gpu_spec, qos, pod_phase, creation_time, deletion_time, scheduled_time"
    );
    assert_eq!(
        folder.error("n.csv", b"sn,cpu_milli,gpu,model\na,1,0,\n"),
        "n.csv, line 1: the column \"memory_mib\" is missing; the header is \"sn,cpu_milli,gpu,model\""
    );
}

#[test]
fn a_negative_a_too_large_and_no_number_are_refused_with_the_range() {
    let folder = Folder::new();
    for (value, shown) in [("-1", "-1"), ("4000000001", "4000000001"), ("NaN", "NaN"), ("1e9", "1e9"), ("", "")] {
        assert_eq!(
            folder.error("p.csv", format!("{PODS}a,{value},1,0,0\n").as_bytes()),
            format!(
                "p.csv, line 2, column cpu_milli: \"{shown}\" is not a whole number of millicores from 0 to 4000000000"
            )
        );
    }
}

#[test]
fn a_name_that_stands_twice_is_refused_within_a_file_and_between_files() {
    let folder = Folder::new();
    assert_eq!(
        folder.error("n.csv", format!("{NODES}a,1,1,0,\nb,1,1,0,\na,1,1,0,\n").as_bytes()),
        "n.csv, line 4, column sn: \"a\" stands already in line 2"
    );
    let nodes = folder.write("n.csv", format!("{NODES}a,1,1,0,\n").as_bytes());
    let pods = folder.write("p.csv", format!("{PODS}x,1,1,0,0\n").as_bytes());
    let both = cluster_set(&format!("{nodes}+{pods}")).unwrap();
    assert_eq!((both.nodes.len(), both.tasks.len()), (1, 1));
    let twice = cluster_set(&format!("{nodes}+{pods}+{pods}")).unwrap_err();
    assert_eq!(folder.said(&twice), "p.csv: the task \"x\" stands already in a file before it");
}

#[test]
fn a_gzip_that_was_cut_is_an_error_at_the_line_it_ends_in() {
    let folder = Folder::new();
    let job = "1 0 0 9 1 -1 -1 1 9 -1 1 1 1 -1 -1 -1 -1 -1\n";
    let whole = gz(job.as_bytes());
    let path = folder.write("x.swf.gz", &whole[..whole.len() - 9]);
    let error = cluster_set(&path).unwrap_err();
    assert_eq!(folder.said(&error), "x.swf.gz: cannot be read at line 2");
    assert_eq!(error.source().unwrap().to_string(), "incomplete deflate stream");
    assert_eq!(cluster_set(&folder.write("whole.swf.gz", &whole)).unwrap().tasks.len(), 1);
}

#[test]
fn bytes_that_are_no_text_are_refused_with_their_line() {
    let folder = Folder::new();
    let mut bytes = format!("{PODS}a,1,1,0,0\n").into_bytes();
    bytes.extend(b"\xff\xfe,1,1,0,0\n");
    assert_eq!(
        folder.error("p.csv", &bytes),
        "p.csv, line 3, column (whole line): \"\u{fffd}\u{fffd},1,1,0,0\" is not text in UTF-8"
    );
}

#[test]
fn requests_at_the_end_of_their_range_make_no_endless_list_of_nodes() {
    let folder = Folder::new();
    let header = SEEDS[5].lines().next().unwrap();
    let row = "i0,HN,a,1000000,1000000,1,1,100000,1,1000000,1,10000000,1,-1,1.0,2.0,3.0";
    let set = cluster_set(&folder.write("d.csv", format!("{header}\n{row}\n").as_bytes())).unwrap();
    assert!(set.nodes.len() <= 100_000, "{}", set.nodes.len());
    let row = row.replacen("1000000,", "1000001,", 1);
    assert_eq!(
        folder.error("d.csv", format!("{header}\n{row}\n").as_bytes()),
        "d.csv, line 2, column cpu_request: \"1000001\" is not a number from 0 to 1000000"
    );
}

/// A file whose line never ends, and how much of it was asked for.
struct Endless<'a> {
    head: &'a [u8],
    read: u64,
}

impl Read for Endless<'_> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let count = if self.head.is_empty() {
            to.fill(b'7');
            to.len()
        } else {
            self.head.read(to)?
        };
        self.read += count as u64;
        Ok(count)
    }
}

#[test]
fn a_line_of_ten_gigabytes_is_refused_after_its_first_kilobytes() {
    type Reader = fn(&mut dyn Read) -> Result<(), ReadError>;
    let cases: [(&str, u64, Reader); 7] = [
        (NODES, 2, |reader| openb::nodes("x", reader).map(drop)),
        (PODS, 2, |reader| openb::tasks("x", reader).map(drop)),
        ("; MaxProcs: 4\n", 2, |reader| swf::read("x", reader).map(drop)),
        ("", 1, |reader| borg::read("x", reader).map(drop)),
        ("timestamp,duration,num_gpus,gpu_time,cluster\n", 2, |reader| philly::read("x", reader).map(drop)),
        ("{\"note\": \"\"}\n", 2, |reader| cluster_file::read("x", reader).map(drop)),
        ("", 1, |reader| dlrm::read("x", reader).map(drop)),
    ];
    for (head, line, read) in cases {
        let mut endless = Endless { head: head.as_bytes(), read: 0 };
        let error = read(&mut endless).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("x, line {line}: longer than 65536 bytes, so this is not a table of rows")
        );
        assert!(endless.read <= 256 * 1_024, "{head:?}: {} bytes were read", endless.read);
    }
}

#[test]
fn a_task_bigger_than_every_node_is_reported_and_no_error() {
    let folder = Folder::new();
    let nodes = folder.write("n.csv", format!("{NODES}a,64000,262144,2,P100\nb,96000,393216,8,G2\n").as_bytes());
    let pods = folder.write("p.csv", format!("{PODS}big,128000,1024,4,1000\nsmall,1,1,0,0\n").as_bytes());
    let set = cluster_set(&format!("{nodes}+{pods}")).unwrap();
    let never: Vec<String> = check(&set.nodes, &set.tasks).iter().map(ToString::to_string).collect();
    assert_eq!(
        never,
        ["task \"big\" can never run: the nearest node \"b\" lacks: asked 128000 millicores of CPU, has 96000"]
    );
}

#[test]
fn a_name_that_is_nothing_is_refused_with_what_was_meant() {
    let error = cluster_set("openb:defualt").unwrap_err().to_string();
    let wanted = "\"openb:defualt\" is no cluster set and no file (did you mean \"openb:default\"?); the sets are openb:default, ";
    assert!(error.starts_with(wanted), "{error}");
    let folder = Folder::new();
    assert_eq!(
        folder.error("x.txt", b"once upon a time\n"),
        "x.txt, line 1: the columns \"once upon a time\" are none of the known formats: openb nodes \
         (sn,cpu_milli,memory_mib,gpu,model) | openb pods (name,cpu_milli,memory_mib,num_gpu,gpu_milli,...) | Standard Workload \
         Format (18 numbers, comments start with ;) | Borg 2011 task events (13 columns, no header) | Philly \
         (timestamp,duration,num_gpus,gpu_time,cluster) | DLRM (instance_sn,role,app_name,...) | Plimsoll's own (JSON Lines)"
    );
    assert_eq!(
        folder.error("empty.csv", b""),
        "empty.csv: the file is empty, and its first line has to say what it is"
    );
}

/// Lines of every format, to be cut and changed.
const SEEDS: [&str; 7] = [
    "sn,cpu_milli,memory_mib,gpu,model\na,64000,262144,2,P100\nb,1,2,0,\n",
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n\
     a,6000,12288,1,460,V100M16|V100M32,LS,Running,1,9,2\n",
    "; MaxProcs: 8\n1 0 5 100 4 99.5 -1 4 60 -1 1 7 1 -1 2 1 -1 -1\n",
    "600026913,,515042969,1,372630443,1,/fk=,2,0,0.01562,0.01553,0.0002155,0\n5,,515042969,1,,0,/fk=,2,0,0.1,0.1,0.1,1\n",
    "timestamp,duration,num_gpus,gpu_time,cluster\n2017-09-04 10:30:41,189.0,20,3780.0,7f\n",
    "instance_sn,role,app_name,cpu_request,cpu_limit,gpu_request,gpu_limit,rdma_request,rdma_limit,memory_request,memory_limit,\
     disk_request,disk_limit,max_instance_per_node,creation_time,scheduled_time,deletion_time\n\
     i0,HN,a,12,12,1,1,25,25,120.0,120.0,640.0,800.0,8,1.0,2.0,3.0\n",
    "{\"node\": {\"name\": \"a\", \"capacity\": {\"cpu\": 1, \"memory\": 1}}}\n\
     {\"task\": {\"id\": \"t\", \"requests\": {\"cpu\": 1}, \"gang\": {\"name\": \"g\", \"size\": 2}}, \"run_time_true_ms\": 5}\n",
];

type SetReader = fn(&mut dyn Read) -> Result<ClusterSet, ReadError>;

/// Every reader on these bytes; what comes out is right or wrong, but it comes out.
fn read_all(bytes: &[u8]) {
    let mut whole = Vec::new();
    let readers: [SetReader; 5] = [
        |reader| swf::read("x", reader),
        |reader| borg::read("x", reader),
        |reader| philly::read("x", reader),
        |reader| dlrm::read("x", reader),
        |reader| cluster_file::read("x", reader),
    ];
    for read in readers {
        whole.extend(read(&mut &bytes[..]));
    }
    let nodes = openb::nodes("x", &mut &bytes[..]).unwrap_or_default();
    let tasks = openb::tasks("x", &mut &bytes[..]).unwrap_or_default();
    let _ = openb::workload(&tasks, 16_000, 1_300, 7);
    let _ = check(&nodes, &tasks);
    for set in whole {
        let _ = check(&set.nodes, &set.tasks);
        let mut written = Vec::new();
        cluster_file::write(&set, &mut written).expect("memory can be written");
        // Whatever could be read can be kept.
        let again = cluster_file::read("x", &mut written.as_slice()).expect("what was written is read");
        assert_eq!((again.nodes, again.tasks), (set.nodes, set.tasks));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_give_a_set_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        read_all(&bytes);
        let folder = Folder::new();
        let _ = cluster_set(&folder.write("x", &bytes));
    }

    #[test]
    fn a_file_that_was_damaged_gives_a_set_or_an_error(
        seed in 0..SEEDS.len(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), prop_oneof![
            any::<u8>(), prop::sample::select(b"-,.\"\n 0e9{}[]:;|#".to_vec()),
        ]), 0..4),
        cut in any::<proptest::sample::Index>(),
        is_cut: bool,
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        read_all(&bytes);
        let folder = Folder::new();
        let _ = cluster_set(&folder.write("x", &bytes));
    }
}

#[test]
fn the_seeds_of_the_damaged_files_are_whole() {
    let folder = Folder::new();
    for seed in SEEDS {
        let path = folder.write("x", seed.as_bytes());
        let set = cluster_set(&path).unwrap_or_else(|error| panic!("{error}: {seed}"));
        assert!(set.nodes.len() + set.tasks.len() > 0);
    }
}
