import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Responder } from '../../src/serving/respond.js';

export const fixtures = path.resolve(import.meta.dirname, '../../fixtures');

type Headers = readonly (readonly [string, string])[];

/** A request, and what Python answers. */
export interface Row {
  readonly case: string;
  readonly request: { readonly method: string; readonly target: string; readonly headers: Headers };
  readonly response?: {
    readonly status: string;
    readonly headers?: Headers;
    readonly body_sha256?: string;
  };
}

interface Golden {
  readonly depot_middleware: {
    readonly requests: readonly Row[];
    readonly other_mountpoints: readonly Row[];
    readonly replacement: readonly Row[];
  };
  readonly kotti: { readonly requests: readonly Row[] };
}

export const golden = JSON.parse(readFileSync(path.join(fixtures, 'http.json'), 'utf8')) as Golden;

/** What counts of an answer. `outside`: it is the application's. */
export interface Answer {
  readonly status: number | 'outside' | 'raises';
  readonly headers: Readonly<Record<string, string>>;
  /** SHA-256 of the body; absent for an error or a redirect, whose words are each server's own. */
  readonly body?: string;
}

const counting = [
  ...['etag', 'cache-control', 'expires', 'last-modified', 'location', 'content-range'],
  ...['content-type', 'content-length', 'content-disposition', 'content-security-policy'],
];
const notModified = ['etag', 'cache-control'];

function counted(headers: Headers, status: number): Record<string, string> {
  const names =
    status === 304 ? notModified : status < 300 ? counting : ['location', 'content-range'];
  return Object.fromEntries(
    headers
      .map(([name, value]) => [name.toLowerCase(), value] as const)
      .filter(([name]) => names.includes(name))
      .sort(),
  );
}

export function expectedOf({ request, response }: Row): Answer {
  if (response === undefined) return { status: 'raises', headers: {} };
  const status = Number(response.status.slice(0, 3));
  if (status === 299) return { status: 'outside', headers: {} };
  const headers = counted(response.headers ?? [], status);
  if (status >= 300 || request.method === 'HEAD') return { status, headers };
  return { status, headers, body: response.body_sha256 ?? '' };
}

/** `Expires` as the fixture has it, relative to now. */
function relative(name: string, value: string): string {
  if (name !== 'Expires') return value;
  const seconds = Math.round((Date.parse(value) - Date.now()) / 60_000) * 60;
  return `{now + ${seconds} s}`;
}

export async function answerOf(respond: Responder, { request }: Row): Promise<Answer> {
  const { method, target } = request;
  const headers = Object.fromEntries(
    request.headers.map(([name, value]) => [name.toLowerCase(), value]),
  );
  const response = await respond({ method, target, headers });
  if (response === null) return { status: 'outside', headers: {} };
  const hash = createHash('sha256');
  for await (const chunk of response.body ?? []) hash.update(chunk);
  const { status } = response;
  const entries = Object.entries(response.headers);
  const given = counted(
    entries.map(([name, value]) => [name, relative(name, value)]),
    status,
  );
  if (status >= 300 || method === 'HEAD') return { status, headers: given };
  return { status, headers: given, body: hash.digest('hex') };
}
