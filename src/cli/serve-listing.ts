import type { BlobInfo } from '../backend.js';
import { isNotFound } from '../errors.js';
import type { Storage } from '../storage.js';
import { globTest } from './blob-filter.js';

/** Blobs on a page. */
const pageSize = 100;

/** Blobs that are looked at together in a search, at most in one, and found in one about. */
const [searchStep, searchLimit, enough] = [500, 2000, 100];

/** Blobs that are looked up at once. */
const lookups = 16;

/** What is wanted of a storage's blobs; empty texts want all. */
export interface Search {
  /** A pattern of the filename or the identifier. */
  readonly text: string;
  /** A pattern of the content type. */
  readonly type: string;
}

export type Listed =
  | { readonly id: string; readonly info: BlobInfo }
  | { readonly id: string; readonly error: unknown };

/** A part of a storage's blobs. */
export interface ListedPart {
  readonly blobs: readonly Listed[];
  /** Blobs that were looked at for it. */
  readonly lookedAt: number;
  /** Where it goes on, null at the end. */
  readonly next: string | null;
}

export function isSearch({ text, type }: Search): boolean {
  return text !== '' || type !== '';
}

/** A page of a storage's blobs, or of those among some thousands that a search finds. */
export async function listBlobs(
  storage: Storage,
  search: Search,
  after: string | null,
  signal: AbortSignal | undefined,
): Promise<ListedPart> {
  const step = isSearch(search) ? searchStep : pageSize;
  const wanted = searchTest(search);
  const blobs = after === null ? await namedBlob(storage, search) : [];
  const first = blobs[0]?.id;
  let [next, lookedAt] = [after, 0];
  do {
    signal?.throwIfAborted();
    const page = await storage.page(next, step);
    const found = await lookedUp(storage, page.ids);
    blobs.push(...found.filter((one) => one.id !== first && wanted(one)));
    lookedAt += page.ids.length;
    next = page.next;
  } while (next !== null && isSearch(search) && lookedAt < searchLimit && blobs.length < enough);
  return { blobs, lookedAt, next };
}

/** The one that is searched by its whole identifier or path: it need not be looked for. */
async function namedBlob(storage: Storage, { text, type }: Search): Promise<Listed[]> {
  const start = storage.path('');
  const id = text.startsWith(start) ? text.slice(start.length) : text;
  const info = id === '' || type !== '' ? null : await storage.find(id);
  return info === null ? [] : [{ id, info }];
}

/** What fails is wanted too: nobody knows what it is. */
function searchTest({ text, type }: Search): (one: Listed) => boolean {
  const [hasText, hasType] = [patternTest(text), patternTest(type)];
  return (one) =>
    'error' in one ||
    (hasType(one.info.contentType) && (hasText(one.info.filename) || hasText(one.id)));
}

/** A text without `*` and `?` may stand anywhere. */
function patternTest(text: string): (of: string) => boolean {
  if (text === '') return () => true;
  return globTest(/[*?]/.test(text) ? text : `*${text}*`);
}

async function lookedUp(storage: Storage, ids: readonly string[]): Promise<Listed[]> {
  const { default: pMap } = await import('p-map');
  const infos = new Map((await storage.infos(ids)).map((info) => [info.id, info]));
  const lookUp = async (id: string): Promise<Listed[]> => {
    try {
      return [{ id, info: infos.get(id) ?? (await storage.info(id)) }];
    } catch (error) {
      // Deleted since it was listed.
      return isNotFound(error) ? [] : [{ id, error }];
    }
  };
  return (await pMap(ids, lookUp, { concurrency: lookups })).flat();
}
