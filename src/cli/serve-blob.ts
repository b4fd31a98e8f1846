import type { BlobInfo } from '../backend.js';
import type { Storage } from '../storage.js';
import { formatIso } from '../time.js';
import type { NamingReference } from '../transfer/reference-index.js';
import { type Html, html } from './html.js';
import { counted, formatBytes } from './output.js';
import { pageUrl } from './serve-layout.js';
import { referencesNote, type Shown } from './serve-storage.js';

/** References that the page of a blob names. */
const manyReferences = 200;

/** The page of one blob. */
export async function blobContent(shown: Shown, storage: Storage, info: BlobInfo): Promise<Html> {
  await shown.references.settle();
  const path = storage.path(info.id);
  const image = await shown.images.whole(path, info);
  const url = shown.manager.urlFor(path);
  const bytes = `${info.contentLength.toLocaleString('en')} bytes`;
  const short = formatBytes(info.contentLength);
  return html`<p class="quiet"><a href="${pageUrl({ storage: storage.name })}">All files in ${storage.name}</a></p>
<h1>${info.filename || info.id}</h1>
<p class="more"><a href="${url}">Open</a><a href="${url}/download">Save</a></p>
${image}
<dl>
<dt>Path</dt><dd>${path}</dd>
<dt>Type</dt><dd>${info.contentType}</dd>
<dt>Size</dt><dd>${short.endsWith(' bytes') ? bytes : `${short} (${bytes})`}</dd>
<dt>Time</dt><dd>${formatIso(info.lastModified) ?? 'not known'}</dd>
${publicUrl(storage, info.id)}</dl>
${referencesOf(shown, storage, info.id)}
${referencesNote(shown.references)}`;
}

function publicUrl(storage: Storage, id: string): Html | null {
  const url = storage.publicUrl(id);
  return url === null ? null : html`<dt>Public URL</dt><dd>${url}</dd>\n`;
}

function referencesOf({ references }: Shown, storage: Storage, id: string): Html | null {
  const known = references.known();
  if (known.state !== 'read') return null;
  const blob = { storage: storage.name, id };
  const { references: naming, count } = known.index.naming(blob, manyReferences);
  const items = naming.map((one) => html`<li>${one.row}${partOf(one, storage, id)}</li>\n`);
  const more = count - naming.length;
  return html`<h2>${count === 0 ? 'No reference names it' : `Named by ${counted(count, 'reference')}`}</h2>
${count === 0 ? null : html`<ul>\n${items}</ul>`}
${more > 0 ? html`<p>And ${more} more.</p>` : null}`;
}

/** What a reference has of a blob that is not its file: a thumbnail, or what else belongs to it. */
function partOf({ file, thumbnail }: NamingReference, storage: Storage, id: string): Html | null {
  const path = storage.path(id);
  if (file === path) return null;
  return html`, as ${thumbnail === path ? 'the thumbnail' : 'a part'} of ${file}`;
}
