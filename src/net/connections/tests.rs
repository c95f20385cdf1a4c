use std::task::Waker;

use super::*;
use crate::net::capacity::CapacityLimits;

fn connections(total: usize, per_client: usize) -> Arc<Connections> {
    let limits = CapacityLimits { total: 100, places_per_client: Some(2), pages_per_client: 1 };
    Connections::new(Capacity::new(limits), ConnectionLimits { total, others: 1, per_client })
}

fn client(number: u8) -> Option<ClientNetwork> {
    Some(ClientNetwork::of([192, 0, 2, number].into()))
}

/// Whether it has to close; otherwise it waits in that phase.
fn is_closed(permit: &ConnectionPermit, phase: Phase) -> bool {
    permit.poll_closed(phase, &Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn the_clients_with_most_connections_are_known() {
    let connections = connections(1000, 1000);
    let open = |number: u8| connections.open(client(number));
    let permits: Vec<_> = (1..=5).flat_map(|number| (0..number).map(move |_| number)).map(open).collect();
    let _proxys = connections.open(None);
    let top = connections.top_clients(2);
    assert_eq!(top, [([192, 0, 2, 5].into(), 5), ([192, 0, 2, 4].into(), 4)]);
    drop(permits);
    assert!(connections.top_clients(2).is_empty());
}

#[test]
fn the_one_that_has_waited_longest_is_closed_and_no_newcomer() {
    let connections = connections(5, 100);
    let phases = [Phase::Answer, Phase::Head, Phase::Idle, Phase::Idle, Phase::Idle];
    let permits = phases.map(|phase| (connections.open(None), phase));
    assert!(permits.iter().all(|(permit, phase)| !is_closed(permit, *phase)));
    // The last has had a request, which was answered at once, and is idle again.
    assert!(permits[4].0.begin_answer() && !is_closed(&permits[4].0, Phase::Idle));
    let mut later = Vec::new();
    let mut closed = [false; 5];
    for next in 1..5 {
        later.push(connections.open(None));
        assert!(!is_closed(later.last().unwrap(), Phase::Idle), "a newcomer");
        closed[next] = true;
        assert_eq!(permits.each_ref().map(|(permit, phase)| is_closed(permit, *phase)), closed);
    }
}

#[test]
fn a_client_beyond_its_share_loses_one_of_its_own() {
    let connections = connections(100, BESIDES_VIEWERS + 2);
    let _viewers = [(); 2].map(|()| connections.capacity.acquire(client(1).unwrap(), None));
    let other = connections.open(client(2));
    assert!(!is_closed(&other, Phase::Idle));
    let mut own: Vec<_> = (0..BESIDES_VIEWERS).map(|_| connections.open(client(1))).collect();
    assert!(own.iter().all(|permit| !is_closed(permit, Phase::Head)));
    own.push(connections.open(client(1)));
    assert!(is_closed(&own[0], Phase::Head) && !is_closed(&own[1], Phase::Head));
    assert!(!is_closed(&other, Phase::Idle));
}

#[test]
fn an_answer_is_charged_to_the_visitor_not_to_the_proxy() {
    let connections = connections(100, BESIDES_VIEWERS);
    let of_a_proxy: Vec<_> = (0..=BESIDES_VIEWERS).map(|_| connections.open(None)).collect();
    for permit in &of_a_proxy {
        permit.charge(client(1));
        let _ = is_closed(permit, Phase::Answer);
    }
    assert!(is_closed(&of_a_proxy[0], Phase::Answer), "one answer too many for a visitor");
    assert!(!is_closed(&of_a_proxy[1], Phase::Idle));
    let another = connections.open(None);
    another.charge(client(1));
    assert!(!is_closed(&another, Phase::Answer) && !is_closed(&of_a_proxy[2], Phase::Answer));
}

#[test]
fn an_answered_request_is_charged_to_nobody() {
    let connections = connections(100, BESIDES_VIEWERS);
    let of_a_proxy: Vec<_> = (0..2 * BESIDES_VIEWERS).map(|_| connections.open(None)).collect();
    for permit in &of_a_proxy {
        assert!(!is_closed(permit, Phase::Idle) && permit.begin_answer());
        permit.charge(client(1));
        assert!(!is_closed(permit, Phase::Idle));
    }
    assert!(of_a_proxy.iter().all(|permit| !is_closed(permit, Phase::Idle)));
    assert!(connections.state.lock().clients.is_empty());
}

#[test]
fn some_connections_are_left_when_viewers_have_all() {
    let connections = connections(2, 100);
    let _viewers = [1, 2].map(|number| connections.capacity.acquire(client(number).unwrap(), None));
    let newcomer = connections.open(client(3));
    assert!(!is_closed(&newcomer, Phase::Idle));
    let next = connections.open(client(4));
    assert!(is_closed(&newcomer, Phase::Idle) && !is_closed(&next, Phase::Idle));
}

#[test]
fn nothing_is_left_of_connections_that_have_gone() {
    let connections = connections(2, 1);
    let permits: Vec<_> = (0..20).map(|number| connections.open(client(number % 3))).collect();
    for (permit, phase) in permits.iter().zip([Phase::Idle, Phase::Answer].into_iter().cycle()) {
        let _ = is_closed(permit, phase);
        permit.charge(client(7));
    }
    drop(permits);
    let State { open, clients, waiting, waiting_of, closing, .. } = &*connections.state.lock();
    assert!(open.is_empty() && clients.is_empty() && waiting.is_empty() && waiting_of.is_empty());
    assert_eq!(*closing, 0);
}

#[test]
fn viewers_that_have_shaken_hands_leave_memory_behind() {
    for (shakes_hands, wanted) in [(false, false), (true, true)] {
        let connections = connections(20, 1);
        for number in 0..10 {
            let mut permit = connections.open(client(number));
            if shakes_hands {
                permit.shook_hands();
            }
            permit.become_viewer();
        }
        assert_eq!(connections.have_gone(10), wanted);
    }
}

#[test]
fn shared_connections_leave_much_memory_behind() {
    let connections = connections(20, 1);
    let open = || drop(connections.open(client(1)).shared());
    (0..2).for_each(|_| open());
    assert!(!connections.have_gone(3 * SHARED));
    open();
    assert!(connections.have_gone(3 * SHARED));
}

#[test]
fn a_shared_connection_is_charged_to_its_peer_and_counts_twice() {
    let connections = connections(3, 1);
    let shared = connections.open(None).shared();
    assert!(!is_closed(&shared, Phase::Idle) && shared.begin_answer());
    (0..9).for_each(|_| shared.charge(client(1)));
    let other = connections.open(client(1));
    assert!(!is_closed(&other, Phase::Idle) && !is_closed(&shared, Phase::Answer));
    // That is three, and one more is one too many.
    let newest = connections.open(client(2));
    assert!(is_closed(&other, Phase::Idle) && !is_closed(&newest, Phase::Idle));
    drop((shared, other, newest));
    assert_eq!(connections.state.lock().shared, 0);
}
