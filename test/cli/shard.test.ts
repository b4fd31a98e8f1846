import { expect, test } from 'vitest';
import { parseShard } from '../../src/cli/shard.js';

test.each([
  ['1/1', 1, 1],
  ['1/8', 1, 8],
  ['8/8', 8, 8],
  ['1000/1000', 1000, 1000],
])('%s is a shard', (text, index, count) => {
  expect(parseShard(text, { JOB_COMPLETION_INDEX: '7' })).toEqual({ index, count });
});

test.each([
  '0/4',
  '5/4',
  'x',
  '',
  '1',
  '/4',
  '1/',
  '1/0',
  '-1/4',
  '1.5/4',
  ' 1/4',
  '1/4/4',
  'AUTO',
])('%j is none', (text) => {
  expect(() => parseShard(text, {})).toThrow(
    'It must be I/N, with I from 1 to N, such as 2/8, or auto.',
  );
});

test('there may be 1000 at most', () => {
  expect(() => parseShard('1/1001', {})).toThrow('There may be 1000 shards at most.');
});

/** The variables that Slurm sets in the tasks of an array. */
const slurm = (id: number, count: number, min: number, max: number) => ({
  SLURM_ARRAY_TASK_ID: `${id}`,
  SLURM_ARRAY_TASK_COUNT: `${count}`,
  SLURM_ARRAY_TASK_MIN: `${min}`,
  SLURM_ARRAY_TASK_MAX: `${max}`,
});

test.each([
  ['Kubernetes, first', { JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '8' }, '1/8'],
  ['Kubernetes, last', { JOB_COMPLETION_INDEX: '7', JOB_COMPLETIONS: '8' }, '8/8'],
  ['AWS', { AWS_BATCH_JOB_ARRAY_INDEX: '0', AWS_BATCH_JOB_ARRAY_SIZE: '2' }, '1/2'],
  ['AWS, last', { AWS_BATCH_JOB_ARRAY_INDEX: '1', AWS_BATCH_JOB_ARRAY_SIZE: '2' }, '2/2'],
  ['--array=0-7', slurm(0, 8, 0, 7), '1/8'],
  ['--array=1-8', slurm(8, 8, 1, 8), '8/8'],
  ['--array=0-14:2', slurm(6, 8, 0, 14), '4/8'],
  ['--array=10,13,16', slurm(13, 3, 10, 16), '2/3'],
  ['--array=5', slurm(5, 1, 5, 5), '1/1'],
])('auto takes what the scheduler says: %s', (_name, environment, shard) => {
  const { index, count } = parseShard('auto', environment);
  expect(`${index}/${count}`).toBe(shard);
});

test.each([
  [{}, 'None of JOB_COMPLETION_INDEX, AWS_BATCH_JOB_ARRAY_INDEX, SLURM_ARRAY_TASK_ID is set'],
  [{ JOB_COMPLETIONS: '8' }, 'None of JOB_COMPLETION_INDEX'],
  [{ JOB_COMPLETION_INDEX: '0' }, 'JOB_COMPLETION_INDEX is set, but JOB_COMPLETIONS is not set.'],
  [{ JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '' }, 'JOB_COMPLETIONS is "", no number.'],
  [{ JOB_COMPLETION_INDEX: 'a', JOB_COMPLETIONS: '8' }, 'JOB_COMPLETION_INDEX is "a", no number.'],
  [{ JOB_COMPLETION_INDEX: '8', JOB_COMPLETIONS: '8' }, 'is 8, which is none of 8 in even steps'],
  [{ JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '0' }, 'is 0, which is none of 0 in even steps'],
  [{ JOB_COMPLETION_INDEX: '0', JOB_COMPLETIONS: '2000' }, 'There may be 1000 shards at most.'],
  [{ ...slurm(1, 2, 0, 1), JOB_COMPLETION_INDEX: '0' }, 'are both set: say which, such as 2/8.'],
  // 1, 2, 9, 22 and 31: nothing tells a task which of them it is.
  [slurm(2, 5, 1, 31), 'SLURM_ARRAY_TASK_ID is 2, which is none of 5 in even steps from 1.'],
  [{ SLURM_ARRAY_TASK_ID: '1', SLURM_ARRAY_TASK_COUNT: '2' }, 'SLURM_ARRAY_TASK_MIN is not set.'],
])('auto says why it cannot: %j', (environment, says) => {
  expect(() => parseShard('auto', environment)).toThrow(says);
});
