import { faults } from './faults.js';

const answer = (status: number, reason: string) => ({
  status,
  type: 'application/json',
  body: JSON.stringify({ error: { code: status, message: reason, errors: [{ reason }] } }),
});

faults('gcs', {
  manyParts: 20_000_000,
  trustsParts: true,
  busy: [
    answer(500, 'internalError'),
    answer(503, 'backendError'),
    answer(429, 'rateLimitExceeded'),
  ],
});
