// The list of readers in demo/live.html, if the server has --presence.

const online = document.querySelector('#online');
const list = document.querySelector('#list');
const name = document.querySelector('#name');
const rows = new Map(); // by reader

function row(id) {
  if (!rows.has(id)) {
    const item = document.createElement('li');
    item.append(document.createElement('span'), Object.assign(document.createElement('meter'), { max: 1 }));
    list.append(item);
    rows.set(id, item);
  }
  document.querySelector('#readers').hidden = false;
  return rows.get(id);
}

// Names are other people's text: shown as text, never as markup.
online.addEventListener('presence', ({ detail: { id, name, position } }) => {
  const [who, where] = row(id).children;
  who.textContent = name || 'somebody';
  where.ariaLabel = `How far ${who.textContent} has read`;
  where.value = position;
});

online.addEventListener('leave', ({ detail: { id } }) => {
  rows.get(id)?.remove();
  rows.delete(id);
});

// After an outage the server sends the list of readers again.
online.addEventListener('open', () => {
  rows.clear();
  list.replaceChildren();
});

name.addEventListener('change', () => online.setAttribute('name', name.value));
