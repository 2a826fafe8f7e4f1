//! Every order in which the threads of a hand-over can run, and every value that they can see, tried
//! by loom. A lost wake-up is a deadlock, which loom reports.

// The file itself, with loom's locks in place of the standard library's.
#[path = "../src/shared/handover.rs"]
#[allow(dead_code, unreachable_pub)]
mod handover;

mod sync {
    pub(super) use loom::sync::{Arc, Condvar, Mutex, MutexGuard, atomic};
}

use handover::{Bell, Gone, Lane, Next};
use loom::thread;
use sync::Arc;

fn lanes(writers: usize, blocks: usize) -> (Vec<Arc<Lane<u32>>>, Arc<Bell>) {
    let bell = Arc::new(Bell::new());
    let lane = |_| Arc::new(Lane::new(vec![0; blocks], Arc::clone(&bell)));
    ((0..writers).map(lane).collect(), bell)
}

/// Sends the numbers from 1 on, each in a block that it waits for, and goes.
fn write(lane: &Lane<u32>, numbers: u32) {
    for number in 1..=numbers {
        lane.wait_for_empty().expect("the learner is there");
        lane.send(number).expect("the learner is there");
    }
    lane.writer_goes();
}

/// Receives until all writers have gone, as the learner does; the last number of each writer.
fn receive_all(lanes: &[Arc<Lane<u32>>], bell: &Bell) -> Vec<u32> {
    let (mut last, mut ended) = (vec![0; lanes.len()], vec![false; lanes.len()]);
    while ended.contains(&false) {
        let mut receive = || {
            let mut found = false;
            for (writer, lane) in lanes.iter().enumerate() {
                match lane.receive() {
                    Next::Block(number) => {
                        last[writer] += 1;
                        assert_eq!(number, last[writer], "in order, without a gap");
                        lane.give_back(number);
                        found = true;
                    }
                    Next::Nothing => {}
                    Next::End => {
                        found |= !ended[writer];
                        ended[writer] = true;
                    }
                }
            }
            found
        };
        if !receive() {
            bell.wait_unless(receive);
        }
    }
    last
}

fn all_arrive(writers: usize, blocks: usize, numbers: u32, preemptions: Option<usize>) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        let (lanes, bell) = lanes(writers, blocks);
        let threads: Vec<_> = lanes
            .iter()
            .map(|lane| {
                let lane = Arc::clone(lane);
                thread::spawn(move || write(&lane, numbers))
            })
            .collect();
        assert_eq!(receive_all(&lanes, &bell), vec![numbers; writers]);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

#[test]
fn a_writer_that_has_to_wait_for_its_one_block_loses_nothing() {
    all_arrive(1, 1, 2, Some(3));
}

#[test]
fn a_writer_with_two_blocks_keeps_their_order() {
    all_arrive(1, 2, 3, Some(3));
}

#[test]
fn two_writers_lose_nothing() {
    all_arrive(2, 1, 1, Some(3));
}

#[test]
fn a_writer_that_waits_is_told_when_the_learner_goes() {
    loom::model(|| {
        let (lanes, _bell) = lanes(1, 1);
        let lane = Arc::clone(&lanes[0]);
        let writer = thread::spawn(move || {
            let mut sent = 0;
            while let Ok(block) = lane.wait_for_empty() {
                if lane.send(block) == Err(Gone) {
                    break;
                }
                sent += 1;
            }
            sent
        });
        let mut received = 0;
        if let Next::Block(block) = lanes[0].receive() {
            received = 1;
            lanes[0].give_back(block);
        }
        lanes[0].learner_goes();
        let sent = writer.join().expect("no panic");
        assert!((received..=received + 1).contains(&sent));
        assert_eq!(lanes[0].try_empty(), Err(Gone));
    });
}

#[test]
fn the_learner_waits_for_the_writer_whose_turn_it_is() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (lanes, bell) = lanes(2, 1);
        let threads: Vec<_> = lanes
            .iter()
            .map(|lane| {
                let lane = Arc::clone(lane);
                thread::spawn(move || write(&lane, 1))
            })
            .collect();
        for lane in &lanes {
            let arrived = || match lane.receive() {
                Next::Block(1) => true,
                Next::Nothing => false,
                other => panic!("{other:?} instead of the block"),
            };
            while !arrived() {
                let mut at_last = false;
                bell.wait_unless(|| {
                    at_last = arrived();
                    at_last
                });
                if at_last {
                    break;
                }
            }
        }
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}
