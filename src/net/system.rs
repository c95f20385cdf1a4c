//! How many connections the system has files and memory for.

use std::fs;
use std::path::{Path, PathBuf};

/// Files that are not for connections: those that are opened for a moment, and those of connections that are about to close.
const SPARE_FILES: u64 = 32;

/// The most that connections without a viewer get for themselves.
const OTHERS: usize = 256;

/// Bytes that a connection may take: the kernel takes about 5 KiB for one, and more for what its client doesn't read; an
/// unfinished head takes up to 16 KiB.
const CONNECTION: u64 = 16 * 1024;

/// What the system allows this process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemLimits {
    /// How many files may be open.
    pub(crate) files: u64,
    /// How many are, at the start.
    pub(crate) files_in_use: u64,
    /// Bytes of memory.
    pub(crate) memory: u64,
}

impl SystemLimits {
    /// How many connections there may be: one has a file, and all of them half of the memory.
    pub(crate) fn connections(self) -> usize {
        let files = self.files.saturating_sub(self.files_in_use + SPARE_FILES.min(self.files / 8));
        to_usize(files.min(self.memory / 2 / CONNECTION).max(1))
    }

    /// How many of them are kept from viewers.
    pub(crate) fn others(self) -> usize {
        (self.connections() / 4).min(OTHERS)
    }

    /// How many of them may be viewers.
    pub(crate) fn viewers(self) -> usize {
        self.connections() - self.others()
    }
}

/// Bytes of memory that this process may use, as far as the machine and its control groups say: a container is one, and so
/// is a unit of systemd.
pub(crate) fn memory() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = memory_of_groups(Path::new("/sys/fs/cgroup"), &groups);
    group.into_iter().chain(memory_of_machine()).min().unwrap_or(u64::MAX)
}

/// The lowest limit of a process that is in `groups`, which is what `/proc/self/cgroup` has, and of the groups around them.
fn memory_of_groups(root: &Path, groups: &str) -> Option<u64> {
    let limits = groups.lines().flat_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, group) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let (folder, file) = match controllers {
            "" => (root.to_owned(), "memory.max"),
            _ => (root.join("memory"), "memory.limit_in_bytes"),
        };
        let is_of_memory = controllers.is_empty() || controllers.split(',').any(|name| name == "memory");
        let groups: Vec<PathBuf> =
            Path::new(group.trim_start_matches('/')).ancestors().map(PathBuf::from).collect();
        groups.into_iter().filter(move |_| is_of_memory).filter_map(move |group| {
            // "max" is no number, and no limit. A container may see its own group as the root.
            fs::read_to_string(folder.join(group).join(file)).ok()?.trim().parse::<u64>().ok()
        })
    });
    limits.min()
}

fn memory_of_machine() -> Option<u64> {
    let memory = fs::read_to_string("/proc/meminfo").ok()?;
    let kibibytes =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    Some(kibibytes?.trim().parse::<u64>().ok()? * 1024)
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_memory_bound_connections_and_viewers() {
        let of = |files, memory: u64| {
            let limits = SystemLimits { files, files_in_use: 20, memory: memory << 20 };
            (limits.connections(), limits.viewers())
        };
        assert_eq!(of(20_000, 1 << 14), (19_948, 19_692));
        assert_eq!(of(64, 1 << 14), (36, 27));
        assert_eq!(of(20_000, 64), (2_048, 1_792));
        assert_eq!(of(10, 1), (1, 1));
        assert_eq!(of(1 << 20, u64::MAX >> 20), ((1 << 20) - 52, (1 << 20) - 308));
    }

    #[test]
    fn the_lowest_limit_of_a_group_and_those_around_it_counts() {
        let root = tempfile::tempdir().unwrap();
        let write = |group: &str, file: &str, text: &str| {
            let folder = root.path().join(group);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(file), text).unwrap();
        };
        let limit = |groups: &str| memory_of_groups(root.path(), groups);
        assert_eq!(limit("0::/system.slice/onlookers.service\n"), None);
        write("system.slice/onlookers.service", "memory.max", "max\n");
        assert_eq!(limit("0::/system.slice/onlookers.service\n"), None);
        write("system.slice", "memory.max", "1073741824\n");
        assert_eq!(limit("0::/system.slice/onlookers.service\n"), Some(1 << 30));
        write("system.slice/onlookers.service", "memory.max", "67108864\n");
        assert_eq!(limit("0::/system.slice/onlookers.service\n"), Some(64 << 20));
        // The first version of control groups, in a container that sees its own group as the root.
        write("memory", "memory.limit_in_bytes", "33554432\n");
        assert_eq!(limit("4:cpu,memory:/docker/123\n1:name=systemd:/x\n"), Some(32 << 20));
        assert_eq!(limit("2:cpu:/docker/123\n"), None);
    }

    #[test]
    fn this_machine_has_some_memory() {
        assert!((1 << 20..u64::MAX).contains(&memory()));
    }
}
