/**
 * The Python environment with the real filedepot and Kotti: where it is and, run as a program
 * (`node test/interop/environment.ts`), its making. It lives outside the checkout and is made once
 * for each content of requirements.txt.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Kotti imports cgi and pkg_resources as they were up to this version. */
const interpreter = 'python3.11';
const requirements = fileURLToPath(new URL('requirements.txt', import.meta.url));

function environmentDirectory(): string {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 16);
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'depot-tests', `python-${hash}`);
}

/** The path of the environment's Python, or undefined where it has not been made. */
export function findPython(): string | undefined {
  const python = join(environmentDirectory(), 'bin', 'python');
  return existsSync(python) ? python : undefined;
}

function makeEnvironment(): void {
  const directory = environmentDirectory();
  const unfinished = `${directory}.${process.pid}`;
  mkdirSync(dirname(directory), { recursive: true });
  try {
    execFileSync(interpreter, ['-m', 'venv', unfinished], { stdio: 'inherit' });
    execFileSync(
      join(unfinished, 'bin', 'python'),
      ['-m', 'pip', 'install', '--quiet', '--use-pep517', '-r', requirements],
      {
        stdio: 'inherit',
        env: {
          ...process.env,
          // Packages that come as source are built with the pinned setuptools too.
          PIP_CONSTRAINT: requirements,
          PIP_DISABLE_PIP_VERSION_CHECK: '1',
        },
      },
    );
    // Renamed when complete, so that an interrupted run leaves nothing that looks finished.
    renameSync(unfinished, directory);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (findPython() === undefined) makeEnvironment();
  console.log(findPython());
}
