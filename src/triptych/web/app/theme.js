// Before the first paint, so that a theme chosen here never flashes in the other one.
try {
  const theme = localStorage.getItem('theme');
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* storage can be switched off: the system's theme holds */ }
