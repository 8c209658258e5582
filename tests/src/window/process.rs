//! A child process and all that it starts, ended together when dropped.
//! Never ends anything by name.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// How long a group may take to end when asked, before it is made to.
const GRACE: Duration = Duration::from_secs(3);

/// A process that leads a group of its own.
#[derive(Debug)]
pub struct Group {
    name: String,
    child: Child,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts `command` in a new group. If this thread dies without dropping the group, the kernel
    /// asks the process to end.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        command.process_group(0);
        #[cfg(target_os = "linux")]
        {
            let parent = std::process::id();
            // SAFETY: prctl and getppid are async-signal-safe, and nothing is allocated.
            unsafe {
                command.pre_exec(move || {
                    if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                    // The parent may have died before the line above.
                    if u32::try_from(libc::getppid()) != Ok(parent) {
                        return Err(std::io::Error::from_raw_os_error(libc::ESRCH));
                    }
                    Ok(())
                });
            }
        }
        let child = command
            .spawn()
            .with_context(|| format!("could not start {name}"))?;
        Ok(Self {
            name,
            child,
            ended: None,
        })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Whether the leader is still there.
    pub fn is_running(&mut self) -> bool {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended.is_none()
    }

    /// Processes of this group that run `program`, an absolute path.
    pub fn members_running(&self, program: &std::path::Path) -> Vec<u32> {
        processes()
            .into_iter()
            .filter(|pid| group_of(*pid) == Some(self.id()))
            .filter(|pid| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program))
            .collect()
    }

    fn signal(&self, signal: libc::c_int) {
        if let Ok(group) = libc::pid_t::try_from(self.id()) {
            // SAFETY: killpg takes no pointers. The group is ours: its leader is a child that has
            // not been reaped, or its members are what that child started.
            unsafe { libc::killpg(group, signal) };
        }
    }

    fn is_empty(&self) -> bool {
        !processes()
            .into_iter()
            .any(|pid| group_of(pid) == Some(self.id()) && !is_zombie(pid))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(libc::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            let leader_gone = !self.is_running();
            if leader_gone && self.is_empty() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.signal(libc::SIGKILL);
        if self.ended.is_none() && self.child.wait().is_err() {
            eprintln!("could not end {}", self.name);
        }
    }
}

/// Sends `signal` to one process by its id.
pub fn signal(pid: u32, signal: libc::c_int) -> Result<()> {
    let pid = libc::pid_t::try_from(pid)?;
    // SAFETY: kill takes no pointers.
    if unsafe { libc::kill(pid, signal) } != 0 {
        return Err(std::io::Error::last_os_error()).context("could not signal the process");
    }
    Ok(())
}

/// Whether a process is there and not just waiting to be reaped.
pub fn is_alive(pid: u32) -> bool {
    fs::metadata(format!("/proc/{pid}")).is_ok() && !is_zombie(pid)
}

/// Ids of processes whose environment holds `NAME=value`: what was started on one desktop,
/// whatever group or session it has moved to since.
pub fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}");
    processes()
        .into_iter()
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment
                    .split(|byte| *byte == 0)
                    .any(|variable| variable == wanted.as_bytes())
            })
        })
        .collect()
}

fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect()
}

/// Fields of /proc/PID/stat after the name, which is in brackets and may hold anything.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn group_of(pid: u32) -> Option<u32> {
    stat(pid)?.get(2)?.parse().ok()
}

fn is_zombie(pid: u32) -> bool {
    stat(pid).is_none_or(|fields| fields.first().is_some_and(|state| state == "Z"))
}
