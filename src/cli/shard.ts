import { InvalidArgumentError } from 'commander';
import { mostShards, type Shard } from '../databases/shard.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** What a scheduler tells each of the tasks that it starts from one job. */
interface Scheduler {
  readonly index: string;
  readonly count: string;
  /** The indexes that the tasks of a job have. */
  indexes(count: number, variable: (name: string) => number): { first: number; step: number };
}

const fromZero = () => ({ first: 0, step: 1 });

const schedulers: readonly Scheduler[] = [
  // Kubernetes does not tell the count: whoever writes the manifest does.
  { index: 'JOB_COMPLETION_INDEX', count: 'JOB_COMPLETIONS', indexes: fromZero },
  {
    index: 'AWS_BATCH_JOB_ARRAY_INDEX',
    count: 'AWS_BATCH_JOB_ARRAY_SIZE',
    indexes: fromZero,
  },
  {
    index: 'SLURM_ARRAY_TASK_ID',
    count: 'SLURM_ARRAY_TASK_COUNT',
    // As the user says: `--array=1-8`, `--array=0-14:2`.
    indexes(count, variable) {
      const first = variable('SLURM_ARRAY_TASK_MIN');
      const last = variable('SLURM_ARRAY_TASK_MAX');
      return { first, step: count > 1 ? (last - first) / (count - 1) : 1 };
    },
  },
];

/** The shard of an option: `2/8`, or `auto` for what the scheduler's variables say. */
export function parseShard(text: string, environment: Environment = process.env): Shard {
  if (text === 'auto') return automatic(environment);
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(text) ?? [];
  const shard = { index: Number(index), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return checked(shard);
  throw new InvalidArgumentError('It must be I/N, with I from 1 to N, such as 2/8, or auto.');
}

function automatic(environment: Environment): Shard {
  const [scheduler, other] = schedulers.filter(({ index }) => environment[index] !== undefined);
  if (scheduler === undefined) {
    const names = schedulers.map(({ index }) => index).join(', ');
    throw new InvalidArgumentError(`None of ${names} is set: say which, such as 2/8.`);
  }
  if (other !== undefined) {
    throw new InvalidArgumentError(
      `${scheduler.index} and ${other.index} are both set: say which, such as 2/8.`,
    );
  }
  const variable = (name: string): number => {
    const value = environment[name];
    if (value !== undefined && /^\d+$/.test(value)) return Number(value);
    const why = value === undefined ? 'is not set' : `is ${JSON.stringify(value)}, no number`;
    throw new InvalidArgumentError(`${scheduler.index} is set, but ${name} ${why}.`);
  };
  const count = variable(scheduler.count);
  const { first, step } = scheduler.indexes(count, variable);
  const index = (variable(scheduler.index) - first) / step + 1;
  if (Number.isInteger(index) && index >= 1 && index <= count) return checked({ index, count });
  throw new InvalidArgumentError(
    `${scheduler.index} is ${environment[scheduler.index]}, which is none of ${count} in even steps from ${first}.`,
  );
}

function checked(shard: Shard): Shard {
  if (shard.count <= mostShards) return shard;
  throw new InvalidArgumentError(`There may be ${mostShards} shards at most.`);
}
