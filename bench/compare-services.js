// Local files to other local files, against cp; to S3 and back, against rclone and s5cmd.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inDirectory } from './measure.js';
import { measured } from './measured.js';
import { compare, heading, skipped } from './results.js';
import { rivals, serviceOf } from './s3.js';
import { makeSite } from './site.js';
import { migrateWithDepot } from './sites.js';

/** As many as `depot` copies at once. */
const concurrency = 64;

const local = (number, name) => `kotti.depot.${number}.name = ${name}
kotti.depot.${number}.backend = depot.io.local.LocalFileStorage
kotti.depot.${number}.storage_path = %(here)s/${name}
`;

const s3 = ({ endpoint, key, secret, buckets }) => `kotti.depot.5.name = s3
kotti.depot.5.backend = depot.io.boto3.S3Storage
kotti.depot.5.endpoint_url = ${endpoint}
kotti.depot.5.access_key_id = ${key}
kotti.depot.5.secret_access_key = ${secret}
kotti.depot.5.bucket = ${buckets.depot}
kotti.depot.5.policy = public-read
`;

const configuration = (service) => `[app:main]
use = egg:kotti
sqlalchemy.url = sqlite:///%(here)s/Kotti.db
${local(1, 'files')}${local(2, 'other')}${local(3, 'back')}${service === null ? '' : s3(service)}`;

export async function compareServices({ quick }) {
  heading('Local files to local files, to S3 and back');
  const works = [
    { blobs: quick ? 2000 : 5000, size: 10_000 },
    { blobs: 3, size: 200_000_000 },
  ];
  for (const work of works) {
    const service = serviceOf(process.env.DEPOT_TEST_S3);
    await service?.makeBuckets();
    await inDirectory((directory) => compareWork(directory, work, service)).finally(() =>
      service?.removeBuckets(),
    );
  }
}

async function compareWork(directory, { blobs, size }, service) {
  makeSite(directory, { blobs, size });
  for (const name of ['flat', 'files', 'back', 'rclone', 's5cmd'])
    mkdirSync(path.join(directory, name));
  for (let number = 0; number < blobs; number += 1)
    writeFileSync(path.join(directory, 'flat', String(number)), randomBytes(size));
  writeFileSync(path.join(directory, 'site.ini'), configuration(service));
  const site = { directory };
  await migrateWithDepot(site, 'files');

  const title = `${blobs} blobs of ${size / 1000} kB`;
  const work = { blobs, bytes: blobs * size };
  const ours = await migrateWithDepot(site, 'other', 'files');
  const copy = 'cp -r files copied && sync -f copied';
  const copied = await measured(`\`${copy}\``, ['sh', '-c', copy], { cwd: directory });
  compare({ title: `Local to local: ${title}`, ...work }, [ours, copied]);
  if (service === null) skipped(`S3: ${title}`, 'no S3: set DEPOT_TEST_S3, see npm run servers');
  else await compareS3(site, { title, ...work, small: size < 1_000_000 }, service);
}

async function compareS3(site, { title, small, ...work }, service) {
  const { directory } = site;
  const tools = rivals(service, concurrency);
  for (const { name, missing } of tools) if (missing) skipped(`${name}: ${title}`, missing);
  const there = tools.filter(({ missing }) => !missing);
  const measureAll = async (way, to, from) => {
    const runs = [await migrateWithDepot(site, to, from)];
    for (const tool of there) runs.push(await tool[way](directory));
    return runs;
  };
  const up = small ? 'at least as fast as s5cmd' : 'at least 0.8 of the faster';
  compare(
    { title: `Local to S3: ${title}`, ...work, target: up },
    await measureAll('up', 's3', 'other'),
  );
  const down = 'at least 0.8 of the faster; neither of the others synchronizes what it writes';
  compare(
    { title: `S3 to local: ${title}`, ...work, target: down },
    await measureAll('down', 'back', 's3'),
  );
}
