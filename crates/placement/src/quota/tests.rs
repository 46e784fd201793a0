//! Quotas on paths and users: what is refused, and what the refusal says.

use super::*;
use plimsoll_model::quantity::{Bytes, Millicores};

fn spec(holder: &str, cpu: Option<u64>, tasks: Option<u64>) -> QuotaSpec {
    QuotaSpec {
        holder: holder.to_owned(),
        weight: 1,
        most: Amounts { cpu: cpu.map(Millicores), tasks, ..Amounts::default() },
        guaranteed: Amounts::default(),
    }
}

fn cpu(amount: u64) -> Held {
    let mut held = [0; RESOURCES];
    held[0] = amount;
    held
}

#[test]
fn the_quota_of_a_group_counts_all_queues_below_it() {
    let mut quotas = Quotas::new(&[spec("research", Some(1_000), None), spec("user:ada", None, Some(1))]).unwrap();
    let vision = quotas.claimant("research/vision");
    let speech = quotas.claimant("research/speech");
    quotas.charge(vision, &cpu(700), 1);
    assert_eq!(quotas.check(speech, &cpu(300), 1), Ok(()));
    let refusal = quotas.check(speech, &cpu(301), 1).unwrap_err();
    assert_eq!((refusal.most, refusal.used, refusal.asked), (1_000, 700, 301));
    assert_eq!((quotas.path(refusal.quota), refusal.counted.name()), ("research", "cpu in millicores"));
    quotas.refund(vision, &cpu(700), 1);
    assert_eq!(quotas.check(speech, &cpu(301), 1), Ok(()));
}

#[test]
fn tasks_are_counted_and_what_could_never_be_is_told_apart() {
    let mut quotas = Quotas::new(&[spec("user:ada", Some(500), Some(1))]).unwrap();
    let ada = quotas.claimant("user:ada");
    quotas.charge(ada, &cpu(100), 1);
    let refusal = quotas.check(ada, &cpu(100), 1).unwrap_err();
    assert_eq!((refusal.counted, refusal.used), (Counted::Tasks, 1));
    assert_eq!(quotas.check_empty(ada, &cpu(100), 1), Ok(()));
    assert_eq!(quotas.check_empty(ada, &cpu(501), 1).unwrap_err().asked, 501);
}

#[test]
fn a_quota_that_contradicts_itself_is_an_error_with_its_numbers() {
    let twice = Quotas::new(&[spec("a", None, None), spec("a", None, None)]).unwrap_err();
    assert_eq!(twice.to_string(), "quota of \"a\" is stated twice; a holder has one");
    let mut promised = spec("b", None, None);
    promised.most.memory = Some(Bytes(4 << 20));
    promised.guaranteed.memory = Some(Bytes(5 << 20));
    assert_eq!(
        Quotas::new(&[promised]).unwrap_err().to_string(),
        "quota of \"b\": guaranteed memory in MiB is 5, more than its most of 4"
    );
    assert_eq!(Quotas::new(&[spec("", None, None)]).unwrap_err(), QuotaError::NoHolder);
    let weightless = QuotaSpec { weight: 0, ..spec("c", None, None) };
    assert!(matches!(Quotas::new(&[weightless]), Err(QuotaError::NoWeight { .. })));
}
