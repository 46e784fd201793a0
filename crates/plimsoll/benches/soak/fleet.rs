//! The replicas as processes: started, offered or not, killed, rolled.

use crate::Failure;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

/// One replica's place: an address, and mostly a process that listens there.
pub struct Member {
    /// Where it listens, whichever process it is.
    pub address: SocketAddr,
    /// Whether the gateway's file names it.
    pub is_offered: bool,
    number: usize,
    generation: usize,
    child: Option<Child>,
}

/// All replicas.
pub struct Fleet {
    /// By number.
    pub members: Vec<Member>,
}

impl Fleet {
    /// Starts so many.
    pub fn start(count: usize) -> Result<Self, Failure> {
        // All addresses are held until each is known, so that none is given twice.
        let held: Vec<TcpListener> =
            (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<Result<_, _>>()?;
        let mut members = Vec::new();
        for (number, listener) in held.into_iter().enumerate() {
            let address = listener.local_addr()?;
            members.push(Member { address, is_offered: true, number, generation: 0, child: None });
        }
        members.iter_mut().try_for_each(Member::start)?;
        Ok(Self { members })
    }

    /// Members that run and are offered.
    pub fn serving(&self) -> usize {
        self.members.iter().filter(|member| member.is_offered && member.is_running()).count()
    }

    /// The offered addresses.
    pub fn offered(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.members.iter().filter(|member| member.is_offered).map(|member| member.address)
    }
}

impl Member {
    /// Starts its process and waits until that listens.
    pub fn start(&mut self) -> Result<(), Failure> {
        self.generation += 1;
        let name = self.name();
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--role", "replica", &self.address.to_string(), &name])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("a replica without output")?;
        BufReader::new(out).read_line(&mut line)?;
        self.child = Some(child);
        if line.trim() == "ready" { Ok(()) } else { Err(format!("replica {name} does not start").into()) }
    }

    /// As its answers say it; another one after each start.
    pub fn name(&self) -> String {
        format!("{}.{}", self.number, self.generation)
    }

    /// Whether a process is there.
    pub fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Ends its process as `kill -9` does.
    pub fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Asks its process to end well.
    pub fn terminate(&self) -> Result<(), Failure> {
        if let Some(child) = &self.child {
            let pid = rustix::process::Pid::from_child(child);
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        Ok(())
    }

    /// Whether its process has ended by itself.
    pub fn has_ended(&mut self) -> Result<bool, Failure> {
        let Some(child) = &mut self.child else { return Ok(true) };
        let ended = child.try_wait()?.is_some();
        if ended {
            self.child = None;
        }
        Ok(ended)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
