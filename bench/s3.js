// A bucket for each tool on the S3 service that DEPOT_TEST_S3 names, and the tools themselves.
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { measured } from './measured.js';

/** The service, or null where none is named. */
export function serviceOf(url) {
  if (!url) return null;
  const { protocol, host, username, password } = new URL(url);
  const [key, secret] = [username, password].map(decodeURIComponent);
  const endpoint = `${protocol}//${host}`;
  const client = new S3Client({
    ...{ endpoint, forcePathStyle: true, region: 'us-east-1' },
    credentials: { accessKeyId: key, secretAccessKey: secret },
  });
  const name = randomBytes(6).toString('hex');
  const buckets = Object.fromEntries(
    ['depot', 'rclone', 's5cmd'].map((tool) => [tool, `bench-${tool}-${name}`]),
  );
  return {
    ...{ endpoint, key, secret, buckets },
    async makeBuckets() {
      for (const Bucket of Object.values(buckets))
        await client.send(new CreateBucketCommand({ Bucket }));
    },
    async removeBuckets() {
      for (const Bucket of Object.values(buckets)) await removeBucket(client, Bucket);
    },
  };
}

async function removeBucket(client, Bucket) {
  while (true) {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    if (Contents.length === 0) break;
    const Objects = Contents.map(({ Key }) => ({ Key }));
    await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
}

/** Other tools, each with how it copies `flat/` to its bucket and back; missing ones by name. */
export function rivals(service, concurrency) {
  const { endpoint, key, secret, buckets } = service;
  const rclone = {
    name: 'rclone',
    up: `rclone copy flat bench:BUCKET --transfers ${concurrency} --checkers ${concurrency}`,
    down: `rclone copy bench:BUCKET rclone --transfers ${concurrency} --checkers ${concurrency}`,
    env: {
      ...{ RCLONE_CONFIG_BENCH_TYPE: 's3', RCLONE_CONFIG_BENCH_PROVIDER: 'Minio' },
      ...{ RCLONE_CONFIG_BENCH_ENDPOINT: endpoint, RCLONE_CONFIG_BENCH_ACCESS_KEY_ID: key },
      // It does not start where that names other authorities; none is needed here.
      ...{ RCLONE_CONFIG_BENCH_SECRET_ACCESS_KEY: secret, AWS_CA_BUNDLE: '' },
    },
  };
  const s5cmd = {
    name: 's5cmd',
    up: `s5cmd --numworkers ${concurrency} cp flat/ s3://BUCKET/`,
    down: `s5cmd --numworkers ${concurrency} cp s3://BUCKET/* s5cmd/`,
    env: {
      ...{ AWS_ACCESS_KEY_ID: key, AWS_SECRET_ACCESS_KEY: secret },
      ...{ S3_ENDPOINT_URL: endpoint, AWS_REGION: 'us-east-1' },
    },
  };
  return [rclone, s5cmd].map((tool) => {
    const { name, env } = tool;
    const found = spawnSync(name, ['version']);
    if (found.error) return { name, missing: `no ${name}, see CONTRIBUTING.md` };
    const run = (command) => (cwd) =>
      measured(
        `\`${command}\``,
        command.split(' ').map((word) => word.replace('BUCKET', buckets[name])),
        { cwd, env },
      );
    return { name, up: run(tool.up), down: run(tool.down) };
  });
}
