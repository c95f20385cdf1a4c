// The module on a page that isn't one: what its requests come to is written down here, and no time passes.
//
// node retries.mjs PATH-OF-onlookers.js

import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

let outcomes, asked, waits;

globalThis.HTMLElement = class {
  #attributes = new Map();
  isConnected = true;
  children = [];
  textContent = '';
  hasAttribute = name => this.#attributes.has(name);
  getAttribute = name => this.#attributes.get(name) ?? null;
  setAttribute = (name, value) => this.#attributes.set(name, value);
  removeAttribute = name => this.#attributes.delete(name);
  replaceChildren = (...children) => (this.children = children);
  dispatchEvent() {}
};
globalThis.Image = class {};
globalThis.CustomEvent ??= class {};
globalThis.customElements = { define() {} };
globalThis.document = {};
globalThis.location = new URL('https://example.com/posts/1?x#y');
globalThis.addEventListener = () => {};
globalThis.setTimeout = (done, wait) => {
  waits.push(wait);
  queueMicrotask(done);
};
globalThis.fetch = url => {
  asked.push(String(url));
  const outcome = outcomes.shift();
  if (outcome === undefined) return new Promise(() => {});
  return outcome === 'down' ? Promise.reject(new TypeError()) : Promise.resolve(outcome);
};

/** An answer with these pieces. */
function stream(...pieces) {
  const encoder = new TextEncoder();
  const start = controller => {
    for (const piece of pieces) controller.enqueue(encoder.encode(piece));
    controller.close();
  };
  return new Response(new ReadableStream({ start }));
}

const { OnlineCount } = await import(pathToFileURL(process.argv[2]));

/** How the element comes to look, and how long it waited each time, if its requests come to `outcomes`. */
async function play(chance, attributes, ...will) {
  [outcomes, asked, waits] = [will, [], []];
  Math.random = () => chance;
  const element = new OnlineCount();
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.connectedCallback();
  for (let turn = 0; turn < 30; turn++) await new Promise(setImmediate);
  return element;
}

const DATA = 'id: 1\nevent: count\ndata: {"type":"update/count","room":"x","count":12,"visitors":9}\n\n';
const down = count => Array(count).fill('down');

// Longer each time, up to two minutes; and up to twice that, by chance.
let element = await play(0, {}, ...down(8));
assert.deepEqual(waits, [3, 6, 12, 24, 48, 96, 120, 120].map(seconds => seconds * 1000));
assert.equal(element.children[0].src.split('/').at(-1), 'online.png?', 'the picture, as there never was a number');
await play(0.5, {}, ...down(3));
assert.deepEqual(waits, [4500, 9000, 18000]);

// As the server asks, after a stream that has ended; then longer again.
element = await play(0, {}, stream('retry: 2500\n\n', DATA), ...down(2));
assert.deepEqual(waits, [2500, 5000, 10000]);
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
  [{ page: '/ä b?q#f', peek: '' }, 'events/example.com/%C3%A4%20b?peek=1'],
  [{ page: '2', show: 'site', count: 'visitors' }, 'events/example.com/posts/2?show=site&count=visitors'],
  [{ site: '[::1]:8080' }, 'events/[::1]:8080?'],
  [{ counter: 'https://count.example/below/' }, 'https://count.example/below/events/example.com?'],
]) {
  await play(0, attributes, stream());
  const wanted = new URL(url, pathToFileURL(process.argv[2])).href;
  assert.equal(asked[0], wanted);
}
