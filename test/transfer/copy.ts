import type { Backend } from '../../src/backend.js';
import type { Manager } from '../../src/manager.js';
import type { Problem } from '../../src/transfer/report.js';
import { type CopyResult, runCopy } from '../../src/transfer/run-copy.js';
import { type Site, withManager } from './site.js';

/** What a copy of a test is asked for beside its ends. */
export interface CopyTestOptions {
  readonly maxDelete?: number;
  /** Called with the target's backend before the copy starts. */
  readonly prepare?: (target: Backend) => void;
}

/** What a copy did, and what it said. */
export interface CopyOutcome extends CopyResult {
  readonly problems: readonly Problem[];
}

/** Copies one storage of a site to another. */
export function copy(
  site: Site,
  from: string,
  to: string,
  options: CopyTestOptions = {},
): Promise<CopyOutcome> {
  const problems: Problem[] = [];
  const observer = { problem: (one: Problem) => void problems.push(one), progress() {} };
  return withManager(site, async (manager: Manager) => {
    options.prepare?.((await manager.storage(to)).backend);
    const result = await runCopy(manager, {
      ...{ from, to, observer, maxDelete: options.maxDelete ?? null },
      ...{ dryRun: false, checksum: false, verifyFull: false },
      ...{ signal: new AbortController().signal, concurrency: 4 },
    });
    return { ...result, problems };
  });
}
