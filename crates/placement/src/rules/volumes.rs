//! Storage that binds a task to a place.
//!
//! A block volume is held by one node at a time, so a task that names it goes where it is held, or anywhere in its zone
//! while nobody holds it; several tasks of that node may use it. A shared volume binds to its zone only. A local volume
//! is a piece of the node's own disk: the fleet counts it with the task's disk, and only its zone, if it names one, is
//! looked at here.

use plimsoll_model::cluster::VolumeKind;
use std::collections::BTreeMap;

/// One block or shared volume.
#[derive(Debug, Clone)]
struct Volume {
    name: String,
    kind: VolumeKind,
    /// Who holds it, and by how many tasks; block volumes only.
    holder: u32,
    uses: u32,
    changes: u64,
}

/// All volumes that a task ever named.
#[derive(Debug, Clone, Default)]
pub(super) struct Volumes {
    all: Vec<Volume>,
    by_name: BTreeMap<String, u32>,
}

impl Volumes {
    /// The volume's number.
    ///
    /// # Errors
    /// The kind it is known under, where that is another.
    pub(super) fn intern(&mut self, name: &str, kind: VolumeKind) -> Result<u32, VolumeKind> {
        if let Some(found) = self.by_name.get(name) {
            let known = self.all[*found as usize].kind;
            return if known == kind { Ok(*found) } else { Err(known) };
        }
        let number = u32::try_from(self.all.len()).expect("invariant: fewer volumes than tasks");
        self.all.push(Volume { name: name.to_owned(), kind, holder: 0, uses: 0, changes: 0 });
        self.by_name.insert(name.to_owned(), number);
        Ok(number)
    }

    /// The kind that a name is known under.
    pub(super) fn kind(&self, name: &str) -> Option<VolumeKind> {
        self.by_name.get(name).map(|found| self.all[*found as usize].kind)
    }

    /// Who holds it; none while nobody does.
    #[inline]
    pub(super) fn holder(&self, volume: u32) -> Option<u32> {
        let volume = &self.all[volume as usize];
        (volume.uses > 0).then_some(volume.holder)
    }

    /// Who would hold it were it used by `fewer` tasks less.
    pub(super) fn holder_without(&self, volume: u32, fewer: u32) -> Option<u32> {
        self.holder(volume).filter(|_| self.all[volume as usize].uses > fewer)
    }

    /// Counts the tasks that began or ceased to use it.
    pub(super) fn changes(&self, volume: u32) -> u64 {
        self.all[volume as usize].changes
    }

    /// A task on that node starts to use it.
    pub(super) fn attach(&mut self, volume: u32, node: u32) {
        let volume = &mut self.all[volume as usize];
        volume.holder = node;
        volume.uses += 1;
        volume.changes += 1;
    }

    /// A task stops using it.
    pub(super) fn detach(&mut self, volume: u32) {
        let volume = &mut self.all[volume as usize];
        volume.uses -= 1;
        volume.changes += 1;
    }

    /// Its name.
    pub(super) fn name(&self, volume: u32) -> &str {
        &self.all[volume as usize].name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_volume_is_held_until_its_last_user_left() {
        let mut volumes = Volumes::default();
        let disk = volumes.intern("disk", VolumeKind::Block).expect("a new name");
        assert_eq!(volumes.intern("disk", VolumeKind::Shared), Err(VolumeKind::Block));
        assert_eq!(volumes.holder(disk), None);
        volumes.attach(disk, 0);
        volumes.attach(disk, 0);
        volumes.detach(disk);
        assert_eq!(volumes.holder(disk), Some(0));
        volumes.detach(disk);
        assert_eq!(volumes.holder(disk), None);
    }
}
