import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import type { ServerState } from './server.js';

declare module 'vitest' {
  interface ProvidedContext {
    servers: Record<string, ServerState>;
  }
}

const loader = fileURLToPath(new URL('../typescript-loader.js', import.meta.url));
const program = fileURLToPath(new URL('run.ts', import.meta.url));

/** Starts the servers once for all tests of a run. In CI each of them must be there. */
export default async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const child = spawn(process.execPath, ['--import', loader, program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.stdin.end();
    await exit;
  };
  const [line] = await once(createInterface(child.stdout), 'line');
  const servers: Record<string, ServerState> = JSON.parse(String(line));
  const missing = Object.entries(servers).flatMap(([name, state]) =>
    'missing' in state ? [`${name} ${state.missing}`] : [],
  );
  if (process.env.CI === 'true' && missing.length > 0) {
    await stop();
    throw new Error(`servers are missing: ${missing.join('; ')}`);
  }
  provide('servers', servers);
  return stop;
}
