/**
 * Starts the servers that the tests need and prints, as one line of JSON, where each is or why it
 * is not; stops them all when standard input ends, so that they never outlive who asked for them.
 * By hand: `npm run servers` prints environment variables for other runs, until Ctrl-C.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fakeGcs } from './fake-gcs.js';
import { ferretdb } from './ferretdb.js';
import { freePort } from './free-port.js';
import { mariadb } from './mariadb.js';
import { minio } from './minio.js';
import { postgres } from './postgres.js';
import type { RunningServer, ServerKind, ServerState } from './server.js';

const kinds: Readonly<Record<string, ServerKind>> = {
  postgres,
  mariadb,
  s3: minio,
  gcs: fakeGcs,
  mongodb: ferretdb,
};

const stops: (() => Promise<void>)[] = [];

async function start(kind: ServerKind, programs: readonly string[]): Promise<RunningServer> {
  const directory = await mkdtemp(path.join(tmpdir(), 'depot-server-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const server = await kind.start(programs, { directory, port: await freePort() });
  // Before its directory is removed.
  stops.unshift(server.stop);
  return server;
}

async function stateOf(kind: ServerKind): Promise<ServerState> {
  const url = process.env[kind.variable];
  if (url !== undefined && url !== '') return { url };
  const found = kind.find();
  if ('missing' in found) return { missing: `needs ${found.missing}, or ${kind.variable}` };
  try {
    return { url: (await start(kind, found.programs)).url };
  } catch (error) {
    return { missing: `cannot be started: ${String(error)}` };
  }
}

const starting = Promise.all(
  Object.entries(kinds).map(async ([name, kind]) => [name, await stateOf(kind)] as const),
);

async function stopAll(): Promise<void> {
  await starting;
  for (const stop of stops) await stop().catch((error: unknown) => console.error(error));
  process.exit();
}

const byHand = process.argv.includes('--variables');
if (!byHand) process.stdin.resume().on('end', stopAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stopAll);
const states = await starting;
if (byHand) {
  for (const [name, state] of states) {
    const variable = (kinds[name] as ServerKind).variable;
    console.log(
      'url' in state ? `export ${variable}='${state.url}'` : `# ${name}: ${state.missing}`,
    );
  }
  setInterval(() => {}, 1_000_000);
} else {
  console.log(JSON.stringify(Object.fromEntries(states)));
}
