import { formatShard } from '../databases/shard.js';
import { messageOf } from '../errors.js';
import { newCounts, type Observer } from './report.js';
import type { MigrationOptions, RunResult } from './run-migration.js';
import type { State } from './state.js';
import type { RunRecord } from './state-runs.js';

/** What is noted of a migration as it begins. */
export function recordOf(options: MigrationOptions): RunRecord {
  const { references, exclude, where, limit, selection } = options;
  const { largerThan, smallerThan, modifiedBefore } = selection;
  const limits = {
    ...(references.length > 0 && { references }),
    ...(exclude.length > 0 && { exclude }),
    ...(where !== undefined && { where }),
    ...(limit !== undefined && { limit }),
    ...(largerThan !== undefined && { larger_than: largerThan }),
    ...(smallerThan !== undefined && { smaller_than: smallerThan }),
    ...(modifiedBefore !== undefined && { modified_before: modifiedBefore.toISOString() }),
  };
  const ways = {
    ...(options.deleteSource && { delete_source: true }),
    ...(options.keepFor !== undefined && { keep_for: options.keepFor / 1000 }),
    ...(options.rewriteMentions && { rewrite_mentions: true }),
    ...(options.privateOk && { private_ok: true }),
    ...(options.verifyFull && { verify: 'full' }),
    // No limit: a state file is one shard's, which looks at all references that are its own.
    ...(options.shard !== undefined && { shard: formatShard(options.shard) }),
  };
  const whole = Object.keys(limits).length === 0;
  return { kind: 'migrate', options: { ...limits, ...ways }, whole };
}

/** The observer, with every problem noted in the state first. */
export function recording(state: State, observer: Observer): Observer {
  return {
    problem(problem) {
      state.recordProblem(problem);
      observer.problem(problem);
    },
    progress: (counts) => observer.progress(counts),
    done: (item) => observer.done?.(item),
  };
}

/** Notes how a run ends. */
export async function recorded(
  state: State,
  signal: AbortSignal,
  run: () => Promise<RunResult>,
): Promise<RunResult> {
  let result: RunResult;
  try {
    result = await run();
  } catch (error) {
    state.recordEnd({ outcome: 'failed', error: messageOf(error), counts: newCounts() });
    throw error;
  }
  return recordEnd(state, result, signal);
}

/** The result, or what kept it from being noted. */
function recordEnd(state: State, result: RunResult, signal: AbortSignal): RunResult {
  const { counts, error } = result;
  const stopped = error === null ? 'finished' : 'failed';
  try {
    state.recordEnd({
      outcome: signal.aborted ? 'interrupted' : stopped,
      error: error === null || signal.aborted ? null : messageOf(error),
      counts,
    });
    return result;
  } catch (failure) {
    return { ...result, error: error ?? failure };
  }
}
