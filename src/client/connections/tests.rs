use std::net::TcpListener;

use tokio::runtime::Builder;

use super::*;

#[test]
fn an_attempt_that_died_with_its_runtime_is_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let connections = Connections::new(&[address]).unwrap();
    let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
    let begun = runtime().block_on(async { connections.standing_or_begun(0) });
    assert!(begun.is_err(), "it ends before it has done anything");
    let made = runtime().block_on(connections.connect(0, CONNECT_WITHIN));
    let (number, _) = made.expect("somebody listens");
    assert_eq!(number, 1);
}
