import type { BlobInfo } from '../backend.js';
import { messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import { type ServingRequest, type ServingResponse, textResponse } from '../serving/message.js';
import { mountParts } from '../serving/target.js';
import type { Storage } from '../storage.js';
import { formatIso } from '../time.js';
import { escapeControls, formatBytes } from './output.js';

/** Blobs on a page. */
const pageSize = 100;

/** Blobs that are looked up at once. */
const lookups = 16;

/** No script runs on the page, whatever a filename holds, and nobody may frame it. */
const policy =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

const style = `body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .8rem .3rem 0;
border-bottom:1px solid #ccc;overflow-wrap:anywhere}nav a{margin-right:1rem}`;

/** The page at `/`: the storages, and the blobs of one, a hundred at a time. Null for other paths. */
export async function pageAt(
  manager: Manager,
  request: ServingRequest,
): Promise<ServingResponse | null> {
  const { method, target } = request;
  if (!/^\/(?:\?|$)/.test(target) || !['GET', 'HEAD'].includes(method)) return null;
  const query = new URLSearchParams(target.slice(2));
  const names = manager.describe().map(({ name }) => name);
  const name = query.get('storage') ?? manager.defaultName();
  const number = Number(query.get('page') ?? 1);
  const known = names.includes(name) && Number.isSafeInteger(number) && number >= 1;
  const { status, html } = known
    ? await blobsOf(manager, name, number)
    : { status: 404, html: '<p>There is no such page.</p>' };
  const headers = { 'Content-Security-Policy': policy, 'Cache-Control': 'no-store' };
  const page = pageOf(name, names, html);
  return textResponse(status, 'text/html; charset=utf-8', page, { method, headers });
}

function pageOf(name: string, names: readonly string[], content: string): string {
  const links = names.map((one) => {
    const current = one === name ? ' aria-current="page"' : '';
    return `<a href="${escapeHtml(pageUrl(one, 1))}"${current}>${escapeHtml(one)}</a>`;
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)} – depot</title>
<style>${style}</style>
</head>
<body>
<nav aria-label="Storages">${links.join('\n')}</nav>
<main>
<h1>${escapeHtml(name)}</h1>
${content}
</main>
</body>
</html>
`;
}

async function blobsOf(
  manager: Manager,
  name: string,
  number: number,
): Promise<{ status: number; html: string }> {
  try {
    const storage = await manager.storage(name);
    const ids = await listed(storage, (number - 1) * pageSize, pageSize + 1);
    const { default: pMap } = await import('p-map');
    const mount = mountParts(manager.configuration.mountpoint);
    const row = (id: string): Promise<string> => rowOf(storage, id, mount);
    const rows = await pMap(ids.slice(0, pageSize), row, { concurrency: lookups });
    const table = rows.length === 0 ? '<p>No files here.</p>' : tableOf(rows);
    return { status: 200, html: table + paging(name, number, ids.length > pageSize) };
  } catch (error) {
    return { status: 503, html: `<p role="alert">${escapeHtml(messageOf(error))}</p>` };
  }
}

/** Identifiers behind the first `skip` ones. */
async function listed(storage: Storage, skip: number, count: number): Promise<string[]> {
  const ids: string[] = [];
  let index = 0;
  for await (const id of storage.list()) {
    if (index >= skip) ids.push(id);
    if (ids.length === count) break;
    index += 1;
  }
  return ids;
}

async function rowOf(storage: Storage, id: string, mount: readonly string[]): Promise<string> {
  const parts = [...mount, ...storage.name.split('/'), id].map((part) => encodeURIComponent(part));
  const url = escapeHtml(`/${parts.join('/')}`);
  try {
    return filledRow(await storage.info(id), url);
  } catch (error) {
    return `<tr><td>${escapeHtml(id)}</td><td colspan="4">${escapeHtml(messageOf(error))}</td></tr>`;
  }
}

function filledRow(info: BlobInfo, url: string): string {
  const cells = [
    `<a href="${url}">${escapeHtml(info.filename || info.id)}</a>`,
    escapeHtml(info.contentType),
    escapeHtml(formatBytes(info.contentLength)),
    escapeHtml(formatIso(info.lastModified) ?? '-'),
    `<a href="${url}/download" aria-label="Save ${escapeHtml(info.filename || info.id)}">save</a>`,
  ];
  return `<tr><td>${cells.join('</td><td>')}</td></tr>`;
}

function tableOf(rows: readonly string[]): string {
  const heads = ['Filename', 'Type', 'Size', 'Time', 'Save'];
  const head = heads.map((one) => `<th scope="col">${one}</th>`).join('');
  return `<table>\n<thead><tr>${head}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>\n`;
}

function paging(name: string, number: number, more: boolean): string {
  const link = (to: number, text: string): string =>
    `<a href="${escapeHtml(pageUrl(name, to))}">${text}</a>`;
  const links = [
    ...(number > 1 ? [link(number - 1, 'Previous page')] : []),
    `Page ${number}`,
    ...(more ? [link(number + 1, 'Next page')] : []),
  ];
  return `<p>${links.join(' ')}</p>`;
}

function pageUrl(name: string, number: number): string {
  return `/?${new URLSearchParams({ storage: name, page: String(number) })}`;
}

/** Text as it stands in HTML, between tags or in double quotes, with what nobody sees shown. */
function escapeHtml(text: string): string {
  return escapeControls(text.toWellFormed()).replaceAll(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}
