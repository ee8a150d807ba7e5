//! What befalls brokers and workers.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::support::source::Chance;
use crate::workers::Workers;

/// What a fault happens to.
pub struct Scene<'s> {
    pub cluster: &'s Cluster,
    pub topic: &'s str,
    pub partitions: u64,
    pub workers: &'s mut Workers,
}

/// Lets one of the faults happen, waits until it is over, and says what it was.
pub async fn strike(scene: &mut Scene<'_>, chance: &mut Chance) -> String {
    match chance.below(9) {
        0 => kill_leader(scene, chance).await,
        1 => kill_controller(scene, chance).await,
        2 => restart_all(scene).await,
        3 | 4 => cut_off(scene, chance).await,
        5 | 6 => lose_insync(scene, chance).await,
        7 => kill_worker(scene, chance).await,
        _ => freeze_worker(scene, chance).await,
    }
}

async fn wait(chance: &mut Chance, from: u64, to: u64) {
    let millis = from + chance.below(to - from);
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn kill_and_restart(scene: &Scene<'_>, broker: i32, chance: &mut Chance) {
    scene.cluster.have("kill", broker);
    wait(chance, 500, 8_000).await;
    scene.cluster.have("start", broker);
    scene.cluster.is_whole(scene.topic).await;
}

async fn kill_leader(scene: &Scene<'_>, chance: &mut Chance) -> String {
    let partition = chance.below(scene.partitions) as i32;
    let leader = scene.cluster.leader(scene.topic, partition).await;
    kill_and_restart(scene, leader, chance).await;
    format!("leader {leader} killed")
}

async fn kill_controller(scene: &Scene<'_>, chance: &mut Chance) -> String {
    let controller = scene.cluster.controller().await;
    kill_and_restart(scene, controller, chance).await;
    format!("controller {controller} killed")
}

async fn restart_all(scene: &Scene<'_>) -> String {
    for broker in 1..=3 {
        scene.cluster.have("stop", broker);
        scene.cluster.have("start", broker);
        scene.cluster.is_whole(scene.topic).await;
    }
    "rolling restart".to_owned()
}

/// From the other brokers and from all clients.
async fn cut_off(scene: &Scene<'_>, chance: &mut Chance) -> String {
    let partition = chance.below(scene.partitions) as i32;
    let (broker, what) = match chance.below(3) {
        0 => (scene.cluster.controller().await, "controller"),
        _ => (scene.cluster.leader(scene.topic, partition).await, "leader"),
    };
    scene.cluster.have("cut", broker);
    wait(chance, 3_000, 14_000).await;
    scene.cluster.have("mend", broker);
    scene.cluster.is_whole(scene.topic).await;
    format!("{what} {broker} cut off")
}

/// One broker is left, which takes nothing.
async fn lose_insync(scene: &Scene<'_>, chance: &mut Chance) -> String {
    let left = 1 + chance.below(3) as i32;
    let others = (1..=3).filter(|broker| *broker != left);
    let (lose, back) = match chance.below(2) {
        0 => ("kill", "start"),
        _ => ("cut", "mend"),
    };
    others
        .clone()
        .for_each(|broker| scene.cluster.have(lose, broker));
    wait(chance, 4_000, 16_000).await;
    others.for_each(|broker| scene.cluster.have(back, broker));
    scene.cluster.is_whole(scene.topic).await;
    format!("all but {left} lost ({lose})")
}

async fn kill_worker(scene: &mut Scene<'_>, chance: &mut Chance) -> String {
    let place = chance.below(scene.workers.addresses.len() as u64) as usize;
    scene.workers.kill(place).await;
    wait(chance, 0, 4_000).await;
    scene.workers.start_at(place);
    format!("worker {place} killed")
}

async fn freeze_worker(scene: &mut Scene<'_>, chance: &mut Chance) -> String {
    let place = chance.below(scene.workers.addresses.len() as u64) as usize;
    scene.workers.at(place).freeze();
    wait(chance, 500, 9_000).await;
    scene.workers.at(place).thaw();
    format!("worker {place} frozen")
}
