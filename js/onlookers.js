// <online-count page="/posts/1">: how many have it open, live. See README.md.

// Says when an application of one page goes to another of its pages.
let { navigation } = globalThis;
if (!navigation) {
  navigation = new EventTarget();
  const tell = () => navigation.dispatchEvent(new Event('currententrychange'));
  addEventListener('popstate', tell);
  for (const name of ['pushState', 'replaceState']) {
    const change = history[name];
    history[name] = (...state) => {
      change.apply(history, state);
      tell();
    };
  }
}

export class OnlineCount extends HTMLElement {
  static observedAttributes = ['site', 'page', 'show', 'peek', 'presence', 'session', 'hash', 'keys', 'name'];

  #life = new AbortController(); // of the stream, or the wait for it
  #wait; // ms to the next try
  #late; // the timer of the present try
  #heard;
  #socket;
  #picture;
  #timer;

  connectedCallback() {
    this.#open();
  }

  disconnectedCallback() {
    this.#close();
  }

  attributeChangedCallback(attribute) {
    if (attribute === 'name') this.#report();
    else if (this.isConnected) this.#open();
  }

  send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  #close() {
    this.#life.abort();
    this.#mark(false);
    this.#erase();
  }

  async #open() {
    this.#close();
    const { signal } = (this.#life = new AbortController());
    this.#heard = false;
    // Or the page stays counted in the back/forward cache.
    const rest = () => {
      if (signal.aborted) return;
      this.#close();
      addEventListener('pageshow', () => this.isConnected && this.#open(), { once: true });
    };
    const url = this.#url('');
    const follow = () => signal.aborted || this.#url('') === url || this.#open();
    navigation.addEventListener('currententrychange', follow, { signal });
    addEventListener('pagehide', rest, { signal });
    addEventListener('scroll', () => (this.#timer ??= setTimeout(() => this.#report(), 250)), { signal });
    await null; // attributes that change together open one stream
    if (document.prerendering) await new Promise(done => document.addEventListener('prerenderingchange', done));
    for (this.#wait = 3000; !signal.aborted; this.#wait = Math.min(2 * this.#wait, 120_000)) {
      const talked = this.hasAttribute('presence') && (await this.#try(this.#talk, signal));
      const answer = talked || (await this.#try(this.#listen, signal));
      if (signal.aborted) return;
      this.#mark(false);
      if (answer?.status < 429) return this.#paint();
      if (!this.#heard) this.#paint();
      const wait = Math.max(this.#wait, answer?.headers?.get('retry-after') * 1000 || 0);
      await new Promise(done => {
        setTimeout(done, wait * (1 + Math.random()));
        signal.onabort = done;
      });
    }
  }

  // Nothing that a try opens outlives it. One that hears nothing for 10 s is over: a proxy may hold the answer back for good.
  async #try(way, life) {
    if (life.aborted) return;
    const own = new AbortController();
    let answer;
    life.onabort = () => own.abort();
    const late = (this.#late = setTimeout(() => {
      answer = { status: this.#heard ? 504 : 408 };
      own.abort();
    }, 10_000));
    try {
      answer = await way.call(this, own.signal);
    } catch {} // no network, no server, or a policy
    clearTimeout(late);
    own.abort();
    return answer;
  }

  // An EventSource would hide the status, and give up at once.
  async #listen(signal) {
    const answer = await fetch(this.#url('events/'), { signal, cache: 'no-store', credentials: 'include' });
    if (!answer.ok) return answer;
    const reader = answer.body.getReader();
    const decoder = new TextDecoder(); // not every engine has a TextDecoderStream
    for (let text = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (text + decoder.decode(value, { stream: true })).split('\n');
      text = lines.pop();
      for (const line of lines) {
        if (/^data/.test(line)) this.#show(JSON.parse(line.slice(6)));
        if (/^retry/.test(line)) this.#wait = +line.slice(7);
      }
    }
  }

  // Resolves to nothing if there was no connection.
  #talk(signal) {
    return new Promise(done => {
      let room;
      const socket = new WebSocket(this.#url('ws/').replace('http', 'ws'));
      socket.onopen = () => {
        this.#socket = socket;
        this.#wait = 3000;
        this.#tell('open');
        this.#report();
      };
      socket.onclose = () => done(room);
      socket.onmessage = ({ data }) => {
        const message = JSON.parse(data);
        if (message.type !== 'update/count') this.#tell(message.type, message);
        else if ((room ??= message.room) === message.room) this.#show(message);
      };
      signal.onabort = () => done(socket.close());
    });
  }

  #report() {
    this.#timer = null;
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    const position = Math.min(1, Math.abs(scrollTop / (scrollHeight - clientHeight) || 0));
    this.send({ type: 'presence', position, name: this.getAttribute('name') });
  }

  #show(message) {
    clearTimeout(this.#late);
    this.#heard = true;
    this.#erase();
    this.textContent = this.getAttribute('count') === 'visitors' ? message.visitors : message.count;
    this.#mark(true);
    this.#tell('count', message);
  }

  #mark(live) {
    this.toggleAttribute('live', live);
    this.ariaBusy = !live;
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // The picture is live, too, and says what is wrong.
  #paint() {
    if (document.readyState !== 'complete') {
      return addEventListener('load', () => this.#heard || this.#paint(), { once: true, signal: this.#life.signal });
    }
    // Not by srcset: WebKit would open two streams. And not before the load event: that would wait for the stream.
    const src = this.#url('online.png') + (globalThis.devicePixelRatio > 1 ? '&scale=2' : '');
    this.#picture ??= Object.assign(new Image(200, 30), { src, alt: 'Users online' });
    this.replaceChildren(this.#picture);
    this.ariaBusy = false;
  }

  #erase() {
    if (this.#picture) this.#picture.src = ''; // or its stream stays open
    this.#picture = null;
  }

  #url(kind) {
    const get = name => this.getAttribute(name);
    const page = get('page');
    let path = '';
    if (page !== null) {
      const { pathname, hash, search } = new URL(page === 'auto' ? location : page, location);
      const escape = text => text.slice(1).replace(/[?#]/g, encodeURIComponent);
      const keys = get('keys')?.split(' ') ?? [];
      const pairs = escape(search).split('&').filter(pair => keys.includes(pair.split('=')[0]));
      path = pathname + (pairs[0] ? '%3F' + pairs.join('&') : '');
      if (get('hash') !== null && /^#!?\//.test(hash)) path += '%23' + escape(hash);
    }
    const query = new URLSearchParams();
    for (const name of ['show', 'count', 'peek', 'top']) if (this.hasAttribute(name)) query.set(name, (name !== 'peek' && get(name)) || 1);
    if (kind.endsWith('/') && get('session')) query.set('session', get('session'));
    if (kind.endsWith('/')) kind += (get('site') ?? location.host) + path;
    else if (path) query.set('page', path);
    return new URL(`${kind}?${query}`, get('counter') ?? import.meta.url).href;
  }
}

customElements.define('online-count', OnlineCount);
