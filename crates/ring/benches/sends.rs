//! What it costs to send a frame to many sockets: by a ring, beside a write each.
//!
//! `cargo bench -p onlookers-ring -- [SOCKETS] [ROUNDS]`, 10,000 and 40 if not said; it opens as many files.
//!
//! Both get the same sockets in turn, every second round the other way round. The peers are read by a process of its
//! own. CPU is from the scheduler's accounts: this process with all its threads, those that the kernel runs for
//! io_uring among them; the reader; and the kernel's ksoftirqd threads, which take network work over from whoever has
//! stayed in the kernel for long. Absolute times differ from machine to machine: believe the ratios.

#[cfg(target_os = "linux")]
#[path = "sends/linux.rs"]
mod linux;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("there is no ring outside of Linux");
}
