//! The server as a program: arguments, environment, files, signals, exit codes.

#![expect(
    clippy::disallowed_methods,
    reason = "tests start processes and write files"
)]

use std::{
    io::{BufRead, BufReader, Lines, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// From starting the program to the last address being printed; measured at 0.2 s.
const ADDRESSES_WITHIN: Duration = Duration::from_secs(2);

/// From the signal to the end of the program when no request is under way.
const STOPS_WITHIN: Duration = Duration::from_secs(10);

/// A directory of its own under cargo's, with a configuration in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("program-{}-{count}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    /// Writes the configuration of a single node on ports that are drawn.
    fn config(&self, more: &str) -> PathBuf {
        let text = format!(
            "node = 1\ndata_dir = {:?}\nlog = \"off\"\n{more}\n[[members]]\nid = 1\n\
             peer = \"127.0.0.1:0\"\ngrpc = \"127.0.0.1:0\"\nhttp = \"127.0.0.1:0\"\n",
            self.0.join("data")
        );
        let file = self.0.join("sisyphus.toml");
        std::fs::write(&file, text).unwrap();
        file
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to cargo clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program() -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_sisyphus"));
    program.stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// A server that runs until the test ends it, or ends.
struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(program: &mut Command) -> Running {
        let mut child = program.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        Running { child, out }
    }

    fn line(&mut self) -> String {
        match self.out.next() {
            Some(line) => line.unwrap(),
            None => panic!("it ended: {}", self.errors()),
        }
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }

    fn signal(&self, name: &str) {
        let killed = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(killed.unwrap().success());
    }

    /// The exit code, once it has ended by itself.
    fn ended(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("it still runs after {within:?}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address behind a word in a line that names addresses.
fn address<'a>(line: &'a str, before: &str) -> &'a str {
    let (_, rest) = line
        .split_once(before)
        .unwrap_or_else(|| panic!("{before} in {line}"));
    rest.split(' ').next().unwrap()
}

fn get(address: &str, target: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn run(program: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = program.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn serve(config: &Path) -> Command {
    let mut program = program();
    program.arg("serve").arg("--config").arg(config);
    program
}

#[test]
fn a_node_serves_until_it_is_told_to_stop() {
    let scratch = Scratch::new();
    let config = scratch.config("");
    for signal in ["-TERM", "-INT"] {
        let mut node = Running::start(&mut serve(&config));
        let line = node.line();
        assert!(line.starts_with("node 1: http://127.0.0.1:"), "{line}");
        let http = address(&line, "http://");
        assert!(get(http, "/put?key=a&val=b").ends_with("OK\n"));
        node.signal(signal);
        assert_eq!(node.ended(STOPS_WITHIN), Some(0), "{signal}");
    }
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let scratch = Scratch::new();
    let config = scratch.config("cluster = \"file\"");
    let cluster = |program: &mut Command| {
        let mut node = Running::start(program);
        let line = node.line();
        let status = get(address(&line, "http://"), "/v1/status");
        let (_, rest) = status.split_once("\"cluster\":").unwrap();
        rest.split([',', '}']).next().unwrap().to_owned()
    };
    let dir = |name: &str| scratch.0.join(name);
    let file = cluster(&mut serve(&config));
    let environment = cluster(
        serve(&config)
            .env("SISYPHUS_CLUSTER", "other")
            .env("SISYPHUS_DATA_DIR", dir("2")),
    );
    let flag = cluster(
        serve(&config)
            .env("SISYPHUS_CLUSTER", "other")
            .args(["--cluster", "file", "--data-dir"])
            .arg(dir("3")),
    );
    assert_ne!(file, environment);
    assert_eq!(file, flag);
}

#[test]
fn wrong_configuration_ends_with_2_and_names_the_field() {
    let scratch = Scratch::new();
    let good = scratch.config("");
    let refused = |program: &mut Command, words: &[&str]| {
        let (code, error) = run(program);
        assert_eq!(code, Some(2), "{error}");
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    };
    let flags = |flags: [&str; 2]| {
        let mut program = serve(&good);
        program.args(flags);
        program
    };
    refused(
        &mut flags(["--limit", "tick_ms=0"]),
        &["limits.tick_ms = 0", "choose 1 to 10000"],
    );
    refused(
        &mut flags(["--node", "4"]),
        &["node = 4", "choose one of [1]"],
    );
    refused(
        &mut flags(["--log", "!!"]),
        &["log = \"!!\"", "write a level"],
    );
    refused(
        &mut flags(["--listen-http", "80"]),
        &["listen.http = \"80\"", "host:port"],
    );
    refused(
        &mut serve(Path::new("/nowhere")),
        &["--config = /nowhere", "No such file"],
    );
    refused(&mut serve(&scratch.config("flavour = 3")), &["flavour"]);
    refused(
        program().args(["serve", "--node", "1"]),
        &["members", "--member", "sisyphus dev"],
    );
    refused(program().args(["serve", "--flavour"]), &["--flavour"]);
}

#[test]
fn what_cannot_be_started_ends_with_1() {
    let scratch = Scratch::new();
    let config = scratch.config("");
    let mut node = Running::start(&mut serve(&config));
    let line = node.line();
    let (code, error) = run(&mut serve(&config));
    assert!(
        code == Some(1) && error.contains("another process uses this directory"),
        "{error}"
    );
    let grpc = address(&line, "grpc ");
    let (code, error) = run(serve(&config).args(["--listen-grpc", grpc]));
    assert!(
        code == Some(1) && error.contains(grpc) && error.contains("--listen-grpc"),
        "{error}"
    );
}

#[test]
fn dev_prints_three_addresses_soon_and_stays_up() {
    let scratch = Scratch::new();
    // Ports beside those of a cluster that a developer may have running, and below 32768, where the kernel begins
    // to take ports for outgoing connections.
    let offset = (20_000 + std::process::id() % 3_000).to_string();
    let began = Instant::now();
    let mut cluster = Running::start(
        program()
            .args(["dev", "--port-offset", &offset, "--data-dir"])
            .arg(&scratch.0),
    );
    let lines: Vec<String> = (0..3).map(|_| cluster.line()).collect();
    assert!(began.elapsed() < ADDRESSES_WITHIN, "{:?}", began.elapsed());
    let http: Vec<&str> = lines.iter().map(|line| address(line, "http://")).collect();
    assert!(get(http[0], "/put?key=a&val=b").ends_with("OK\n"));
    assert!(get(http[2], "/get?key=a").ends_with("\r\n\r\nb"));
    let offset = ["--port-offset", &offset];
    let (code, error) = run(program()
        .arg("dev")
        .args(offset)
        .arg("--data-dir")
        .arg(&scratch.0));
    assert!(
        code == Some(1) && error.contains("--port-offset"),
        "{error}"
    );
    cluster.signal("-TERM");
    assert_eq!(cluster.ended(STOPS_WITHIN), Some(0));
}
