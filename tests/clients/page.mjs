// Two pages over the npm package ws; prints what they hear, a line each, without ids and times.
import { once } from 'node:events';
import WebSocket from 'ws';

const url = `ws://${process.argv[2]}/ws/example.com/posts/1`;
setTimeout(() => process.exit(2), 30_000).unref();

class Page {
  constructor(name, origin) {
    this.name = name;
    this.heard = [];
    this.socket = new WebSocket(url, { origin, perMessageDeflate: true });
    this.socket.on('message', (data, binary) => {
      this.heard.push(JSON.parse(data));
      if (binary) throw new Error('binary');
      this.wake?.();
    });
  }

  // Reads on to the first message of this kind.
  async next(kind) {
    for (;;) {
      const message = this.heard.shift();
      if (message?.type === kind) return message;
      if (!message) await new Promise((wake) => (this.wake = wake));
    }
  }

  async hear(kind) {
    const message = await this.next(kind);
    for (const key of ['id', 'from', 'joined_at', 'updated_at']) {
      if (key in message && !message[key]) throw new Error(key);
      delete message[key];
    }
    console.log(this.name, JSON.stringify(Object.fromEntries(Object.entries(message).sort())));
  }

  send(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }
}

const refused = new Page('refused', 'https://evil.example');
const [, response] = await once(refused.socket, 'unexpected-response');
console.log('refused', response.statusCode);
refused.socket.on('error', () => {});
refused.socket.terminate();

const one = new Page('one', 'https://example.com');
await one.hear('update/count');
const two = new Page('two', 'https://example.com');
await two.hear('update/count');
await one.hear('update/count');
await one.hear('join');
two.send({ type: 'ping' });
await two.hear('pong');
two.socket.ping('payload');
await once(two.socket, 'pong');
console.log('two ponged');
two.send({ type: 'presence', position: 0.5, name: 'Åsa' });
await one.hear('presence');
const text = JSON.stringify({ type: 'message', data: 'x'.repeat(1000) + 'ü' });
for (let at = 0; at < text.length; at += 100) {
  two.socket.send(text.slice(at, at + 100), { fin: at + 100 >= text.length, binary: false });
}
await one.hear('message');
two.send('nonsense');
console.log('two', (await two.next('error')).code);
two.socket.close(3999, 'bye');
console.log('two closed', (await once(two.socket, 'close'))[0]);
await one.hear('leave');
one.send(' '.repeat(5000));
console.log('one closed', (await once(one.socket, 'close'))[0]);
