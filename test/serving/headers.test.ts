import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BlobInfo } from '../../src/backend.js';
import { contentHeaders, safeUrl } from '../../src/serving/blob-headers.js';
import { parseRange } from '../../src/serving/byte-range.js';
import { parseHttpDate } from '../../src/serving/http-date.js';
import { mountParts, parseTarget } from '../../src/serving/target.js';
import { failedCondition, rangeApplies, validatorsOf } from '../../src/serving/validators.js';

const now = new Date('2026-11-23T12:00:00Z');
const info: BlobInfo = {
  ...{ id: 'x', filename: 'a.txt', contentType: 'text/plain', contentLength: 20, version: '1' },
  lastModified: new Date('2026-11-23T03:43:12Z'),
};
const shown = { download: false };

describe('headers', () => {
  test('no filename, type or URL breaks out of its header, or breaks Node', () => {
    const texts = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(texts, texts, texts, (filename, contentType, url) => {
        const headers = contentHeaders({ ...info, filename, contentType }, shown);
        const values = [...Object.values(headers), safeUrl(url)];
        for (const value of values) expect(value).toMatch(/^[\x20-\x7e]*$/);
        const disposition = /^(?:inline|attachment);filename="[^"\\]*";filename\*=utf-8''(.*)$/;
        const [, quoted = ''] = disposition.exec(headers['Content-Disposition'] as string) ?? [];
        expect(quoted).toMatch(/^[\w!#$&+.^`|~%-]*$/);
        expect(decodeURIComponent(quoted)).toBe(filename.toWellFormed());
      }),
    );
  });

  test.each([
    ...['text/html', 'TEXT/HTML; charset=utf-8', 'application/xhtml+xml', 'image/svg+xml'],
    ...['text/xml', 'application/xml', 'application/rss+xml', 'text/xsl', 'message/rfc822'],
    ...['application/xml-dtd', 'multipart/related', 'application/x-shockwave-flash'],
    ...['application/mathml+xml', 'text/x-html'],
  ])('%s is saved, and its scripts do not run', (contentType) => {
    const headers = contentHeaders({ ...info, contentType }, shown);
    expect(headers).toMatchObject({ 'Content-Security-Policy': 'sandbox' });
    expect(headers['Content-Disposition']).toMatch(/^attachment;/);
    const trusted = contentHeaders({ ...info, contentType }, { ...shown, trustActiveTypes: true });
    expect(trusted['Content-Disposition']).toMatch(/^inline;/);
    expect(trusted['X-Content-Type-Options']).toBe('nosniff');
    expect(trusted).not.toHaveProperty('Content-Security-Policy');
  });

  test.each(['text/plain', 'image/png', 'application/pdf', 'video/mp4', 'text/csv'])(
    '%s is shown',
    (contentType) => {
      const headers = contentHeaders({ ...info, contentType }, shown);
      expect(headers['Content-Disposition']).toMatch(/^inline;/);
      expect(headers).not.toHaveProperty('Content-Security-Policy');
    },
  );

  test.each(['', 'text', 'text/html\r\nX: y', 'te xt/html', 'text/plain; a="\u00e9"'])(
    'a type that is none is not told: %j',
    (contentType) => {
      const headers = contentHeaders({ ...info, contentType }, shown);
      expect(headers['Content-Type']).toBe('application/octet-stream');
    },
  );
});

describe('ranges', () => {
  test('every range lies within the blob and has the bytes that were asked for', () => {
    const part = fc.option(fc.bigInt({ min: 0n, max: 10n ** 30n }), { nil: null });
    const small = fc.option(fc.bigInt({ min: 0n, max: 40n }), { nil: null });
    const ends = fc.oneof(part, small);
    fc.assert(
      fc.property(ends, ends, fc.nat(30), (first, last, length) => {
        const range = parseRange(`bytes=${first ?? ''}-${last ?? ''}`, length);
        const bytes = Array.from({ length }, (_, index) => BigInt(index));
        const wanted = bytes.filter((at) =>
          first === null ? at >= BigInt(length) - (last ?? 0n) : at >= first && at <= (last ?? at),
        );
        if (typeof range === 'object') {
          expect(bytes.slice(range.start, range.end + 1)).toEqual(wanted);
          expect(wanted.length).toBeGreaterThan(0);
        } else {
          expect(wanted).toEqual([]);
        }
      }),
    );
  });

  test.each([
    ['', 'whole'],
    ['bytes', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=5-4', 'whole'],
    ['bytes=a-4', 'whole'],
    ['bytes=0-1,3-4', 'whole'],
    ['items=0-1', 'whole'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=20-', 'unsatisfiable'],
    ['BYTES=0-', { start: 0, end: 19 }],
  ])('%s of 20 bytes', (header, range) => {
    expect(parseRange(header, 20)).toEqual(range);
  });

  test('no text at all fails', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), (header, length) => {
        const range = parseRange(header, length);
        if (typeof range === 'object') expect(range.end).toBeLessThan(length);
        else expect(['whole', 'unsatisfiable']).toContain(range);
      }),
    );
  });
});

describe('conditions', () => {
  const validators = validatorsOf(info, now);
  const { etag } = validators;
  const before = 'Mon, 23 Nov 2026 03:43:11 GMT';
  const same = 'Mon, 23 Nov 2026 03:43:12 GMT';

  test.each([
    [{}, null],
    [{ 'if-match': etag }, null],
    [{ 'if-match': `"x", ${etag}` }, null],
    [{ 'if-match': '*' }, null],
    [{ 'if-match': `W/${etag}` }, 412],
    [{ 'if-match': '"x"' }, 412],
    [{ 'if-match': etag, 'if-unmodified-since': before }, null],
    [{ 'if-match': etag, 'if-none-match': etag }, 304],
    [{ 'if-unmodified-since': same }, null],
    [{ 'if-unmodified-since': before }, 412],
    [{ 'if-unmodified-since': 'x' }, null],
    [{ 'if-none-match': `W/${etag}` }, 304],
    [{ 'if-none-match': '"x"', 'if-modified-since': same }, null],
    [{ 'if-modified-since': same }, 304],
    [{ 'if-modified-since': before }, null],
  ])('%j ends in %j', (headers, status) => {
    expect(failedCondition(headers, validators, now)).toBe(status);
  });

  test.each([
    [undefined, true],
    [etag, true],
    [`W/${etag}`, false],
    ['"x"', false],
    [same, true],
    [before, false],
    ['Tue, 24 Nov 2026 03:43:12 GMT', false],
    ['x', false],
  ])('If-Range: %j', (value, applies) => {
    expect(rangeApplies(value, validators, now)).toBe(applies);
  });

  test('while a blob may change within the second, its time stands for nothing', () => {
    const lastModified = new Date(now.getTime() - 1500);
    const first = validatorsOf({ ...info, lastModified }, now);
    const second = validatorsOf({ ...info, lastModified, version: '2' }, now);
    expect(first.etag).not.toBe(second.etag);
    expect(rangeApplies(lastModified.toUTCString(), first, now)).toBe(false);
  });

  test('a blob without a time has an ETag of its version', () => {
    const without = validatorsOf({ ...info, lastModified: null }, now);
    expect(without.etag).toMatch(/^"20-[0-9a-f]{16}"$/);
    expect(failedCondition({ 'if-modified-since': same }, without, now)).toBeNull();
    expect(failedCondition({ 'if-none-match': without.etag }, without, now)).toBe(304);
  });
});

describe('dates', () => {
  test('every date that is written is read back', () => {
    const dates = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
    fc.assert(
      fc.property(dates, (date) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000;
        expect(parseHttpDate(date.toUTCString(), now)?.getTime()).toBe(seconds);
      }),
    );
  });

  test.each([
    ['Sunday, 06-Nov-94 08:49:37 GMT', '1994-11-06T08:49:37.000Z'],
    ['Monday, 06-Nov-60 08:49:37 GMT', '2060-11-06T08:49:37.000Z'],
    ['Sun Nov  6 08:49:37 1994', '1994-11-06T08:49:37.000Z'],
    ['Fri, 30 Feb 2026 00:00:00 GMT', undefined],
    ['Fri, 00 Feb 2026 00:00:00 GMT', undefined],
    ['Mon, 23 Nov 2026 24:00:00 GMT', undefined],
    ['Mon, 23 Nov 2026 03:43:12 +0200', undefined],
  ])('%s', (text, time) => {
    expect(parseHttpDate(text, now)?.toISOString()).toBe(time);
  });
});

describe('paths', () => {
  const names = ['files', 'files/old', 'o ld'];
  const below = (path: string) => parseTarget(path, mountParts('/depot'), names);

  test.each([
    ['/depot/files/x', { storage: 'files', id: 'x', download: false }],
    ['/depot/files/x?y#z', { storage: 'files', id: 'x', download: false }],
    ['http://example.org/depot/files/x', { storage: 'files', id: 'x', download: false }],
    ['/depot/files/old/x', { storage: 'files/old', id: 'x', download: false }],
    ['/depot/files/x/a/download', { storage: 'files', id: 'x', download: true }],
    ['/depot/o%20ld/x/name.txt', { storage: 'o ld', id: 'x', download: false }],
    ['/%64epot/files/x', { storage: 'files', id: 'x', download: false }],
    ['/depotfiles/x', 'outside'],
    ['depot/files/x', 'outside'],
    ['*', 'outside'],
    ['', 'outside'],
    ['//depot/files/x', 'outside'],
    ['/depot/files/%2e%2e/x', null],
    ['/depot/files/..%2fx', null],
    ['/depot/files/x%5c..', null],
    ['/depot/files/%00', null],
    ['/depot/files/%', null],
    ['/depot/files/%ff', null],
    ['/depot/files/', null],
    ['/depot/other/x', null],
  ])('%s', (path, target) => {
    expect(below(path)).toEqual(target);
  });

  test('no path names anything but a storage and one plain part', () => {
    const part = fc.oneof(
      fc.constantFrom('..', '.', '', '%2e%2e', '%2F', '%5c', '%00', 'files', 'old', 'x', '%'),
      fc.webSegment(),
    );
    fc.assert(
      fc.property(
        fc.array(part),
        fc.constantFrom('/depot/files/', '/depot/', '/'),
        (parts, start) => {
          const target = below(start + parts.join('/'));
          if (target === null || target === 'outside') return;
          expect(names).toContain(target.storage);
          expect(target.id).toMatch(/^[^/\\\0]+$/);
          expect(['.', '..']).not.toContain(target.id);
        },
      ),
    );
  });
});
