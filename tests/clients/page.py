"""Two pages over the Python package websockets; prints what they hear, a line each, without ids and times."""

import asyncio
import json
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

URL = f"ws://{sys.argv[1]}/ws/example.com/posts/1"


def page():
    return connect(URL, origin="https://example.com", compression=None)


async def find(socket, kind):
    """Reads on to the first message of this kind."""
    while True:
        message = json.loads(await socket.recv())
        if message["type"] == kind:
            return message


async def hear(name, socket, kind):
    message = await find(socket, kind)
    for key in ("id", "from", "joined_at", "updated_at"):
        if key in message:
            assert message[key], message
            del message[key]
    print(name, json.dumps(message, separators=(",", ":"), sort_keys=True))


async def main():
    try:
        await connect(URL, origin="https://evil.example")
    except InvalidStatus as refused:
        print("refused", refused.response.status_code)
    async with page() as one:
        await hear("one", one, "update/count")
        two = await page()
        await hear("two", two, "update/count")
        await hear("one", one, "update/count")
        await hear("one", one, "join")
        await two.send('{"type":"ping"}')
        await hear("two", two, "pong")
        await (await two.ping("payload"))
        print("two ponged")
        await two.send('{"type":"presence","position":0.5,"name":"Åsa"}')
        await hear("one", one, "presence")
        text = json.dumps({"type": "message", "data": "x" * 1000 + "ü"}, ensure_ascii=False)
        await two.send(text[at : at + 100] for at in range(0, len(text), 100))
        await hear("one", one, "message")
        await two.send("nonsense")
        print("two", (await find(two, "error"))["code"])
        await two.close(3999, "bye")
        print("two closed", two.close_code)
        await hear("one", one, "leave")
        await one.send(" " * 5000)
        try:
            while True:
                await one.recv()
        except ConnectionClosed:
            print("one closed", one.close_code)


asyncio.run(asyncio.wait_for(main(), 30))
