'use strict';
// Shows one picture of the table large, and goes to its neighbours by arrows. It speaks to nobody.
(() => {
  const $ = id => document.getElementById(id), big = $('big'), shots = [...document.querySelectorAll('figure button')];
  let at = -1;
  const show = to => {
    if (!shots[to]) return;
    at = to;
    const small = shots[to].querySelector('img'), said = shots[to].nextElementSibling;
    $('shot').src = small.src;
    $('shot').alt = small.alt;
    $('big-h').textContent = said.dataset.said;
    $('facts').textContent = [...said.children].map(fact => fact.textContent).join(' · ');
    if (!big.open) big.showModal();
  };
  // The one that lies nearest that way: in the same row for left and right, in the same column for up and down.
  const next = key => {
    const from = shots[at].getBoundingClientRect(), level = key === 'ArrowLeft' || key === 'ArrowRight', sign = key === 'ArrowRight' || key === 'ArrowDown' ? 1 : -1;
    const own = shots[at].closest(level ? 'tr' : 'table'), column = shots[at].closest('td').cellIndex;
    const way = shot => sign * (level ? shot.getBoundingClientRect().left - from.left : shot.getBoundingClientRect().top - from.top);
    const there = shots.filter((shot, i) => i !== at && own.contains(shot) && (level || shot.closest('td').cellIndex === column) && way(shot) > 0);
    return shots.indexOf(there.sort((a, b) => way(a) - way(b))[0]);
  };
  shots.forEach((shot, i) => shot.addEventListener('click', () => show(i)));
  $('close').addEventListener('click', () => big.close());
  $('shot').addEventListener('click', () => big.close());
  big.addEventListener('close', () => shots[at]?.focus());
  big.addEventListener('keydown', e => {
    if (!e.key.startsWith('Arrow')) return;
    e.preventDefault();
    show(next(e.key));
  });
})();
