// <online-count page="/posts/1">: how many have it open, live. See README.md.

const HOME = new URL('.', import.meta.url);

export class OnlineCount extends HTMLElement {
  static observedAttributes = ['site', 'page', 'show', 'peek', 'presence', 'name'];

  #life = new AbortController(); // of the stream, or the wait for it
  #wait; // ms to the next try
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
    this.removeAttribute('live');
    this.#erase();
  }

  async #open() {
    this.#close();
    const { signal } = (this.#life = new AbortController());
    // Or the page stays counted in the back/forward cache.
    const rest = () => {
      this.#close();
      addEventListener('pageshow', () => this.isConnected && this.#open(), { once: true });
    };
    addEventListener('pagehide', rest, { signal });
    addEventListener('scroll', () => (this.#timer ??= setTimeout(() => this.#report(), 250)), { signal });
    await null; // attributes that change together open one stream
    if (document.prerendering) await new Promise(done => document.addEventListener('prerenderingchange', done));
    for (this.#wait = 3000; !signal.aborted; this.#wait = Math.min(2 * this.#wait, 120_000)) {
      let answer;
      try {
        answer = (this.hasAttribute('presence') && (await this.#talk(signal))) || (await this.#listen(signal));
      } catch {} // no network, no server, or a policy
      if (signal.aborted) return;
      this.removeAttribute('live');
      if (answer?.status < 429) return this.#paint();
      if (!this.#heard) this.#paint();
      const wait = Math.max(this.#wait, answer?.headers?.get('retry-after') * 1000 || 0);
      await new Promise(done => {
        setTimeout(done, wait * (1 + Math.random()));
        signal.onabort = done;
      });
    }
  }

  // An EventSource would hide the status, and give up at once.
  async #listen(signal) {
    const answer = await fetch(this.#url('events/'), { signal, cache: 'no-store', credentials: 'include' });
    if (!answer.ok) return answer;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let text = ''; ; ) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (text + value).split('\n');
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
      signal.onabort = () => socket.close();
    });
  }

  #report() {
    this.#timer = null;
    const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
    const position = Math.min(1, Math.abs(scrollTop / (scrollHeight - clientHeight) || 0));
    this.send({ type: 'presence', position, name: this.getAttribute('name') });
  }

  #show(message) {
    this.#heard = true;
    this.#erase();
    this.textContent = this.getAttribute('count') === 'visitors' ? message.visitors : message.count;
    this.setAttribute('live', '');
    this.#tell('count', message);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  // The picture is live, too, and says what is wrong.
  #paint() {
    this.#picture ??= Object.assign(new Image(200, 30), { src: this.#url('online.png'), alt: 'Users online' });
    this.replaceChildren(this.#picture);
  }

  #erase() {
    if (this.#picture) this.#picture.src = ''; // or its stream stays open
    this.#picture = null;
  }

  #url(kind) {
    const get = name => this.getAttribute(name);
    const page = get('page');
    const path = page === null ? '' : new URL(page === 'auto' ? '' : page, location).pathname;
    const query = new URLSearchParams();
    for (const name of ['show', 'count', 'peek', 'top']) if (this.hasAttribute(name)) query.set(name, get(name) || 1);
    if (kind.endsWith('/')) kind += (get('site') ?? location.host) + path;
    else if (path) query.set('page', path);
    return new URL(`${kind}?${query}`, get('counter') ?? HOME).href;
  }
}

customElements.define('online-count', OnlineCount);
