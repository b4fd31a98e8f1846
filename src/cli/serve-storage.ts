import type { BlobInfo } from '../backend.js';
import { messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import type { Storage } from '../storage.js';
import { formatIso } from '../time.js';
import { type Html, html } from './html.js';
import { counted, formatBytes } from './output.js';
import type { Images } from './serve-images.js';
import { pageUrl } from './serve-layout.js';
import { isSearch, type Listed, type ListedPart, listBlobs, type Search } from './serve-listing.js';
import type { KeptReferences } from './serve-references.js';

/** References of a blob that a row names. */
const fewReferences = 3;

/** What the pages are made of. */
export interface Shown {
  readonly manager: Manager;
  readonly references: KeptReferences;
  readonly images: Images;
}

/** The page of a storage's blobs. */
export async function storageContent(
  shown: Shown,
  storage: Storage,
  search: Search,
  { after, signal }: { after: string | null; signal: AbortSignal | undefined },
): Promise<Html> {
  const [part, { description }] = await Promise.all([
    listBlobs(storage, search, after, signal),
    storage.place(),
    shown.references.settle(),
  ]);
  const rows = await Promise.all(part.blobs.map((one) => rowOf(shown, storage, one)));
  return html`<h1>${storage.name}</h1>
<p class="quiet">${storage.kind}: ${description}</p>
${searchForm(storage, search)}
${found(search, part)}
${rows.length === 0 ? null : tableOf(shown, storage, rows)}
${paging(storage, search, after, part)}
${referencesNote(shown.references)}`;
}

function searchForm(storage: Storage, search: Search): Html {
  return html`<form role="search" method="get" action="/">
<input type="hidden" name="storage" value="${storage.name}">
<div><label for="text">Filename or identifier</label>
<input type="search" id="text" name="text" value="${search.text}" placeholder="report, *.pdf"></div>
<div><label for="type">Type</label>
<input type="search" id="type" name="type" value="${search.type}" placeholder="image/*"></div>
<button>Search</button>
</form>`;
}

function found(search: Search, { blobs, lookedAt, next }: ListedPart): Html | null {
  if (!isSearch(search))
    return blobs.length === 0 && next === null ? html`<p>No files here.</p>` : null;
  const which = next === null ? '' : ', and there are more';
  const looked = lookedAt.toLocaleString('en');
  return html`<p role="status">${counted(blobs.length, 'file')} found. ${looked} looked at${which}.</p>`;
}

function tableOf({ references }: Shown, storage: Storage, rows: readonly Html[]): Html {
  const named = references.known().state === 'none' ? null : head('references', 'Named by');
  // Shown as a grid where it is narrow, it would be no table any more to who hears it.
  return html`<table role="table">
<caption>Files in ${storage.name}</caption>
<thead role="rowgroup"><tr role="row">
${head('', html`<span class="unseen">Image</span>`)}${head('name', 'Filename')}${head('type', 'Type')}
${head('size', 'Size')}${head('time', 'Time (UTC)')}${named}${head('save', html`<span class="unseen">Save</span>`)}
</tr></thead>
<tbody role="rowgroup">
${rows}</tbody>
</table>`;
}

function head(name: string, text: string | Html): Html {
  return html`<th scope="col" role="columnheader" class="${name}">${text}</th>`;
}

async function rowOf(shown: Shown, storage: Storage, one: Listed): Promise<Html> {
  if ('error' in one) {
    return html`<tr role="row"><td role="cell"></td>
<td role="cell" class="name" colspan="6">${one.id}: <span role="alert">${messageOf(one.error)}</span></td></tr>\n`;
  }
  const { id, info } = one;
  const path = storage.path(id);
  const known = shown.references.known();
  const own =
    known.state === 'read'
      ? known.index.naming({ storage: storage.name, id }, fewReferences)
      : null;
  const smaller = own?.references.find(({ file }) => file === path)?.thumbnail ?? null;
  const image = await shown.images.thumbnail(path, info, smaller);
  const name = info.filename || id;
  const cells: [string, Html | string][] = [
    ['image', image],
    [
      'name',
      html`<a href="${pageUrl({ storage: storage.name, id })}">${name}</a><div class="quiet">${id}</div>`,
    ],
    ['type', info.contentType],
    ['size', formatBytes(info.contentLength)],
    ['time', timeOf(info)],
    ...(known.state === 'none' ? [] : [['references', namesOf(own)] as [string, Html | string]]),
    [
      'save',
      html`<a href="${shown.manager.urlFor(path)}/download" aria-label="Save ${name}">Save</a>`,
    ],
  ];
  const row = cells.map(([name, content]) => html`<td role="cell" class="${name}">${content}</td>`);
  return html`<tr role="row">${row}</tr>\n`;
}

type Naming = ReturnType<
  Extract<ReturnType<KeptReferences['known']>, { state: 'read' }>['index']['naming']
>;

function namesOf(naming: Naming | null): Html | string {
  if (naming === null) return '';
  const { references, count } = naming;
  if (count === 0) return html`<span class="quiet">nothing</span>`;
  const more = count - references.length;
  return html`<ul>${references.map(({ row }) => html`<li>${row}</li>`)}
${more > 0 ? html`<li>and ${more} more</li>` : null}</ul>`;
}

/** To the minute. */
function timeOf({ lastModified }: BlobInfo): Html | string {
  const time = formatIso(lastModified);
  if (time === null) return '';
  return html`<time datetime="${time}">${time.slice(0, 16).replace('T', ' ')}</time>`;
}

function paging(
  storage: Storage,
  { text, type }: Search,
  after: string | null,
  { next }: ListedPart,
): Html | null {
  if (after === null && next === null) return null;
  const to = (where: string | null): string =>
    pageUrl({ storage: storage.name, text, type, after: where });
  const forward = isSearch({ text, type }) ? 'Go on searching' : 'Next page';
  return html`<nav class="more" aria-label="Pages">
${after === null ? null : html`<a href="${to(null)}">First page</a>`}
${next === null ? null : html`<a href="${to(next)}" rel="next">${forward}</a>`}
</nav>`;
}

/** How much can be told of references at this moment. */
export function referencesNote(references: KeptReferences): Html | null {
  const known = references.known();
  if (known.state === 'none') return null;
  if (known.state === 'reading') {
    return html`<p class="quiet">The references are still being read: load the page again to see them.</p>`;
  }
  if (known.state === 'failed') {
    return html`<p role="alert">The references cannot be read: ${known.why}</p>`;
  }
  return html`<p class="quiet">References as of ${formatIso(known.asOf)}.</p>`;
}
