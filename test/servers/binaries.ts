/**
 * The server programs of the tests that no distribution packs: where they are and, run as a program
 * (`node test/servers/binaries.ts`), their building with Go. They live outside the checkout, each
 * under its version, and are built once.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Go programs, and the versions that are known to work with the SDKs. */
const modules = {
  minio: 'github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c',
  mc: 'github.com/minio/mc@v0.0.0-20250313080218-cf909e1063a9',
  'fake-gcs-server': 'github.com/fsouza/fake-gcs-server@v1.56.1',
} as const;

const ferretSources = fileURLToPath(new URL('ferretdb', import.meta.url));

type Program = keyof typeof modules | 'ferretdb';

function cacheDirectory(): string {
  const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  return path.join(cache, 'depot-tests', 'bin');
}

function binaryPath(program: Program): string {
  return path.join(cacheDirectory(), `${program}-${versionOf(program)}`);
}

function versionOf(program: Program): string {
  if (program !== 'ferretdb') return modules[program].split('@')[1] as string;
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'main.go'])
    hash.update(readFileSync(path.join(ferretSources, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The path of a program, or null where it has not been built. */
export function findBinary(program: Program): string | null {
  const file = binaryPath(program);
  return existsSync(file) ? file : null;
}

function build(program: Program): void {
  mkdirSync(cacheDirectory(), { recursive: true });
  const directory = mkdtempSync(path.join(cacheDirectory(), 'building-'));
  const go = (args: readonly string[], cwd?: string): void =>
    void execFileSync('go', args, {
      cwd,
      stdio: 'inherit',
      env: { ...process.env, GOBIN: directory, GOFLAGS: '' },
    });
  try {
    if (program === 'ferretdb') {
      const sources = path.join(directory, 'sources');
      cpSync(ferretSources, sources, { recursive: true });
      go(['build', '-mod=mod', '-o', path.join(directory, program), '.'], sources);
    } else {
      go(['install', modules[program]]);
    }
    // Renamed when complete, so that an interrupted build leaves nothing that looks finished.
    renameSync(path.join(directory, program), binaryPath(program));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const program of [...Object.keys(modules), 'ferretdb'] as Program[]) {
    if (findBinary(program) === null) build(program);
    console.log(findBinary(program));
  }
}
