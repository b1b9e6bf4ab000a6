/* Pictures look at the attribute by which JupyterLab tells its theme; here the site's own switch sets it. */
(() => {
  const html = document.documentElement;
  const tell = () => { html.dataset.jpThemeLight = String(html.dataset.theme !== "dark"); };
  new MutationObserver(tell).observe(html, { attributes: true, attributeFilter: ["data-theme"] });
  tell();
})();
