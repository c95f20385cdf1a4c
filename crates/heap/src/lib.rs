//! Gives memory that was freed back to the system.
//!
//! glibc's malloc keeps what was freed for the next burst: small pieces stay in caches of the threads and keep the heap around
//! them from shrinking. A server that ten thousand connections have left has their memory for as long as it runs.

/// Gives back what is free, and says whether there was any. Other threads may have to wait for it when they allocate: it
/// takes milliseconds with tens of megabytes free. With another C library than glibc it does nothing.
pub fn trim() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim(3) may be called at any time and from any thread; it takes the locks of malloc itself, and only
    // memory that is free changes.
    return unsafe { libc::malloc_trim(0) } == 1;
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn freed_memory_goes_back_to_the_system() {
        let pieces: Vec<Box<[u8]>> = (0..100_000).map(|_| Box::from([1; 500])).collect();
        let full = resident();
        // The last one keeps the heap from shrinking by itself.
        let last = pieces.into_iter().next_back();
        let freed = resident();
        assert!(trim());
        assert!(freed > full / 2 && resident() < full / 4, "{full}, {freed}, {} KiB", resident());
        drop(last);
    }

    /// KiB of memory that the process has.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
