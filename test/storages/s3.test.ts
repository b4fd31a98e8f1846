import { conformance } from '../conformance.js';
import { describeWithServer } from '../servers/servers.js';
import { newBucketAt, openBucket, openWithoutBucket } from './s3-bucket.js';

describeWithServer('s3', 'S3', (url) => {
  for (const prefix of ['', 'site/']) {
    conformance(prefix === '' ? 's3' : `s3 with the prefix ${prefix}`, {
      keepsLoneSurrogates: false,
      contentTypeIsHeader: true,
      open: () => openBucket(newBucketAt(url, { prefix })),
      openMissing: () => openWithoutBucket(newBucketAt(url, { prefix })),
    });
  }
});
