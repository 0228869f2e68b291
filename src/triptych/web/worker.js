// Says that the server is not there, where the browser would show an error of its own. It keeps the few files of that one
// page and nothing else: never a module, an answer of the API or a picture, so nothing it serves can be out of date. Its
// text changes with every release (`BASE`), and with it the files that it keeps.
const BASE = '/web/VERSION/';
const KEPT = ['style/tokens.css', 'style/offline.css', 'mark.svg'].map(path => BASE + path);
const WORDS = {
  en: ['Triptych’s server is not there', 'It may be stopped, or this machine has no way to it. What was made is kept where the server is; nothing is lost.', 'Start it with ./run, then:', 'Try again'],
  de: ['Der Server von Triptych ist nicht da', 'Er ist vielleicht beendet, oder dieses Gerät erreicht ihn nicht. Was gemacht wurde, liegt beim Server; nichts ist verloren.', 'Mit ./run starten, dann:', 'Noch einmal versuchen'],
};

self.addEventListener('install', event => {
  event.waitUntil(caches.open(BASE).then(cache => cache.addAll(KEPT)));
});

self.addEventListener('activate', event => {
  event.waitUntil(caches.keys().then(names => Promise.all(names.filter(n => n !== BASE).map(n => caches.delete(n)))).then(() => self.clients.claim()));
});

self.addEventListener('fetch', event => {
  const { request } = event;
  if (request.mode === 'navigate') event.respondWith(fetch(request).catch(offline));
  else if (KEPT.includes(new URL(request.url).pathname)) event.respondWith(fetch(request).catch(() => caches.match(request.url)));
});

// A push says how many, sealed for this browser: never a prompt. Where somebody looks at a page, the page shows it.
const DONE = {
  en: { head: 'Your pictures are done', one: '{0} of {1} tiles have a picture.', many: '{2} rows are done: {0} of {1} tiles have a picture.', trial: 'This browser is told when pictures are done' },
  de: { head: 'Deine Bilder sind fertig', one: '{0} von {1} Kacheln haben ein Bild.', many: '{2} Zeilen sind fertig: {0} von {1} Kacheln haben ein Bild.', trial: 'Dieser Browser erfährt, wenn Bilder fertig sind' },
};

self.addEventListener('push', event => { event.waitUntil(tell(event.data.json())); });

async function tell({ tag, rows, done, of, lang }) {
  const pages = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (pages.some(page => page.visibilityState === 'visible')) return;
  const words = DONE[lang] ?? DONE.en, body = (rows === 1 ? words.one : words.many).replace(/\{(\d)\}/g, (_, n) => [done, of, rows][n]);
  await self.registration.showNotification(rows ? words.head : words.trial, { tag, body: rows ? body : undefined, icon: `${BASE}icons/192.png`, lang });
}

self.addEventListener('notificationclick', event => {
  event.notification.close();
  event.waitUntil(self.clients.matchAll({ type: 'window' }).then(([page]) => page ? page.focus() : self.clients.openWindow('/')));
});

function offline() {
  const language = navigator.language.startsWith('de') ? 'de' : 'en', [head, text, how, again] = WORDS[language];
  return new Response(`<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${head} · Triptych</title><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
${KEPT.filter(f => f.endsWith('.css')).map(f => `<link rel="stylesheet" href="${f}">`).join('')}</head><body><main><img src="${BASE}mark.svg" alt="" width="44" height="44"><h1>${head}</h1><p>${text}</p><p>${how}</p><p><a href="">${again}</a></p></main></body></html>`,
  { status: 503, headers: { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store', 'Content-Security-Policy': "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" } });
}
