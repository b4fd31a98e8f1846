import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { DepotError } from '../errors.js';

/** The process that holds the lock of migrations. */
export interface Holder {
  readonly host: string;
  /** Its number on that host. */
  readonly process: number;
  /** When it started: `2026-01-02T03:04:05Z`. */
  readonly started: string;
}

export function thisProcess(): Holder {
  const started = `${new Date(performance.timeOrigin).toISOString().slice(0, 19)}Z`;
  return { host: hostname(), process: process.pid, started };
}

/** One line of text, the host last: it is the only part that may be long. */
export function formatHolder({ host, process, started }: Holder): string {
  return `depot ${started} ${process} ${host}`;
}

/** Null where the text is none of `formatHolder`. */
export function parseHolder(text: string): Holder | null {
  const [, started, process, host] = /^depot (\S{20}) (\d+) (\S+)$/.exec(text.trim()) ?? [];
  if (started === undefined || process === undefined || host === undefined) return null;
  return { host, process: Number(process), started };
}

/** The error of a run that another one keeps off the database `name`; null: nobody knows which. */
export function alreadyRunning(name: string, holder: Holder | null): DepotError {
  const who = holder === null ? 'it' : describeHolder(holder);
  return new DepotError(
    'refused',
    `another migration of this site is running: ${who} holds ${name}`,
    { hint: 'Run it again when that one has ended.' },
  );
}

/** `process 7 on web1, started 2026-01-02T03:04:05Z,` */
export function describeHolder({ host, process, started }: Holder): string {
  return `process ${process} on ${host}, started ${started},`;
}
