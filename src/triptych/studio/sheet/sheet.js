'use strict';
// Keeps what is answered in this browser, and gives it out as a file or as text. It speaks to nobody.
(() => {
  const main = document.querySelector('main'), cards = [...document.querySelectorAll('.card')], sheet = main.dataset.sheet, kept = `triptych-${sheet}`;
  const words = JSON.parse(main.dataset.words), word = (text, ...parts) => (words[text] ?? text).replace(/\{(\d)\}/g, (_, n) => parts[n]);
  const VOTES = { yes: word('Yes'), maybe: word('Maybe'), no: word('No') };
  const $ = id => document.getElementById(id);
  const fresh = () => [...crypto.getRandomValues(new Uint8Array(8))].map(b => (b + 256).toString(16).slice(1)).join('');
  let ballot = '';
  const field = (card, name) => card.querySelector(`[name^="${name}-"]`);
  const of = card => ({
    letter: card.dataset.letter, vote: card.querySelector('input:checked')?.value ?? null,
    rank: Number(field(card, 'rank').value) || null, comment: field(card, 'comment').value.trim().slice(0, 2000),
  });
  const result = () => ({ triptych: 'votes/1', sheet, ballot, client: $('client').value.trim().slice(0, 80), comment: $('comment').value.trim().slice(0, 4000), pictures: cards.map(of) });
  const said = p => [p.vote && VOTES[p.vote].toLowerCase(), p.rank && word('place {0}', p.rank), p.comment].filter(Boolean).join(', ') || word('no answer');
  const text = () => { const r = result(); return `${document.title}\n${r.pictures.map(p => `${p.letter}: ${said(p)}`).join('\n')}\n\n${JSON.stringify(r)}\n`; };
  const say = words => { $('said').textContent = words; };
  const tell = () => {
    const done = cards.map(of).filter(p => p.vote || p.rank || p.comment).length;
    for (const card of cards) card.dataset.vote = of(card).vote ?? '';
    $('text').value = text();
    say(word('{0} of {1} answered', done, cards.length));
  };
  const keep = () => { try { localStorage.setItem(kept, JSON.stringify(result())); } catch { /* a browser may forbid it; then only this page knows */ } };
  const load = () => {
    let old = null;
    try { old = JSON.parse(localStorage.getItem(kept) ?? 'null'); } catch { old = null; }
    ballot = typeof old?.ballot === 'string' && /^[0-9a-f]{16}$/.test(old.ballot) ? old.ballot : fresh();
    if (!old) return;
    $('client').value = old.client ?? ''; $('comment').value = old.comment ?? '';
    for (const p of old.pictures ?? []) {
      const card = cards.find(c => c.dataset.letter === p.letter);
      if (!card) continue;
      const at = ['yes', 'maybe', 'no'].includes(p.vote) && card.querySelector(`input[value="${p.vote}"]`);
      if (at) at.checked = true;
      field(card, 'rank').value = p.rank ?? ''; field(card, 'comment').value = p.comment ?? '';
    }
  };
  load();
  tell();
  document.addEventListener('input', e => {
    const at = e.target;
    if (at.name?.startsWith('rank-') && at.value) for (const card of cards) { const other = field(card, 'rank'); if (other !== at && other.value === at.value) other.value = ''; }
    keep(); tell();
  });
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches('textarea, select, input[type="text"]')) return;
    const vote = Object.keys(VOTES).find(name => VOTES[name][0].toLowerCase() === e.key.toLowerCase()), card = e.target.closest('.card');
    if (!vote || !card) return;
    e.preventDefault();
    const at = card.querySelector(`input[value="${vote}"]`);
    at.checked = true; at.focus();
    keep(); tell();
  });
  $('save').addEventListener('click', () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(result(), null, 1)], { type: 'application/json' }));
    link.download = `${main.dataset.file}.votes.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    say(word('Saved as a file. Send it to whoever sent you this page.'));
  });
  $('copy').addEventListener('click', async () => {
    const box = $('text');
    try { await navigator.clipboard.writeText(box.value); say(word('Copied. Paste it into a message.')); }
    catch { box.closest('details').open = true; box.focus(); box.select(); say(word('Selected below: copy it from there.')); }
  });
})();
