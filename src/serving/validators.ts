import type { BlobInfo } from '../backend.js';
import { sha256Of } from '../streams.js';
import { formatUtc } from '../time.js';
import { parseHttpDate } from './http-date.js';
import type { RequestHeaders } from './message.js';

/** Milliseconds after which a second change no longer gets the same `Last-Modified`. */
const settledAfter = 2000;

/** What tells a client's copy of a blob from another state of it. */
export interface Validators {
  /** With its quotes; always a strong one. */
  readonly etag: string;
  /** In whole seconds. */
  readonly lastModified: Date | null;
  /** Whether the blob may have changed within the second of `lastModified`. */
  readonly settled: boolean;
}

/**
 * The ETag is DEPOT's, time and length, so that what clients hold of a Python site stays valid.
 * While a blob may still change within the same second, and where it has no time, the version
 * that the storage gives is part of it.
 */
export function validatorsOf(info: BlobInfo, now: Date): Validators {
  const { lastModified: time, contentLength, version } = info;
  const settled = time !== null && now.getTime() - time.getTime() >= settledAfter;
  const parts = [
    ...(time === null ? [] : [formatPython(time)]),
    String(contentLength),
    ...(settled ? [] : [sha256Of(Buffer.from(version)).slice(0, 16)]),
  ];
  const lastModified = time === null ? null : new Date(Math.floor(time.getTime() / 1000) * 1000);
  return { etag: `"${parts.join('-')}"`, lastModified, settled };
}

/** As Python writes a datetime: microseconds only where there are any. */
function formatPython(time: Date): string {
  const milliseconds = time.getUTCMilliseconds();
  const fraction = milliseconds === 0 ? '' : `.${String(milliseconds).padStart(3, '0')}000`;
  return `${formatUtc(time)}${fraction}`;
}

/**
 * What the conditions of a GET or HEAD come to, in the order of RFC 9110, section 13.2.2: the
 * status that ends it, or null where it goes on.
 */
export function failedCondition(
  headers: RequestHeaders,
  { etag, lastModified }: Validators,
  now: Date,
): 304 | 412 | null {
  const date = (name: string): Date | null => parseHttpDate(headers[name] ?? '', now);
  const ifMatch = headers['if-match'];
  const unmodifiedSince = date('if-unmodified-since');
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, (tag) => tag === etag)) return 412;
  } else if (unmodifiedSince !== null && lastModified !== null) {
    if (lastModified > unmodifiedSince) return 412;
  }
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, (tag) => tag.replace(/^W\//, '') === etag) ? 304 : null;
  }
  const modifiedSince = date('if-modified-since');
  const unchanged =
    modifiedSince !== null && lastModified !== null && lastModified <= modifiedSince;
  return unchanged ? 304 : null;
}

/** Whether a list of ETags has one that fits; `*` stands for any. */
function matches(list: string, fits: (tag: string) => boolean): boolean {
  if (list.trim() === '*') return true;
  // DEPOT's tags hold a blank, which RFC 9110 does not foresee.
  return (list.match(/(?:W\/)?"[^"]*"/g) ?? []).some(fits);
}

/** Whether a `Range` counts under this `If-Range`: only for exactly the state that it names. */
export function rangeApplies(ifRange: string | undefined, of: Validators, now: Date): boolean {
  if (ifRange === undefined) return true;
  const value = ifRange.trim();
  if (value.startsWith('"') || value.startsWith('W/')) return value === of.etag;
  const time = parseHttpDate(value, now);
  return of.settled && time !== null && time.getTime() === of.lastModified?.getTime();
}
