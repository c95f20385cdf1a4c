"""Reads the picture of two pages on one connection, by the package h2, and prints the bytes of each change."""

import socket
import sys

import h2.config
import h2.connection
import h2.events

host, port = sys.argv[1].rsplit(":", 1)
connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
connection.initiate_connection()
peer = socket.create_connection((host, int(port)), timeout=10)


def ask(path):
    stream = connection.get_next_available_stream_id()
    headers = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "counter.example"),
        (":path", path),
        ("referer", "https://example.com/"),
    ]
    connection.send_headers(stream, headers, end_stream=True)
    peer.sendall(connection.data_to_send())
    return stream


def events():
    while True:
        data = peer.recv(65536)
        if not data:
            return
        for event in connection.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            yield event
        peer.sendall(connection.data_to_send())


received = events()


def wait(stream, kind, text=b""):
    for event in received:
        if getattr(event, "stream_id", None) == stream and isinstance(event, kind):
            if text in getattr(event, "data", b""):
                return event


first = ask("/events/example.com/")
head = wait(first, h2.events.ResponseReceived)
print("head", dict(head.headers)["content-type"])
wait(first, h2.events.DataReceived, b'"count":1')
print("one")
second = ask("/events/example.com/")
wait(first, h2.events.DataReceived, b'"count":2')
print("two")
connection.reset_stream(second, 8)
peer.sendall(connection.data_to_send())
wait(first, h2.events.DataReceived, b'"count":1')
print("one")
picture = ask("/online.png?u=1")
wait(picture, h2.events.DataReceived, b"IEND")
print("picture")
connection.ping(b"12345678")
peer.sendall(connection.data_to_send())
for event in received:
    if isinstance(event, h2.events.PingAckReceived):
        print("ponged")
        break
socket_refused = ask("/ws/example.com/")
print("websocket", dict(wait(socket_refused, h2.events.ResponseReceived).headers)[":status"])
