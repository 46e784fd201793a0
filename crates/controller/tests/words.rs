//! What `plimsoll explain` says, whole.

mod plant;

use expect_test::{Expect, expect};
use plant::{Plant, name, service, spec};
use plimsoll_controller::explain;
use plimsoll_model::inventory::ExitCause;
use plimsoll_model::quantity::{MilliRps, Millicores, Permille};
use plimsoll_model::{Decision, ScalingPolicy};

fn check(decision: &Decision, expected: &Expect) {
    expected.assert_eq(&(explain(decision, &name("shop")).join("\n") + "\n"));
}

fn shop() -> Plant {
    let policies =
        vec![ScalingPolicy::Cpu { target: Permille(600) }, ScalingPolicy::RequestRate { target: MilliRps(20_000) }];
    let mut shop = service(1, 8, policies);
    shop.scaling.reserve = 1;
    shop.scaling.step_up_max = 3;
    let mut plant = Plant::new(spec([("shop", shop)]));
    plant.capacity.cpu = Millicores(3_600);
    plant
}

#[test]
fn a_scale_out_is_explained_with_its_numbers() {
    let mut plant = shop();
    plant.set_load("shop", 30, 10_000);
    for _ in 0..5 {
        let _ = plant.tick();
    }
    plant.set_load("shop", 150, 10_000);
    check(
        &plant.tick(),
        &expect![[r#"
            2017-07-14 02:41:30Z step 6
            shop: 3 running or starting, 3 ready, 6 wanted
              because 8 replicas: 150/s arriving, 20/s wanted per replica
              also weighed: 5 replicas: CPU at 100% of the request over 3 replicas (1500m used), target 60%
              then +1 in reserve
              then at most 3 per 15s (wanted 9)
              otherwise: arrivals: no value would have changed the target
              does: start shop/4 with 500m CPU and 64.0MiB
              does: start shop/5 with 500m CPU and 64.0MiB
              does: start shop/6 with 500m CPU and 64.0MiB
        "#]],
    );
    check(
        &plant.tick(),
        &expect![[r#"
            2017-07-14 02:41:45Z step 7
            shop: 6 running or starting, 3 ready, 8 wanted
              because 8 replicas: 150/s arriving, 20/s wanted per replica
              also weighed: 5 replicas: cpu is at 100% of its target, within ±10%
              then +1 in reserve
              then bounded to the maximum 8 (wanted 9)
              otherwise: arrivals: fewer replicas at or below 120/s, more at no value
              held back: no room for 1 replica: each asks 500m CPU and 64.0MiB, 100m CPU and 63.5GiB are free
              shared: room is short: 7 of 8 wanted, 1 guaranteed, 97.2% of the node at weight 1
              does: start shop/7 with 500m CPU and 64.0MiB
        "#]],
    );
}

#[test]
fn a_scale_in_that_waits_is_explained_with_the_time_it_waits_for() {
    let mut plant = shop();
    plant.set_load("shop", 90, 10_000);
    for _ in 0..8 {
        let _ = plant.tick();
    }
    plant.set_load("shop", 10, 10_000);
    check(
        &plant.tick(),
        &expect![[r#"
            2017-07-14 02:42:15Z step 9
            shop: 6 running or starting, 6 ready, 6 wanted
              because 1 replica: CPU at 3.2% of the request over 6 replicas (96m used), target 60%
              also weighed: 1 replica: 10/s arriving, 20/s wanted per replica
              then +1 in reserve
              then scale-in held: 6 were proposed within the last 5m, until 2017-07-14 02:47:00Z
              otherwise: CPU used: more replicas from 1651m on, fewer at no value
        "#]],
    );
}

#[test]
fn an_exit_out_of_memory_is_explained_with_what_was_used() {
    let mut plant = shop();
    plant.set_load("shop", 30, 10_000);
    for _ in 0..6 {
        let _ = plant.tick();
    }
    plant.end("service:shop/2", ExitCause::OutOfMemory);
    check(
        &plant.tick(),
        &expect![[r#"
            2017-07-14 02:41:45Z step 7
            shop: 2 running or starting, 2 ready, 3 wanted
              because 2 replicas: CPU at 30% of the request over 2 replicas (300m used), target 60%
              also weighed: 2 replicas: 30/s arriving, 20/s wanted per replica
              then +1 in reserve
              otherwise: CPU used: more replicas from 661m on, fewer at no value
              held back: no fewer while 1 replica may be about to take load
              does: start shop/4 with 500m CPU and 64.0MiB
              noticed: service:shop/2 was killed for memory: 64.0MiB reserved, 1.0MiB when last measured
              noticed: service:shop/2 ended: out of memory
        "#]],
    );
}
