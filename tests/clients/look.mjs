// Looks at a page of a built site in Chromium, with a real counter: is the tag there as it should be, does it show a picture, and is the
// reader counted?
//
//     node look.mjs FOLDER PATH COUNTER [SCREENSHOT]
//
// A page has the live picture, or the element, or both; or a badge, which counts nobody. Needs chromedriver.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const [folder, path, counter, screenshot] = process.argv.slice(2);
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const PATIENCE = 20_000;

/** The file of a path, as servers of static sites find it. */
async function file(path) {
  for (const name of [path, `${path}.html`, join(path, 'index.html')]) {
    const full = join(folder, name);
    if ((await stat(full).catch(() => null))?.isFile()) return full;
  }
}

const site = createServer(async (request, answer) => {
  const found = await file(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
  answer.writeHead(found ? 200 : 404, { 'content-type': TYPES[extname(found ?? '')] ?? 'application/octet-stream' });
  answer.end(found && (await readFile(found)));
});
await new Promise(done => site.listen(0, '127.0.0.1', done));
const host = `localhost:${site.address().port}`;

// It chooses a port and says which.
const driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
const port = await new Promise((done, fail) => {
  let said = '';
  driver.on('error', fail);
  driver.stdout.on('data', text => {
    said += text;
    const port = /started successfully on port (\d+)/.exec(said)?.[1];
    if (port) done(port);
  });
});

async function command(method, path, body) {
  const answer = await fetch(`http://127.0.0.1:${port}/session${path}`, { method, body: body && JSON.stringify(body) });
  const { value } = await answer.json();
  if (value?.error) throw new Error(value.message);
  return value;
}

// As a reader's, without the word Headless: the counter takes that for a robot.
const agent = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36';
const args = ['--headless=new', '--no-sandbox', '--disable-gpu', '--window-size=800,600', `--user-agent=${agent}`];
const wanted = { capabilities: { alwaysMatch: { 'goog:chromeOptions': { args } } } };
const session = `/${(await command('POST', '', wanted)).sessionId}`;

// What is there once it has come: the attributes of the live picture or the badge, its width, and the element's text.
const SCRIPT = `const image = document.querySelector('img[srcset*="online.png"], img[src*="online.png"], img[src*="/badge/"]');
  image?.scrollIntoView();
  return {
    tag: image && Object.fromEntries([...image.attributes].map(({ name, value }) => [name, value])),
    others: document.querySelectorAll('img[srcset*="online.png"]').length - 1,
    width: image?.naturalWidth,
    text: document.querySelector('online-count')?.textContent,
  };`;

async function until(what, holds) {
  for (const begun = Date.now(); ; ) {
    const seen = await what();
    if (holds(seen)) return seen;
    assert(Date.now() - begun < PATIENCE, JSON.stringify(seen));
  }
}

const count = async name => (await fetch(`${counter}/count/${host}${name}.txt`)).text();

try {
  await command('POST', `${session}/url`, { url: `http://${host}${path}` });
  const look = () => command('POST', `${session}/execute/sync`, { script: SCRIPT, args: [] });
  const { tag, others } = await until(look, ({ tag, width, text }) => (tag ? width > 0 : text) && (text === null || /^\d+$/.test(text)));
  if (screenshot) await writeFile(screenshot, Buffer.from(await command('GET', `${session}/screenshot`), 'base64'));
  const source = tag?.srcset ?? tag?.src ?? '';
  if (tag?.srcset) {
    const { loading, width, height, alt, src } = tag;
    assert.deepEqual({ loading, width, height, alt, src, others }, { loading: 'lazy', width: '200', height: '30', alt: 'Users online', src: undefined, others: 0 });
    const [one, two] = source.split(', ');
    assert.equal(two, `${one}${one.includes('?') ? '&' : '?'}scale=2 2x`);
    assert.equal(tag.referrerpolicy, one.includes('page=auto') ? 'no-referrer-when-downgrade' : undefined);
  }
  const counts = source.includes('/badge/') ? '0' : '1';
  assert.equal((await until(() => count(''), seen => seen.trim() === counts)).trim(), counts);
  const page = await command('POST', `${session}/execute/sync`, { script: 'return location.pathname', args: [] });
  if (!tag || source.includes('page=')) await until(() => count(page), seen => seen.trim() === '1');
  const { text } = await look();
  assert([null, '1'].includes(text), text);
} finally {
  await command('DELETE', session).catch(() => {});
  driver.kill();
  site.close();
  site.closeAllConnections();
}
