//! What docs/compose starts: the files as they are, with namespaces in place of containers.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::common::DEADLINE;
use crate::common::client::get;
use crate::common::machines::{Lan, Machine};
use crate::common::network::{in_network_of_its_own, run};
use crate::common::parts::{BETWEEN, count_on, png_of_the_end, read_png};
use crate::common::program::{Program, onlookers};
use crate::common::viewer::Viewer;
use crate::{LEASE, SOON, all_see};

const PASSWORD: &str = "0123456789abcdef";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compose")
}

/// compose.yaml, of which only what it uses of YAML is understood.
struct Compose(Vec<String>);

impl Compose {
    /// With the variables of the file .env in it.
    fn read() -> Self {
        let text = fs::read_to_string(folder().join("compose.yaml")).unwrap();
        let text = text.replace("${REDIS_PASSWORD:?is missing in .env}", PASSWORD).replace("$$", "$");
        Self(text.lines().map(str::to_owned).collect())
    }

    /// The lines below the key: those that are indented further.
    fn below(&self, key: &str) -> Self {
        let indent = |line: &str| line.len() - line.trim_start().len();
        let is_key = |line: &String| line.trim_start().starts_with(&format!("{key}:"));
        let at = self.0.iter().position(is_key).unwrap_or_else(|| panic!("there is no {key}"));
        let rest = self.0[at + 1..].iter();
        let below = rest.take_while(|line| line.is_empty() || indent(line) > indent(&self.0[at]));
        Self(below.cloned().collect())
    }

    /// The items of a list, each on a line of its own.
    fn items(&self, key: &str) -> Vec<String> {
        let Self(lines) = self.below(key);
        lines.iter().filter_map(|line| line.trim_start().strip_prefix("- ").map(str::to_owned)).collect()
    }

    /// The pairs of keys and values below the key.
    fn pairs(&self, key: &str) -> BTreeMap<String, String> {
        let Self(lines) = self.below(key);
        let pair = |line: &String| {
            line.trim().split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()))
        };
        lines.iter().filter_map(pair).collect()
    }

    fn address(&self, service: &str) -> Ipv4Addr {
        self.below(service).pairs("networks")["ipv4_address"].parse().unwrap()
    }
}

/// What `docker compose up` starts.
struct Up {
    lan: Lan,
    nodes: Vec<Program>,
    /// Where HAProxy listens.
    front: SocketAddr,
    _others: [Killed; 2],
    _machines: Vec<Machine>,
}

/// Killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Up {
    fn start() -> Self {
        let (compose, lan) = (Compose::read(), Lan::new());
        let machine = |service: &str| lan.machine(compose.address(service));
        let (redis, haproxy) = (machine("redis"), machine("haproxy"));
        // What Docker's name server tells containers.
        fs::write("/run/hosts", format!("{} redis\n", redis.address)).unwrap();
        run("mount", "--bind /run/hosts /etc/hosts");
        let store = redis.run(|| start_redis(&compose.below("redis")));
        let machines = ["node1", "node2", "node3"].map(machine);
        let nodes = machines.iter().map(|machine| start_node(&compose, machine)).collect();
        let file = folder().join("haproxy.cfg");
        let haproxy_runs = haproxy.run(|| {
            let child = Command::new("/usr/sbin/haproxy")
                .arg("-db")
                .arg("-f")
                .arg(file)
                .stdout(Stdio::null())
                .spawn();
            Killed(child.expect("this test needs the program haproxy"))
        });
        let front = SocketAddr::from((haproxy.address, 8080));
        wait_until_open(front);
        let others = [store, haproxy_runs];
        let machines = machines.into_iter().chain([redis, haproxy]).collect();
        Self { lan, nodes, front, _others: others, _machines: machines }
    }
}

/// The shell's command, with this machine's paths in place of the container's.
fn start_redis(service: &Compose) -> Killed {
    let command = service.items("command");
    let [shell, option, line] = &command[..] else { panic!("{command:?}") };
    // The file may itself be below /tmp.
    let line = line.replace("/tmp/", "/run/");
    let line = line.replace("/etc/redis.conf", folder().join("redis.conf").to_str().unwrap());
    let mut command = Command::new(shell);
    command.arg(option).arg(line).envs(service.pairs("environment")).current_dir("/run");
    Killed(command.stdout(Stdio::null()).spawn().unwrap())
}

/// Of the image, its ENTRYPOINT is the program.
fn start_node(compose: &Compose, machine: &Machine) -> Program {
    let node = compose.below("x-node");
    let mut command = onlookers();
    command.args(node.items("command")).envs(node.pairs("environment"));
    machine.run(|| Program::spawn(command))
}

fn wait_until_open(address: SocketAddr) {
    let began = Instant::now();
    while let Err(error) = TcpStream::connect(address) {
        assert!(began.elapsed() < DEADLINE, "nothing listens on {address}: {error}");
        // A busy loop would take the program's time to start.
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads until this is seen, or the stream ends. Returns whether it goes on.
fn goes_on(viewer: &mut Viewer, count: u64) -> bool {
    loop {
        let png = read_png(&mut viewer.client);
        if png == png_of_the_end() {
            return false;
        }
        assert_eq!(viewer.client.take(BETWEEN.len()), BETWEEN);
        if count_on(&png) == count {
            return true;
        }
    }
}

fn counted(address: SocketAddr) -> [u64; 2] {
    let counted = get(address, "/count/example.com.json", &[]).body;
    let counted: Value = serde_json::from_slice(&counted).unwrap();
    ["pages", "visitors"].map(|name| counted[name].as_u64().unwrap())
}

#[test]
fn readers_of_a_node_that_stops_come_back_to_the_others() {
    let test = "compose::readers_of_a_node_that_stops_come_back_to_the_others";
    in_network_of_its_own(test, || {
        let up = Up::start();
        let mut viewers: Vec<_> = (0..6).map(|_| Viewer::join(up.front)).collect();
        all_see(&mut viewers, 6, DEADLINE);
        let visitor = up.lan.machine(Ipv4Addr::new(10, 91, 92, 99));
        let other = visitor.run(|| Viewer::join(up.front));
        all_see(&mut viewers, 7, SOON * 10);
        assert_eq!(counted(up.front), [7, 2], "HAProxy says whose request it is");
        drop(other);
        all_see(&mut viewers, 6, SOON * 10);

        up.nodes[1].signal(Signal::TERM);
        let (mut stay, ended): (Vec<_>, Vec<_>) = viewers
            .into_iter()
            .map(|mut viewer| (goes_on(&mut viewer, 4), viewer))
            .partition(|(goes_on, _)| *goes_on);
        assert_eq!(ended.len(), 2, "each node had a third");
        stay.extend(ended.iter().map(|_| (true, Viewer::join(up.front))));
        let mut viewers: Vec<_> = stay.into_iter().map(|(_, viewer)| viewer).collect();
        all_see(&mut viewers, 6, SOON * 10);
    });
}

#[test]
fn haproxy_ends_the_streams_of_a_node_that_is_frozen() {
    in_network_of_its_own("compose::haproxy_ends_the_streams_of_a_node_that_is_frozen", || {
        let up = Up::start();
        let mut viewers: Vec<_> = (0..3).map(|_| Viewer::join(up.front)).collect();
        all_see(&mut viewers, 3, DEADLINE);
        up.nodes[2].signal(Signal::STOP);
        let (frozen, (tell, told)) = (Instant::now(), mpsc::channel());
        for mut viewer in viewers {
            let tell = tell.clone();
            thread::spawn(move || {
                viewer.client.read_until_any_end();
                tell.send(())
            });
        }
        told.recv_timeout(LEASE).expect("its stream ends");
        println!("ended after {:?}", frozen.elapsed());
        Viewer::join(up.front).wait_longer_for(3, LEASE);
    });
}

#[test]
fn redis_lets_nodes_do_what_the_page_says() {
    let rules = |text: &str| -> Vec<String> {
        let (_, rest) = text.split_once("user onlookers on").unwrap();
        let words = rest.split_whitespace().take_while(|word| ">+-~&r".contains(&word[..1]));
        words.map(str::to_owned).collect()
    };
    let [file, page] =
        ["redis.conf", "../nodes.md"].map(|name| fs::read_to_string(folder().join(name)).unwrap());
    assert_eq!(rules(&file), rules(&page));
    assert!(rules(&file).len() > 30);
}
