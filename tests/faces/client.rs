//! As much of an HTTP client as the tests need.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::node::PATIENCE;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        &self.headers[name]
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks `METHOD /target` with headers and a body, on a connection of its own.
pub async fn ask(to: SocketAddr, line: &str, headers: &[&str], body: &[u8]) -> Answer {
    let exchange = async { finish(begin(to, line, headers, body).await).await };
    timeout(PATIENCE, exchange)
        .await
        .expect("an answer in time")
}

/// Sends a request, and leaves the answer to be read.
pub async fn begin(to: SocketAddr, line: &str, headers: &[&str], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let mut request = format!(
        "{line} HTTP/1.1\r\nhost: test\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    headers
        .iter()
        .for_each(|header| request += &format!("{header}\r\n"));
    request += "\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

/// Reads the answer to its end.
pub async fn finish(mut stream: TcpStream) -> Answer {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    parse(&answer)
}

fn parse(answer: &[u8]) -> Answer {
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("an end of the head");
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let headers: BTreeMap<String, String> = rest
        .split("\r\n")
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let body = &answer[end + 4..];
    let chunked = headers
        .get("transfer-encoding")
        .is_some_and(|coding| coding == "chunked");
    Answer {
        status: first.split(' ').nth(1).unwrap().parse().unwrap(),
        body: if chunked {
            unchunk(body)
        } else {
            body.to_vec()
        },
        headers,
    }
}

fn unchunk(mut body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let line = body
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a chunk's length");
        let length =
            usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        let chunk = &body[line + 2..];
        if length == 0 {
            return out;
        }
        out.extend_from_slice(&chunk[..length]);
        body = &chunk[length + 2..];
    }
}
