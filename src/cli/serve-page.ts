import { DepotError, isNotFound, messageOf } from '../errors.js';
import type { Manager } from '../manager.js';
import { type ServingRequest, type ServingResponse, textResponse } from '../serving/message.js';
import type { Responder } from '../serving/respond.js';
import { type Html, html } from './html.js';
import { blobContent } from './serve-blob.js';
import { imagesOf } from './serve-images.js';
import { documentOf } from './serve-layout.js';
import type { KeptReferences } from './serve-references.js';
import { type Shown, storageContent } from './serve-storage.js';
import { styleSource } from './serve-style.js';

/** A page but for what all pages have. */
interface Page {
  readonly status: number;
  readonly title: string;
  readonly content: Html;
}

/**
 * The pages at `/`: the blobs of a storage, a hundred at a time or those that a search finds, and each
 * blob with the references that name it. Null for other paths.
 */
export function createPages(manager: Manager, references: KeptReferences): Responder {
  return async (request) => {
    const { method, target } = request;
    if (!/^\/(?:\?|$)/.test(target) || !['GET', 'HEAD'].includes(method)) return null;
    const query = new URLSearchParams(target.slice(2));
    const name = query.get('storage') ?? manager.defaultName();
    const shown = { manager, references, images: imagesOf(manager) };
    const page = await pageOf(shown, name, query, request.signal);
    return response(shown, name, page, request);
  };
}

async function pageOf(
  shown: Shown,
  name: string,
  query: URLSearchParams,
  signal: AbortSignal | undefined,
): Promise<Page> {
  const id = query.get('id');
  try {
    const storage = await shown.manager.storage(name);
    if (id !== null) {
      const info = await storage.info(id);
      const content = await blobContent(shown, storage, info);
      return { status: 200, title: info.filename || id, content };
    }
    const text = (key: string): string => query.get(key)?.trim() ?? '';
    const search = { text: text('text'), type: text('type') };
    const from = { after: query.get('after'), signal };
    const content = await storageContent(shown, storage, search, from);
    return { status: 200, title: storage.name, content };
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): Page {
  const wrong = error instanceof DepotError && error.kind === 'usage';
  const status = wrong || isNotFound(error) ? 404 : 503;
  const title = status === 404 ? 'There is no such page' : 'This cannot be shown';
  const content = html`<h1>${title}</h1>\n<p role="alert">${messageOf(error)}</p>`;
  return { status, title, content };
}

/** No script runs on a page, whatever a filename holds, and nobody may frame it. */
function response(
  { manager, images }: Shown,
  name: string,
  { status, ...page }: Page,
  { method }: ServingRequest,
): ServingResponse {
  const policy = [
    "default-src 'none'",
    ["img-src 'self'", ...images.origins].join(' '),
    `style-src ${styleSource}`,
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  const headers = {
    'Content-Security-Policy': policy.join('; '),
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
  };
  const text = documentOf(manager, { name, ...page });
  return textResponse(status, 'text/html; charset=utf-8', text, { method, headers });
}
