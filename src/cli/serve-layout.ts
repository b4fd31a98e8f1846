import type { Manager } from '../manager.js';
import { Html, html } from './html.js';
import { style } from './serve-style.js';

const styleSheet = new Html(`<style>${style}</style>`);

/** A whole page, as a text; `name` is the storage that it is about. */
export function documentOf(
  manager: Manager,
  { name, title, content }: { name: string | null; title: string; content: Html },
): string {
  const links = manager.describe().map((storage) => {
    const current = storage.name === name ? html` aria-current="true"` : null;
    return html`<li><a href="${pageUrl({ storage: storage.name })}"${current}>${storage.name}</a></li>\n`;
  });
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} – depot</title>
${styleSheet}
</head>
<body>
<header>
<a href="/">depot</a>
<nav aria-label="Storages"><ul>
${links}</ul></nav>
</header>
<main>
${content}
</main>
</body>
</html>
`.text;
}

/** The URL of a page, by what it asks for; without what is empty. */
export function pageUrl(parameters: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== '');
  return `/?${new URLSearchParams(given as [string, string][])}`;
}
