//! What the kernel says of processor time and memory of the processes under measurement.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use crate::Problem;

/// Processor time used so far, user and system, of each thread of some processes.
#[derive(Debug, Clone, Default)]
pub struct Clocks(HashMap<u32, Duration>);

impl Clocks {
    /// Of these processes as they are now. A process that has ended has none.
    #[must_use]
    pub fn read(processes: &[u32]) -> Clocks {
        let mut clocks = HashMap::new();
        for process in processes {
            let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
            for thread in threads.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
                // The first figure is the time on a processor in nanoseconds, exact where clock ticks are not.
                let used = fs::read_to_string(format!("/proc/{process}/task/{thread}/schedstat"));
                let used = used.ok().and_then(|text| text.split(' ').next()?.parse().ok());
                clocks.insert(thread, Duration::from_nanos(used.unwrap_or(0)));
            }
        }
        Clocks(clocks)
    }

    /// What was used since `earlier`, by threads that have not ended.
    #[must_use]
    pub fn since(&self, earlier: &Clocks) -> Duration {
        self.0.iter().map(|(thread, used)| used.saturating_sub(earlier.of(*thread))).sum()
    }

    /// Only the threads that these have too.
    #[must_use]
    pub fn of_threads_of(mut self, others: &Clocks) -> Clocks {
        self.0.retain(|thread, _| others.0.contains_key(thread));
        self
    }

    fn of(&self, thread: u32) -> Duration {
        self.0.get(&thread).copied().unwrap_or_default()
    }
}

/// Processor time of this process, all threads that still are.
#[must_use]
pub fn own_process() -> Duration {
    Clocks::read(&[std::process::id()]).since(&Clocks::default())
}

/// Processor time of processes that this one has started and waited for, to a hundredth of a second.
#[must_use]
pub fn of_children() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    // User and system time of the waited for are the 16th and 17th fields; the name, with its bracket, is the second.
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Processor time of the calling thread.
#[must_use]
pub fn own() -> Duration {
    let used = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let used = used.and_then(|text| text.split(' ').next()?.parse().ok());
    Duration::from_nanos(used.unwrap_or(0))
}

/// The process and those it started, as they are now.
#[must_use]
pub fn family(process: u32) -> Vec<u32> {
    let mut family = vec![process];
    let others = fs::read_dir("/proc").into_iter().flatten().flatten();
    for other in others.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()) {
        if parent_of(other) == Some(process) {
            family.push(other);
        }
    }
    family
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Resident memory of a process in MiB, without pages of files it shares with others.
///
/// # Errors
/// When the process is gone.
pub fn memory_mib(process: u32) -> Result<f64, Problem> {
    status_mib(process, "VmRSS:")
}

/// The most it was resident with so far.
///
/// # Errors
/// When the process is gone.
pub fn peak_mib(process: u32) -> Result<f64, Problem> {
    status_mib(process, "VmHWM:")
}

fn status_mib(process: u32, what: &str) -> Result<f64, Problem> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).ok_or("the process has ended")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
