import { createHash } from 'node:crypto';
import { type Answer, expectedOf, type Row } from './golden.js';

/** Where our answer is another one than Python's, on purpose: docs/serving.md says so too. */
interface Difference {
  readonly why: string;
  readonly cases: readonly string[];
  /** Our answer in the place of Python's, made of the one that it gives to a plain GET. */
  readonly answer: (plain: Answer, python: Answer) => Answer;
}

const error = (status: Answer['status']): Answer => ({ status, headers: {} });

function notModified({ headers }: Answer): Answer {
  const { etag = '', 'cache-control': caching = '' } = headers;
  return { status: 304, headers: { 'cache-control': caching, etag } };
}

function partOf(bytes: string, range: string): (plain: Answer) => Answer {
  return ({ headers }) => ({
    status: 206,
    headers: { ...headers, 'content-length': String(bytes.length), 'content-range': range },
    body: createHash('sha256').update(bytes).digest('hex'),
  });
}

const underscores = (_plain: Answer, python: Answer): Answer => {
  const disposition = python.headers['content-disposition'] ?? '';
  const [, before = '', name = '', behind = ''] = /^(.*?")(.*)(";.*)$/s.exec(disposition) ?? [];
  const safe = before + name.replaceAll(/["\\\n\t]/g, '_') + behind;
  return { ...python, headers: { ...python.headers, 'content-disposition': safe } };
};

export const ofDepotMiddleware: readonly Difference[] = [
  {
    why: 'If-None-Match takes lists, weak tags and *',
    cases: ['If-None-Match, weak', 'If-None-Match, list', 'If-None-Match, star'],
    answer: notModified,
  },
  {
    why: 'a date that is none of RFC 9110 is ignored',
    cases: [
      ...['other zone', 'ISO form', 'nonsense', 'a number', 'no such month', 'year 99999'].map(
        (name) => `If-Modified-Since, ${name}`,
      ),
    ],
    answer: (plain) => plain,
  },
  {
    why: 'If-None-Match goes before If-Modified-Since',
    cases: ['both, only the date matches'],
    answer: (plain) => plain,
  },
  { why: 'the same', cases: ['both, tag matches, bad date'], answer: notModified },
  { why: 'ranges', cases: ['Range'], answer: partOf('repl', 'bytes 0-3/20') },
  {
    why: 'ranges',
    cases: ['Range, impossible'],
    answer: () => ({ status: 416, headers: { 'content-range': 'bytes */20' } }),
  },
  {
    why: 'If-Match and If-Unmodified-Since',
    cases: ['If-Match, other', 'If-Unmodified-Since, earlier'],
    answer: () => error(412),
  },
  {
    why: "Kotti's names behind the identifier",
    cases: ['one part more'],
    answer: (plain) => plain,
  },
  {
    why: "Kotti's /download",
    cases: ['download suffix'],
    answer: ({ headers, ...plain }) => ({
      ...plain,
      headers: {
        ...headers,
        'content-disposition': (headers['content-disposition'] ?? '').replace(
          'inline',
          'attachment',
        ),
      },
    }),
  },
  {
    why: 'a blob has one path, and nothing stands before the storage',
    cases: [
      ...['two slashes inside', 'parts before the depot', 'another depot path in front'],
      'mountpoint /a/b, deeper',
    ],
    answer: () => error(404),
  },
  {
    why: 'what no URL may hold is encoded',
    cases: ['public URL', 'public URL, HEAD', 'public URL, If-None-Match'],
    answer: (_plain, { headers, ...python }) => ({
      ...python,
      headers: { location: (headers.location ?? '').replace('<2>', '%3C2%3E') },
    }),
  },
  {
    why: 'no filename breaks out of the header',
    cases: [
      "Content-Disposition of 'say \"hi\" & \\'bye\\'; 50% #1\\\\x.txt'",
      "Content-Disposition of 'line\\nbreak\\t.txt'",
    ],
    answer: underscores,
  },
  {
    why: 'a slash at the end of a mount point makes no difference',
    cases: ['mountpoint /depot/', 'mountpoint /'],
    answer: (plain) => plain,
  },
  {
    why: 'the same',
    cases: [
      'mountpoint /depot/, two slashes',
      'mountpoint /, two slashes',
      'mountpoint /, with a part',
    ],
    answer: () => error(404),
  },
];

export const ofKotti: readonly Difference[] = [
  { why: 'left to the application', cases: ['POST'], answer: () => error('outside') },
  {
    why: "Kotti's own views and second path",
    cases: [
      ...['a longer first part', 'inline view of the node, not logged in'],
      ...['inline view of the node, logged in', 'attachment view of the node, logged in'],
      ...['attachment view, Range', 'attachment view, If-None-Match'],
    ],
    answer: () => error('outside'),
  },
  { why: 'If-None-Match takes *', cases: ['If-None-Match, star'], answer: notModified },
  {
    why: 'several ranges get everything, not the first alone',
    cases: ['Range, two'],
    answer: (plain) => plain,
  },
  {
    why: 'no filename breaks out of the header',
    cases: ['GET by the depot mountpoint: /harbour/log-books/quotes'],
    answer: underscores,
  },
];

/** Names of HTTP that stand before what Kotti writes in its own time zone, an hour ahead of UTC. */
const shifted = ['etag', 'last-modified', 'if-none-match', 'if-modified-since'];

/** What the time would be in UTC and milliseconds, as we have it. */
function inUtc(text: string): string {
  return text
    .replaceAll(/(2026-11-23) 04(:\d\d:\d\d)\.(\d{3})\d{3}/g, '$1 03$2.$3000')
    .replaceAll(/(Mon, 23 Nov 2026) 04(:\d\d:\d\d GMT)/g, '$1 03$2');
}

/** Rows of Kotti's SQL storage, as a site would have answered whose clock shows UTC. */
export function shiftedToUtc(row: Row): Row {
  const shift = (headers: Row['request']['headers']): Row['request']['headers'] =>
    headers.map(([name, value]) =>
      shifted.includes(name.toLowerCase()) ? [name, inUtc(value)] : [name, value],
    );
  const { request, response } = row;
  const inner = { ...request, headers: shift(request.headers) };
  if (response === undefined || !request.target.includes('/dbfiles/')) return row;
  return {
    ...row,
    request: inner,
    response: { ...response, headers: shift(response.headers ?? []) },
  };
}

/** A type as it is stored: Kotti adds a charset, in capitals. Active ones are saved, in a sandbox. */
export function withStoredType({ headers, ...answer }: Answer): Answer {
  const { 'content-type': type, 'content-disposition': disposition } = headers;
  if (type === undefined || disposition === undefined) return { ...answer, headers };
  const stored = type.replace('; charset=UTF-8', '');
  const active = stored === 'image/svg+xml';
  const safe = active
    ? {
        'content-disposition': disposition.replace('inline', 'attachment'),
        'content-security-policy': 'sandbox',
      }
    : {};
  return { ...answer, headers: { ...headers, 'content-type': stored, ...safe } };
}

/** What we answer to a row, by Python's answer and the differences. */
export function ourAnswer(row: Row, plain: Answer, differences: readonly Difference[]): Answer {
  const difference = differences.find(({ cases }) => cases.includes(row.case));
  const python = expectedOf(row);
  return difference === undefined ? python : difference.answer(plain, python);
}
