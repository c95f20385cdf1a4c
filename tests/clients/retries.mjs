// The module on a page that isn't one: what its requests come to is written down here, and no time passes.
//
// node retries.mjs PATH-OF-onlookers.js [navigation]
//
// With `navigation`, the page has the Navigation API.

import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

let outcomes, asked, waits;
let opened = []; // the signal of each request, and each socket's
const alarms = new Set(); // the timers of tries that may be too late

delete globalThis.TextDecoderStream; // as in engines that have none

globalThis.HTMLElement = class {
  #attributes = new Map();
  isConnected = true;
  children = [];
  textContent = '';
  hasAttribute = name => this.#attributes.has(name);
  getAttribute = name => this.#attributes.get(name) ?? null;
  setAttribute = (name, value) => this.#attributes.set(name, value);
  toggleAttribute = (name, on) => (on ? this.#attributes.set(name, '') : this.#attributes.delete(name));
  replaceChildren = (...children) => (this.children = children);
  dispatchEvent() {}
};
globalThis.Image = class {};
globalThis.CustomEvent ??= class {};
globalThis.customElements = { define() {} };
globalThis.document = { readyState: 'complete', documentElement: {} };
globalThis.location = new URL('https://example.com/posts/1?x#y');
const popped = [];
globalThis.addEventListener = (type, listener) => type === 'popstate' && popped.push(listener);
globalThis.history = { pushState: (state, title, url) => (location.href = new URL(url, location)) };
history.replaceState = history.pushState;
globalThis.navigation = process.argv[3] === 'navigation' ? new EventTarget() : undefined;
globalThis.setTimeout = (done, wait) => {
  if (wait === 10_000) {
    const alarm = { done };
    alarms.add(alarm);
    return alarm;
  }
  waits.push(wait);
  queueMicrotask(done);
};
globalThis.clearTimeout = alarm => alarms.delete(alarm);
globalThis.fetch = (url, { signal }) => {
  if (!opened.every(({ aborted }) => aborted)) {
    console.error('a try has left something open'); // the module would catch an exception
    process.exit(1);
  }
  opened.push(signal);
  asked.push(String(url));
  const outcome = outcomes.shift();
  if (outcome === 'down') return Promise.reject(new TypeError());
  if (outcome === undefined) return new Promise((_, fail) => (signal.onabort = fail));
  signal.onabort = () => outcome.fail?.();
  return Promise.resolve(outcome);
};
globalThis.WebSocket = class {
  constructor() {
    opened.push(this);
  }
  send() {}
  close() {
    this.aborted = true;
  }
};

/** An answer with these pieces. */
const stream = (...pieces) => endless(...pieces, null);

/** One that stays open after these pieces. */
function endless(...pieces) {
  const encoder = new TextEncoder();
  let fail;
  const start = controller => {
    fail = () => pieces.includes(null) || controller.error(new TypeError());
    for (const piece of pieces) piece === null ? controller.close() : controller.enqueue(encoder.encode(piece));
  };
  return Object.assign(new Response(new ReadableStream({ start })), { fail });
}

const soon = async () => {
  for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate);
};

/** The present try takes too long. */
async function late() {
  assert.equal(alarms.size, 1, 'one try at a time');
  for (const { done } of alarms) done();
  await soon();
}

let playing;
const { OnlineCount } = await import(pathToFileURL(process.argv[2]));

/** How the element comes to look, and how long it waited each time, if its requests come to `outcomes`. */
async function play(chance, attributes, ...will) {
  playing?.disconnectedCallback();
  await soon();
  [outcomes, asked, waits] = [will, [], []];
  Math.random = () => chance;
  playing = new OnlineCount();
  for (const [name, value] of Object.entries(attributes)) playing.setAttribute(name, value);
  playing.connectedCallback();
  await soon();
  return playing;
}

const DATA = 'id: 1\nevent: count\ndata: {"type":"update/count","room":"x","count":12,"visitors":9}\n\n';
const down = count => Array(count).fill('down');

// The picture's URL never says who the visitor is.
let element = await play(0, { session: 'ann' }, new Response('', { status: 403 }));
assert.equal(element.children[0].src.split('/').at(-1), 'online.png?');

// Longer each time, up to two minutes; and up to twice that, by chance.
element = await play(0, {}, ...down(8));
assert.deepEqual(waits, [3, 6, 12, 24, 48, 96, 120, 120].map(seconds => seconds * 1000));
assert.equal(element.children[0].src.split('/').at(-1), 'online.png?', 'the picture, as there never was a number');
await play(0.5, {}, ...down(3));
assert.deepEqual(waits, [4500, 9000, 18000]);

// As the server asks, after a stream that has ended; then longer again.
element = await play(0, {}, stream('retry: 2400\n\n', DATA), ...down(2));
assert.deepEqual(waits, [2400, 4800, 9600]);
assert.equal(element.textContent, 12, 'the last number stays');
assert.equal(element.hasAttribute('live'), false);
assert.deepEqual(element.children, []);

// A full server says when.
const full = () => new Response('', { status: 503, headers: { 'Retry-After': '30' } });
await play(0, {}, full(), full());
assert.deepEqual(waits, [30000, 30000]);

// Who is refused stays away.
for (const status of [400, 403, 404]) {
  element = await play(0, {}, new Response('', { status }), stream(DATA));
  assert.deepEqual([waits, asked.length, element.children.length], [[], 1, 1], `${status}`);
}

// However the stream is cut.
for (let cut = 1; cut < DATA.length; cut++) {
  element = await play(0, { count: 'visitors' }, stream(`:\n\n${DATA.slice(0, cut)}`, DATA.slice(cut)));
  assert.equal(element.textContent, 9);
}

// What is asked for.
for (const [attributes, url] of [
  [{}, 'events/example.com?'],
  [{ page: 'auto' }, 'events/example.com/posts/1?'],
  [{ page: '' }, 'events/example.com/posts/1?'],
  [{ page: '/ä b?q#f', peek: 'true' }, 'events/example.com/%C3%A4%20b?peek=1'],
  [{ page: '2', show: 'site', count: 'visitors' }, 'events/example.com/posts/2?show=site&count=visitors'],
  [{ session: 'a&b', page: '/' }, 'events/example.com/?session=a%26b'],
  [{ session: '' }, 'events/example.com?'],
  [{ page: 'auto', keys: 'id x', hash: '' }, 'events/example.com/posts/1%3Fx?'],
  [{ page: '/show?utm=1&q=a%26b&id=7', keys: 'id q' }, 'events/example.com/show%3Fq=a%26b&id=7?'],
  [{ page: '/show?t=Talk:a?+b', keys: 't', peek: '' }, 'events/example.com/show%3Ft=Talk:a%3F+b?peek=1'],
  [{ page: '/a?t=1#/guide?x?y#z', keys: 't', hash: '', peek: '' }, 'events/example.com/a%3Ft=1%23/guide%3Fx%3Fy%23z?peek=1'],
  [{ page: '/app/#/posts/2?x', hash: '' }, 'events/example.com/app/%23/posts/2%3Fx?'],
  [{ page: '/app#!/posts/2', hash: '' }, 'events/example.com/app%23!/posts/2?'],
  [{ page: '/app#top', hash: '' }, 'events/example.com/app?'],
  [{ site: '[::1]:8080' }, 'events/[::1]:8080?'],
  [{ counter: 'https://count.example/below/' }, 'https://count.example/below/events/example.com?'],
]) {
  await play(0, attributes, stream());
  const wanted = new URL(url, pathToFileURL(process.argv[2])).href;
  assert.equal(asked[0], wanted);
}

// However a try ends, its request does, too: each request checks that the ones before are over.
element = await play(0, {}, endless('data: nonsense\n\n'), endless('data: {}\n\n', 'data: nonsense\n\n'), endless(DATA));
assert.deepEqual([asked.length, element.textContent, element.hasAttribute('live')], [3, 12, true]);
element.disconnectedCallback();
assert.ok(opened.at(-1).aborted, 'and with the element');

// Where events are held back, a try has ten seconds, and then the picture stays.
for (const held of [undefined, endless(), endless('retry: 2400\n\n')]) {
  element = await play(0, {}, held);
  assert.deepEqual([asked.length, element.children.length], [1, 0]);
  await late();
  assert.deepEqual([asked.length, waits, element.children.length], [1, [], 1]);
  assert.ok(opened.at(-1).aborted && !alarms.size);
}

// One that has heard something may take as long as it likes; later tries may not, and are repeated.
element = await play(0, {}, endless(DATA));
assert.equal(alarms.size, 0);
element = await play(0, {}, stream(DATA), undefined, endless(DATA));
await late();
assert.deepEqual([asked.length, waits, element.children.length, alarms.size], [3, [3000, 6000], 0, 0]);

// A WebSocket that doesn't open is closed before events are asked for.
element = await play(0, { presence: '' }, endless(DATA));
assert.equal(asked.length, 0);
await late();
assert.deepEqual([asked.length, element.textContent], [1, 12]);

// One that the server closes, as it stops, comes back after 3 to 6 s, by chance.
for (const chance of [0, 0.5]) {
  element = await play(chance, { presence: '' });
  const socket = opened.at(-1);
  socket.onopen();
  socket.onmessage({ data: DATA.split('data: ')[1] });
  socket.onclose();
  await soon();
  assert.deepEqual([waits, asked, opened.at(-1) instanceof WebSocket], [[3000 * (1 + chance)], [], true]);
  assert.ok(opened.at(-1) !== socket && socket.aborted && element.textContent === 12, 'a new one, and the last number stays');
}

// In an application of one page, the number is that of the page that is shown now, and there is one stream at a time.
const here = () => asked.at(-1).split('example.com')[1];
element = await play(0, { page: 'auto' }, ...[1, 2, 3, 4, 5, 6].map(() => endless(DATA)));
for (const [change, url, wanted, count] of [
  ['pushState', '/posts/2?x', '/posts/2?', 2],
  ['replaceState', '3', '/posts/3?', 3],
  ['pushState', '?y#z', '/posts/3?', 3], // the same page
  ['pushState', '/posts/1', '/posts/1?', 4],
]) {
  history[change](null, '', url);
  navigation?.dispatchEvent(new Event('currententrychange'));
  await soon();
  assert.deepEqual([here(), asked.length], [wanted, count], url);
  assert.ok(opened.slice(0, -1).every(({ aborted }) => aborted) && !opened.at(-1).aborted, 'one stream');
}
if (!navigation) {
  location.href = 'https://example.com/posts/9';
  popped.forEach(tell => tell());
  history.pushState(null, '', '/posts/10'); // two in a row open one stream
  await soon();
  assert.deepEqual([here(), asked.length], ['/posts/10?', 5]);
}
// An element with a page of its own stays there.
element = await play(0, { page: '/a' }, endless(DATA), endless(DATA));
history.pushState(null, '', '/posts/11');
navigation?.dispatchEvent(new Event('currententrychange'));
await soon();
assert.equal(asked.length, 1);
