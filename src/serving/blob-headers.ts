import type { BlobInfo } from '../backend.js';
import { contentDisposition, quoteFilename } from '../backends/object-metadata.js';
import type { Validators } from './validators.js';

/** How long and by whom what is served may be kept, and what of it browsers may show. */
export interface HeaderOptions {
  /** Seconds that a client need not ask again; default a week, as Python's. */
  readonly cacheMaxAge?: number | undefined;
  /** Whether caches that several visitors share may keep it; default `public`, as Python's. */
  readonly cacheScope?: 'public' | 'private' | undefined;
  /**
   * Whether HTML, SVG, XML and whatever else can run scripts on the site is shown as the site's own
   * pages are; default false: it is saved, and its scripts don't run. Only for files that nobody
   * can upload whom you don't trust with the site.
   */
  readonly trustActiveTypes?: boolean | undefined;
}

const week = 604_800;

/** The headers that a response has whatever comes of it. */
export function cachingHeaders(
  { etag, lastModified }: Validators,
  { cacheMaxAge = week, cacheScope = 'public' }: HeaderOptions,
  now: Date,
): Record<string, string> {
  return {
    ETag: etag,
    'Cache-Control': `max-age=${cacheMaxAge}, ${cacheScope}`,
    Expires: new Date(now.getTime() + cacheMaxAge * 1000).toUTCString(),
    ...(lastModified === null ? {} : { 'Last-Modified': lastModified.toUTCString() }),
  };
}

type BlobHeaders = Record<string, string> & Record<'Content-Type' | 'Content-Disposition', string>;

/** The headers that describe the content. */
export function contentHeaders(
  { filename, contentType }: BlobInfo,
  { trustActiveTypes = false, download }: HeaderOptions & { readonly download: boolean },
): BlobHeaders {
  const type = safeType(contentType);
  const active = isActive(type) && !trustActiveTypes;
  const disposition = download || active ? 'attachment' : 'inline';
  return {
    'Content-Type': type,
    // As Python's servers encode it.
    'Content-Disposition': contentDisposition(disposition, filename, quoteFilename),
    'X-Content-Type-Options': 'nosniff',
    'Accept-Ranges': 'bytes',
    ...(active ? { 'Content-Security-Policy': 'sandbox' } : {}),
  };
}

/** A type as it is stored, unless it is none: whoever uploaded the blob may have chosen it. */
function safeType(contentType: string): string {
  const token = "[\\w!#$%&'*+.^`|~-]+";
  const valid = new RegExp(`^${token}/${token}(?:[ \\t]*;[\\x20-\\x7e]*)?$`).test(contentType);
  return valid ? contentType : 'application/octet-stream';
}

/** Whether a browser that shows it may run scripts in it. */
function isActive(contentType: string): boolean {
  const type = (contentType.split(';')[0] as string).trim().toLowerCase();
  return /\/(?:.*\+)?xml|^text\/(?:x-)?(?:html|xsl)|^multipart\/|^message\/|-flash$/.test(type);
}

/** A URL in a header: what none may hold is percent-encoded. */
export function safeUrl(url: string): string {
  return url
    .toWellFormed()
    .replaceAll(/[^\x21-\x7e]|[<>"\\^`{|}]/gu, (character) => encodeURIComponent(character));
}
