// Before the first paint, so that what is chosen here never flashes in the other look.
try {
  if (localStorage.language) document.documentElement.lang = localStorage.language;
  for (const name of ['theme', 'motion']) if (localStorage[name]) document.documentElement.dataset[name] = localStorage[name];
} catch { /* storage can be switched off: the system's theme holds */ }
