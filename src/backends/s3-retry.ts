import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { pauseAfter, retries } from './retries.js';

type RetryStrategy = Extract<
  NonNullable<S3ClientConfig['retryStrategy']>,
  { refreshRetryTokenForRetry: unknown }
>;

type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

/**
 * Repeats each request by itself. The SDK's own strategy has one budget for all of them: where some
 * dozens are cut at once, most of them would not be repeated at all.
 */
export const retryStrategy: RetryStrategy = {
  acquireInitialRetryToken: async () => token(0),
  async refreshRetryTokenForRetry(last, { errorType }) {
    const failures = last.getRetryCount() + 1;
    const passes = errorType === 'TRANSIENT' || errorType === 'THROTTLING';
    // The SDK then throws the request's own error.
    if (!passes || failures > retries) throw new Error('not to be repeated');
    return token(failures);
  },
  recordSuccess() {},
};

function token(failures: number): RetryToken {
  const pause = failures === 0 ? 0 : pauseAfter(failures);
  return { getRetryCount: () => failures, getRetryDelay: () => pause };
}
