//! Those who are present in a room, and what they say.

use onlookers_rooms::{Presence, PresentId, Reader, ViewerId};

use super::*;

const VIEWER: PresentId = PresentId::Viewer(ViewerId::new(1));
const SILENT: PresentId = PresentId::Viewer(ViewerId::new(2));
const VISITOR: PresentId = PresentId::Visitor(3);

fn reader(position: f32, name: Option<&str>) -> Presence {
    let name = name.map(|name| name.to_owned().try_into().unwrap());
    Presence::Reader(Reader { position: position.try_into().unwrap(), name, joined_at: 4, updated_at: 5 })
}

fn with(version: u64, present: Vec<(PresentId, Option<Presence>)>, page: &RoomName) -> Change {
    let counts = RoomCounts { present: 2, ..counts(version, 1) };
    Change { present, ..change(page, Some(counts), &[], &[]) }
}

#[tokio::test]
async fn who_is_present_is_read_and_heard() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let (a, mut b) = (Node::on(&server), Node::on(&server));
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    let mark = Presence::Mark(0.5.try_into().unwrap());
    let come = vec![
        (VIEWER, Some(reader(0.25, Some("Ann: 100 % ❤")))),
        (SILENT, Some(Presence::Here)),
        (VISITOR, Some(mark.clone())),
    ];
    let first = with(1, come.clone(), &page);
    a.redis.publish(A, std::slice::from_ref(&first), &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, first));
    let present = async |node: &Node| node.read(A, [&page]).await[0].clone().unwrap().present;
    assert_eq!(present(&b).await, come.into_iter().map(|(id, some)| (id, some.unwrap())).collect::<Vec<_>>());

    let second = with(2, vec![(VIEWER, Some(reader(1.0, None))), (SILENT, None)], &page);
    a.redis.publish(A, std::slice::from_ref(&second), &[]).await.unwrap();
    assert_eq!(b.hear().await, Hint::Changed(A, second));
    assert_eq!(present(&b).await, [(VIEWER, reader(1.0, None)), (VISITOR, mark)]);

    let third = with(3, vec![(SILENT, Some(Presence::Here))], &page);
    a.redis.publish(A, &[Change { visitors: Visitors::Replace(vec![]), ..third }], &[]).await.unwrap();
    assert!(matches!(b.hear().await, Hint::Changed(A, Change { visitors: Visitors::Replace(_), .. })));
    assert_eq!(present(&b).await, [(SILENT, Presence::Here)]);
    a.redis.publish(A, &[change(&page, None, &[], &[])], &[]).await.unwrap();
    assert_eq!(keys(&server).await, ["onlookers:{12}:sites:000000000000000a"]);
}

#[tokio::test]
async fn what_is_said_is_heard_by_those_who_listen() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let (a, mut b, mut c) = (Node::on(&server), Node::on(&server), Node::on(&server));
    b.redis.listen(std::slice::from_ref(&page)).await.unwrap();
    c.redis.listen(&[room("example.com")]).await.unwrap();
    let message = Post::Message { from: ViewerId::new(7), text: "{\"a b\": 1}".to_owned() };
    let mark = Post::Mark { visitor: [Some(1), None], position: 0.5.try_into().unwrap() };
    let posts = [&message, &mark].map(|post| (page.clone(), post.clone()));
    a.redis.publish(A, &[], &posts).await.unwrap();
    for post in [message, mark.clone()] {
        assert_eq!(b.hear().await, Hint::Said(A, page.clone(), post));
    }
    assert_eq!(c.hear().await, Hint::Said(A, page, mark));
}

#[tokio::test]
async fn nothing_is_left_of_those_who_were_present_at_a_dead_node() {
    let (server, page) = (RedisServer::start(), room("example.com/1"));
    let (a, b) = (Node::on(&server), Node::on(&server));
    a.renew(A).await;
    let come = with(1, vec![(SILENT, Some(Presence::Here))], &page);
    a.redis.publish(A, &[come], &[]).await.unwrap();
    assert_eq!(keys(&server).await.len(), 3);
    b.redis.reap(Partition::of(page.of_site()), A, 1).await.unwrap();
    assert_eq!(keys(&server).await, [""; 0]);
}
