// Light or dark: what the reader's system asks for, until she chooses here. Runs before the page is
// drawn, so that nothing flashes.
(function () {
  'use strict';

  const system = window.matchMedia('(prefers-color-scheme: dark)');
  let choice = 'auto';

  function apply() {
    const dark = choice === 'dark' || (choice === 'auto' && system.matches);
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    document.dispatchEvent(new Event('themechange'));
  }

  apply();
  system.addEventListener('change', apply);
  document.addEventListener('DOMContentLoaded', () => {
    document.getElementById('theme').addEventListener('change', (event) => {
      choice = event.target.value;
      apply();
    });
  });
}());
