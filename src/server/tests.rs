use clap::Parser;

use onlookers_rooms::{Keys, Limits};
use tokio::task::JoinSet;

use super::nodes::Joined;
use super::run::death;
use super::*;
use crate::config::Cli;
use crate::nodes::Shared;

fn server() -> Server {
    let cli = Cli::try_parse_from(["onlookers", "--listen", "127.0.0.1:0", "--fanout-threads", "2"]);
    Server::bind(&cli.unwrap().config).unwrap()
}

#[tokio::test]
async fn the_server_ends_when_a_thread_of_its_loops_dies() {
    let server = server();
    server.service.loops.tell_end_of_one();
    assert_eq!(server.run(std::future::pending()).await, Err(Died::EventLoop));
}

#[tokio::test]
async fn the_death_of_an_accepting_task_is_noticed() {
    let server = server();
    let mut accepting = JoinSet::new();
    accepting.spawn(std::future::pending());
    accepting.spawn(async { panic!("as a fault in accept would") });
    let mut alone = Joined::alone(Shared::new(Limits::default()), Arc::new(Keys::new().unwrap()));
    assert_eq!(death(&mut accepting, &server.service.loops, &mut alone).await, Died::Accept);
}

#[tokio::test]
async fn an_orderly_end_is_no_death() {
    assert_eq!(server().run(async {}).await, Ok(()));
}
